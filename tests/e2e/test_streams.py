"""Streams through the official SDKs: one completed event for each picture, never plain JSON."""

from __future__ import annotations

import base64

import httpx
import pytest
from google import genai
from google.genai import types as g
from openai import APIStatusError, OpenAI

from .pictures import png, seen
from .processes import House

MODELS = ["via-openai", "via-gemini", "via-linkai"]


@pytest.mark.sockets
@pytest.mark.parametrize("model", MODELS)
def test_openai_generate(house: House, model: str) -> None:
    with OpenAI(base_url=f"{house.url}/openai/v1", api_key=house.key, max_retries=0) as client:
        events = list(client.images.generate(model=model, prompt="a fox", size="1024x1024", stream=True))
        completed = [event for event in events if event.type == "image_generation.completed"]
        assert len(completed) == 1
        assert seen(base64.b64decode(completed[0].b64_json))[1] == (1024, 1024)


@pytest.mark.sockets
def test_openai_edit(house: House) -> None:
    with OpenAI(base_url=f"{house.url}/openai/v1", api_key=house.key, max_retries=0) as client:
        picture = ("a.png", png(), "image/png")
        events = list(client.images.edit(model="via-openai", prompt="a fox", image=picture, stream=True))
        assert [event.type for event in events][-1] == "image_edit.completed"


@pytest.mark.sockets
@pytest.mark.parametrize("model", MODELS)
def test_genai(house: House, model: str) -> None:
    with genai.Client(api_key=house.key, http_options=g.HttpOptions(base_url=f"{house.url}/google")) as client:
        config = g.GenerateContentConfig(image_config=g.ImageConfig(aspect_ratio="1:1", image_size="1K"))
        chunks = list(client.models.generate_content_stream(model=model, contents="a fox", config=config))
        parts = [
            part
            for chunk in chunks
            for candidate in chunk.candidates or []
            for part in (candidate.content.parts if candidate.content else None) or []
        ]
        [data] = [part.inline_data.data for part in parts if part.inline_data]
        assert seen(data or b"")[1] == (1024, 1024)


@pytest.mark.sockets
def test_a_fault_before_the_first_event_is_a_plain_status(house: House) -> None:
    with OpenAI(base_url=f"{house.url}/openai/v1", api_key=house.key, max_retries=0) as client:
        with pytest.raises(APIStatusError) as caught:
            list(client.images.generate(model="via-openai", prompt="sandbox:refuse", stream=True))
        assert caught.value.status_code == 400
        assert caught.value.code == "moderation_blocked"


@pytest.mark.sockets
def test_the_gemini_stream_holds_nothing_but_data_lines(house: House) -> None:
    path = "google/v1beta/models/via-gemini:streamGenerateContent?alt=sse"
    body = {"contents": [{"parts": [{"text": "a fox"}]}]}
    answer = httpx.post(f"{house.url}/{path}", json=body, headers={"x-goog-api-key": house.key}, timeout=30)
    assert answer.headers["content-type"].startswith("text/event-stream")
    lines = [line for line in answer.text.split("\n") if line]
    assert lines
    assert all(line.startswith("data: {") for line in lines)
