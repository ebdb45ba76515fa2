"""`koci-proxy log`: the calls of apps, as they were and as they come."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .house import State, config, with_state

if TYPE_CHECKING:
    from ..state.requests import Asked, Entry, RequestLog

Found = TypeVar("Found")

EVERY = 1.0
# Of several processes one may write a row after another has written the next one: each row is looked for this often.
LOOKS = 10
PAGE = 1000

HEADS = (
    *("time (UTC)", "key", "model", "target", "status", "size", "pictures", "credits", "seconds", "request"),
    "attempts",
)


@click.command()
@config
@click.option("--key", help="Only those of this key, by its id or name.")
@click.option("--model", help="Only those of this model.")
@click.option("--failed", is_flag=True, help="Only those that failed.")
@click.option("--status", type=click.IntRange(100, 599), help="Only those that got this HTTP status.")
@click.option("--since", metavar="WHEN", help="Only those from then on, such as 1h (ago) or 2027-01-31 (UTC).")
@click.option("-n", "most", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many, newest.")
@click.option("--follow", "-f", is_flag=True, help="Go on with those to come, until Ctrl-C.")
@click.option("--json", "raw", is_flag=True, help="Print one JSON object a line.")
@click.option("--totals", is_flag=True, help="Print calls, pictures and credits by key and model instead.")
def log(path: Path, most: int, follow: bool, raw: bool, totals: bool, since: str | None, **asked: Any) -> None:
    """Show the newest calls, oldest of them first."""
    if follow and totals:
        raise click.UsageError("--totals are of what was; they cannot --follow")

    async def look(state: State) -> None:
        from ..app import terms
        from ..state.requests import Asked

        begin = None if since is None else terms.moment(since, "since", ago=True)
        wanted = Asked(since=begin, **asked)
        if totals:
            _totals(await _some(state, wanted, await state.log.totals(wanted)), raw)
            return
        say = _say(raw)
        start = await newest(state.log)
        rows = await _some(state, wanted, await state.log.newest(wanted, most))
        say(rows)
        if follow:
            seen = {number for number, _ in rows}
            async for more in following(state.log, wanted, start, seen, lambda: asyncio.sleep(EVERY)):
                say(more)

    try:
        with_state(path, look)
    except KeyboardInterrupt:
        sys.exit(0)


async def _some(state: State, wanted: Asked, found: list[Found]) -> list[Found]:
    """What was found; where that is nothing, a key or a model that nobody knows is told of."""
    from ..app import terms

    if not found:
        await terms.known(wanted, state.callers, state.log, state.names)
    return found


def _totals(totals: list[tuple[str, str, int, int, int]], raw: bool) -> None:
    from ..app import terms
    from .show import table

    shown = [terms.shown_total(total) for total in totals]
    if raw:
        for one in shown:
            click.echo(json.dumps(one, ensure_ascii=False))
        return
    click.echo(
        table(("key", "model", "calls", "pictures", "credits"), [tuple(map(str, one.values())) for one in shown])
    )


def _say(raw: bool) -> Callable[[list[tuple[int, Entry]]], None]:
    """Prints rows, in columns that stay in line from one time to the next."""
    from ..app import terms
    from .show import Columns

    columns = Columns(HEADS, shutil.get_terminal_size().columns if sys.stdout.isatty() else None)

    def say(rows: list[tuple[int, Entry]]) -> None:
        lines = (
            (json.dumps(terms.shown_call(number, entry), ensure_ascii=False) for number, entry in rows)
            if raw
            else columns.lines([cells(entry) for _, entry in rows])
        )
        for line in lines:
            click.echo(line)

    return say


async def newest(log: RequestLog) -> int:
    """The number of the newest row of all."""
    from ..state.requests import Asked

    rows = await log.newest(Asked(), 1)
    return rows[0][0] if rows else 0


async def following(
    log: RequestLog, asked: Asked, start: int, seen: set[int], pause: Callable[[], Awaitable[None]]
) -> AsyncIterator[list[tuple[int, Entry]]]:
    """The rows that are written from now on, for ever, each once.

    `start` is the number of the newest row when the asking began, `seen` are the numbers of those that were shown then.
    """
    ends = deque([min(seen | {start})], maxlen=LOOKS)
    while True:
        end, at = await newest(log), ends[0]
        found: list[tuple[int, Entry]] = []
        more = True
        while more:
            some = await log.after(at, asked, PAGE)
            found += [row for row in some if row[0] not in seen]
            at, more = (some[-1][0] if some else at), len(some) == PAGE
        seen.update(number for number, _ in found)
        ends.append(end)
        seen -= {number for number in seen if number <= ends[0]}
        if found:
            yield found
        await pause()


def cells(entry: Entry) -> tuple[str, ...]:
    """One call in columns; one that asked for no picture has its path in place of a model."""
    from ..prices import show
    from .show import moment

    size = " → ".join(word for word in (entry.asked, entry.got) if word)
    return (
        moment(entry.at),
        entry.key_name or "–",
        entry.model or f"{entry.method} {entry.path}",
        entry.target,
        str(entry.status) + ("" if entry.outcome == "ok" else f" {entry.outcome}"),
        size,
        str(entry.pictures) if entry.pictures else "",
        show(entry.price) if entry.price else "",
        f"{entry.seconds:.2f}",
        entry.id,
        f"joined {entry.job}" if entry.job else _attempts(entry),
    )


def _attempts(entry: Entry) -> str:
    """The calls to vendors where there was more than one, or the one that failed."""
    if len(entry.attempts) == 1 and entry.attempts[0][1] == "ok":
        return ""
    return " → ".join(f"{target} {outcome} {seconds:.2f}s" for target, outcome, seconds in entry.attempts)
