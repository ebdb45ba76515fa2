"""What all tests share."""

from __future__ import annotations

import os

import pytest

from tests import postgres


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: half of the time is spent waiting for processes of the tests' own."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + 1


def pytest_sessionfinish() -> None:
    postgres.stop()
