"""The house's own pages on jobs: `/v1/jobs`, the same under every platform, for whatever was asked in any dialect."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from ..faults import Fault
from ..state.jobs import Row
from ..types import Caller, Lookup
from . import answer
from .callers import Desk
from .ordering import KEEP_ALIVE, shown_job
from .rows import state_of
from .runner import Runner
from .watched import Watched
from .webhooks import shown_secret

MOST = 100
COMMENT = b": still at it\n\n"


def routes(desk: Desk, runner: Runner) -> list[Route]:
    """Every page wants an app key and shows its caller's own jobs alone; the operator's wants an admin token."""

    async def caller(request: Request) -> Caller:
        return await desk.admit(dict(request.headers), dict(request.query_params))

    async def owned(request: Request) -> Row:
        row = await runner.book.find((await caller(request)).id, request.path_params["id"])
        if row is None:
            raise Fault("not_found", "there is no such job under this API key, or it was kept long enough", field="id")
        return row

    def body(row: Row) -> Any:
        return shown_job(state_of(row, runner.store), row)

    async def listed(request: Request) -> Response:
        limit = _number(request.query_params.get("limit", "20"))
        if not 1 <= limit <= MOST:
            raise Fault("bad_request", f"limit is a whole number from 1 to {MOST}", field="limit")
        asked = Lookup("list", limit=limit, after=request.query_params.get("after"))
        rows, more = await runner.book.listing((await caller(request)).id, asked)
        return JSONResponse({"object": "list", "data": [body(row) for row in rows], "has_more": more})

    async def shown(request: Request) -> Response:
        return JSONResponse(body(await owned(request)))

    async def events(request: Request) -> Response:
        return _listened(runner, await owned(request), _number(request.headers.get("last-event-id", "")))

    async def cancelled(request: Request) -> Response:
        row = await owned(request)
        if await runner.cancel(row) is None:
            fresh = await runner.book.find(row.owner, row.id) or row
            raise Fault("conflict", f"the job is over: it is {fresh.status}", field="id", code="job_ended")
        return JSONResponse(body(await owned(request)))

    async def secret(request: Request) -> Response:
        digest = await runner.callers.digest((await caller(request)).id)
        assert digest is not None, "whoever came in has a live key"
        return JSONResponse({"secret": shown_secret(digest)})

    return [
        Route("/admin/jobs", _of_all(desk, runner)),
        Route("/v1/jobs", listed),
        Route("/v1/jobs/{id}", shown, methods=["GET"]),
        Route("/v1/jobs/{id}", cancelled, methods=["DELETE"]),
        Route("/v1/jobs/{id}/events", events),
        Route("/v1/webhooks/secret", secret),
    ]


def _number(text: str) -> int:
    """A whole number that an app wrote; 0 for what is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0


def _of_all(desk: Desk, runner: Runner) -> Any:
    async def of_all(request: Request) -> Response:
        await desk.operator(dict(request.headers))
        rows = await runner.book.newest(MOST, attention=request.query_params.get("attention", "") == "true")
        shown = [shown_job(state_of(row, runner.store), row) for row in rows]
        more = [{"owner": row.owner, "attention": row.attention} for row in rows]
        return JSONResponse({"object": "list", "data": [{**one, **two} for one, two in zip(shown, more, strict=True)]})

    return of_all


def _listened(runner: Runner, row: Row, seen: int) -> Response:
    """The rest of a story for whoever knows so many events of it; who knows more than there are knows another story."""
    headers = {"cache-control": "no-store", "x-request-id": row.id}
    if row.ended and seen == len(row.story):  # which tells an EventSource not to come back
        return Response(status_code=204, headers=headers)
    rest = _story(runner, row, seen if seen <= len(row.story) else 0)
    return StreamingResponse(rest, media_type="text/event-stream", headers=headers)


async def _story(runner: Runner, row: Row, seen: int) -> AsyncIterator[bytes]:
    """Each thing that happened, with its number as the event's id; the last one carries the job as it ended."""
    async for each in answer.with_pauses(Watched(runner, row).rows(), KEEP_ALIVE):
        if each is None:
            yield COMMENT
            continue
        for number, (at, status, progress) in enumerate(each.story, 1):
            if number <= seen:
                continue
            seen = number
            data: dict[str, Any] = {"id": each.id, "status": status, "progress": progress, "at": round(at, 3)}
            if each.ended and number == len(each.story):
                data["job"] = shown_job(state_of(each, runner.store), each)
            yield f"id: {number}\nevent: {status}\ndata: {json.dumps(data)}\n\n".encode()
