"""What Volcengine Ark takes for pictures: fields, sizes and references by model, and how it words a refusal.

Limits as its pages of 2025-11 and 2026-06 state them, for 5.0 pro as public catalogues have them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from .body import write
from .fetch import data_uri
from .nouns import Answer, Refusal, Seen
from .tables import ARK, Pixels

MAX_FILE = 10 * 1024 * 1024
MAX_SET = 15  # pictures in and out together
COMMON = ("model", "prompt", "image", "size", "response_format", "watermark", "optimize_prompt_options")
SETS = ("sequential_image_generation", "sequential_image_generation_options", "stream")
# What the SDK has fields for and these models do not take.
ELSEWHERE = ("seed", "guidance_scale", "optimize_prompt", "layer_decomposition", "tools", "output_format", *SETS)
TYPES: Mapping[int, str] = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    429: "TooManyRequests",
}


@dataclass(frozen=True, slots=True)
class Family:
    """What one model takes beyond COMMON. `least` and `most` bind width x height in pixels."""

    least: int
    most: int = 16_777_216
    more: tuple[str, ...] = SETS
    images: int = 14
    modes: tuple[str, ...] = ("standard",)
    reads: tuple[str, ...] = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "MPO")


_LITE = Family(3_686_400, 10_404_496, (*SETS, "output_format", "tools"), reads=("JPEG", "PNG", "MPO"))
FAMILIES: Mapping[str, Family] = {
    "doubao-seedream-4-0-250828": Family(921_600, modes=("standard", "fast")),
    "doubao-seedream-4-5-251128": Family(3_686_400),
    "doubao-seedream-5-0-260128": _LITE,
    "doubao-seedream-5-0-lite-260128": _LITE,
    "doubao-seedream-5-0-pro-260628": Family(
        921_600, 4_624_220, ("output_format",), 10, ("standard", "fast"), ("JPEG", "PNG", "MPO")
    ),
}


def problem(status: int, code: str, message: str, param: str = "", wait: str = "") -> Answer:
    """An error object, with the number of the request behind its message."""
    kind = TYPES.get(status, "InternalServerError" if status >= 500 else "BadRequest")
    words = f"{message} Request id: 0217000000000000000000000000000000"
    body = {"error": {"code": code, "message": words, "param": param, "type": kind}}
    return Answer(status, write(body), headers=(("retry-after", wait),) if wait else ())


def refuse(param: str, why: str, code: str = "InvalidParameter") -> NoReturn:
    message = f"The parameter `{param}` specified in the request is not valid: {why}."
    raise Refusal(problem(400, code, message, param))


def family(fields: Mapping[str, Any]) -> str:
    """The model's id; a bench model counts as 4.0."""
    name = fields.get("model")
    if name is None:
        missing("model")
    if isinstance(name, str) and name.startswith("bench:"):
        return "doubao-seedream-4-0-250828"
    if not isinstance(name, str) or name not in FAMILIES:
        message = f"The model or endpoint {name} does not exist or you do not have access to it."
        raise Refusal(problem(404, "InvalidEndpointOrModel.NotFound", message))
    return name


def missing(param: str) -> NoReturn:
    message = f"The request failed because it is missing `{param}` parameter."
    raise Refusal(problem(400, "MissingParameter", message, param))


def check_names(fields: Mapping[str, Any], model: Family) -> None:
    for name in fields:
        if name in ELSEWHERE and name not in model.more:
            refuse(name, "it is not supported by the current model")
        if name not in (*COMMON, *model.more):
            refuse(name, "unknown field")


def text(fields: Mapping[str, Any], name: str, values: tuple[str, ...], default: str) -> str:
    value = fields.get(name, default)
    if value not in values:
        refuse(name, f"expected one of {', '.join(values)}, got {value!r}")
    return str(value)


def flag(fields: Mapping[str, Any], name: str, default: bool) -> bool:
    value = fields.get(name, default)
    if not isinstance(value, bool):
        refuse(name, "expected a boolean")
    return bool(value)


def prompt_of(fields: Mapping[str, Any]) -> str:
    prompt = fields.get("prompt")
    if prompt is None or prompt == "":
        missing("prompt")
    if not isinstance(prompt, str):
        refuse("prompt", "expected a string")
    return str(prompt)


def mode(fields: Mapping[str, Any], model: Family) -> None:
    options = fields.get("optimize_prompt_options", {})
    if not isinstance(options, dict) or not options.keys() <= {"mode"}:
        refuse("optimize_prompt_options", "expected an object with a mode")
    text(options, "mode", model.modes, "standard")


def set_size(fields: Mapping[str, Any], references: int) -> int:
    """How many pictures to draw: one, or a whole set. A real model may stop earlier, this one never does."""
    if text(fields, "sequential_image_generation", ("auto", "disabled"), "disabled") == "disabled":
        return 1
    name = "sequential_image_generation_options.max_images"
    options = fields.get("sequential_image_generation_options", {})
    most = options.get("max_images", MAX_SET - references) if isinstance(options, dict) else None
    if not isinstance(most, int) or isinstance(most, bool) or not 1 <= most <= MAX_SET:
        refuse(name, f"expected an integer from 1 to {MAX_SET}")
    if references + most > MAX_SET:
        refuse(name, f"input and output images together must be at most {MAX_SET}")
    return int(most)


def size_of(fields: Mapping[str, Any], name: str) -> tuple[str, Pixels]:
    """(tier, (0, 0)) or ("", pixels): never both."""
    size = fields.get("size", "2048x2048")
    if isinstance(size, str) and size in ARK[name]:
        return size, (0, 0)
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", size) if isinstance(size, str) else None
    if not found:
        refuse("size", f"expected one of {', '.join(ARK[name])} or WIDTHxHEIGHT, got {size!r}")
    width, height = int(found[1]), int(found[2])
    model = FAMILIES[name]
    if width * height < model.least:
        refuse("size", f"image size must be at least {model.least} pixels")
    if width * height > model.most:
        refuse("size", f"image size must be at most {model.most} pixels")
    if max(width, height) > 16 * min(width, height):
        refuse("size", "the aspect ratio must be in [1/16, 16]")
    return "", (width, height)


def images_of(fields: Mapping[str, Any], model: Family) -> tuple[bytes | str, ...]:
    """References: bytes, or links still to be fetched. One may stand without a list."""
    images = fields.get("image", [])
    images = [images] if isinstance(images, str) else images
    if not isinstance(images, list) or not all(isinstance(image, str) for image in images):
        refuse("image", "expected a string or an array of strings")
    if len(images) > model.images:
        refuse("image", f"at most {model.images} images are supported, got {len(images)}")
    return tuple(_image(image, at) for at, image in enumerate(images))


def _image(image: str, index: int) -> bytes | str:
    if not image:
        refuse("image", "the URL is empty", "InvalidImageURL.EmptyURL")
    if not image.startswith("data:"):
        return image
    if not re.match(r"data:image/[a-z0-9.+-]+;base64,", image):
        refuse("image", "expected data:image/<lower-case format>;base64,<data>", "InvalidImageURL.InvalidFormat")
    data = data_uri(image, index)
    if len(data) > MAX_FILE:
        refuse("image", "the image is larger than 10 MB", "InvalidParameter.OversizedImage")
    return data


def check_seen(seen: tuple[Seen, ...], model: Family) -> None:
    for one in seen:
        if one.format not in model.reads:
            refuse(
                "image", f"the format {one.format.lower()} is not supported", "InvalidParameter.UnsupportedImageFormat"
            )
        if one.width * one.height > 36_000_000:
            refuse("image", "an image has at most 36000000 pixels", "InvalidParameter.OversizedImage")
        if min(one.width, one.height) <= 14 or max(one.width, one.height) > 16 * min(one.width, one.height):
            refuse("image", f"an image of {one.width}x{one.height}: edges over 14 px, aspect ratio in [1/16, 16]")
