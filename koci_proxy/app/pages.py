"""The pages that belong to no platform: health, metrics, stored pictures, and the operator's own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from ..callers import Callers
from ..engine.explain import Question, explain
from ..faults import Fault
from ..jobs import Jobs
from ..store import Store
from ..telemetry import Telemetry
from .live import Live

DAY = 86_400


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the pages look into."""

    live: Live
    callers: Callers
    store: Store
    telemetry: Telemetry
    jobs: Jobs
    ready: Callable[[], bool]


def pages(rooms: Rooms) -> Starlette:
    """The app for every path whose first word is no platform."""

    async def health(request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def ready(request: Request) -> Response:
        return PlainTextResponse("ready\n") if rooms.ready() else PlainTextResponse("not ready\n", 503)

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
        headers = {"cache-control": f"public, max-age={365 * DAY}, immutable", "x-content-type-options": "nosniff"}
        return FileResponse(path, headers=headers)

    async def status(request: Request) -> Response:
        return JSONResponse(await _status(rooms, request))

    async def explained(request: Request) -> Response:
        await _operator(rooms, request)
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
    ]
    handlers: Any = {Fault: refused, 404: _lost(rooms), 405: _wrong_method}
    return Starlette(routes=routes, exception_handlers=handlers)


async def home(request: Request) -> Response:
    """Where an SDK or a person lands that asks for nothing."""
    return PlainTextResponse("koci-proxy: point an SDK's base URL at one of the platforms here; see README.md\n")


async def refused(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, Fault)
    return problem(fault)


def problem(fault: Fault) -> Response:
    """A fault outside every platform: plain JSON, readable by each SDK."""
    error = {"message": fault.message, "type": fault.kind, "param": fault.field, "code": fault.code or fault.kind}
    return JSONResponse({"error": error}, fault.status)


def _lost(rooms: Rooms) -> Any:
    async def lost(request: Request, error: Exception) -> Response:
        doors = ", ".join(f"/{name}" for name in rooms.live.now.engine.house.platforms)
        return problem(Fault("not_found", f"nothing is served at {request.url.path}; the platforms here are {doors}"))

    return lost


async def _wrong_method(request: Request, error: Exception) -> Response:
    return problem(Fault("wrong_method", f"{request.url.path} does not take {request.method}"))


async def _operator(rooms: Rooms, request: Request) -> None:
    """Let in only who holds an admin token."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not await rooms.callers.is_admin(token.strip()):
        raise Fault("unauthorized", "this needs 'Authorization: Bearer' with an admin token")


async def _status(rooms: Rooms, request: Request) -> dict[str, Any]:
    await _operator(rooms, request)
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
