"""The OpenAI shape: the door of its paths towards apps, and its Images and Videos APIs towards vendors.

Read off the OpenAPI file of OpenAI (2.3.0), the types of openai-python 3.52 and openai-node 7.55, and recorded requests
of both. Beyond OpenAI's own words the door takes `aspect_ratio` and `images`, and sizes such as "2K", as relays do.
Usage in a `Result` has OpenAI's names in every dialect: input_tokens, output_tokens, total_tokens and their details.

Three ways lead to a picture, each a module beside this one: the Images paths, chat completions, and the picture tool of
the Responses API. Which one a job came by stands in its options as `_door`; none means the Images paths. Films have
their own paths under `videos`, and are never waited for: an app asks after them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from types import ModuleType
from typing import Any

from koci_proxy.faults import Fault
from koci_proxy.types import Delivery, Event, Job, Listing, Lookup, Result, Target, Ticket
from koci_proxy.wire import Call, Frame, Json, Reply
from koci_proxy.words import no_such_model, retry_headers, wrong_method

from . import _openai_chat, _openai_images, _openai_responses, _openai_vendor, _openai_videos, _openai_videos_vendor
from ._openai_errors import error, no_such_url
from ._openai_talk import TUNED
from ._openai_vendor import event as event
from ._openai_videos import accepted as accepted
from ._openai_videos import deleted as deleted
from ._openai_videos import listed as listed
from ._openai_videos import progress as progress
from ._openai_videos_vendor import cancel as cancel
from ._openai_videos_vendor import poll as poll

NAME = "openai"
KEEP_ALIVE = b": keep-alive\n\n"
END = b""
DELIVER: Delivery = "url"

PATHS = {
    "images/generations": "POST",
    "images/edits": "POST",
    "chat/completions": "POST",
    "responses": "POST",
    "models": "GET",
}
SCHEMAS = {
    "images/generations": "openai-generations",
    "images/edits": "openai-edits",
    "chat/completions": "openai-chat",
    "responses": "openai-responses",
}
_DOORS: dict[str, ModuleType] = {"chat": _openai_chat, "responses": _openai_responses}
# What an app says for its own books, or of texts' lengths: that it is left out changes nothing about a picture.
BOOKS = (
    *("user", "safety_identifier", "store", "metadata", "service_tier", "prompt_cache_key", "include", "truncation"),
    *("max_tokens", "max_completion_tokens", "max_output_tokens", "logprobs", "top_logprobs", "stream_options"),
    *("parallel_tool_calls", "max_tool_calls"),
)
# Paths of OpenAI's that are not served: the first words of each, and what to use instead.
_UNSERVED = {
    ("files",): "there is no file store here: send a picture as an http(s) link or a data URI in `image_url`, "
    "or as a file in the form of images/edits",
    ("uploads",): "there is no file store here: send a picture as a file in the form of images/edits",
    ("chat", "completions"): "answers are not kept here: chat/completions is only there to ask for a new one",
    ("responses",): "answers are not kept here: responses is only there to ask for a new one",
}

# How an app asks for its first picture; shown once, beside the first key.
SAMPLE = """\
curl {base}/v1/images/generations -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\
  -d '{{"model": "{model}", "prompt": "a fox in the snow", "size": "1024x1024"}}'

from openai import OpenAI  # pip install openai
client = OpenAI(base_url="{base}/v1", api_key="{key}")
print(client.images.generate(model="{model}", prompt="a fox in the snow", size="1024x1024").data[0].url)"""


def schema(call: Call) -> str | None:
    """The schema a JSON body must fit; `Fault` not_found, wrong_method or gone where there is nothing to ask for."""
    return _openai_videos.schema(call) if _is_about_films(call) else SCHEMAS.get(_route(call))


def _is_about_films(call: Call) -> bool:
    return call.path.strip("/").partition("/")[0] == _openai_videos.VIDEOS


def _route(call: Call) -> str:
    path = call.path.strip("/")
    if path == "images/variations":
        raise Fault("gone", "image variations were retired; use images/edits with a prompt")
    name = "models" if path.startswith("models/") else path
    if name not in PATHS:
        raise _unserved(path)
    if call.method.upper() != PATHS[name]:
        raise wrong_method(call.method, path, PATHS[name])
    return name


def _unserved(path: str) -> Fault:
    words = tuple(path.split("/"))
    instead = next((why for first, why in _UNSERVED.items() if words[: len(first)] == first), None)
    return Fault("not_found", instead) if instead else no_such_url(path, (*PATHS, _openai_videos.VIDEOS))


def parse(call: Call) -> Job | Listing | Lookup:
    """What the app wants. `Fault` bad_request names the field."""
    if _is_about_films(call):
        return _openai_videos.parse(call)
    match _route(call):
        case "models":
            return Listing(call.path.strip("/").partition("/")[2] or None)
        case "chat/completions":
            return _openai_chat.parse(call)
        case "responses":
            return _openai_responses.parse(call)
        case path:
            return _openai_images.parse(call, edit=path == "images/edits")


def _door(job: Job) -> Any:
    return _DOORS.get(str(job.options.get("_door")), _openai_images)


def named(field: str, job: Job) -> str:
    """What an app calls an input on the path it asked by, where the house has another word for it."""
    name: str = (_openai_videos if job.task == "video" else _door(job)).named(field, job)
    return name


def render(result: Result, job: Job) -> Reply:
    """The answer to an app, in the form of the path it asked by."""
    reply: Reply = _door(job).render(result, job)
    return reply


def frame(event: Event, job: Job) -> tuple[Frame, ...]:
    """The frames of one event of a stream."""
    frames: tuple[Frame, ...] = _door(job).frame(event, job)
    return frames


def end(job: Job) -> bytes:
    """What ends a stream: `[DONE]` in a chat, where clients wait for it, and nothing elsewhere."""
    return _openai_chat.END if _door(job) is _openai_chat else END


def fail(fault: Fault) -> Reply:
    """The error answer. A vendor's 401 is never shown as 401: it is about this house's key, not the app's."""
    return Reply(fault.status, retry_headers(fault), Json({"error": error(fault)}))


def fail_frame(fault: Fault, job: Job) -> Frame:
    """The nested form: the flat one, which only the Responses API has, is handed to the program as a normal event."""
    found = error(fault)
    door = _door(job)
    if door is _openai_responses:
        return _openai_responses.fail_frame(found, job)
    return Frame(None, {"error": found}) if door is _openai_chat else Frame("error", {"type": "error", "error": found})


def catalogue(models: Sequence[str], listing: Listing) -> Reply:
    """All models, or the one asked for; `Fault` not_found with the nearest name."""
    if listing.model is None:
        return Reply(200, {}, Json({"object": "list", "data": [_model(name) for name in models]}))
    if listing.model not in models:
        raise no_such_model(listing.model, models)
    return Reply(200, {}, Json(_model(listing.model)))


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "koci"}


# --- towards a vendor -----------------------------------------------------------------------------------------------


def _side(job: Job) -> ModuleType:
    return _openai_videos_vendor if job.task == "video" else _openai_vendor


def words(job: Job, target: Target) -> Collection[str]:
    """The app's extra words that are sent: all of an app of this shape, but for what a chat asks of a model that talks.

    The Images API of no vendor knows that.
    """
    if job.dialect != NAME:
        return ()
    return [name for name in job.options if "_door" not in job.options or name not in TUNED]


def encode(job: Job, target: Target) -> Call:
    """The vendor's call for pictures or a film."""
    call: Call = _side(job).encode(job, target)
    return call


def decode(reply: Reply, job: Job, target: Target) -> Result | Ticket:
    """What the vendor made, or, of a film, the task that makes it. Raises `Fault`."""
    outcome: Result | Ticket = _side(job).decode(reply, job, target)
    return outcome
