"""What an operator's move of credits was named, so that it is booked once."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    with op.batch_alter_table("entries") as entries:
        entries.add_column(sa.Column("once", sa.String(64)))
        entries.create_index("uq_entries_once", ["once"], unique=True)
