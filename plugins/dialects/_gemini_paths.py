"""Where a request of the Gemini shape goes: its path read apart, in the spellings that Google's clients have for it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from koci_proxy.faults import Fault
from koci_proxy.wire import Call
from koci_proxy.words import no_such_path, wrong_method

from . import _gemini_files

METHODS = ("generateContent", "streamGenerateContent", "countTokens", "predict", "predictLongRunning")
PATHS = (
    *(f"models/{{model}}:{method}" for method in METHODS),
    *("models", "models/{model}", "models/{model}/operations/{id}", "files/{id}:download", "upload/files"),
)
_POLLED = "fetchPredictOperation"  # how Vertex clients ask after an operation; no model is said to have it

# Clients in Vertex mode put these before the path, the longer one when they have a project instead of a key.
_VERTEX = re.compile(r"^(?:projects/[^/]+/locations/[^/]+/)?(?:publishers/google/)?")
_OPERATION = re.compile(r"(?:(?:models|tunedModels)/.+/)?operations/([^/:]+)(:[^/]*)?")
# Given an http link, google-genai asks for files/http://host/v1beta/files/ID:download: the last one is meant.
_FILM = re.compile(r"files/([a-z0-9]+):download")
_INSTEAD = {
    "interactions": "pictures are made by models/{model}:generateContent",
    "files": "files are only taken in, by upload/files, and used as fileData in models/{model}:generateContent; "
    "a film is at files/{id}:download",
    "cachedContents": "send the contents with each models/{model}:generateContent",
    "batches": "send each request to models/{model}:generateContent",
}


@dataclass(frozen=True, slots=True)
class Route:
    """`method` is one of METHODS, `fetchPredictOperation`, `models`, `tunedModels`, `operation`, `film`, `begin` or
    `finish`; `name` a model, the id of an operation or a file, or an upload's token. `vertex`: asked in Vertex mode.
    """

    method: str
    name: str = ""
    vertex: bool = False


def methods(tasks: frozenset[str] | None) -> list[str]:
    """What can be asked of a model that does these tasks; everything where they are not known."""
    if tasks is None:
        return list(METHODS)
    picture, film = tasks - {"video"}, "video" in tasks
    wanted = {"predict": "generate" in tasks, "predictLongRunning": film}
    return [method for method in METHODS if wanted.get(method, bool(picture))]


def route(call: Call) -> Route:
    """What a request asks for. A method stands behind the last colon, and a model may hold slashes.

    `Fault` not_found says what there is, wrong_method what to use.
    """
    whole = call.path.strip("/")
    path = _VERTEX.sub("", whole)
    head, _, rest = path.partition("/")
    if head == "upload":
        return _upload(call, path)
    if found := _OPERATION.fullmatch(path):
        return _operation(call, path, found)
    if head == "files" and (ids := _FILM.findall(path)):
        return _read(call, path, Route("film", ids[-1]))
    if head in _INSTEAD:
        raise Fault("not_found", f"there is no path {head!r} here: {_INSTEAD[head]}")
    if head not in ("models", "tunedModels"):
        raise no_such_path(path, PATHS)
    while rest.startswith("models/"):  # written into `models/{model}` by programs whose model's name has it already
        rest = rest.removeprefix("models/")
    model, _, method = rest.rpartition(":") if ":" in rest else (rest, "", "")
    if method and method not in (*METHODS, _POLLED):
        raise no_such_path(path, [f"models/{model}:{each}" for each in METHODS])
    right = "POST" if method else "GET"
    if call.method.upper() != right:
        raise wrong_method(call.method, path, right)
    own = f"{head}/{model}" if head == "tunedModels" and model else model
    return Route(method or (head if not model else "models"), own, vertex=path != whole)


def _operation(call: Call, path: str, found: re.Match[str]) -> Route:
    if found[2] is not None:
        raise Fault("not_found", f"there is no path {path!r} here: an operation can be asked after, not be ended")
    return _read(call, path, Route("operation", found[1]))


def _read(call: Call, path: str, route: Route) -> Route:
    if call.method.upper() != "GET":
        raise wrong_method(call.method, path, "GET")
    return route


def _upload(call: Call, path: str) -> Route:
    words = path.split("/")
    if words[1:2] != ["files"] or len(words) > 3:
        raise no_such_path(path, PATHS)
    right = ("POST",) if len(words) == 2 else ("POST", "PUT")
    if call.method.upper() not in right:
        raise wrong_method(call.method, words[0] + "/files", "POST")
    _gemini_files.check(call.headers, begins=len(words) == 2)
    return Route("begin") if len(words) == 2 else Route("finish", words[2])
