"""KoCodeImg's own shape, towards apps: `generate/` and `generate/img2img` as streams, `conversations/`, and `videos`.

Read off KoCodeImg's page on its native API, which shows the fields, the three events and four statuses. ASSUMED where
the page is silent: all of `conversations/`, the body of an error, the event that ends a stream which fails. A picture
is always a link, with a small copy beside it. What was not simply passed on stands as `notes` in the last event: the
headers have gone out long before. Films are in `_koci_video`. There is no vendor of this shape.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from koci_proxy import sizes
from koci_proxy.faults import Fault
from koci_proxy.fields import Fields, bad, picture
from koci_proxy.types import Delivery, Done, Event, Job, Listing, Lookup, Media, Note, Partial, Result, Talk
from koci_proxy.wire import Call, Frame, Json, Reply, url
from koci_proxy.words import no_such_model, no_such_path, retry_headers, wrong_method

from . import _koci, _koci_video, _names

NAME = "koci"
KEEP_ALIVE = b": ping\n\n"
END = b""
DELIVER: Delivery = "url"

GENERATE, EDIT, TALKS = "generate", "generate/img2img", "conversations"
VIDEOS = _koci_video.VIDEOS
PATHS = (GENERATE, EDIT, TALKS, f"{TALKS}/{{id}}", *_koci_video.PATHS, "models")
METHODS = {GENERATE: ("POST",), EDIT: ("POST",), TALKS: ("POST", "GET")}
SCHEMAS = {
    GENERATE: "koci-generate",
    EDIT: "koci-img2img",
    TALKS: "koci-conversations",
    VIDEOS: _koci_video.SCHEMA,
}

MODEL = "standard"  # `standard`, `hd` and `ultra` are aliases in routes.yaml
STRENGTH = 0.7
LARGEST = 4 * 1024 * 1024  # bytes of a picture sent, as the page has it
PLACEHOLDER = "your-conversation-id"  # the page's samples, run as they are printed


def schema(call: Call) -> str | None:
    """The schema a JSON body must fit; `Fault` not_found or wrong_method where there is nothing to ask for."""
    path = _route(call)
    if call.method.upper() != "POST" or (path == TALKS and not _has_body(call)):
        return None
    return SCHEMAS[path]


def _route(call: Call) -> str:
    path = call.path.strip("/")
    right = _methods(path)
    if right is None:
        raise no_such_path(path, PATHS)
    if call.method.upper() not in right:
        raise wrong_method(call.method, path, " or ".join(right))
    return path


def _methods(path: str) -> tuple[str, ...] | None:
    head, _, rest = path.partition("/")
    if head == VIDEOS:
        return _koci_video.methods(rest)
    is_read = head == "models" or (head == TALKS and rest and "/" not in rest)
    return METHODS.get(path, ("GET",) if is_read else None)


def _has_body(call: Call) -> bool:
    """A conversation can be made without any body; that of a GET is not looked at."""
    length = call.headers.get("content-length", "0").strip()
    return call.body is not None or length != "0" or "transfer-encoding" in call.headers


def parse(call: Call) -> Job | Listing | Lookup | Talk:
    """What the app wants. `Fault` bad_request names the field, too_large a picture of more than 4 MB."""
    path = _route(call)
    head, _, rest = path.partition("/")
    if head == "models":
        return Listing(rest or None)
    if head == VIDEOS:
        return _koci_video.parse(call)
    if head == TALKS:
        if call.method.upper() == "POST":
            return Talk("make", title=(Fields(call.body or {}).text("title") or "").strip())
        return Talk("show", id=rest) if rest else Talk("list")
    fields = Fields(call.body)
    return _edit(fields) if path == EDIT else _job(fields)


def _job(fields: Fields, **more: Any) -> Job:
    prompt = fields.required("prompt")
    conversation, notes = _conversation(fields)
    return Job(
        (fields.text("model") or "").strip() or MODEL,
        prompt,
        size=sizes.parse(fields.text("size") or ""),
        style=(fields.text("style") or "").strip() or None,
        deliver=DELIVER,
        stream=True,
        thumbnails=True,
        dialect=NAME,
        **{"notes": notes + more.pop("notes", ()), **more},
        options=fields.rest() | conversation,
    )


def _edit(fields: Fields) -> Job:
    images = [_picture(each, "image") for each in fields.several("image")]
    if not images:
        raise Fault("bad_request", "image is required", field="image", code="missing_required_parameter")
    mask = fields.take("mask")
    strength = fields.take("strength")
    return _job(
        fields,
        task="edit",
        inputs=tuple(images),
        mask=None if mask is None else _picture(mask, "mask"),
        strength=STRENGTH if strength is None else _share(strength),
        notes=(Note("strength", "defaulted", f"{STRENGTH:g}"),) if strength is None else (),
    )


def _conversation(fields: Fields) -> tuple[dict[str, str], tuple[Note, ...]]:
    """The conversation as a mark of this dialect's own; the placeholder of the page's samples is none."""
    try:
        id = fields.required("conversation_id").strip()
    except Fault as fault:
        how = f"{fault.message}: POST {TALKS}/ makes a conversation and answers its id"
        raise Fault(fault.kind, how, field=fault.field, code=fault.code) from fault
    if id == PLACEHOLDER:
        return {}, (Note("conversation_id", "left out", "a placeholder: the picture is kept in no conversation"),)
    return {"_conversation": id}, ()


def _picture(value: Any, field: str) -> Media:
    media = picture(value, field)
    size = media.size or 0
    if size > LARGEST:
        why = f"{field} has {size} bytes; {LARGEST} (4 MB) are the most here"
        raise Fault("too_large", why, field=field, code="file_too_large")
    return media


def _share(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise bad("strength", "must be a number from 0 to 1; higher goes further from the picture")
    return float(value)


def named(field: str, job: Job) -> str:
    """What an app calls an input that the house has another word for."""
    if job.task == "video":
        return _koci_video.named(field, job)
    if _names.is_picture(field):
        return _names.several("image", field, job)
    return "model" if field == "task" else field


# --- what the app hears ---------------------------------------------------------------------------------------------


def render(result: Result, job: Job) -> Reply:
    """The last event alone, for an answer that is no stream; apps of this shape always get one."""
    return Reply(200, {}, Json(_complete(result)))


def frame(event: Event, job: Job) -> tuple[Frame, ...]:
    """`status` when the job begins, `progress` whenever the vendor says how far it is, `complete` at the end."""
    if isinstance(event, Done):
        return (Frame("complete", _complete(event.result)),)
    if isinstance(event, Partial):
        return ()
    if event.percent is None:
        return (Frame("status", {"status": "queued", "message_id": _message_id(job)}),)
    return (Frame("progress", {"status": "processing", "progress": _koci.percent(event.percent)}),)


def _complete(result: Result) -> dict[str, Any]:
    small = result.thumbnails or result.media
    told = [str(note) for note in result.notes]
    links = {"image_url": url(result.media[0]), "thumbnail_url": url(small[0])}
    return {"status": "complete", **links, **({"notes": told} if told else {})}


def _message_id(job: Job) -> str:
    """A UUID made of the request's number, which stands in the log; the same request has the same one."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, str(job.options.get("_id") or f"{job.model} {job.prompt}")))


def fail(fault: Fault) -> Reply:
    """The error answer, with a word for the cause and the field at fault. A vendor's 401 is never shown as 401."""
    error = {"code": _koci.code(fault), "message": fault.message, "field": fault.field}
    said = {name: value for name, value in error.items() if value is not None}
    return Reply(fault.status, retry_headers(fault), Json({"error": said}))


def fail_frame(fault: Fault, job: Job) -> Frame:
    """The event that ends a stream which fails; `code` is the HTTP status it would have had, `type` the word."""
    error = {"code": fault.status, "type": _koci.code(fault), "message": fault.message, "field": fault.field}
    said = {name: value for name, value in error.items() if value is not None}
    return Frame("error", {"status": "error", "error": said})


accepted, progress, story = _koci_video.accepted, _koci_video.progress, _koci_video.story
listed, deleted = _koci_video.listed, _koci_video.deleted


def talked(talk: Talk, rows: Sequence[Any]) -> Reply:
    """Conversations as the house keeps them: one that was made, all that there are, or one with its pictures."""
    match talk.verb:
        case "make":
            return Reply(201, {}, Json(_talk(rows[0])))
        case "list":
            return Reply(200, {}, Json({"conversations": [_talk(row) for row in rows]}))
        case _:
            return Reply(200, {}, Json(_talk(rows[0]) | {"pictures": [_kept(each) for each in rows[0].pictures]}))


def _talk(row: Any) -> dict[str, Any]:
    return {"id": row.id, "conversation_id": row.id, "title": row.title, "created_at": int(row.created_at)}


def _kept(row: Any) -> dict[str, Any]:
    return {
        "prompt": row.prompt,
        "model": row.model,
        "image_url": row.image_url,
        "thumbnail_url": row.thumbnail_url or row.image_url,
        "created_at": int(row.created_at),
    }


def catalogue(models: Sequence[str], listing: Listing) -> Reply:
    """All models, or the one asked for; `Fault` not_found with the nearest name. The page has no such path."""
    if listing.model is not None and listing.model not in models:
        raise no_such_model(listing.model, models)
    names = models if listing.model is None else [listing.model]
    listed: list[Mapping[str, str]] = [{"id": name} for name in names]
    return Reply(200, {}, Json({"models": listed} if listing.model is None else listed[0]))
