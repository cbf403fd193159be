"""Why a project was planned. Nullable: the version before this one writes rows without it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("projects", sa.Column("why", sa.JSON(), nullable=True))
