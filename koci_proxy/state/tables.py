"""The tables of the state database. A change here takes a migration in `migrations/versions` beside it."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()

keys = Table(
    "keys",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("name", String(200), nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
    Column("hint", String(40), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("revoked_at", Float),
    Column("owner_name", String(200)),
    Column("expires_at", Float),
    Column("models", JSON(none_as_null=True)),
    Column("platforms", JSON(none_as_null=True)),
    Column("limits", JSON(none_as_null=True)),
    Column("old_digest", String(64)),
    Column("old_until", Float),
    Index("uq_keys_old_digest", "old_digest", unique=True),
)

conversations = Table(
    "conversations",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("owner", String(16), nullable=False, index=True),
    Column("title", String(200), nullable=False),
    Column("created_at", Float, nullable=False),
)

conversation_pictures = Table(
    "conversation_pictures",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("conversation", String(36), ForeignKey("conversations.id"), nullable=False, index=True),
    Column("prompt", Text, nullable=False),
    Column("model", String(200), nullable=False),
    Column("image_url", Text, nullable=False),
    Column("thumbnail_url", Text, nullable=False),
    Column("created_at", Float, nullable=False),
)

# One row a job. `parts` are its calls to vendors with their tickets, `story` what a listener is told, in order. Only
# the process that holds the lease writes a row under way; `repeat_key` and `repeat_of` find the job of a repeated call.
jobs = Table(
    "jobs",
    metadata,
    Column("id", String(28), primary_key=True),
    Column("number", String(15), unique=True),
    Column("owner", String(16), nullable=False),
    Column("platform", String(64), nullable=False),
    Column("links", Text, nullable=False),
    Column("task", String(12), nullable=False),
    Column("model", String(200), nullable=False),
    Column("background", Boolean, nullable=False),
    Column("wish", JSON, nullable=False),
    Column("status", String(12), nullable=False),
    Column("progress", Float),
    Column("parts", JSON, nullable=False),
    Column("story", JSON, nullable=False),
    Column("result", JSON),
    Column("fault", JSON),
    Column("attention", Text),
    Column("worker", String(32)),
    Column("lease", Float, nullable=False),
    Column("repeat_key", String(64)),
    Column("repeat_of", String(64)),
    Column("webhook", Text),
    Column("webhook_at", Float),
    Column("webhook_tries", Integer, nullable=False, default=0),
    Column("version", BigInteger, nullable=False, default=0),
    Column("created_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("expires_at", Float),
    Index("uq_jobs_owner_repeat_key", "owner", "repeat_key", unique=True),
    Index("ix_jobs_owner_repeat_of", "owner", "repeat_of"),
    Index("ix_jobs_owner_created_at", "owner", "created_at"),
    Index("ix_jobs_status_lease", "status", "lease"),
    Index("ix_jobs_expires_at", "expires_at"),
    Index("ix_jobs_webhook_at", "webhook_at"),
)

# All amounts are whole thousandths of a credit, and of each owner balance + held is the sum of its entries. An account
# without a row has never been used.
accounts = Table(
    "accounts",
    metadata,
    Column("owner", String(16), primary_key=True),
    Column("balance", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
    Column("limited", Boolean, nullable=False),
    CheckConstraint("held >= 0", name="ck_accounts_held"),
    CheckConstraint("balance >= 0 OR NOT limited", name="ck_accounts_balance"),
)

holds = Table(
    "holds",
    metadata,
    Column("job", String(28), primary_key=True),
    Column("owner", String(16), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("at", Float, nullable=False),
    CheckConstraint("amount > 0", name="ck_holds_amount"),
    Index("ix_holds_owner", "owner"),
    Index("ix_holds_at", "at"),
)

# Only added to, never changed. A job is charged once, and what an operator named is booked once: `once` is a digest of
# the key and that name.
entries = Table(
    "entries",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("owner", String(16), nullable=False),
    Column("at", Float, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("job", String(28), unique=True),
    Column("model", String(200), nullable=False),
    Column("pictures", Integer, nullable=False),
    Column("note", Text, nullable=False),
    Column("by", String(200), nullable=False),
    Column("once", String(64)),
    Index("ix_entries_owner_at", "owner", "at"),
    Index("ix_entries_at", "at"),
    Index("uq_entries_once", "once", unique=True),
)

# One row a call, read by operators: no picture, no key, and a prompt only where the house wants it.
requests = Table(
    "requests",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("id", String(28), nullable=False),
    Column("at", Float, nullable=False),
    Column("key", String(16), nullable=False),
    Column("key_name", String(200), nullable=False),
    Column("platform", String(64), nullable=False),
    Column("method", String(16), nullable=False),
    Column("path", Text, nullable=False),
    Column("model", String(200), nullable=False),
    Column("task", String(12), nullable=False),
    Column("target", String(200), nullable=False),
    Column("status", Integer, nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("asked", String(40), nullable=False),
    Column("sent", String(40), nullable=False),
    Column("got", String(80), nullable=False),
    Column("pictures", Integer, nullable=False),
    Column("attempts", JSON, nullable=False),
    Column("price", BigInteger, nullable=False),
    Column("usage", JSON, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("bytes_in", BigInteger, nullable=False),
    Column("bytes_out", BigInteger, nullable=False),
    Column("job", String(28), nullable=False),
    Column("prompt", Text),
    Index("ix_requests_at", "at"),
    Index("ix_requests_key_at", "key", "at"),
    Index("ix_requests_id", "id"),
)
