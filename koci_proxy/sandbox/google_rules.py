"""What the Gemini API takes: names in both spellings, ratios and tiers by model, and how it words a refusal."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .body import write
from .nouns import Answer, Refusal
from .tables import GEMINI

Schema = Mapping[str, Any]  # name -> Schema, a Python type, or None for anything

MAX_IMAGES = 14
MIMES = ("image/png", "image/jpeg", "image/webp", "image/heic", "image/heif")
STATUS: Mapping[int, str] = {
    **{400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 409: "ABORTED"},
    **{429: "RESOURCE_EXHAUSTED", 499: "CANCELLED", 500: "INTERNAL", 501: "UNIMPLEMENTED", 503: "UNAVAILABLE"},
    504: "DEADLINE_EXCEEDED",
}

_PART: Schema = {
    "text": str,
    "inlineData": {"mimeType": str, "data": str},
    "fileData": {"mimeType": str, "fileUri": str},
    "thought": bool,
    "thoughtSignature": str,
    "mediaResolution": None,
    "videoMetadata": None,
    **dict.fromkeys(("functionCall", "functionResponse", "executableCode", "codeExecutionResult"), None),
    **dict.fromkeys(("toolCall", "toolResponse", "partMetadata"), None),
}
_CONTENT: Schema = {"role": str, "parts": _PART}
_CONFIG: Schema = {
    "responseModalities": None,
    "imageConfig": {"aspectRatio": str, "imageSize": str},
    "responseFormat": {"image": {"aspectRatio": str, "imageSize": str}},
    "thinkingConfig": {"includeThoughts": bool, "thinkingLevel": str, "thinkingBudget": None},
    **dict.fromkeys(("temperature", "topP", "topK", "seed", "candidateCount", "maxOutputTokens"), None),
    **dict.fromkeys(("stopSequences", "presencePenalty", "frequencyPenalty", "mediaResolution"), None),
    **dict.fromkeys(("responseMimeType", "responseSchema", "responseJsonSchema", "responseLogprobs"), None),
    **dict.fromkeys(("logprobs", "speechConfig", "enableEnhancedCivicAnswers"), None),
}
BODY: Schema = {
    "contents": _CONTENT,
    "systemInstruction": _CONTENT,
    "generationConfig": _CONFIG,
    "safetySettings": {"category": str, "threshold": str},
    "model": str,
    **dict.fromkeys(("tools", "toolConfig", "cachedContent", "serviceTier", "store", "continuationToken"), None),
}


@dataclass(frozen=True, slots=True)
class Family:
    """A model: its name in the tables, the tiers it may be asked for (none: one size), whether it signs parts."""

    name: str
    tiers: tuple[str, ...]
    signs: bool

    @property
    def ratios(self) -> tuple[str, ...]:
        return tuple(GEMINI[self.name]["1K"])


def status_answer(
    code: int,
    message: str,
    details: Sequence[tuple[str, Mapping[str, Any]]] = (),
    name: str = "",
) -> Answer:
    """A google.rpc.Status. `details` are (type, fields)."""
    error: dict[str, Any] = {"code": code, "message": message}
    error["status"] = name or STATUS.get(code, "UNKNOWN" if code >= 500 else "FAILED_PRECONDITION")
    if details:
        error["details"] = [{"@type": f"type.googleapis.com/google.rpc.{kind}", **fields} for kind, fields in details]
    return Answer(code, write({"error": error}), "application/json; charset=UTF-8")


def invalid(message: str, field: str) -> Answer:
    """400 INVALID_ARGUMENT that names the field in snake_case."""
    violation = {"description": message, **({"field": field} if field else {})}
    return status_answer(400, message, [("BadRequest", {"fieldViolations": [violation]})])


def family(name: str, version: str, method: str) -> Family:
    plain = "gemini-3.1-flash-image" if name.startswith("bench:") else name.removesuffix("-preview")
    if plain not in GEMINI:
        text = f"models/{name} is not found for API version {version}, or is not supported for {method}."
        raise Refusal(status_answer(404, f"{text} Call ModelService.ListModels to see the list of available models."))
    third = plain.startswith("gemini-3")
    return Family(plain, tuple(GEMINI[plain]) if third else (), third)


def fold(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body with all names it knows in camelCase. Raises Refusal for an unknown name or a value of a wrong type."""
    folded = _fold(body, BODY, "")
    return folded if isinstance(folded, dict) else {}


def _fold(value: Any, schema: Any, path: str) -> Any:
    if schema is None or value is None:
        return value
    if isinstance(schema, type):
        if not isinstance(value, schema):
            kind = "TYPE_BOOL" if schema is bool else "TYPE_STRING"
            raise Refusal(invalid(f"Invalid value at '{path}' ({kind}), {str(value)[:40]}", path))
        return value
    if isinstance(value, list):
        return [_fold(item, schema, f"{path}[{at}]") for at, item in enumerate(value)]
    if not isinstance(value, dict):
        raise Refusal(invalid(f"Invalid value at '{path}' (type.googleapis.com/google.protobuf.Struct).", path))
    return {name: item for name, item in _members(value, schema, path) if item is not None}


def _members(value: Mapping[str, Any], schema: Schema, path: str) -> list[tuple[str, Any]]:
    members = []
    for name, item in value.items():
        camel = re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), name)
        if camel not in schema:
            where = f" at '{path}'" if path else ""
            raise Refusal(
                invalid(f'Invalid JSON payload received. Unknown name "{name}"{where}: Cannot find field.', path)
            )
        snake = re.sub(r"([A-Z])", lambda found: "_" + found[1].lower(), camel)
        members.append((camel, _fold(item, schema[camel], f"{path}.{snake}" if path else snake)))
    return members


def read_parts(body: Mapping[str, Any]) -> tuple[str, tuple[bytes, ...]]:
    """(prompt, images in order): the words of the last turn, the pictures of all turns that are no thoughts."""
    contents = body.get("contents") or []
    contents = contents if isinstance(contents, list) else [contents]
    if not contents:
        raise Refusal(invalid("* GenerateContentRequest.contents: contents is not specified\n", "contents"))
    images: list[bytes] = []
    texts: list[str] = []
    for turn, content in enumerate(contents):
        path = f"contents[{turn}]"
        if content.get("role", "user") not in ("user", "model"):
            raise Refusal(invalid("Please use a valid role: user, model.", f"{path}.role"))
        parts = content.get("parts") or []
        parts = parts if isinstance(parts, list) else [parts]
        if not parts:
            message = f"* GenerateContentRequest.{path}.parts: contents.parts must not be empty.\n"
            raise Refusal(invalid(message, f"{path}.parts"))
        images += [found for at, part in enumerate(parts) for found in _image(part, f"{path}.parts[{at}]")]
        texts = [part["text"] for part in parts if "text" in part and not part.get("thought")]
    if len(images) > MAX_IMAGES:
        raise Refusal(invalid(f"Too many images: {len(images)}, at most {MAX_IMAGES} are allowed.", "contents"))
    return "\n".join(texts), tuple(images)


def _image(part: Mapping[str, Any], path: str) -> tuple[bytes, ...]:
    kinds = [name for name in ("text", "inlineData", "fileData") if name in part]
    if len(kinds) > 1:
        message = f"Invalid value at '{path}' (oneof), oneof field 'data' is already set. Cannot set '{kinds[1]}'"
        raise Refusal(invalid(message, path))
    if not set(part) - {"thought", "thoughtSignature", "mediaResolution", "videoMetadata", "partMetadata"}:
        message = f"* GenerateContentRequest.{path}.data: required oneof field 'data' must have one initialized field\n"
        raise Refusal(invalid(message, f"{path}.data"))
    if "thoughtSignature" in part:
        _decode(part["thoughtSignature"], f"{path}.thought_signature")
    if "fileData" in part:
        raise Refusal(invalid("Cannot fetch content from the provided URL.", f"{path}.file_data.file_uri"))
    if "inlineData" not in part or part.get("thought"):
        return ()
    blob = part["inlineData"]
    if blob.get("mimeType") not in MIMES:
        message = f"Unsupported MIME type: {blob.get('mimeType', '')}"
        raise Refusal(invalid(message, f"{path}.inline_data.mime_type"))
    return (_decode(blob.get("data", ""), f"{path}.inline_data.data"),)


def _decode(text: str, path: str) -> bytes:
    """Bytes of base64 in either alphabet, padded or not."""
    plain = text.translate(str.maketrans("-_", "+/")).rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError as error:
        message = f"Invalid value at '{path}' (TYPE_BYTES), Base64 decoding failed for \"{text[:20]}\""
        raise Refusal(invalid(message, path)) from error


def check_config(model: Family, config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The effective tier, ratio (empty when not given), modalities, and whether thoughts are shown."""
    path = "generation_config.image_config"
    image = dict(config.get("imageConfig") or {})
    asked = (config.get("responseFormat") or {}).get("image")
    if asked:
        image, path = {**image, **asked}, "generation_config.response_format.image"
    tier, ratio = image.get("imageSize", ""), image.get("aspectRatio", "")
    if tier and not model.tiers:
        raise Refusal(invalid(f"Image size is not supported by {model.name}.", f"{path}.image_size"))
    if tier and tier not in model.tiers:
        message = f"Invalid image size {tier!r}. Supported sizes are {', '.join(model.tiers)}."
        raise Refusal(invalid(message, f"{path}.image_size"))
    if ratio and ratio not in model.ratios:
        message = f"aspect_ratio must be one of {', '.join(model.ratios)}, not {ratio!r}."
        raise Refusal(invalid(message, f"{path}.aspect_ratio"))
    if config.get("candidateCount", 1) != 1:
        raise Refusal(
            invalid("Only one candidate can be specified in the current model", "generation_config.candidate_count")
        )
    thinking = config.get("thinkingConfig") or {}
    return {
        "tier": tier,
        "ratio": ratio,
        "modalities": _modalities(config.get("responseModalities")),
        "thoughts": bool(thinking.get("includeThoughts")) and model.signs,
    }


def _modalities(asked: Any) -> frozenset[str]:
    if asked is None:
        return frozenset({"TEXT", "IMAGE"})
    found = frozenset(str(one).upper() for one in asked) if isinstance(asked, list) else frozenset({str(asked).upper()})
    if not found <= {"TEXT", "IMAGE"} or not found:
        message = f"Invalid value at 'generation_config.response_modalities' (Modality), {', '.join(sorted(found))}"
        raise Refusal(invalid(message, "generation_config.response_modalities"))
    return found
