"""Keys, credits and calls as operators write and read them, on the command line and over HTTP alike.

Amounts are read and shown as exact decimals of a credit, times as Unix seconds.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal, Protocol

from ..config.complain import nearest
from ..config.units import seconds
from ..faults import Fault
from ..prices import show
from ..state.callers import LIMITS, Callers, Row
from ..state.ledger import MOST, Account, Hold, Imbalance, Ledger
from ..state.ledger import Entry as Line
from ..state.requests import Asked, Entry, RequestLog
from ..types import Caller

_AMOUNT = re.compile(r"([+-]?)([0-9]{1,13})(?:\.([0-9]{1,3})0*)?")
_SPAN = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m|h|d|w)")
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_UNIX = re.compile(r"[0-9]{9,11}(\.[0-9]{1,9})?")

# --- as they are written ----------------------------------------------------------------------------------------------


def amount(written: Any, field: str) -> int:
    """4, "0.5" or "-2" -> 4000, 500, -2000 thousandths of a credit. `Fault` bad_request for what is no such number."""
    match = _AMOUNT.fullmatch(_text(written))
    if match is None:
        what = f"{field} is a number of credits such as 4 or 0.5, with at most three decimals"
        raise Fault("bad_request", what, field=field)
    value = int(match[2]) * 1000 + int((match[3] or "").ljust(3, "0"))
    if value > MOST:
        raise Fault("bad_request", f"{field}: {show(MOST)} credits are the most", field=field)
    return -value if match[1] == "-" else value


def moment(written: Any, field: str, *, ago: bool = False) -> float:
    """Unix seconds of "30d" (from now on, or `ago`), "2027-01-31" (where that day begins), "2027-01-31T14:00:00+01:00",
    or of Unix seconds. What names no zone is UTC. `Fault` bad_request for what is no time.
    """
    text = _text(written)
    if _SPAN.fullmatch(text):
        return time.time() + (-seconds(text) if ago else seconds(text))
    if _UNIX.fullmatch(text):
        return float(text)
    try:
        at = datetime.fromisoformat(text if "-" in text else "")
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except ValueError as error:
        what = f"{field} is a time such as 30d, 2027-01-31 or 2027-01-31T14:00:00Z"
        raise Fault("bad_request", what, field=field) from error


def span(written: Any, field: str) -> float:
    """Seconds of "90s", "1h", "30d" or of a number of seconds."""
    text = _text(written)
    if _SECONDS.fullmatch(text):
        return float(text)
    if _SPAN.fullmatch(text):
        return seconds(text)
    raise Fault("bad_request", f"{field} is a time such as 90s, 1h or 30d", field=field)


def _text(written: Any) -> str:
    return str(written).strip() if isinstance(written, str | int | float | Decimal) else ""


class Names(Protocol):
    """What a key may be bound to: a house, or what is known of one."""

    @property
    def models(self) -> Mapping[str, Any]: ...

    @property
    def platforms(self) -> Mapping[str, Any]: ...

    @property
    def aliases(self) -> Mapping[str, str]: ...


def rights(given: Mapping[str, Any], house: Names) -> dict[str, Any]:
    """What `Callers.make` and `Callers.change` take, of what an operator gave; other fields are passed over.

    Models and platforms must be those of the house. None takes away what binds a key.
    """
    found: dict[str, Any] = {}
    if "owner" in given:
        found["owner"] = given["owner"] or ""
    if "expires_at" in given:
        written = given["expires_at"]
        found["expires_at"] = None if written is None else moment(written, "expires_at")
    for field in ("models", "platforms"):
        if field in given:
            names = given[field]
            found[field] = None if names is None else [_known(name, field, house) for name in names]
    if "limits" in given:
        found["limits"] = dict.fromkeys(LIMITS) if given["limits"] is None else _limits(given["limits"])
    return found


def _known(name: Any, field: str, house: Names) -> str:
    names = house.models if field == "models" else house.platforms
    if isinstance(name, str) and name in names:
        return name
    what = f"there is no {field[:-1]} {name!r} here"
    if field == "models" and isinstance(name, str) and name in house.aliases:
        raise Fault("bad_request", f"{name!r} is an alias; name its model, {house.aliases[name]!r}", field=field)
    near = nearest(str(name), names)
    raise Fault("bad_request", what + _hint(near, names), field=field)


def _limits(written: Mapping[str, Any]) -> dict[str, Any]:
    """Limits with the credits in thousandths; the book of keys looks at the rest."""
    found = dict(written)
    if found.get("credits_per_day") is not None:
        field = "limits.credits_per_day"
        found["credits_per_day"] = amount(found["credits_per_day"], field)
        if found["credits_per_day"] <= 0:
            raise Fault("bad_request", "credits_per_day is above 0; left out, there is no limit", field=field)
    return found


def unknown(kind: str, name: str, known: Mapping[str, Any]) -> Fault:
    """For a field or a parameter that nobody knows."""
    return Fault("bad_request", f"there is no {kind} {name!r}" + _hint(nearest(name, known), known), field=name)


def _hint(near: str | None, known: Mapping[str, Any]) -> str:
    if near:
        return f"; did you mean {near!r}?"
    return f"; known are {', '.join(known)}" if known else ""


# --- what is done with them -------------------------------------------------------------------------------------------


async def find(callers: Callers, id_or_name: str) -> Row:
    """The key of an id or a name, a revoked one too where no live one is meant; `Fault` not_found, conflict."""
    row = await callers.one(id_or_name)
    if row is not None:
        return row
    rows = await callers.listing()
    found = [row for row in rows if row.id == id_or_name] or [row for row in rows if row.name == id_or_name]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(row.id for row in found)
        raise Fault("conflict", f"{len(found)} revoked keys were named {id_or_name!r}: name one by its id, {ids}")
    near = nearest(id_or_name, {row.name for row in rows})
    raise Fault("not_found", f"no key has the id or the name {id_or_name!r}" + _hint(near, {}))


async def known(asked: Asked, callers: Callers, log: RequestLog, house: Names) -> None:
    """`Fault` for a key or a model of a question to the log that neither the house knows nor any call in it."""
    if asked.key is not None and not await log.newest(Asked(key=asked.key), 1):
        rows = await callers.listing()
        if all(asked.key not in (row.id, row.name) for row in rows):
            near = nearest(asked.key, {row.name for row in rows})
            what = f"no key has the id or the name {asked.key!r}" + _hint(near, {})
            raise Fault("not_found", what, field="key")
    if asked.model is not None and not await log.newest(Asked(model=asked.model), 1):
        try:
            _known(asked.model, "models", house)
        except Fault as fault:
            raise Fault("not_found", fault.message, field="model") from fault


async def new_key(
    callers: Callers, ledger: Ledger, name: str, bound: Mapping[str, Any], credits: int | None, by: str
) -> tuple[str, Caller]:
    """A new key in plain text and its caller; with `credits` (thousandths) it is limited to them from the beginning."""
    if credits is not None and credits <= 0:
        raise Fault("bad_request", "credits are above 0; left out, the key is not limited", field="credits")
    plain, caller = await callers.make(name, **bound)
    if credits is not None:  # nobody has seen the key until these are written as well
        await ledger.top_up(caller.id, credits, "with the key", by)
    return plain, caller


# --- as they are shown ------------------------------------------------------------------------------------------------


def standing(row: Row) -> Literal["live", "rotated", "expired", "revoked"]:
    """Whether a key is good now; one that is `rotated` is, and so is the one before it, until `old_until`."""
    now = time.time()
    if row.revoked_at is not None:
        return "revoked"
    if row.expires_at is not None and row.expires_at <= now:
        return "expired"
    return "rotated" if row.old_until is not None and row.old_until > now else "live"


def shown_limits(limits: Mapping[str, Any]) -> dict[str, Any]:
    return {name: show(value) if name == "credits_per_day" else value for name, value in limits.items()}


def shown_key(row: Row, account: Account) -> dict[str, Any]:
    """A key as JSON, without the key."""
    state = standing(row)
    return {
        "object": "key",
        "id": row.id,
        "kind": row.kind,
        "name": row.name,
        "owner": row.owner,
        "hint": row.hint,
        "state": state,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "revoked_at": row.revoked_at,
        "old_until": row.old_until if state == "rotated" else None,
        "models": None if row.models is None else list(row.models),
        "platforms": None if row.platforms is None else list(row.platforms),
        "limits": shown_limits(row.limits),
        "credits": shown_account(account),
    }


def shown_account(account: Account) -> dict[str, Any]:
    return {
        "limited": account.limited,
        "balance": show(account.balance),
        "held": show(account.held),
        "spent_today": show(account.spent_today),
    }


def shown_line(line: Line) -> dict[str, Any]:
    """An entry of the books as JSON."""
    return {
        "number": line.number,
        "at": line.at,
        "kind": line.kind,
        "credits": show(line.amount),
        "job": line.job,
        "model": line.model,
        "pictures": line.pictures,
        "note": line.note,
        "by": line.by,
    }


def shown_call(number: int, entry: Entry) -> dict[str, Any]:
    """A row of the request log as JSON."""
    shown = {"number": number, **asdict(entry), "credits": show(entry.price)}
    names = ("target", "outcome", "seconds")
    shown["attempts"] = [dict(zip(names, attempt, strict=False)) for attempt in entry.attempts]
    return {name: value for name, value in shown.items() if name != "price"}


def shown_total(total: tuple[str, str, int, int, int]) -> dict[str, Any]:
    key, model, calls, pictures, price = total
    return {"key_name": key, "model": model, "calls": calls, "pictures": pictures, "credits": show(price)}


TOTALS = ("accounts", "balance", "held", "spent_today")


def shown_check(accounts: Mapping[str, Account], wrong: list[Imbalance], stale: list[Hold]) -> dict[str, Any]:
    """Whether the books balance, what all accounts hold together, and holds that were made long ago."""
    every = accounts.values()
    return {
        "balanced": not wrong,
        "accounts": len(accounts),
        "balance": show(sum(account.balance for account in every)),
        "held": show(sum(account.held for account in every)),
        "spent_today": show(sum(account.spent_today for account in every)),
        "wrong": [
            {
                "key": one.owner,
                "balance": show(one.balance),
                "held": show(one.held),
                "entries": show(one.entries),
                "holds": show(one.holds),
            }
            for one in wrong
        ],
        "stale": [{"job": one.job, "key": one.owner, "credits": show(one.amount), "at": one.at} for one in stale],
    }
