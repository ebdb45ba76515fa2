"""The commands of `koci-proxy`; each imports what it needs when it runs."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from ..callers import Callers
    from ..engine import Engine

Value = TypeVar("Value")

config = click.option(
    "--config",
    "-c",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("routes.yaml"),
    show_default=True,
    help="The house's routes.yaml; providers/, plugins/ and schemas/ beside it are laid over the shipped ones.",
)


@click.group()
@click.version_option(package_name="koci-proxy")
def main() -> None:
    """A gateway for pictures: any app's SDK in front, any vendor behind, routed by YAML."""


@main.command()
@config
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, help="Port to listen on; 0 takes a free one.")
@click.option(
    "--sandbox", metavar="URL", help="Use a sandbox vendor that runs at this URL instead of the built-in one."
)
@click.option("--json-logs", is_flag=True, help="Write the log as one JSON object a line.")
def serve(path: Path, host: str, port: int, sandbox: str | None, json_logs: bool) -> None:
    """Serve the house until Ctrl-C."""
    from ..app import run
    from ..telemetry import configure_logging

    configure_logging(frozenset(), json=json_logs)
    try:
        with _refusals():
            run(_found(path), host, port, sandbox=sandbox)
    except OSError as error:
        raise click.ClickException(f"cannot serve on {host}:{port}: {error.strerror or error}") from error
    except KeyboardInterrupt:
        sys.exit(0)


@main.command()
@config
def check(path: Path) -> None:
    """Check routes.yaml and all it names; exit code 1 when something is wrong."""
    from ..app.live import Live
    from ..telemetry import Telemetry

    path = _found(path)
    with _refusals():
        house, plugins = Live(path, Telemetry()).read()
        plugins.close()
    click.echo(f"{path}: good (models: {len(house.models)}, providers in use: {len(house.keys)})")


@main.command()
@config
@click.argument("model")
@click.option("--size", default="", help="As an app would ask: 2K, 1024x1024, 16:9, auto.")
@click.option("--ratio", default="", help="An aspect ratio such as 16:9, beside a tier in --size.")
@click.option("-n", default=1, show_default=True, help="How many pictures.")
@click.option("--quality", default=None, help="As an app would ask.")
@click.option("--images", default=0, show_default=True, help="How many reference pictures.")
@click.option("--mask", is_flag=True, help="With a mask.")
@click.option("--json", "raw", is_flag=True, help="Print JSON.")
def explain(path: Path, model: str, raw: bool, **asked: Any) -> None:
    """Show what a request for MODEL would become, without calling anyone."""
    from ..engine.explain import Question
    from ..engine.explain import explain as explained
    from ..faults import Fault
    from .show import explanation

    engine = _engine(_found(path))
    try:
        answer = asyncio.run(explained(engine, Question(model=model, **asked)))
    except Fault as fault:
        raise click.ClickException(fault.message) from fault
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False) if raw else explanation(answer))


@main.command()
@config
def models(path: Path) -> None:
    """List the models of the house: price, doors, and targets in order."""
    from ..config import load
    from .show import table

    with _refusals():
        house = load(_found(path))
    rows = [
        (
            model.name,
            json.dumps(model.price) if isinstance(model.price, dict) else str(model.price),
            " ".join(f"/{name}" for name in model.platforms) or "all",
            " → ".join(" | ".join(f"{provider}/{name}" for provider, name, _ in share.targets) for share in model.to),
        )
        for model in house.models.values()
    ]
    rows += [(alias, "", "", f"= {name}") for alias, name in house.aliases.items()]
    click.echo(table(("model", "price", "doors", "targets"), rows))


@main.group()
def keys() -> None:
    """Make, list and revoke the keys of apps."""


@keys.command("new")
@config
@click.argument("name")
def keys_new(path: Path, name: str) -> None:
    """Make a key called NAME and print it; it can't be shown again."""

    async def make(callers: Callers) -> str:
        return (await callers.make(name))[0]

    click.echo(_with_callers(path, make))


@keys.command("list")
@config
def keys_list(path: Path) -> None:
    """List all keys: never the key itself, only how it begins and ends."""
    from datetime import datetime

    from .show import table

    async def rows(callers: Callers) -> list[tuple[str, ...]]:
        return [
            (
                row.id,
                row.kind,
                row.name,
                row.hint,
                datetime.fromtimestamp(row.created_at).strftime("%Y-%m-%d %H:%M"),
                "revoked" if row.revoked_at else "",
            )
            for row in await callers.listing()
        ]

    click.echo(table(("id", "kind", "name", "key", "made", ""), _with_callers(path, rows)))


@keys.command("revoke")
@config
@click.argument("key")
def keys_revoke(path: Path, key: str) -> None:
    """Revoke a key by its id or name; it is dead within a second."""

    async def revoke(callers: Callers) -> bool:
        return await callers.revoke(key)

    if not _with_callers(path, revoke):
        raise click.ClickException(f"there is no live key {key!r}; see 'koci-proxy keys list'")
    click.echo(f"revoked {key}")


@main.group(invoke_without_command=True)
@config
@click.pass_context
def plugins(context: click.Context, path: Path) -> None:
    """List the plugins that are loaded and the hooks each uses."""
    if context.invoked_subcommand is not None:
        return
    from ..app.live import Live
    from ..telemetry import Telemetry
    from .show import table

    with _refusals():
        _, loaded = Live(_found(path), Telemetry()).read()
    rows = [(name, " ".join(hooks), str(file)) for name, file, hooks in loaded.listing()]
    click.echo(table(("plugin", "hooks", "file"), rows))


@plugins.command("test")
@config
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def plugins_test(path: Path, file: Path) -> None:
    """Run the contract tests against a plugin's FILE."""
    from ..app.live import roots
    from ..plugins import contract

    problems = contract(file, folders=roots(path))
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        sys.exit(1)
    click.echo(f"{file.name}: keeps the contract")


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=9000, show_default=True)
@click.option("--fault", help="A fault for calls to meet, such as slow=5, refuse, limit=30, cut, error=500.")
@click.option("--fault-rate", default=1.0, show_default=True, help="Which share of the calls meets it.")
@click.option("--latency", default=0.0, show_default=True, help="Seconds before every answer.")
@click.option("--key", "accepted", multiple=True, help="Accept only this key; may be given several times.")
def sandbox(
    host: str, port: int, fault: str | None, fault_rate: float, latency: float, accepted: tuple[str, ...]
) -> None:
    """Run the simulated vendor by itself, for tests of your own."""
    from .. import sandbox as vendor

    options = vendor.Options(keys=frozenset(accepted), fault=fault, fault_rate=fault_rate, latency=latency)
    try:
        vendor.serve(host, port, options)
    except KeyboardInterrupt:
        sys.exit(0)


class _refusals:
    """Config and plugin errors as a person wants to read them: one a line, exit code 1."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        from ..config import ConfigError
        from ..plugins import PluginError

        if isinstance(error, (ConfigError, PluginError)):
            for complaint in getattr(error, "complaints", ()) or (error,):
                click.echo(str(complaint), err=True)
            sys.exit(1)


def _found(path: Path) -> Path:
    """The routes.yaml to use: as given, else the shipped one where the folder has none."""
    if path.exists():
        return path
    if path != Path("routes.yaml"):
        raise click.ClickException(f"there is no {path}")
    from ..config import shipped

    click.echo("no routes.yaml here: using the one that comes with koci-proxy", err=True)
    return shipped() / "routes.yaml"


def _engine(path: Path) -> Engine:
    from ..app.live import Live, home, keyring
    from ..engine import Engine, Shell
    from ..pixels import Pixels
    from ..spool import Spools
    from ..store import Store
    from ..telemetry import Telemetry
    from ..upstream import Client, Fetcher

    with _refusals():
        house, loaded = Live(path, Telemetry()).read()
    media = home(path) / house.store.folder
    spools = Spools(media / "spool")
    shell = Shell(Client(), Fetcher(), spools, Pixels(spools.sink), Store(media), Telemetry())
    return Engine(house, loaded, keyring(house, {}), shell)


def _with_callers(path: Path, use: Any) -> Any:
    """Open the house's key table, use it, close it."""
    from ..app.live import home
    from ..app.proxy import beside
    from ..callers import Callers
    from ..config import ConfigError, load, stated
    from ..faults import Fault

    path = _found(path)
    try:
        state = load(path).state
    except ConfigError as error:
        # A key must be revocable whatever else is wrong with the house: where it is kept is all that is needed here.
        with _refusals():
            state = stated(path)
        click.echo(f"{path.name} has faults ({len(error.complaints)}); see 'koci-proxy check'", err=True)

    async def run() -> Any:
        callers = Callers(beside(home(path), state))
        await callers.open()
        try:
            return await use(callers)
        finally:
            await callers.close()

    work: Coroutine[Any, Any, Any] = run()
    try:
        return asyncio.run(work)
    except Fault as fault:
        raise click.ClickException(fault.message) from fault
