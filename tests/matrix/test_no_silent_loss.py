"""Every field that an app sends reaches the vendor, in its words or translated, or is named in the notes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.processes import House, proxy, sandbox

from .doors import PROMPT, Ask, anthropic, ark, gemini, linkai, openai
from .run import EDITORS, ROUTES, VENDORS, model

# door -> (the field's name in notes, how it is put into the body, what of it is seen in a request to a vendor)
FIELDS: dict[str, list[tuple[str, dict[str, Any], str]]] = {
    "openai": [
        ("quality", {"quality": "high"}, "high"),
        ("background", {"background": "opaque"}, "opaque"),
        ("format", {"output_format": "jpeg"}, "jpeg"),
        ("compression", {"output_format": "webp", "output_compression": 61}, "61"),
        ("moderation", {"moderation": "low"}, "low"),
        ("user", {"user": "customer-7"}, "customer-7"),
        ("style", {"style": "vivid"}, "vivid"),
        ("aspect_ratio", {"size": "1K", "aspect_ratio": "3:2"}, "3:2|1536x1024|1024x688|1008x672|1264x848|1248x832"),
        ("made_up", {"made_up": "word-19"}, "word-19"),
    ],
    "gemini": [
        ("seed", {"generationConfig": {"seed": 4711}}, "4711"),
        ("temperature", {"generationConfig": {"temperature": 0.25}}, "0.25"),
        ("systemInstruction", {"systemInstruction": {"parts": [{"text": "be kind"}]}}, "be kind"),
        ("safetySettings", {"safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}]}, "OFF"),
    ],
    "anthropic": [
        ("system", {"system": "be kind"}, "be kind"),
        ("quality", {"quality": "high"}, "high"),
        ("metadata", {"metadata": {"user_id": "customer-7"}}, "customer-7"),
        ("made_up", {"made_up": "word-19"}, "word-19"),
    ],
    "linkai": [
        ("quality", {"quality": "high"}, "high"),
        ("made_up", {"made_up": "word-19"}, "word-19"),
        ("n", {"n": 4}, '"n": 4'),
        ("stream", {"stream": True}, '"stream": true'),
        ("output_format", {"output_format": "webp"}, "webp"),
        ("background", {"background": "transparent"}, "transparent"),
    ],
    "ark": [
        ("seed", {"seed": 4711}, "4711"),
        ("watermark", {"watermark": True}, "true"),
        ("made_up", {"made_up": "word-19"}, "word-19"),
    ],
}
# What a vendor has, by its document, that ignores all else: there a field has not arrived by being sent.
HAS = {"LinkAI": {"model", "prompt", "images", "size", "aspect_ratio", "quality", "response_format"}}
ASKS = {"openai": openai, "gemini": gemini, "anthropic": anthropic, "linkai": linkai, "ark": ark}
CASES = [
    (door, vendor, name, extra, trace)
    for door, fields in FIELDS.items()
    for vendor in VENDORS
    if vendor not in EDITORS
    for name, extra, trace in fields
]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with sandbox() as vendor, proxy(tmp_path_factory.mktemp("house"), vendor, ROUTES) as running:
        yield running


def merged(body: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    out = dict(body)
    for name, value in extra.items():
        out[name] = {**out[name], **value} if isinstance(value, dict) and isinstance(out.get(name), dict) else value
    return out


@pytest.mark.sockets
@pytest.mark.parametrize(
    ("door", "vendor", "name", "extra", "trace"), CASES, ids=["-".join(case[:3]).replace(" ", "_") for case in CASES]
)
def test_a_field_arrives_or_is_noted(
    house: House, door: str, vendor: str, name: str, extra: dict[str, Any], trace: str
) -> None:
    request: Ask = ASKS[door](model(vendor), "generate", 0)
    body = merged(request.json, extra)
    headers = {"authorization": f"Bearer {house.key}"}
    answer = httpx.post(f"{house.url}/{request.path}", json=body, headers=headers, timeout=60)
    if answer.status_code == 400:  # a vendor that knows the word and refuses it is no silent loss
        assert name in answer.text
        return
    assert answer.status_code == 200, answer.text
    notes = answer.headers.get("x-koci-notes", "")
    sent = house.sandbox.last()
    if vendor in HAS:
        sent = {each: value for each, value in sent["json"].items() if each in HAS[vendor]}
    got = json.dumps(sent, ensure_ascii=False).replace(PROMPT, "")
    assert re.search(rf"(^|[;.] ?){name}: ", notes) or re.search(trace, got), (notes, got)
