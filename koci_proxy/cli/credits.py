"""`koci-proxy credits`: what keys have, what they spent, and whether the books balance."""

from __future__ import annotations

import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .house import State, config, with_state
from .keys import account_line, author

if TYPE_CHECKING:
    from ..state.callers import Row
    from ..state.ledger import Account, Entry, Ledger

PAGE = 500
note = click.option("--note", default="", help="Why, for the statement.")


def _named(context: click.Context, option: click.Parameter, name: str | None) -> str | None:
    if name == "":  # a variable that is not set, most likely
        raise click.BadParameter("the name is empty")
    return name


once = click.option(
    "--once", metavar="NAME", callback=_named, help="Book it once under this name, however often it is asked for."
)
# A negative amount begins like an option.
NEGATIVE = {"ignore_unknown_options": True}


@click.group()
def credits() -> None:
    """Show, give and take the credits of keys; print statements; check the books."""


@credits.command("show")
@config
@click.argument("key")
def shown(path: Path, key: str) -> None:
    """Show the credits of a KEY, by its id or name."""
    _moved(path, key, lambda state, row: state.ledger.account(row.id))


@credits.command("top-up")
@config
@click.argument("key")
@click.argument("amount")
@note
@once
def top_up(path: Path, key: str, amount: str, note: str, once: str | None) -> None:
    """Give a KEY an AMOUNT of credits; from the first time on it has no more than it has."""
    _booked(path, key, lambda ledger: ledger.top_up, amount, note, once)


@credits.command("adjust", context_settings=NEGATIVE)
@config
@click.argument("key")
@click.argument("amount")
@note
@once
def adjust(path: Path, key: str, amount: str, note: str, once: str | None) -> None:
    """Correct the credits of a KEY by an AMOUNT, such as 2.5 or -2.5."""
    _booked(path, key, lambda ledger: ledger.adjust, amount, note, once)


@credits.command("unlimit")
@config
@click.argument("key")
def unlimit(path: Path, key: str) -> None:
    """Charge a KEY from now on without a look at what it has."""
    _moved(path, key, lambda state, row: state.ledger.unlimit(row.id))


def _booked(
    path: Path,
    key: str,
    move: Callable[[Ledger], Callable[..., Awaitable[Account]]],
    amount: str,
    note: str,
    once: str | None,
) -> None:
    """Enter an amount in the books of a key, once where it has a name."""

    def moved(state: State, row: Row) -> Awaitable[Account]:
        from ..app import repeats, terms

        named = repeats.key({"idempotency-key": once or ""})
        return move(state.ledger)(row.id, terms.amount(amount, "amount"), note, author(), named)

    _moved(path, key, moved)


def _moved(path: Path, key: str, move: Callable[[State, Row], Awaitable[Account]]) -> None:
    """Do something with the account of a key, and say how it is then."""

    async def moved(state: State) -> str:
        from ..app import terms

        row = await terms.find(state.callers, key)
        return f"{row.name}: {account_line(await move(state, row))}"

    click.echo(with_state(path, moved))


@credits.command("statement")
@config
@click.argument("key")
@click.option("--since", metavar="WHEN", help="From then on, such as 30d (ago) or 2027-01-31 (UTC).")
@click.option("--until", metavar="WHEN", help="Up to then, which does not count itself.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
def statement(path: Path, key: str, since: str | None, until: str | None, as_csv: bool) -> None:
    """Print every entry of a KEY, oldest first, by its id or name."""

    async def stated(state: State) -> None:
        from ..app import terms

        begin, end = (
            None if text is None else terms.moment(text, name, ago=True)
            for name, text in (("since", since), ("until", until))
        )
        owner = (await terms.find(state.callers, key)).id
        if as_csv:
            async for line in state.ledger.export(owner, begin, end):
                click.echo(line, nl=False)
            return
        await _printed(state, owner, begin, end)

    with_state(path, stated)


async def _printed(state: State, owner: str, since: float | None, until: float | None) -> None:
    from ..prices import show
    from .show import Columns

    columns = Columns(("number", "time (UTC)", "kind", "credits", "job", "model", "pictures", "note", "by"))
    count = total = after = 0
    more = True
    while more:
        some, more = await state.ledger.statement(
            owner, since=since, until=until, after=after, limit=PAGE, newest=False
        )
        for text in columns.lines([_line(entry) for entry in some]):
            click.echo(text)
        count, total = count + len(some), total + sum(entry.amount for entry in some)
        after = some[-1].number if some else after
    click.echo(f"entries: {count}, together {show(total)} credits")


def _line(entry: Entry) -> tuple[str, ...]:
    from ..prices import show
    from .show import moment

    pictures = str(entry.pictures) if entry.pictures else ""
    credits = show(entry.amount)
    words = (entry.job or "", entry.model, pictures, entry.note, entry.by)
    return (str(entry.number), moment(entry.at), entry.kind, credits, *words)


@credits.command("check")
@config
@click.option("--stale", default="1h", show_default=True, help="List what has been held for longer than this.")
def check(path: Path, stale: str) -> None:
    """Check that the books balance; exit code 1 when they do not."""

    async def checked(state: State) -> bool:
        from ..app import terms
        from .show import moment, table

        before = time.time() - terms.span(stale, "stale")
        wrong = await state.ledger.totals()
        found = terms.shown_check(await state.ledger.accounts(), wrong, await state.ledger.stale(before))
        click.echo(", ".join(f"{name.replace('_', ' ')} {found[name]}" for name in terms.TOTALS))
        if found["wrong"]:
            heads = ("key", "balance", "held", "entries", "holds")
            click.echo(table(heads, [tuple(str(one[head]) for head in heads) for one in found["wrong"]]))
        if found["stale"]:
            click.echo(f"held for longer than {stale}:")
            rows = [(one["job"], one["key"], one["credits"], moment(one["at"])) for one in found["stale"]]
            click.echo(table(("job", "key", "credits", "since (UTC)"), rows))
        return bool(found["balanced"])

    balanced = with_state(path, checked)
    click.echo("the books balance" if balanced else "the books do not balance")
    if not balanced:
        sys.exit(1)
