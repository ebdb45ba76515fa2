"""`koci-proxy keys`: the keys of apps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .house import State, Unsure, config, with_state

if TYPE_CHECKING:
    from ..state.callers import Row

# The limits of a key that are whole numbers, by their options.
COUNTS = ("per_minute", "pictures_per_minute", "at_once")


@click.group()
def keys() -> None:
    """Make, list, change, replace and revoke the keys of apps."""


def binding(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say what a key may do."""
    options = [
        click.option("--owner", help="Whom the key belongs to, in words."),
        click.option("--expires", metavar="WHEN", help="Such as 30d (from now on), 2027-01-31 (UTC), or never."),
        click.option("--models", metavar="A,B", help="The only models it may ask for; any: all of them."),
        click.option("--platforms", metavar="A,B", help="The only platforms it may ask on; any: all of them."),
        click.option("--per-minute", metavar="N", help="Requests for pictures or films a minute, or none."),
        click.option("--pictures-per-minute", metavar="N", help="Pictures and films a minute, or none."),
        click.option("--at-once", metavar="N", help="Requests under way at once, or none."),
        click.option("--credits-per-day", metavar="N", help="Credits a day (UTC) such as 500 or 0.5, or none."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _given(options: Mapping[str, str | None]) -> dict[str, Any]:
    """The options as `terms.rights` takes them; None takes away what binds a key."""
    given: dict[str, Any] = {}
    if options["owner"] is not None:
        given["owner"] = options["owner"]
    if options["expires"] is not None:
        given["expires_at"] = None if options["expires"] == "never" else options["expires"]
    for name in ("models", "platforms"):
        text = options[name]
        if text is not None:
            given[name] = None if text == "any" else [word.strip() for word in text.split(",") if word.strip()]
    limits: dict[str, Any] = {name: _count(name, options[name]) for name in COUNTS if options[name] is not None}
    day = options["credits_per_day"]
    if day is not None:
        limits["credits_per_day"] = None if day == "none" else day
    return given | ({"limits": limits} if limits else {})


def _count(name: str, text: str | None) -> int | None:
    if text is None or text == "none":
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise click.BadParameter(f"--{name.replace('_', '-')} is a whole number from 1 on, or none")
    return int(text)


@keys.command("new")
@config
@click.argument("name")
@binding
@click.option("--credits", "first", metavar="N", help="Credits to begin with; from then on it has no more than it has.")
def new(path: Path, name: str, first: str | None, **options: str | None) -> None:
    """Make a key called NAME and print it; it can't be shown again."""
    given = _given(options)

    async def make(state: State) -> str:
        from ..app import terms

        credits = None if first is None else terms.amount(first, "credits")
        bound = terms.rights(given, state.names)
        return (await terms.new_key(state.callers, state.ledger, name, bound, credits, author()))[0]

    click.echo(with_state(path, make))


def author() -> str:
    """Who enters something into the books: the user at the command line."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as nobody that the system knows
        return "command line"


@keys.command("list")
@config
def listed(path: Path) -> None:
    """List all keys: never the key itself, only how it begins and ends."""
    from .show import table

    async def rows(state: State) -> list[tuple[str, ...]]:
        from ..app import terms
        from ..prices import show
        from .show import day

        accounts = await state.ledger.accounts()
        found: list[tuple[str, ...]] = []
        for row in await state.callers.listing():
            account = accounts.get(row.id)
            left = show(account.balance) if account is not None and account.limited else ""
            expires = "" if row.expires_at is None else day(row.expires_at)
            cells = (row.id, row.kind, row.name, row.owner, row.hint, day(row.created_at), expires)
            found.append((*cells, terms.standing(row), left))
        return found

    heads = ("id", "kind", "name", "owner", "key", "made", "expires", "state", "credits left")
    click.echo(table(heads, with_state(path, rows)))


@keys.command("show")
@config
@click.argument("key")
def shown(path: Path, key: str) -> None:
    """Show all that is known of a KEY, by its id or name."""
    from .show import pairs

    async def look(state: State) -> list[tuple[str, str]]:
        from ..app import terms

        row = await terms.find(state.callers, key)
        account = await state.ledger.account(row.id)
        return [*_facts(row), ("credits", account_line(account))]

    click.echo(pairs(with_state(path, look)))


def _facts(row: Row) -> list[tuple[str, str]]:
    from ..app import terms
    from .show import moment

    limits = [f"{name} {value}" for name, value in terms.shown_limits(row.limits).items()]
    state = terms.standing(row)
    until = f", the key before it is good until {moment(row.old_until)} UTC" if row.old_until else ""
    return [
        ("id", row.id),
        ("kind", row.kind),
        ("name", row.name),
        ("key", row.hint),
        ("owner", row.owner),
        ("state", state + (until if state == "rotated" else "")),
        ("made", f"{moment(row.created_at)} UTC"),
        ("expires", f"{moment(row.expires_at)} UTC" if row.expires_at else "never"),
        ("models", "any" if row.models is None else ", ".join(row.models)),
        ("platforms", "any" if row.platforms is None else ", ".join(row.platforms)),
        ("limits", ", ".join(limits) or "none of its own"),
    ]


def account_line(account: Any) -> str:
    """What a key has, in one line."""
    from ..app import terms

    shown = terms.shown_account(account)
    left = f"{shown['balance']} left" if account.limited else f"not limited, balance {shown['balance']}"
    return f"{left}, {shown['held']} held for calls under way, {shown['spent_today']} spent today (UTC)"


@keys.command("change")
@config
@click.argument("key")
@binding
def change(path: Path, key: str, **options: str | None) -> None:
    """Change what a KEY may do, by its id or name; it takes hold within a second."""
    given = _given(options)
    if not given:
        raise click.UsageError("say what to change, such as --per-minute 60")

    async def changed(state: State) -> list[tuple[str, str]]:
        from ..app import terms

        row = await state.callers.change(key, terms.rights(given, state.names))
        return [*_facts(row), ("credits", account_line(await state.ledger.account(row.id)))]

    from .show import pairs

    click.echo(pairs(with_state(path, changed)))


@keys.command("rotate")
@config
@click.argument("key")
@click.option("--overlap", default="1h", show_default=True, help="How long the old key is good beside the new one.")
@click.option("--force", is_flag=True, help="End an overlap that is running: the key before the old one dies at once.")
def rotate(path: Path, key: str, overlap: str, force: bool) -> None:
    """Make a new key for the caller of a KEY, by its id or name, and print it; it can't be shown again."""

    async def rotated(state: State) -> tuple[str, Row | None, Row]:
        from ..app import terms

        seconds = terms.span(overlap, "overlap")
        before = await state.callers.one(key)
        plain, caller = await state.callers.rotate(key, seconds, force=force)
        return plain, before, await terms.find(state.callers, caller.id)

    from ..app import terms
    from .show import moment

    plain, before, after = with_state(path, rotated)
    click.echo(plain)
    if before is not None and terms.standing(before) == "rotated":
        until = moment(before.old_until or 0)
        click.echo(f"the key before it, which was to be good until {until} UTC, dies within a second", err=True)
    click.echo(f"the old key is good until {moment(after.old_until or 0)} UTC", err=True)


@keys.command("revoke")
@config
@click.argument("key")
def revoke(path: Path, key: str) -> None:
    """Revoke a key by its id or name; it is dead within a second."""

    async def revoked(state: State) -> bool:
        return await state.callers.revoke(key)

    try:
        done = with_state(path, revoked, by_text=True)
    except Unsure as unsure:
        what = f"NOT revoked: {unsure.message}; DELETE /admin/keys/{key} on the running proxy does it"
        raise click.ClickException(what) from unsure
    if not done:
        raise click.ClickException(f"there is no live key {key!r}; see 'koci-proxy keys list'")
    click.echo(f"revoked {key}")
