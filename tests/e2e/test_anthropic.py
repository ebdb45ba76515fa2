"""The Anthropic door through Anthropic's own SDK, and vendors of its shape behind every door."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Callable
from typing import Any

import anthropic
import httpx
import pytest
from anthropic import Anthropic, AsyncAnthropic

from .pictures import png, seen
from .processes import House
from .test_conversations import VENDORS, by_genai, by_linkai, by_openai, fetched

pytestmark = pytest.mark.sockets

LINK = re.compile(r"!\[image\]\((http://[^)\s]+)\)")
WIDE = {"size": "2K", "aspect_ratio": "16:9"}
FOX: Any = [{"role": "user", "content": "a fox"}]


def client_of(house: House, base: str = "anthropic", **options: Any) -> Anthropic:
    return Anthropic(**{"base_url": f"{house.url}/{base}", "api_key": house.key, "max_retries": 0, **options})


def shown(content: Any) -> bytes:
    """The picture of a message: the text names the same link as the block, or the block holds it."""
    block = content[-1]
    assert block.type == "image"
    if block.source["type"] == "base64":
        assert len(content) == 1
        return base64.b64decode(block.source["data"], validate=True)
    assert LINK.findall(content[0].text) == [block.source["url"]]
    return fetched(block.source["url"])


def by_anthropic(house: House, model: str, references: int, deliver: str) -> bytes:
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(png()).decode()}
    blocks: Any = [{"type": "image", "source": source}] * references
    extra = WIDE if deliver == "url" else {**WIDE, "response_format": "b64_json"}
    turns: Any = [{"role": "user", "content": [*blocks, {"type": "text", "text": "a fox"}]}]
    with client_of(house) as client:
        message = client.messages.create(model=model, max_tokens=1024, messages=turns, extra_body=extra)
    return deliverable(message.content, deliver)


def deliverable(content: Any, deliver: str) -> bytes:
    spoken = [block for block in content if block.type == "text"]
    drawn = [block for block in content if block.type == "image"]
    assert deliver == "base64" or LINK.match(spoken[0].text)
    return shown([*(spoken if deliver == "url" else []), *drawn])


@pytest.mark.parametrize("deliver", ["url", "base64"])
@pytest.mark.parametrize("references", [0, 1, 3])
@pytest.mark.parametrize("model", VENDORS)
def test_the_door_against_every_vendor(house: House, model: str, references: int, deliver: str) -> None:
    assert seen(by_anthropic(house, model, references, deliver))[1] == VENDORS[model]


@pytest.mark.parametrize("references", [0, 2])
@pytest.mark.parametrize("model", ["via-anthropic", "via-anthropic-link", "via-anthropic-markdown"])
@pytest.mark.parametrize("door", [by_openai, by_genai, by_linkai, by_anthropic])
def test_every_door_against_a_vendor_of_this_shape(
    house: House, door: Callable[[House, str, int, str], bytes], model: str, references: int
) -> None:
    deliver = "base64" if references else "url"
    assert seen(door(house, model, references, deliver))[1] == (2752, 1536)


@pytest.mark.parametrize("version", ["2023-06-01", "2026-10-21"])
@pytest.mark.parametrize("word", ["temperature", "top_p", "top_k"])
def test_words_of_the_older_api_under_both_versions(house: House, version: str, word: str) -> None:
    body = {"model": "via-anthropic", "max_tokens": 9, "messages": FOX, word: 1}
    headers = {"x-api-key": house.key, "anthropic-version": version}
    answer = httpx.post(f"{house.url}/anthropic/v1/messages", json=body, headers=headers, timeout=60)
    assert (answer.status_code, answer.headers.get("x-koci-notes")) == (200, None), answer.text
    assert house.sandbox.last()["json"][word] == 1
    body["model"] = "via-openai"
    answer = httpx.post(f"{house.url}/anthropic/v1/messages", json=body, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-koci-notes"] == f"{word}: left out (not known to this model's upstream)"


# --- the SDK --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", ["anthropic", "anthropic/", "anthropic/v1", "anthropic/v1/"])
def test_a_base_url_with_a_version_and_without(house: House, base: str) -> None:
    with client_of(house, base) as client:
        message = client.messages.create(model="via-openai", max_tokens=9, messages=FOX)
    assert (message.type, message.role, message.model) == ("message", "assistant", "via-openai")
    assert (message.stop_reason, message.usage.output_tokens > 0) == ("end_turn", True)
    assert message._request_id is not None
    assert message.id == message._request_id.replace("req_", "msg_")
    assert seen(shown(message.content))[1] == (1024, 1024)


def test_keys_as_older_clients_send_them(house: House) -> None:
    headers = {"x-api-key": house.key, "anthropic-version": "2023-06-01"}
    body = {"model": "via-openai", "max_tokens": 9, "messages": FOX}
    answer = httpx.post(f"{house.url}/anthropic/v1/v1/messages?beta=true", json=body, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    assert answer.headers["request-id"] == answer.headers["x-request-id"]


def test_the_stream_helper(house: House) -> None:
    with client_of(house) as client, client.messages.stream(model="via-linkai", max_tokens=9, messages=FOX) as stream:
        texts = "".join(stream.text_stream)
        final: Any = stream.get_final_message()
    assert LINK.findall(texts) == LINK.findall(final.content[0].text)
    assert final.stop_reason == "end_turn"
    assert seen(shown(final.content))[1] == (2048, 1152)


def test_the_raw_stream(house: House) -> None:
    extra = {"response_format": "b64_json"}
    with client_of(house) as client:
        events = list(
            client.messages.create(model="via-anthropic", max_tokens=9, messages=FOX, stream=True, extra_body=extra)
        )
    assert [event.type for event in events] == [
        "message_start",
        *("content_block_start", "content_block_delta", "content_block_stop"),
        *("content_block_start", "content_block_stop"),
        *("message_delta", "message_stop"),
    ]
    block: Any = getattr(events[4], "content_block")  # noqa: B009 - one type among many has it
    assert seen(base64.b64decode(block.source["data"]))[1] == (1024, 1024)


@pytest.mark.anyio
async def test_the_asynchronous_client(house: House) -> None:
    async with AsyncAnthropic(base_url=f"{house.url}/anthropic", auth_token=house.key, max_retries=0) as client:
        calls = [client.messages.create(model="via-gemini", max_tokens=9, messages=FOX) for _ in range(3)]
        messages = await asyncio.gather(*calls)
    kinds: list[list[str]] = [[block.type for block in message.content] for message in messages]
    assert kinds == [["text", "image"]] * 3


@pytest.mark.parametrize("deliver", ["b64_json", "url"])
def test_a_conversation_goes_on_with_its_pictures(house: House, deliver: str) -> None:
    """The answer goes back as the SDK has it; its picture is the first of the next request, whose ratio is taken."""
    extra = {**WIDE, "response_format": deliver}
    square = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(png()).decode()}
    blue = {"role": "user", "content": [{"type": "image", "source": square}, {"type": "text", "text": "blue"}]}
    with client_of(house) as client:
        first = client.messages.create(model="via-anthropic", max_tokens=9, messages=FOX, extra_body=extra)
        turns: Any = [*FOX, {"role": "assistant", "content": first.content}, blue]
        second = client.messages.create(model="via-anthropic", max_tokens=9, messages=turns)
    assert seen(shown(second.content))[1] == (1376, 768)
    sent = house.sandbox.last()["json"]["messages"]
    assert [turn["role"] for turn in sent] == ["user", "assistant", "user"]


def test_tokens_are_counted_without_a_vendor(house: House) -> None:
    before = house.sandbox.calls()["total"]
    with client_of(house) as client:
        counted = client.messages.count_tokens(model="via-openai", messages=FOX, system="日落")
    assert counted.input_tokens == 4
    assert house.sandbox.calls()["total"] == before


def test_models(house: House) -> None:
    with client_of(house, "anthropic/v1") as client:
        names = [model.id for model in client.models.list()]
        pages = client.models.list(limit=2)
        assert len(pages.data) == 2
        assert [model.id for model in pages] == names  # the SDK turns the pages by itself
        assert client.models.retrieve("via-openai").created_at.year == 1970
    assert {"via-openai", "via-anthropic"} <= set(names)


# --- errors ---------------------------------------------------------------------------------------------------------

BAD: list[tuple[dict[str, Any], type[anthropic.APIStatusError], str, str]] = [
    ({"model": "via-openal"}, anthropic.NotFoundError, "not_found_error", "did you mean 'via-openai'?"),
    ({"messages": []}, anthropic.BadRequestError, "invalid_request_error", "messages"),
    ({"max_tokens": 0}, anthropic.BadRequestError, "invalid_request_error", "max_tokens must be at least 1"),
    ({"extra_body": {"size": "2x"}}, anthropic.BadRequestError, "invalid_request_error", "2x"),
    (
        {"messages": [{"role": "user", "content": "sandbox:refuse"}]},
        anthropic.BadRequestError,
        "invalid_request_error",
        "refused",
    ),
]


@pytest.mark.parametrize(("fields", "error", "kind", "word"), BAD)
@pytest.mark.parametrize("stream", [False, True])
def test_errors(
    house: House, fields: dict[str, Any], error: type[anthropic.APIStatusError], kind: str, word: str, stream: bool
) -> None:
    with client_of(house) as client, pytest.raises(error) as caught:
        client.messages.create(
            **{"model": "via-anthropic", "max_tokens": 9, "messages": FOX, "stream": stream, **fields}
        )
    body: Any = caught.value.body
    assert (body["type"], body["error"]["type"]) == ("error", kind)
    assert word in body["error"]["message"]
    assert (caught.value.request_id or "").startswith("req_")


def test_a_wrong_key(house: House) -> None:
    with client_of(house, api_key="sk-koci_wrong") as client, pytest.raises(anthropic.AuthenticationError):
        client.messages.create(model="via-openai", max_tokens=9, messages=FOX)


def test_no_such_model(house: House) -> None:
    with client_of(house) as client, pytest.raises(anthropic.NotFoundError, match="did you mean 'via-openai'"):
        client.models.retrieve("via-openal")


FAULTS: list[tuple[str, type[anthropic.APIStatusError], int]] = [
    ("refuse", anthropic.BadRequestError, 400),
    ("limit=30", anthropic.RateLimitError, 429),
    ("quota", anthropic.ServiceUnavailableError, 503),
    ("overloaded", anthropic.InternalServerError, 502),
    ("error=504", anthropic.GatewayTimeoutError, 504),
    ("empty", anthropic.InternalServerError, 502),
    ("empty=4", anthropic.InternalServerError, 502),
    ("garbage", anthropic.InternalServerError, 502),
    ("truncated-json", anthropic.InternalServerError, 502),
    ("not-image", anthropic.InternalServerError, 502),
    ("cut", anthropic.InternalServerError, 502),
    ("cut-before", anthropic.InternalServerError, 502),
]


@pytest.mark.parametrize(("fault", "error", "status"), FAULTS, ids=[row[0] for row in FAULTS])
def test_a_vendor_in_trouble(lonely: House, fault: str, error: type[anthropic.APIStatusError], status: int) -> None:
    turns: Any = [{"role": "user", "content": f"sandbox:{fault}"}]
    with client_of(lonely) as client, pytest.raises(error) as caught:
        client.messages.create(model="via-anthropic", max_tokens=9, messages=turns)
    assert caught.value.status_code == status
    assert "127.0.0.1" not in caught.value.response.text
    if fault == "limit=30":
        assert 25 <= int(caught.value.response.headers["retry-after"]) <= 30


@pytest.fixture
def lonely(vendor: Any, tmp_path: Any) -> Any:
    """A proxy of one test's own: its vendor keys may come to rest."""
    from .conftest import ROUTES
    from .processes import proxy

    with proxy(tmp_path, vendor, ROUTES) as running:
        yield running
