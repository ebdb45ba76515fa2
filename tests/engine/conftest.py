"""What the tests of the engine begin with: a shell with its rooms as they are, in a folder of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from koci_proxy.engine import Shell
from koci_proxy.pixels import Pixels
from koci_proxy.spool import Spools
from koci_proxy.store import Store
from koci_proxy.telemetry import Telemetry
from koci_proxy.upstream import Client, Fetcher


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    spools = Spools(tmp_path / "spool")
    async with Client(trust_env=False) as client:
        yield Shell(client, Fetcher(), spools, Pixels(spools.sink), Store(tmp_path / "media"), Telemetry())
