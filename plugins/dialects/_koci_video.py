"""Films on the KoCodeImg wire: `videos` begins one, `videos/{id}/stream` tells how far it is until it has ended.

Read off KoCodeImg's page, which shows the fields, the answer to the first call, and two frames of the stream, without
names. ASSUMED where the page is silent: `GET videos`, `GET videos/{id}` and `DELETE videos/{id}`; the frame of a film
that failed; what several pictures in the one list are (one is the first frame, two are the first and the last, more
are references); pictures beside a film that is to be edited, which are references; an API key in place of the token
of a login. The stream has no word for a film that waits its turn: it is told as `processing`, with a progress of 0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from koci_proxy import sizes
from koci_proxy.faults import Fault
from koci_proxy.fields import Fields, bad, picture, slipped
from koci_proxy.types import Job, JobState, Lookup, Media, Role, Status
from koci_proxy.wire import Call, Frame, Json, Reply, url

from . import _koci, _names

VIDEOS = "videos"
PATHS = (VIDEOS, f"{VIDEOS}/{{id}}", f"{VIDEOS}/{{id}}/stream")
SCHEMA = "koci-videos"

IMAGES, FILM = "reference_images", _koci.FILM
# mode -> what it cannot do without, and what it has no use for.
MODES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "text2video": ("", (IMAGES, FILM)),
    "image2video": (IMAGES, (FILM,)),
    "video_edit": (FILM, ()),
}
MOST = 9  # pictures, as the page has it
REFERENCE: Role = "reference"
ROLES: Mapping[int, tuple[Role, ...]] = {1: ("first",), 2: ("first", "last")}

_ID = re.compile(r"v_([0-9a-f]{24})")
_LIMIT = re.compile(r"[1-9][0-9]?|100")
_LINKS = ("http://", "https://", "data:")
_ENDS: Mapping[Status, str] = {"cancelled": "the video was cancelled", "expired": "the video is no longer kept"}


def methods(rest: str) -> tuple[str, ...] | None:
    """What can be asked for behind `videos/`; None where nothing is."""
    match rest.split("/"):
        case [""]:
            return ("POST", "GET")
        case [_]:
            return ("GET", "DELETE")
        case [_, "stream"]:
            return ("GET",)
        case _:
            return None


def parse(call: Call) -> Job | Lookup:
    """A film that is wanted, or a question after one. `Fault` bad_request names the field."""
    method = call.method.upper()
    if method == "POST":
        return _job(Fields(call.body))
    id, _, tail = call.path.strip("/").partition("/")[2].partition("/")
    if not id:
        return _list(call.query)
    return Lookup("delete" if method == "DELETE" else "follow" if tail else "show", _key(id), task="video")


def _list(query: Mapping[str, str]) -> Lookup:
    limit = query.get("limit", "").strip() or "20"
    if not _LIMIT.fullmatch(limit):
        raise bad("limit", "must be a whole number from 1 to 100")
    after = query.get("after", "").strip()
    return Lookup("list", task="video", after=_key(after) if after else None, limit=int(limit))


def _key(id: str) -> str:
    """Our id of a film; a text that is none stays, and belongs to nobody."""
    found = _ID.fullmatch(id)
    return f"req_{found[1]}" if found else id


def _id(state: JobState) -> str:
    return f"v_{state.id.removeprefix('req_')}"


def _job(fields: Fields) -> Job:
    model, prompt = fields.required("model").strip(), fields.required("prompt")
    inputs, roles = _inputs(fields)
    return Job(
        model,
        prompt,
        task="video",
        inputs=inputs,
        roles=roles,
        size=sizes.parse(fields.text("size") or ""),
        deliver="url",
        dialect="koci",
        options=fields.rest() | slipped(fields) | {"_async": True},
    )


def _inputs(fields: Fields) -> tuple[tuple[Media, ...], tuple[Role, ...]]:
    """What a film is made of, and what each is to it; empty texts, as forms send them, are nothing."""
    mode = (fields.text("mode") or "").strip()
    images = [each for each in fields.several(IMAGES) if each != ""]
    film = fields.take(FILM)
    _check_mode(mode, {IMAGES: bool(images), FILM: film not in (None, "")})
    if len(images) > MOST:
        raise bad(IMAGES, f"must have at most {MOST} pictures, not {len(images)}")
    pictures = tuple(picture(each, f"{IMAGES}[{at}]") for at, each in enumerate(images))
    references = (REFERENCE,) * len(images)
    if film in (None, ""):
        return pictures, ROLES.get(len(images), references)
    return (_film(film), *pictures), ("video", *references)


def _check_mode(mode: str, sent: Mapping[str, bool]) -> None:
    """`Fault` bad_request where a mode does not go with what was sent; without a mode that decides."""
    if not mode:
        return
    if mode not in MODES:
        near = get_close_matches(mode, MODES, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise bad("mode", f"must be one of {', '.join(MODES)}{hint}")
    needed, useless = MODES[mode]
    if needed and not sent[needed]:
        why = f"{needed} is required in mode {mode}"
        raise Fault("bad_request", why, field=needed, code="missing_required_parameter")
    for name in useless:
        if sent[name]:
            right = next(other for other, (needs, _) in MODES.items() if needs == name)
            raise bad(name, f"has no use in mode {mode}: that is mode {right}")


def _film(value: Any) -> Media:
    if not isinstance(value, Media) and not (isinstance(value, str) and value.lower().startswith(_LINKS)):
        raise bad(FILM, "must be an http(s) URL, such as the video_url of an earlier answer")
    return picture(value, FILM)


def named(field: str, job: Job) -> str:
    """What an app that asked for a film here would call an input of it."""
    if _names.is_picture(field):
        return f"reference_{field}"
    return {"task": "model", "video": FILM}.get(field, field)


# --- what the app hears ---------------------------------------------------------------------------------------------


def accepted(state: JobState) -> Reply:
    """The answer to a film that is begun: the id to ask after it by, under both of its names."""
    return Reply(200, {}, Json({"status": "queued", "task_id": _id(state), "video_id": _id(state)}))


def story(state: JobState) -> tuple[Frame, ...]:
    """A film as it stands, as one frame without a name."""
    return (Frame(None, _told(state)),)


def progress(state: JobState) -> Reply:
    """A film as it stands, with what was asked for."""
    return Reply(200, {}, Json(_row(state)))


def listed(states: Sequence[JobState], lookup: Lookup, more: bool) -> Reply:
    """Films; `has_more` says that older ones follow, which `?after=` the last one's id asks for."""
    return Reply(200, {}, Json({"videos": [_row(state) for state in states], "has_more": more}))


def deleted(state: JobState) -> Reply:
    return Reply(200, {}, Json({"task_id": _id(state), "video_id": _id(state), "deleted": True}))


def _told(state: JobState) -> dict[str, Any]:
    if not state.ended:
        return {"status": "processing", "progress": _koci.percent(state.progress or 0)}
    if state.result is None or state.status in _ENDS:
        return {"status": "failed", "error": _error(state), "video_id": _id(state)}
    notes = [str(note) for note in state.result.notes]
    link = {"video_url": url(state.result.media[0]), "video_id": _id(state)}
    return {"status": "complete", "progress": 100, **link, **({"notes": notes} if notes else {})}


def _error(state: JobState) -> dict[str, str]:
    """Why there is no film: a fault's own word, or that of an end which is nobody's fault."""
    fault, ended = state.fault, _ENDS.get(state.status)
    if fault is None:
        return {"code": state.status, "message": ended or "the video failed"}
    about = {"field": fault.field} if fault.field else {}
    return {"code": state.status if ended else _koci.code(fault), "message": fault.message, **about}


def _row(state: JobState) -> dict[str, Any]:
    expires = {} if state.expires_at is None else {"expires_at": int(state.expires_at)}
    return {
        "task_id": _id(state),
        "video_id": _id(state),
        **_told(state),
        "model": state.job.model,
        "prompt": state.job.prompt,
        "created_at": int(state.created_at),
        **expires,
    }
