"""What a key may do can be changed while it is in use: on each kind of database."""

from __future__ import annotations

import asyncio
import math
import time
from typing import Any

import pytest

from koci_proxy import Fault
from koci_proxy.state import Callers
from koci_proxy.state.callers import TRUST
from koci_proxy.state.tables import keys

from .opened import opened
from .test_callers import Clock

pytestmark = pytest.mark.anyio


async def test_what_is_named_changes_and_nothing_else(url: str) -> None:
    async with opened(url) as database:
        callers = Callers(database)
        plain, made = await callers.make(
            "shop", owner="Ann", models=["picture"], limits={"per_minute": 60, "at_once": 4}
        )
        until = time.time() + 3600
        row = await callers.change(
            made.id, {"limits": {"per_minute": None, "credits_per_day": 500}, "expires_at": until}
        )
        assert (row.id, row.owner, row.models, row.expires_at) == (made.id, "Ann", ("picture",), until)
        assert row.limits == {"at_once": 4, "credits_per_day": 500}
        assert row == await callers.one(made.id)
        row = await callers.change("shop", {"owner": "", "models": None, "platforms": ["openai"], "expires_at": None})
        assert (row.owner, row.models, row.platforms, row.expires_at) == ("", None, ("openai",), None)
        assert row.limits == {"at_once": 4, "credits_per_day": 500}
        assert await callers.change("shop", {}) == row
        caller = await callers.find(plain)
        assert caller is not None
        assert (caller.models, caller.platforms, caller.limits) == (None, ("openai",), row.limits)


async def test_it_takes_hold_at_once_here_and_soon_elsewhere(url: str) -> None:
    async with opened(url) as database, opened(url) as another:
        clock = Clock()
        here, there = Callers(database), Callers(another, timer=clock)
        plain, made = await here.make("shop")
        for callers in (here, there):
            assert await callers.find(plain) == made
        await here.change("shop", {"models": ["film"]})
        now = await here.find(plain)
        assert now is not None
        assert now.models == ("film",)
        assert await there.find(plain) == made
        clock.now += TRUST
        assert await there.find(plain) == now


async def test_a_key_whose_time_is_over_gets_more(url: str) -> None:
    async with opened(url) as database:
        callers = Callers(database)
        plain, _ = await callers.make("shop", expires_at=time.time() + 3600)
        over = keys.update().values(expires_at=time.time() - 1)
        await database.write(lambda connection: connection.execute(over))
        with pytest.raises(Fault, match="expired"):
            await callers.find(plain)
        await callers.change("shop", {"expires_at": None})
        assert await callers.find(plain) is not None


async def test_changes_at_one_time_lose_nothing(url: str) -> None:
    async with opened(url) as database, opened(url) as another:
        await Callers(database).make("shop")
        limits = {"per_minute": 1, "pictures_per_minute": 2, "at_once": 3, "credits_per_day": 4}
        places = (Callers(database), Callers(another)) * 2
        changes = (places[at].change("shop", {"limits": {name: limits[name]}}) for at, name in enumerate(limits))
        await asyncio.gather(*changes)
        row = await places[0].one("shop")
    assert row is not None
    assert row.limits == limits


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"owner": "x" * 201}, "owner"),
        ({"expires_at": 5.0}, "expires_at"),
        ({"expires_at": math.inf}, "expires_at"),
        ({"models": []}, "models"),
        ({"platforms": [" "]}, "platforms"),
        ({"limits": {"per_minut": 4}}, "limits.per_minut"),
        ({"limits": {"at_once": 0}}, "limits.at_once"),
        ({"owner": "Bob", "limits": {"at_once": 0}}, "limits.at_once"),
    ],
)
async def test_what_cannot_be_kept_changes_nothing(wrong: dict[str, Any], field: str) -> None:
    async with opened("sqlite://") as database:
        callers = Callers(database)
        await callers.make("shop", owner="Ann", limits={"at_once": 4})
        before = await callers.one("shop")
        with pytest.raises(Fault) as caught:
            await callers.change("shop", wrong)
        assert (caught.value.kind, caught.value.field) == ("bad_request", field)
        assert await callers.one("shop") == before


async def test_only_live_app_keys_are_changed(url: str) -> None:
    async with opened(url) as database:
        callers = Callers(database)
        _, made = await callers.make("shop")
        await callers.revoke("shop")
        assert await callers.admin_token()
        for name in ("shop", made.id, "admin", "nobody"):
            with pytest.raises(Fault) as caught:
                await callers.change(name, {"owner": "Bob"})
            assert caught.value.kind == "not_found"
        for _ in range(2):
            await callers.make("twin")
        with pytest.raises(Fault) as caught:
            await callers.change("twin", {"owner": "Bob"})
        assert caught.value.kind == "conflict"
