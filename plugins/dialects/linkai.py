"""The LinkAI shape, towards apps and towards LinkAI: one path for new pictures and for edits, sizes as tier and ratio.

Read off LinkAI's own page on its picture API. There is no `n` and no stream; pictures come as links. It ignores what it
does not know without a word, so none is sent to it: they are left out here, with a note. Towards apps the statuses are
LinkAI's where it has one: 406 is *out of credit* and 409 *refused by moderation* (sent with `x-should-retry: false`,
since clients repeat a 409). An unknown model is 404 with the nearest name, as on every door of this house, not LinkAI's
402. `response_format: b64_json` and `mask` are extensions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from koci_proxy import sizes
from koci_proxy.blame import default_kind
from koci_proxy.faults import Fault
from koci_proxy.fields import Fields, bad, linked, picture, received, size_words, slipped
from koci_proxy.types import Delivery, Done, Event, Job, Listing, Note, Result, Target, Ticket
from koci_proxy.wire import Call, Frame, Json, Reply, base64, url
from koci_proxy.words import answer, complaint, from_vendor, no_such_model, no_such_path, retry_headers, wrong_method

NAME = "linkai"
KEEP_ALIVE = b": keep-alive\n\n"
END = b""
DELIVER: Delivery = "url"

PATHS = {"images/generations": "POST", "models": "GET"}
FORMATS: Mapping[str, Delivery] = {"url": "url", "b64_json": "base64"}
# What asks for nothing but what is done anyway: SDKs of OpenAI's shape send these to every base URL.
NOTHING: Mapping[str, Any] = {"n": 1, "stream": False}
TYPE = "invalid_request_error"  # the only type LinkAI's page shows, for every status


# --- towards an app -------------------------------------------------------------------------------------------------


def schema(call: Call) -> str | None:
    """The schema a JSON body must fit; `Fault` not_found or wrong_method where there is nothing to ask for."""
    return "linkai-generations" if _route(call) == "images/generations" else None


def _route(call: Call) -> str:
    path = call.path.strip("/")
    name = "models" if path.startswith("models/") else path
    if name not in PATHS:
        raise no_such_path(path, PATHS)
    if call.method.upper() != PATHS[name]:
        raise wrong_method(call.method, path, PATHS[name])
    return name


def parse(call: Call) -> Job | Listing:
    """What the app wants; pictures to start from make it an edit. `Fault` bad_request names the field."""
    if _route(call) == "models":
        return Listing(call.path.strip("/").partition("/")[2] or None)
    fields = Fields(call.body)
    prompt, model = fields.required("prompt"), fields.required("model")
    inputs = fields.pictures("images")
    mask = fields.take("mask")
    if mask is not None and not inputs:
        raise bad("mask", "needs a picture to lie over")
    form = fields.choice("response_format", FORMATS) or "url"
    return Job(
        model,
        prompt,
        task="edit" if inputs else "generate",
        inputs=inputs,
        mask=picture(mask, "mask") if mask is not None else None,
        size=sizes.tier_and_ratio(fields.text("size"), fields.text("aspect_ratio")),
        quality=fields.text("quality"),
        deliver=FORMATS[form],
        dialect=NAME,
        options={name: value for name, value in fields.rest().items() if value != NOTHING.get(name, ())}
        | slipped(fields),
        notes=() if form == "url" else (Note("response_format", "emulated", "b64_json is an extension of this house"),),
    )


def render(result: Result, job: Job) -> Reply:
    """The answer to an app; `created` is there for OpenAI's clients, which LinkAI's shape is meant to serve."""
    form = "url" if job.deliver == "url" else "b64_json"
    spell = url if job.deliver == "url" else base64
    data = [{form: spell(media)} for media in result.media]
    return Reply(200, {}, Json({"created": result.created or 0, "data": data}))


_STATUS = {"no_credit": 406, "refused": 409}


def fail(fault: Fault) -> Reply:
    """The error answer. Whatever failed behind us is 503, LinkAI's only word for it, unless waiting helps: 429."""
    status = _STATUS.get(fault.kind, fault.status)
    if fault.blame in ("key", "upstream") and status != 429:
        status = 503
    return Reply(status, retry_headers(fault), Json(_error(fault)))


def _error(fault: Fault) -> dict[str, Any]:
    return {"error": {"message": fault.message, "type": TYPE}}


def frame(event: Event, job: Job) -> tuple[Frame, ...]:
    """There are no streams on this wire; should one be asked for, its only frame is the whole answer."""
    body = render(event.result, job).body if isinstance(event, Done) else None
    return (Frame(None, body.value),) if isinstance(body, Json) else ()


def fail_frame(fault: Fault, job: Job) -> Frame:
    return Frame(None, _error(fault))


def catalogue(models: Sequence[str], listing: Listing) -> Reply:
    """All models, or the one asked for; `Fault` not_found with the nearest name.

    LinkAI documents no such path: the form is OpenAI's, whose clients its page offers.
    """
    if listing.model is not None and listing.model not in models:
        raise no_such_model(listing.model, models)
    listed = [{"id": name, "object": "model", "created": 0, "owned_by": "koci"} for name in models]
    if listing.model is None:
        return Reply(200, {}, Json({"object": "list", "data": listed}))
    return Reply(200, {}, Json(listed[models.index(listing.model)]))


# --- towards LinkAI -------------------------------------------------------------------------------------------------


def words(job: Job, target: Target) -> tuple[str, ...]:
    """None of an app's further words, not of one that speaks this dialect either: they would be ignored unseen."""
    return ()


def encode(job: Job, target: Target) -> Call:
    """The vendor's call. What is `auto` is left out: whether that word may be sent is written nowhere."""
    size, ratio = size_words(job.size, target.card.size.wire)
    body: dict[str, Any] = {
        "model": target.model,
        "prompt": job.prompt,
        "images": [linked(media) for media in job.inputs] or None,
        "size": size,
        "aspect_ratio": ratio,
        "quality": job.quality if "quality" in target.card.takes else None,
    }
    return Call(
        "POST", "images/generations", body=Json({name: each for name, each in body.items() if each is not None})
    )


# 402 is *model unknown or not allowed*, 406 *out of credit*, 409 *refused*: LinkAI's page, table of statuses.
_BY_STATUS = {402: "unserved", 406: "key_spent", 409: "refused"}


def decode(reply: Reply, job: Job, target: Target) -> Result | Ticket:
    """What LinkAI made. Raises `Fault` by the status alone: its errors have no codes."""
    body = answer(reply)
    said = complaint(body)
    if reply.status >= 300:
        raise from_vendor(_BY_STATUS.get(reply.status) or default_kind(reply.status), said.words, status=reply.status)
    if not isinstance(body, Mapping):
        raise from_vendor("garbled", None, status=reply.status)
    items = body.get("data")
    items = items if isinstance(items, list) else []
    made = [item.get("url") or item.get("b64_json") for item in items if isinstance(item, Mapping)]
    media = tuple(received(each, reply.status) for each in made if each)
    if not media:
        raise from_vendor("empty", said.words, status=reply.status)
    created = body.get("created")
    return Result(media, created=int(created) if isinstance(created, (int, float)) and created > 0 else None)
