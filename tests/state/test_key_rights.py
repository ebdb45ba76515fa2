"""What a key may do, until when, and how it is replaced: on each kind of database."""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from typing import Any

import pytest

from koci_proxy import Caller, Fault
from koci_proxy.state import Callers
from koci_proxy.state.callers import TRUST
from koci_proxy.state.tables import keys

from .opened import opened
from .test_callers import Clock

pytestmark = pytest.mark.anyio
LIMITS = {"per_minute": 60, "pictures_per_minute": 120, "at_once": 4, "credits_per_day": 500_000}


def digest(plain: str) -> bytes:
    return hashlib.sha256(plain.encode()).digest()


async def test_all_that_a_key_is_bound_to_comes_with_its_caller(url: str) -> None:
    async with opened(url) as database:
        callers = Callers(database)
        until = time.time() + 3600
        plain, made = await callers.make(
            "shop",
            owner="Ann\0 of Shop",
            expires_at=until,
            models=["picture", "film", "picture"],
            platforms=("openai",),
            limits={**LIMITS, "at_once": None},
        )
        limits = {name: value for name, value in LIMITS.items() if name != "at_once"}
        assert made == Caller(made.id, "shop", limits, "Ann of Shop", ("picture", "film"), ("openai",))
        assert await callers.find(plain) == made
        assert await callers.by_id(made.id) == made
        (row,) = await callers.listing()
        assert (row.owner, row.models, row.platforms) == ("Ann of Shop", ("picture", "film"), ("openai",))
        assert (row.limits, row.expires_at, row.old_until) == (limits, until, None)
        assert await callers.one("shop") == row == await callers.one(made.id)
        assert await callers.one("nobody\0") is None


async def test_a_key_that_is_bound_to_nothing(url: str) -> None:
    async with opened(url) as database:
        plain, _ = await Callers(database).make("shop")
        caller = await Callers(database).find(plain)
    assert caller is not None
    assert (caller.limits, caller.owner, caller.models, caller.platforms) == ({}, "", None, None)


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"owner": "x" * 201}, "owner", "201 characters"),
        ({"expires_at": 5.0}, "expires_at", "a time to come"),
        ({"expires_at": math.nan}, "expires_at", "a time to come"),
        ({"expires_at": math.inf}, "expires_at", "a time to come"),
        ({"models": []}, "models", "one name or more"),
        ({"models": "picture"}, "models", "one name or more"),
        ({"models": ["picture", " "]}, "models", "one name or more"),
        ({"platforms": [7]}, "platforms", "one name or more"),
        ({"limits": {"per_minut": 4}}, "limits.per_minut", "did you mean 'per_minute'"),
        ({"limits": {"colour": 4}}, "limits.colour", "known are per_minute"),
        ({"limits": {"at_once": 0}}, "limits.at_once", "a whole number from 1 on"),
        ({"limits": {"at_once": True}}, "limits.at_once", "a whole number from 1 on"),
        ({"limits": {"credits_per_day": 0.5}}, "limits.credits_per_day", "a whole number from 1 on"),
        ({"limits": {"per_minute": 10**16}}, "limits.per_minute", "a whole number from 1 on"),
    ],
)
async def test_what_a_key_cannot_be_bound_to(wrong: dict[str, Any], field: str, words: str) -> None:
    async with opened("sqlite://") as database:
        callers = Callers(database)
        with pytest.raises(Fault, match=words) as caught:
            await callers.make("shop", **wrong)
        assert await callers.listing() == []
    assert (caught.value.kind, caught.value.field) == ("bad_request", field)


async def test_a_key_whose_time_is_over_is_told_so(url: str) -> None:
    clock = Clock()
    async with opened(url) as database:
        callers = Callers(database, timer=clock)
        plain, caller = await callers.make("shop", expires_at=time.time() + 3600)
        assert await callers.find(plain) == caller == await callers.live(caller.id)
        over = keys.update().values(expires_at=1_000_000.0)
        await database.write(lambda connection: connection.execute(over))
        clock.now = TRUST + 0.01
        for _ in range(2):
            with pytest.raises(Fault, match="expired on 1970-01-12") as caught:
                await callers.find(plain)
            assert (caught.value.kind, caught.value.code) == ("unauthorized", "expired_api_key")
        assert await callers.by_id(caller.id) == caller
        assert await callers.live(caller.id) is None
        assert await callers.revoke("shop")
        clock.now *= 2
        assert await callers.find(plain) is None


async def test_a_rotated_key_is_the_same_caller(url: str) -> None:
    clock = Clock()
    async with opened(url) as database:
        callers = Callers(database, timer=clock)
        old, caller = await callers.make("shop", models=["picture"], limits={"at_once": 2})
        assert await callers.find(old) == caller
        new, again = await callers.rotate("shop", 3600.0)
        assert again == caller
        assert new != old
        assert await callers.find(new) == await callers.find(old) == caller
        assert await callers.digests(caller.id) == (digest(new), digest(old))
        assert await callers.digest(caller.id) == digest(new)
        (row,) = await callers.listing()
        assert row.hint == f"{new[:12]}…{new[-4:]}"
        assert row.old_until == pytest.approx(time.time() + 3600, abs=60)
        over = keys.update().values(old_until=1_000_000.0)
        await database.write(lambda connection: connection.execute(over))
        clock.now = TRUST + 0.01
        assert await callers.find(old) is None
        assert await callers.find(new) == caller
        assert await callers.digests(caller.id) == (digest(new),)


async def test_without_an_overlap_the_old_key_dies_at_once(url: str) -> None:
    async with opened(url) as database:
        callers = Callers(database)
        first, caller = await callers.make("shop")
        assert await callers.find(first)
        second, _ = await callers.rotate(caller.id, 3600.0)
        third, _ = await callers.rotate(caller.id, 0.0, force=True)
        assert await callers.find(first) is None
        assert await callers.find(second) is None
        assert await callers.find(third) == caller
        await callers.revoke(caller.id)
        assert await callers.find(third) is None
        assert await callers.digests(caller.id) == ()


async def test_revoking_takes_the_old_key_along(url: str) -> None:
    async with opened(url) as database:
        callers = Callers(database)
        old, caller = await callers.make("shop")
        new, _ = await callers.rotate("shop", 3600.0)
        await callers.revoke(caller.id)
        assert await callers.find(old) is None
        assert await callers.find(new) is None


async def test_a_key_that_is_promised_to_be_good_is_ended_by_force_alone(url: str) -> None:
    async with opened(url) as database:
        callers = Callers(database)
        first, caller = await callers.make("shop")
        second, _ = await callers.rotate("shop", 3600.0)
        (row,) = await callers.listing()
        assert row.old_until is not None
        day = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(row.old_until))
        for overlap in (0.0, 7200.0):
            with pytest.raises(Fault, match=f"good until {day} UTC; to end that at once, force it") as caught:
                await callers.rotate("shop", overlap)
            assert (caught.value.kind, caught.value.field) == ("conflict", "force")
        assert await callers.find(first) == await callers.find(second) == caller
        assert (await callers.listing()) == [row]
        third, _ = await callers.rotate("shop", 3600.0, force=True)
        assert [await callers.find(key) for key in (first, second, third)] == [None, caller, caller]
        over = keys.update().values(old_until=1_000_000.0)
        await database.write(lambda connection: connection.execute(over))
        assert await callers.rotate("shop", 3600.0)


async def test_of_two_rotations_at_once_one_is_refused(url: str) -> None:
    async with opened(url) as database, opened(url) as another:
        await Callers(database).make("shop")
        ends = await asyncio.gather(
            *(Callers(each).rotate("shop", 3600.0) for each in (database, another)), return_exceptions=True
        )
    assert sorted(isinstance(end, Fault) for end in ends) == [False, True]


async def test_what_cannot_be_rotated(url: str) -> None:
    async with opened(url) as database:
        callers = Callers(database)
        await callers.admin_token()
        _, caller = await callers.make("shop")
        await callers.make("twin")
        await callers.make("twin")
        for name, kind in (("nobody", "not_found"), ("admin", "not_found"), ("twin", "conflict")):
            with pytest.raises(Fault) as caught:
                await callers.rotate(name, 5.0)
            assert caught.value.kind == kind
        for overlap in (-1.0, math.nan, math.inf):
            with pytest.raises(Fault) as caught:
                await callers.rotate("shop", overlap)
            assert (caught.value.kind, caught.value.field) == ("bad_request", "overlap")
        await callers.revoke(caller.id)
        with pytest.raises(Fault):
            await callers.rotate(caller.id, 5.0)
