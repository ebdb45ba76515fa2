"""The house that a command works on: its routes.yaml found, its state opened, what is wrong with it said in a line."""

from __future__ import annotations

import asyncio
import os
import re
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

# A line that says where the state is, whole and by itself, and the words of one that may be meant to.
_STATE = re.compile(r"""state[ \t]*:[ \t]+(?:"([^"\\]*)"|'([^']*)'|([^\s"'#&*!|>%@`,\[\]{}][^\s]*))""")
_LIKE = re.compile(r"\bstate\b|sqlite:|postgres", re.IGNORECASE)

config = click.option(
    "--config",
    "-c",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("routes.yaml"),
    show_default=True,
    help="The house's routes.yaml; providers/, plugins/ and schemas/ beside it are laid over the shipped ones.",
)


class Unsure(click.ClickException):
    """Where the state of a house is cannot be told from its routes.yaml."""


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


def found(path: Path, *, own: bool = False) -> Path:
    """The routes.yaml to use: as given, else the shipped one where the folder has none.

    A command on what a house keeps, or on its files, wants its `own`: else it would tell of another, or change it.
    """
    if path.exists():
        return path
    if path != Path("routes.yaml"):
        raise click.ClickException(f"there is no {path}")
    if own:
        raise click.ClickException("no routes.yaml here; name one with -c")
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


def with_state(path: Path, use: Callable[[State], Awaitable[End]], *, by_text: bool = False) -> End:
    """Open the house's state, use it, close it; a `Fault` is said in one line, exit code 1.

    `by_text` finds it also where routes.yaml is no YAML, or raises `Unsure`.
    """
    from ..app.proxy import open_state
    from ..config import ConfigError, load, shipped
    from ..faults import Fault

    # Installed, the shipped house is at home in any folder it is started in; that of a checkout is in the checkout.
    path = found(path, own=shipped().name != "_shipped")
    house: House | Stated
    try:
        house = load(path)
    except ConfigError as error:
        house = _stated(path, by_text)
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


def _stated(path: Path, by_text: bool) -> Stated:
    """A key must be revocable whatever else is wrong with the house: its names and where it is kept are enough."""
    from ..config import ConfigError, stated
    from ..config.load import Stated

    with refusals():
        try:
            known = stated(path)
        except ConfigError:
            if not by_text:
                raise
            return Stated(_state(path), {}, {}, {})
    if by_text and len(re.findall(r"^state[ \t]*:", path.read_text(encoding="utf-8-sig"), re.MULTILINE)) > 1:
        raise Unsure(f"{path.name} says twice where the keys are")
    return known


def _state(path: Path) -> str:
    """Where the state of a house is, by the lines of a file that is no YAML, and said, for it may have been another.

    `Unsure` with why where that is not certain: to change another database than the house's would help nobody.
    """
    from ..app.live import home
    from ..app.proxy import beside
    from ..facts import House
    from ..state.database import masked

    state = _written(path)
    if state is None:
        state = str(House.__dataclass_fields__["state"].default)
    url = beside(home(path), state)
    kind, _, file = url.partition(":///")
    if kind == "sqlite" and not Path(file.partition("?")[0]).is_file():
        raise Unsure(f"{path.name} is not readable as YAML, and there is no database {file}")
    click.echo(f"{path.name} is not readable as YAML; by its text the keys are in {masked(url)}", err=True)
    return state


def _written(path: Path) -> str | None:
    """The `state` in the text of a file, its variables put in; None where nothing in it looks like one."""
    from ..config.interpolate import fill

    try:
        lines = path.read_bytes().decode("utf-8-sig", "replace").splitlines()
    except OSError as error:
        raise Unsure(f"{path.name} cannot be read: {error.strerror}") from error
    bare = [re.split(r"(?:^|\s)#", line)[0].rstrip() for line in lines]
    bare = [line for line in bare if line]
    meant = [at for at, line in enumerate(bare) if _LIKE.search(line)]
    if not meant and any(line.startswith("models:") for line in bare):  # else it is not the whole file
        return None
    match = _STATE.fullmatch(bare[meant[0]]) if len(meant) == 1 else None
    if match is None or any(line[0].isspace() for line in bare[meant[0] + 1 : meant[0] + 2]):  # which goes on with it
        raise Unsure(f"{path.name} is not readable as YAML, and its text leaves open where the keys are")
    filled = fill({"state": next(filter(None, match.groups()), "")}, os.environ, path.parent)
    for why in filled.failed.values():
        raise Unsure(f"{path.name}: state: {why}")
    return str(filled.value["state"])
