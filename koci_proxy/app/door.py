"""The door of a platform: one request of an app, from its first byte to the last byte of its answer."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl

from .. import address
from ..engine import Engine, Served
from ..faults import Fault
from ..jobs import Jobs, Running, Tell
from ..types import Done, Job, Listing
from ..wire import Call, Form, Json, Reply
from . import answer, intake
from .callers import Desk
from .live import Now

log = logging.getLogger("koci_proxy.door")

# A listener hears something at least this often, in seconds: idle-timeouts on the way are a minute or more.
KEEP_ALIVE = 15.0


@dataclass(slots=True)
class Visit:
    """One request under way, and what will be written down of it."""

    id: str
    platform: str
    model: str = "-"
    status: int = 0
    sent: int = 0
    pictures: int = 0


async def serve(
    now: Now, jobs: Jobs, desk: Desk, found: tuple[str, str], scope: Mapping[str, Any], receive: Any, send: answer.Send
) -> None:
    """Answer one request to a platform, in the platform's own dialect whatever happens."""
    platform, tail = found
    began = time.perf_counter()
    visit = Visit("req_" + secrets.token_hex(12), platform)
    engine = now.engine
    dialect = engine.plugins.dialects[engine.house.platforms[platform]]
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    try:
        await _answer(now, jobs, desk, dialect, visit, tail, headers, scope, receive, send)
    except intake.HungUp:
        visit.status = 499
    except Fault as fault:
        await _fail(dialect, visit, fault, send, receive, engine.house.limits.body)
    except Exception:
        log.exception("%s: a fault of this house", visit.id)
        broken = Fault("internal", f"internal error; its number is {visit.id}")
        await _fail(dialect, visit, broken, send, receive, engine.house.limits.body)
    took = time.perf_counter() - began
    engine.shell.telemetry.request(platform, visit.model, visit.status, took, visit.pictures)
    log.info(
        "%s %s %s/%s model=%s status=%s bytes=%s seconds=%.3f",
        visit.id, scope["method"], platform, tail, visit.model, visit.status, visit.sent, took,
    )  # fmt: skip


async def _answer(
    now: Now,
    jobs: Jobs,
    desk: Desk,
    dialect: ModuleType,
    visit: Visit,
    tail: str,
    headers: Mapping[str, str],
    scope: Mapping[str, Any],
    receive: Any,
    send: answer.Send,
) -> None:
    engine = now.engine
    query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    caller = await desk.admit(headers, query)
    wish = await _read(now, dialect, tail, headers, query, scope["method"], receive)
    with desk.place(caller, engine.house.limits):
        match wish:
            case Listing():
                names = [
                    name for name, model in engine.house.models.items() if _offered(model.platforms, visit.platform)
                ]
                await _reply(visit, dialect.catalogue(names, wish), {}, send)
            case Job():
                visit.model = wish.model if wish.model in engine.house.models else "-"
                _allowed(engine, wish, visit.platform)
                links = base(engine, scope, headers)

                async def work(tell: Tell) -> Served:
                    with now:  # the job may outlive the request
                        return await engine.run(wish, caller, links, tell)

                running = jobs.start(work)
                if wish.stream:
                    await _stream(running, dialect, wish, visit, send)
                else:
                    served = await running.end()
                    visit.pictures = len(served.result.media)
                    await _reply(visit, dialect.render(served.result, wish), answer.told(served, wish.size), send)


async def _read(
    now: Now,
    dialect: ModuleType,
    tail: str,
    headers: Mapping[str, str],
    query: Mapping[str, str],
    method: str,
    receive: intake.Receive,
) -> Job | Listing:
    """The wish of a request: its path known, its body read, checked and parsed."""
    secretless = {name: value for name, value in headers.items() if name not in address.KEY_HEADERS}
    call = Call(method, tail, {name: value for name, value in query.items() if name != "key"}, secretless)
    schema = dialect.schema(call)
    if schema is not None:
        body = await intake.read(receive, headers, now.engine.shell.spools.sink, now.engine.house.limits.body)
        value = now.schemas.coerce(schema, body) if isinstance(body, Form) else body.value
        now.schemas.check(schema, value)
        call = replace(call, body=Json(value))
    wish: Job | Listing = dialect.parse(call)
    return wish


def _allowed(engine: Engine, job: Job, platform: str) -> None:
    model = engine.model(job.model)
    if not _offered(model.platforms, platform):
        doors = ", ".join(f"/{name}" for name in model.platforms)
        raise Fault(
            "not_found",
            f"model {job.model!r} is not offered here but on {doors}",
            field="model",
            code="model_not_found",
        )


def _offered(platforms: tuple[str, ...], platform: str) -> bool:
    return not platforms or platform in platforms


def base(engine: Engine, scope: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    """The URL that links are made under: as configured, else as the app addressed us."""
    return (engine.house.public_url or f"{scope['scheme']}://{headers.get('host', 'localhost')}").rstrip("/")


async def _stream(running: Running[Served], dialect: ModuleType, job: Job, visit: Visit, send: answer.Send) -> None:
    """A job as a stream of events. Until the first one a fault is still a plain HTTP status."""
    begun = False

    async def begin(extra: Mapping[str, str]) -> None:
        nonlocal begun
        if not begun:
            begun, visit.status = True, 200
            await answer.begin_stream(send, {"x-request-id": visit.id, **extra})

    async for event in answer.with_pauses(running.events(), KEEP_ALIVE):
        frames = dialect.frame(event, job) if event is not None else ()
        if frames or event is None:
            await begin({})
        await (answer.piece(send, dialect.KEEP_ALIVE) if event is None else answer.frames(send, frames))
    try:
        served = await running.end()
    except Fault as fault:
        if not begun:
            raise
        await answer.frames(send, [dialect.fail_frame(fault, job)])
    else:
        visit.pictures = len(served.result.media)
        await begin(answer.told(served, job.size))
        await answer.frames(send, dialect.frame(Done(served.result), job))
    await answer.end_stream(send, dialect.END)


async def _reply(visit: Visit, reply: Reply, headers: Mapping[str, str], send: answer.Send) -> None:
    visit.status = reply.status
    visit.sent = await answer.reply(send, reply, {"x-request-id": visit.id, **headers})


async def _fail(
    dialect: ModuleType, visit: Visit, fault: Fault, send: answer.Send, receive: intake.Receive, limit: int
) -> None:
    if visit.status:
        return  # the answer has begun: all that is left is to cut it, which the server does
    reply: Reply = dialect.fail(fault)
    if fault.kind != "too_large":
        await _reply(visit, reply, {}, send)
        return
    visit.status = reply.status
    told = {"x-request-id": visit.id}
    visit.sent = await answer.reply_and_linger(send, reply, told, lambda: intake.rest(receive, limit))
