"""The wire without the socket: a call, a reply, a frame of a stream, and the forms a body can take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .types import Media


@dataclass(frozen=True, slots=True)
class Spelled:
    """A picture at its place in a JSON body, and how the wire wants it written there.

    `base64` is bare base64 in the standard alphabet, `data_uri` has the `data:<mime>;base64,` head, `url` is a link.
    The shell makes the spelling true while it writes.
    """

    media: Media
    form: Literal["base64", "data_uri", "url"]


def base64(media: Media) -> Spelled:
    return Spelled(media, "base64")


def data_uri(media: Media) -> Spelled:
    return Spelled(media, "data_uri")


def url(media: Media) -> Spelled:
    return Spelled(media, "url")


@dataclass(frozen=True, slots=True)
class Json:
    """A JSON body as plain dicts, lists and scalars; a picture is `Spelled` on the way out, `Media` on the way in."""

    value: Any


@dataclass(frozen=True, slots=True)
class Form:
    """A multipart body: (name, text or picture) in order; `file_names` need not be given, the shell makes them up."""

    fields: tuple[tuple[str, str | Media], ...]


@dataclass(frozen=True, slots=True)
class Raw:
    """A body of any other type, small and whole, or a picture as it is."""

    content: bytes | Media
    mime: str


Body = Json | Form | Raw | None


@dataclass(frozen=True, slots=True)
class Call:
    """A request. `path` has no leading slash and lies under the platform or, to a vendor, under the provider's URL.

    Header names are lower case.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body = None


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. Header names are lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body = None


@dataclass(frozen=True, slots=True)
class Frame:
    """One event of a stream: its name if the dialect names events, and its JSON data."""

    event: str | None
    data: Any
