"""A workshop for one test, and a loop to run it in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from koci_proxy.pixels import Pixels
from koci_proxy.spool import Spools


@pytest.fixture
def work(tmp_path: Path) -> Callable[[Callable[[Pixels], Awaitable[Any]]], Any]:
    spools = Spools(tmp_path)

    async def run(what: Callable[[Pixels], Awaitable[Any]]) -> Any:
        return await what(Pixels(spools.sink))

    return lambda what: asyncio.run(run(what))
