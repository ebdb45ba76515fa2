"""Veo as a vendor: the call that begins a film, the looks after its operation, and the film itself.

Read off recorded requests and the code of google-genai 2.34 and 3.4. An operation that is done names a file, which is
downloaded with the key; the engine fetches it only where the link is any other, or where the download answers with one.
One film is asked for at a time: a ticket holds one file, so a card of this wire says `n: 1`.

ASSUMED: `metadata.progressPercent`, where it is there, is how far a film is; an error that speaks of usage guidelines,
responsible AI and the like is a refusal, whatever its code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from koci_proxy.faults import Fault
from koci_proxy.fields import bad, received, size_words
from koci_proxy.types import Job, Media, Result, Role, Target, Ticket
from koci_proxy.wire import Call, Json, Raw, Reply, base64
from koci_proxy.words import answer, complaint, from_vendor

from . import _gemini
from ._veo import CODES, DOOR, FRAMES

EVERY = 10.0  # seconds between two looks after an operation, as in Google's own samples
SOON = 0.1  # seconds from the word that a film is there to fetching it

_INSTANCE, _PARAMETERS = "instances[0].", "parameters."
_REFERENCES = f"{_INSTANCE}referenceImages["

_OPERATION = re.compile(r"(?:[\w@:-][\w.@:-]*/)*operations/[\w-][\w.-]*")
_FILE = re.compile(r"(?:[^?#]*/)?files/([\w-]+)(?::download)?(?:[?#].*)?", re.S)
_NAMES = {code: name for name, code in CODES.items()}
_REFUSING = ("responsible ai", "usage guidelines", "sensitive words", "safety filter", "safety polic", "content polic")


def encode(job: Job, target: Target, options: Mapping[str, Any]) -> Call:
    """The call that begins a film. `options` are those of an app of this shape, as they go out."""
    instance: dict[str, Any] = {"prompt": job.prompt} if job.prompt else {}
    references: list[dict[str, Any]] = []
    roles: tuple[Role, ...] = job.roles or tuple("reference" for _ in job.inputs)
    for media, role in zip(job.inputs, roles, strict=True):
        name = FRAMES.get(role, role)
        if role == "reference":
            kind = options.get(f"{_REFERENCES}{len(references)}].referenceType", "ASSET")
            references.append({"image": _image(media), "referenceType": kind})
        elif name in instance:
            raise bad("images", f"hold more than one for {name}")
        else:
            instance[name] = _video(media) if role == "video" else _image(media)
    instance |= {"referenceImages": references} if references else {}
    instance |= {name: value for name, value in _under(_INSTANCE, options).items() if "[" not in name}
    parameters = _parameters(job, target) | _under(_PARAMETERS, options)
    whole = {name: value for name, value in options.items() if not name.startswith(("_", _INSTANCE, _PARAMETERS))}
    body = {"instances": [instance], **({"parameters": parameters} if parameters else {}), **whole}
    model = target.wire.get("models", {}).get(target.model, target.model)
    return Call("POST", f"models/{model}:{DOOR}", body=Json(body))


def _parameters(job: Job, target: Target) -> dict[str, Any]:
    tier, ratio = size_words(job.size, target.card.size.wire)
    seconds = job.seconds
    words = {
        "sampleCount": job.n if job.n > 1 else None,
        "durationSeconds": int(seconds) if seconds is not None and float(seconds).is_integer() else seconds,
        "aspectRatio": ratio,
        "resolution": tier.lower() if tier else None,
    }
    return {name: value for name, value in words.items() if value is not None}


def _under(place: str, options: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(place): value for name, value in options.items() if name.startswith(place)}


def _image(media: Media) -> dict[str, Any]:
    return {"bytesBase64Encoded": base64(media), "mimeType": media.mime or "image/png"}


def _video(media: Media) -> dict[str, Any]:
    if media.data is None and media.url is not None:
        return {"uri": media.url}
    return {"encodedVideo": base64(media), "encoding": media.mime or "video/mp4"}


def poll(ticket: Ticket, job: Job, target: Target) -> Call:
    """The call that asks after the operation or, once it has named a file, for the film."""
    file = ticket.handle.get("file")
    if file:
        return Call("GET", str(file), {"alt": "media"}, {"accept": "*/*"})
    return Call("GET", str(ticket.handle["operation"]))


def decode(reply: Reply, target: Target) -> Result | Ticket:
    """A film, the operation that makes it, or the file that it lies in.

    Raises `Fault`, of stage accepted for an operation that has ended without a film for any reason but a refusal.
    """
    if isinstance(reply.body, Raw) and isinstance(reply.body.content, Media) and reply.status < 300:
        return Result((reply.body.content,))
    if 300 <= reply.status < 400:
        return Result((_linked(reply.headers.get("location")),))
    body = _gemini.folded(answer(reply))
    if reply.status >= 400:
        raise _refused(body) or _gemini.refusal(reply.status, body)
    if not isinstance(body, Mapping):
        raise from_vendor("garbled", None, status=reply.status)
    if isinstance(body.get("error"), Mapping):
        raise _failure(body)
    if body.get("done") is not True:
        return Ticket(_handle(body, reply.status), _percent(body.get("metadata")), _every(target))
    response = body.get("response")
    made = response.get("generateVideoResponse") if isinstance(response, Mapping) else None
    made = made if isinstance(made, Mapping) else {}
    videos = _gemini.objects([each.get("video") for each in _gemini.objects(made.get("generatedSamples"))])
    if not videos:
        raise _no_film(made)
    return _films(videos, reply.status)


def _handle(body: Mapping[str, Any], status: int) -> dict[str, Any]:
    """The operation's name; none where a later look does not repeat it."""
    name = body.get("name")
    if name is None and ("done" in body or "metadata" in body):
        return {}
    if not isinstance(name, str) or not _OPERATION.fullmatch(name):
        raise from_vendor("garbled", None, status=status)
    return {"operation": name}


def _percent(metadata: Any) -> float | None:
    value = metadata.get("progressPercent") if isinstance(metadata, Mapping) else None
    return float(value) if isinstance(value, (int, float)) and 0 <= value <= 100 else None


def _every(target: Target) -> float:
    every = target.wire.get("every")
    return float(every) if isinstance(every, (int, float)) else EVERY


def _films(videos: Sequence[Mapping[str, Any]], status: int) -> Result | Ticket:
    """Films within the answer or behind links that need no key; else the file of the first, which needs one."""
    first = videos[0]
    file = _FILE.fullmatch(str(first.get("uri") or ""))
    if file and not first.get("encodedVideo"):
        return Ticket({"file": f"files/{file[1]}:download"}, 100.0, SOON)
    return Result(tuple(_film(each, status) for each in videos))


def _film(video: Mapping[str, Any], status: int) -> Media:
    encoded = video.get("encodedVideo")
    return received(encoded, status, "encodedVideo") if encoded else _linked(video.get("uri"))


def _linked(link: Any) -> Media:
    if not isinstance(link, str) or not link.lower().startswith(("http://", "https://")):
        raise _accepted(from_vendor("garbled", None))
    return Media(url=link)


def _no_film(made: Mapping[str, Any]) -> Fault:
    """Why an operation is done and has no film: it was filtered, or nobody says."""
    given = made.get("raiMediaFilteredReasons")
    reasons = [each for each in given if isinstance(each, str)] if isinstance(given, list) else []
    if reasons or made.get("raiMediaFilteredCount"):
        return from_vendor("refused", " ".join(reasons))
    return _accepted(from_vendor("empty", None))


def _failure(body: Mapping[str, Any]) -> Fault:
    """The `Fault` of an operation's error, whose code is one of google.rpc.Code, or of an error outside of one."""
    error = body["error"]
    code = error.get("code")
    if refused := _refused(body):
        return refused
    if "done" not in body and "name" not in body:
        return _gemini.refusal(code if isinstance(code, int) else 500, body)
    name = _NAMES.get(code, "UNKNOWN") if isinstance(code, int) else "UNKNOWN"
    return _accepted(_gemini.refusal(500, {"error": {**error, "status": name}}))


def _refused(body: Any) -> Fault | None:
    """The `Fault` of an error whose words say that the prompt or the film broke a rule; None for any other."""
    words = complaint(body).words
    broken = any(word in words.lower() for word in _REFUSING)
    return from_vendor("refused", words) if broken else None


def _accepted(fault: Fault) -> Fault:
    fault.stage = "accepted"
    return fault
