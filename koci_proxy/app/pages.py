"""The pages that belong to no platform: health, metrics, stored pictures, and the operator's own."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from ..engine.explain import Question, explain
from ..faults import Fault
from ..jobs import Jobs
from ..store import MIMES, Store
from ..telemetry import Telemetry
from ..words import retry_headers
from . import answer
from .callers import Desk
from .files import send_file
from .live import Live

DAY = 86_400


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the pages look into."""

    live: Live
    desk: Desk
    store: Store
    telemetry: Telemetry
    jobs: Jobs[Any]
    troubles: Callable[[], Awaitable[list[str]]]


def pages(rooms: Rooms, more: Sequence[Route]) -> Starlette:
    """The app for every path whose first word is no platform; `more` are pages that others answer."""

    async def health(request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def ready(request: Request) -> Response:
        troubles = await rooms.troubles()
        if not troubles:
            return PlainTextResponse("ready\n")
        return PlainTextResponse(f"not ready: {'; '.join(troubles)}\n", 503)

    async def metrics(request: Request) -> Response:
        content, mime = rooms.telemetry.render()
        return Response(content, headers={"content-type": mime})

    async def picture(request: Request) -> Response:
        key = request.path_params["key"]
        path = rooms.store.path(key)
        if path is None:
            return problem(Fault("not_found", "there is no such picture, or it has expired"))
        if not rooms.store.verify(key, dict(request.query_params)):
            return problem(Fault("forbidden", "this link's signature is wrong or has expired"))
        return Shelved(path)

    async def status(request: Request) -> Response:
        return JSONResponse(await _status(rooms, request))

    async def explained(request: Request) -> Response:
        await rooms.desk.operator(dict(request.headers))
        try:
            question = Question.read(json.loads(await request.body() or b"{}"))
        except ValueError as error:
            raise Fault("bad_request", f"the body is not JSON: {error}") from error
        return JSONResponse(await explain(rooms.live.now.engine, question))

    routes = [
        Route("/", home),
        Route("/healthz", health),
        Route("/readyz", ready),
        Route("/metrics", metrics),
        Route("/storage/images/{key}", picture),
        Route("/admin/status", status),
        Route("/admin/explain", explained, methods=["POST"]),
        *more,
    ]
    handlers: Any = {Fault: refused, 404: _lost(rooms), 405: _wrong_method}
    return Starlette(routes=routes, exception_handlers=handlers)


class Shelved(Response):
    """A stored picture or film, which never changes under its name."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        asked = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        mime = MIMES[self._path.suffix.removeprefix(".")]
        # Whoever has the link may have the picture, and no cookie is asked for: a page of any origin may read it too.
        extra = {"cache-control": f"public, max-age={365 * DAY}, immutable", "access-control-allow-origin": "*"}
        await send_file(send, self._path, mime, asked, extra, head=scope["method"] == "HEAD")


async def home(request: Request) -> Response:
    """Where an SDK or a person lands that asks for nothing."""
    return PlainTextResponse("koci-proxy: point an SDK's base URL at one of the platforms here; see README.md\n")


async def refused(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, Fault)
    return problem(fault)


def problem(fault: Fault) -> Response:
    """A fault outside every platform: plain JSON, readable by each SDK."""
    fault = answer.keyless(fault)
    error = {"message": fault.message, "type": fault.kind, "param": fault.field, "code": fault.code or fault.kind}
    return JSONResponse({"error": error}, fault.status, retry_headers(fault) | fault.details.get("headers", {}))


def _lost(rooms: Rooms) -> Any:
    async def lost(request: Request, error: Exception) -> Response:
        doors = ", ".join(f"/{name}" for name in rooms.live.now.engine.house.platforms)
        return problem(Fault("not_found", f"nothing is served at {request.url.path}; the platforms here are {doors}"))

    return lost


async def _wrong_method(request: Request, error: Exception) -> Response:
    headers = getattr(error, "headers", None)  # Starlette's own `Allow`
    what = f"{request.url.path} does not take {request.method}"
    return problem(Fault("wrong_method", what, details={"headers": headers} if headers else None))


async def _status(rooms: Rooms, request: Request) -> dict[str, Any]:
    await rooms.desk.operator(dict(request.headers))
    standing = rooms.live.standing
    engine = rooms.live.now.engine
    now = time.monotonic()
    return {
        "config": {
            "file": rooms.live.path.name,
            "good": not standing.complaints,
            "complaints": list(standing.complaints),
            "loads": standing.number,
            "last_load": int(standing.at),
        },
        "models": sorted(engine.house.models),
        "platforms": dict(engine.house.platforms),
        "keys": {name: keys.pool.status(now) for name, keys in engine.keys.items()},
        "jobs": len(rooms.jobs),
    }
