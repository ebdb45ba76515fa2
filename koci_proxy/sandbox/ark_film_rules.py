"""What Volcengine Ark takes for films: models, content parts and their roles, pixels and seconds.

Facts as its page for making a video task has them in 2026-08, for the models of 1.0 lite as notes of 2025 do. Not
played: audio, drafts, callbacks, 4k, and options written behind a prompt with `--`, its legacy way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .ark_rules import flag, missing, problem, refuse, text
from .fetch import data_uri
from .nouns import Refusal, Seen
from .tables import SEEDANCE_1, SEEDANCE_2, Pixels, Table, nearest_ratio

MAX_FILE = 30 * 1024 * 1024
READS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "MPO")
COMMON = (
    *("model", "content", "service_tier", "execution_expires_after", "safety_identifier", "return_last_frame"),
    *("resolution", "ratio", "duration", "watermark"),
)
FIRST = ("frames", "seed", "camera_fixed")  # fields of the first models
ELSEWHERE = (*FIRST, "generate_audio", "priority", "draft", "tools", "output_format")
ROLES: Mapping[str, tuple[str, ...]] = {
    "image_url": ("first_frame", "last_frame", "reference_image"),
    "video_url": ("reference_video",),
}
WAYS: Mapping[str, str] = {
    "text": "text-to-video",
    "first": "image-to-video (first frame)",
    "frames": "image-to-video (first and last frames)",
    "references": "reference-to-video",
}
FPS = 24


@dataclass(frozen=True, slots=True)
class Family:
    """What one model takes beyond COMMON, and the ways it can use pictures and films.

    `adaptive`: a ratio need not be said for words alone. `automatic`: nor a length, by -1.
    """

    table: Table
    resolution: str
    seconds: tuple[int, int]
    more: tuple[str, ...]
    ways: tuple[str, ...] = ("text", "first", "frames")
    adaptive: bool = True
    automatic: bool = True
    images: int = 0
    videos: int = 0


_PRO = Family(SEEDANCE_1, "1080p", (2, 12), FIRST, adaptive=False, automatic=False)
_TWO = Family(
    *(SEEDANCE_2, "720p", (4, 15), ("generate_audio", "priority"), ("text", "first", "frames", "references")),
    images=9,
    videos=3,
)
FAMILIES: Mapping[str, Family] = {
    "doubao-seedance-1-0-lite-t2v-250428": replace(_PRO, resolution="720p", ways=("text",)),
    "doubao-seedance-1-0-lite-i2v-250428": replace(
        _PRO, resolution="720p", ways=("first", "frames", "references"), images=4
    ),
    "doubao-seedance-1-0-pro-250528": _PRO,
    "doubao-seedance-1-0-pro-fast-251015": replace(_PRO, ways=("text", "first")),
    "doubao-seedance-1-5-pro-251215": Family(SEEDANCE_2, "720p", (4, 12), ("generate_audio", "seed", "camera_fixed")),
    "doubao-seedance-2-0-260128": _TWO,
    "doubao-seedance-2-0-fast-260128": replace(_TWO, table={name: SEEDANCE_2[name] for name in ("480p", "720p")}),
}


@dataclass(frozen=True, slots=True)
class Content:
    """The parts of a body: the words, pictures and films in order with their roles, and the way they are used."""

    prompt: str
    references: tuple[bytes | str, ...]
    roles: tuple[str, ...]
    way: str


def family(fields: Mapping[str, Any]) -> str:
    """The model's id; a bench model counts as 1.0 pro."""
    name = fields.get("model")
    if name is None:
        missing("model")
    if isinstance(name, str) and name.startswith("bench:"):
        return "doubao-seedance-1-0-pro-250528"
    if not isinstance(name, str) or name not in FAMILIES:
        message = f"The model or endpoint {name} does not exist or you do not have access to it."
        raise Refusal(problem(404, "InvalidEndpointOrModel.NotFound", message))
    return name


def check_names(fields: Mapping[str, Any], model: Family) -> None:
    for name in fields:
        if name in ELSEWHERE and name not in model.more:
            refuse(name, "it is not supported by the current model")
        if name not in (*COMMON, *model.more):
            refuse(name, "unknown field")
    for name in ("watermark", "generate_audio", "camera_fixed", "return_last_frame"):
        flag(fields, name, False)
    tier = text(fields, "service_tier", ("default", "flex"), "default")
    if tier == "flex" and "references" in model.ways and model.videos:
        refuse("service_tier", "flex is not supported by the current model")
    for name, least, most in (
        ("execution_expires_after", 3600, 259_200),
        ("seed", -1, 2**31 - 1),
        ("priority", 0, 9),
    ):
        whole(fields, name, least, most)


def whole(fields: Mapping[str, Any], name: str, least: int, most: int) -> int | None:
    """A whole number, None where it is not given."""
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        refuse(name, f"expected an integer from {least} to {most}, got {value!r}")
    return value


def content_of(fields: Mapping[str, Any], model: Family) -> Content:
    parts = fields.get("content")
    if parts is None or parts == []:
        missing("content")
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        refuse("content", "expected an array of objects")
    words: list[str] = []
    found: list[tuple[bytes | str, str]] = []
    for at, part in enumerate(parts):
        kind = part.get("type")
        if kind == "text":
            words.append(_text(part, f"content[{at}]"))
        elif kind in ROLES:
            found.append(_reference(part, kind, f"content[{at}]", at))
        else:
            refuse(f"content[{at}].type", f"expected one of text, image_url, video_url, got {kind!r}")
    if len(words) > 1:
        refuse("content", "at most one text is supported")
    roles = tuple(role for _, role in found)
    way, roles = _way(roles, model)
    if way == "text" and not words:
        missing("content.text")
    return Content("".join(words), tuple(one for one, _ in found), roles, way)


def _text(part: Mapping[str, Any], name: str) -> str:
    if not isinstance(part.get("text"), str) or not part["text"] or set(part) - {"type", "text"}:
        refuse(name, "expected a type and a text")
    return str(part["text"])


def _reference(part: Mapping[str, Any], kind: str, name: str, index: int) -> tuple[bytes | str, str]:
    """A picture or film and its role, which may be empty for a picture."""
    holder, role = part.get(kind), part.get("role") or ""
    if set(part) - {"type", kind, "role"}:
        refuse(name, f"unknown field {sorted(set(part) - {'type', kind, 'role'})[0]!r}")
    if not isinstance(holder, dict) or set(holder) != {"url"} or not isinstance(holder["url"], str):
        refuse(f"{name}.{kind}", "expected an object with a url")
    if role not in ROLES[kind] and (role or kind == "video_url"):
        refuse(f"{name}.role", f"expected one of {', '.join(ROLES[kind])}, got {role!r}")
    link = holder["url"]
    if not link.startswith("data:"):
        return link, role
    if kind == "video_url" or not re.match(r"data:image/[a-z0-9.+-]+;base64,", link):
        refuse(f"{name}.{kind}.url", "expected a URL, or data:image/<lower-case format>;base64,<data> for an image")
    data = data_uri(link, index)
    if len(data) >= MAX_FILE:
        refuse(f"{name}.{kind}.url", "the image must be smaller than 30 MB", "InvalidParameter.OversizedImage")
    return data, role


def _way(roles: Sequence[str], model: Family) -> tuple[str, tuple[str, ...]]:
    """How pictures and films are used, and their roles, each said."""
    way, said = "frames" if len(roles) > 1 else "first", tuple(roles)
    if not roles:
        way = "text"
    elif said == ("",):
        said = ("first_frame",)
    elif any(role.startswith("reference_") for role in roles):
        way = "references"
        if not all(role.startswith("reference_") for role in roles):
            refuse("content", "first/last frame content cannot be mixed with reference media content")
    elif sorted(roles) not in (["first_frame"], ["first_frame", "last_frame"]):
        refuse("content", "expected one first_frame, or one first_frame and one last_frame")
    if way not in model.ways:
        refuse("content", f"the current model does not support {WAYS[way]}")
    for role, most in (("reference_image", model.images), ("reference_video", model.videos)):
        if said.count(role) > most:
            refuse("content", f"at most {most} of role {role} are supported, got {said.count(role)}")
    return way, said


def length_of(fields: Mapping[str, Any], model: Family) -> float:
    """Seconds, of `frames` where they are said."""
    frames = whole(fields, "frames", 29, 289)
    if frames is not None:
        if (frames - 25) % 4:
            refuse("frames", f"expected 25 + 4n, got {frames}")
        return frames / FPS
    if fields.get("duration") == -1 and model.automatic:
        return 5.0
    return float(whole(fields, "duration", *model.seconds) or 5)


def ratio_of(fields: Mapping[str, Any], model: Family, way: str) -> str:
    """The ratio asked, `adaptive` where the model chooses."""
    free = model.adaptive or way != "text"
    named = tuple(model.table[model.resolution])
    return text(fields, "ratio", (*named, "adaptive") if free else named, "adaptive" if free else "16:9")


def pixels(model: Family, resolution: str, ratio: str, prompt: str, seen: tuple[Seen, ...]) -> tuple[str, Pixels]:
    """(ratio, pixels): adaptive is that of the first picture or film, else one that the prompt names, else 16:9."""
    row = model.table[resolution]
    if ratio == "adaptive":
        named = next((one for one in re.findall(r"\d+:\d+", prompt) if one in row), "16:9")
        ratio = nearest_ratio(row, seen[0].width, seen[0].height) if seen else named
    return ratio, row[ratio]


def check_seen(seen: tuple[Seen, ...], roles: tuple[str, ...]) -> None:
    for one, role in zip(seen, roles, strict=True):
        film = role == "reference_video"
        name = "video_url" if film else "image_url"
        if film is not (one.format == "MP4") or (not film and one.format not in READS):
            code = "InvalidParameter" if film else "InvalidParameter.UnsupportedImageFormat"
            refuse(name, f"the format {one.format.lower()} is not supported", code)
        if not 0.4 <= one.width / one.height <= 2.5:
            refuse(name, f"{one.width}x{one.height}: the aspect ratio must be in [0.4, 2.5]")
        if min(one.width, one.height) < 300 or max(one.width, one.height) > 6000:
            refuse(name, f"{one.width}x{one.height}: width and height must be in [300, 6000] px")
        if film and not (2 <= one.seconds <= 15.2 and one.width * one.height >= 409_600):
            refuse(name, f"a video of {one.width}x{one.height}, {one.seconds:g} s: 2 to 15 s, at least 409600 px")
    if sum(one.seconds for one in seen) > 15.2:
        refuse("video_url", "all videos together must have at most 15 s")
