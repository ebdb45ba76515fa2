"""The operator's pages on keys, credits and the request log, under `/admin`; and what a key may see of its own."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from ..facts import House
from ..faults import Fault
from ..state import Callers, Ledger
from ..state.callers import Row
from ..state.ledger import Account
from ..state.requests import Asked, RequestLog
from ..state.texts import clean
from . import repeats, terms
from .callers import Desk, bounds

# How much may be asked for at once, and how long a body of these pages may be, in bytes.
MOST = 1000
LONGEST = 1 << 20
# How long a key that is rotated stays good beside the new one, and from when on a hold is an old one, if nobody says.
OVERLAP = "1h"
STALE = "1h"
BY = "admin API"

Page = Callable[[Request], Awaitable[Response]]

# What a body may hold: each field's kind and how that is called. A field may be null, which is not to say it or, of
# what binds a key, to take it away.
FIELDS: Mapping[str, tuple[tuple[type, ...], str]] = {
    "name": ((str,), "a string"),
    "owner": ((str,), "a string"),
    "note": ((str,), "a string"),
    "models": ((list,), "an array of names"),
    "platforms": ((list,), "an array of names"),
    "limits": ((dict,), "an object"),
    "unlimit": ((bool,), "true"),
    "force": ((bool,), "true or false"),
    "expires_at": ((str, int, Decimal), "a time such as 30d or 2027-01-31, or Unix seconds"),
    "overlap": ((str, int, Decimal), "a time such as 1h, or seconds"),
    **dict.fromkeys(("credits", "top_up", "adjust"), ((str, int, Decimal), "a number of credits")),
}
RIGHTS = ("owner", "expires_at", "models", "platforms", "limits")
MOVES = ("top_up", "adjust", "unlimit")


def routes(desk: Desk, callers: Callers, ledger: Ledger, log: RequestLog, house: Callable[[], House]) -> list[Route]:
    """Every page under `/admin` wants an admin token, those under `/v1` an app key; `house` is the one of now."""
    keys, own = Keys(callers, ledger, house), Own(desk, ledger, house)
    books = Books(callers, ledger, log, house)

    def admitted(page: Page) -> Page:
        async def checked(request: Request) -> Response:
            await desk.operator(dict(request.headers))
            return await page(request)

        return checked

    pages: list[tuple[str, str, Page]] = [
        ("GET", "/admin/keys", keys.listed),
        ("POST", "/admin/keys", keys.made),
        ("GET", "/admin/keys/{id}", keys.shown),
        ("PATCH", "/admin/keys/{id}", keys.changed),
        ("DELETE", "/admin/keys/{id}", keys.revoked),
        ("POST", "/admin/keys/{id}/rotate", keys.rotated),
        ("GET", "/admin/keys/{id}/credits", books.credits),
        ("POST", "/admin/keys/{id}/credits", books.moved),
        ("GET", "/admin/keys/{id}/statement", books.statement),
        ("GET", "/admin/credits/check", books.checked),
        ("GET", "/admin/log", books.calls),
    ]
    return [
        *(Route(path, admitted(page), methods=[method]) for method, path, page in pages),
        Route("/v1/credits", own.credits),
        Route("/v1/credits/statement", own.statement),
    ]


class Keys:
    """The keys of apps: made, shown, changed, replaced and revoked."""

    def __init__(self, callers: Callers, ledger: Ledger, house: Callable[[], House]) -> None:
        self._callers, self._ledger, self._house = callers, ledger, house

    async def listed(self, request: Request) -> Response:
        _asked(request)
        accounts = await self._ledger.accounts()
        rows = await self._callers.listing()
        return _list([terms.shown_key(row, accounts.get(row.id, Account(row.id))) for row in rows])

    async def made(self, request: Request) -> Response:
        given = await _body(request, "name", *RIGHTS, "credits")
        name, credits = given.get("name"), given.get("credits")
        if name is None:
            raise Fault("bad_request", "name is required", field="name", code="missing_required_parameter")
        first = None if credits is None else terms.amount(credits, "credits")
        bound = terms.rights(given, self._house())
        plain, caller = await terms.new_key(self._callers, self._ledger, name, bound, first, BY)
        return await self._told(caller.id, plain, 201)

    async def shown(self, request: Request) -> Response:
        return await self._told((await _meant(self._callers, request)).id)

    async def changed(self, request: Request) -> Response:
        given = await _body(request, *RIGHTS)
        row = await _meant(self._callers, request)
        await self._callers.change(row.id, terms.rights(given, self._house()))
        return await self._told(row.id)

    async def revoked(self, request: Request) -> Response:
        row = await _meant(self._callers, request)
        if not await self._callers.revoke(row.id):
            raise Fault("not_found", f"the key {row.id} is revoked already", field="id")
        return await self._told(row.id)

    async def rotated(self, request: Request) -> Response:
        given = await _body(request, "overlap", "force")
        overlap, force = given.get("overlap"), given.get("force") is True
        row = await _meant(self._callers, request)
        seconds = terms.span(OVERLAP if overlap is None else overlap, "overlap")
        plain, _ = await self._callers.rotate(row.id, seconds, force=force)
        return await self._told(row.id, plain)

    async def _told(self, id: str, plain: str | None = None, status: int = 200) -> Response:
        """A key as it is now; the key itself, where it is new, for this once."""
        shown = terms.shown_key(await terms.find(self._callers, id), await self._ledger.account(id))
        return JSONResponse(shown if plain is None else {**shown, "key": plain}, status, {"cache-control": "no-store"})


class Books:
    """What keys have and what they spent, and the calls they made."""

    def __init__(self, callers: Callers, ledger: Ledger, log: RequestLog, house: Callable[[], House]) -> None:
        self._callers, self._ledger, self._log, self._house = callers, ledger, log, house

    async def credits(self, request: Request) -> Response:
        row = await _meant(self._callers, request)
        return JSONResponse(_account(row.id, await self._ledger.account(row.id)))

    async def moved(self, request: Request) -> Response:
        given = await _body(request, *MOVES, "note")
        moves = [name for name in MOVES if given.get(name) is not None]
        if len(moves) != 1 or given.get("unlimit") is False:
            raise Fault("bad_request", f"one of {', '.join(MOVES)} is wanted", field=moves[-1] if moves else None)
        row, note = await _meant(self._callers, request), given.get("note") or ""
        if moves == ["unlimit"]:
            account = await self._ledger.unlimit(row.id)
        else:
            move = self._ledger.top_up if moves == ["top_up"] else self._ledger.adjust
            amount, once = terms.amount(given[moves[0]], moves[0]), repeats.key(request.headers)
            account = await move(row.id, amount, note, BY, once)
        return JSONResponse(_account(row.id, account))

    async def statement(self, request: Request) -> Response:
        asked = _asked(request, "since", "until", "after", "limit")
        row, since, until = await _meant(self._callers, request), _time(asked, "since"), _time(asked, "until")
        if "text/csv" not in request.headers.get("accept", ""):
            return await _statement(self._ledger, row.id, asked)
        lines = self._ledger.export(row.id, since, until)
        headers = {"content-disposition": f'attachment; filename="statement-{row.id}.csv"'}
        return StreamingResponse(lines, media_type="text/csv", headers=headers)

    async def checked(self, request: Request) -> Response:
        asked = _asked(request, "stale")
        before = time.time() - terms.span(asked.get("stale", STALE), "stale")
        wrong, accounts = await self._ledger.totals(), await self._ledger.accounts()
        return JSONResponse(terms.shown_check(accounts, wrong, await self._ledger.stale(before)))

    async def calls(self, request: Request) -> Response:
        filters = ("key", "model", "outcome", "status", "failed", "since", "until")
        asked = _asked(request, *filters, "after", "limit", "totals")
        wanted = Asked(
            **{name: clean(asked[name]) for name in ("key", "model", "outcome") if name in asked},
            status=_whole(asked, "status", None, 100, 599),
            since=_time(asked, "since"),
            until=_time(asked, "until"),
            failed=_truth(asked, "failed"),
        )
        if _truth(asked, "totals"):
            shown = [terms.shown_total(total) for total in await self._log.totals(wanted)]
        else:
            limit, after = _limit(asked, 50), _whole(asked, "after", None, 0)
            found = self._log.newest(wanted, limit) if after is None else self._log.after(after, wanted, limit)
            shown = [terms.shown_call(number, entry) for number, entry in await found]
        if not shown:
            await terms.known(wanted, self._callers, self._log, self._house())
        return _list(shown)


class Own:
    """What a key may see of itself."""

    def __init__(self, desk: Desk, ledger: Ledger, house: Callable[[], House]) -> None:
        self._desk, self._ledger, self._house = desk, ledger, house

    async def credits(self, request: Request) -> Response:
        caller = await self._desk.admit(dict(request.headers), dict(request.query_params))
        bound = asdict(bounds(caller, self._house().limits.key))
        limits = {"limits": terms.shown_limits({name: value for name, value in bound.items() if value is not None})}
        return JSONResponse(_account(caller.id, await self._ledger.account(caller.id)) | limits)

    async def statement(self, request: Request) -> Response:
        caller = await self._desk.admit(dict(request.headers), dict(request.query_params))
        return await _statement(self._ledger, caller.id, _asked(request, "since", "until", "after", "limit", "key"))


def _account(key: str, account: Account) -> dict[str, Any]:
    return {"object": "credits", "key": key, **terms.shown_account(account)}


def _list(data: list[dict[str, Any]], **more: Any) -> Response:
    return JSONResponse({"object": "list", "data": data, **more})


async def _statement(ledger: Ledger, owner: str, asked: Mapping[str, str]) -> Response:
    """A page of a key's entries, from the newest on."""
    since, until = _time(asked, "since"), _time(asked, "until")
    limit, after = _limit(asked, 100), _whole(asked, "after", None, 0)
    lines, more = await ledger.statement(owner, since=since, until=until, after=after, limit=limit)
    return _list([terms.shown_line(line) for line in lines], has_more=more)


async def _meant(callers: Callers, request: Request) -> Row:
    """The key that a path names by its id, or by its name."""
    return await terms.find(callers, request.path_params["id"])


# --- what is asked ----------------------------------------------------------------------------------------------------


async def _body(request: Request, *known: str) -> dict[str, Any]:
    """The fields of a JSON body, which may be left out whole; numbers with a point are `Decimal`s."""
    text = b""
    async for piece in request.stream():
        text += piece
        if len(text) > LONGEST:
            raise Fault("too_large", f"{LONGEST} bytes are the most here")
    try:
        given = json.loads(text or b"{}", parse_float=Decimal, object_pairs_hook=_object)
        json.dumps(given, ensure_ascii=False, default=str).encode()  # half a letter could not be shown in an answer
    except (ValueError, RecursionError) as error:
        raise Fault("bad_request", "the body is not JSON") from error
    if not isinstance(given, dict):
        raise Fault("bad_request", "the body must be an object")
    for name, value in given.items():
        if name not in known:
            raise terms.unknown("field", name, dict.fromkeys(known))
        kinds, words = FIELDS[name]
        if value is not None and (not isinstance(value, kinds) or isinstance(value, bool) != (kinds == (bool,))):
            raise Fault("bad_request", f"{name} must be {words}", field=name)
    return given


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of which nobody could say what it asks for is none."""
    names = Counter(name for name, _ in pairs)
    for name, times in names.items():
        if times > 1:
            raise Fault("bad_request", f"{name} is given {times} times", field=name)
    return dict(pairs)


def _asked(request: Request, *known: str) -> Mapping[str, str]:
    """The parameters of a query."""
    asked = request.query_params
    for name in asked:
        if name not in known:
            raise terms.unknown("parameter", name, dict.fromkeys(known))
    return asked


def _time(asked: Mapping[str, str], name: str) -> float | None:
    return terms.moment(asked[name], name, ago=True) if name in asked else None


def _limit(asked: Mapping[str, str], default: int) -> int:
    return _whole(asked, "limit", default, 1, MOST) or default


def _whole(asked: Mapping[str, str], name: str, default: int | None, least: int, most: int = 2**53) -> int | None:
    text = asked.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 17 and least <= int(text) <= most):
        raise Fault("bad_request", f"{name} is a whole number from {least} to {most}", field=name)
    return int(text)


def _truth(asked: Mapping[str, str], name: str) -> bool:
    text = asked.get(name, "false")
    if text not in ("true", "false"):
        raise Fault("bad_request", f"{name} is true or false", field=name)
    return text == "true"
