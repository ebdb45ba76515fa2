"""Films at Ark or ModelArk (Seedance): a task is begun, asked after, and ended while it waits its turn.

The wire is that of `_ark_video`. Fields say what older samples write at the end of the text; such words at the end of
an app's prompt would be heeded behind the back of the house, and are left out. A film goes as a link, the only form Ark
takes; one that is held goes as a data URI all the same, for it to refuse. Ark tells no progress. Its docs ask for looks
every 10 seconds or more; it bills only what succeeds. ASSUMED: a state it does not list is one of a task under way.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from koci_proxy.faults import Fault
from koci_proxy.fields import linked, received, respelled
from koci_proxy.fit import roles
from koci_proxy.types import Job, Media, Note, Result, Role, Target, Ticket
from koci_proxy.wire import Call, Json, Reply
from koci_proxy.words import answer, complaint, from_vendor, harmless, told

from ._ark import count, meaning, model_id, refusal
from ._ark_words import commands

PATH = "contents/generations/tasks"
EVERY = 10.0  # seconds between two looks, where the provider's file does not say otherwise
ROLES: Mapping[Role, tuple[str, str]] = {
    "first": ("image_url", "first_frame"),
    "last": ("image_url", "last_frame"),
    "reference": ("image_url", "reference_image"),
    "video": ("video_url", "reference_video"),
}
BOUND = ("duration", "ratio")
# Its words for a task that came to nothing.
ENDS = {"failed": "the task failed", "expired": "the task expired", "cancelled": "the task was cancelled"}
# What it says of a film beside the link.
SAID = ("seed", "resolution", "ratio", "duration", "framespersecond", "revised_prompt")

_ID = re.compile(r"[\w.-]{1,128}")


def encode(job: Job, target: Target) -> Call:
    """The call that begins a task. Where a model takes its ratio from the first frame, none is sent (see `_framed`)."""
    prompt, _ = commands(job.prompt)
    text = [{"type": "text", "text": prompt}] if prompt else []
    inputs = [_part(media, role) for media, role in zip(job.inputs, roles(job), strict=True)]
    seconds = job.seconds if "seconds" in target.card.takes else None
    body: dict[str, Any] = {
        "model": model_id(target),
        "content": [*text, *inputs],
        "resolution": job.size.tier.lower() if job.size.tier else None,
        "ratio": None if _framed(job, target) else job.size.ratio,
        "duration": math.ceil(seconds) if seconds else None,
        "watermark": False,
    }
    if job.dialect == "ark":
        own = {name: respelled(value) for name, value in job.options.items() if not name.startswith("_")}
        body["content"] += own.pop("content", [])
        # A length or ratio left to the model gives way to what the house or the card sets.
        body |= {name: value for name, value in own.items() if name not in BOUND or body[name] is None}
    return Call("POST", PATH, body=Json({name: each for name, each in body.items() if each is not None}))


def _part(media: Media, role: Role) -> dict[str, Any]:
    kind, name = ROLES[role]
    return {"type": kind, kind: {"url": linked(media)}, "role": name}


def _framed(job: Job, target: Target) -> bool:
    """Whether the ratio is the first frame's: `wire.framed` lists the models that refuse another (Seedance 2.5)."""
    return "first" in roles(job) and target.model in (target.wire.get("framed") or ())


def poll(ticket: Ticket, job: Job, target: Target) -> Call:
    """The call that asks after a task."""
    return Call("GET", f"{PATH}/{ticket.handle['id']}")


def cancel(ticket: Ticket, job: Job, target: Target) -> Call:
    """The call that ends a task; Ark heeds it while the task waits its turn, and refuses it (409) once it runs."""
    return Call("DELETE", f"{PATH}/{ticket.handle['id']}")


def decode(reply: Reply, job: Job, target: Target) -> Result | Ticket:
    """The film, or the task that makes it. Raises `Fault` by Ark's code, and for a task that came to nothing."""
    body = answer(reply)
    if reply.status >= 300:
        raise refusal(reply.status, complaint(body))
    if not isinstance(body, Mapping):
        raise from_vendor("garbled", None, status=reply.status)
    state, task = body.get("status"), body.get("id")
    if isinstance(state, str) and state in ENDS:
        raise _failed(body, ENDS[state])
    if state == "succeeded":
        return _film(body, job, target)
    if not isinstance(task, str) or not _ID.fullmatch(task):
        raise from_vendor("garbled", complaint(body).words or "there is no id of a task", status=reply.status)
    every = target.wire.get("every")
    return Ticket({"id": task}, None, float(every) if isinstance(every, (int, float)) else EVERY)


def _failed(body: Any, ended: str) -> Fault:
    """The `Fault` of a task that came to nothing: the app's by its code, else an empty answer.

    Never `down`: that would be the question after the task that failed, and worth asking again.
    """
    said = complaint(body)
    kind, words = meaning(said.code), harmless(said.words or ended)
    if kind not in ("refused", "bad_request"):
        kind = "empty"
    message = f"the upstream made no film: {words}" if kind == "empty" else told(kind, words)
    return Fault(kind, message, code=said.code or None, field=said.about or None, vendor=words, stage="accepted")


def _film(body: Mapping[str, Any], job: Job, target: Target) -> Result:
    """The film, and behind it the picture it ends with, where the app asked for that."""
    content = body.get("content")
    content = content if isinstance(content, Mapping) else {}
    names = ("video_url", "last_frame_url") if job.options.get("return_last_frame") else ("video_url",)
    media = tuple(received(content[name], 200, name) for name in names if content.get(name))
    if not content.get("video_url"):
        raise _failed(body, "there is no film")
    created = body.get("created_at")
    return Result(
        media,
        usage=_usage(body.get("usage")),
        notes=_notes(job, target),
        created=int(created) if isinstance(created, (int, float)) and created > 0 else None,
        extras={name: body[name] for name in SAID if isinstance(body.get(name), (str, int, float))},
    )


def _usage(counted: Any) -> dict[str, int]:
    """Ark's usage with the house's words."""
    if not isinstance(counted, Mapping):
        return {}
    output = count(counted.get("completion_tokens"))
    total = max(count(counted.get("total_tokens")), output)
    return {"input_tokens": total - output, "output_tokens": output, "total_tokens": total}


def _notes(job: Job, target: Target) -> tuple[Note, ...]:
    """What `encode` did not send."""
    words = ", ".join(commands(job.prompt)[1])
    notes = [Note("prompt", "left out", f"its words for {words}: ask for them as fields")] if words else []
    if job.size.ratio and _framed(job, target):
        notes.append(Note("size", "left out", f"{job.size.ratio}: the film has the ratio of its first frame"))
    return tuple(notes)
