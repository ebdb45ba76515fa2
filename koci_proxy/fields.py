"""The fields of an app's JSON body, taken one by one: what is left over are the app's extra words; and what a wire has
for a picture or a size, there and back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from itertools import islice
from typing import Any

from .faults import Fault
from .media import of
from .types import Media, Result, Size
from .wire import Body, Json, Spelled, base64, data_uri, url
from .words import from_vendor

# A text as long as this may be quoted; one that ends like the name of a picture's or film's file most likely is one.
_SHORT = 80
_FILE = re.compile(r"[^\s=@]+\.[A-Za-z0-9]{2,5}")
# How alike a slip is to what was meant, how long a name may be to be thought about, and how many are.
_ALIKE, _NAME, _SLIPS = 0.8, 40, 20


def bad(field: str, why: str) -> Fault:
    """A `Fault` bad_request that names the field it is about."""
    return Fault("bad_request", f"{field} {why}", field=field, code="invalid_value")


def picture(value: Any, field: str) -> Media:
    """A picture as a JSON body holds it: `Media`, or a short text of base64, a data URI or a URL."""
    if isinstance(value, Media):
        return value
    if not isinstance(value, str):
        raise bad(field, "must be a picture: base64, a data URI or an http(s) URL")
    try:
        return of(value)
    except ValueError as error:
        raise bad(field, f"is no picture: {_reason(value, field, error)}") from error


def _reason(value: str, field: str, error: ValueError) -> str:
    """What a short text is not, in the words of whoever wrote the name of a file in place of its bytes."""
    if not value or len(value) > _SHORT or value.startswith("data:"):
        return str(error)
    hint = f"; to send a file with curl write {field.partition('[')[0]}=@{value}" if _FILE.fullmatch(value) else ""
    return f"{value!r} is neither a link, a data URI nor base64{hint}"


def received(value: Any, status: int, field: str = "data") -> Media:
    """A picture or film as a vendor's answer of that `status` holds it; `Fault` garbled where it is none."""
    try:
        return of(value)
    except ValueError as error:
        raise from_vendor("garbled", f"{field} is no picture: {error}", status=status) from error


def linked(media: Media) -> Spelled:
    """How a wire that reads links is told of a picture: by its link where it has one, else as a data URI."""
    return url(media) if media.url else data_uri(media)


class Fields:
    """A JSON object without its nulls: an explicit null means the same as a field that is not there."""

    def __init__(self, body: Body | Mapping[str, Any], under: str = "") -> None:
        """`under` is the path of this object in the body, for messages."""
        value = body.value if isinstance(body, Json) else body
        if not isinstance(value, Mapping):
            raise Fault("bad_request", f"{under or 'the body'} must be a JSON object", field=under or None)
        self._left = {str(name): each for name, each in value.items() if each is not None}
        self._known: dict[str, None] = {}  # what was asked for, there or not
        self._under = under

    def path(self, name: str) -> str:
        return f"{self._under}.{name}" if self._under else name

    def take(self, name: str) -> Any:
        """The value as it stands, None if absent."""
        self._known[name] = None
        return self._left.pop(name, None)

    def text(self, name: str) -> str | None:
        value = self.take(name)
        if value is not None and not isinstance(value, str):
            raise bad(self.path(name), "must be text")
        return value

    def required(self, name: str, longest: int | None = None) -> str:
        """A text that must be there and say something; `longest` is in characters."""
        value = self.text(name)
        if value is None or not value.strip():
            why = "is required" if value is None else "must not be empty"
            raise Fault(
                "bad_request", f"{self.path(name)} {why}", field=self.path(name), code="missing_required_parameter"
            )
        if longest is not None and len(value) > longest:
            raise bad(self.path(name), f"must be at most {longest} characters, not {len(value)}")
        return value

    def whole(self, name: str, lowest: int, highest: int) -> int | None:
        value = self.take(name)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise bad(self.path(name), f"must be a whole number from {lowest} to {highest}")
        return value

    def flag(self, name: str) -> bool:
        value = self.take(name)
        if value is not None and not isinstance(value, bool):
            raise bad(self.path(name), "must be true or false")
        return bool(value)

    def choice(self, name: str, values: Iterable[str]) -> str | None:
        value = self.text(name)
        values = tuple(values)
        if value is not None and value not in values:
            raise bad(self.path(name), f"must be one of {', '.join(values)}")
        return value

    def several(self, name: str) -> list[Any]:
        """A list; a single value counts as a list of one, an absent one as an empty list."""
        value = self.take(name)
        if value is None:
            return []
        return list(value) if isinstance(value, (list, tuple)) else [value]

    def pictures(self, name: str) -> tuple[Media, ...]:
        return tuple(picture(each, f"{self.path(name)}[{at}]") for at, each in enumerate(self.several(name)))

    def rest(self) -> dict[str, Any]:
        """What nobody took, but for names with a leading underscore: those are marks of a dialect's own."""
        return {name: value for name, value in self._left.items() if not name.startswith("_")}

    def slips(self) -> dict[str, str]:
        """Of what nobody took, the path of each name that looks like one that was asked for, and that one."""
        names = islice((name for name in self._left if not name.startswith("_")), _SLIPS)
        return {self.path(name): right for name in names if (right := near(name, self._known))}


def near(name: str, known: Iterable[str]) -> str | None:
    """Which of the known names was meant by another one most likely, in whatever letters it is written.

    One that only goes on behind a known one, as `stream_options` behind `stream`, is a word of its own.
    """
    letters = {each.lower(): each for each in known if each != name and not name.startswith(f"{each}_")}
    found = get_close_matches(name.lower(), letters, 1, _ALIKE) if len(name) <= _NAME else []
    return letters[found[0]] if found else None


def meant(right: str | None) -> str:
    """How a note asks after a misspelt name; empty where no other one is like it."""
    return f"did you mean {right!r}?" if right else ""


def slipped(*objects: Fields) -> dict[str, Any]:
    """The mark among a job's options of what apps most likely misspelt in these objects; none where nothing is."""
    slips = {path: right for each in objects for path, right in each.slips().items()}
    return {"_slips": slips} if slips else {}


def size_words(size: Size, wire: str) -> tuple[str | None, str | None]:
    """(size, ratio) as a wire of that kind spells a resolved size; None where it has no word for it, or for `auto`."""
    if wire == "pixels":
        return (f"{size.width}x{size.height}" if size.pixels else None), None
    if wire == "tier_ratio":
        return size.tier, size.ratio
    return None, size.ratio if wire == "ratio" else None


def pixels_of(media: Iterable[Media]) -> str | None:
    """The size of the first picture whose pixels are known, "WxH"."""
    return next((f"{each.width}x{each.height}" for each in media if each.pixels), None)


def said_late(result: Result) -> dict[str, Any]:
    """What the headers cannot say of an answer that had to begin before it was there: its size, and every note."""
    said = {"size": pixels_of(result.media), "notes": [str(note) for note in result.notes]}
    return {name: value for name, value in said.items() if value}


def respelled(value: Any) -> Any:
    """A tree read from one wire as it goes onto the next: every picture left in it is bare base64 again."""
    if isinstance(value, Media):
        return base64(value)
    if isinstance(value, Mapping):
        return {name: respelled(each) for name, each in value.items()}
    return [respelled(each) for each in value] if isinstance(value, list) else value
