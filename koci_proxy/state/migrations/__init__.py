"""Migrations bring a database from whatever it holds to the tables of this version; Alembic keeps the count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, text

from ...faults import Fault
from ..prepared import Writing
from ..tables import metadata
from ..turns import take_turn

# The newest of `versions`. Alembic itself is only loaded where older tables are to be changed: it takes its time.
HEAD = "0005"


# Alembic's own table, as it makes it.
_count = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))


async def upgrade(connection: Writing) -> None:
    """Run what is missing, inside the transaction of this connection."""
    await take_turn(connection)
    await connection.run_sync(_upgrade)


def _upgrade(connection: Connection) -> None:
    version = _version(connection)
    if version == HEAD:
        return
    if version is None and not inspect(connection).get_table_names():
        metadata.create_all(connection)
        _count.create(connection)
        connection.execute(_count.insert().values(version_num=HEAD))
        return
    if version is not None and version > HEAD:
        words = f"it was last used by a newer koci-proxy (its tables are of version {version}, ours of {HEAD})"
        raise Fault("internal", f"the state database cannot be used: {words}")
    from alembic import command

    command.upgrade(settings(connection), "head")


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return version


def settings(connection: Connection) -> Any:
    """Alembic's settings for a connection that is open already."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
