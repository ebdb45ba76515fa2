"""What Veo takes in the Gemini API: options by model, which references go together, and how it words a refusal.

Options as its video page of 2025-11 states them, 4k as mirrors of 2026 do. Whether a person may be shown depends on the
caller's country too: `allow_adult` for text is taken from everybody here. Omni, which Google has on its Interactions
API alone, is played as a relay of this wire might have it, all of it ASSUMED: 3 to 10 s, up to 9 references, frames
and a film to change beside them.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from .google_rules import invalid, status_answer
from .nouns import Ask, Refusal
from .tasks import Task

Pixels = tuple[int, int]

SIZES: Mapping[str, Pixels] = {"720p": (1280, 720), "1080p": (1920, 1080), "4k": (3840, 2160)}
PEOPLE = ("allow_all", "allow_adult", "dont_allow")
MIMES = ("image/png", "image/jpeg", "image/webp")
MOST_SECONDS = 148  # of a film that was extended again and again
LONGER = 7  # seconds that an extension adds
INSTANCE = ("prompt", "image", "lastFrame", "referenceImages", "video")
PARAMETERS = (
    *("sampleCount", "durationSeconds", "aspectRatio", "resolution", "personGeneration", "negativePrompt", "seed"),
)
FILE = re.compile(r"files/([a-z0-9]+)")


@dataclass(frozen=True, slots=True)
class Family:
    """A model: its resolutions (none: it can't be said), the seconds it makes, what else it takes.

    `whole` are the resolutions that come with the longest film only, `wide` those that come in 16:9 only. `mixes`:
    pictures of all kinds go together, and a film beside them is one to change. `redirects`: its download leads to a
    link that needs no key.
    """

    resolutions: tuple[str, ...] = ("720p", "1080p")
    seconds: tuple[int, ...] = (4, 6, 8)
    whole: tuple[str, ...] = ()
    wide: tuple[str, ...] = ()
    references: int = 0
    extends: bool = False
    mixes: bool = False
    samples: int = 1
    redirects: bool = False


_THIRD = Family(("720p", "1080p", "4k"), whole=("1080p", "4k"), references=3, extends=True)
_FAST = Family(("720p", "1080p", "4k"), whole=("1080p", "4k"), references=3, extends=True, redirects=True)
_ZERO = Family(wide=("1080p",))
_OMNI = Family((), tuple(range(3, 11)), references=9, mixes=True)
FAMILIES: Mapping[str, Family] = {
    "veo-3.1-generate-preview": _THIRD,
    "veo-3.1-fast-generate-preview": _FAST,
    "veo-3.1-lite-generate-preview": Family(),
    "veo-3.0-generate-001": _ZERO,
    "veo-3.0-fast-generate-001": _ZERO,
    "veo-2.0-generate-001": Family((), (5, 6, 8), samples=2),
    "gemini-omni-flash-preview": _OMNI,
    "gemini-omni-1.1-flash": _OMNI,
}


@dataclass(frozen=True, slots=True)
class Given:
    """What an instance holds: its pictures in order, the film it goes on from or changes, and what call that makes."""

    prompt: str
    pictures: tuple[bytes, ...]
    film: bytes | None
    source: Task | None
    kind: str  # text, image, frames, references, extension, edit


def family(name: str, version: str) -> Family:
    found = _THIRD if name.startswith("bench:") else FAMILIES.get(name)
    if found is None:
        text = f"models/{name} is not found for API version {version}, or is not supported for predictLongRunning."
        raise Refusal(status_answer(404, f"{text} Call ModelService.ListModels to see the list of available models."))
    return found


def not_so(message: str, field: str) -> NoReturn:
    raise Refusal(invalid(message, field))


def longer(seconds: float) -> float:
    """The seconds of a film that was extended."""
    if seconds + LONGER > MOST_SECONDS:
        not_so(f"An extended video has at most {MOST_SECONDS} seconds.", "instances[0].video")
    return seconds + LONGER


def unsupported(name: str, field: str) -> NoReturn:
    more = "Please remove it or refer to the Gemini API documentation for supported usage."
    not_so(f"`{name}` isn't supported by this model. {more}", field)


def instance(ask: Ask, model: Family, key: str, shape: str) -> Given:
    """The one instance of a body. `key` is whose films may be gone on from."""
    found = ask.fields.get("instances")
    if not isinstance(found, list) or len(found) != 1 or not isinstance(found[0], dict):
        not_so("Exactly one instance must be given.", "instances")
    given = {name: value for name, value in found[0].items() if value is not None}
    for name in given:
        if name not in INSTANCE:
            unsupported(name, f"instances[0].{name}")
    prompt = given.get("prompt", "")
    if not isinstance(prompt, str):
        not_so("The prompt must be a string.", "instances[0].prompt")
    first = [_picture(given["image"], "image")] if "image" in given else []
    last = [_picture(given["lastFrame"], "lastFrame")] if "lastFrame" in given else []
    references = _references(given.get("referenceImages", []), model)
    _mix(given, references, model)
    pictures = (*first, *last, *references)
    if "video" in given:
        if not (model.extends or model.mixes):
            unsupported("video", "instances[0].video")
        film, source = _film(ask, given["video"], key, shape)
        return Given(prompt, pictures, film, source, "extension" if model.extends else "edit")
    if not prompt and not first:
        not_so("Either a prompt or an image must be given.", "instances[0].prompt")
    kind = "references" if references else "frames" if last else "image" if first else "text"
    return Given(prompt, pictures, None, None, kind)


def _mix(given: Mapping[str, Any], references: tuple[bytes, ...], model: Family) -> None:
    """Which of image, lastFrame, referenceImages and video may stand together."""
    others = [name for name in ("image", "lastFrame", "video") if name in given]
    if references and others and not model.mixes:
        not_so(f"referenceImages can't be combined with {others[0]}.", "instances[0].referenceImages")
    if "lastFrame" in given and "image" not in given:
        not_so("lastFrame needs an image as the first frame.", "instances[0].lastFrame")
    if "video" in given and "image" in given and not model.mixes:
        not_so("video can't be combined with image.", "instances[0].video")


def _references(found: Any, model: Family) -> tuple[bytes, ...]:
    field = "instances[0].referenceImages"
    if found and not model.references:
        unsupported("referenceImages", field)
    if not isinstance(found, list) or len(found) > model.references:
        not_so(f"At most {model.references} reference images are supported.", field)
    pictures = []
    for at, one in enumerate(found):
        if not isinstance(one, dict) or set(one) - {"image", "referenceType"}:
            not_so("A reference image has an image and a referenceType.", f"{field}[{at}]")
        if str(one.get("referenceType", "")).upper() != "ASSET":
            not_so("referenceType must be ASSET.", f"{field}[{at}].referenceType")
        pictures.append(_picture(one.get("image"), f"referenceImages[{at}].image"))
    return tuple(pictures)


def _picture(found: Any, name: str) -> bytes:
    field = f"instances[0].{name}"
    if not isinstance(found, dict):
        not_so(f"{name} must be an object.", field)
    for word in found:
        if word not in ("bytesBase64Encoded", "mimeType"):
            unsupported(word, f"{field}.{word}")
    if found.get("mimeType") not in MIMES:
        not_so(f"Unsupported MIME type: {found.get('mimeType', '')}", f"{field}.mimeType")
    return _bytes(found.get("bytesBase64Encoded"), f"{field}.bytesBase64Encoded")


def _bytes(text: Any, field: str) -> bytes:
    if not isinstance(text, str) or not text:
        not_so("Base64 data must be given.", field)
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        not_so(f'Base64 decoding failed for "{text[:20]}"', field)


def _film(ask: Ask, found: Any, key: str, shape: str) -> tuple[bytes | None, Task | None]:
    """The film to go on from: the bytes of one, or an earlier one of this key by its URI."""
    field = "instances[0].video"
    if not isinstance(found, dict) or set(found) - {"uri", "encodedVideo", "encoding"}:
        not_so("A video has a uri, or encodedVideo and its encoding.", field)
    if "encodedVideo" in found:
        if found.get("encoding") != "video/mp4":
            not_so(f"Unsupported MIME type: {found.get('encoding', '')}", f"{field}.encoding")
        return _bytes(found["encodedVideo"], f"{field}.encodedVideo"), None
    name = FILE.search(str(found.get("uri", "")))
    task = ask.tasks.find(name[1][:24], shape, key) if name else None
    if task is None or not task.made():
        not_so("The video must be one that was made by Veo.", f"{field}.uri")
    return None, task


def parameters(asked: Any, model: Family, kind: str) -> Mapping[str, Any]:
    """The effective ratio, resolution, seconds and count."""
    if not isinstance(asked, dict):
        not_so("parameters must be an object.", "parameters")
    given = {name: value for name, value in asked.items() if value is not None}
    for name in given:
        if name not in PARAMETERS:
            unsupported(name, f"parameters.{name}")
    ratio = _one_of(given, "aspectRatio", ("16:9", "9:16"), "16:9")
    if "resolution" in given and not model.resolutions:
        unsupported("resolution", "parameters.resolution")
    resolution = _one_of(given, "resolution", model.resolutions or ("720p",), "720p")
    seconds = _seconds(given.get("durationSeconds", max(model.seconds)), model)
    count = given.get("sampleCount", 1)
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= model.samples:
        not_so(f"sampleCount must be from 1 to {model.samples}.", "parameters.sampleCount")
    for name, type_ in (("negativePrompt", str), ("seed", int)):
        if not isinstance(given.get(name, type_()), type_) or isinstance(given.get(name), bool):
            not_so(f"{name} has the wrong type.", f"parameters.{name}")
    _together(model, kind, ratio, resolution, seconds)
    _people(given, model, kind)
    return {"ratio": ratio, "resolution": resolution, "seconds": seconds, "count": count}


def _one_of(given: Mapping[str, Any], name: str, values: tuple[str, ...], default: str) -> str:
    value = given.get(name, default)
    if value not in values:
        not_so(f"{name} must be one of {', '.join(values)}, not {value!r}.", f"parameters.{name}")
    return str(value)


def _seconds(value: Any, model: Family) -> int:
    """A number, or the text of one."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    text = str(value) if whole or isinstance(value, str) else ""
    if text not in map(str, model.seconds):
        few = ", ".join(map(str, model.seconds))
        not_so(f"durationSeconds must be one of {few}, not {value!r}.", "parameters.durationSeconds")
    return int(text)


def _together(model: Family, kind: str, ratio: str, resolution: str, seconds: int) -> None:
    """Options that only go with others."""
    longest = max(model.seconds)
    if seconds != longest and (resolution in model.whole or (model.extends and kind not in ("text", "image"))):
        why = resolution if resolution in model.whole else {"frames": "a last frame"}.get(kind, kind)
        not_so(f"durationSeconds must be {longest} with {why}.", "parameters.durationSeconds")
    if ratio != "16:9" and (resolution in model.wide or (kind == "references" and not model.mixes)):
        why = resolution if resolution in model.wide else kind
        not_so(f"aspectRatio must be 16:9 with {why}.", "parameters.aspectRatio")
    if kind == "extension" and resolution != "720p":
        not_so("resolution must be 720p for an extension.", "parameters.resolution")


def _people(given: Mapping[str, Any], model: Family, kind: str) -> None:
    asked = given.get("personGeneration")
    free = kind in ("text", "extension", "edit")
    allowed = PEOPLE[0 if free else 1 : 2 if model.resolutions else 3]
    if asked is not None and asked not in allowed:
        not_so(f"personGeneration must be {' or '.join(allowed)}, not {asked!r}.", "parameters.personGeneration")
