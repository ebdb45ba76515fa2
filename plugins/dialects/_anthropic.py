"""An Anthropic conversation as prompt and pictures and back, and Anthropic's words for usage and errors."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from koci_proxy.blame import default_kind
from koci_proxy.faults import Fault
from koci_proxy.fields import bad, picture, respelled
from koci_proxy.types import Delivery, Job, Media, Note
from koci_proxy.wire import Body, Json, Reply, base64, url
from koci_proxy.words import complaint, from_vendor

from ._turns import EARLIER, beyond

_SLOT = "_input"  # in a kept conversation: the number of the job's input that stands here
# No part of these runs over the beginning of another match: texts come from outside and may be megabytes long.
_URI = r"data:image/[\w.+-]+;base64,[\w+/-]+={0,2}"
_MARKDOWN = re.compile(rf"!\[[^\[\]]{{0,300}}\]\(\s*<?(https?://[^\s)>\[]+|{_URI})>?(?:\s+\"[^\"]{{0,300}}\")?\s*\)")
_DATA_URI = re.compile(f"({_URI})")
_LINK = re.compile(r"(?:\[[^\[\]]{0,300}\]\(\s*)?(https?://[^\s()<>\"'\[]+)\)?")
_FILE = re.compile(r"\.(?:png|jpe?g|webp|gif)(?:\?|$)", re.I)


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
        return ({"_messages": self.kept} if self.kept else {}) | ({"_lost": self.lost} if self.lost else {})


def read(messages: Any) -> Talk:
    """Take a conversation apart. `Fault` bad_request names the place."""
    if not isinstance(messages, list) or not messages:
        raise Fault("bad_request", "messages is required: a list of turns", field="messages")
    inputs: list[Media] = []
    turns: list[dict[str, Any]] = []
    last = _last(messages)
    for at, turn in enumerate(messages):
        before = _shown(turns, turn, inputs) if at == last else []
        turns.append(_turn(turn, f"messages[{at}]", inputs))
        turns[-1]["content"][:0] = before
    prompt = "\n".join(_texts(turns[last])) if last is not None else ""
    if not prompt.strip():
        raise Fault("bad_request", "messages: the last turn of the user holds no text to go by", field="messages")
    plain = turns == [_plain_turn(prompt, len(inputs))]
    return Talk(prompt, tuple(inputs), None if plain else turns, list(_lost(messages, last or 0)))


_BOOKS = frozenset({"type", "cache_control"})  # what a block says of itself and of a cache: nobody misses that


def _lost(messages: Sequence[Mapping[str, Any]], last: int) -> Iterator[list[str]]:
    """What a conversation says beside its pictures and its last texts. Their mere order is no word of the app's."""
    if any(_speaks(turn) for turn in messages[:last]):
        yield ["messages", EARLIER]
    for at, turn in enumerate(messages):
        if at > last or turn.get("role") == "system":
            yield [f"messages[{at}]", "a turn behind the prompt" if at > last else "system"]
    now = messages[last]
    yield from ([f"messages[{last}].{name}", ""] for name in beyond(now, {"role", "content"}))
    for at, block in enumerate(now["content"] if isinstance(now["content"], list) else ()):
        where, kind = f"messages[{last}].content[{at}]", block["type"]
        if kind not in ("text", "image"):
            yield [where, kind]
        else:
            yield from ([f"{where}.{name}", ""] for name in beyond(block, _BOOKS | {"text", "source"}))


def _speaks(turn: Mapping[str, Any]) -> bool:
    """Whether a turn is one of the talk and holds more than pictures."""
    content = turn["content"]
    more = isinstance(content, str) or any(block["type"] != "image" for block in content)
    return more and turn.get("role") != "system"


def _turn(turn: Any, where: str, inputs: list[Media]) -> dict[str, Any]:
    content = turn.get("content") if isinstance(turn, Mapping) else None
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if not isinstance(content, list):
        raise bad(f"{where}.content", "must be text or a list of blocks")
    return {**turn, "content": [_block(block, f"{where}.content[{at}]", inputs) for at, block in enumerate(content)]}


def _block(block: Any, where: str, inputs: list[Media]) -> dict[str, Any]:
    """A block with its picture, if it is one, put among the inputs and a slot in its place; nulls are dropped."""
    if not isinstance(block, Mapping):
        raise bad(where, "must be an object")
    rest: dict[str, Any] = {name: each for name, each in block.items() if each is not None and name != _SLOT}
    match rest.get("type"):
        case "text":
            if not isinstance(rest.get("text"), str):
                raise bad(f"{where}.text", "must be text")
        case "image":
            inputs.append(_source(rest.get("source"), f"{where}.source"))
            named = {name: each for name, each in rest.items() if name not in ("type", "source", "text")}
            return {_SLOT: len(inputs) - 1, **named}
        case "tool_result" if isinstance(rest.get("content"), list):
            inner = [_block(each, f"{where}.content[{at}]", inputs) for at, each in enumerate(rest["content"])]
            return rest | {"content": inner}
        case str():
            pass
        case _:
            raise bad(f"{where}.type", "is required: text or image")
    return rest


def _source(source: Any, where: str) -> Media:
    """A picture of the app's: base64 or a link."""
    if not isinstance(source, Mapping):
        raise bad(where, "must be an object with a type: base64 or url")
    match source.get("type"):
        case "base64":
            data = source.get("data")
            if isinstance(data, str) and data[:8].lower().startswith(("http://", "https://")):
                raise bad(f"{where}.data", 'must be base64; a link goes into a source of type "url"')
            return picture(data, f"{where}.data")
        case "url":
            link = source.get("url")
            if isinstance(link, str) and not link[:8].lower().startswith(("http://", "https://", "data:")):
                raise bad(f"{where}.url", "must be an http(s) link")
            return picture(link, f"{where}.url")
        case "file":
            raise bad(
                f"{where}.file_id",
                "cannot be used: there is no file store behind this dialect; send the picture as base64 or url",
            )
        case _:
            raise bad(f"{where}.type", "must be base64 or url")


def _last(turns: Sequence[Any]) -> int | None:
    """The last turn of the user; a turn without a role is one."""
    users = [at for at, turn in enumerate(turns) if isinstance(turn, Mapping) and turn.get("role") in (None, "user")]
    return users[-1] if users else None


def _texts(turn: Mapping[str, Any]) -> list[str]:
    return [block["text"] for block in turn["content"] if block.get("type") == "text"]


def _shown(turns: Sequence[Mapping[str, Any]], now: Mapping[str, Any], inputs: list[Media]) -> list[dict[str, Any]]:
    """Slots for the pictures that the last answer shows as Markdown links only, and the turn `now` does not show
    itself: an app that keeps no more than texts has nothing else of them."""
    answers = [turn for turn in turns if turn.get("role") == "assistant"]
    sources = objects([block.get("source") for block in objects(now.get("content"))])
    have = {media.url for media in inputs} | {link for each in sources if isinstance(link := each.get("url"), str)}
    links = [link for text in (_texts(answers[-1]) if answers else ()) for link in _MARKDOWN.findall(text)]
    slots: list[dict[str, Any]] = []
    for link in dict.fromkeys(link for link in links if link.startswith("http") and link not in have):
        inputs.append(Media(url=link))
        slots.append({_SLOT: len(inputs) - 1})
    return slots


def _plain_turn(prompt: str, count: int) -> dict[str, Any]:
    return {"role": "user", "content": [*({_SLOT: at} for at in range(count)), {"type": "text", "text": prompt}]}


def written(job: Job, kept: list[Any] | None) -> list[Any]:
    """The conversation of a job: as it was kept, unless pictures came or went since; with the prompt as it is now."""
    turns = kept or []
    if not turns or sum(_slots(turn["content"]) for turn in turns) != len(job.inputs):
        turns = [_plain_turn(job.prompt, len(job.inputs))]
    last = _last(turns)
    now = [_retold(turn, job.prompt) if at == last else turn for at, turn in enumerate(turns)]
    return [{**turn, "content": _filled(turn["content"], job.inputs)} for turn in now]


def _slots(blocks: Any) -> int:
    return sum(1 if _SLOT in block else _slots(block.get("content")) for block in objects(blocks))


def _retold(turn: Mapping[str, Any], prompt: str) -> Mapping[str, Any]:
    """The turn with a prompt that was changed on the way: in place of its first text, its other texts dropped."""
    if "\n".join(_texts(turn)) == prompt:
        return turn
    old = [at for at, block in enumerate(turn["content"]) if block.get("type") == "text"]
    blocks = [
        {**block, "text": prompt} if at == old[0] else block
        for at, block in enumerate(turn["content"])
        if at not in old[1:]
    ]
    return {**turn, "content": blocks}


def _filled(blocks: Sequence[Mapping[str, Any]], inputs: Sequence[Media]) -> Any:
    """Blocks with the pictures in their slots; a single plain text stands there as itself."""
    if len(blocks) == 1 and set(blocks[0]) == {"type", "text"}:
        return blocks[0]["text"]
    filled = []
    for block in blocks:
        rest = {name: respelled(value) for name, value in block.items() if name != _SLOT}
        if _SLOT in block:
            media = inputs[block[_SLOT]]
            rest = spelled(media, "url" if media.data is None and media.url else "base64") | rest
        elif isinstance(block.get("content"), list):
            rest["content"] = [each for one in block["content"] for each in _inner(one, inputs)]
        filled.append(rest)
    return filled


def _inner(block: Any, inputs: Sequence[Media]) -> list[Any]:
    """A block within a block; what is none stands there as it came."""
    return _listed(_filled([block], inputs)) if isinstance(block, Mapping) else [block]


def _listed(content: Any) -> list[Any]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def spelled(media: Media, form: Delivery) -> dict[str, Any]:
    """A picture as a block: a link, or base64."""
    if form == "base64":
        source: dict[str, Any] = {"type": "base64", "media_type": media.mime or "image/png", "data": base64(media)}
    else:
        source = {"type": "url", "url": url(media)}
    return {"type": "image", "source": source}


# --- words with pictures in them ------------------------------------------------------------------------------------


def pictures_in(text: str) -> tuple[list[str], str]:
    """(links and data URIs of the pictures that a text shows, the text without them).

    Markdown pictures and data URIs always are such; a mere link to a picture's file only where there is nothing else.
    """
    found: list[str] = []
    for pattern in (_MARKDOWN, _DATA_URI):
        found += pattern.findall(text)
        text = pattern.sub("", text)
    if not found:
        found = [link for link in _LINK.findall(text) if _FILE.search(link)]
        text = _LINK.sub(lambda each: "" if _FILE.search(each[1]) else each[0], text)
    return list(dict.fromkeys(found)), re.sub(r"\n{3,}", "\n\n", text).strip()


# --- tokens ---------------------------------------------------------------------------------------------------------

_WIDE = "\u2e80"  # Chinese, Japanese and Korean from here on: about a token a letter; of others four letters to one


def count(body: Body) -> Reply:
    """The answer to count_tokens: the texts, estimated. A note in its header says that pictures are not counted."""
    value = body.value if isinstance(body, Json) else None
    value = value if isinstance(value, Mapping) else {}
    texts = [*_words([value.get("messages"), value.get("system")])]
    texts += [json.dumps(value[name], default=str) for name in ("tools",) if value.get(name)]
    wide = sum(letter >= _WIDE for text in texts for letter in text)
    narrow = sum(map(len, texts)) - wide
    note = Note("input_tokens", "emulated", "an estimate of the texts alone; pictures are not counted")
    return Reply(200, {"x-koci-notes": str(note)}, Json({"input_tokens": wide + math.ceil(narrow / 4)}))


def _words(value: Any) -> Iterator[str]:
    """Every text of a conversation: a bare one, and what blocks say under `text` and `content`."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _words(each)
    elif isinstance(value, Mapping):
        yield from _words(value.get("text"))
        yield from _words(value.get("content"))


def usage_in(usage: Any) -> dict[str, Any]:
    """Anthropic's usage under the common names; what was read from or written to a cache is input too."""
    if not isinstance(usage, Mapping):
        return {}
    cached = _count(usage, "cache_read_input_tokens")
    given = _count(usage, "input_tokens") + _count(usage, "cache_creation_input_tokens") + cached
    made = _count(usage, "output_tokens")
    if not given and not made:
        return {}
    details = {"input_tokens_details": {"cached_tokens": cached}} if cached else {}
    return {"input_tokens": given, "output_tokens": made, "total_tokens": given + made, **details}


def usage_out(usage: Mapping[str, Any]) -> dict[str, Any]:
    """The common names as Anthropic's usage, whose two numbers clients need; 0 where nobody counted."""
    details = usage.get("input_tokens_details")
    cached = _count(details, "cached_tokens") if isinstance(details, Mapping) else 0
    counted = {
        "input_tokens": max(0, _count(usage, "input_tokens") - cached),
        "output_tokens": _count(usage, "output_tokens"),
    }
    return counted | ({"cache_read_input_tokens": cached} if cached else {})


def _count(usage: Mapping[str, Any], name: str) -> int:
    value = usage.get(name)
    return value if isinstance(value, int) else 0


# --- what a vendor's refusals mean ----------------------------------------------------------------------------------

_BY_TYPE = {
    "invalid_request_error": "bad_request",
    "authentication_error": "key_refused",
    "billing_error": "key_spent",
    "permission_error": "key_refused",
    "not_found_error": "unserved",
    "conflict_error": "down",
    "request_too_large": "too_large",
    "rate_limit_error": "key_busy",
    "timeout_error": "slow",
    "api_error": "down",
    "overloaded_error": "down",
}


def refusal(status: int, body: Any) -> Fault:
    """The `Fault` of an error: by its type where that is a known one, else by the status; at 200 it is `empty`."""
    said = complaint(body)
    kind = _BY_TYPE.get(said.type) or ("empty" if status < 300 else default_kind(status))
    details = said.error.get("details")
    code = details.get("error_code") if isinstance(details, Mapping) else None
    if said.words.lower().startswith("your credit balance is too low"):
        kind = "key_spent"  # comes as 400 invalid_request_error
    if kind == "bad_request" and code in ("content_refused", "content_policy_violation"):
        kind = "refused"
    return from_vendor(kind, said.words, code=code if isinstance(code, str) else said.type, status=status)


def no_picture(body: Mapping[str, Any], said: str, status: int) -> Fault:
    """Why a 200 holds no picture: a refusal, or mere text."""
    reason = body.get("stop_reason")
    if reason == "refusal":
        details = body.get("stop_details")
        why = details.get("explanation") if isinstance(details, Mapping) else None
        return from_vendor("refused", why or said, code="refusal", status=status)
    words = said if reason in (None, "end_turn") or said else str(reason)
    return from_vendor("empty", words, code=reason if isinstance(reason, str) else None, status=status)
