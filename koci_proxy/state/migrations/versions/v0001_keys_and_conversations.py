"""App keys and conversations. Files of before there were migrations have these tables already."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    tables = sa.MetaData()
    sa.Table(
        "keys",
        tables,
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("hint", sa.String(40), nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("revoked_at", sa.Float),
    )
    sa.Table(
        "conversations",
        tables,
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("owner", sa.String(16), nullable=False, index=True),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
    )
    sa.Table(
        "conversation_pictures",
        tables,
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("conversation", sa.String(36), sa.ForeignKey("conversations.id"), nullable=False, index=True),
        sa.Column("prompt", sa.Text, nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("image_url", sa.Text, nullable=False),
        sa.Column("thumbnail_url", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
    )
    tables.create_all(op.get_bind(), checkfirst=True)
