"""The load: a process of its own that asks, drops what comes as it comes, and tells how long each answer took."""

from __future__ import annotations

import asyncio
import base64
import json
import multiprocessing
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from types import TracebackType
from typing import Self

import uvloop

from koci_proxy.faults import Fault
from koci_proxy.upstream import Client

from .answers import SIZES
from .scenarios import Scenario

PIECE = 262_144


@dataclass(frozen=True, slots=True)
class Order:
    """A scenario against a gateway: `url` with its path's beginning, the model as it knows it."""

    scenario: Scenario
    url: str
    headers: Mapping[str, str]
    model: str
    requests: int
    in_flight: int
    copies: bool = False
    look: bool = False


@dataclass(slots=True)
class Times:
    """Milliseconds of each answer, seconds of the whole; what went wrong, if anything did."""

    waits: list[float] = field(default_factory=list)
    seconds: float = 0
    failed: str = ""


class Failed(Exception):
    """A gateway did not answer as it must."""


class Load:
    """The process, as the bench holds it."""

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        self._pipe, far = context.Pipe()
        self._process = context.Process(target=_serve, args=(far,), daemon=True)
        self._process.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.join()

    def run(self, order: Order) -> Times:
        self._pipe.send(order)
        times = self._pipe.recv()
        assert isinstance(times, Times)
        return times


def _serve(pipe: Pipe) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        origin, client = "", Client()
        while True:
            order: Order = pipe.recv()
            if order.url != origin:
                runner.run(client.close())
                origin, client = order.url, Client(per_origin=4096, trust_env=False)
            pipe.send(runner.run(_run(order, client)))


async def _run(order: Order, client: Client) -> Times:
    times = Times()
    left = iter(range(order.requests))
    mime, body = order.scenario.body(order.model)
    asking = _Asking(order, client, {"content-type": mime, **order.headers}, body)

    async def worker(turns: Iterator[int]) -> None:
        for _ in turns:
            began = time.perf_counter()
            await asking.once()
            times.waits.append((time.perf_counter() - began) * 1000)

    began = time.perf_counter()
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(order.in_flight):
                group.create_task(worker(left))
    except* (Fault, Failed) as errors:
        times.failed = str(errors.exceptions[0])
    times.seconds = time.perf_counter() - began
    return times


class _Asking:
    """One request, as often as it is asked for."""

    def __init__(self, order: Order, client: Client, headers: Mapping[str, str], body: bytes) -> None:
        self._order, self._client, self._headers = order, client, headers
        self._url = order.url + order.scenario.path
        self._pieces = [body[at : at + PIECE] for at in range(0, len(body), PIECE)]
        self._length = len(body)

    async def once(self) -> None:
        sent = await self._client.send(
            "POST", self._url, self._headers, lambda: iter(self._pieces), length=self._length, timeout=300
        )
        async with sent as answer:
            if answer.status != 200:
                raise Failed(f"answered {answer.status}: {(await answer.read(1 << 20))[:300]!r}")
            if self._order.look:
                _look(self._order, await answer.read(1 << 27))
                return
            async for _ in answer.pieces():
                pass


def _look(order: Order, body: bytes) -> None:
    """Whether the answer is what the scenario asks for; one that was only copied need but be there."""
    if order.copies or order.scenario.send == "stream":
        if len(body) < 200:
            raise Failed(f"the answer is too short: {body!r}")
        return
    item = json.loads(body)["data"][0]
    if order.scenario.deliver == "url":
        if not str(item.get("url", "")).startswith("http"):
            raise Failed("the answer holds no link")
        return
    size = len(base64.b64decode(item.get("b64_json") or ""))
    if size != SIZES.get(order.scenario.model.partition("-")[2], size) or not size:
        raise Failed(f"the answer's picture has {size} bytes")
