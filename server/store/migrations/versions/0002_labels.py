"""A pull's labels. Nullable: the version before this one writes rows without them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("pulls", sa.Column("labels", sa.JSON(), nullable=True))
