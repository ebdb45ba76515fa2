"""The house that a command works on: its routes.yaml found, its state opened, what is wrong with it said in a line."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from ..app.terms import Names
    from ..config.load import Stated
    from ..facts import House
    from ..state import Callers, Database, Ledger
    from ..state.requests import RequestLog

End = TypeVar("End")

config = click.option(
    "--config",
    "-c",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("routes.yaml"),
    show_default=True,
    help="The house's routes.yaml; providers/, plugins/ and schemas/ beside it are laid over the shipped ones.",
)


class refusals:
    """What keeps a house from being opened, as a person wants to read it: one a line, exit code 1."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        from ..config import ConfigError
        from ..faults import Fault
        from ..plugins import PluginError

        if isinstance(error, (ConfigError, PluginError, Fault)):
            for complaint in getattr(error, "complaints", ()) or (error,):
                click.echo(str(complaint), err=True)
            raise SystemExit(1)


def found(path: Path) -> Path:
    """The routes.yaml to use: as given, else the shipped one where the folder has none."""
    if path.exists():
        return path
    if path != Path("routes.yaml"):
        raise click.ClickException(f"there is no {path}")
    from ..config import shipped

    click.echo("no routes.yaml here: using the one that comes with koci-proxy", err=True)
    return shipped() / "routes.yaml"


@dataclass(frozen=True, slots=True)
class State:
    """The state of a house while it is open, and the names that its keys may be bound to."""

    database: Database
    names: Names

    @property
    def callers(self) -> Callers:
        from ..state import Callers

        return Callers(self.database)

    @property
    def ledger(self) -> Ledger:
        from ..state import Ledger

        return Ledger(self.database)

    @property
    def log(self) -> RequestLog:
        from ..state.requests import RequestLog

        return RequestLog(self.database)


def with_state(path: Path, use: Callable[[State], Awaitable[End]]) -> End:
    """Open the house's state, use it, close it; a `Fault` is said in one line, exit code 1."""
    from ..app.proxy import open_state
    from ..config import ConfigError, load, stated
    from ..faults import Fault

    path = found(path)
    house: House | Stated
    try:
        house = load(path)
    except ConfigError as error:
        # A key must be revocable whatever else is wrong with the house: its names and where it is kept are enough.
        with refusals():
            house = stated(path)
        click.echo(f"{path.name} has faults ({len(error.complaints)}); see 'koci-proxy check'", err=True)

    async def run() -> End:
        database = await open_state(path, house.state)
        if database.made:
            click.echo(f"database made: {database.made}", err=True)
        try:
            return await use(State(database, house))
        finally:
            await database.close()

    try:
        return asyncio.run(run())
    except Fault as fault:
        raise click.ClickException(fault.message) from fault
