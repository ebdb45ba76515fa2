"""The Images paths of the OpenAI door: `images/generations` and `images/edits`, whole and as a stream."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from koci_proxy import sizes
from koci_proxy.faults import Fault
from koci_proxy.fields import Fields, bad, meant, near, picture, pixels_of, slipped
from koci_proxy.media import OPAQUE
from koci_proxy.types import Delivery, Done, Event, Job, Media, Note, Partial, Progress, Result
from koci_proxy.wire import Call, Frame, Json, Reply, base64, url

from . import _names

DIALECT = "openai"
PROMPT_CHARS = 32_000
FORMATS: Mapping[str, Delivery] = {"url": "url", "b64_json": "base64"}
UNREAD = "says nothing to a picture model"
# What the house has another word for, on every path to a picture.
NAMES: Mapping[str, str] = {"task": "model", "format": "output_format", "compression": "output_compression"}


def parse(call: Call, edit: bool) -> Job:
    """What the app wants. `Fault` bad_request names the field."""
    fields = Fields(call.body)
    prompt, model = fields.required("prompt", PROMPT_CHARS), fields.required("model")
    inputs, places, notes = _inputs(fields)
    if edit and not inputs:
        raise Fault("bad_request", "image is required", field="image", code="missing_required_parameter")
    mask = fields.take("mask")
    if mask is not None and not inputs:
        raise bad("mask", "needs a picture to lie over")
    stream, partials = fields.flag("stream"), fields.whole("partial_images", 0, 3) or 0
    mark: dict[str, Any] = {"_events": "image_generation"} if inputs and not edit else {}
    mark |= {"markup": drawn} if (drawn := _markup(fields, bool(inputs), mask is not None)) else {}
    notes += beside(mask, "mask") + unstreamed(partials, stream, "partial_images")
    size = sizes.tier_and_ratio(fields.text("size"), fields.text("aspect_ratio"))
    deliver = _delivery(fields.choice("response_format", FORMATS), stream)
    count, words = fields.whole("n", 1, 10) or 1, picture_words(fields)
    mark |= slipped(fields)  # what is left by then
    options, unkept = faithful(fields.rest(), bool(inputs))
    return Job(
        model,
        prompt,
        task="edit" if inputs else "generate",
        inputs=inputs,
        mask=reference(mask, "mask") if mask is not None else None,
        n=count,
        size=size,
        deliver=deliver,
        stream=stream,
        partials=partials if stream else 0,
        dialect=DIALECT,
        places=tuple(places),
        options=options | mark,
        notes=notes + unkept,
        **words,
    )


def picture_words(fields: Fields) -> dict[str, Any]:
    """The fields that say how a picture is to be made; every way to ask for one at this door has them."""
    return {
        "quality": fields.text("quality"),
        "format": fields.text("output_format"),
        "compression": fields.whole("output_compression", 0, 100),
        "background": fields.text("background"),
        "style": fields.text("style"),
    }


def _delivery(asked: str | None, stream: bool) -> Delivery:
    """A stream carries pictures in itself unless the app says otherwise: its events know only b64_json."""
    if asked is None:
        return "base64" if stream else "url"
    return FORMATS[asked]


def unstreamed(partials: int, stream: bool, field: str) -> tuple[Note, ...]:
    """A note of previews that have no stream to come in."""
    return (Note(field, "left out", "only a stream has previews"),) if partials and not stream else ()


def faithful(options: Mapping[str, Any], inputs: bool) -> tuple[dict[str, Any], tuple[Note, ...]]:
    """(options, notes): without a picture nothing says how closely to keep to it, and vendors refuse the word."""
    kept = {name: value for name, value in options.items() if inputs or name != "input_fidelity"}
    gone = "input_fidelity" in options and "input_fidelity" not in kept
    return kept, (Note("input_fidelity", "left out", "there is no picture to keep to"),) if gone else ()


def _markup(fields: Fields, inputs: bool, mask: bool) -> Media | None:
    """A picture laid over the first one, for models that know it."""
    given = fields.take("markup")
    if given is None:
        return None
    if not inputs or mask:
        raise bad("markup", "cannot come with a mask" if mask else "needs a picture to lie over")
    drawn = picture(given, "markup")
    if drawn.data is None:
        raise bad("markup", "must be the picture itself, not a link to it")
    return drawn


def _inputs(fields: Fields) -> tuple[tuple[Media, ...], list[str], tuple[Note, ...]]:
    """Reference pictures in order: `image` as files of a form come, `images` as JSON has them. With `images` the places
    of all of them too; a note of what stands beside them."""
    given = {name: fields.several(name) for name in ("image", "images")}
    placed = [(f"{name}[{at}]", each) for name, values in given.items() for at, each in enumerate(values)]
    places = [f"{place}.image_url" if isinstance(each, Mapping) else place for place, each in placed]
    pictures = tuple(reference(each, place) for place, each in placed)
    return pictures, places if given["images"] else [], tuple(note for at, each in placed for note in beside(each, at))


def named(field: str, job: Job) -> str:
    """What an app calls an input on these paths."""
    if not _names.is_picture(field):
        return NAMES.get(field, field)
    if field == "images":
        return (_names.place("images[0]", job, DIALECT) or "image").partition("[")[0]
    return _names.place(field, job, DIALECT) or _names.several("image", field, job)


def reference(value: Any, field: str) -> Media:
    """A picture itself, or an object that holds its `image_url`."""
    if not isinstance(value, Mapping):
        return picture(value, field)
    if value.get("file_id") is not None:
        raise bad(f"{field}.file_id", "cannot be used: there is no file store here; send the picture or its image_url")
    link = value.get("image_url")
    if isinstance(link, Mapping):
        link = link.get("url")
    return picture(link, f"{field}.image_url")


def beside(value: Any, field: str) -> tuple[Note, ...]:
    """A note of each word that stands beside a picture's link."""
    link = value.get("image_url") if isinstance(value, Mapping) else None
    return unread(value, field, ("type", "image_url", "file_id")) + unread(link, f"{field}.image_url", ("url",))


def unread(value: Any, field: str, known: Collection[str]) -> tuple[Note, ...]:
    """A note of each word of an object that nobody reads; what is empty or `auto` asks for nothing."""
    if not isinstance(value, Mapping):
        return ()
    names = [name for name, each in value.items() if name not in known and each not in (None, "", "auto", [], {})]
    return tuple(Note(f"{field}.{name}", "left out", meant(near(name, known)) or UNREAD) for name in names)


def render(result: Result, job: Job) -> Reply:
    """The answer to an app. `Result.created` should be set; 0 stands for a time nobody knows."""
    revised = result.extras.get("revised_prompts") or ()
    body: dict[str, Any] = {
        "created": result.created or 0,
        "data": [
            _spelled(media, job) | ({"revised_prompt": revised[at]} if at < len(revised) else {})
            for at, media in enumerate(result.media)
        ],
        **facts(result.media, result.extras, job, result.notes),
    }
    if result.usage:
        body["usage"] = dict(result.usage)
    if result.text:
        body["text"] = result.text  # what else the model said; official clients keep fields they do not know
    return Reply(200, {}, Json(body))


def _spelled(media: Media, job: Job) -> dict[str, Any]:
    return {"url": url(media)} if job.deliver == "url" else {"b64_json": base64(media)}


def facts(media: Sequence[Media], extras: Mapping[str, Any], job: Job, notes: Sequence[Note] = ()) -> dict[str, str]:
    """What came: by the pictures' own bytes where they tell, else as the vendor said, else as asked; what none tells
    is not there. What `notes` tell of was not done as it was asked."""
    mime = (media[0].mime if media else None) or ""
    kind, _, form = mime.partition("/")
    undone = {note.field for note in notes if note.what != "defaulted"}
    asked = {name: getattr(job, name) for name in ("background", "quality") if name not in undone}
    background = extras.get("background") or asked.get("background")
    found = {
        "background": "opaque" if background == "transparent" and mime in OPAQUE else background,
        "output_format": form.removesuffix("+xml") if kind == "image" else None,
        "quality": extras.get("quality") or asked.get("quality"),
        "size": pixels_of(media),
    }
    return {name: value for name, value in found.items() if value}


def frame(event: Event, job: Job) -> tuple[Frame, ...]:
    """The frames of one event: none for progress, one for a preview, one for each finished picture."""
    match event:
        case Progress():
            return ()
        case Partial(media, index):
            preview = {"b64_json": base64(media)}  # a preview is never stored, so it has no link
            asked = facts([media], {}, job)
            return (_frame("partial_image", preview, asked, None, job, {"partial_image_index": index}),)
        case Done(result):
            last = len(result.media) - 1
            return tuple(
                _frame(
                    *("completed", _spelled(media, job), facts([media], result.extras, job, result.notes)),
                    *(result.created, job, _told(result) if at == last else {}),
                )
                for at, media in enumerate(result.media)
            )


def _told(result: Result) -> dict[str, Any]:
    """What is told once, at the end: the usage, and the notes, which a begun stream's headers cannot carry."""
    notes = {"notes": [str(note) for note in result.notes]} if result.notes else {}
    return ({"usage": dict(result.usage)} if result.usage else {}) | notes


def _frame(
    name: str,
    spelled: Mapping[str, Any],
    found: Mapping[str, str],
    created: int | None,
    job: Job,
    more: Mapping[str, Any],
) -> Frame:
    prefix = job.options.get("_events") or ("image_edit" if job.task == "edit" else "image_generation")
    # The clients' event types have these as required fields.
    known = {"size": "auto", "quality": "auto", "background": "auto", "output_format": "png", **found}
    data = {"type": f"{prefix}.{name}", **spelled, "created_at": created or 0, **known, **more}
    return Frame(data["type"], data)
