"""The OpenAI Images shape, towards apps and towards vendors: generations, edits, their streams and errors.

Read off the OpenAPI file of OpenAI (2.3.0), the types of openai-python 3.52 and openai-node 7.55, and recorded requests
of both. Beyond OpenAI's own words the door takes `aspect_ratio` and `images`, and sizes such as "2K", as relays do.
Usage in a `Result` has OpenAI's names in every dialect: input_tokens, output_tokens, total_tokens and their details.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from koci_proxy import sizes
from koci_proxy.faults import Fault
from koci_proxy.fields import Fields, bad, picture, pixels_of, respelled, size_words
from koci_proxy.types import Delivery, Done, Event, Job, Listing, Media, Partial, Progress, Result, Target, Ticket
from koci_proxy.wire import Call, Form, Frame, Json, Reply, base64, data_uri, url
from koci_proxy.words import (
    answer,
    complaint,
    from_vendor,
    no_such_model,
    no_such_path,
    public_code,
    retry_headers,
    wrong_method,
)

from ._openai import refusal

NAME = "openai"
KEEP_ALIVE = b": keep-alive\n\n"
END = b""
DELIVER: Delivery = "url"

PROMPT_CHARS = 32_000
PATHS = {"images/generations": "POST", "images/edits": "POST", "models": "GET"}
SCHEMAS = {"images/generations": "openai-generations", "images/edits": "openai-edits"}
FORMATS: Mapping[str, Delivery] = {"url": "url", "b64_json": "base64"}
# What a field of a job is called on this wire; sent only if the model's card takes it.
WORDS = {
    "quality": "quality",
    "format": "output_format",
    "compression": "output_compression",
    "background": "background",
    "style": "style",
}

# How an app asks for its first picture; shown once, beside the first key.
SAMPLE = """\
curl {base}/v1/images/generations -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\
  -d '{{"model": "{model}", "prompt": "a fox in the snow", "size": "1024x1024"}}'

from openai import OpenAI  # pip install openai
client = OpenAI(base_url="{base}/v1", api_key="{key}")
print(client.images.generate(model="{model}", prompt="a fox in the snow", size="1024x1024").data[0].url)"""


# --- towards an app -------------------------------------------------------------------------------------------------


def schema(call: Call) -> str | None:
    """The schema a JSON body must fit; `Fault` not_found, wrong_method or gone where there is nothing to ask for."""
    return SCHEMAS.get(_route(call))


def _route(call: Call) -> str:
    path = call.path.strip("/")
    if path == "images/variations":
        raise Fault("gone", "image variations were retired; use images/edits with a prompt")
    name = "models" if path.startswith("models/") else path
    if name not in PATHS:
        raise no_such_path(path, PATHS)
    if call.method.upper() != PATHS[name]:
        raise wrong_method(call.method, path, PATHS[name])
    return name


def parse(call: Call) -> Job | Listing:
    """What the app wants. `Fault` bad_request names the field."""
    path = _route(call)
    if path == "models":
        return Listing(call.path.strip("/").partition("/")[2] or None)
    fields = Fields(call.body)
    prompt, model = fields.required("prompt", PROMPT_CHARS), fields.required("model")
    inputs = _inputs(fields)
    edit = path == "images/edits"
    if edit and not inputs:
        raise Fault("bad_request", "image is required", field="image", code="missing_required_parameter")
    mask = fields.take("mask")
    if mask is not None and not inputs:
        raise bad("mask", "needs a picture to lie over")
    stream = fields.flag("stream")
    job = Job(
        model,
        prompt,
        task="edit" if inputs else "generate",
        inputs=inputs,
        mask=_reference(mask, "mask") if mask is not None else None,
        n=fields.whole("n", 1, 10) or 1,
        size=sizes.tier_and_ratio(fields.text("size"), fields.text("aspect_ratio")),
        quality=fields.text("quality"),
        format=fields.text("output_format"),
        compression=fields.whole("output_compression", 0, 100),
        background=fields.text("background"),
        style=fields.text("style"),
        deliver=_delivery(fields.choice("response_format", FORMATS), stream),
        stream=stream,
        partials=fields.whole("partial_images", 0, 3) or 0,
        dialect=NAME,
    )
    mark = {"_events": "image_generation"} if inputs and not edit else {}
    return replace(job, options=fields.rest() | mark)


def _delivery(asked: str | None, stream: bool) -> Delivery:
    """A stream carries pictures in itself unless the app says otherwise: its events know only b64_json."""
    if asked is None:
        return "base64" if stream else DELIVER
    return FORMATS[asked]


def _inputs(fields: Fields) -> tuple[Media, ...]:
    """Reference pictures in order: `image` as files of a form come, `images` as JSON has them."""
    return tuple(
        _reference(each, f"{name}[{at}]")
        for name in ("image", "images")
        for at, each in enumerate(fields.several(name))
    )


def _reference(value: Any, field: str) -> Media:
    """A picture itself, or an object that holds its `image_url`."""
    if not isinstance(value, Mapping):
        return picture(value, field)
    if value.get("file_id") is not None:
        raise bad(f"{field}.file_id", "cannot be used: there is no file store here; send the picture or its image_url")
    link = value.get("image_url")
    if isinstance(link, Mapping):
        link = link.get("url")
    return picture(link, f"{field}.image_url")


def render(result: Result, job: Job) -> Reply:
    """The answer to an app. `Result.created` should be set; 0 stands for a time nobody knows."""
    revised = result.extras.get("revised_prompts") or ()
    body: dict[str, Any] = {
        "created": result.created or 0,
        "data": [
            _spelled(media, job) | ({"revised_prompt": revised[at]} if at < len(revised) else {})
            for at, media in enumerate(result.media)
        ],
        **_facts(result.media, result.extras, job),
    }
    if result.usage:
        body["usage"] = dict(result.usage)
    if result.text:
        body["text"] = result.text  # what else the model said; official clients keep fields they do not know
    return Reply(200, {}, Json(body))


def _spelled(media: Media, job: Job) -> dict[str, Any]:
    return {"url": url(media)} if job.deliver == "url" else {"b64_json": base64(media)}


def _facts(media: Sequence[Media], extras: Mapping[str, Any], job: Job) -> dict[str, str]:
    """What came: by the pictures' own bytes where they tell, else as the vendor said, else as asked; what none tells
    is not there."""
    kind, _, form = ((media[0].mime if media else None) or "").partition("/")
    facts = {
        "background": extras.get("background") or job.background,
        "output_format": form.removesuffix("+xml") if kind == "image" else None,
        "quality": extras.get("quality") or job.quality,
        "size": pixels_of(media),
    }
    return {name: value for name, value in facts.items() if value}


def frame(event: Event, job: Job) -> tuple[Frame, ...]:
    """The frames of one event: none for progress, one for a preview, one for each finished picture."""
    match event:
        case Progress():
            return ()
        case Partial(media, index):
            return (_frame("partial_image", media, {}, None, job, {"partial_image_index": index}),)
        case Done(result):
            last = len(result.media) - 1
            return tuple(
                _frame("completed", media, result.extras, result.created, job, _usage(result) if at == last else {})
                for at, media in enumerate(result.media)
            )


def _usage(result: Result) -> dict[str, Any]:
    return {"usage": dict(result.usage)} if result.usage else {}


def _frame(
    name: str, media: Media, extras: Mapping[str, Any], created: int | None, job: Job, more: Mapping[str, Any]
) -> Frame:
    prefix = job.options.get("_events") or ("image_edit" if job.task == "edit" else "image_generation")
    # The clients' event types have these as required fields.
    facts = {"size": "auto", "quality": "auto", "background": "auto", "output_format": "png"}
    facts |= _facts([media], extras, job)
    data = {"type": f"{prefix}.{name}", **_spelled(media, job), "created_at": created or 0, **facts, **more}
    return Frame(data["type"], data)


_FAILS = {
    "unauthorized": ("invalid_request_error", "invalid_api_key"),
    "no_credit": ("insufficient_quota", "insufficient_quota"),
    "refused": ("image_generation_user_error", "moderation_blocked"),
    "too_fast": ("rate_limit_error", "rate_limit_exceeded"),
    "key_busy": ("rate_limit_error", "rate_limit_exceeded"),
    "key_refused": ("service_unavailable_error", "upstream_unavailable"),
    "key_spent": ("service_unavailable_error", "upstream_unavailable"),
    "unserved": ("service_unavailable_error", "upstream_unavailable"),
    "down": ("server_error", "upstream_error"),
    "slow": ("server_error", "upstream_timeout"),
    "garbled": ("server_error", "upstream_error"),
    "empty": ("server_error", "no_image"),
    "internal": ("server_error", "internal_error"),
}
# Clients and their users branch on these words: a code of the fault's own does not take their place.
_FIXED = frozenset({"refused", "too_fast", "no_credit"})


def fail(fault: Fault) -> Reply:
    """The error answer. A vendor's 401 is never shown as 401: it is about this house's key, not the app's."""
    return Reply(fault.status, retry_headers(fault), Json({"error": _error(fault)}))


def fail_frame(fault: Fault, job: Job) -> Frame:
    """The nested form: the flat one is handed to the program as a normal event by most official clients."""
    return Frame("error", {"type": "error", "error": _error(fault)})


def _error(fault: Fault) -> dict[str, Any]:
    kind, code = _FAILS.get(fault.kind, ("invalid_request_error", None))
    own = None if fault.kind in _FIXED else public_code(fault)
    error: dict[str, Any] = {"message": fault.message, "type": kind, "param": fault.field, "code": own or code}
    if "moderation_details" in fault.details:
        error["moderation_details"] = fault.details["moderation_details"]
    return error


def catalogue(models: Sequence[str], listing: Listing) -> Reply:
    """All models, or the one asked for; `Fault` not_found with the nearest name."""
    if listing.model is None:
        return Reply(200, {}, Json({"object": "list", "data": [_model(name) for name in models]}))
    if listing.model not in models:
        raise no_such_model(listing.model, models)
    return Reply(200, {}, Json(_model(listing.model)))


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "koci"}


# --- towards a vendor -----------------------------------------------------------------------------------------------


def encode(job: Job, target: Target) -> Call:
    """The vendor's call: JSON for generations, a form for edits. Pictures we only have a link to go as a JSON edit."""
    words = _words(job, target)
    if not job.inputs:
        return Call("POST", "images/generations", body=Json(respelled(words)))
    pictures = (*job.inputs, *([job.mask] if job.mask else []))
    if any(media.data is None for media in pictures):
        return Call("POST", "images/edits", body=Json(respelled(words) | _linked(job)))
    name = "image" if len(job.inputs) == 1 else "image[]"
    files = [(name, media) for media in job.inputs] + ([("mask", job.mask)] if job.mask else [])
    texts = [pair for key, value in words.items() for pair in _texts(key, value)]
    return Call("POST", "images/edits", body=Form((*texts, *files)))


def _linked(job: Job) -> dict[str, Any]:
    def link(media: Media) -> dict[str, Any]:
        return {"image_url": data_uri(media) if media.url is None else url(media)}

    mask = {"mask": link(job.mask)} if job.mask else {}
    return {"images": [link(media) for media in job.inputs], **mask}


def _words(job: Job, target: Target) -> dict[str, Any]:
    """Every field but the pictures: what the card takes, and the app's own further words."""
    takes = target.card.takes
    size, ratio = size_words(job.size, target.card.size.wire)
    words: dict[str, Any] = {"prompt": job.prompt, "model": target.model}
    words |= {"n": job.n} if job.n > 1 else {}
    words |= {"size": size} if size else {}
    words |= {"aspect_ratio": ratio} if ratio else {}
    words |= {name: getattr(job, field) for field, name in WORDS.items() if field in takes}
    if "deliver" in takes:
        words["response_format"] = "url" if job.deliver == "url" else "b64_json"
    if job.dialect == NAME:
        words |= {name: value for name, value in job.options.items() if not name.startswith("_")}
    return {name: value for name, value in words.items() if value is not None}


def _texts(name: str, value: Any) -> list[tuple[str, str | Media]]:
    """A form field as official clients spell it: lists as `name[]`, objects as `name[key]`, truths in lower case."""
    if isinstance(value, Media):
        return [(name, value)]
    if isinstance(value, bool):
        return [(name, "true" if value else "false")]
    if isinstance(value, Mapping):
        return [pair for key, each in value.items() for pair in _texts(f"{name}[{key}]", each)]
    if isinstance(value, list):
        return [pair for each in value for pair in _texts(f"{name}[]", each)]
    return [] if value is None else [(name, str(value))]


def decode(reply: Reply, job: Job, target: Target) -> Result | Ticket:
    """What the vendor made. Raises `Fault`: by the error's code where it has a known one, else by the status."""
    body = answer(reply)
    if reply.status >= 300:
        raise refusal(reply.status, complaint(body))
    if not isinstance(body, Mapping):
        raise from_vendor("garbled", None, status=reply.status)
    items = body.get("data")
    if not items and body.get("error"):
        raise refusal(reply.status, complaint(body))
    items = [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []
    media = tuple(_media(item, reply.status) for item in items if item.get("b64_json") or item.get("url"))
    if not media:
        raise from_vendor("empty", complaint(body).words, status=reply.status)
    usage, created, text = body.get("usage"), body.get("created"), body.get("text")
    return Result(
        media,
        text=text if isinstance(text, str) else "",
        usage=usage if isinstance(usage, Mapping) else {},
        created=int(created) if isinstance(created, (int, float)) and created > 0 else None,
        extras=_extras(body, items),
    )


def _media(item: Mapping[str, Any], status: int) -> Media:
    try:
        return picture(item.get("b64_json") or item.get("url"), "data")
    except Fault as fault:
        raise from_vendor("garbled", fault.message, status=status) from fault


def _extras(body: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    extras: dict[str, Any] = {
        name: body[name] for name in ("background", "quality") if body.get(name) and isinstance(body[name], str)
    }
    revised = [item.get("revised_prompt") for item in items]
    if any(isinstance(each, str) for each in revised):
        extras["revised_prompts"] = tuple(each if isinstance(each, str) else "" for each in revised)
    return extras
