"""The Gemini shape, towards apps and towards Google: `models/{model}:generateContent` and what stands around it.

Read off recorded requests of google-genai 1.47 to 3.4 and @google/genai 2.32 and 3.1, Google's page on pictures of
2026-07, and the types of google.rpc. Towards apps both spellings of every key are taken (the SDKs mix them within one
body); towards a vendor all keys are camelCase and base64 has the standard alphabet.

A conversation is a prompt (the texts of the last turn of the user) and pictures in order, those of earlier turns first.
What more there is (earlier words, thought signatures, the order of texts and pictures) stands in the job's options, so
that a vendor of this shape gets the conversation as it was. A refused request is 400 INVALID_ARGUMENT with an ErrorInfo
that says so: Google's own 200 without a picture would look like a success to most programs. Films have a path of their
own, an operation that is asked after, and there a refusal is told as Google tells it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from koci_proxy.faults import Fault
from koci_proxy.fields import Fields, picture, respelled, said_late, size_words, slipped
from koci_proxy.types import (
    Delivery,
    Done,
    Event,
    Job,
    JobState,
    Listing,
    Lookup,
    Media,
    Note,
    Result,
    Target,
    Ticket,
    Upload,
)
from koci_proxy.wire import Call, Frame, Json, Reply
from koci_proxy.words import answer, from_vendor, no_such_model, retry_headers

from . import _gemini, _gemini_config, _gemini_count, _gemini_files, _gemini_paths, _imagen, _names, _veo, _veo_vendor

NAME = "gemini"
KEEP_ALIVE = b"\n"  # google-genai breaks on SSE comments and on any other line
END = b""
DELIVER: Delivery = "base64"

# Where an app may write without a key of its own: the address itself was given to one that has a key.
KEYLESS = ("upload/files/",)

CONFIG, MODALITIES = _gemini_config.CONFIG, _gemini_config.MODALITIES

begun, uploaded = _gemini_files.begun, _gemini_files.uploaded
accepted, poll = _veo.accepted, _veo_vendor.poll


# --- towards an app -------------------------------------------------------------------------------------------------

_SCHEMAS = {
    "generateContent": "gemini-generate",
    "streamGenerateContent": "gemini-generate",
    "countTokens": "gemini-count",
    "predict": "gemini-predict",
    "predictLongRunning": "gemini-veo",
    "fetchPredictOperation": "gemini-fetch",
    "begin": "gemini-upload",
    "finish": "raw",
}


def schema(call: Call) -> str | None:
    """The schema a JSON body must fit, `raw` where it is a file; `Fault` not_found or wrong_method for no such path."""
    return _SCHEMAS.get(_gemini_paths.route(call).method)


def parse(call: Call) -> Job | Listing | Lookup | Upload | Reply:
    """What the app wants. `Fault` bad_request names the field.

    Pictures come as base64, or as links (fileData) for an app that says `responseFormat.image.delivery: URI`.
    """
    route = _gemini_paths.route(call)
    match route.method:
        case "models":
            return Listing(route.name or None)
        case "tunedModels":
            return Reply(200, {}, Json({"tunedModels": []}))
        case "begin":
            return _gemini_files.begin(call)
        case "finish":
            return _gemini_files.finish(call, route.name)
        case "countTokens":
            return _gemini_count.count(call.body)
        case "predict":
            return _imagen.parse(route.name, call.body, NAME)
        case "predictLongRunning":
            return _veo.parse(route.name, call.body, NAME, vertex=route.vertex)
        case "fetchPredictOperation":
            return _veo.fetched(call.body)
        case "operation":
            return _veo.operation(route.name)
        case "film":
            return _veo.film(route.name)
        case _:
            return _content(call, route)


def _content(call: Call, route: _gemini_paths.Route) -> Job:
    body = call.body.value if isinstance(call.body, Json) else None
    whole = Fields(_gemini.folded(body) if isinstance(body, Mapping) else call.body)
    talk = _gemini.read(whole.take("contents"))
    config = Fields(whole.take(CONFIG) or {}, CONFIG)
    wanted = _gemini_config.picture(config)
    modalities = _gemini_config.modalities(config)
    stream = route.method == "streamGenerateContent"
    sse = call.query.get("alt", "").lower() == "sse"
    count = config.whole("candidateCount", 1, 10) or 1
    options = wanted.options | {f"{CONFIG}.{name}": value for name, value in config.rest().items()} | whole.rest()
    options |= {"_modalities": modalities} if modalities != MODALITIES else {}
    options |= {"_array": True} if stream and not sse else {}
    options |= talk.options | slipped(*wanted.read, config, whole)
    return Job(
        route.name,
        talk.prompt,
        task="edit" if talk.inputs else "generate",
        inputs=talk.inputs,
        n=count,
        size=wanted.size,
        format=wanted.format,
        compression=wanted.compression,
        deliver=wanted.deliver,
        stream=stream and sse,
        dialect=NAME,
        options=options,
        notes=wanted.notes,
    )


# Of the fields that may stand in two places only the last word: it is the same in both.
_WORDS = {
    "task": "model",
    "prompt": "contents",
    "images": "contents",
    "n": f"{CONFIG}.candidateCount",
    "format": "mimeType",
    "compression": "compressionQuality",
}


def named(field: str, job: Job) -> str:
    """What an app calls an input that the house has another word for; a conversation's picture by its part."""
    if job.task == "video":
        return _veo.named(field, job)
    if job.options.get("_door") == _imagen.DOOR:
        return _imagen.named(field, job)
    if field == "size":
        return _names.sized(job, "imageSize", "aspectRatio")
    number = _names.number(field)
    if number is None or job.dialect != NAME:
        return "contents" if _names.is_picture(field) else _WORDS.get(field, field)
    return _gemini.place(number, _kept(job))


def _kept(job: Job) -> Any:
    """The conversation of an app of this shape."""
    return job.options.get("_contents")


def render(result: Result, job: Job) -> Reply:
    """The answer to an app: pictures, then text. Asked for several, each picture is a candidate of its own."""
    if job.options.get("_door") == _imagen.DOOR:
        return _imagen.render(result, job)
    body = _answer(result, job)
    return Reply(200, {}, Json([body] if job.options.get("_array") else body))


def _answer(result: Result, job: Job) -> dict[str, Any]:
    signed = result.extras.get("thoughtSignatures") or ()
    pictures = [
        _gemini.spelled(media, job.deliver) | _signed(signed[at] if at < len(signed) else None)
        for at, media in enumerate(result.media)
    ]
    groups = [[each] for each in pictures] if job.n > 1 else [pictures]
    thought = result.extras.get("thoughts")
    before: list[dict[str, Any]] = [{"text": thought, "thought": True}] if thought else []
    after = [{"text": result.text} | _signed(result.extras.get("textSignature"))] if result.text else []
    groups[0] = before + groups[0] + after
    body: dict[str, Any] = {
        "candidates": [
            {"content": {"parts": parts, "role": "model"}, "finishReason": "STOP", "index": at}
            for at, parts in enumerate(groups)
        ],
        "usageMetadata": _gemini.usage_out(result.usage),
        "modelVersion": job.model,
        "responseId": result.extras.get("responseId") or _id(result, job),
    }
    return body


def _signed(signature: Any) -> dict[str, Any]:
    return {"thoughtSignature": respelled(signature)} if signature else {}


def _id(result: Result, job: Job) -> str:
    """A name for an answer whose vendor gave it none; the same answer gets the same one."""
    facts = (job.model, job.prompt, result.created, [(media.size, media.url) for media in result.media], result.text)
    return blake2b(repr(facts).encode(), digest_size=12).hexdigest()


def progress(state: JobState) -> Reply:
    """How a film's operation stands."""
    return _veo.progress(state, _error(state.fault)["error"] if state.fault else None)


def frame(event: Event, job: Job) -> tuple[Frame, ...]:
    """One frame with the whole answer: the shape has no word for progress or previews.

    The headers of a stream that was kept alive can carry no notes. Official clients drop a field that they do not know,
    so they are told of them in `modelStatus` too, where Gemini has a word about the model.
    """
    if not isinstance(event, Done):
        return ()
    notes = "; ".join(map(str, event.result.notes))
    known = {"modelStatus": {"message": notes}} if notes else {}
    return (Frame(None, _answer(event.result, job) | known | said_late(event.result)),)


_FAILS = {
    "unauthorized": "UNAUTHENTICATED",
    "no_credit": "FAILED_PRECONDITION",  # with HTTP 402, for which google.rpc has no name
    "forbidden": "PERMISSION_DENIED",
    "not_found": "NOT_FOUND",
    "gone": "NOT_FOUND",
    "conflict": "ABORTED",
    "too_fast": "RESOURCE_EXHAUSTED",
    "key_busy": "RESOURCE_EXHAUSTED",
    "key_refused": "UNAVAILABLE",
    "key_spent": "UNAVAILABLE",
    "unserved": "UNAVAILABLE",
    "down": "UNAVAILABLE",
    "garbled": "UNAVAILABLE",
    "empty": "UNAVAILABLE",
    "slow": "DEADLINE_EXCEEDED",
    "internal": "INTERNAL",
}
_TYPE = "type.googleapis.com/google.rpc."


def fail(fault: Fault) -> Reply:
    """The error answer: a google.rpc status. A vendor's 401 is never shown as 401: it is about this house's key."""
    return Reply(fault.status, retry_headers(fault), Json(_error(fault)))


def fail_frame(fault: Fault, job: Job) -> Frame:
    return Frame(None, _error(fault))


def _error(fault: Fault) -> dict[str, Any]:
    reason = _gemini.REFUSED if fault.kind == "refused" else fault.kind.upper()
    details: list[dict[str, Any]] = [{"@type": f"{_TYPE}ErrorInfo", "reason": reason, "domain": "koci-proxy"}]
    if fault.field:
        broken = {"field": fault.field, "description": fault.message}
        details.append({"@type": f"{_TYPE}BadRequest", "fieldViolations": [broken]})
    if fault.retry_after:
        details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{fault.retry_after:g}s"})
    name = _FAILS.get(fault.kind, "INVALID_ARGUMENT")
    return {"error": {"code": fault.status, "message": fault.message, "status": name, "details": details}}


def catalogue(models: Sequence[str], listing: Listing) -> Reply:
    """All models, or the one asked for; `Fault` not_found with the nearest name."""
    if listing.model is None:
        return Reply(200, {}, Json({"models": [_model(name, listing) for name in models]}))
    if listing.model not in models:
        raise no_such_model(listing.model, models)
    return Reply(200, {}, Json(_model(listing.model, listing)))


def _model(name: str, listing: Listing) -> dict[str, Any]:
    methods = _gemini_paths.methods(listing.tasks.get(name))
    return {"name": f"models/{name}", "displayName": name, "supportedGenerationMethods": methods}


# --- towards Google -------------------------------------------------------------------------------------------------


# What apps of other shapes call a number of the generation config. It knows no other word of theirs.
_SHARED = {"seed": "seed", "temperature": "temperature", "top_p": "topP"}
_SEEDS = range(2**31)


def words(job: Job, target: Target) -> Collection[str]:
    """The app's extra words that are sent: all of an app of this shape, of any other the numbers that both have."""
    return job.options if job.dialect == NAME else _shared(job)


def _shared(job: Job) -> dict[str, Any]:
    if job.dialect == NAME or job.task == "video":
        return {}
    said = {name: job.options[name] for name in _SHARED if type(job.options.get(name)) in (int, float)}
    return {name: each for name, each in said.items() if name != "seed" or each in _SEEDS}


def encode(job: Job, target: Target) -> Call:
    """The vendor's call. An app of this shape gets all its words through, and its conversation as it was."""
    options = {name: respelled(value) for name, value in job.options.items()} if job.dialect == NAME else {}
    if job.task == "video":
        return _veo_vendor.encode(job, target, options)
    kept = _kept(job) if job.dialect == NAME else None
    inside = f"{CONFIG}."
    config = {name.removeprefix(inside): value for name, value in options.items() if name.startswith(inside)}
    tier, ratio = size_words(job.size, target.card.size.wire)
    image = {**config.pop("imageConfig", {}), **({"aspectRatio": ratio} if ratio else {})}
    image |= {"imageSize": tier} if tier else {}
    config |= {_SHARED[name]: value for name, value in _shared(job).items()}
    config["responseModalities"] = list(options.get("_modalities") or MODALITIES)
    config |= {"imageConfig": image} if image else {}
    config |= {"candidateCount": job.n} if job.n > 1 else {}
    rest = {name: value for name, value in options.items() if not name.startswith((inside, "_"))}
    body = {"contents": _gemini.written(job, kept), **rest, CONFIG: config}
    return Call("POST", f"models/{target.model}:generateContent", body=Json(body))


def decode(reply: Reply, job: Job, target: Target) -> Result | Ticket:
    """What Google made. Raises `Fault`, also for a 200 without a picture: it comes in four forms."""
    if job.task == "video":
        return _veo_vendor.decode(reply, target)
    body = answer(reply)
    if reply.status >= 300:
        raise _gemini.refusal(reply.status, body)
    body = _gemini.folded(body[0] if isinstance(body, list) and body else body)
    if not isinstance(body, Mapping):
        raise from_vendor("garbled", None, status=reply.status)
    if isinstance(body.get("error"), Mapping):
        code = body["error"].get("code")
        raise _gemini.refusal(code if isinstance(code, int) else 500, body)
    parts = _parts(body)
    spoken = [part for part in parts if isinstance(part.get("text"), str)]
    text = "".join(part["text"] for part in spoken if part.get("thought") is not True)
    drawn = [(part, media) for part in parts if (media := _media(part, reply.status))]
    made = [(part, media) for part, media in drawn if part.get("thought") is not True]
    if not made:
        raise _gemini.no_picture(body, text, reply.status)
    interim = len(drawn) - len(made)
    return Result(
        tuple(media for _, media in made),
        text=text,
        usage=_gemini.usage_in(body.get("usageMetadata")),
        notes=(Note("thought", "left out", f"{interim} interim pictures"),) if interim else (),
        extras=_extras(body, [part for part, _ in made], spoken),
    )


def _parts(body: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The parts of all candidates in order, whatever of the way to them is missing."""
    contents = [each.get("content") for each in _gemini.objects(body.get("candidates"))]
    return [part for content in _gemini.objects(contents) for part in _gemini.objects(content.get("parts"))]


def _media(part: Mapping[str, Any], status: int) -> Media | None:
    """The picture of a part, None if it is none."""
    blob = part.get("inlineData") or part.get("fileData")
    if not isinstance(blob, Mapping) or not str(blob.get("mimeType") or "image/").startswith("image/"):
        return None
    try:
        return picture(blob.get("data") or blob.get("fileUri"), "inlineData")
    except Fault as fault:
        raise from_vendor("garbled", fault.message, status=status) from fault


def _extras(
    body: Mapping[str, Any], drawn: Sequence[Mapping[str, Any]], spoken: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Signatures, which the next turn must bring back unchanged, the model's thoughts, and the answer's own name."""
    signatures = tuple(part.get("thoughtSignature") for part in drawn)
    said = [part.get("thoughtSignature") for part in spoken if part.get("thought") is not True]
    extras = {
        "thoughtSignatures": signatures if any(signatures) else None,
        "textSignature": next((each for each in said if each), None),
        "thoughts": "".join(part["text"] for part in spoken if part.get("thought") is True),
        "responseId": body.get("responseId"),
    }
    return {name: value for name, value in extras.items() if value}
