"""Ark's content-generation tasks towards an app: films are asked for, looked at, listed, and ended or deleted.

Read off the types and calls of volcengine-python-sdk 5.0.53, which sends every unset field as null, and what users of
Ark and ModelArk report of the wire, 2025-05 to 2026-09: the states, links that live a day, `{}` for a deleted task.
ASSUMED: a field beats the same word at the end of the text; a picture alone that has no role is the first frame; a page
has 10 tasks if nobody says how many; 24 frames make a second. `total` counts what this house has looked at, and one
more where there is more. A sound goes to Ark as a link; a task of its own id (`draft_task`) cannot, nor a callback.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

from koci_proxy import sizes
from koci_proxy.faults import Fault
from koci_proxy.fields import Fields, bad, picture, slipped
from koci_proxy.types import Job, JobState, Lookup, Media, Note, Result, Role, Size, Status
from koci_proxy.wire import Call, Json, Reply, url

from . import _names
from ._ark import failure
from ._ark_words import commands, job_id, spelled

PATH = "contents/generations/tasks"
PATHS = {PATH: "POST, GET", f"{PATH}/{{id}}": "GET, DELETE"}

ROLES: Mapping[str, Role] = {"first_frame": "first", "last_frame": "last", "reference_image": "reference"}
PARTS = ("text", "image_url", "video_url", "audio_url")
RATE = 24  # frames a second
LONGEST = 600  # seconds
AUTOMATIC: Mapping[str, Any] = {"duration": -1, "ratio": "adaptive"}  # the choice is the model's

STATES: Mapping[Status, str] = {"partial": "succeeded", "refused": "failed"}
FARTHEST = 1000  # tasks that can be listed, the newest
PAGE = {"page_num": 1, "page_size": 10}
FILTERS = {"filter.status": "status", "filter.model": "model", "filter.service_tier": "service_tier"}
TASK_IDS = "filter.task_ids"
# What an answer repeats of what was asked.
REPEATED = (
    *("service_tier", "execution_expires_after", "priority", "generate_audio", "draft", "tools"),
    *("safety_identifier", "output_format"),
)


# --- what an app asks -----------------------------------------------------------------------------------------------


def parse(call: Call, task: str) -> Job | Lookup:
    """A film that is wanted, or a question after the one named `task`, or after all.

    `Fault` bad_request names the field.
    """
    match call.method.upper():
        case "POST":
            return _job(call)
        case "DELETE":
            return Lookup("delete", job_id(task), task="video")
        case _:
            return Lookup("show", job_id(task), task="video") if task else _page(call.query)


def _job(call: Call) -> Job:
    whole = Fields(call.body)
    model = whole.required("model")
    prompt, inputs, roles, sounds, places = _content(whole.several("content"))
    prompt, said = commands(prompt)
    if not prompt.strip() and not inputs:
        raise Fault("bad_request", "content needs a text", field="content", code="missing_required_parameter")
    given = whole.rest()
    beaten = [name for name, value in said.items() if given.get(name, value) != value]
    notes = [Note(f"--{name}", "left out", f"{said[name]}: the field says {given[name]}") for name in beaten]
    said |= given
    chosen = {name: said.pop(name) for name, automatic in AUTOMATIC.items() if said.get(name) == automatic}
    fields = Fields(said)
    if fields.take("callback_url") is not None:
        notes.append(Note("callback_url", "left out", f"ask GET {PATH}/ID, or send the header x-koci-webhook"))
    seconds, frames = fields.whole("duration", 1, LONGEST), fields.whole("frames", 1, LONGEST * RATE)
    if frames:
        notes.append(Note("frames", "emulated", f"{frames} → {frames / RATE:g} seconds"))
    chosen |= {name: True for name in ("watermark", "camera_fixed") if fields.flag(name)}
    seed = fields.whole("seed", -1, 2**32 - 1)
    chosen |= {"seed": seed} if seed not in (None, -1) else {}
    chosen |= {"content": sounds} if sounds else {}
    return Job(
        model,
        prompt,
        task="video",
        inputs=inputs,
        roles=roles,
        size=_size(fields),
        seconds=frames / RATE if frames else float(seconds) if seconds else None,
        dialect="ark",
        options={**chosen, **fields.rest(), **slipped(fields), "_async": True},
        notes=tuple(notes),
        places=tuple(places),
    )


def _size(fields: Fields) -> Size:
    return sizes.tier_and_ratio(fields.text("resolution"), fields.text("ratio"), "resolution", "ratio")


def _content(parts: Sequence[Any]) -> tuple[str, tuple[Media, ...], tuple[Role, ...], list[Any], list[str]]:
    """The words, the pictures and films with what each is, the sounds, which only Ark has a use for, and where the
    pictures and films stood."""
    texts, sounds, places = list[str](), list[Any](), list[str]()
    inputs, roles = list[Media](), list[Role]()
    alone = sum(isinstance(part, Mapping) and part.get("type") == "image_url" for part in parts) == 1
    for at, value in enumerate(parts):
        part = Fields(value, f"content[{at}]")
        match part.choice("type", PARTS):
            case "text":
                texts.append(part.text("text") or "")
            case "image_url" | "video_url" as kind:
                places.append(part.path(f"{kind}.url"))
                inputs.append(picture(_link(part, kind), places[-1]))
                roles.append(_role(part, alone) if kind == "image_url" else "video")
            case "audio_url":
                sounds.append(_sound(part))
            case _:
                raise bad(part.path("type"), f"must be one of {', '.join(PARTS)}")
    return "\n".join(texts), tuple(inputs), tuple(roles), sounds, places


def _link(part: Fields, kind: str) -> Any:
    return Fields(part.take(kind) or {}, part.path(kind)).take("url")


def _role(part: Fields, alone: bool) -> Role:
    role = part.choice("role", ROLES) or ("first_frame" if alone else None)
    if role is None:
        raise bad(part.path("role"), f"must say what each of several pictures is: {', '.join(ROLES)}")
    return ROLES[role]


def _sound(part: Fields) -> dict[str, Any]:
    link = _link(part, "audio_url")
    if not isinstance(link, str) or not link.lower().startswith(("http://", "https://")):
        raise bad(part.path("audio_url.url"), "must be an http(s) URL")
    return {"type": "audio_url", "audio_url": {"url": link}, "role": part.text("role") or "reference_audio"}


def _page(query: Mapping[str, str]) -> Lookup:
    """Which tasks to list. What the app said of the page stands in `variant`, for `listed`."""
    number, size = (_number(query, name) for name in PAGE)
    if number * size > FARTHEST:
        raise bad("page_num", f"× page_size must be at most {FARTHEST}: only the newest {FARTHEST} tasks are listed")
    asked = {name: value for name, value in query.items() if value and (name in FILTERS or name == TASK_IDS)}
    page = urlencode({"page_num": number, "page_size": size, **asked})
    return Lookup("list", variant=page, task="video", limit=FARTHEST if asked else number * size)


def _number(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "").strip()
    if text and not (text.isdecimal() and 1 <= int(text[:9]) <= 500):
        raise bad(name, "must be a whole number from 1 to 500")
    return int(text or PAGE[name])


# What the house has another word for.
NAMES: Mapping[str, str] = {"task": "model", "prompt": "content", "seconds": "duration"}


def named(field: str, job: Job, dialect: str) -> str:
    """What an app that asked for a film here would call an input of it."""
    if field == "size":
        return _names.sized(job, "resolution", "ratio")
    if field == "seconds" and any(note.field == "frames" for note in job.notes):
        return "frames"
    if field == "video" or _names.is_picture(field):
        return _names.place(field, job, dialect) or "content"
    return NAMES.get(field, field)


# --- what an app hears ----------------------------------------------------------------------------------------------


def accepted(state: JobState) -> Reply:
    """The answer to a task that is begun: the id to ask after it by."""
    return Reply(200, {}, Json({"id": spelled(state.id)}))


def progress(state: JobState) -> Reply:
    """A task as it stands."""
    return Reply(200, {}, Json(_task(state)))


def listed(states: Sequence[JobState], lookup: Lookup, more: bool) -> Reply:
    """One page of the tasks that the filters leave."""
    asked = dict(parse_qsl(lookup.variant))
    number, size = int(asked["page_num"]), int(asked["page_size"])
    tasks = [task for task in map(_task, states) if _wanted(task, asked)]
    shown = tasks[(number - 1) * size : number * size]
    return Reply(200, {}, Json({"total": len(tasks) + more, "items": shown}))


def _wanted(task: Mapping[str, Any], asked: Mapping[str, str]) -> bool:
    named = task["id"] in asked[TASK_IDS].split(",") if TASK_IDS in asked else True
    return named and all(task[field] == asked[name] for name, field in FILTERS.items() if name in asked)


def deleted(state: JobState) -> Reply:
    return Reply(200, {}, Json({}))


def _task(state: JobState) -> dict[str, Any]:
    """A task with every field that Ark's answers have; what nobody knows is null. `notes` are an extension."""
    job, result = state.job, state.result
    extras = result.extras if result else {}
    media = result.media[0] if result and result.media else Media()
    notes = {"notes": [str(note) for note in result.notes]} if result and result.notes else {}
    lengths = (extras.get("duration"), media.seconds, job.seconds)
    return {
        "id": spelled(state.id),
        "model": job.model,
        "status": STATES.get(state.status, state.status),
        "error": _error(state),
        "content": _made(result) if result and result.media else None,
        "usage": _counted(result) if result else None,
        "created_at": int(state.created_at),
        "updated_at": int(state.ended_at or state.created_at),
        "seed": extras.get("seed", job.options.get("seed")),
        "resolution": extras.get("resolution") or _resolution(job.size, media),
        "ratio": extras.get("ratio") or _ratio(job.size, media),
        "duration": next((round(each) for each in lengths if isinstance(each, (int, float))), None),
        "framespersecond": extras.get("framespersecond"),
        "revised_prompt": extras.get("revised_prompt"),
        "service_tier": "default",
        **{name: job.options[name] for name in REPEATED if name in job.options},
        **notes,
    }


def _error(state: JobState) -> dict[str, str] | None:
    """Why a task failed; a task that failed without a reason has none of its own, and clients want one."""
    fault = state.fault
    if fault is None and state.status in ("failed", "refused"):
        fault = Fault("internal", "the task failed")
    if fault is None:
        return None
    _, error = failure(fault)
    return {"code": error["code"], "message": error["message"]}


def _made(result: Result) -> dict[str, Any]:
    """The film, and its last frame where the model at Ark was asked for it."""
    pictures = [media for media in result.media if (media.mime or "").startswith("image/")]
    films = [media for media in result.media if media not in pictures]
    return {
        "video_url": url(films[0]) if films else None,
        "last_frame_url": url(pictures[0]) if pictures else None,
    }


def _counted(result: Result) -> dict[str, int]:
    output = result.usage.get("output_tokens") or 0
    return {"completion_tokens": output, "total_tokens": result.usage.get("total_tokens") or output}


def _resolution(size: Size, media: Media) -> str | None:
    """The name of a film's size: the one that has most nearly as many pixels, else the one asked for."""
    pixels = media.pixels or size.pixels
    if pixels is None:
        return size.tier.lower() if size.tier else None
    return min(_PIXELS, key=lambda name: abs(math.log(_PIXELS[name] / math.prod(pixels))))


_PIXELS = {"480p": 864 * 480, "720p": 1280 * 720, "1080p": 1920 * 1080, "4k": 3840 * 2160}


def _ratio(size: Size, media: Media) -> str | None:
    pixels = media.pixels or size.pixels
    return sizes.ratio_of(pixels) if pixels else size.ratio
