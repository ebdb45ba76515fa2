"""Where it is counted: in this process, or in Redis."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Protocol

from cachetools import TLRUCache
from limits.aio.storage import MemoryStorage, RedisStorage

from ..faults import Fault
from .rules import Rule

if TYPE_CHECKING:
    from redis.asyncio import Redis

# How long Redis may take to answer, and how long a call may wait for a connection to it, in seconds.
PATIENCE = 2.0
QUEUE = 10.0
CONNECTIONS = 20
# What was taken so many seconds from now on was taken before the clock was set back; less than that is put right often.
SLIP = 1.0
# How many calls are remembered as counted where there is no Redis.
REMEMBERED = 100_000

# A slot of a dead holder is free again when its time is over; Redis' own clock says when that is.
_NOW = """
local at = redis.call('TIME')
local now = at[1] * 1000 + math.floor(at[2] / 1000)
"""
_KEEP = """
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1
"""
_ENTER = f"""{_NOW}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
{_KEEP}"""
_RENEW = _NOW + _KEEP


class Store(Protocol):
    """Where it is counted."""

    async def acquire(self, rule: Rule) -> bool: ...

    async def give_back(self, rule: Rule) -> None: ...

    async def look(self, rule: Rule) -> tuple[float, int]:
        """The time of the oldest that counts now, and how many count."""

    async def taken_at(self, rule: Rule, index: int) -> float | None:
        """The time of one that was taken, the newest being 0."""

    async def enter(self, key: str, token: str, limit: int, ttl: float) -> bool: ...

    async def renew(self, key: str, token: str, ttl: float) -> None: ...

    async def leave(self, key: str, token: str) -> None: ...

    async def count(self, call: str, seconds: float) -> bool: ...

    async def forget(self, call: str) -> None: ...


class Memory:
    """Counts in this process."""

    def __init__(self) -> None:
        self._windows = MemoryStorage()
        self._inside: Counter[str] = Counter()
        self._calls: TLRUCache[str, float] = TLRUCache(REMEMBERED, lambda _, seconds, now: now + seconds)

    async def acquire(self, rule: Rule) -> bool:
        return await self._windows.acquire_entry(self._current(rule), rule.amount, rule.per_seconds, rule.cost)

    async def give_back(self, rule: Rule) -> None:
        del self._windows.events.get(_window(rule), [])[: rule.cost]

    async def look(self, rule: Rule) -> tuple[float, int]:
        return await self._windows.get_moving_window(self._current(rule), rule.amount, rule.per_seconds)

    def _current(self, rule: Rule) -> str:
        """The window of a rule, without what nobody knows the age of since the clock was set back."""
        window, latest = _window(rule), time.time() + SLIP
        taken = self._windows.events.get(window)
        if taken and taken[0].atime > latest:
            taken[:] = [each for each in taken if each.atime <= latest]
        return window

    async def taken_at(self, rule: Rule, index: int) -> float | None:
        taken = self._windows.events.get(_window(rule), [])
        return taken[index].atime if index < len(taken) else None

    async def enter(self, key: str, token: str, limit: int, ttl: float) -> bool:
        if self._inside[key] >= limit:
            return False
        self._inside[key] += 1
        return True

    async def renew(self, key: str, token: str, ttl: float) -> None:
        """Whoever holds a slot in this process lives as long as it does."""

    async def leave(self, key: str, token: str) -> None:
        self._inside[key] -= 1
        if not self._inside[key]:
            del self._inside[key]

    async def count(self, call: str, seconds: float) -> bool:
        if call in self._calls:
            return False
        self._calls[call] = seconds
        return True

    async def forget(self, call: str) -> None:
        self._calls.pop(call, None)


class Shared:
    """Counts in Redis, or what speaks like it."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._windows = RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix="koci:window",
            connection_pool=redis.connection_pool,  # type: ignore[arg-type]
        )
        self._enter, self._renew = redis.register_script(_ENTER), redis.register_script(_RENEW)

    async def acquire(self, rule: Rule) -> bool:
        return await self._windows.acquire_entry(_window(rule), rule.amount, rule.per_seconds, rule.cost)

    async def give_back(self, rule: Rule) -> None:
        await self._redis.lpop(self._named(rule), rule.cost)

    async def look(self, rule: Rule) -> tuple[float, int]:
        return await self._windows.get_moving_window(_window(rule), rule.amount, rule.per_seconds)

    async def taken_at(self, rule: Rule, index: int) -> float | None:
        taken = await self._redis.lindex(self._named(rule), index)
        return None if taken is None else float(taken)

    def _named(self, rule: Rule) -> str:
        return self._windows.bridge.prefixed_key(_window(rule))

    async def enter(self, key: str, token: str, limit: int, ttl: float) -> bool:
        return bool(await self._enter([f"koci:slots:{key}"], [token, int(ttl * 1000), limit]))

    async def renew(self, key: str, token: str, ttl: float) -> None:
        await self._renew([f"koci:slots:{key}"], [token, int(ttl * 1000)])

    async def leave(self, key: str, token: str) -> None:
        await self._redis.zrem(f"koci:slots:{key}", token)

    async def count(self, call: str, seconds: float) -> bool:
        return bool(await self._redis.set(f"koci:call:{call}", 1, nx=True, px=int(seconds * 1000)))

    async def forget(self, call: str) -> None:
        await self._redis.delete(f"koci:call:{call}")


def _window(rule: Rule) -> str:
    return f"{rule.key}/{rule.per_seconds}"


def silence() -> tuple[type[Exception], ...]:
    """How Redis says that it is not there."""
    from redis import RedisError

    return RedisError, OSError


def connect(url: str) -> Redis:
    from redis.asyncio import BlockingConnectionPool, Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    scheme, _, rest = url.partition("://")
    spoken = {"valkey": "redis", "valkeys": "rediss"}.get(scheme, scheme)
    try:
        pool = BlockingConnectionPool.from_url(
            f"{spoken}://{rest}",
            max_connections=CONNECTIONS,
            timeout=QUEUE,
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
            retry=Retry(NoBackoff(), 1),
        )
    except ValueError:  # what it says may show a part of the password
        words = "its URL is redis://, rediss://, unix:// or valkey://, with a port that is a number"
        raise Fault("internal", f"the Redis of the limits cannot be used: {words}") from None
    return Redis(connection_pool=pool)
