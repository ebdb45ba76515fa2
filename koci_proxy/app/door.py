"""The door of a platform: one request of an app, from its first byte to the last byte of its answer."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl

from .. import address
from ..engine import Engine
from ..facts import Model
from ..faults import Fault
from ..state import Ledger
from ..state.requests import Entry, RequestLog
from ..types import Balance, Caller, Job, Listing, Lookup, Note, Talk, Upload
from ..wire import Call, Form, Json, Reply
from . import answer, intake, lookups, naming
from .answer import plain
from .callers import Desk, Limited
from .live import Now
from .ordering import Order
from .runner import Runner
from .talks import Talks
from .uploads import Uploads
from .webhooks import Webhooks

log = logging.getLogger("koci_proxy.door")

LONGEST = 200  # characters of a path in the log
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")

Wish = Job | Balance | Listing | Lookup | Talk | Upload | Reply


@dataclass(frozen=True, slots=True)
class Hall:
    """What all requests share: who carries the jobs, the front desk, and what is kept from one request to the next."""

    runner: Runner
    desk: Desk
    talks: Talks
    uploads: Uploads
    webhooks: Webhooks
    log: RequestLog
    ledger: Ledger


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
    status: int = 0
    sent: int = 0
    received: int = 0
    outcome: str = "ok"
    pace: Mapping[str, str] = field(default_factory=dict)
    caller: Caller | None = None
    order: Order | None = None
    _open: bool = False
    engine: Engine = field(init=False)
    dialect: ModuleType = field(init=False)
    headers: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        pairs = self.scope["headers"]
        self.headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in pairs}
        pairs.clear()  # a call may wait for minutes, and so may thousands: once is enough
        self.engine = self.now.engine
        self.dialect = self.engine.plugins.dialects[self.engine.house.platforms[self.platform]]

    @property
    def base(self) -> str:
        """The URL that links are made under: as configured, else as the app addressed us."""
        host = self.headers.get("host", "")
        if not _HOST.fullmatch(host):  # what is no host would be part of a link
            host = address.netloc(*(self.scope.get("server") or ("localhost", None)))
        own = f"{self.scope['scheme']}://{host}"
        return (self.engine.house.public_url or own).rstrip("/")

    def serve(self) -> Awaitable[object]:
        """Answer in the platform's own dialect, whatever happens."""
        return self._traced() if self.engine.shell.telemetry.traces.wanted else self._serve()

    async def _traced(self) -> None:
        with self.engine.shell.telemetry.traces.request(self.headers) as span:
            entry = await self._serve()
            span.update_name(f"{entry.method} {entry.platform}")
            span.set_attributes(told(entry))

    async def _serve(self) -> Entry:
        began = time.perf_counter()
        try:
            await self._answer()
        except intake.HungUp:
            self.status, self.outcome = 499, "hung_up"
        except Fault as fault:
            await self._fail(fault)
        except Limited as limited:
            self.pace = limited.headers
            await self._fail(limited.fault)
        except Exception:
            log.exception("%s: a fault of this house", self.id)
            await self._fail(answer.internal(self.id))
        took = time.perf_counter() - began
        entry = self._entry(took)
        background = self.order is not None and self.order.background
        # Each picture counts once: not again for who joined its job, nor here where the end of the job counts it.
        made = 0 if background or entry.job else entry.pictures
        self.engine.shell.telemetry.request(self.platform, entry.model or "-", self.status, took, made)
        if not background:  # else it is written when the job ends
            self.hall.log.add(entry)
        log.info(
            "%s %s %s/%s app=%s model=%s target=%s status=%s bytes=%s seconds=%.3f",
            self.id, entry.method, self.platform, entry.path, entry.key_name or "-", entry.model or "-",
            entry.target or "-", self.status, self.sent, took,
        )  # fmt: skip
        self.order = None  # it knows us: without this its pictures would stay until the collector comes by
        return entry

    def _entry(self, took: float) -> Entry:
        """What the request log keeps of this request."""
        caller, order = self.caller, self.order
        keyless = self._keyless()
        return Entry(
            id=self.id,
            at=time.time() - took,
            key=caller.id if caller else "",
            key_name=caller.name if caller else "",
            platform=self.platform,
            method=self.scope["method"][:16],
            path=f"{keyless}…" if keyless else plain(address.keyless(self.tail)[:LONGEST]),
            status=self.status,
            outcome=self.outcome,
            seconds=round(took, 3),
            bytes_in=self.received,
            bytes_out=self.sent,
            **(order.told() if order else {}),
        )

    def _keyless(self) -> str:
        """The head of a path whose rest stands for a key, empty for all others."""
        return next((head for head in getattr(self.dialect, "KEYLESS", ()) if self.tail.startswith(head)), "")

    async def _receive(self) -> intake.Message:
        message = await self.receive()
        self.received += len(message.get("body", b""))
        return message

    async def _answer(self) -> None:
        query: dict[str, str] = {}
        for name, value in parse_qsl(self.scope["query_string"].decode("latin-1"), keep_blank_values=True):
            query[name] = f"{query[name]},{value}" if name in query else value
        if self._keyless():
            caller = await self.hall.uploads.bearer(self.tail.rpartition("/")[2])
        else:
            caller = await self.hall.desk.admit(self.headers, query)
        self.caller = caller
        if caller.platforms is not None and self.platform not in caller.platforms:
            doors = ", ".join(f"/{name}" for name in caller.platforms)
            raise Fault("forbidden", f"this key may not be used here but on {doors}", code="platform_not_allowed")
        wish = await self._read(query)
        match wish:
            case Job():
                self.order = Order(self, wish, caller)
                answering = await self.order.placed()
                await answering
            case Reply():
                await self.reply(wish)
            case Listing():
                models = [model for model in self.engine.house.models.values() if self._offered(model)]
                tasks = {model.name: self.engine.tasks(model) for model in models}
                await self.reply(self.dialect.catalogue(list(tasks), replace(wish, tasks=tasks)))
            case Balance():
                account = await self.hall.ledger.account(caller.id)
                await self.reply(self.dialect.balance(account.balance if account.limited else None))
            case Lookup():
                await lookups.answer_lookup(self, wish, caller)
            case Talk():
                await self.reply(self.dialect.talked(wish, await self.hall.talks.answer(wish, caller)))
            case Upload():
                place = f"{self.base}/{self.platform}"
                await self.reply(await self.hall.uploads.answer(wish, caller, self.dialect, place))

    def _offered(self, model: Model) -> bool:
        """Whether a model is on offer on this platform, for this caller."""
        assert self.caller is not None, "nobody is offered anything before it is known who asks"
        mine = self.caller.models is None or model.name in self.caller.models
        return mine and (not model.platforms or self.platform in model.platforms)

    async def _read(self, query: Mapping[str, str]) -> Wish:
        """The wish of a request: its path known, its body read, checked and parsed."""
        headers = self.headers
        secretless = {name: value for name, value in headers.items() if name not in address.KEY_HEADERS}
        asked = {name: value for name, value in query.items() if name != "key"}
        method = self.scope["method"]  # HEAD is asked like GET: the server leaves the body out
        call = Call("GET" if method == "HEAD" else method, self.tail, asked, secretless)
        schema = self.dialect.schema(call)
        sinks, limit = self.engine.shell.spools.sink, self.engine.house.limits.body
        if schema == "raw":
            call = replace(call, body=await intake.read_raw(self._receive, headers, sinks, limit))
        elif schema is not None:
            body = await intake.read(self._receive, headers, sinks, limit)
            value = self.now.schemas.coerce(schema, body) if isinstance(body, Form) else body.value
            self.now.schemas.check(schema, value)
            call = replace(call, body=Json(value))
        wish: Wish = self.dialect.parse(call)
        return self._placed(wish) if isinstance(wish, Job) else wish

    def _placed(self, job: Job) -> Job:
        """A job for a model that this house does not have, by the one that its dialect names in its place, if any."""
        other = job.options.get("_else")
        if other is None or self.engine.has(job.model) or not self.engine.has(other):
            return job
        note = Note("model", "defaulted", f"{other}: there is no {job.model} here")
        return replace(job, model=other, notes=(*job.notes, note))

    def allow(self, job: Job, caller: Caller) -> Model:
        """A job's model, if it is offered on this platform and to this caller; `Fault` not_found, forbidden else."""
        model = self.engine.model(job.model, job.task)
        if model.platforms and self.platform not in model.platforms:
            doors = ", ".join(f"/{name}" for name in model.platforms)
            message = f"model {job.model!r} is not offered here but on {doors}"
            raise Fault("not_found", message, field="model", code="model_not_found")
        if caller.models is not None and model.name not in caller.models:
            message = f"this key may not use model {job.model!r}; it may use {', '.join(caller.models)}"
            raise Fault("forbidden", message, field="model", code="model_not_allowed")
        return model

    async def hung_up(self) -> None:
        """Returns when the app has gone. Only to be asked once its request was read."""
        while (await self.receive())["type"] != "http.disconnect":
            continue

    async def blank(self) -> None:
        """White space, which JSON may begin with: the app sees that we are at work. The status is 200 from here on."""
        if not self.status:
            self.status = 200
            await answer.begin_json(self.send, self.named())
            self._open = True
        await answer.piece(self.send, b" ")

    async def begin(self, extra: Mapping[str, str]) -> None:
        if not self.status:
            self.status = 200
            await answer.begin_stream(self.send, {**self.named(), **extra})

    def named(self) -> dict[str, str]:
        """The request's number, under each name that an SDK looks for it."""
        return {"x-request-id": self.id, **self.pace} | dict.fromkeys(
            getattr(self.dialect, "REQUEST_ID_HEADERS", ()), self.id
        )

    async def reply(self, reply: Reply, headers: Mapping[str, str] | None = None) -> None:
        if self._open:
            ended = self.order.ended if self.order else None
            self.sent = await answer.end_json(self.send, answer.late(reply, ended.result) if ended else reply)
            return
        self.status = reply.status
        self.sent = await answer.reply(self.send, reply, {**self.named(), **(headers or {})})

    async def _fail(self, fault: Fault) -> None:
        self.outcome = fault.kind
        if self.status:
            return  # the answer has begun: all that is left is to cut it, which the server does
        seen = answer.shown(fault, self.id)
        if self.order is not None:
            seen = naming.renamed(seen, self.order.wish, self.dialect)
        reply: Reply = self.dialect.fail(seen)
        if fault.kind != "too_large":
            await self.reply(reply, fault.details.get("headers"))
            return
        self.status = reply.status
        limit = self.engine.house.limits.body
        self.sent = await answer.reply_and_linger(
            self.send, reply, self.named(), lambda: intake.rest(self._receive, limit)
        )


def told(entry: Entry) -> dict[str, str | int]:
    """What a span says of a request."""
    return {
        "http.request.method": entry.method,
        "http.response.status_code": entry.status,
        "koci.request": entry.id,
        "koci.platform": entry.platform,
        "koci.app": entry.key_name,
        "koci.model": entry.model,
        "koci.target": entry.target,
        "koci.outcome": entry.outcome,
        "koci.pictures": entry.pictures,
    }
