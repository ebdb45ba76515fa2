"""A house in the process of the tests, and an app that asks it without a socket between them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from koci_proxy.app.proxy import Proxy
from koci_proxy.types import Caller

from .processes import Sandbox


@dataclass
class Inside:
    """A house in this process, so that a disk or a database of it can be made to fail, and an app with 100 credits."""

    proxy: Proxy
    app: httpx.AsyncClient
    caller: Caller

    async def money(self) -> tuple[float, float]:
        """(balance, held) in credits."""
        account = await self.proxy.hall.ledger.account(self.caller.id)
        return account.balance / 1000, account.held / 1000

    async def job(self) -> dict[str, Any]:
        """The app's one job, when it has ended."""
        (job,) = (await self.app.get("/v1/jobs")).json()["data"]
        await self.app.get(f"/v1/jobs/{job['id']}/events")  # as long as it is under way
        ended: dict[str, Any] = (await self.app.get(f"/v1/jobs/{job['id']}")).json()
        return ended


@asynccontextmanager
async def inside(folder: Path, vendor: Sandbox, routes: str) -> AsyncIterator[Inside]:
    (folder / "routes.yaml").write_text(routes, encoding="utf-8")
    proxy = Proxy(folder / "routes.yaml", sandbox=vendor.url)
    await proxy.open()
    try:
        key, caller = await proxy.callers.make("app")
        await proxy.hall.ledger.top_up(caller.id, 100_000, "", "test", None)
        headers = {"authorization": f"Bearer {key}"}
        transport = httpx.ASGITransport(proxy)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as app:
            yield Inside(proxy, app, caller)
    finally:
        await proxy.close()
