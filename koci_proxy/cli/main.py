"""The commands of `koci-proxy`; each imports what it needs when it runs."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .credits import credits
from .house import State, config, found, refusals, with_state
from .keys import keys
from .log import log

if TYPE_CHECKING:
    from ..engine import Engine

PORT = click.IntRange(0, 65_535)


@click.group()
@click.version_option(package_name="koci-proxy")
def main() -> None:
    """A gateway for pictures: any app's SDK in front, any vendor behind, routed by YAML."""


for _command in (keys, credits, log):
    main.add_command(_command)


@main.command()
@config
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=PORT, default=8080, show_default=True, help="Port to listen on; 0 takes a free one.")
@click.option(
    "--sandbox", metavar="URL", help="Use a sandbox vendor that runs at this URL instead of the built-in one."
)
@click.option("--json-logs", is_flag=True, help="Write the log as one JSON object a line.")
def serve(path: Path, host: str, port: int, sandbox: str | None, json_logs: bool) -> None:
    """Serve the house until Ctrl-C."""
    from ..app.run import run
    from ..telemetry import configure_logging

    configure_logging(frozenset(), json=json_logs)
    try:
        with refusals():
            run(found(path), host, port, sandbox=sandbox)
    except KeyboardInterrupt:
        sys.exit(0)


@main.command()
@config
def check(path: Path) -> None:
    """Check routes.yaml and all it names; exit code 1 when something is wrong."""
    from ..app.live import Live
    from ..config import remarks
    from ..telemetry import Telemetry

    path = found(path, own=True)
    with refusals():
        house, plugins = Live(path, Telemetry()).read()
        plugins.close()
    for remark in remarks(path, house):
        click.echo(f"{remark} (no mistake, only a remark)", err=True)
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
@click.option("--seconds", type=float, default=None, help="How long a film.")
@click.option("--json", "raw", is_flag=True, help="Print JSON.")
def explain(path: Path, model: str, raw: bool, **asked: Any) -> None:
    """Show what a request for MODEL would become, without calling anyone."""
    from ..engine.explain import Question
    from ..engine.explain import explain as explained
    from ..faults import Fault
    from .show import explanation

    engine = _engine(found(path))
    try:
        question = Question.read({"model": model} | {name: value for name, value in asked.items() if value is not None})
        answer = asyncio.run(explained(engine, question))
    except Fault as fault:
        raise click.ClickException(fault.message) from fault
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False) if raw else explanation(answer))


@main.command()
@config
def models(path: Path) -> None:
    """List the models of the house: price, doors, and targets in order."""
    from ..config import load
    from .show import table

    with refusals():
        house = load(found(path))
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


@main.command()
@config
@click.option("--attention", is_flag=True, help="Only those that an operator should look at.")
@click.option("--seen", metavar="ID", help="Take the mark off this job: somebody has looked at it.")
def jobs(path: Path, attention: bool, seen: str | None) -> None:
    """List the newest jobs, of all keys."""
    from ..state import JobBook
    from .show import job_rows, table

    async def use(state: State) -> list[tuple[str, ...]] | bool:
        book = JobBook(state.database, "cli")
        if seen is not None:
            return await book.seen(seen)
        names = {row.id: row.name for row in await state.callers.listing()}
        return job_rows(await book.newest(100, attention=attention), names)

    found = with_state(path, use)
    if found is False:
        raise click.ClickException(f"no job {seen} is marked")
    if not isinstance(found, bool):
        click.echo(table(("id", "status", "model", "key", "made (UTC)", "attention"), found))


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

    with refusals():
        _, loaded = Live(found(path), Telemetry()).read()
    rows = [(name, " ".join(hooks), str(file)) for name, file, hooks in loaded.listing()]
    click.echo(table(("plugin", "hooks", "file"), rows))


@plugins.command("test")
@config
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def plugins_test(path: Path, file: Path) -> None:
    """Run the contract tests against a plugin's FILE, with the options that the house gives it."""
    from ..app.live import roots
    from ..plugins import contract

    problems = [
        line for options in _options(path, file.stem) for line in contract(file, options, roots(path), click.echo)
    ]
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        sys.exit(1)
    click.echo(f"{file.name}: keeps the contract")


def _options(path: Path, plugin: str) -> list[Mapping[str, Any]]:
    """What a house gives a plugin, once for each time that it names it; nothing where it does not, or has faults."""
    from ..config import ConfigError, load

    if not path.exists():
        return [{}]
    try:
        wanted = load(path).plugins
    except ConfigError as error:
        faults = f"{path.name} has faults ({len(error.complaints)}; see 'koci-proxy check')"
        click.echo(f"{faults}: tried without the options in it", err=True)
        return [{}]
    return [options for name, options in wanted if name == plugin] or [{}]


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=PORT, default=9000, show_default=True)
@click.option("--fault", help="A fault for calls to meet, such as slow=5, refuse, limit=30, cut, error=500.")
@click.option("--fault-rate", default=1.0, show_default=True, help="Which share of the calls meets it.")
@click.option("--latency", default=0.0, show_default=True, help="Seconds before every answer.")
@click.option("--task-seconds", default=0.5, show_default=True, help="Seconds that a task for a picture takes.")
@click.option("--film-seconds", default=2.0, show_default=True, help="Seconds that the making of a film takes.")
@click.option("--key", "accepted", multiple=True, help="Accept only this key; may be given several times.")
def sandbox(host: str, port: int, accepted: tuple[str, ...], **options: Any) -> None:
    """Run the simulated vendor by itself, for tests of your own."""
    from .. import sandbox as vendor

    try:
        vendor.serve(host, port, vendor.Options(keys=frozenset(accepted), **options))
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"cannot serve on {host}:{port}: {_reason(error)}") from error
    except KeyboardInterrupt:
        sys.exit(0)


def _reason(error: OSError) -> str:
    """Without what asyncio says around it."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)


def _engine(path: Path) -> Engine:
    from ..app.live import Live, home, keyring
    from ..engine import Engine, Shell
    from ..pixels import Pixels
    from ..spool import Spools
    from ..store import Store
    from ..telemetry import Telemetry
    from ..upstream import Client, Fetcher

    with refusals():
        house, loaded = Live(path, Telemetry()).read()
    media = home(path) / house.store.folder
    spools = Spools(media / "spool")
    shell = Shell(Client(), Fetcher(), spools, Pixels(spools.sink), Store(media), Telemetry())
    return Engine(house, loaded, keyring(house, {}), shell)
