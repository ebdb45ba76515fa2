"""The tokens of a Gemini request, estimated: this house has no tokenizer of anybody's."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from koci_proxy.faults import Fault
from koci_proxy.types import Note
from koci_proxy.wire import Body, Json, Reply

from . import _gemini

PICTURE = 258  # what Gemini counts for one of up to 384 pixels an edge, or one tile of a larger one
LETTERS = 4  # of a Latin text to a token, as Google's page on tokens has it
_WIDE = "\u2e80"  # Chinese, Japanese and Korean from here on: about a token a letter


def count(body: Body) -> Reply:
    """The answer to countTokens; a note in its header says that the number is an estimate."""
    value = _gemini.folded(body.value) if isinstance(body, Json) else None
    asked = value.get("generateContentRequest", value) if isinstance(value, Mapping) else None
    if not isinstance(asked, Mapping) or not isinstance(asked.get("contents"), list):
        raise Fault("bad_request", "contents is required: a list of turns", field="contents")
    turns = [*asked["contents"], asked.get("systemInstruction")]
    parts = [part for turn in _gemini.objects(turns) for part in _gemini.objects(turn.get("parts"))]
    texts = [part["text"] for part in parts if isinstance(part.get("text"), str)]
    texts += [json.dumps(asked[name], default=str) for name in ("tools", "toolConfig") if asked.get(name)]
    pictures = sum(part.get("inlineData") is not None or part.get("fileData") is not None for part in parts)
    counted = {"TEXT": sum(map(tokens, texts)), "IMAGE": PICTURE * pictures}
    told = {
        "totalTokens": sum(counted.values()),
        "promptTokensDetails": list(_details(counted)),
    }
    note = Note("totalTokens", "emulated", "an estimate; the model that serves the request counts by itself")
    return Reply(200, {"x-koci-notes": str(note)}, Json(told))


def tokens(text: str) -> int:
    wide = sum(letter >= _WIDE for letter in text)
    return wide + math.ceil((len(text) - wide) / LETTERS)


def _details(counted: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    return ({"modality": kind, "tokenCount": number} for kind, number in counted.items() if number)
