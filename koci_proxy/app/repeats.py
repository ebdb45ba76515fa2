"""Repeats: by what a call is known again, so that it is never paid for twice."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping

import xxhash

from .. import recorded
from ..faults import Fault
from ..types import Job

# Names that official SDKs and gateways give the header.
NAMES = ("idempotency-key", "x-idempotency-key")
# SDKs made with Stainless count their own tries here, from 0.
RETRIES = "x-stainless-retry-count"
LONGEST = 255
# More bytes of pictures than this are not read while the event loop waits.
SMALL = 1 << 20


def retries(headers: Mapping[str, str]) -> int | None:
    """Which try of its SDK a call is, from 0; None for a client that does not say."""
    text = headers.get(RETRIES, "")
    return int(text) if text.isdecimal() and len(text) < 6 else None


def key(headers: Mapping[str, str]) -> str | None:
    """A digest of the name that the app gave its call; None where it gave none. `Fault` bad_request for a long one."""
    given = next((headers[name] for name in NAMES if headers.get(name)), None)
    if given is None:
        return None
    if len(given) > LONGEST:
        message = f"an Idempotency-Key has at most {LONGEST} characters, not {len(given)}; a UUID will do"
        raise Fault("bad_request", message, field="Idempotency-Key")
    return hashlib.sha256(given.encode()).hexdigest()


async def content(wish: Job, platform: str) -> str:
    """A digest of all that an app asks for, its pictures' bytes with it."""
    bytes_of_pictures = sum(media.size or 0 for media in recorded.held(wish))
    if bytes_of_pictures > SMALL:
        return await asyncio.to_thread(_digest, wish, platform)
    return _digest(wish, platform)


def _digest(wish: Job, platform: str) -> str:
    """Made with XXH3: it tells an app's own calls apart, which are not there to deceive it, and large pictures cost
    next to nothing."""
    hashed = xxhash.xxh3_128(platform.encode())
    for media in recorded.held(wish):
        assert media.data is not None
        hashed.update(str(media.data.size).encode())
        for piece in media.data.pieces():
            hashed.update(piece)
    hashed.update(json.dumps(recorded.write(wish), sort_keys=True).encode())
    return hashed.hexdigest()
