"""The OpenAI Images shape towards a vendor: its call, its answer, and the events of its stream.

A stream is asked for where the job wants one and the card says that the family can. An official stream has an event
for each preview and one for each finished picture; some relays put the whole answer into one event, and errors come
nested or flat.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from koci_proxy.faults import Fault
from koci_proxy.fields import picture, respelled, size_words
from koci_proxy.types import Done, Event, Job, Media, Partial, Result, Target, Ticket
from koci_proxy.wire import Call, Form, Frame, Json, Reply, data_uri, url
from koci_proxy.words import answer, complaint, from_vendor

from ._openai import refusal, stream_refusal

DIALECT = "openai"
# What a field of a job is called on this wire; sent only if the model's card takes it.
WORDS = {
    "quality": "quality",
    "format": "output_format",
    "compression": "output_compression",
    "background": "background",
    "style": "style",
}


def encode(job: Job, target: Target) -> Call:
    """The vendor's call: JSON for generations, a form for edits. Pictures we only have a link to go as a JSON edit.

    A provider's `wire: {image: "image[]"}` names the form's field for pictures, also for a single one.
    """
    words = said(job, target)
    if not job.inputs:
        return Call("POST", "images/generations", body=Json(respelled(words)))
    pictures = (*job.inputs, *([job.mask] if job.mask else []))
    if any(media.data is None for media in pictures):
        return Call("POST", "images/edits", body=Json(respelled(words) | _linked(job)))
    name = target.wire.get("image") or ("image" if len(job.inputs) == 1 else "image[]")
    files = [(name, media) for media in job.inputs] + ([("mask", job.mask)] if job.mask else [])
    texts = [pair for key, value in words.items() for pair in spelled(key, value)]
    return Call("POST", "images/edits", body=Form((*texts, *files)))


def _linked(job: Job) -> dict[str, Any]:
    def link(media: Media) -> dict[str, Any]:
        return {"image_url": data_uri(media) if media.url is None else url(media)}

    mask = {"mask": link(job.mask)} if job.mask else {}
    return {"images": [link(media) for media in job.inputs], **mask}


def said(job: Job, target: Target) -> dict[str, Any]:
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
    if job.stream and target.card.stream:
        words |= {"stream": True} | ({"partial_images": job.partials} if job.partials else {})
    if job.dialect == DIALECT:
        words |= {name: value for name, value in job.options.items() if not name.startswith("_")}
    return {name: value for name, value in words.items() if value is not None}


def spelled(name: str, value: Any) -> list[tuple[str, str | Media]]:
    """A form field as official clients spell it: lists as `name[]`, objects as `name[key]`, truths in lower case."""
    if isinstance(value, Media):
        return [(name, value)]
    if isinstance(value, bool):
        return [(name, "true" if value else "false")]
    if isinstance(value, Mapping):
        return [pair for key, each in value.items() for pair in spelled(f"{name}[{key}]", each)]
    if isinstance(value, list):
        return [pair for each in value for pair in spelled(f"{name}[]", each)]
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
    text = body.get("text")
    return Result(
        media,
        text=text if isinstance(text, str) else "",
        usage=_usage(body),
        created=_time(body.get("created")),
        extras=_extras(body, items),
    )


def _media(item: Mapping[str, Any], status: int) -> Media:
    try:
        return picture(item.get("b64_json") or item.get("url"), "data")
    except Fault as fault:
        raise from_vendor("garbled", fault.message, status=status) from fault


def _usage(body: Mapping[str, Any]) -> Mapping[str, Any]:
    usage = body.get("usage")
    return usage if isinstance(usage, Mapping) else {}


def _time(seconds: Any) -> int | None:
    return int(seconds) if isinstance(seconds, (int, float)) and seconds > 0 else None


def _extras(body: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    extras: dict[str, Any] = {
        name: body[name] for name in ("background", "quality") if body.get(name) and isinstance(body[name], str)
    }
    revised = [item.get("revised_prompt") for item in items]
    if any(isinstance(each, str) for each in revised):
        extras["revised_prompts"] = tuple(each if isinstance(each, str) else "" for each in revised)
    return extras


def event(frame: Frame, job: Job, target: Target) -> Event | None:
    """What one event of a vendor's stream says: a preview, or a picture that is done; None for any other.

    Raises `Fault` for an error, nested or flat. A preview by link is passed over: who fetched it would be too late.
    """
    data = frame.data
    if not isinstance(data, Mapping):
        return None
    name = str(data.get("type") or frame.event or "")
    if data.get("error") or name == "error" or name.endswith(".failed"):
        raise stream_refusal(complaint(data if data.get("error") else {"error": data}))
    if isinstance(data.get("data"), list):
        whole = decode(Reply(200, {}, Json(data)), job, target)
        return Done(whole) if isinstance(whole, Result) else None
    if name.endswith(".partial_image") and data.get("b64_json"):
        index = data.get("partial_image_index")
        return Partial(_media(data, 200), index if isinstance(index, int) and index >= 0 else 0)
    if name.endswith(".completed"):
        return Done(_completed(data))
    return None


def _completed(data: Mapping[str, Any]) -> Result:
    if not (data.get("b64_json") or data.get("url")):
        raise from_vendor("empty", None, status=200)
    return Result(
        (_media(data, 200),), usage=_usage(data), created=_time(data.get("created_at")), extras=_extras(data, [data])
    )
