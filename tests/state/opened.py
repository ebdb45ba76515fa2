"""A database opened for as long as a test needs it, and a job to write down there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from koci_proxy.state import Database
from koci_proxy.state.jobs import NewJob

JOB = NewJob(
    id="req_" + "a" * 24,
    owner="shop",
    platform="openai",
    links="https://img.example.com/openai",
    task="generate",
    model="picture",
    wish={"$": "Job", "model": "picture", "prompt": "a fox"},
)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    await database.open()
    try:
        yield database
    finally:
        await database.close()
