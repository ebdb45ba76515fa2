"""Jobs, with their tickets, their story and their results."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(28), primary_key=True),
        sa.Column("number", sa.String(15), unique=True),
        sa.Column("owner", sa.String(16), nullable=False),
        sa.Column("platform", sa.String(64), nullable=False),
        sa.Column("links", sa.Text, nullable=False),
        sa.Column("task", sa.String(12), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("background", sa.Boolean, nullable=False),
        sa.Column("wish", sa.JSON, nullable=False),
        sa.Column("status", sa.String(12), nullable=False),
        sa.Column("progress", sa.Float),
        sa.Column("parts", sa.JSON, nullable=False),
        sa.Column("story", sa.JSON, nullable=False),
        sa.Column("result", sa.JSON),
        sa.Column("fault", sa.JSON),
        sa.Column("attention", sa.Text),
        sa.Column("worker", sa.String(32)),
        sa.Column("lease", sa.Float, nullable=False),
        sa.Column("repeat_key", sa.String(64)),
        sa.Column("repeat_of", sa.String(64)),
        sa.Column("webhook", sa.Text),
        sa.Column("webhook_at", sa.Float),
        sa.Column("webhook_tries", sa.Integer, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("ended_at", sa.Float),
        sa.Column("expires_at", sa.Float),
    )
    op.create_index("uq_jobs_owner_repeat_key", "jobs", ["owner", "repeat_key"], unique=True)
    op.create_index("ix_jobs_owner_repeat_of", "jobs", ["owner", "repeat_of"])
    op.create_index("ix_jobs_owner_created_at", "jobs", ["owner", "created_at"])
    op.create_index("ix_jobs_status_lease", "jobs", ["status", "lease"])
    op.create_index("ix_jobs_expires_at", "jobs", ["expires_at"])
    op.create_index("ix_jobs_webhook_at", "jobs", ["webhook_at"])
