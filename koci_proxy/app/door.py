"""The door of a platform: one request of an app, from its first byte to the last byte of its answer."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl

from .. import address
from ..engine import Engine, Served
from ..faults import Fault
from ..jobs import Jobs, Running, Tell
from ..types import Caller, Done, Job, Listing, Lookup, Talk, Upload
from ..wire import Call, Form, Json, Reply
from . import answer, intake
from .callers import Desk
from .later import Later
from .live import Now
from .talks import Talks
from .uploads import Uploads

log = logging.getLogger("koci_proxy.door")

# A listener hears something at least this often, in seconds: idle-timeouts on the way are a minute or more.
KEEP_ALIVE = 15.0

Wish = Job | Listing | Lookup | Talk | Upload | Reply


@dataclass(frozen=True, slots=True)
class Hall:
    """What all requests share: the jobs under way, the front desk, and what is kept from one request to the next."""

    jobs: Jobs
    desk: Desk
    later: Later
    talks: Talks
    uploads: Uploads


@dataclass(slots=True)
class Visit:
    """One request under way, and what will be written down of it."""

    now: Now
    hall: Hall
    platform: str
    tail: str
    scope: Mapping[str, Any]
    receive: intake.Receive
    send: answer.Send
    id: str = field(default_factory=lambda: "req_" + secrets.token_hex(12))
    app: str = "-"
    model: str = "-"
    target: str = "-"
    status: int = 0
    sent: int = 0
    pictures: int = 0
    headers: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        pairs = self.scope["headers"]
        self.headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in pairs}

    @property
    def engine(self) -> Engine:
        return self.now.engine

    @property
    def dialect(self) -> ModuleType:
        return self.engine.plugins.dialects[self.engine.house.platforms[self.platform]]

    @property
    def base(self) -> str:
        """The URL that links are made under: as configured, else as the app addressed us."""
        own = f"{self.scope['scheme']}://{self.headers.get('host', 'localhost')}"
        return (self.engine.house.public_url or own).rstrip("/")

    async def serve(self) -> None:
        """Answer in the platform's own dialect, whatever happens."""
        began = time.perf_counter()
        try:
            await self._answer()
        except intake.HungUp:
            self.status = 499
        except Fault as fault:
            await self._fail(fault)
        except Exception:
            log.exception("%s: a fault of this house", self.id)
            await self._fail(self._internal())
        took = time.perf_counter() - began
        self.engine.shell.telemetry.request(self.platform, self.model, self.status, took, self.pictures)
        log.info(
            "%s %s %s/%s app=%s model=%s target=%s status=%s bytes=%s seconds=%.3f",
            self.id, self.scope["method"], self.platform, self.tail, self.app, self.model, self.target,
            self.status, self.sent, took,
        )  # fmt: skip

    async def _answer(self) -> None:
        query = dict(parse_qsl(self.scope["query_string"].decode("latin-1"), keep_blank_values=True))
        if self.tail.startswith(tuple(getattr(self.dialect, "KEYLESS", ()))):
            caller = self.hall.uploads.bearer(self.tail.rpartition("/")[2])
        else:
            caller = await self.hall.desk.admit(self.headers, query)
        self.app = caller.name
        wish = await self._read(query)
        with self.hall.desk.place(caller, self.engine.house.limits):
            match wish:
                case Job():
                    await self._job(wish, caller)
                case Reply():
                    await self._reply(wish)
                case Listing():
                    models = self.engine.house.models.values()
                    names = [model.name for model in models if _offered(model.platforms, self.platform)]
                    await self._reply(self.dialect.catalogue(names, wish))
                case Lookup():
                    await self._reply(self.hall.later.told(wish, caller, self.dialect))
                case Talk():
                    await self._reply(self.dialect.talked(wish, await self.hall.talks.answer(wish, caller)))
                case Upload():
                    place = f"{self.base}/{self.platform}"
                    store = self.engine.shell.store
                    await self._reply(await self.hall.uploads.answer(wish, caller, self.dialect, place, store))

    async def _read(self, query: Mapping[str, str]) -> Wish:
        """The wish of a request: its path known, its body read, checked and parsed."""
        headers = self.headers
        secretless = {name: value for name, value in headers.items() if name not in address.KEY_HEADERS}
        asked = {name: value for name, value in query.items() if name != "key"}
        call = Call(self.scope["method"], self.tail, asked, secretless)
        schema = self.dialect.schema(call)
        sinks, limit = self.engine.shell.spools.sink, self.engine.house.limits.body
        if schema == "raw":
            call = replace(call, body=await intake.read_raw(self.receive, headers, sinks, limit))
        elif schema is not None:
            body = await intake.read(self.receive, headers, sinks, limit)
            value = self.now.schemas.coerce(schema, body) if isinstance(body, Form) else body.value
            self.now.schemas.check(schema, value)
            call = replace(call, body=Json(value))
        wish: Wish = self.dialect.parse(call)
        return wish

    async def _job(self, wish: Job, caller: Caller) -> None:
        self._allowed(wish)
        conversation = wish.options.get("_conversation")
        if conversation:
            await self.hall.talks.own(caller, conversation)
        wish = replace(wish, options={**wish.options, "_id": self.id})
        now, links, talks = self.now, self.base, self.hall.talks

        async def work(tell: Tell) -> Served:
            with now:  # the job may outlive the request
                try:
                    served = await now.engine.run(wish, caller, links, tell)
                except Fault as fault:
                    raise self._shown(fault) from fault  # here, for whoever listens to the job and however late
                except Exception as error:
                    log.exception("%s: a fault of this house", self.id)
                    raise self._internal() from error
                if conversation:
                    await talks.remember(caller, conversation, wish, served.result)
                return served

        running = self.hall.jobs.start(work)
        if wish.options.get("_async"):
            await self._reply(self.dialect.accepted(self.hall.later.keep(running, caller, wish), wish))
        elif wish.stream:
            await self._stream(running, wish)
        else:
            served = await running.end()
            self._served(served)
            await self._reply(self.dialect.render(served.result, wish), answer.told(served, wish.size))

    def _shown(self, fault: Fault) -> Fault:
        """What an app may see of a fault: of one of this house only its number, by which we find it in the log."""
        if fault.kind != "internal" or self.id in fault.message:
            return fault
        log.error("%s: %s", self.id, fault)
        return self._internal()

    def _internal(self) -> Fault:
        return Fault("internal", f"internal error; its number is {self.id}")

    def _allowed(self, job: Job) -> None:
        model = self.engine.model(job.model)
        self.model = model.name
        if not _offered(model.platforms, self.platform):
            doors = ", ".join(f"/{name}" for name in model.platforms)
            message = f"model {job.model!r} is not offered here but on {doors}"
            raise Fault("not_found", message, field="model", code="model_not_found")

    async def _stream(self, running: Running[Served], job: Job) -> None:
        """A job as a stream of events. Until the first one a fault is still a plain HTTP status."""
        dialect = self.dialect
        async for event in answer.with_pauses(running.events(), KEEP_ALIVE):
            frames = dialect.frame(event, job) if event is not None else ()
            if frames or event is None:
                await self._begin({})
            await (answer.piece(self.send, dialect.KEEP_ALIVE) if event is None else answer.frames(self.send, frames))
        try:
            served = await running.end()
        except Fault as fault:
            if not self.status:
                raise
            await answer.frames(self.send, [dialect.fail_frame(fault, job)])
        else:
            self._served(served)
            await self._begin(answer.told(served, job.size))
            await answer.frames(self.send, dialect.frame(Done(served.result), job))
        await answer.end_stream(self.send, dialect.end(job) if hasattr(dialect, "end") else dialect.END)

    def _served(self, served: Served) -> None:
        self.pictures, self.target = len(served.result.media), str(served.target)

    async def _begin(self, extra: Mapping[str, str]) -> None:
        if not self.status:
            self.status = 200
            await answer.begin_stream(self.send, {**self._named(), **extra})

    def _named(self) -> dict[str, str]:
        """The request's number, under each name that an SDK looks for it."""
        return {"x-request-id": self.id} | dict.fromkeys(getattr(self.dialect, "REQUEST_ID_HEADERS", ()), self.id)

    async def _reply(self, reply: Reply, headers: Mapping[str, str] | None = None) -> None:
        self.status = reply.status
        self.sent = await answer.reply(self.send, reply, {**self._named(), **(headers or {})})

    async def _fail(self, fault: Fault) -> None:
        if self.status:
            return  # the answer has begun: all that is left is to cut it, which the server does
        reply: Reply = self.dialect.fail(self._shown(fault))
        if fault.kind != "too_large":
            await self._reply(reply)
            return
        self.status = reply.status
        limit = self.engine.house.limits.body
        self.sent = await answer.reply_and_linger(
            self.send, reply, self._named(), lambda: intake.rest(self.receive, limit)
        )


def _offered(platforms: tuple[str, ...], platform: str) -> bool:
    return not platforms or platform in platforms
