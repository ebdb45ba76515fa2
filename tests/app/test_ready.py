"""Whether calls may come: a proxy says so of itself, and why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import httpx
import pytest
from sqlalchemy import select

from koci_proxy import Fault
from koci_proxy.app.proxy import Proxy

pytestmark = pytest.mark.anyio
HOUSE = """
platforms: {openai: openai}
keys: {openai: sk-0123456789}
models: {picture: {to: openai/gpt-image-2}}
"""


async def test_a_database_that_does_not_answer_is_said(tmp_path: Path) -> None:
    async def broken(works: list[Any]) -> list[Any]:
        raise ConnectionRefusedError(111, "Connect call failed")

    path = tmp_path / "routes.yaml"
    path.write_text(HOUSE, encoding="utf-8")
    proxy = Proxy(path)
    asking = httpx.AsyncClient(transport=httpx.ASGITransport(proxy), base_url="http://house")
    await proxy.open()
    try:
        assert (await asking.get("/readyz")).text == "ready\n"
        with mock.patch.object(proxy.database, "_together", broken):
            with pytest.raises(Fault):
                await proxy.database.write(lambda connection: connection.execute(select(1)))
            answer = await asking.get("/readyz")
            assert (answer.status_code, answer.text) == (503, "not ready: the state database does not answer\n")
            assert (await asking.get("/healthz")).status_code == 200
        answer = await asking.get("/readyz")
        assert (answer.status_code, answer.text) == (200, "ready\n")
    finally:
        await proxy.close()
    assert (await asking.get("/readyz")).text == "not ready: it is starting or stopping\n"
