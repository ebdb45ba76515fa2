"""Turns: what only one of all the processes on a database may do at a time."""

from __future__ import annotations

from sqlalchemy import text

from .prepared import Writing

# Any number that no other program locks by.
LOCK = 0x6B6F6369


async def take_turn(connection: Writing) -> None:
    """Wait until no other process has its turn; ours ends with this transaction. SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
