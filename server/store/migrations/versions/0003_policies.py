"""What policies say of a plan. Nullable: the version before this one writes rows without it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("projects", sa.Column("policies", sa.JSON(), nullable=True))
