"""The book of app keys: who may come in, by the digest of a key that nobody can read back."""

from __future__ import annotations

import asyncio
import hashlib
import math
import re
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import SimpleNamespace
from typing import Any

from cachetools import TTLCache
from sqlalchemy import or_, select

from ..faults import Fault
from ..types import Caller
from .database import Database
from .prepared import Writing
from .tables import keys
from .texts import clean
from .turns import take_turn

PREFIX = "sk-koci_"
# 32 random bytes in base64url: no SDK or header objects to any of its characters.
_PLAIN = re.compile(re.escape(PREFIX) + r"[A-Za-z0-9_-]{43}")
# How long a found key (or one not found) is taken for granted, in seconds: a revoked key lives no longer than this.
TRUST = 1.0
REMEMBERED = 10_000
NAME = 200  # characters
# What a key may be bound to: calls and pictures a minute, calls at once, thousandths of a credit a day.
LIMITS = ("per_minute", "pictures_per_minute", "at_once", "credits_per_day")


@dataclass(frozen=True, slots=True)
class Row:
    """A key as it may be shown: `kind` is `app` or `admin`, `hint` its first and last letters, times Unix seconds.

    `owner`, `models`, `platforms` and `limits` are those of its `Caller`. Until `old_until` the key that it had before
    it was rotated is good as well.
    """

    id: str
    kind: str
    name: str
    hint: str
    created_at: float
    revoked_at: float | None
    owner: str = ""
    expires_at: float | None = None
    models: tuple[str, ...] | None = None
    platforms: tuple[str, ...] | None = None
    limits: Mapping[str, Any] = field(default_factory=dict)
    old_until: float | None = None


class Callers:
    """The keys in one database, shared by every process that opens it.

    A key has 256 random bits, so a fast digest protects it as well as a slow one would.
    """

    def __init__(self, database: Database, *, timer: Callable[[], float] = time.monotonic) -> None:
        """`timer` counts the seconds of `TRUST`."""
        self._database = database
        # Strangers' guesses have a memory of their own, where they push out no known key; with each, what is to be said
        # of it, which is nothing unless it was good once.
        self._known: TTLCache[bytes, Caller] = TTLCache(REMEMBERED, TRUST, timer)
        self._unknown: TTLCache[bytes, str] = TTLCache(REMEMBERED, TRUST, timer)
        self._looks: dict[bytes, asyncio.Task[tuple[Caller | None, str]]] = {}

    async def find(self, plain: str) -> Caller | None:
        """Whose key this is; None for an unknown or revoked one, or an admin token.

        Raises `Fault` unauthorized (code `expired_api_key`) for one whose time is over.
        """
        if not _PLAIN.fullmatch(plain):
            return None
        digest = _digest(plain)
        caller = self._known.get(digest)
        why = self._unknown.get(digest) if caller is None else None
        if caller is None and why is None:
            caller, why = await self._looked_up(digest)
        if why:
            raise Fault("unauthorized", why, code="expired_api_key")
        return caller

    async def _looked_up(self, digest: bytes) -> tuple[Caller | None, str]:
        """One look for all who ask for the same key at once."""
        look = self._looks.get(digest)
        if look is None:
            look = self._looks[digest] = asyncio.create_task(self._look_up(digest))
            look.add_done_callback(lambda done: self._looks.pop(digest, None))
        return await asyncio.shield(look)

    async def _look_up(self, digest: bytes) -> tuple[Caller | None, str]:
        """Whose key this is, or why it is nobody's where that is to be said; remembered either way."""
        now, text = self._database.now(), digest.hex()
        expired = (keys.c.expires_at <= now).label("expired")
        before = (keys.c.old_digest == text) & (keys.c.old_until > now)
        live = (keys.c.kind == "app") & keys.c.revoked_at.is_(None) & or_(keys.c.digest == text, before)
        async with self._database.read() as connection:
            row = (await connection.execute(select(*keys.c, expired).where(live))).one_or_none()
        if row is not None and not row.expired:
            caller = self._known[digest] = _caller(_row(row))
            return caller, ""
        why = ""
        if row is not None:
            day = time.strftime("%Y-%m-%d", time.gmtime(row.expires_at))
            why = f"this API key expired on {day}; ask whoever gave it to you for a new one"
        self._unknown[digest] = why
        return None, why

    async def by_id(self, id: str) -> Caller | None:
        """The caller of that id, whose key may be revoked by now."""
        async with self._database.read() as connection:
            row = (await connection.execute(keys.select().where(keys.c.id == id))).one_or_none()
        return None if row is None else _caller(_row(row))

    async def live(self, id: str) -> Caller | None:
        """The caller of that id; None once its key is revoked or its time is over."""
        lasts = keys.c.expires_at.is_(None) | (keys.c.expires_at > self._database.now())
        good = (keys.c.id == id) & (keys.c.kind == "app") & keys.c.revoked_at.is_(None) & lasts
        async with self._database.read() as connection:
            row = (await connection.execute(keys.select().where(good))).one_or_none()
        return None if row is None else _caller(_row(row))

    async def digest(self, id: str) -> bytes | None:
        """The digest of that caller's key; None once it is revoked."""
        return next(iter(await self.digests(id)), None)

    async def digests(self, id: str) -> tuple[bytes, ...]:
        """The digests of that caller's keys: of the present one, then of the one before it while that one is good."""
        wanted = (keys.c.id == id) & keys.c.revoked_at.is_(None)
        before = (keys.c.old_until > self._database.now()).label("before")
        async with self._database.read() as connection:
            one = select(keys.c.digest, keys.c.old_digest, before).where(wanted)
            row = (await connection.execute(one)).one_or_none()
        if row is None:
            return ()
        return tuple(bytes.fromhex(text) for text in (row.digest, row.old_digest if row.before else None) if text)

    async def is_admin(self, plain: str) -> bool:
        """Whether this is a live admin token; asked of the database every time."""
        if not _PLAIN.fullmatch(plain):
            return False
        live = (keys.c.kind == "admin") & keys.c.revoked_at.is_(None)
        async with self._database.read() as connection:
            token = select(keys.c.id).where(live & (keys.c.digest == _digest(plain).hex()))
            return (await connection.execute(token)).first() is not None

    async def make(
        self,
        name: str,
        *,
        owner: str = "",
        expires_at: float | None = None,
        models: Collection[str] | None = None,
        platforms: Collection[str] | None = None,
        limits: Mapping[str, Any] | None = None,
    ) -> tuple[str, Caller]:
        """A new app key, in plain text for this once, and its caller. Names may repeat, as when a key is renewed.

        `owner` is whom it belongs to, in words; `expires_at` is in Unix seconds, None for never; `limits` are as in
        `LIMITS`. Raises `Fault` bad_request with the field that cannot be kept.
        """
        if not name.strip():
            raise Fault("bad_request", "a key needs a name", field="name")
        plain, values = _new("app", _text("name", name))
        rights = {"owner": owner, "expires_at": expires_at, "models": models, "platforms": platforms}
        values |= _rights(rights | {"limits": limits or {}}, {})
        await self._database.write(lambda connection: connection.execute(keys.insert().values(values)))
        self._unknown.pop(_digest(plain), None)
        return plain, _caller(_row(SimpleNamespace(**values)))

    async def rotate(self, id_or_name: str, overlap_seconds: float, *, force: bool = False) -> tuple[str, Caller]:
        """A new key, in plain text for this once, for the same caller; the old one dies after the overlap.

        Raises `Fault` not_found where no live app key has that id or name, and conflict as `revoke` does or while an
        earlier overlap runs: the key that was promised to be good until its end has no place beside two others, and
        dies now where that is what one wants (`force`).
        """
        if not 0 <= overlap_seconds < math.inf:
            raise Fault("bad_request", "the overlap is 0 seconds or more", field="overlap")
        row = await self.one(id_or_name)
        if row is None or row.kind != "app":
            raise Fault("not_found", f"no live app key has the id or the name {id_or_name!r}")
        plain, new = _new("app", row.name)
        values = {"digest": new["digest"], "hint": new["hint"], "old_digest": keys.c.digest}
        values |= {"old_until": self._database.now() + overlap_seconds}
        live = (keys.c.id == row.id) & keys.c.revoked_at.is_(None)
        overlapping = (keys.c.old_until > self._database.now()).label("overlapping")
        asked = select(keys.c.old_until, overlapping).where(live).with_for_update()

        async def rotated(connection: Writing) -> Any:
            held = (await connection.execute(asked)).one_or_none()
            if held is not None and (force or not held.overlapping):
                await connection.execute(keys.update().where(live).values(values))
            return held

        held = await self._database.write(rotated)
        if held is None:
            raise Fault("not_found", f"the key {row.id} has been revoked meanwhile")
        if held.overlapping and not force:
            raise _promised(held.old_until)
        self._known.clear()
        self._unknown.pop(_digest(plain), None)
        return plain, _caller(row)

    async def change(self, id_or_name: str, rights: Mapping[str, Any]) -> Row:
        """Change what a live app key may do; it takes hold within `TRUST` everywhere.

        `rights` are any of `owner`, `expires_at`, `models`, `platforms` and `limits`, as `make` takes them; of limits
        those that are named, where None takes one away. Raises `Fault` as `make` and `rotate` do.
        """
        row = await self.one(id_or_name)
        if row is None or row.kind != "app":
            raise Fault("not_found", f"no live app key has the id or the name {id_or_name!r}")
        live = (keys.c.id == row.id) & keys.c.revoked_at.is_(None)

        async def changed(connection: Writing) -> Any:
            held = (await connection.execute(keys.select().where(live).with_for_update())).one_or_none()
            if held is None:
                return None
            values = _rights(rights, held.limits or {})
            if values:
                await connection.execute(keys.update().where(live).values(values))
            return (await connection.execute(keys.select().where(live))).one()

        found = await self._database.write(changed)
        if found is None:
            raise Fault("not_found", f"the key {row.id} has been revoked meanwhile")
        self._known.clear()
        self._unknown.clear()
        return _row(found)

    async def admin_token(self) -> str | None:
        """A new admin token in plain text if there is no live one, else None."""
        plain, values = _new("admin", "admin")
        there = keys.select().where((keys.c.kind == "admin") & keys.c.revoked_at.is_(None))

        async def made(connection: Writing) -> bool:
            await take_turn(connection)  # of two processes that start at once only one makes a token
            if (await connection.execute(there)).first() is not None:
                return False
            await connection.execute(keys.insert().values(values))
            return True

        return plain if await self._database.write(made) else None

    async def one(self, id_or_name: str) -> Row | None:
        """The live key of that id, else the one of that name; None when there is none.

        Raises `Fault` conflict when several live keys share the name.
        """
        live = keys.c.revoked_at.is_(None)
        rows: list[Row] = []
        async with self._database.read() as connection:
            for column in (keys.c.id, keys.c.name):
                if not rows:
                    found = await connection.execute(keys.select().where(live & (column == clean(id_or_name))))
                    rows = [_row(row) for row in found]
        if len(rows) > 1:
            ids = ", ".join(row.id for row in rows)
            raise Fault("conflict", f"{len(rows)} live keys are named {id_or_name!r}: name one by its id, {ids}")
        return rows[0] if rows else None

    async def revoke(self, id_or_name: str) -> bool:
        """Revoke the live key of that id, else the one of that name; False when there is none.

        Raises `Fault` conflict when several live keys share the name. A revoked key is dead within `TRUST` everywhere.
        """
        row = await self.one(id_or_name)
        if row is None:
            return False
        one = keys.update().where(keys.c.revoked_at.is_(None) & (keys.c.id == row.id)).values(revoked_at=time.time())
        await self._database.write(lambda connection: connection.execute(one))
        self._known.clear()
        return True

    async def listing(self) -> list[Row]:
        """All keys ever made, oldest first."""
        async with self._database.read() as connection:
            rows = await connection.execute(keys.select().order_by(keys.c.created_at, keys.c.id))
        return [_row(row) for row in rows]


def _new(kind: str, name: str) -> tuple[str, dict[str, Any]]:
    """A fresh key and its row."""
    plain = PREFIX + secrets.token_urlsafe(32)
    return plain, {
        "id": secrets.token_hex(8),
        "kind": kind,
        "name": name,
        "digest": _digest(plain).hex(),
        "hint": f"{plain[: len(PREFIX) + 4]}…{plain[-4:]}",
        "created_at": time.time(),
        "revoked_at": None,
        "old_until": None,
    }


def _promised(until: float) -> Fault:
    """Why a key cannot be rotated while the one before it is good."""
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(until))
    what = f"the key before this one was promised to be good until {at} UTC; to end that at once, force it"
    return Fault("conflict", f'{what} (--force, over HTTP "force": true)', field="force", code="overlap_running")


def _digest(plain: str) -> bytes:
    return hashlib.sha256(plain.encode()).digest()


def _row(row: Any) -> Row:
    """A row of the table as it may be shown."""
    names = ("id", "kind", "name", "hint", "created_at", "revoked_at", "expires_at", "old_until")
    values = {name: getattr(row, name) for name in names}
    for name in ("models", "platforms"):
        words = getattr(row, name)
        values[name] = None if words is None else tuple(words)
    return Row(**values, owner=row.owner_name or "", limits=row.limits or {})


def _caller(row: Row) -> Caller:
    return Caller(row.id, row.name, row.limits, row.owner, row.models, row.platforms)


def _rights(rights: Mapping[str, Any], limits: Mapping[str, Any]) -> dict[str, Any]:
    """Columns for what a key may do, as far as it is said; `limits` are those it has already."""
    values: dict[str, Any] = {}
    for name in ("models", "platforms"):
        if name in rights:
            values[name] = _words(name, rights[name])
    if "owner" in rights:
        values["owner_name"] = _text("owner", rights["owner"]) or None
    if "expires_at" in rights:
        values["expires_at"] = until = rights["expires_at"]
        if until is not None and not time.time() < until < math.inf:
            what = "expires_at lies in the past: give a time to come, such as 30d or 2027-01-31"
            raise Fault("bad_request", what, field="expires_at")
    if "limits" in rights:
        values["limits"] = _limits({**limits, **rights["limits"]})
    return values


def _text(label: str, text: str) -> str:
    if len(text) > NAME:
        raise Fault("bad_request", f"{label} has {len(text)} characters; {NAME} are the most", field=label)
    return clean(text)


def _words(label: str, words: Collection[str] | None) -> list[str] | None:
    """Names that a key is bound to, each once; None for all there are."""
    if words is None:
        return None
    if isinstance(words, str) or not words or not all(isinstance(word, str) and word.strip() for word in words):
        raise Fault("bad_request", f"{label} is a list of one name or more; left out, all are allowed", field=label)
    return list(dict.fromkeys(clean(word) for word in words))


def _limits(limits: Mapping[str, Any]) -> dict[str, int] | None:
    """Limits that can be kept; what is None binds nobody."""
    kept = {name: value for name, value in limits.items() if value is not None}
    for name, value in kept.items():
        label = f"limits.{name}"
        if name not in LIMITS:
            near = get_close_matches(name, LIMITS, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(LIMITS)}"
            raise Fault("bad_request", f"there is no limit {name!r}; {hint}", field=label)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 10**15:
            raise Fault("bad_request", f"{name} is a whole number from 1 on; left out, there is no limit", field=label)
    return kept or None
