"""A Gemini conversation as prompt and pictures and back, and Gemini's words for usage, reasons and errors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from koci_proxy.blame import default_kind, retry_delay
from koci_proxy.faults import Fault
from koci_proxy.fields import bad, picture, respelled
from koci_proxy.types import Delivery, Job, Media
from koci_proxy.wire import base64, url
from koci_proxy.words import from_vendor

from . import _gemini_files
from ._turns import EARLIER, beyond

_SNAKE = re.compile(r"(?<=[a-z0-9])_([a-z0-9])")
# What lies under these keys belongs to the app's user: its names are not ours to fold.
_FOREIGN = frozenset(
    {"functionCall", "functionResponse", "partMetadata", "responseSchema", "responseJsonSchema", "labels", "tools"}
)
_SLOT = "_input"  # in a kept conversation: the number of the job's input that stands here


def camel(name: str) -> str:
    return _SNAKE.sub(lambda found: found[1].upper(), name)


def folded(value: Any) -> Any:
    """A tree with all its keys in camelCase: the SDKs write `inlineData` and `mime_type` side by side."""
    if isinstance(value, Mapping):
        names = {name: camel(str(name)) for name in value}
        return {new: value[old] if new in _FOREIGN else folded(value[old]) for old, new in names.items()}
    return [folded(each) for each in value] if isinstance(value, list) else value


def objects(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list; none where there is no list."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


# --- the conversation -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Talk:
    """What a conversation asks for, and the conversation itself if it says more; `lost` is what of that a vendor of
    another shape never hears: (field, what it is).
    """

    prompt: str
    inputs: tuple[Media, ...]
    kept: list[Any] | None
    lost: list[list[str]]

    @property
    def options(self) -> dict[str, Any]:
        """Both as a job's options."""
        return ({"_contents": self.kept} if self.kept else {}) | ({"_lost": self.lost} if self.lost else {})


def read(contents: Any) -> Talk:
    """Take a conversation apart. `Fault` bad_request names the place."""
    if not isinstance(contents, list) or not contents:
        raise Fault("bad_request", "contents is required: a list of turns", field="contents")
    inputs: list[Media] = []
    turns = [_turn(turn, f"contents[{at}]", inputs) for at, turn in enumerate(contents)]
    last = _last(turns)
    prompt = "\n".join(_texts(turns[last])) if last is not None else ""
    if not prompt.strip():
        raise Fault("bad_request", "contents: the last turn of the user holds no text to go by", field="contents")
    plain = [{"role": "user", **turn} for turn in turns] == [_plain_turn(prompt, len(inputs))]
    return Talk(prompt, tuple(inputs), None if plain else turns, list(_lost(turns, last or 0)))


def _lost(turns: Sequence[Mapping[str, Any]], last: int) -> Iterator[list[str]]:
    """What a conversation says beside its pictures and its last texts. Their mere order is no word of the app's."""
    if any(set(part) != {_SLOT} for turn in turns[:last] for part in turn["parts"]):
        yield ["contents", EARLIER]
    yield from ([f"contents[{at}]", "a turn behind the prompt"] for at in range(last + 1, len(turns)))
    yield from ([f"contents[{last}].{name}", ""] for name in beyond(turns[last], {"role", "parts"}))
    for at, part in enumerate(turns[last]["parts"]):
        where = f"contents[{last}].parts[{at}]"
        if part.get("thought") is True:
            yield [where, "a thought"]
        else:
            yield from ([f"{where}.{name}", ""] for name in beyond(part, {_SLOT, "text", "thought"}))


def _turn(turn: Any, where: str, inputs: list[Media]) -> dict[str, Any]:
    parts = turn.get("parts") if isinstance(turn, Mapping) else None
    if not isinstance(parts, list):
        raise bad(f"{where}.parts", "must be a list of parts")
    return {**turn, "parts": [_part(part, f"{where}.parts[{at}]", inputs) for at, part in enumerate(parts)]}


def _part(part: Any, where: str, inputs: list[Media]) -> dict[str, Any]:
    """A part with its picture, if it holds one, put among the inputs and a slot in its place."""
    if not isinstance(part, Mapping):
        raise bad(where, "must be an object")
    if part.get("text") is not None and not isinstance(part["text"], str):
        raise bad(f"{where}.text", "must be text")
    rest = {name: value for name, value in part.items() if name not in (_SLOT, "inlineData", "fileData")}
    media = _inline(part.get("inlineData"), where) or _linked(part.get("fileData"), where)
    if media is None or part.get("thought") is True:
        return {name: value for name, value in part.items() if name != _SLOT}
    inputs.append(media)
    return {_SLOT: len(inputs) - 1, **rest}


def _inline(blob: Any, where: str) -> Media | None:
    if blob is None:
        return None
    field = f"{where}.inlineData.data"
    data = blob.get("data") if isinstance(blob, Mapping) else None
    if isinstance(data, str) and data[:8].lower().startswith(("http://", "https://")):
        raise bad(field, "must be base64; a link goes into fileData.fileUri")
    return picture(data, field)


def _linked(file: Any, where: str) -> Media | None:
    if file is None:
        return None
    field = f"{where}.fileData.fileUri"
    uri = file.get("fileUri") if isinstance(file, Mapping) else None
    if isinstance(uri, str) and re.match(r"gs://|https?://[\w.-]*googleapis\.com/", uri):
        raise bad(field, "names a file of Google's store, which nobody but its owner can read; send it as inlineData")
    key = _gemini_files.key(uri) if isinstance(uri, str) else None
    if key:
        return Media(key=key)
    if not isinstance(uri, str) or not uri.lower().startswith(("http://", "https://")):
        raise bad(field, "must be an http(s) link or a file uploaded here; or send the picture as inlineData")
    return Media(url=uri)


def _last(turns: Sequence[Mapping[str, Any]]) -> int | None:
    """The last turn of the user; a turn without a role is one."""
    users = [at for at, turn in enumerate(turns) if (turn.get("role") or "user") == "user"]
    return users[-1] if users else None


def _texts(turn: Mapping[str, Any]) -> list[str]:
    return [part["text"] for part in turn["parts"] if isinstance(part.get("text"), str) and not part.get("thought")]


def _plain_turn(prompt: str, count: int) -> dict[str, Any]:
    return {"role": "user", "parts": [*({_SLOT: at} for at in range(count)), {"text": prompt}]}


def written(job: Job, kept: list[Any] | None) -> list[Any]:
    """The conversation of a job: as it was kept, unless pictures came or went since; with the prompt as it is now."""
    turns = kept or []
    slots = sum(_SLOT in part for turn in turns for part in turn["parts"])
    if not turns or slots != len(job.inputs):
        turns = [_plain_turn(job.prompt, len(job.inputs))]
    last = _last(turns)
    now = [_retold(turn, job.prompt) if at == last else turn for at, turn in enumerate(turns)]
    return [{**turn, "parts": [_filled(part, job.inputs) for part in turn["parts"]]} for turn in now]


def place(number: int, kept: list[Any] | None) -> str:
    """Where picture `number` of a conversation stands, as it was kept or, where it was not, as a plain turn."""
    for at, turn in enumerate(kept or [_plain_turn("", number + 1)]):
        for i, part in enumerate(turn["parts"]):
            if part.get(_SLOT) == number:
                return f"contents[{at}].parts[{i}]"
    return "contents"


def _retold(turn: Mapping[str, Any], prompt: str) -> Mapping[str, Any]:
    """The turn with a prompt that was changed on the way: in place of its first text, its other texts dropped."""
    if "\n".join(_texts(turn)) == prompt:
        return turn
    old = [part for part in turn["parts"] if isinstance(part.get("text"), str) and not part.get("thought")]
    parts = [part | {"text": prompt} if part is old[0] else part for part in turn["parts"] if part not in old[1:]]
    return {**turn, "parts": parts}


def _filled(part: Mapping[str, Any], inputs: Sequence[Media]) -> dict[str, Any]:
    rest = {name: respelled(value) for name, value in part.items() if name != _SLOT}
    if _SLOT not in part:
        return rest
    media = inputs[part[_SLOT]]
    return spelled(media, "url" if media.data is None and media.url else "base64") | rest


def spelled(media: Media, form: Delivery) -> dict[str, Any]:
    """A picture as a part: a link, or base64."""
    if form == "base64":
        return {"inlineData": {"mimeType": media.mime or "image/png", "data": base64(media)}}
    return {"fileData": {"fileUri": url(media), **({"mimeType": media.mime} if media.mime else {})}}


# --- usage ----------------------------------------------------------------------------------------------------------


def usage_in(meta: Any) -> dict[str, Any]:
    """usageMetadata under the common names. Thinking is output here; totals are never rebuilt from the detail lists,
    which need not add up."""
    if not isinstance(meta, Mapping):
        return {}
    thoughts = _count(meta, "thoughtsTokenCount")
    usage: dict[str, Any] = {
        "input_tokens": _count(meta, "promptTokenCount") + _count(meta, "toolUsePromptTokenCount"),
        "output_tokens": _count(meta, "candidatesTokenCount") + thoughts,
        "total_tokens": _count(meta, "totalTokenCount"),
    }
    cached = _count(meta, "cachedContentTokenCount")
    details_in = _modalities(meta.get("promptTokensDetails")) | ({"cached_tokens": cached} if cached else {})
    details_out = _modalities(meta.get("candidatesTokensDetails")) | (
        {"reasoning_tokens": thoughts} if thoughts else {}
    )
    usage |= {"input_tokens_details": details_in} if details_in else {}
    usage |= {"output_tokens_details": details_out} if details_out else {}
    return usage if any(usage.values()) else {}


def usage_out(usage: Mapping[str, Any]) -> dict[str, Any]:
    """The common names as usageMetadata."""
    given, made = (_object(usage.get(f"{side}_tokens_details")) for side in ("input", "output"))
    thoughts, cached = _count(made, "reasoning_tokens"), _count(given, "cached_tokens")
    meta: dict[str, Any] = {
        "promptTokenCount": _count(usage, "input_tokens"),
        "candidatesTokenCount": _count(usage, "output_tokens") - thoughts,
        "totalTokenCount": _count(usage, "total_tokens"),
    }
    meta |= {"thoughtsTokenCount": thoughts} if thoughts else {}
    meta |= {"cachedContentTokenCount": cached} if cached else {}
    for name, details in (("promptTokensDetails", given), ("candidatesTokensDetails", made)):
        listed = [
            {"modality": kind.upper(), "tokenCount": _count(details, f"{kind}_tokens")}
            for kind in ("text", "image")
            if f"{kind}_tokens" in details
        ]
        meta |= {name: listed} if listed else {}
    return meta


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _count(meta: Mapping[str, Any], name: str) -> int:
    value = meta.get(name)
    return value if isinstance(value, int) else 0


def _modalities(details: Any) -> dict[str, int]:
    return {
        f"{str(each.get('modality')).lower()}_tokens": _count(each, "tokenCount")
        for each in objects(details)
        if each.get("modality") in ("TEXT", "IMAGE")
    }


# --- what a vendor's refusals mean ----------------------------------------------------------------------------------

_REFUSALS = {
    *("SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "RECITATION", "ESCALATION", "JAILBREAK", "MODEL_ARMOR"),
    *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "PUP_LIMITED_DISABLED"),
}
_MISTAKES = {
    *("LANGUAGE", "MISSING_THOUGHT_SIGNATURE"),
    *("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS"),
}
_BY_NAME = {
    **dict.fromkeys(("INVALID_ARGUMENT", "OUT_OF_RANGE"), "bad_request"),
    # "Not available in your country", "enable billing": about our account, not about the app's request.
    **dict.fromkeys(("FAILED_PRECONDITION", "UNAUTHENTICATED", "PERMISSION_DENIED"), "key_refused"),
    **dict.fromkeys(("NOT_FOUND", "UNIMPLEMENTED"), "unserved"),
    **dict.fromkeys(
        ("ALREADY_EXISTS", "ABORTED", "CANCELLED", "UNKNOWN", "INTERNAL", "DATA_LOSS", "UNAVAILABLE"), "down"
    ),
    "RESOURCE_EXHAUSTED": "key_busy",
    "DEADLINE_EXCEEDED": "slow",
}
REFUSED = "CONTENT_REFUSED"  # this house's own ErrorInfo reason
_BY_REASON = {REFUSED: "refused", "API_KEY_INVALID": "key_refused", "API_KEY_SERVICE_BLOCKED": "key_refused"}


def no_picture(body: Mapping[str, Any], said: str, status: int) -> Fault:
    """Why a 200 holds no picture: a blocked prompt, a finish that says why, or mere text."""
    feedback = _object(body.get("promptFeedback"))
    blocked = feedback.get("blockReason")
    if isinstance(blocked, str) and blocked:
        return from_vendor("refused", _with(blocked, feedback.get("blockReasonMessage")), code=blocked, status=status)
    reasons = ((each.get("finishReason"), each.get("finishMessage")) for each in objects(body.get("candidates")))
    reason, message = next(((reason, told) for reason, told in reasons if isinstance(reason, str)), ("", None))
    word = reason.upper()
    kind = "refused" if word in _REFUSALS else "bad_request" if word in _MISTAKES else "empty"
    words = said if word in ("", "STOP") else _with(reason, message or said)
    return from_vendor(kind, words, code=reason, status=status)


def _with(reason: str, message: Any) -> str:
    return f"{reason}: {message}" if isinstance(message, str) and message else reason


def refusal(status: int, body: Any) -> Fault:
    """The `Fault` of a google.rpc error body; some fronts wrap it in a list of one."""
    if isinstance(body, list) and body:
        body = body[0]
    error = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping):
        return from_vendor(default_kind(status), error, status=status)
    details = objects(error.get("details"))
    name, words = str(error.get("status") or ""), error.get("message")
    kind = _kind(status, name, words, details)
    broken = [each for detail in details for each in objects(detail.get("fieldViolations"))]
    about = broken[0].get("field") if broken and kind == "bad_request" else None
    return from_vendor(
        kind,
        words,
        code=next((each["reason"] for each in details if isinstance(each.get("reason"), str)), name),
        about=about if isinstance(about, str) else None,
        retry_after=retry_delay(body) if kind != "key_spent" else None,
        status=status,
    )


def _kind(status: int, name: str, words: Any, details: Sequence[Mapping[str, Any]]) -> str:
    for detail in details:
        if str(detail.get("reason")) in _BY_REASON:
            return _BY_REASON[str(detail["reason"])]
    if name == "RESOURCE_EXHAUSTED" and any("PerDay" in str(each.get("violations")) for each in details):
        return "key_spent"  # nothing before the next day, whatever RetryInfo says
    if isinstance(words, str) and words.lower().startswith(("api key not valid", "api key expired")):
        return "key_refused"  # comes as 400 INVALID_ARGUMENT
    if status == 402:
        return "key_spent"
    return _BY_NAME.get(name) or default_kind(status)
