"""What all tests share."""

from __future__ import annotations

import pytest

from tests import postgres


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def pytest_sessionfinish() -> None:
    postgres.stop()
