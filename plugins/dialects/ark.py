"""The shape of Volcengine Ark's pictures (Seedream) and films (Seedance), towards apps and towards Ark or ModelArk.

Films are tasks, in `_ark_video` and `_ark_video_vendor`; here is what both have, and the one path of pictures.

Read off Ark's pages as catalogues of June 2026 have them, and recorded requests of volcengine-python-sdk 5.0.54, which
sends every unset field as null. A size is a tier or WxH, never a tier with a ratio: with a tier alone the model takes
the ratio from the prompt, so a vendor is sent pixels. Ark marks pictures unless told not to: we always tell. Its
streams hold whole pictures, no previews: each is passed on as soon as it is done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from koci_proxy import sizes
from koci_proxy.faults import Fault
from koci_proxy.fields import Fields, linked, pixels_of, received, respelled, slipped
from koci_proxy.types import (
    Delivery,
    Done,
    Event,
    Job,
    Listing,
    Lookup,
    Made,
    Media,
    Note,
    Result,
    Size,
    Target,
    Ticket,
)
from koci_proxy.wire import Call, Frame, Json, Reply, base64, url
from koci_proxy.words import (
    Complaint,
    answer,
    complaint,
    from_vendor,
    harmless,
    no_such_model,
    no_such_path,
    retry_headers,
    wrong_method,
)

from . import _ark_video, _ark_video_vendor, _names
from ._ark import count, failure, model_id, refusal
from ._ark_video import accepted as accepted
from ._ark_video import deleted as deleted
from ._ark_video import listed as listed
from ._ark_video import progress as progress
from ._ark_video_vendor import cancel as cancel
from ._ark_video_vendor import poll as poll

NAME = "ark"
KEEP_ALIVE = b": keep-alive\n\n"
END = b"data: [DONE]\n\n"
DELIVER: Delivery = "url"

PATHS = {"images/generations": "POST", **_ark_video.PATHS, "models": "GET"}
SCHEMAS = {"images/generations": "ark-generations", _ark_video.PATH: "ark-tasks"}
FORMATS: Mapping[str, Delivery] = {"url": "url", "b64_json": "base64"}

# A set: as many pictures as the model finds right, at most so many of them and of its references together.
SET, SET_OPTIONS, MOST = "sequential_image_generation", "sequential_image_generation_options", "max_images"
LARGEST_SET = 15


# --- towards an app -------------------------------------------------------------------------------------------------


def schema(call: Call) -> str | None:
    """The schema a JSON body must fit; `Fault` not_found or wrong_method where there is nothing to ask for."""
    name = _route(call)
    return SCHEMAS.get(name) if call.method.upper() == "POST" else None


def _route(call: Call) -> str:
    path = _path(call)
    above, _, last = path.rpartition("/")
    name = f"{above}/{{id}}" if above == _ark_video.PATH and last else path
    name = "models" if path.startswith("models/") else name
    if name not in PATHS:
        raise no_such_path(path, PATHS)
    if call.method.upper() not in PATHS[name].split(", "):
        raise wrong_method(call.method, path, PATHS[name])
    return name


def _path(call: Call) -> str:
    """The path without Ark's own beginning: `api/v3`, and `api/plan/v3` for the keys of a subscription."""
    path = call.path.strip("/")
    beginnings = ("api/v3/", "api/plan/v3/")
    return next((path.removeprefix(each) for each in beginnings if path.startswith(each)), path)


def parse(call: Call) -> Job | Listing | Lookup:
    """What the app wants; pictures to start from make it an edit. `Fault` bad_request names the field.

    `watermark: false` and `sequential_image_generation: disabled` are what every vendor is asked for anyway.
    """
    route = _route(call)
    if route == "models":
        return Listing(_path(call).partition("/")[2] or None)
    if route in _ark_video.PATHS:
        return _ark_video.parse(call, _path(call).removeprefix(_ark_video.PATH).strip("/"))
    fields = Fields(call.body)
    prompt, model = fields.required("prompt"), fields.required("model")
    inputs = fields.pictures("image")
    options: dict[str, Any] = {"watermark": True} if fields.flag("watermark") else {}
    words, up_to = _set(fields, len(inputs))
    return Job(
        model,
        prompt,
        task="edit" if inputs else "generate",
        inputs=inputs,
        up_to=up_to,
        size=sizes.tier_and_ratio(fields.text("size"), None),
        format=fields.text("output_format"),
        deliver=FORMATS[fields.choice("response_format", FORMATS) or "url"],
        stream=fields.flag("stream"),
        dialect=NAME,
        options=options | words | fields.rest() | slipped(fields),
    )


def _set(fields: Fields, references: int) -> tuple[dict[str, Any], int | None]:
    """An app's words for a set, and how many pictures that may come to; ({}, None) where it wants one picture."""
    if fields.choice(SET, ("auto", "disabled")) != "auto":
        return {}, None
    words = {SET: "auto"}
    given = fields.take(SET_OPTIONS)
    if given is not None:
        words[SET_OPTIONS] = given
    most = Fields({} if given is None else given, SET_OPTIONS).whole(MOST, 1, LARGEST_SET)
    return words, most or max(LARGEST_SET - references, 1)


def named(field: str, job: Job) -> str:
    """What an app calls an input that the house has another word for."""
    if job.task == "video":
        return _ark_video.named(field, job, NAME)
    if _names.is_picture(field):
        return _names.several("image", field, job)
    return {"task": "model", "format": "output_format"}.get(field, field)


def render(result: Result, job: Job) -> Reply:
    """The answer to an app: pictures, then what the vendor could not make of a set, as Ark has both in one list."""
    body = {
        "model": job.model,
        "created": result.created or 0,
        "data": [*(_entry(media, job) for media in result.media), *({"error": each} for each in _failures(result))],
        "usage": _counted(result),
    }
    return Reply(200, {}, Json(body))


def _entry(media: Media, job: Job) -> dict[str, Any]:
    size = pixels_of([media])
    spelled = {"url": url(media)} if job.deliver == "url" else {"b64_json": base64(media)}
    return spelled | ({"size": size} if size else {})


def _failures(result: Result) -> Sequence[Mapping[str, str]]:
    return tuple(result.extras.get("failures") or ())


def _counted(result: Result) -> dict[str, Any]:
    """Ark's usage, whose three numbers its SDK requires; tokens nobody counted are 0."""
    output = result.usage.get("output_tokens") or 0
    own = {name: result.usage[name] for name in ("input_images", "tool_usage") if name in result.usage}
    total = result.usage.get("total_tokens") or output
    return {"generated_images": len(result.media), "output_tokens": output, "total_tokens": total, **own}


def frame(event: Event, job: Job) -> tuple[Frame, ...]:
    """One frame for each finished picture, one for each that failed, one that ends them. Previews have no word here."""
    if not isinstance(event, Done):
        return ()
    result, created = event.result, event.result.created
    whole = [
        _frame("partial_succeeded", job, created, at, _entry(each, job))
        for at, each in enumerate(result.media)
        if at not in event.shown
    ]
    failed = [
        _frame("partial_failed", job, created, at, {"error": each})
        for at, each in enumerate(_failures(result), start=len(result.media))
    ]
    # The headers of a stream that has begun can carry no notes.
    notes = {"notes": [str(note) for note in result.notes]} if result.notes else {}
    return (*whole, *failed, _frame("completed", job, created, None, {"usage": _counted(result), **notes}))


def made(event: Made, job: Job) -> tuple[Frame, ...]:
    """The frame of a picture that is done while others of its set are still under way."""
    return (_frame("partial_succeeded", job, event.created, event.index, _entry(event.media, job)),)


def _frame(name: str, job: Job, created: int | None, index: int | None, more: Mapping[str, Any]) -> Frame:
    kind = f"image_generation.{name}"
    place = {} if index is None else {"image_index": index}
    return Frame(kind, {"type": kind, "model": job.model, "created": created or 0, **place, **more})


def fail(fault: Fault) -> Reply:
    """The error answer, with Ark's code and type."""
    status, error = failure(fault)
    return Reply(status, retry_headers(fault), Json({"error": error}))


def fail_frame(fault: Fault, job: Job) -> Frame:
    """A picture that failed: Ark has no other error in a stream, and its SDK raises on this one."""
    return _frame("partial_failed", job, None, 0, {"error": failure(fault)[1]})


def catalogue(models: Sequence[str], listing: Listing) -> Reply:
    """All models, or the one asked for, in OpenAI's form; `Fault` not_found with the nearest name."""
    if listing.model is not None and listing.model not in models:
        raise no_such_model(listing.model, models)
    listed = [{"id": name, "object": "model", "created": 0, "owned_by": "koci"} for name in models]
    if listing.model is None:
        return Reply(200, {}, Json({"object": "list", "data": listed}))
    return Reply(200, {}, Json(listed[models.index(listing.model)]))


# --- towards Ark ----------------------------------------------------------------------------------------------------


def left_out(job: Job, target: Target) -> tuple[Note, ...]:
    """Previews: a stream has none."""
    if not (job.stream and job.partials and target.card.stream):
        return ()
    return (Note("partial_images", "left out", "this model's upstream sends no previews"),)


def encode(job: Job, target: Target) -> Call:
    """The vendor's call.

    `stream` and `sequential_image_generation` are off by default at Ark, and 5.0 pro refuses to hear of them.
    """
    if job.task == "video":
        return _ark_video_vendor.encode(job, target)
    pictures = [linked(media) for media in job.inputs]
    body: dict[str, Any] = {
        "model": model_id(target),
        "prompt": job.prompt,
        "image": pictures[0] if len(pictures) == 1 else pictures or None,
        "size": _size(job.size),
        "response_format": "url" if job.deliver == "url" else "b64_json",
        "watermark": False,
        "output_format": job.format if "format" in target.card.takes else None,
        "stream": True if job.stream and target.card.stream else None,
    }
    if job.dialect == NAME:
        body |= _own_words(job)
    return Call(
        "POST", "images/generations", body=Json({name: each for name, each in body.items() if each is not None})
    )


def _own_words(job: Job) -> dict[str, Any]:
    """The app's own words; of a set always how many pictures it may hold, or more would come than are paid for."""
    words = {name: respelled(value) for name, value in job.options.items() if not name.startswith("_")}
    if words.get(SET) == "auto" and job.up_to is not None:
        words[SET_OPTIONS] = {**words.get(SET_OPTIONS, {}), MOST: job.up_to}
    return words


def _size(size: Size) -> str | None:
    """WxH where pixels are known; a tier only by itself, for beside a ratio it would win and the ratio be lost."""
    if size.pixels:
        return f"{size.width}x{size.height}"
    return size.tier if size.ratio is None else None


def decode(reply: Reply, job: Job, target: Target) -> Result | Ticket:
    """What Ark made; those of a set that failed are noted. Raises `Fault` by Ark's code where nothing came."""
    if job.task == "video":
        return _ark_video_vendor.decode(reply, job, target)
    body = answer(reply)
    if reply.status >= 300:
        raise refusal(reply.status, complaint(body))
    if not isinstance(body, Mapping):
        raise from_vendor("garbled", None, status=reply.status)
    items = body.get("data")
    items = [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []
    media = tuple(received(made, reply.status) for item in items if (made := item.get("b64_json") or item.get("url")))
    failed = [complaint(item) for item in items if item.get("error") and not (item.get("b64_json") or item.get("url"))]
    if body.get("error"):
        failed.append(complaint(body))
    if not media:
        raise refusal(reply.status, failed[0] if failed else Complaint())
    return Result(media, usage=_usage(body.get("usage")), created=_time(body), **_failing(failed))


def _time(body: Mapping[str, Any]) -> int | None:
    created = body.get("created")
    return int(created) if isinstance(created, (int, float)) and created > 0 else None


def _failing(failed: Sequence[Complaint]) -> dict[str, Any]:
    """What a result says of the pictures of a set that failed."""
    notes = tuple(Note("n", "left out", f"a picture failed: {_told(said)}") for said in failed)
    return {"notes": notes, "extras": {"failures": tuple(_failure(said) for said in failed)}} if failed else {}


def event(frame: Frame, job: Job, target: Target) -> Event | Made | None:
    """What one event of Ark's stream says: a picture that is done or has failed, or the usage that ends it all.

    Raises `Fault` by Ark's code where it was the only picture, or the error is about the stream.
    """
    data = frame.data
    if not isinstance(data, Mapping):
        return None
    name = str(data.get("type") or frame.event or "").rpartition(".")[2]
    if data.get("error"):
        said = complaint(data)
        if name != "partial_failed" or job.options.get(SET) != "auto":
            raise refusal(200, said)
        return Done(Result((), **_failing([said])), fault=refusal(200, said))
    if name == "partial_succeeded":
        return Made(received(data.get("b64_json") or data.get("url"), 200), created=_time(data))
    return Done(Result((), usage=_usage(data.get("usage")), created=_time(data))) if name == "completed" else None


def _failure(said: Complaint) -> dict[str, str]:
    return {"code": harmless(said.code), "message": harmless(said.words)}


def _told(said: Complaint) -> str:
    return ": ".join(each for each in _failure(said).values() if each) or "no reason given"


def _usage(counted: Any) -> dict[str, Any]:
    """Ark's usage with the house's words; what it took in is what the total has above what came out."""
    if not isinstance(counted, Mapping):
        return {}
    total, output = (count(counted.get(name)) for name in ("total_tokens", "output_tokens"))
    return {**counted, "input_tokens": max(total - output, 0), "output_tokens": output, "total_tokens": total}
