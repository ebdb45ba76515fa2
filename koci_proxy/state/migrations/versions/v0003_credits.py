"""What a key may do and for how long, and its credits: accounts, what is held of them, and every entry of the books."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    with op.batch_alter_table("keys") as keys:
        keys.add_column(sa.Column("owner_name", sa.String(200)))
        keys.add_column(sa.Column("expires_at", sa.Float))
        keys.add_column(sa.Column("models", sa.JSON))
        keys.add_column(sa.Column("platforms", sa.JSON))
        keys.add_column(sa.Column("limits", sa.JSON))
        keys.add_column(sa.Column("old_digest", sa.String(64)))
        keys.add_column(sa.Column("old_until", sa.Float))
        keys.create_index("uq_keys_old_digest", ["old_digest"], unique=True)
    _accounts()
    _entries()


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("owner", sa.String(16), primary_key=True),
        sa.Column("balance", sa.BigInteger, nullable=False),
        sa.Column("held", sa.BigInteger, nullable=False),
        sa.Column("limited", sa.Boolean, nullable=False),
        sa.CheckConstraint("held >= 0", name="ck_accounts_held"),
        sa.CheckConstraint("balance >= 0 OR NOT limited", name="ck_accounts_balance"),
    )
    op.create_table(
        "holds",
        sa.Column("job", sa.String(28), primary_key=True),
        sa.Column("owner", sa.String(16), nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.CheckConstraint("amount > 0", name="ck_holds_amount"),
    )
    op.create_index("ix_holds_owner", "holds", ["owner"])
    op.create_index("ix_holds_at", "holds", ["at"])


def _entries() -> None:
    op.create_table(
        "entries",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("owner", sa.String(16), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("job", sa.String(28), unique=True),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("pictures", sa.Integer, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
    )
    op.create_index("ix_entries_owner_at", "entries", ["owner", "at"])
    op.create_index("ix_entries_at", "entries", ["at"])
