"""The sandbox as an ASGI app: all shapes, a picture host and a desk for tests, with mischief on the way out."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from . import aioagi, anthropic, ark, google, koukoutu, koukoutu_gemini, linkai, openai
from .body import Receive, Scope, Send, TooLarge, read, write
from .calls import Calls
from .fetch import fetch
from .files import Files
from .mischief import Mischief, Plot
from .nouns import Answer, Ask, Broken, Order, Picture, Refusal, Shape, picture
from .options import Options
from .pictures import bench_of
from .sending import cut, drip, halved, pause, transmit, transmit_half
from .studio import Studio
from .tasks import Tasks

SHAPES: tuple[Shape, ...] = (openai, aioagi, google, anthropic, linkai, ark, koukoutu_gemini, koukoutu)
HTML = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
BASES = "/openai/v1 /aioagi/v1 /google/v1beta /anthropic/v1 /linkai/v1 /ark/api/v3 /koukoutu"
SMALL = (16, 16)  # pixels of what `bench:small` answers


@dataclass(slots=True)
class Vendor:
    """One sandbox: its options and all it remembers."""

    options: Options
    plot: Plot
    calls: Calls = field(default_factory=Calls)
    files: Files = field(default_factory=Files)
    studio: Studio = field(default_factory=Studio)
    busy: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    tasks: Tasks = field(init=False)

    def __post_init__(self) -> None:
        self.tasks = Tasks(self.options.task_seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"the sandbox does not speak {scope['type']}")
        path = scope["path"]
        shape = next((one for one in SHAPES if one.owns(path)), None)
        if shape is None:
            return await self._aside(path, scope, receive, send)
        try:
            ask = await read(scope, receive)
        except TooLarge:
            return await transmit(send, shape.trouble("too_large", ""))
        if ask is None:
            return None
        place = (shape.NAME, shape.key(ask))
        self.busy[place] += 1
        try:
            ask = replace(ask, tasks=self.tasks, at_once=self.busy[place])
            return await self._serve(shape, ask, scope, receive, send)
        finally:
            self.busy[place] -= 1

    async def _serve(self, shape: Shape, ask: Ask, scope: Scope, receive: Receive, send: Send) -> None:
        key, (model, prompt) = shape.key(ask), shape.words(ask)
        call = self.calls.enter(shape.NAME, ask, key, model)
        try:
            mischief = self.plot.pick(ask.headers.get("x-sandbox-fault"), prompt, key)
        except ValueError as error:
            call["status"] = 400
            return await transmit(send, shape.trouble("complaint", str(error)))
        answer = await self._answer(shape, ask, key, mischief)
        what = mischief.what if mischief else ""
        if not await self._wait(mischief, receive):
            return
        if what == "cut-before":
            return await cut(scope, receive)
        call["status"] = answer.status
        if what == "cut":
            return await transmit_half(answer, scope, receive, send)
        if mischief and what == "drip":
            return await drip(answer, mischief.number(), receive, send)
        await transmit(send, answer)

    async def _wait(self, mischief: Mischief | None, receive: Receive) -> bool:
        """Let the time pass that this call has to wait; False when the caller has left."""
        if mischief and mischief.what == "hang":
            return await pause(None, receive)
        slow = mischief.number() if mischief and mischief.what == "slow" else 0.0
        seconds = self.options.latency + slow
        return await pause(seconds, receive) if seconds else True

    async def _answer(self, shape: Shape, ask: Ask, key: str | None, mischief: Mischief | None) -> Answer:
        if key is None:
            return shape.trouble("no_key", "")
        if key.startswith("bad") or (self.options.keys and key not in self.options.keys):
            return shape.trouble("bad_key", key)
        if mischief and mischief.what in ("limit", "quota", "error", "overloaded"):
            return shape.trouble(mischief.what, mischief.arg)
        if mischief and mischief.what == "garbage":
            return Answer(200, (HTML,), "text/html; charset=utf-8")
        if mischief and mischief.what in ("hang", "cut-before"):
            return Answer(200, ())
        try:
            return await self._make(shape, ask, mischief)
        except Refusal as refusal:
            return refusal.answer
        except Broken as broken:
            return shape.trouble("reference", str(broken.index))

    async def _make(self, shape: Shape, ask: Ask, mischief: Mischief | None) -> Answer:
        read = await asyncio.to_thread(shape.read, ask) if ask.body_size > 1 << 20 else shape.read(ask)
        if isinstance(read, Answer):
            return read
        order = read
        bench = bench_of(order.model, order.prompt)
        if bench and not order.width:
            order = replace(order, width=2048, height=2048)
        fetched = [await self._fetched(one, at) for at, one in enumerate(order.references)]
        mask = None if order.mask is None else await self._fetched(order.mask, -1)
        seen, mask_seen = await self.studio.look(tuple(fetched), mask)
        order = shape.settle(order, seen, mask_seen)
        what = mischief.what if mischief else ""
        if mischief and what == "empty":
            return shape.empty(order, int(mischief.arg))
        if mischief and what == "refuse":
            return shape.refuse(order, mischief.arg)
        if what == "not-image":
            pictures: tuple[Picture, ...] = (picture("text/plain", b"this is not a picture, sorry\n"),) * order.n
        elif bench and bench != "small":
            pictures = await self.studio.pad(order, int(bench))
        else:
            drawn = replace(order, prompt="", width=SMALL[0], height=SMALL[1]) if bench else order
            pictures = await self.studio.draw(_bent(drawn) if what == "wrong-size" else drawn, seen, mask_seen)
        if order.stream and order.partials and not bench:
            pictures = await self.studio.preview(pictures, order.partials)
        if what == "partial":
            order = replace(order, words={**order.words, "partial": True})
        answer = shape.answer(order, pictures, lambda made: ask.origin + self.files.keep(made))
        return halved(answer) if what == "truncated-json" else answer

    async def _fetched(self, reference: bytes | str, index: int) -> bytes:
        return reference if isinstance(reference, bytes) else await fetch(reference, index, self.files.find)

    async def _aside(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        """All that is no vendor's API: pictures by link, and the desk."""
        ask = await read(scope, receive)
        if ask is None:
            return
        if path.startswith("/files/") and ask.method in ("GET", "HEAD"):
            found = self.files.find(path)
            answer = Answer(200, found.pieces, found.mime) if found else _plain(404, "no such file, or it expired")
        else:
            answer = self._desk(ask)
        await transmit(send, answer, head=ask.method == "HEAD")

    def _desk(self, ask: Ask) -> Answer:
        match ask.method, ask.path:
            case "GET", "/_sandbox/calls":
                return _json(self.calls.report())
            case "DELETE", "/_sandbox/calls":
                self.calls.reset()
                return _json({"reset": True})
            case "GET", "/_sandbox/last":
                return _json(self.calls.last) if self.calls.last else _plain(404, "nothing was sent yet")
            case "POST", "/_sandbox/faults":
                return self._set_fault(ask.fields)
            case "DELETE", "/_sandbox/faults":
                self.plot.clear()
                return _json({"cleared": True})
        return _plain(404, f"{ask.method} {ask.path} is not served here; bases: {BASES}")

    def _set_fault(self, fields: Any) -> Answer:
        """Set `fault` for `key` or for all, for `times` calls or until cleared."""
        kinds = {"fault": str, "key": str, "times": int}
        if not isinstance(fields, dict) or not all(isinstance(fields[name], kinds.get(name, ())) for name in fields):
            return _plain(400, 'expected {"fault": what, "key": only for this key, "times": only so many calls}')
        try:
            self.plot.set(fields.get("fault", ""), fields.get("key"), fields.get("times"))
        except ValueError as error:
            return _plain(400, str(error))
        return _json({"set": fields})


def app(options: Options | None = None) -> Vendor:
    """A sandbox of its own, as an ASGI app. Faults that cut connections need `start` or `serve`."""
    options = options or Options()
    return Vendor(options, Plot(options.fault, options.fault_rate, options.key_faults, options.seed))


def _json(value: Mapping[str, Any]) -> Answer:
    return Answer(200, write(value))


def _plain(status: int, message: str) -> Answer:
    return Answer(status, (json.dumps({"error": message}).encode(),))


def _bent(order: Order) -> Order:
    """The same order with other pixels."""
    return replace(order, width=max(1, order.width // 2), height=max(1, order.height // 2 - 1))
