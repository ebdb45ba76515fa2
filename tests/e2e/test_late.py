"""What a call hears of its size and its notes when its headers went out before the picture was there, by the official
SDKs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from google import genai
from google.genai import types

from koci_proxy.app.proxy import Proxy

from .pictures import seen
from .processes import Sandbox

pytestmark = [pytest.mark.sockets, pytest.mark.anyio]

ROUTES = """
public_url: http://house.example
platforms: {openai: openai, google: gemini, anthropic: anthropic, linkai: linkai, ark: ark}
models:
  picture: {set: {size: 1K 1:1}, to: sandbox-openai/gpt-image-2}
"""
SLOW = "a fox sandbox:slow=0.5"
BENT = "size: bent (2K 1:1 → 1K 1:1, set by the house)"
TURN: Any = {"role": "user", "content": SLOW}
# What an SDK says of its third try, which it makes by itself only after two that failed.
LAST_TRY = {"x-stainless-retry-count": "2", "x-stainless-read-timeout": "0.2"}


class App:
    """An HTTP client for the SDKs that keeps the headers of each answer."""

    def __init__(self, proxy: Proxy, key: str) -> None:
        self.key = key
        self.answers: list[Mapping[str, str]] = []
        transport = httpx2.ASGITransport(proxy)
        self.http = httpx2.AsyncClient(transport=transport, event_hooks={"response": [self._heard]})

    async def _heard(self, answer: httpx2.Response) -> None:
        self.answers.append(answer.headers)

    def openai(self, platform: str = "openai/v1") -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(base_url=f"http://house/{platform}", api_key=self.key, http_client=self.http)

    def anthropic(self) -> anthropic.AsyncAnthropic:
        return anthropic.AsyncAnthropic(base_url="http://house/anthropic", api_key=self.key, http_client=self.http)

    def google(self) -> genai.Client:
        options = types.HttpOptions(base_url="http://house/google", httpx_async_client=self.http)
        return genai.Client(api_key=self.key, http_options=options)


@asynccontextmanager
async def opened(folder: Path, vendor: Sandbox) -> AsyncIterator[App]:
    (folder / "routes.yaml").write_text(ROUTES, encoding="utf-8")
    proxy = Proxy(folder / "routes.yaml", sandbox=vendor.url)
    await proxy.open()
    try:
        key, _ = await proxy.callers.make("app")
        app = App(proxy, key)
        async with app.http:
            yield app
    finally:
        await proxy.close()


@pytest.fixture
async def app(vendor: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[App]:
    monkeypatch.setattr("koci_proxy.app.ordering.KEEP_ALIVE", 0.1)
    monkeypatch.setattr("koci_proxy.app.ordering.LEAST", 0.1)
    async with opened(tmp_path, vendor) as made:
        yield made


def unsaid(app: App) -> bool:
    """Whether the headers of the one answer told nothing."""
    (headers,) = app.answers
    return "x-request-id" in headers and not {"x-koci-size", "x-koci-notes"} & headers.keys()


async def test_the_message_of_an_anthropic_stream(app: App) -> None:
    words = {"size": "2K", "aspect_ratio": "1:1"}
    ask: dict[str, Any] = {"model": "picture", "max_tokens": 9, "messages": [TURN], "extra_body": words}
    async with app.anthropic().messages.stream(**ask) as stream:
        message = await stream.get_final_message()
    assert unsaid(app)
    assert (message.size, message.notes) == ("1024x1024", [BENT])  # type: ignore[attr-defined]
    assert message.content[0].type == "text"


async def test_the_answer_of_a_gemini_stream(app: App) -> None:
    image = types.ImageConfig(aspect_ratio="1:1", image_size="2K")
    config = types.GenerateContentConfig(image_config=image)
    stream = await app.google().aio.models.generate_content_stream(model="picture", contents=SLOW, config=config)
    (answer,) = [chunk async for chunk in stream]
    assert unsaid(app)
    assert answer.model_status
    assert answer.model_status.message == BENT
    assert answer.parts
    assert answer.parts[0].inline_data
    assert seen(answer.parts[0].inline_data.data or b"")[1] == (1024, 1024)


async def test_the_last_event_of_an_openai_stream(app: App) -> None:
    words = {"size": "2K", "aspect_ratio": "1:1"}
    images = app.openai().images
    events: list[Any] = [
        event async for event in await images.generate(model="picture", prompt=SLOW, extra_body=words, stream=True)
    ]
    assert unsaid(app)
    assert (events[-1].size, events[-1].notes) == ("1024x1024", [BENT])


async def test_the_end_of_a_chat(app: App) -> None:
    words = {"size": "2K", "aspect_ratio": "1:1"}
    chat = app.openai().chat.completions
    chunks: list[Any] = [
        chunk async for chunk in await chat.create(model="picture", messages=[TURN], extra_body=words, stream=True)
    ]
    assert unsaid(app)
    assert (chunks[-1].size, chunks[-1].notes) == ("1024x1024", [BENT])


@pytest.mark.parametrize("platform", ["openai/v1", "linkai/v1", "ark/api/v3"])
async def test_a_plain_answer_that_was_kept_alive(platform: str, app: App) -> None:
    made: Any = await app.openai(platform).images.generate(
        model="picture", prompt=SLOW, size="2048x2048", extra_headers=LAST_TRY
    )
    assert unsaid(app)
    assert made.data[0].url
    assert (made.size, made.notes) == ("1024x1024", [BENT.replace("2K 1:1", "2048x2048")])


async def test_a_message_that_was_kept_alive(app: App) -> None:
    words = {"size": "2K", "aspect_ratio": "1:1"}
    message: Any = await app.anthropic().messages.create(
        model="picture", max_tokens=9, messages=[TURN], extra_body=words, extra_headers=LAST_TRY
    )
    assert unsaid(app)
    assert (message.size, message.notes) == ("1024x1024", [BENT])


async def test_a_plain_answer_in_time_says_it_in_its_headers_alone(app: App) -> None:
    words = {"size": "2K", "aspect_ratio": "1:1"}
    message: Any = await app.anthropic().messages.create(
        model="picture", max_tokens=9, messages=[TURN | {"content": "a fox"}], extra_body=words
    )
    assert "size: bent" in app.answers[0]["x-koci-notes"]
    assert "notes" not in message.model_extra
