"""The house as it is right now, and what of the houses before it still counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from koci_proxy.app.proxy import Proxy
from koci_proxy.telemetry import Redaction

pytestmark = pytest.mark.anyio
KEYS = ("vendor-key-alpha-0001", "vendor-key-beta-0002", "vendor-key-gamma-0003", "vendor-key-delta-0004")
HOUSE = """
platforms: {{openai: openai}}
keys: {{openai: {key}}}
models: {{picture: {{to: openai/gpt-image-2}}}}
"""


async def test_a_key_stays_unspoken_however_many_houses_came_after_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that runs goes on with the key it was begun with."""
    redaction = Redaction()
    monkeypatch.setattr("koci_proxy.app.live.update_secrets", redaction.update)
    path = tmp_path / "routes.yaml"
    path.write_text(HOUSE.format(key=KEYS[0]), encoding="utf-8")
    proxy = Proxy(path)
    await proxy.open()
    try:
        for key in KEYS[1:]:
            path.write_text(HOUSE.format(key=key), encoding="utf-8")
            assert await proxy.live.reload()
    finally:
        await proxy.close()
    assert redaction.clean(f"{' '.join(KEYS)} at api.openai.com") == "*** *** *** *** at openai"
