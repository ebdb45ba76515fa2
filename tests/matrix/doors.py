"""How each door is asked for each thing, and where its pictures are in the answer."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from PIL import Image, ImageDraw

from tests.e2e.pictures import png

THINGS = ("generate", "edit", "3 references", "mask", "n=3", "stream", "url", "base64")
PROMPT = "a red fox"
# How most shapes spell what is wanted beside the picture.
EXTRA: Mapping[str, dict[str, Any]] = {
    "n=3": {"n": 3},
    "stream": {"stream": True},
    "url": {"response_format": "url"},
    "base64": {"response_format": "b64_json"},
}


@dataclass(frozen=True, slots=True)
class Ask:
    """One request of a door: JSON, or a form with files."""

    path: str
    json: Any = None
    form: Mapping[str, str] = field(default_factory=dict)
    files: tuple[tuple[str, bytes], ...] = ()
    query: Mapping[str, str] = field(default_factory=dict)


class NoWord(Exception):
    """The shape of a door has no way to ask for a thing."""


@dataclass(frozen=True, slots=True)
class Door:
    """`ask` makes the request for a model and a thing; `found` finds links and base64 in an answer's JSON documents."""

    name: str
    ask: Callable[[str, str, int], Ask]


@cache
def picture() -> bytes:
    """Something to cut out: a disc of changing colours on white."""
    image = Image.new("RGB", (160, 160), "white")
    draw = ImageDraw.Draw(image)
    for at in range(60, 0, -1):
        draw.ellipse((80 - at, 80 - at, 80 + at, 80 + at), fill=(4 * at % 256, 7 * at % 256, 40 + at))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def mask() -> bytes:
    return png(160, 160, "white", alpha=0)


def uri(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode()


def references(thing: str, least: int) -> int:
    """How many pictures go in; `least` is 1 for a model that only works on one."""
    return {"edit": 1, "3 references": 3, "mask": 1}.get(thing, 0 if thing == "generate" else least)


def openai(model: str, thing: str, least: int) -> Ask:
    body: dict[str, Any] = {"model": model, "prompt": PROMPT, "size": "1024x1024"}
    body |= EXTRA.get(thing, {})
    if not references(thing, least):
        return Ask("openai/v1/images/generations", body)
    files = tuple(("image[]", picture()) for _ in range(references(thing, least)))
    files += (("mask", mask()),) if thing == "mask" else ()
    return Ask("openai/v1/images/edits", form={name: str(value) for name, value in body.items()}, files=files)


def chat(model: str, thing: str, least: int) -> Ask:
    if thing == "mask":
        raise NoWord("chat completions have no mask")
    parts: list[Any] = [
        {"type": "image_url", "image_url": {"url": uri(picture())}} for _ in range(references(thing, least))
    ]
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": [*parts, {"type": "text", "text": PROMPT}]}],
        "modalities": ["image", "text"],
        "size": "1024x1024",
    }
    body |= EXTRA.get(thing, {})
    return Ask("openai/v1/chat/completions", body)


def responses(model: str, thing: str, least: int) -> Ask:
    if thing == "n=3":
        raise NoWord("the Responses tool has no n")
    if thing == "url":
        raise NoWord("the Responses tool answers in base64 only")
    parts: list[Any] = [{"type": "input_image", "image_url": uri(picture())} for _ in range(references(thing, least))]
    tool: dict[str, Any] = {"type": "image_generation", "model": model, "size": "1024x1024"}
    tool |= {"input_image_mask": {"image_url": uri(mask())}} if thing == "mask" else {}
    content = [*parts, {"type": "input_text", "text": PROMPT}]
    body = {"model": model, "input": [{"role": "user", "content": content}], "tools": [tool]}
    return Ask("openai/v1/responses", {**body, "stream": True} if thing == "stream" else body)


def gemini(model: str, thing: str, least: int) -> Ask:
    if thing == "mask":
        raise NoWord("generateContent has no mask")
    inline = {"mimeType": "image/png", "data": base64.b64encode(picture()).decode()}
    config: dict[str, Any] = {
        "responseModalities": ["IMAGE", "TEXT"],
        "imageConfig": {"aspectRatio": "1:1", "imageSize": "1K"},
    }
    config |= {"candidateCount": 3} if thing == "n=3" else {}
    config |= {"responseFormat": {"image": {"delivery": "URI"}}} if thing == "url" else {}
    parts: list[Any] = [{"inlineData": inline}] * references(thing, least)
    body = {"contents": [{"role": "user", "parts": [*parts, {"text": PROMPT}]}], "generationConfig": config}
    if thing == "stream":
        return Ask(f"google/v1beta/models/{model}:streamGenerateContent", body, query={"alt": "sse"})
    return Ask(f"google/v1beta/models/{model}:generateContent", body)


def linkai(model: str, thing: str, least: int) -> Ask:
    if thing in ("n=3", "stream"):
        raise NoWord(f"LinkAI's shape has no {thing.partition('=')[0]}")
    body: dict[str, Any] = {"model": model, "prompt": PROMPT, "size": "1K", "aspect_ratio": "1:1"}
    body |= {"images": [uri(picture())] * references(thing, least)} if references(thing, least) else {}
    body |= {"base64": {"response_format": "b64_json"}, "mask": {"mask": uri(mask())}}.get(thing, {})
    return Ask("linkai/v1/images/generations", body)


def anthropic(model: str, thing: str, least: int) -> Ask:
    if thing == "mask":
        raise NoWord("messages have no mask")
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(picture()).decode()}
    parts: list[Any] = [{"type": "image", "source": source}] * references(thing, least)
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": 1024,
        "messages": [{"role": "user", "content": [*parts, {"type": "text", "text": PROMPT}]}],
        "size": "1024x1024",
    }
    body |= {} if thing == "url" else EXTRA.get(thing, {})
    return Ask("anthropic/v1/messages", body)


def ark(model: str, thing: str, least: int) -> Ask:
    if thing in ("mask", "n=3"):
        raise NoWord(f"Ark's shape has no {thing.partition('=')[0]}")
    body: dict[str, Any] = {"model": model, "prompt": PROMPT, "size": "1024x1024", "watermark": False}
    body |= {"image": [uri(picture())] * references(thing, least)} if references(thing, least) else {}
    body |= {} if thing == "url" else EXTRA.get(thing, {})
    return Ask("ark/api/v3/images/generations", body)


def koukoutu(model: str, thing: str, least: int) -> Ask:
    if thing in ("generate", "3 references", "mask", "n=3", "stream"):
        raise NoWord("Koukoutu's shape takes one picture and makes one")
    form = {"model_key": model, "output_format": "png", "prompt": PROMPT}
    form |= {"response": "url"} if thing == "url" else {}
    return Ask("koukoutu/sync/v1/create", form=form, files=(("image_file", picture()),))


def koci(model: str, thing: str, least: int) -> Ask:
    if thing in ("3 references", "n=3"):
        raise NoWord("this house's own API takes one reference and makes one picture")
    if thing == "base64":
        raise NoWord("this house's own API answers with links only")
    body = {"conversation_id": "{conversation}", "prompt": PROMPT, "size": "1:1", "model": model}
    if not references(thing, least):
        return Ask("api/generate/", body)
    files = (("image", picture()), *((("mask", mask()),) if thing == "mask" else ()))
    return Ask("api/generate/img2img", form=body, files=files)


def imagen(model: str, thing: str, least: int) -> Ask:
    if thing not in ("generate", "n=3", "base64"):
        raise NoWord("Imagen's predict takes no pictures, streams nothing and answers in base64 only")
    parameters = {"sampleCount": 3 if thing == "n=3" else 1, "aspectRatio": "1:1", "sampleImageSize": "1K"}
    body = {"instances": [{"prompt": PROMPT}], "parameters": parameters}
    return Ask(f"google/v1beta/models/{model}:predict", body)


def under(platform: str, ask: Callable[[str, str, int], Ask]) -> Callable[[str, str, int], Ask]:
    """The same requests at another platform's door."""

    def moved(model: str, thing: str, least: int) -> Ask:
        request = ask(model, thing, least)
        return replace(request, path=f"{platform}/{request.path.partition('/')[2]}")

    return moved


def page(model: str, thing: str, least: int) -> Ask:
    """Koukoutu's page writes the picture's names with underscores, and knows no tiers."""
    request = gemini(model, thing, least)
    text = json.dumps(request.json).replace("inlineData", "inline_data").replace("mimeType", "mime_type")
    body = json.loads(text)
    del body["generationConfig"]["imageConfig"]["imageSize"]
    return replace(request, json=body)


def tasks(model: str, thing: str, least: int) -> Ask:
    if thing == "base64":
        raise NoWord("a task of Koukoutu's is answered with a link")
    request = koukoutu(model, thing, least)
    return replace(request, path="koukoutu/async/v1/create")


DOORS = tuple(
    Door(name, ask)
    for name, ask in (
        ("OpenAI images", openai),
        ("OpenAI chat", chat),
        ("OpenAI responses", responses),
        ("AIOAGI", under("aioagi", openai)),
        ("Gemini", gemini),
        ("Imagen", imagen),
        ("Antigravity", under("antigravity", gemini)),
        ("Anthropic", anthropic),
        ("LinkAI", linkai),
        ("Ark", ark),
        ("Koukoutu", koukoutu),
        ("Koukoutu by task", tasks),
        ("Koukoutu's Gemini page", under("apis", page)),
        ("KoCodeImg", koci),
    )
)

_LINK = re.compile(r"https?://[^\s\"'()<>]+/storage/images/[a-z0-9]+\.[a-z0-9]+(?:\?[^\s\"'()<>]*)?")
_THUMBNAIL = ("thumbnail_url",)


def documents(content: bytes, mime: str) -> Iterator[Any]:
    """The JSON documents of an answer: one, or one an event."""
    if mime.startswith("text/event-stream"):
        for line in content.decode().splitlines():
            if line.startswith("data:") and line[5:].strip() != "[DONE]":
                yield json.loads(line[5:])
    else:
        yield json.loads(content)


def strings(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every string of a document with the key it stands under."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from strings(each, name)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each, key)


def found(content: bytes, mime: str) -> tuple[set[str], list[bytes]]:
    """The links and the pictures in base64 of an answer. A stream may say one twice: there each counts once."""
    links: set[str] = set()
    pictures: list[bytes] = []
    if mime.startswith("image/"):
        return links, [content]
    for document in documents(content, mime):
        if isinstance(document, dict) and "partial_image" in str(document.get("type", "")):
            continue  # a preview is no picture
        for key, text in strings(document):
            if key not in _THUMBNAIL:
                links |= set(_LINK.findall(text))
            body = text.partition(";base64,")[2] if text.startswith("data:image/") else text
            if len(body) > 400 and re.fullmatch(r"[A-Za-z0-9+/_=-]+", body[:400]):
                pictures.append(base64.b64decode(body))
    return links, list(dict.fromkeys(pictures)) if mime.startswith("text/event-stream") else pictures
