"""The Koukoutu shape: one picture in, one picture out, at once or by a task that is asked after.

A model is its `model_key`. Every answer that is no picture is `{code, message, data}`; towards us its errors may come
under HTTP 200, ours carry the code as their HTTP status too. At the vendor the host decides whether an answer comes at
once, and both have the same path; here it is the path: sync/v1/create and async/v1/create. Read off the code of several
public clients, since its own pages could not be read; `models` and JSON bodies are extensions of this house. ASSUMED: a
balance is `data.score`, which no source shows; here it is the caller's credits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from koci_proxy import sizes
from koci_proxy.blame import default_kind
from koci_proxy.faults import Fault
from koci_proxy.fields import Fields, bad, picture, size_words
from koci_proxy.types import (
    Balance,
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
    Size,
    Target,
    Ticket,
)
from koci_proxy.wire import Call, Form, Frame, Json, Raw, Reply, url
from koci_proxy.words import answer, complaint, from_vendor, no_such_model, no_such_path, retry_headers, wrong_method

from . import _koukoutu

NAME = "koukoutu"
KEEP_ALIVE = b": keep-alive\n\n"
END = b""
DELIVER: Delivery = "base64"

# What the tail of a path is once its versions are gone -> its method and its full form.
PATHS = {
    "sync/create": ("POST", "sync/v1/create"),
    "async/create": ("POST", "async/v1/create"),
    "async/query": ("POST", "async/v1/query"),
    "score": ("GET", "v1/score"),
    "models": ("GET", "v1/models"),
}
SCHEMAS = {"sync/create": "koukoutu-create", "async/create": "koukoutu-create", "async/query": "koukoutu-query"}
PICTURES = ("image_file", "image_url", "image_base64")
# `response`: a link, or the picture itself, for which there are two words.
ANSWERS: Mapping[str, Delivery] = {"url": "url", "file": "base64", "bytes": "base64"}
AS_ORIGINAL = "0:0"
EVERY = 1.0  # seconds between two looks at a task, where the provider's file does not say otherwise


# --- towards an app -------------------------------------------------------------------------------------------------


def schema(call: Call) -> str | None:
    """The schema a body must fit; `Fault` not_found or wrong_method where there is nothing to ask for."""
    return SCHEMAS.get(_route(call))


def _route(call: Call) -> str:
    words = [word for word in call.path.split("/") if word and word not in ("v1", "v2")]
    name = "/".join(words)
    if words[:1] == ["models"]:
        name = "models"
    elif words[-1:] == ["score"] and words[:-1] in ([], ["sync"], ["async"]):
        name = "score"
    if name not in PATHS:
        raise no_such_path(call.path.strip("/"), [full for _, full in PATHS.values()])
    method, full = PATHS[name]
    if call.method.upper() != method:
        raise wrong_method(call.method, full, method)
    return name


def parse(call: Call) -> Job | Balance | Listing | Lookup:
    """What the app wants. `Fault` bad_request names the field."""
    path = _route(call)
    if path == "models":
        return Listing(call.path.strip("/").partition("models")[2].strip("/") or None)
    if path == "score":
        return Balance()
    fields = Fields(call.body)
    if path == "async/query":
        return _lookup(fields)
    model = fields.required("model_key")
    form = fields.choice("response", ANSWERS)
    later = path == "async/create"
    job = Job(
        model,
        fields.text("prompt") or "",
        task="edit",
        inputs=(_input(fields),),
        size=_size(fields),
        format=fields.text("output_format"),
        strength=_strength(fields),
        deliver="url" if later else ANSWERS[form or "file"],
        dialect=NAME,
        options=fields.rest() | ({"_async": True} if later else {}),
        notes=(Note("response", "bent", f"{form} → url: a task is answered with a link"),)
        if later and form not in (None, "url")
        else (),
    )
    return job


def _lookup(fields: Fields) -> Lookup:
    task = fields.take("task_id")
    number = _koukoutu.number(task)
    if number is None or number < 0:
        why = "is required" if task is None else "must be the number that async/v1/create answered"
        raise Fault("bad_request", f"task_id {why}", field="task_id")
    if fields.choice("response", ANSWERS) not in (None, "url"):
        raise bad("response", "must be url: a task is answered with a link")
    return Lookup("show", str(number))


def _input(fields: Fields) -> Media:
    """The picture; exactly one of three fields holds it."""
    given = {name: value for name in PICTURES if (value := fields.take(name)) not in (None, "")}
    if not given:
        raise Fault(
            "bad_request",
            f"a picture is required, in one of {', '.join(PICTURES)}",
            field=PICTURES[0],
            code="missing_required_parameter",
        )
    if len(given) > 1:
        raise bad(list(given)[1], f"cannot stand beside {next(iter(given))}: send one picture, in one field")
    [(name, value)] = given.items()
    if isinstance(value, list):
        raise bad(name, "must be one picture, not several")
    if name == "image_url" and isinstance(value, str) and not value.lower().startswith(("http://", "https://")):
        raise bad(name, "must be an http(s) URL")
    return picture(value, name)


def _size(fields: Fields) -> Size:
    """`resolution` is a tier in small letters, `size` a ratio."""
    ratio = fields.text("size")
    return sizes.tier_and_ratio(
        fields.text("resolution"), None if ratio == AS_ORIGINAL else ratio, "resolution", "size"
    )


def _strength(fields: Fields) -> float | None:
    """ASSUMED: `similarity` is how near the picture stays, so its complement is how far it may go."""
    value = fields.take("similarity")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise bad("similarity", "must be a number from 0 to 1")
    return round(1 - value, 6)


def render(result: Result, job: Job) -> Reply:
    """The picture itself, or a link to it. There is room for one: more stand as links in `result_files`."""
    first, *more = result.media
    if job.deliver == "base64":
        return Reply(200, {}, Raw(first, first.mime or "application/octet-stream"))
    links = {"result_files": [url(media) for media in result.media]} if more else {}
    return _envelope("success", {"result_file": url(first), **links})


def _envelope(message: str, data: Any) -> Reply:
    return Reply(200, {}, Json({"code": _koukoutu.GOOD, "message": message, "data": data}))


def balance(credits: int | None) -> Reply:
    """The caller's credits as points; null where nothing limits it, for a number would be read as what is left."""
    if credits is None:
        return _envelope("unlimited", {"score": None})
    return _envelope("success", {"score": credits // 1000 if credits % 1000 == 0 else credits / 1000})


def accepted(state: JobState) -> Reply:
    """The answer to a create that is not waited for: the number to ask after it by."""
    return _envelope("success", {"task_id": int(state.number)})


def progress(state: JobState) -> Reply:
    """What became of a task. `state` 0 is under way, 1 done, 2 failed; `progress` is text; `position` -1: no queue."""
    if not state.ended:
        return _envelope("running", _task(0, None, None, state.progress or 0))
    if state.result is not None:
        return _finished(state.result)
    message = state.fault.message if state.fault else f"the task is {state.status}"
    return _envelope("failed", _task(2, None, message, 0))


def _finished(result: Result) -> Reply:
    return _envelope("success", _task(1, url(result.media[0]), None, 100))


def _task(state: int, link: Any, message: str | None, percent: float) -> dict[str, Any]:
    return {
        "state": state,
        "result_file": link,
        "message": message,
        "progress": f"{percent:.2f}",
        "position": -1,
    }


def fail(fault: Fault) -> Reply:
    """The error answer: its `code` is the HTTP status too."""
    body = _error(fault)
    return Reply(body["code"], retry_headers(fault), Json(body))


def _error(fault: Fault) -> dict[str, Any]:
    return {"code": _koukoutu.CODES.get(fault.kind, fault.status), "message": fault.message}


def frame(event: Event, job: Job) -> tuple[Frame, ...]:
    """There are no streams on this wire; should one be asked for, its only frame is the whole answer."""
    body = _finished(event.result).body if isinstance(event, Done) else None
    return (Frame(None, body.value),) if isinstance(body, Json) else ()


def fail_frame(fault: Fault, job: Job) -> Frame:
    return Frame(None, _error(fault))


def catalogue(models: Sequence[str], listing: Listing) -> Reply:
    """All models, or the one asked for; `Fault` not_found with the nearest name."""
    if listing.model is not None and listing.model not in models:
        raise no_such_model(listing.model, models)
    names = models if listing.model is None else [listing.model]
    return _envelope("success", [{"model_key": name} for name in names])


# --- towards Koukoutu -----------------------------------------------------------------------------------------------


def left_out(job: Job, target: Target) -> tuple[Note, ...]:
    """A cut-out takes no words; doors that cannot ask without any must not think they were heeded."""
    if job.prompt and target.model not in _koukoutu.PROMPTED:
        return (Note("prompt", "left out", f"{target.model} takes none"),)
    return ()


def encode(job: Job, target: Target) -> Call:
    """The vendor's call; `wire: {mode: async}` in the provider's file says that it answers with a task.

    At once, no `response` asks for the picture itself: one call less, and nothing to be fetched.
    """
    if len(job.inputs) != 1:
        raise Fault("bad_request", f"{target.model} takes exactly one picture, not {len(job.inputs)}", field="image")
    [media] = job.inputs
    words = {"model_key": target.model, **_words(job, target)}
    image = ("image_file", media) if media.url is None else ("image_url", media.url)
    texts = tuple((name, _text(value)) for name, value in words.items() if value is not None)
    mode = {} if _is_async(target) else {"accept": "image/*, application/json"}
    return Call("POST", "create", headers=mode, body=Form((*texts, image)))


def _is_async(target: Target) -> bool:
    return target.wire.get("mode") == "async"


def _words(job: Job, target: Target) -> dict[str, Any]:
    """Every field but the picture: what the card takes, and the app's own further words."""
    takes = target.card.takes
    tier, ratio = size_words(job.size, target.card.size.wire)
    words: dict[str, Any] = {
        "prompt": job.prompt if target.model in _koukoutu.PROMPTED else None,
        "output_format": (job.format or "png") if "format" in takes else None,  # no source tells the default
        "resolution": tier.lower() if tier else None,
        "size": ratio,
        "similarity": round(1 - job.strength, 6) if "strength" in takes and job.strength is not None else None,
    }
    if job.dialect == NAME:
        words |= {name: value for name, value in job.options.items() if not name.startswith("_")}
    return words


def _text(value: Any) -> str | Media:
    """All values on this wire are text."""
    if isinstance(value, (str, Media)):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    return f"{value:g}" if isinstance(value, float) else str(value)


def poll(ticket: Ticket, job: Job, target: Target) -> Call:
    """The call that asks after a task."""
    fields = {"task_id": str(ticket.handle["task_id"]), "response": "url", "model_key": target.model}
    return Call("POST", "query", body=Raw(urlencode(fields).encode(), "application/x-www-form-urlencoded"))


def decode(reply: Reply, job: Job, target: Target) -> Result | Ticket:
    """The picture, or the task that makes it; an answer of `query` brings a ticket without a handle, the old one holds.

    Raises `Fault` by the `code` of the body, which may come under HTTP 200.
    """
    if isinstance(reply.body, Raw) and isinstance(reply.body.content, Media) and reply.status < 300:
        return Result((reply.body.content,))
    body = answer(reply)
    if not isinstance(body, Mapping):
        kind = "garbled" if reply.status < 300 else default_kind(reply.status)
        raise from_vendor(kind, None, status=reply.status)
    if reply.status >= 300 or body.get("code", _koukoutu.GOOD) not in (_koukoutu.GOOD, str(_koukoutu.GOOD)):
        raise _koukoutu.refusal(reply.status, body)
    data = body.get("data")
    data = data if isinstance(data, Mapping) else {}
    if data.get("state") is not None:
        return _looked(data, target)
    task = _koukoutu.number(data.get("task_id"))
    if task is not None:
        return Ticket({"task_id": task}, None, _every(target))
    link = data.get("result_file")
    if not link:
        raise from_vendor("empty", complaint(body).words, status=reply.status)
    return Result((_media(link),))


def _looked(data: Mapping[str, Any], target: Target) -> Result | Ticket:
    """The state of a task. A task that is done but has no file yet is still under way: seen by those who poll it."""
    state = _koukoutu.number(data.get("state"))
    if state == 2:
        raise _koukoutu.failure(data.get("message"))
    link = data.get("result_file")
    if state == 1 and link:
        return Result((_media(link),))
    return Ticket({}, _koukoutu.percent(data.get("progress")), _every(target))


def _every(target: Target) -> float:
    every = target.wire.get("every")
    return float(every) if isinstance(every, (int, float)) else EVERY


def _media(link: Any) -> Media:
    try:
        return picture(link, "result_file")
    except Fault as fault:
        raise from_vendor("garbled", fault.message, status=200) from fault
