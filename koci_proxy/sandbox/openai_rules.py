"""What the OpenAI Images API takes: fields, enums and sizes by model, and how it words a refusal.

Limits as its reference and image guide state them for the GPT image models of 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from .body import write
from .fetch import data_uri
from .nouns import Answer, Ask, Refusal

MIMES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}  # of what it reads; it makes GIFs too
FIXED_SIZES = ("1024x1024", "1536x1024", "1024x1536")
MAX_FILE = 50 * 1024 * 1024
MAX_IMAGES = 16
FRAMES = ("frame_count", "frame_duration_ms")
COMMON = (
    *FRAMES,
    *("prompt", "model", "n", "size", "quality", "background", "output_format", "output_compression", "moderation"),
    *("stream", "partial_images", "safety_identifier", "user", "complexity"),
)
PICTURE_NAME = re.compile(r"image(\[\d*\])?|mask|markup")


@dataclass(frozen=True, slots=True)
class Family:
    """What one generation of models takes. `fidelity` empty: the field must be left out."""

    free_sizes: bool = True
    qualities: tuple[str, ...] = ("low", "medium", "high", "auto")
    backgrounds: tuple[str, ...] = ("opaque", "auto")
    formats: tuple[str, ...] = ("png", "jpeg", "webp")
    fidelity: tuple[str, ...] = ()
    markup: bool = False


_ANY_BACKGROUND = ("transparent", "opaque", "auto")
_SECOND = Family()
_THIRD = Family(
    qualities=("low", "medium", "high", "xhigh", "max", "auto"),
    backgrounds=_ANY_BACKGROUND,
    formats=("png", "jpeg", "webp", "gif"),
    markup=True,
)
_FIRST = Family(free_sizes=False, backgrounds=_ANY_BACKGROUND, fidelity=("low", "high"))
_MINI = Family(free_sizes=False, backgrounds=_ANY_BACKGROUND, fidelity=("low",))
FAMILIES: Mapping[str, Family] = {
    r"gpt-image-2(-2026-04-21)?": _SECOND,
    r"bench:\w+": _SECOND,
    r"gpt-image-2\.[56]-(sunburst|flare)(-2026-09-08)?": _THIRD,
    r"gpt-image-1\.5|chatgpt-image-latest": _FIRST,
    r"gpt-image-1-mini": _MINI,
}


def problem(
    message: str,
    param: str | None = None,
    code: str | None = None,
    *,
    kind: str = "invalid_request_error",
    user_error: bool = False,
    status: int = 400,
    wait: str = "",
    more: Mapping[str, Any] | None = None,
) -> Answer:
    """An error object. `user_error` is the type that images use for refusals and for bad sizes and models alike."""
    kind = "image_generation_user_error" if user_error else kind
    error = {"message": message, "type": kind, "param": param, "code": code, **(more or {})}
    return Answer(status, write({"error": error}), headers=(("retry-after", wait),) if wait else ())


def family(model: Any, edit: bool) -> Family:
    if model is None:
        if edit:
            return _FIRST
        # generations have a default too, but it is retired
        _refuse("Missing required parameter: 'model'.", "model", "missing_required_parameter")
    for pattern, found in FAMILIES.items():
        if isinstance(model, str) and re.fullmatch(pattern, model):
            return found
    raise Refusal(
        problem(f"The model '{model}' does not exist or is not supported.", "model", "invalid_value", user_error=True)
    )


def _refuse(message: str, param: str, code: str) -> NoReturn:
    raise Refusal(problem(message, param, code))


def from_text(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A form's texts as JSON would have them: whole numbers and booleans where the API has such."""
    made = dict(fields)
    for name in ("n", "output_compression", "partial_images", *FRAMES):
        if re.fullmatch(r"-?\d{1,9}", str(made.get(name))):
            made[name] = int(made[name])
    if made.get("stream") in ("true", "false"):
        made["stream"] = made["stream"] == "true"
    return made


def check_names(fields: Mapping[str, Any], files: list[str], edit: bool, form: bool) -> None:
    """Refuse a field that this endpoint does not know. `response_format` and `style` are such for these models."""
    allowed = COMMON + (("input_fidelity",) if edit else ()) + (("images", "mask") if edit and not form else ())
    for name in fields:
        if form and PICTURE_NAME.fullmatch(name):
            _refuse(f"Invalid type for '{name}': expected a file, but got a string instead.", name, "invalid_type")
        if name not in allowed:
            _refuse(f"Unknown parameter: '{name}'.", name, "unknown_parameter")
    for name in files:
        if not PICTURE_NAME.fullmatch(name):
            _refuse(f"Unknown parameter: '{name}'.", name, "unknown_parameter")


def check_fidelity(model: Family, fields: Mapping[str, Any]) -> None:
    if "input_fidelity" in fields and not model.fidelity:
        message = f"The model '{fields.get('model')}' does not support the 'input_fidelity' parameter."
        _refuse(message, "input_fidelity", "invalid_input_fidelity_model")
    if "input_fidelity" in fields:
        read_enum(fields, "input_fidelity", model.fidelity, "low")


def check_markup(model: Family, files: list[str]) -> None:
    if "markup" in files and not model.markup:
        _refuse("Unknown parameter: 'markup'.", "markup", "unknown_parameter")
    if "markup" in files and "mask" in files:
        _refuse("'markup' cannot be combined with 'mask'.", "markup", "invalid_value")


def check_frames(model: Family, fields: Mapping[str, Any], masked: bool) -> None:
    """What only a GIF has, and what it has not."""
    gif = fields.get("output_format") == "gif"
    for name, least, most in (("frame_count", 2, 16), ("frame_duration_ms", 0, 655_350)):
        if name in fields and "gif" not in model.formats:
            _refuse(f"Unknown parameter: '{name}'.", name, "unknown_parameter")
        if name in fields and not gif:
            _refuse(f"'{name}' is only supported with GIF output format.", name, "invalid_value")
        read_number(fields, name, least, most, least)
    for name in ("stream", "partial_images", "output_compression") if gif else ():
        if fields.get(name):
            _refuse(f"'{name}' is not supported with GIF output format.", name, "invalid_value")
    if gif and masked:
        _refuse("'mask' is not supported with GIF output format.", "mask", "invalid_value")


def read_prompt(fields: Mapping[str, Any]) -> str:
    prompt = fields.get("prompt")
    if prompt is None:
        _refuse("Missing required parameter: 'prompt'.", "prompt", "missing_required_parameter")
    if not isinstance(prompt, str):
        _refuse("Invalid type for 'prompt': expected a string.", "prompt", "invalid_type")
    if not prompt:
        _refuse("Invalid 'prompt': empty string. Expected a string with minimum length 1.", "prompt", "empty_string")
    if len(prompt) > 32_000:
        message = f"Invalid 'prompt': string too long. Expected a string with maximum length 32000, got {len(prompt)}."
        _refuse(message, "prompt", "string_above_max_length")
    return str(prompt)


def read_enum(fields: Mapping[str, Any], name: str, values: tuple[str, ...], default: str) -> str:
    value = fields.get(name, default)
    if value not in values:
        listed = ", ".join(f"'{one}'" for one in values)
        _refuse(f"Invalid value: '{value}'. Supported values are: {listed}.", name, "invalid_value")
    return str(value)


def read_number(fields: Mapping[str, Any], name: str, least: int, most: int, default: int) -> int:
    value = fields.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool):
        _refuse(f"Invalid type for '{name}': expected an integer.", name, "invalid_type")
    if value > most:
        message = f"Invalid '{name}': integer above maximum value. Expected a value <= {most}, but got {value} instead."
        _refuse(message, name, "integer_above_max_value")
    if value < least:
        message = (
            f"Invalid '{name}': integer below minimum value. Expected a value >= {least}, but got {value} instead."
        )
        _refuse(message, name, "integer_below_min_value")
    return int(value)


def read_flag(fields: Mapping[str, Any], name: str) -> bool:
    value = fields.get(name, False)
    if not isinstance(value, bool):
        _refuse(f"Invalid type for '{name}': expected a boolean.", name, "invalid_type")
    return bool(value)


def read_size(fields: Mapping[str, Any], model: Family) -> tuple[int, int]:
    """(width, height); (0, 0) for auto."""
    size = fields.get("size", "auto")
    if size == "auto":
        return 0, 0
    found = re.fullmatch(r"([1-9]\d{0,5})x([1-9]\d{0,5})", size) if isinstance(size, str) else None
    if not found:
        why = "Expected 'auto' or WIDTHxHEIGHT."
    elif model.free_sizes:
        why = free_size(int(found[1]), int(found[2]))
    else:
        why = "" if size in FIXED_SIZES else f"Supported sizes are {', '.join(FIXED_SIZES)}, and auto."
    if why or not found:
        raise Refusal(problem(f"Invalid size '{size}'. {why}", "size", "invalid_value", user_error=True))
    return int(found[1]), int(found[2])


def free_size(width: int, height: int) -> str:
    """Why these pixels are not made, empty when they are. Rules of gpt-image-2 (and 2.5)."""
    if width % 16 or height % 16:
        return "Width and height must both be divisible by 16."
    if max(width, height) > 3840:
        return "The longest edge must be at most 3840 pixels."
    if max(width, height) > 3 * min(width, height):
        return "The ratio of the long to the short edge must not exceed 3:1."
    if width * height < 655_360:
        return "The total number of pixels must be at least 655360."
    if width * height > 8_294_400:
        return "The total number of pixels must be at most 8294400."
    return ""


def read_images(ask: Ask, fields: Mapping[str, Any]) -> tuple[tuple[bytes | str, ...], bytes | str | None]:
    """(images in order, mask): bytes, or links still to be fetched."""
    return _from_files(ask) if ask.form else _from_links(fields)


def _from_files(ask: Ask) -> tuple[tuple[bytes | str, ...], bytes | str | None]:
    images: list[bytes | str] = []
    mask = None
    for file in ask.uploads:
        if file.mime not in MIMES.values():
            message = f"Invalid file '{file.name}': unsupported mimetype ('{file.mime}')."
            _refuse(
                f"{message} Supported file formats are 'image/jpeg', 'image/png', and 'image/webp'.",
                file.name,
                "unsupported_file_mimetype",
            )
        if len(file.data) >= MAX_FILE:
            _refuse(f"Invalid file '{file.name}': it must be smaller than 50 MB.", file.name, "image_file_too_large")
        if file.name == "mask":
            mask = file.data
        elif file.name != "markup":
            images.append(file.data)
    _check_count(len(images), "image")
    return tuple(images), mask


def _from_links(fields: Mapping[str, Any]) -> tuple[tuple[bytes | str, ...], bytes | str | None]:
    images = fields.get("images", [])
    if not isinstance(images, list):
        _refuse("Invalid type for 'images': expected an array of objects.", "images", "invalid_type")
    _check_count(len(images), "images")
    mask = fields.get("mask")
    found = tuple(_one_link(image, f"images[{at}]", at) for at, image in enumerate(images))
    return found, None if mask is None else _one_link(mask, "mask", -1)


def _check_count(count: int, name: str) -> None:
    if not count:
        _refuse(f"Missing required parameter: '{name}'.", name, "missing_required_parameter")
    if count > MAX_IMAGES:
        message = f"Invalid '{name}': array too long. Expected an array with maximum length {MAX_IMAGES}, got {count}."
        _refuse(message, name, "array_above_max_length")


def _one_link(image: Any, name: str, index: int) -> bytes | str:
    """`{"image_url": …}` or `{"file_id": …}`, nothing else in it; this sandbox holds no files, so no id is known."""
    if not isinstance(image, dict) or len(image) != 1 or not isinstance(image.get("image_url", ""), str):
        _refuse(
            f"Invalid value for '{name}': expected an object with exactly one of 'image_url' and 'file_id'.",
            name,
            "invalid_value",
        )
    if "file_id" in image:
        raise Refusal(problem(f"No such File object: {image['file_id']}", name, "image_file_not_found", status=404))
    if "image_url" not in image:
        _refuse(f"Unknown parameter: '{name}.{next(iter(image))}'.", name, "unknown_parameter")
    link = str(image["image_url"])
    return data_uri(link, index) if link.startswith("data:") else link
