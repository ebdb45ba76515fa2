"""What the bench's vendor answers, made once before the first call: real PNG files of exact size, in each wire's shape.

A model's name says what is wanted: a shape and a size in MiB, such as `b64-24`, `gem-8` or `url-1.5`; `small` is a
picture of some hundred bytes, `wait-10` the same after ten seconds, `two` one that the key of `FAILING` never gets.
"""

from __future__ import annotations

import base64
import binascii
import json
import random
import struct
import zlib
from dataclasses import dataclass

MIB = 1 << 20
EDGE = 1024
FAILING = "failing-key"
SIZES = {"1.5": 3 * MIB // 2, "8": 8 * MIB, "24": 24 * MIB}
PREVIEW = 256 * 1024
PREVIEWS = 3
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP answer as bytes, and the seconds to wait before it."""

    content: bytes
    wait: float = 0


def png(size: int = 0) -> bytes:
    """A black picture of 1024 x 1024 pixels whose file is exactly `size` bytes long, nearly all of them noise.

    The padding is one private chunk before the end. A size too small for the picture gives it without padding.
    """
    rows = (b"\0" + bytes(EDGE // 8)) * EDGE
    head = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", EDGE, EDGE, 1, 0, 0, 0, 0))
    head += _chunk(b"IDAT", zlib.compress(rows, 9))
    end = _chunk(b"IEND", b"")
    room = size - len(head) - len(end) - 12
    return head + (_chunk(b"koCi", random.Random(size).randbytes(room)) if room >= 0 else b"") + end


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", binascii.crc32(kind + content))


def encoded(picture: bytes) -> str:
    return base64.b64encode(picture).decode()


def http(body: bytes, mime: str = JSON, status: str = "200 OK", more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: {mime}\r\ncontent-length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


def answers(address: str) -> dict[str, Answer]:
    """Every answer by its model's name; links lead to `address`."""
    small = _openai({"b64_json": encoded(png())})
    found = {"small": Answer(http(small)), "two": Answer(http(small)), "stream": Answer(_stream())}
    found |= {f"wait-{seconds}": Answer(http(small), seconds) for seconds in (2, 10)}
    found["gem-small"] = Answer(http(_gemini(encoded(png()))))
    for name, size in SIZES.items():
        text = encoded(png(size))
        found[f"b64-{name}"] = Answer(http(_openai({"b64_json": text})))
        found[f"gem-{name}"] = Answer(http(_gemini(text)))
        found[f"url-{name}"] = Answer(http(_openai({"url": f"{address}/pictures/{name}.png"})))
    return found


def pictures() -> dict[str, Answer]:
    """What stands behind the links, by path."""
    return {f"/pictures/{name}.png": Answer(http(png(size), "image/png")) for name, size in SIZES.items()}


def refused() -> bytes:
    """What the failing key gets."""
    error = {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}
    return http(json.dumps({"error": error}).encode(), status="429 Too Many Requests", more="retry-after: 1\r\n")


def _openai(item: dict[str, str]) -> bytes:
    usage = {"input_tokens": 20, "output_tokens": 4160, "total_tokens": 4180}
    return json.dumps({"created": 1780000000, "data": [item], "usage": usage}).encode()


def _gemini(text: str) -> bytes:
    part = {"inlineData": {"mimeType": "image/png", "data": text}}
    usage = {"promptTokenCount": 20, "candidatesTokenCount": 1290, "totalTokenCount": 1310}
    candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
    return json.dumps({"candidates": [candidate], "usageMetadata": usage, "modelVersion": "picture"}).encode()


def _stream() -> bytes:
    """Previews of 256 KiB and a picture of 1.5 MiB, each as one event."""
    preview, whole = encoded(png(PREVIEW)), encoded(png(SIZES["1.5"]))
    events = [
        {"type": "image_generation.partial_image", "partial_image_index": i, "b64_json": preview}
        for i in range(PREVIEWS)
    ]
    events.append({"type": "image_generation.completed", "b64_json": whole, "created_at": 1780000000})
    body = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events).encode()
    return http(body, "text/event-stream")
