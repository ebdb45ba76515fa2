"""The request log: one row a call."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "requests",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("id", sa.String(28), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("key", sa.String(16), nullable=False),
        sa.Column("key_name", sa.String(200), nullable=False),
        sa.Column("platform", sa.String(64), nullable=False),
        sa.Column("method", sa.String(16), nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("task", sa.String(12), nullable=False),
        sa.Column("target", sa.String(200), nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("asked", sa.String(40), nullable=False),
        sa.Column("sent", sa.String(40), nullable=False),
        sa.Column("got", sa.String(80), nullable=False),
        sa.Column("pictures", sa.Integer, nullable=False),
        sa.Column("attempts", sa.JSON, nullable=False),
        sa.Column("price", sa.BigInteger, nullable=False),
        sa.Column("usage", sa.JSON, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("bytes_in", sa.BigInteger, nullable=False),
        sa.Column("bytes_out", sa.BigInteger, nullable=False),
        sa.Column("job", sa.String(28), nullable=False),
        sa.Column("prompt", sa.Text),
    )
    op.create_index("ix_requests_at", "requests", ["at"])
    op.create_index("ix_requests_key_at", "requests", ["key", "at"])
    op.create_index("ix_requests_id", "requests", ["id"])
