"""The Anthropic Messages shape, towards apps and towards relays that answer a message with a picture.

Read off recorded requests of anthropic-python 0.75 to 2.11 and @anthropic-ai/sdk 1.11, the types of 2.11, and how they
take answers with pictures. Anthropic's own API makes none, so the answer is this house's: a text block with a Markdown
link `![image](…)` for each picture, since most programs read `content[0].text`, then an image block for each, which
every official client keeps. Beyond Anthropic's own words the door takes those of OpenAI's pictures, flat in the body
(`extra_body` of the SDKs): size, aspect_ratio, n, quality, output_format, output_compression, background, style, and
response_format, where b64_json asks for image blocks in base64; then no link is named.

A conversation is a prompt (the texts of the last turn of the user) and pictures in order, those of earlier turns first.
What more there is stands in the job's options, so that a vendor of this shape gets the conversation as it was. Both
versions of the API are spoken towards apps; the newer one no longer has `temperature`, `top_p` and `top_k`. A
refused request is 400 invalid_request_error with `details.error_code` content_refused: a 200 with stop_reason "refusal"
would look like a success to most programs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from koci_proxy import sizes
from koci_proxy.faults import Fault
from koci_proxy.fields import Fields, bad, picture, respelled, said_late, size_words
from koci_proxy.types import Delivery, Done, Event, Job, Listing, Media, Result, Target, Ticket
from koci_proxy.wire import Call, Frame, Json, Reply
from koci_proxy.words import answer, from_vendor, no_such_model, no_such_path, public_code, retry_headers, wrong_method

from . import _anthropic

NAME = "anthropic"
KEEP_ALIVE = b'event: ping\ndata: {"type": "ping"}\n\n'
END = b""
DELIVER: Delivery = "url"
REQUEST_ID_HEADERS = ("request-id",)  # where official clients look for it

PATHS = {"messages": "POST", "messages/count_tokens": "POST", "models": "GET"}
SCHEMAS = {"messages": "anthropic-messages", "messages/count_tokens": "anthropic-count"}
FORMATS: Mapping[str, Delivery] = {"url": "url", "b64_json": "base64"}
# What a field of a job is called on this wire; sent only if the model's card takes it.
WORDS = {
    "quality": "quality",
    "format": "output_format",
    "compression": "output_compression",
    "background": "background",
    "style": "style",
}
VERSION = "2023-06-01"  # of the API, as relays know it; a provider's `wire: {version: …}` may say another
# What a version of the API took away: from it on, whoever sends one of these is refused.
GONE = {"2026-10-21": frozenset({"temperature", "top_p", "top_k"})}
MAX_TOKENS = 4096  # for an app of another dialect, which has no such word
PAGE = 1000  # models on a page at most, and where the app does not say; Anthropic's own default is 20


# --- towards an app -------------------------------------------------------------------------------------------------


def schema(call: Call) -> str | None:
    """The schema a JSON body must fit; `Fault` not_found or wrong_method where there is nothing to ask for."""
    return SCHEMAS.get(_route(call))


def _route(call: Call) -> str:
    path = call.path.strip("/")
    name = "models" if path.startswith("models/") else path
    if name not in PATHS:
        raise no_such_path(path, PATHS)
    if call.method.upper() != PATHS[name]:
        raise wrong_method(call.method, path, PATHS[name])
    return name


def parse(call: Call) -> Job | Listing | Reply:
    """What the app wants; tokens are estimated on the spot. `Fault` bad_request names the field."""
    match _route(call):
        case "models":
            return Listing(call.path.strip("/").partition("/")[2] or None, call.query)
        case "messages/count_tokens":
            return _anthropic.count(call.body)
    fields = Fields(call.body)
    model, talk = fields.required("model"), _anthropic.read(fields.take("messages"))
    limit = fields.whole("max_tokens", 1, 10_000_000)
    job_words: dict[str, Any] = {
        "n": fields.whole("n", 1, 10) or 1,
        "size": sizes.tier_and_ratio(fields.text("size"), fields.text("aspect_ratio")),
        "quality": fields.text("quality"),
        "format": fields.text("output_format"),
        "compression": fields.whole("output_compression", 0, 100),
        "background": fields.text("background"),
        "style": fields.text("style"),
        "deliver": FORMATS[fields.choice("response_format", FORMATS) or "url"],
        "stream": fields.flag("stream"),
    }
    # These say nothing about a picture: a vendor of this shape gets them, no other loses anything with them.
    quiet = {"_max_tokens": limit, "_cache_control": fields.take("cache_control")}
    options = {name: value for name, value in quiet.items() if value} | talk.options
    options = fields.rest() | options
    return Job(
        model,
        talk.prompt,
        task="edit" if talk.inputs else "generate",
        inputs=talk.inputs,
        dialect=NAME,
        options=options,
        **job_words,
    )


def render(result: Result, job: Job) -> Reply:
    """The answer to an app: words with the links first, then the pictures."""
    return Reply(200, {}, Json(_message(result, job)))


def _message(result: Result, job: Job) -> dict[str, Any]:
    return {
        "id": result.extras.get("message_id") or _id(result, job),
        "type": "message",
        "role": "assistant",
        "model": job.model,
        "content": _blocks(result, job),
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": _anthropic.usage_out(result.usage),
    }


def _blocks(result: Result, job: Job) -> list[dict[str, Any]]:
    links = [f"![image]({media.url})" for media in result.media] if job.deliver == "url" else []
    text = "\n\n".join([*links, *([result.text] if result.text else [])])
    spoken: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
    return spoken + [_anthropic.spelled(media, job.deliver) for media in result.media]


def _id(result: Result, job: Job) -> str:
    """A name for an answer whose vendor gave it none: the request's own number, else the same for the same answer."""
    number = str(job.options.get("_id") or "").removeprefix("req_")
    facts = (job.model, job.prompt, result.created, [(media.size, media.url) for media in result.media], result.text)
    return "msg_" + (number or blake2b(repr(facts).encode(errors="replace"), digest_size=12).hexdigest())


def frame(event: Event, job: Job) -> tuple[Frame, ...]:
    """The frames of a whole message: the shape has no word for progress or previews.

    Nothing goes out before the picture is there, so that a fault still has its HTTP status. A picture stands whole in
    the start of its block: clients throw away what a delta of an unknown type holds. What the headers of a stream that
    was kept alive cannot say stands in the message's own start: of what comes later clients keep only what they know.
    """
    if not isinstance(event, Done):
        return ()
    message = _message(event.result, job)
    blocks, usage = message["content"], message["usage"]
    begun = message | {"content": [], "stop_reason": None, "usage": usage | {"output_tokens": 0}}
    begun |= said_late(event.result)
    frames = [_frame("message_start", message=begun)]
    for at, block in enumerate(blocks):
        text = block.get("text")
        frames.append(_frame("content_block_start", index=at, content_block=block | ({"text": ""} if text else {})))
        if text:
            frames.append(_frame("content_block_delta", index=at, delta={"type": "text_delta", "text": text}))
        frames.append(_frame("content_block_stop", index=at))
    end = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    frames.append(_frame("message_delta", delta=end, usage={"output_tokens": usage["output_tokens"]}))
    return (*frames, _frame("message_stop"))


def _frame(name: str, **data: Any) -> Frame:
    """A frame has its name twice: clients drop an event without an `event:` line."""
    return Frame(name, {"type": name, **data})


_FAILS = {
    "unauthorized": "authentication_error",
    "no_credit": "billing_error",
    "forbidden": "permission_error",
    "not_found": "not_found_error",
    "gone": "not_found_error",
    "conflict": "conflict_error",
    "too_large": "request_too_large",
    "too_fast": "rate_limit_error",
    "key_busy": "rate_limit_error",
    "slow": "timeout_error",
    **dict.fromkeys(("key_refused", "key_spent", "unserved", "down", "garbled", "empty", "internal"), "api_error"),
}


def fail(fault: Fault) -> Reply:
    """The error answer. A vendor's 401 is never shown as 401: it is about this house's key, not the app's."""
    return Reply(fault.status, retry_headers(fault), Json(_error(fault)))


def fail_frame(fault: Fault, job: Job) -> Frame:
    return Frame("error", _error(fault))


def _error(fault: Fault) -> dict[str, Any]:
    error: dict[str, Any] = {"type": _FAILS.get(fault.kind, "invalid_request_error"), "message": fault.message}
    code = "content_refused" if fault.kind == "refused" else public_code(fault)
    details = {"error_code": code, "field": fault.field}
    if any(details.values()):
        error["details"] = {name: value for name, value in details.items() if value}
    return {"type": "error", "error": error}


def catalogue(models: Sequence[str], listing: Listing) -> Reply:
    """All models, a page of them, or the one asked for; `Fault` not_found with the nearest name."""
    if listing.model is not None:
        if listing.model not in models:
            raise no_such_model(listing.model, models)
        return Reply(200, {}, Json(_model(listing.model)))
    page, more = _page(list(models), listing.page)
    ends = {"first_id": page[0] if page else None, "last_id": page[-1] if page else None}
    return Reply(200, {}, Json({"data": [_model(name) for name in page], **ends, "has_more": more}))


def _page(models: list[str], asked: Mapping[str, str]) -> tuple[list[str], bool]:
    """(names, whether more lie beyond): those behind `after_id`, or the nearest before `before_id`."""
    text = asked.get("limit", str(PAGE))
    if not text.isdecimal() or not 1 <= int(text[:9]) <= PAGE:
        raise bad("limit", f"must be a whole number from 1 to {PAGE}")
    limit = int(text)
    if before := asked.get("before_id"):
        rest = models[: _place(models, before, "before_id")]
        return rest[-limit:], len(rest) > limit
    after = asked.get("after_id")
    rest = models[_place(models, after, "after_id") + 1 :] if after else models
    return rest[:limit], len(rest) > limit


def _place(models: list[str], name: str, field: str) -> int:
    if name not in models:
        raise bad(field, f"names no model of this service: {name!r}")
    return models.index(name)


def _model(name: str) -> dict[str, Any]:
    return {"type": "model", "id": name, "display_name": name, "created_at": "1970-01-01T00:00:00Z"}


# --- towards a vendor -----------------------------------------------------------------------------------------------


def words(job: Job, target: Target) -> Collection[str]:
    """The app's extra words that will be sent: those of an app of this shape, but for what the vendor's version of the
    API has no more."""
    if job.dialect != NAME:
        return ()
    gone = (names for version, names in GONE.items() if _version(target) >= version)
    return job.options.keys() - frozenset().union(*gone)


def _version(target: Target) -> str:
    return str(target.wire.get("version", VERSION))


def encode(job: Job, target: Target) -> Call:
    """The vendor's call. An app of this shape gets all its words through, and its conversation as it was."""
    own = job.options if job.dialect == NAME else {}
    takes = target.card.takes
    size, ratio = size_words(job.size, target.card.size.wire)
    words: dict[str, Any] = {
        "model": target.model,
        "max_tokens": own.get("_max_tokens") or MAX_TOKENS,
        "messages": _anthropic.written(job, own.get("_messages")),
        "cache_control": own.get("_cache_control"),
        "size": size,
        "aspect_ratio": ratio,
        "n": job.n if job.n > 1 else None,
        **{name: getattr(job, field) for field, name in WORDS.items() if field in takes},
    }
    rest = {name: respelled(value) for name, value in own.items() if not name.startswith("_")}
    body = {name: value for name, value in words.items() if value is not None} | rest
    return Call("POST", "messages", headers={"anthropic-version": _version(target)}, body=Json(body))


def decode(reply: Reply, job: Job, target: Target) -> Result | Ticket:
    """What the vendor made: its image blocks, else the pictures its words show. Raises `Fault`, also for none."""
    body = answer(reply)
    if reply.status >= 300:
        raise _anthropic.refusal(reply.status, body)
    if not isinstance(body, Mapping):
        raise from_vendor("garbled", None, status=reply.status)
    if body.get("error"):
        raise _anthropic.refusal(reply.status, body)
    blocks = _anthropic.objects(body.get("content"))
    texts = [block.get("text") for block in blocks if block.get("type", "text") == "text"]
    links, words = _anthropic.pictures_in("\n\n".join(text for text in texts if isinstance(text, str)))
    sources = [block.get("source") for block in blocks if block.get("type") == "image"]
    drawn = [source.get("data") or source.get("url") for source in sources if isinstance(source, Mapping)]
    bare = [text for text in texts if isinstance(text, Media)]  # a block whose text is one long data URI
    media = tuple(_media(each, reply.status) for each in (drawn or [*bare, *links]))
    if not media:
        raise _anthropic.no_picture(body, words, reply.status)
    name = body.get("id")
    return Result(
        media,
        text=words,
        usage=_anthropic.usage_in(body.get("usage")),
        extras={"message_id": name} if isinstance(name, str) and name else {},
    )


def _media(value: Any, status: int) -> Media:
    try:
        return picture(value, "source")
    except Fault as fault:
        raise from_vendor("garbled", fault.message, status=status) from fault
