"""Films at the OpenAI door: `videos`, and all paths under it.

Read off OpenAI's OpenAPI file (2.3.0), the types of openai-python 3.52, and recorded requests of both official SDKs.
OpenAI itself ended the service on 2026-09-24; the paths live on at relays and here. ASSUMED where those are silent: a
reference picture is the first frame; beside it a size that is left out is the model's affair, and 720x1280, the wire's
default, holds only where there is none; lists begin with the newest and have 20 films; what an error of a film that was
cancelled or has expired is called. Extensions of this house: `aspect_ratio`, sizes such as "720p", `model`, `size` and
`seconds` also where a film is changed, a picture or film as a link in place of an object, and `notes` in a finished
film, which says in text what was not simply passed on.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from koci_proxy import sizes
from koci_proxy.faults import Fault
from koci_proxy.fields import Fields, bad, picture, pixels_of, slipped
from koci_proxy.types import AUTO, Job, JobState, Lookup, Media, Note, Role, Size, Status
from koci_proxy.wire import Call, Json, Reply
from koci_proxy.words import harmless, wrong_method

from . import _names
from ._openai_errors import error, no_such_url
from ._openai_images import DIALECT, PROMPT_CHARS, reference

VIDEOS = "videos"
PATHS = (
    VIDEOS,
    f"{VIDEOS}/{{id}}",
    f"{VIDEOS}/{{id}}/content",
    f"{VIDEOS}/{{id}}/remix",
    f"{VIDEOS}/edits",
    f"{VIDEOS}/extensions",
)
# What a film is changed by, with a path of its own.
CHANGES = ("edits", "extensions")
MODEL, SECONDS, SIZE = "sora-2", 4.0, Size(width=720, height=1280)
RATIO = "9:16"  # of SIZE
LONGEST = 86_400  # seconds: no film is longer than a day
VARIANTS = ("video", "thumbnail")

_ID = re.compile(r"video_([0-9a-f]{24})")
_SECONDS = re.compile(r"\s*([0-9]{1,6}(?:\.[0-9]{1,6})?)\s*s?\s*")
_LIMIT = re.compile(r"[0-9]{1,2}|100")
# Official clients poll only while a film is `queued` or `in_progress`: there are these four words, and no other.
_STATUS: Mapping[Status, str] = {
    "queued": "queued",
    "running": "in_progress",
    "succeeded": "completed",
    "partial": "completed",
}
_ENDS: Mapping[Status, str] = {"cancelled": "the video was cancelled", "expired": "the video is no longer kept"}
_POLL = {"openai-poll-after-ms": "1000"}


# --- what is asked --------------------------------------------------------------------------------------------------


def schema(call: Call) -> str | None:
    """The schema of a body; `Fault` not_found or wrong_method where there is nothing to ask for."""
    _, what = _route(call)
    if call.method.upper() != "POST":
        return None
    return {"": "openai-videos", "remix": "openai-videos-remix"}.get(what, "openai-videos-edits")


def _route(call: Call) -> tuple[str, str]:
    """(id, what is wanted of it); without an id it is about all films, or about one that is sent along."""
    path = call.path.strip("/")
    methods: tuple[str, ...]
    match path.split("/")[1:]:
        case []:
            id, what, methods = "", "", ("POST", "GET")
        case ["characters", *_]:
            raise Fault("not_found", "there are no characters here: send their film to videos/edits, as `video`")
        case [what] if what in CHANGES:
            id, methods = "", ("POST",)
        case [id]:
            what, methods = "", ("GET", "DELETE")
        case [id, "content"]:
            what, methods = "content", ("GET",)
        case [id, "remix"]:
            what, methods = "remix", ("POST",)
        case _:
            raise no_such_url(path, PATHS)
    if call.method.upper() not in methods:
        raise wrong_method(call.method, path, " or ".join(methods))
    return id, what


def parse(call: Call) -> Job | Lookup:
    """A film that is wanted, or a question after those there are. `Fault` bad_request names the field."""
    id, what = _route(call)
    match call.method.upper(), what:
        case "POST", "":
            return _created(Fields(call.body))
        case "POST", "remix":
            return _remixed(Fields(call.body), id)
        case "POST", _:
            return _changed(Fields(call.body), what)
        case "DELETE", _:
            return Lookup("delete", _key(id), task="video")
        case _, "content":
            return Lookup("content", _key(id), variant=_variant(call.query), task="video")
        case _:
            return Lookup("show", _key(id), task="video") if id else _list(call.query)


def _key(id: str, field: str | None = None) -> str:
    """Our id of a film; `Fault` not_found for a text that cannot be one."""
    found = _ID.fullmatch(id)
    if not found:
        raise Fault("not_found", f"there is no video {harmless(id)!r} here", field=field)
    return f"req_{found[1]}"


def _variant(query: Mapping[str, str]) -> str:
    variant = query.get("variant", "").strip() or VARIANTS[0]
    if variant not in VARIANTS:
        raise bad("variant", f"must be one of {', '.join(VARIANTS)}: nothing else is made of a video here")
    return variant


def _list(query: Mapping[str, str]) -> Lookup:
    limit, after = query.get("limit", "").strip() or "20", query.get("after", "").strip()
    order = query.get("order", "").strip() or "desc"
    if not _LIMIT.fullmatch(limit):
        raise bad("limit", "must be a whole number from 0 to 100")
    if order not in ("asc", "desc"):
        raise bad("order", "must be one of asc, desc")
    key = _key(after, "after") if after else None
    return Lookup("list", task="video", after=key, limit=int(limit), newest=order == "desc")


def _created(fields: Fields) -> Job:
    first = _object(fields, "input_reference", ("image_url", "file_id"))
    inputs = (_picture(first),) if first is not None else ()
    model, seconds, size = _model(fields), _seconds(fields), _size(fields)
    notes = _defaulted(model, seconds, size, inputs)
    if not inputs:
        size = SIZE if size is None else replace(size, ratio=RATIO) if _bare(size) else size
    return _job(fields, model or MODEL, inputs, "first", seconds or SECONDS, size, notes=notes)


def _bare(size: Size) -> bool:
    """Whether a size is a tier alone: the film object tells it in pixels, so it has to be said which way it lies."""
    return size.tier is not None and size.ratio is None and size.pixels is None


def _remixed(fields: Fields, id: str) -> Job:
    """The model, the length and the size are those of the film before, where nothing else is said."""
    model, seconds, size = _model(fields), _seconds(fields), _size(fields)
    marks = {"_from": _key(id), "_remixed": _key(id), **_keeps(seconds, size)}
    return _job(fields, model or "", (), "video", seconds, size, marks)


def _changed(fields: Fields, what: str) -> Job:
    """A film that is edited or gets longer: one made before, or one that is sent along."""
    film = _film(_object(fields, "video", ("id",)))
    model, seconds, size = _model(fields), _seconds(fields), _size(fields)
    if what == "extensions" and seconds is None:
        raise _missing("seconds")
    marks = {"_videos": what, **_keeps(None if what == "extensions" else seconds, size)}
    if isinstance(film, str):
        return _job(fields, model or "", (), "video", seconds, size, {**marks, "_from": film})
    notes = () if model else (Note("model", "defaulted", MODEL),)
    return _job(fields, model or MODEL, (film,), "video", seconds, size, marks, notes)


def _keeps(seconds: float | None, size: Size | None) -> dict[str, Any]:
    """The mark of a film that is to stay as it is but for what its prompt says."""
    return {"_keeps": True} if seconds is None and size is None else {}


def _job(
    fields: Fields,
    model: str,
    inputs: tuple[Media, ...],
    role: Role,
    seconds: float | None,
    size: Size | None,
    marks: Mapping[str, Any] | None = None,
    notes: tuple[Note, ...] = (),
) -> Job:
    prompt = fields.required("prompt", PROMPT_CHARS)
    return Job(
        model,
        prompt,
        task="video",
        inputs=inputs,
        roles=(role,) * len(inputs),
        size=size or AUTO,
        seconds=seconds,
        deliver="url",
        dialect=DIALECT,
        options={**fields.rest(), **slipped(fields), **(marks or {}), "_async": True},
        notes=notes,
    )


def _defaulted(
    model: str | None, seconds: float | None, size: Size | None, inputs: Sequence[Media]
) -> tuple[Note, ...]:
    """What the app left to the wire's defaults: a model of this house may make something else by itself."""
    found = [Note("model", "defaulted", MODEL)] if model is None else []
    found += [Note("seconds", "defaulted", f"{SECONDS:g}")] if seconds is None else []
    if not inputs:
        found += [Note("size", "defaulted", str(SIZE))] if size is None else []
        found += [Note("size", "defaulted", f"ratio {RATIO}")] if size is not None and _bare(size) else []
    return tuple(found)


def _missing(field: str) -> Fault:
    return Fault("bad_request", f"{field} is required", field=field, code="missing_required_parameter")


def _model(fields: Fields) -> str | None:
    return (fields.text("model") or "").strip() or None


def _size(fields: Fields) -> Size | None:
    """None where nothing is said; `auto` says that it is left to the model."""
    size, ratio = fields.text("size"), fields.text("aspect_ratio")
    return sizes.tier_and_ratio(size, ratio) if size or ratio else None


def _seconds(fields: Fields) -> float | None:
    """The wire has text; numbers are as good, and so is "4s". Which lengths there are is the model's affair."""
    value = fields.take("seconds")
    if value is None or value == "":
        return None
    found = _SECONDS.fullmatch(value) if isinstance(value, str) else None
    number = float(found[1]) if found else value
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not 0 < number <= LONGEST:
        raise bad("seconds", f'must be a number of seconds from above 0 to {LONGEST}, for example "4"')
    return float(number)


def _object(fields: Fields, name: str, keys: tuple[str, ...]) -> Any:
    """A file or an object; a form spells the latter as `name[key]`. None where nothing is said."""
    value = fields.take(name)
    spelled = {key: each for key in keys if (each := fields.take(f"{name}[{key}]")) not in (None, "")}
    if isinstance(value, list):
        if len(value) > 1:
            raise bad(name, f"must be one, not {len(value)}")
        value = value[0] if value else None
    return (spelled or None) if value in (None, "") else value


def _picture(value: Any) -> Media:
    media = reference(value, "input_reference")
    if (media.mime or "").startswith("video/"):
        raise bad("input_reference", "must be a picture; send a film to videos/edits, as `video`")
    return media


def _film(value: Any) -> Media | str:
    """The film that is sent along, or our id of one made before."""
    if value is None:
        raise _missing("video")
    if isinstance(value, Mapping):
        id = value.get("id")
        if id is None:
            raise _missing("video.id")
        if not isinstance(id, str):
            raise bad("video.id", "must be text")
        return _key(id, "video.id")
    if isinstance(value, str) and not value.lower().startswith(("http://", "https://", "data:")):
        return _key(value, "video")
    media = picture(value, "video")
    if (media.mime or "").startswith("image/"):
        raise bad("video", "must be a film; send a picture to videos, as `input_reference`")
    return media


def named(field: str, job: Job) -> str:
    """What an app that asked for a film here would call an input of it."""
    if _names.is_picture(field):
        return "input_reference"
    return "model" if field == "task" else field


# --- what the app hears ---------------------------------------------------------------------------------------------


def accepted(state: JobState) -> Reply:
    """The answer to a film that is begun."""
    return progress(state)


def progress(state: JobState) -> Reply:
    """A film as it stands; while it is made, with the header that says when to look again."""
    return Reply(200, {} if state.ended else _POLL, Json(_video(state)))


def listed(states: Sequence[JobState], lookup: Lookup, more: bool) -> Reply:
    """Films, and the ids at both ends: `?after=` the last one asks for the next page."""
    rows = [_video(state) for state in states]
    ends = {"first_id": rows[0]["id"], "last_id": rows[-1]["id"]} if rows else {"first_id": None, "last_id": None}
    return Reply(200, {}, Json({"object": "list", "data": rows, **ends, "has_more": more}))


def deleted(state: JobState) -> Reply:
    return Reply(200, {}, Json({"id": _id(state.id), "object": "video.deleted", "deleted": True}))


def _id(key: str) -> str:
    return f"video_{key.removeprefix('req_')}"


def _video(state: JobState) -> dict[str, Any]:
    """A film with all keys that the wire has; `notes` only where there are any."""
    status = _STATUS.get(state.status, "failed")
    result = state.result if status == "completed" else None
    made = result.media if result else ()
    source = state.job.options.get("_remixed")
    notes = {"notes": [str(note) for note in result.notes]} if result and result.notes else {}
    return {
        "id": _id(state.id),
        "object": VIDEOS.removesuffix("s"),
        "model": state.job.model,
        "status": status,
        "progress": 100 if status == "completed" else int(min(max(state.progress or 0, 0), 100)),
        "created_at": int(state.created_at),
        "completed_at": _whole(state.ended_at),
        "expires_at": _whole(state.expires_at),
        "prompt": state.job.prompt,
        "size": pixels_of(made) or _asked(state.job.size),
        "seconds": _length(made, state.job),
        "remixed_from_video_id": _id(source) if isinstance(source, str) else None,
        "error": _why(state) if status == "failed" else None,
        **notes,
    }


def _whole(time: float | None) -> int | None:
    return None if time is None else int(time)


def _asked(size: Size) -> str:
    """A size as the wire has it, in pixels also where a tier or a ratio was asked for."""
    if size.is_auto:
        size = SIZE
    width, height = size.pixels or sizes.formula(size.tier or "720p", size.ratio or RATIO)
    return f"{width}x{height}"


def _length(made: Sequence[Media], job: Job) -> str:
    """Whole seconds of the film that is there: clients read a whole number, and a film of 8 s may be 8.04 long."""
    film = next((media.seconds for media in made if media.seconds and math.isfinite(media.seconds)), None)
    return str(max(1, round(film))) if film else f"{job.seconds or SECONDS:g}"


def _why(state: JobState) -> dict[str, Any]:
    """Why there is no film; the wire's types want a code always."""
    ended = _ENDS.get(state.status)
    if state.fault is None:
        refused = "moderation_blocked" if state.status == "refused" else "internal_error"
        return {"code": state.status if ended else refused, "message": ended or "the video failed", "param": None}
    found = error(state.fault)
    code = "no_video" if found["code"] == "no_image" else found["code"] or found.pop("type")
    found.pop("type", None)
    return found | {"code": state.status if ended else code}
