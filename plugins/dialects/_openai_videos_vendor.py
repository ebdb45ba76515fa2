"""The OpenAI Videos shape towards a vendor: a film is ordered, asked after, and then fetched with the vendor's key.

OpenAI itself ended the service on 2026-09-24; who answers are relays. A call with a file is a form, one without is
JSON, as openai-python 2.9 has it. A film that is to change goes without a model, as the wire has it; for a relay that
must know whose it is, its provider's file says `wire: {model_in_edits: true}`. ASSUMED of relays: beside the wire's
four words for a status they have a few more; a word that nobody knows is work under way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from koci_proxy.faults import Fault
from koci_proxy.fields import respelled
from koci_proxy.fit import roles
from koci_proxy.types import Job, Media, Note, Result, Target, Ticket
from koci_proxy.wire import Call, Form, Json, Raw, Reply, data_uri, url
from koci_proxy.words import answer, complaint, from_vendor, harmless

from ._openai import refusal
from ._openai_vendor import said, spelled

VIDEOS = "videos"
EDITS, EXTENSIONS = f"{VIDEOS}/edits", f"{VIDEOS}/extensions"
EVERY = 2.0  # seconds between two looks, where neither the provider's file nor the vendor says otherwise
SOON = 0.1  # seconds from the word that a film is there to fetching it
LONGEST = 60.0  # seconds that a vendor's own word on the next look is heeded

_DONE = frozenset({"completed", "succeeded", "success", "complete"})
_FAILED = frozenset({"failed", "cancelled", "canceled", "expired", "error"})
_REFUSING = ("moderation", "content_policy", "content_filter", "safety")
_HEADERS = {"accept": "video/*, application/binary, application/json"}


def encode(job: Job, target: Target) -> Call:
    """The vendor's call: for a film from words and a picture, or from a film that is to change or to go on."""
    words = _words(job, target)
    films = [media for media, role in zip(job.inputs, roles(job), strict=True) if role == "video"]
    if not job.inputs:
        return Call("POST", VIDEOS, body=Json(respelled(words)))
    if len(job.inputs) > 1 or "last" in roles(job):
        name = "video" if films else "input_reference"
        message = f"{target.model} takes one film or one picture, which is the first frame, and nothing beside it"
        raise Fault("bad_request", message, field=name)
    [media] = job.inputs
    if not films:
        return _sent(VIDEOS, words, "input_reference", media)
    return _sent(EXTENSIONS if _goes_on(job) else EDITS, words, "video", media)


def _goes_on(job: Job) -> bool:
    """Whether a film is to get longer: only this dialect's own door says so."""
    return job.options.get("_videos") == "extensions"


def _words(job: Job, target: Target) -> dict[str, Any]:
    """Every field but the files. A film that changes keeps its size, and its length unless it gets longer."""
    words = said(job, target)
    if "seconds" in target.card.takes and job.seconds is not None:
        words["seconds"] = f"{job.seconds:g}"
    named = "video" not in roles(job) or target.wire.get("model_in_edits")
    for name in _unsaid(job) if named else (*_unsaid(job), "model"):
        words.pop(name, None)
    return words


def _unsaid(job: Job) -> tuple[str, ...]:
    if "video" not in roles(job):
        return ()
    return ("size", "aspect_ratio") if _goes_on(job) else ("size", "aspect_ratio", "seconds")


def _sent(path: str, words: Mapping[str, Any], name: str, media: Media) -> Call:
    """A file goes in a form, what we only have a link to in JSON."""
    if media.data is not None:
        texts = [pair for key, value in words.items() for pair in spelled(key, value)]
        return Call("POST", path, body=Form((*texts, (name, media))))
    link = data_uri(media) if media.url is None else url(media)
    return Call("POST", path, body=Json({**respelled(words), name: link if name == "video" else {"image_url": link}}))


def poll(ticket: Ticket, job: Job, target: Target) -> Call:
    """The call that asks after a film or, once it is there, for the film itself."""
    path = f"{VIDEOS}/{ticket.handle['id']}"
    return Call("GET", f"{path}/content", headers=_HEADERS) if ticket.handle.get("content") else Call("GET", path)


def cancel(ticket: Ticket, job: Job, target: Target) -> Call:
    """The wire has no word for it but to delete the film."""
    return Call("DELETE", f"{VIDEOS}/{ticket.handle['id']}")


def decode(reply: Reply, job: Job, target: Target) -> Result | Ticket:
    """The task as the vendor tells of it, or the film. Raises `Fault`: for a task that failed by its error's code."""
    if 300 <= reply.status < 400 and reply.headers.get("location", "").lower().startswith(("http://", "https://")):
        return Result((Media(url=reply.headers["location"]),), notes=_notes(job))
    if reply.status < 300 and isinstance(reply.body, Raw) and isinstance(reply.body.content, Media):
        return _film(reply.body.content, job)
    body = answer(reply)
    if reply.status >= 300:
        raise refusal(reply.status, complaint(body))
    if not isinstance(body, Mapping):
        raise from_vendor("garbled", None, status=reply.status)
    status, id = _word(body.get("status")).lower(), _word(body.get("id") or body.get("task_id"))
    if status in _FAILED:
        raise _failure(status, body)
    if not id:
        raise refusal(reply.status, complaint(body)) if body.get("error") else from_vendor("garbled", None, status=200)
    if status in _DONE:
        return Ticket({"id": id, "content": True}, 100.0, SOON)
    return Ticket({"id": id}, _percent(body.get("progress")), _wait(reply, target))


def _word(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _film(media: Media, job: Job) -> Result:
    if media.size == 0:
        raise Fault("empty", "the upstream answered with an empty film", stage="accepted")
    return Result((media,), notes=_notes(job))


def _notes(job: Job) -> tuple[Note, ...]:
    """What was asked of a film that changes, and its wire has no word for; what is that of the film before was not."""
    unsaid = () if job.options.get("_keeps") else _unsaid(job)
    asked = {"size": not job.size.is_auto, "seconds": job.seconds is not None}
    return tuple(Note(name, "left out", "the film keeps its own") for name in unsaid if asked.get(name))


def _failure(status: str, body: Mapping[str, Any]) -> Fault:
    """The `Fault` of a task that came to nothing, which may have cost money.

    Never `down`: that would be the question after the task that failed, and worth asking again.
    """
    error = complaint({"error": body.get("error") or {}})
    code = error.code or error.type
    if any(word in code.lower() for word in _REFUSING):
        kind = "refused"
    else:
        kind = "bad_request" if error.type == "invalid_request_error" or code.startswith("invalid_") else "garbled"
    fault = from_vendor(kind, error.words, code=code, about=error.about if kind == "bad_request" else None)
    plain = f"the upstream could not make the film: its task is {harmless(status)}"
    return Fault(
        kind,
        plain if kind == "garbled" else fault.message,
        field=fault.field,
        code=fault.code,
        vendor=fault.vendor,
        stage="accepted",
    )


def _percent(value: Any) -> float | None:
    """Some relays write it as text, "30%"."""
    if isinstance(value, str) and value.strip().removesuffix("%").isdecimal() and len(value) < 9:
        value = int(value.strip().removesuffix("%"))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value <= 100 else None


def _wait(reply: Reply, target: Target) -> float:
    """Seconds until the next look: as the provider's file says, else the vendor, else as we find right."""
    every = target.wire.get("every")
    if isinstance(every, (int, float)):
        return float(every)
    told = reply.headers.get("openai-poll-after-ms", "").strip()
    return min(int(told) / 1000, LONGEST) if told.isdecimal() and 0 < len(told) < 9 and int(told) else EVERY
