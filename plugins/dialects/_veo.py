"""Veo's `models/{model}:predictLongRunning` as a door: a film is asked for, its operation asked after, its file taken.

Read off recorded requests of google-genai 2.34 and 3.4 and @google/genai 2.32, and off those SDKs' own converters. The
SDK asks for the operation by the name that it was given, and for a film by the letters and digits behind `files/` of
its uri, on its own base URL. So the uri begins with https (given http, the SDK asks for a path that holds the whole
link), and the file's id is the job's, in small letters and digits, and the film's place among those of its operation.
Nothing is answered with 201 or 202: the SDK raises at both.

ASSUMED: `metadata.progressPercent` while a film is being made; that a prompt may be left out where a frame or a film is
there to go by; of fetchPredictOperation, by which Vertex clients ask, that `gcsUri` may be a link anyone can open.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from koci_proxy import fit, sizes
from koci_proxy.faults import Fault
from koci_proxy.fields import Fields, bad, picture, slipped
from koci_proxy.types import Job, JobState, Lookup, Media, Note, Role
from koci_proxy.wire import Body, Json, Reply

from . import _gemini, _gemini_files, _names

DOOR = "predictLongRunning"
LONGEST = 3600.0  # seconds

# Where an image or a video may hold its bytes or say where it lies; `gcsUri` for Vertex clients, which know no other.
_BYTES = (("bytesBase64Encoded",), ("encodedVideo",), ("inlineData", "data"))
_LINKS = (("uri",), ("gcsUri",), ("fileData", "fileUri"))
FRAMES: Mapping[Role, str] = {"first": "image", "last": "lastFrame"}
_NOT_CALLED = "ask for the operation, or send the header x-koci-webhook"

_JOB, _FILM = re.compile(r"[0-9a-f]{24}"), re.compile(r"([0-9a-f]{24})([0-9])")
_FOREIGN = re.compile(r"gs://|https?://[\w.-]*googleapis\.com/")


def parse(model: str, body: Body, dialect: str, *, vertex: bool) -> Job:
    """The film that is asked for. What other models have no word for stays in the options, named by its place."""
    whole = Fields(_gemini.folded(body.value) if isinstance(body, Json) else body)
    instances = whole.take("instances")
    if not isinstance(instances, list) or len(instances) != 1:
        raise Fault("bad_request", "instances is required: a list of one object with a prompt", field="instances")
    instance = Fields(instances[0], "instances[0]")
    asked = Fields(whole.take("parameters") or {}, "parameters")
    if asked.text("storageUri"):
        raise bad("parameters.storageUri", "is not taken: there is no bucket here; the operation answers with a link")
    if instance.take("mask") is not None:
        raise bad("instances[0].mask", "is not taken: films are not painted over here")
    inputs, options = _inputs(instance)
    to_go_by = {"first", "video"} & {role for role, _ in inputs}
    prompt = (instance.text("prompt") or "") if to_go_by else instance.required("prompt")
    size = sizes.tier_and_ratio(
        asked.text("resolution"), asked.text("aspectRatio"), asked.path("resolution"), asked.path("aspectRatio")
    )
    count, seconds = asked.whole("sampleCount", 1, 10) or 1, _seconds(asked)
    calls = (("webhookConfig", whole.take("webhookConfig")), (asked.path("pubsubTopic"), asked.take("pubsubTopic")))
    options |= {asked.path(name): value for name, value in asked.rest().items()}
    options |= {instance.path(name): value for name, value in instance.rest().items()} | whole.rest()
    options |= slipped(asked, instance, whole)
    return Job(
        model,
        prompt,
        task="video",
        inputs=tuple(media for _, media in inputs),
        roles=tuple(role for role, _ in inputs),
        n=count,
        size=size,
        seconds=seconds,
        deliver="url",
        dialect=dialect,
        options=options | {"_async": True} | ({"_vertex": True} if vertex else {}),
        notes=tuple(Note(name, "left out", _NOT_CALLED) for name, value in calls if value),
    )


def _inputs(instance: Fields) -> tuple[list[tuple[Role, Media]], dict[str, Any]]:
    """The frames, references and film to go by, each with its role, and the references' types where they are not all
    ASSET."""
    inputs: list[tuple[Role, Media]] = []
    types: dict[str, Any] = {}
    for role, name in FRAMES.items():
        if (value := instance.take(name)) is not None:
            inputs.append((role, _media(value, instance.path(name))))
    if [role for role, _ in inputs] == ["last"]:
        raise bad(instance.path("lastFrame"), "needs the first frame beside it, as image")
    for at, value in enumerate(instance.several("referenceImages")):
        reference = Fields(value, f"{instance.path('referenceImages')}[{at}]")
        inputs.append(("reference", _media(reference.take("image"), reference.path("image"))))
        kind = reference.text("referenceType")
        types |= {reference.path("referenceType"): kind} if kind and kind.upper() != "ASSET" else {}
    if (value := instance.take("video")) is not None:
        inputs.append(("video", _media(value, instance.path("video"))))
    return inputs, types


def _media(value: Any, field: str) -> Media:
    """A picture or a film as bytes or as a link."""
    for place in (*_BYTES, *_LINKS):
        found = value
        for step in place:
            found = found.get(step) if isinstance(found, Mapping) else None
        if found:
            where = ".".join((field, *place))
            return _linked(found, where) if place in _LINKS else _held(found, where)
    raise bad(field, "must be an object with bytesBase64Encoded or, for a film, uri")


def _held(data: Any, field: str) -> Media:
    if isinstance(data, str) and data[:8].lower().startswith(("http://", "https://")):
        raise bad(field, "must be base64; a link goes into uri")
    return picture(data, field)


def _linked(uri: Any, field: str) -> Media:
    """A film that was made here, a file that was handed in, or any link."""
    if not isinstance(uri, str):
        raise bad(field, "must be a link")
    if _FOREIGN.match(uri):
        raise bad(field, "names a file of Google's store, which nobody but its owner can read; send its bytes")
    key = _gemini_files.key(uri)
    film = _FILM.fullmatch(key or "")
    if film and film[2] != "0":
        raise bad(field, "names one of several films of an operation: only the first can be gone on with")
    if key:
        return Media(key=f"req_{film[1]}" if film else key)
    if not uri.lower().startswith(("http://", "https://")):
        raise bad(field, "must be an http(s) link or the uri of a film that was made here")
    return Media(url=uri)


def _seconds(asked: Fields) -> float | None:
    """A number, or one written as text."""
    value = asked.take("durationSeconds")
    if value is None:
        return None
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not 0 < seconds <= LONGEST:
        raise bad(asked.path("durationSeconds"), "must be a number of seconds, for example 8")
    return seconds


# What the house has another word for; where pictures and films stand goes by what they are to the film.
NAMES: Mapping[str, str] = {
    "task": "model",
    "prompt": "instances[0].prompt",
    "video": "instances[0].video",
    "images": "instances[0].referenceImages",
    "seconds": "parameters.durationSeconds",
    "n": "parameters.sampleCount",
}


def named(field: str, job: Job) -> str:
    """What an app that asked for a film here would call an input of it."""
    if field == "size":
        return _names.sized(job, "parameters.resolution", "parameters.aspectRatio")
    places = dict(zip(fit.input_names(job), _places(job), strict=True))
    return places.get(field) or NAMES.get(field, field)


def _places(job: Job) -> Iterator[str]:
    references = 0
    for role in fit.roles(job):
        if role == "reference":
            yield f"instances[0].referenceImages[{references}].image"
            references += 1
        else:
            yield f"instances[0].{FRAMES.get(role, 'video')}"


def operation(name: Any) -> Lookup:
    """The question after an operation, by its id or by its whole name. `Fault` not_found for what can be none."""
    id = name.rpartition("operations/")[2] if isinstance(name, str) else ""
    if not _JOB.fullmatch(id):
        raise Fault(
            "not_found", "there is no such operation: its name is what predictLongRunning answered", field="name"
        )
    return Lookup("show", f"req_{id}")


def fetched(body: Body) -> Lookup:
    """The same question as Vertex clients ask it."""
    whole = Fields(_gemini.folded(body.value) if isinstance(body, Json) else body)
    return operation(whole.required("operationName"))


def film(id: str) -> Lookup:
    """The question for the bytes of a film, by the id of its file."""
    found = _FILM.fullmatch(id)
    if not found:
        message = f"there is no film files/{id} to download: a film's uri stands in the answer of its operation"
        raise Fault("not_found", message, field="name")
    return Lookup("content", f"req_{found[1]}", int(found[2]))


def accepted(state: JobState) -> Reply:
    """The name to ask after the film by."""
    return Reply(200, {}, Json({"name": _name(state)}))


def _name(state: JobState) -> str:
    model = state.job.model
    return f"{'' if model.startswith('tunedModels/') else 'models/'}{model}/operations/{state.id.removeprefix('req_')}"


def progress(state: JobState, error: Mapping[str, Any] | None) -> Reply:
    """How an operation stands; `error` is the google.rpc status of its fault. A refused film is no error: it is counted
    among the filtered, with the reason."""
    body: dict[str, Any] = {"name": _name(state)}
    if not state.ended:
        body |= {} if state.progress is None else {"metadata": {"progressPercent": round(state.progress)}}
    elif state.status in ("succeeded", "partial", "refused"):
        body |= {"done": True, "response": _response(state)}
    else:
        body |= {"done": True, "error": _status(state, error)}
    return Reply(200, {}, Json(body))


def _response(state: JobState) -> dict[str, Any]:
    made = state.result.media if state.result else ()
    told: dict[str, Any] = {}
    if state.fault and state.fault.kind == "refused":
        missing = max(state.job.n - len(made), 1)
        told = {"raiMediaFilteredCount": missing, "raiMediaFilteredReasons": [state.fault.message]}
    if state.job.options.get("_vertex"):
        kind = "cloud.ai.large_models.vision.GenerateVideoResponse"
        videos = [{"gcsUri": media.url, "mimeType": media.mime or "video/mp4"} for media in made]
        return {"@type": f"type.googleapis.com/{kind}"} | ({"videos": videos} if made else {}) | told
    kind = "google.ai.generativelanguage.v1beta.PredictLongRunningResponse"
    samples = [{"video": {"uri": _uri(state, at)}} for at in range(len(made))]
    answered = ({"generatedSamples": samples} if made else {}) | told
    return {"@type": f"type.googleapis.com/{kind}", "generateVideoResponse": answered}


def _uri(state: JobState, index: int) -> str:
    host = state.links.partition("://")[2]
    return f"https://{host}/v1beta/files/{state.id.removeprefix('req_')}{index}:download?alt=media"


# google.rpc.Code, which an operation's error has in place of a status of HTTP.
CODES: Mapping[str, int] = {
    **{"CANCELLED": 1, "UNKNOWN": 2, "INVALID_ARGUMENT": 3, "DEADLINE_EXCEEDED": 4, "NOT_FOUND": 5},
    **{"ALREADY_EXISTS": 6, "PERMISSION_DENIED": 7, "RESOURCE_EXHAUSTED": 8, "FAILED_PRECONDITION": 9, "ABORTED": 10},
    **{"OUT_OF_RANGE": 11, "UNIMPLEMENTED": 12, "INTERNAL": 13, "UNAVAILABLE": 14, "DATA_LOSS": 15},
    **{"UNAUTHENTICATED": 16},
}


def _status(state: JobState, error: Mapping[str, Any] | None) -> dict[str, Any]:
    if error is not None:
        return {"code": CODES[error["status"]], "message": error["message"], "details": error["details"]}
    if state.status == "cancelled":
        return {"code": CODES["CANCELLED"], "message": "the operation was cancelled"}
    if state.status == "expired":
        return {"code": CODES["NOT_FOUND"], "message": "the film has expired and is no longer kept"}
    return {"code": CODES["INTERNAL"], "message": "the film could not be made"}
