"""An address is where a request goes and whose it is: the platform, the tail of the path, and the app key."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from urllib.parse import unquote_plus

from .faults import Fault

KEY_PREFIX = "sk-koci_"

# Where an app key may stand, besides `?key=`; the first goes first. None of these may reach a vendor or a log.
KEY_HEADERS = ("authorization", "x-goog-api-key", "x-api-key")

# A key of this house wherever it stands, also glued to something; one of another house by its look. Too short to be a
# key is what only names the kind ("sk-koci_…").
_KEYS = re.compile(r"sk-koci_[\w%-]{8,}|\b(?:[spr]k-|AIza)[\w%-]{12,}", re.I)

_VERSION = re.compile(r"v[0-9]+(?:\.[0-9]+)*(?:(?:alpha|beta)[0-9]*)?")


def split(path: str, platforms: Container[str]) -> tuple[str, str] | None:
    """(platform, tail) of a request path, None when its first word is no platform.

    SDKs put a version between base URL and resource without looking whether the base URL ends in one already, so any
    run of versions behind the platform is swallowed, and behind `upload`, where a resumable upload has it. The tail has
    no slash at either end: "/p/v1/v1/images/generations/" -> ("p", "images/generations").
    """
    words = [word for word in path.split("/") if word]
    if not words or words[0] not in platforms:
        return None
    tail = _without_versions(words[1:])
    if tail[:1] == ["upload"]:
        tail = ["upload", *_without_versions(tail[1:])]
    return words[0], "/".join(tail)


def netloc(host: str, port: int | None) -> str:
    """A host and its port as a URL has them; an address of IPv6 stands in brackets."""
    name = f"[{host}]" if ":" in host else host
    return name if port is None else f"{name}:{port}"


def _without_versions(words: list[str]) -> list[str]:
    versions = 0
    while versions < len(words) and _VERSION.fullmatch(words[versions]):
        versions += 1
    return words[versions:]


def take_key(headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
    """The app key of a request (header names in lower case), None when there is none.

    The first that looks like one of ours wins; if none does, the first of any look, so that the refusal can say so.
    Two different keys of ours are a `Fault` (unauthorized): nobody could say who pays.
    """
    found = list(_keys(headers, query))
    ours = [key for key in found if key.startswith(KEY_PREFIX)]
    if len(set(ours)) > 1:
        raise Fault("unauthorized", "the request carries two different keys; send one", code="two_keys")
    return next(iter(ours or found), None)


def _keys(headers: Mapping[str, str], query: Mapping[str, str]) -> Iterator[str]:
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    bearer = token if scheme.lower() == "bearer" else ""
    for key in (bearer, *(headers.get(name) for name in KEY_HEADERS[1:]), query.get("key")):
        if key and key.strip():
            yield key.strip()


def without_key(query: str) -> str:
    """A raw query string without any `key`, for logs and for vendors; everything else keeps its spelling and order."""
    parts = query.split("&")
    return "&".join(part for part in parts if unquote_plus(part.partition("=")[0]).strip() != "key")


def keyless(text: str) -> str:
    """A text for logs and for answers, without the keys that somebody pasted where no key belongs."""
    return _KEYS.sub("(key)", text)
