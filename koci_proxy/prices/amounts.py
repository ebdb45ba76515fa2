"""Credits as they are written and shown, and as whole thousandths."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Any

from ..faults import Fault

# More than this for one picture is a slip of somebody's finger.
MOST = 10**12  # thousandths

Path = tuple[str | int, ...]


def thousandths(value: Any, at: Path = ()) -> int:
    """Credits as written (4, "0.5") in thousandths."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise wrong(f"{value!r} is no number of credits; write 4 or 0.5", at)
    try:
        amount = Decimal(str(value)) * 1000
        whole = int(amount)
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise wrong(f"{value!r} is no number of credits; write 4 or 0.5", at) from error
    if amount < 0 or amount != whole:
        raise wrong(f"{value!r}: credits are not negative and have at most three decimals", at)
    if whole > MOST:
        raise wrong(f"{value!r}: no price is above {show(MOST)} credits", at)
    return whole


def wrong(message: str, at: Path = ()) -> Fault:
    """A price that cannot be one; `details["at"]` is the way to its part at fault."""
    return Fault("internal", message, field="price", details={"at": at})


def hint(word: str, known: Iterable[str]) -> str:
    """The nearest right word, else all of them."""
    names = list(known)
    near = get_close_matches(word, names, 1)
    return f" — did you mean '{near[0]}'?" if near else f"; known: {', '.join(names)}"


def show(thousandths: int) -> str:
    """Credits as people write them: 4000 -> "4", 500 -> "0.5"."""
    whole, rest = divmod(abs(thousandths), 1000)
    sign = "-" if thousandths < 0 else ""
    return f"{sign}{whole}" + (f".{rest:03d}".rstrip("0") if rest else "")
