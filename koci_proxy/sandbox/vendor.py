"""The sandbox as an ASGI app: all shapes, a host of pictures and films, and a desk for tests (`desk.py` says what it
tells), with mischief on the way out.

A shape's films are a shape of their own here, in front of the one of its pictures and of the same name.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from . import (
    aioagi,
    anthropic,
    antigravity,
    ark,
    ark_films,
    desk,
    google,
    google_films,
    koukoutu,
    koukoutu_gemini,
    linkai,
    openai,
    openai_films,
)
from .body import Receive, Scope, Send, TooLarge, read
from .calls import Calls, kind_of
from .desk import plain
from .fetch import fetch
from .files import Files
from .hooks import PATH as HOOKS
from .hooks import Hooks
from .mischief import Mischief, Plot, taking
from .nouns import Answer, Ask, Broken, Order, Picture, Refusal, Seen, Shape, Showing, picture
from .options import Options
from .pictures import bench_of
from .repeats import Repeats
from .sending import cut, drip, halved, pause, transmit, transmit_half
from .studio import Studio, digest
from .tasks import Task, Tasks

SHAPES: tuple[Shape, ...] = (
    *(openai_films, google_films, ark_films),
    *(openai, aioagi, google, antigravity, anthropic, linkai, ark, koukoutu_gemini, koukoutu),
)
IDEMPOTENT = frozenset({"openai"})  # shapes that know an Idempotency-Key
HTML = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
NO_PICTURE = picture("text/plain", b"this is not a picture, sorry\n")
SMALL = (16, 16)  # pixels of what `bench:small` answers
WHAT = {"mp4": "film", "png": "last"}  # what a link to a film leads to
LATE = ("refuse", "fail", "expire", "empty", "partial", "not-image")  # what a film's task ends with


@dataclass(slots=True)
class Vendor:
    """One sandbox: its options and all it remembers."""

    options: Options
    plot: Plot
    calls: Calls = field(default_factory=Calls)
    files: Files = field(default_factory=Files)
    hooks: Hooks = field(default_factory=Hooks)
    studio: Studio = field(default_factory=Studio)
    repeats: Repeats = field(default_factory=Repeats)
    busy: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    tasks: Tasks = field(init=False)

    def __post_init__(self) -> None:
        self.tasks = Tasks(self.options.task_seconds, self.options.film_seconds)

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
            mischief = self.plot.pick(ask.headers.get("x-sandbox-fault"), prompt, key, kind_of(ask))
            take = taking(mischief, prompt)
        except ValueError as error:
            call["status"] = 400
            return await transmit(send, shape.trouble("complaint", str(error)))
        answer = await self._answer(shape, ask, key, mischief, take)
        await self._deliver(answer, call, mischief, scope, receive, send)

    async def _deliver(
        self,
        answer: Answer,
        call: dict[str, Any],
        mischief: Mischief | None,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Send an answer, as late and as badly as it is to be sent."""
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
        await transmit(send, halved(answer) if what == "truncated-json" and answer.status < 300 else answer)

    async def _wait(self, mischief: Mischief | None, receive: Receive) -> bool:
        """Let the time pass that this call has to wait; False when the caller has left."""
        if mischief and mischief.what == "hang":
            return await pause(None, receive)
        slow = mischief.number() if mischief and mischief.what == "slow" else 0.0
        seconds = self.options.latency + slow
        return await pause(seconds, receive) if seconds else True

    async def _answer(
        self, shape: Shape, ask: Ask, key: str | None, mischief: Mischief | None, take: float | None
    ) -> Answer:
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
        again = ask.headers.get("idempotency-key") if shape.NAME in IDEMPOTENT and kind_of(ask) == "submit" else None
        try:
            if again:
                name = (shape.NAME, key, again)
                return await self.repeats.once(name, lambda: self._make(shape, ask, key, mischief, take))
            return await self._make(shape, ask, key, mischief, take)
        except Refusal as refusal:
            return refusal.answer
        except Broken as broken:
            return shape.trouble("reference", str(broken.index))

    async def _make(self, shape: Shape, ask: Ask, key: str, mischief: Mischief | None, take: float | None) -> Answer:
        read = await asyncio.to_thread(shape.read, ask) if ask.body_size > 1 << 20 else shape.read(ask)
        if isinstance(read, Answer):
            return read
        if isinstance(read, Showing):
            return await self._show(read)
        order = replace(read, take=take)
        if bench_of(order.model, order.prompt) and not (order.width or order.seconds):
            order = replace(order, width=2048, height=2048)
        fetched = [await self._fetched(one, at) for at, one in enumerate(order.references)]
        mask = None if order.mask is None else await self._fetched(order.mask, -1)
        seen, mask_seen = await self.studio.look(tuple(fetched), mask)
        order = shape.settle(order, seen, mask_seen)
        if order.seconds:
            return self._film(shape, key, order, seen, mischief)
        return await self._draw(shape, ask, order, seen, mask_seen, mischief)

    async def _draw(
        self, shape: Shape, ask: Ask, order: Order, seen: tuple[Seen, ...], mask: Seen | None, mischief: Mischief | None
    ) -> Answer:
        """The answer with pictures, or without where that is what goes wrong."""
        what, bench = mischief.what if mischief else "", bench_of(order.model, order.prompt)
        if mischief and what == "empty":
            return shape.empty(order, int(mischief.arg))
        if mischief and what == "refuse":
            return shape.refuse(order, mischief.arg)
        if what in ("fail", "expire"):
            return shape.refuse(order, "fail") if order.words.get("tasks") else shape.trouble("error", "500")
        self.calls.orders[shape.NAME] += 1
        if what == "not-image":
            pictures: tuple[Picture, ...] = (NO_PICTURE,) * order.n
        elif bench and bench != "small":
            pictures = await self.studio.pad(order, int(bench))
        else:
            drawn = replace(order, prompt="", width=SMALL[0], height=SMALL[1]) if bench else order
            pictures = await self.studio.draw(_bent(drawn) if what == "wrong-size" else drawn, seen, mask)
        if order.stream and order.partials and not bench:
            pictures = await self.studio.preview(pictures, order.partials)
        if what == "partial":
            order = replace(order, words={**order.words, "partial": True})
        return shape.answer(order, pictures, lambda made: ask.origin + self.files.keep(made))

    def _film(self, shape: Shape, key: str, order: Order, seen: tuple[Seen, ...], mischief: Mischief | None) -> Answer:
        """The answer that a task was begun. Its film is drawn when it is fetched."""
        what = mischief.what if mischief else ""
        if mischief and what == "refuse" and mischief.arg == "input":
            return shape.refuse(order, mischief.arg)
        self.calls.orders[shape.NAME] += 1
        order = replace(order, references=(), mask=None)
        if what == "wrong-size":
            order = _bent(order)
        seen = tuple(replace(one, data=digest(one.data)) for one in seen)  # a task need not hold their bytes
        fate = what if what in LATE else ""
        task = self.tasks.begin(shape.NAME, key, order=order, seen=seen, fate=fate, seconds=order.take)
        return shape.answer(replace(order, task=task), (), lambda made: "")

    async def _show(self, showing: Showing) -> Answer:
        made = await self._shown(showing.task, showing.what)
        return Answer(200, made.pieces, made.mime)

    async def _shown(self, task: Task, what: str = "film") -> Picture:
        """A task's film, or a picture of it."""
        order = task.film
        bench = bench_of(order.model, order.prompt)
        if bench == "small":
            order = replace(order, prompt="", width=SMALL[0], height=SMALL[1])
        if task.fate == "not-image":
            return NO_PICTURE
        if what != "film":
            return await self.studio.poster(order, task.seen, what)
        return await self.studio.film(order, task.seen, int(bench) if bench and bench != "small" else 0)

    async def _fetched(self, reference: bytes | str, index: int) -> bytes:
        return reference if isinstance(reference, bytes) else await fetch(reference, index, self.files.find)

    async def _aside(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        """All that is no vendor's API: pictures and films by link, hooks, and the desk."""
        if path == HOOKS or path.startswith(f"{HOOKS}/"):
            hooked = await self.hooks.answer(scope, receive)
            return await transmit(send, hooked) if hooked else None
        ask = await read(scope, receive)
        if ask is None:
            return
        if not (path.startswith(("/files/", "/films/")) and ask.method in ("GET", "HEAD")):
            return await transmit(send, desk.answer(ask, self.calls, self.tasks, self.plot))
        self.calls.fetches += 1
        if ask.method == "HEAD":
            return await transmit(send, await self._linked(path), head=True)
        mischief = self.plot.host()
        what = mischief.what if mischief else ""
        if mischief and what in ("limit", "quota", "error", "overloaded"):
            status = {"error": int(mischief.number(500)), "overloaded": 503}.get(what, 429)
            answer = plain(status, f"the sandbox was told to say {what}")
        elif what == "garbage":
            answer = Answer(200, (HTML,), "text/html; charset=utf-8")
        else:
            answer = await self._linked(path)
        await self._deliver(answer, {}, mischief, scope, receive, send)

    async def _linked(self, path: str) -> Answer:
        """The picture or film that a link leads to."""
        found = self.files.find(path)
        secret, _, ending = path.removeprefix("/films/").partition(".")
        task = self.tasks.shown(secret)
        if task and task.made() and ending in WHAT:
            found = await self._shown(task, WHAT[ending])
        return Answer(200, found.pieces, found.mime) if found else plain(404, "no such file, or it expired")


def app(options: Options | None = None) -> Vendor:
    """A sandbox of its own, as an ASGI app. Faults that cut connections need `start` or `serve`."""
    options = options or Options()
    return Vendor(options, Plot(options.fault, options.fault_rate, options.key_faults, options.seed))


def _bent(order: Order) -> Order:
    """The same order with other pixels; a film's edges are even."""
    width, height = max(1, order.width // 2), max(1, order.height // 2 - 1)
    return (
        replace(order, width=width & ~1, height=height & ~1)
        if order.seconds
        else replace(order, width=width, height=height)
    )
