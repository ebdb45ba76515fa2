"""Every door against every vendor shape: generate and edit, links and base64, through the clients apps really use."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Literal

import httpx
import pytest
from google import genai
from google.genai import types as g
from openai import OpenAI

from .pictures import png, seen
from .processes import House

VENDORS = {"via-openai": (2048, 1152), "via-gemini": (2752, 1536), "via-linkai": (2048, 1152)}
LINK = re.compile(r"^http://127\.0\.0\.1:\d+/storage/images/[a-z0-9]+\.(png|jpg|webp)$")


def fetched(link: str) -> bytes:
    assert LINK.match(link), link
    answer = httpx.get(link)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("image/")
    return answer.content


def by_openai(house: House, model: str, references: int, deliver: str) -> bytes:
    with OpenAI(base_url=f"{house.url}/openai/v1", api_key=house.key, max_retries=0) as client:
        form: Literal["url", "b64_json"] = "url" if deliver == "url" else "b64_json"
        extra = {"size": "2K", "aspect_ratio": "16:9"}
        if references:
            files = [(f"{at}.png", png(), "image/png") for at in range(references)]
            answer = client.images.edit(
                model=model,
                prompt="a fox",
                image=files[0] if references == 1 else files,
                response_format=form,
                extra_body=extra,
            )
        else:
            answer = client.images.generate(model=model, prompt="a fox", response_format=form, extra_body=extra)
        assert answer.data
        [picture] = answer.data
        return fetched(picture.url or "") if deliver == "url" else base64.b64decode(picture.b64_json or "")


def by_genai(house: House, model: str, references: int, deliver: str) -> bytes:
    with genai.Client(api_key=house.key, http_options=g.HttpOptions(base_url=f"{house.url}/google")) as client:
        extra = {"generationConfig": {"responseFormat": {"image": {"delivery": "URI"}}}} if deliver == "url" else None
        parts = [g.Part.from_bytes(data=png(), mime_type="image/png") for _ in range(references)]
        answer = client.models.generate_content(
            model=model,
            contents=g.Content(role="user", parts=[*parts, g.Part.from_text(text="a fox")]),
            config=g.GenerateContentConfig(
                response_modalities=["IMAGE", "TEXT"],
                image_config=g.ImageConfig(aspect_ratio="16:9", image_size="2K"),
                http_options=g.HttpOptions(extra_body=extra),
            ),
        )
        assert answer.candidates
        content = answer.candidates[0].content
        assert content is not None
        assert content.parts
        if deliver == "url":
            [link] = [part.file_data.file_uri for part in content.parts if part.file_data]
            return fetched(link or "")
        [data] = [part.inline_data.data for part in content.parts if part.inline_data]
        return data or b""


def by_linkai(house: House, model: str, references: int, deliver: str) -> bytes:
    body: dict[str, object] = {"model": model, "prompt": "a fox", "size": "2K", "aspect_ratio": "16:9"}
    if deliver != "url":
        body["response_format"] = "b64_json"
    if references:
        body["images"] = ["data:image/png;base64," + base64.b64encode(png()).decode()] * references
    headers = {"authorization": f"Bearer {house.key}"}
    answer = httpx.post(f"{house.url}/linkai/v1/images/generations", json=body, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    [picture] = answer.json()["data"]
    return fetched(picture["url"]) if deliver == "url" else base64.b64decode(picture["b64_json"])


@pytest.mark.sockets
@pytest.mark.parametrize("deliver", ["url", "base64"])
@pytest.mark.parametrize("references", [0, 1, 3])
@pytest.mark.parametrize("model", VENDORS)
@pytest.mark.parametrize("door", [by_openai, by_genai, by_linkai])
def test_every_door_against_every_vendor(
    house: House, door: Callable[[House, str, int, str], bytes], model: str, references: int, deliver: str
) -> None:
    content = door(house, model, references, deliver)
    assert seen(content)[1] == VENDORS[model]


UNKNOWN = {"n": 4, "output_format": "webp", "background": "transparent", "stream": True}


@pytest.mark.sockets
def test_what_linkai_does_not_have_is_left_out_and_told(house: House) -> None:
    """Its document says that it ignores such fields; it is not even sent them."""
    url, headers = f"{house.url}/linkai/v1/images/generations", {"authorization": f"Bearer {house.key}"}
    body = {"prompt": "a fox", "images": ["data:image/png;base64," + base64.b64encode(png()).decode()]}
    answer = httpx.post(url, json={"model": "via-linkai", **body, **UNKNOWN}, headers=headers, timeout=60)
    assert (answer.status_code, len(answer.json()["data"])) == (200, 1), answer.text
    notes = answer.headers["x-koci-notes"]
    assert all(f"{name}: left out" in notes for name in UNKNOWN)
    assert not UNKNOWN.keys() & house.sandbox.last()["json"].keys()
    before = house.sandbox.calls()["total"]
    strict = httpx.post(url, json={"model": "as-linkai", **body, **UNKNOWN}, headers=headers, timeout=60)
    assert strict.status_code == 400, strict.text
    assert all(f"{name}: left out" in strict.json()["error"]["message"] for name in UNKNOWN)
    assert house.sandbox.calls()["total"] == before
    plain = httpx.post(url, json={"model": "as-linkai", **body, "n": 1, "stream": False}, headers=headers, timeout=60)
    assert plain.status_code == 200, plain.text
