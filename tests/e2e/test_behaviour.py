"""What official SDKs make of the house's faults: the class they raise, its words, and how often they ask again.

The SDKs repeat 408, 409, 429 and 5xx by themselves, which may be paid for twice; `x-should-retry` tells OpenAI's and
Anthropic's whether to. google-genai looks at neither and asks once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anthropic
import httpx
import httpx2
import openai
import pytest
from google import genai
from google.genai import errors, types

from koci_proxy.faults import Fault
from koci_proxy.plugins import load
from koci_proxy.types import Job

from .processes import House, Sandbox, proxy

pytestmark = pytest.mark.sockets

DIALECTS = load([Path(__file__).parents[2] / "plugins"], []).dialects
ROUTES = """
platforms: {openai: openai, google: gemini, anthropic: anthropic}
models:
  picture: {to: sandbox-openai/gpt-image-2}
  slow: {to: slow/gpt-image-2}
  linkai: {to: sandbox-linkai/gpt-image-2}
retry: {tries: 1}
limits: {body_mb: 0.01}
"""
CALM = ROUTES.replace("  slow: {to: slow/gpt-image-2}\n", "")
SLOW = """
dialect: openai
url: sandbox:/openai/v1
sandbox: true
timeout: 1
models: {gpt-image-2: gpt-image-2}
"""


@dataclass(slots=True)
class Ears:
    """An HTTP client for an SDK that counts what is sent and keeps the headers of each answer."""

    answers: list[httpx2.Headers] = field(default_factory=list)

    def client(self) -> httpx2.Client:
        return httpx2.Client(event_hooks={"response": [self.heard]}, timeout=30)

    def heard(self, answer: httpx2.Response) -> None:
        self.answers.append(answer.headers)


def by_openai(house: House, http: httpx2.Client, key: str, model: str, prompt: str, tries: int = 2) -> Any:
    client = openai.OpenAI(base_url=f"{house.url}/openai/v1", api_key=key, http_client=http, max_retries=tries)
    with pytest.raises(openai.APIStatusError) as caught:
        client.images.generate(model=model, prompt=prompt)
    return caught.value


def by_anthropic(house: House, http: httpx2.Client, key: str, model: str, prompt: str, tries: int = 2) -> Any:
    with (
        anthropic.Anthropic(
            base_url=f"{house.url}/anthropic", api_key=key, http_client=http, max_retries=tries
        ) as client,
        pytest.raises(anthropic.APIStatusError) as caught,
    ):
        client.messages.create(model=model, max_tokens=1, messages=[{"role": "user", "content": prompt}])
    return caught.value


def by_genai(house: House, http: httpx2.Client, key: str, model: str, prompt: str, tries: int = 2) -> Any:
    options = types.HttpOptions(base_url=f"{house.url}/google", httpx_client=http)
    with genai.Client(api_key=key, http_options=options) as client:
        with pytest.raises(errors.APIError) as caught:
            client.models.generate_content(model=model, contents=prompt)
        return caught.value


SDKS = {"openai": by_openai, "anthropic": by_anthropic, "google": by_genai}


@dataclass(frozen=True, slots=True)
class Row:
    """A fault: how it comes about, its status, each SDK's class for it, Google's name for it, and what goes out."""

    name: str
    status: int
    openai: str
    anthropic: str
    google: str
    words: str
    prompt: str = "a fox"
    model: str = "picture"
    key: str | None = None
    requests: int = 1


ROWS = [
    Row("bad_request", 400, "BadRequestError", "BadRequestError", "INVALID_ARGUMENT", "", " "),
    Row(
        "unauthorized",
        401,
        "AuthenticationError",
        "AuthenticationError",
        "UNAUTHENTICATED",
        "not known here",
        key="sk-koci_wrong",
    ),
    Row("not_found", 404, "NotFoundError", "NotFoundError", "NOT_FOUND", "did you mean 'picture'", model="pictures"),
    Row("refused", 400, "BadRequestError", "BadRequestError", "INVALID_ARGUMENT", "content rules", "sandbox:refuse"),
    Row(
        "key_busy", 429, "RateLimitError", "RateLimitError", "RESOURCE_EXHAUSTED", "busy", "sandbox:limit=1", requests=3
    ),
    Row("a long wait", 429, "RateLimitError", "RateLimitError", "RESOURCE_EXHAUSTED", "busy", "sandbox:limit=3600"),
    Row("down", 502, "InternalServerError", "InternalServerError", "UNAVAILABLE", "", "sandbox:error=500", requests=3),
    Row(
        "unserved",
        503,
        "InternalServerError",
        "ServiceUnavailableError",
        "UNAVAILABLE",
        "",
        "sandbox:error=404",
        requests=3,
    ),
    Row("cut off", 502, "InternalServerError", "InternalServerError", "UNAVAILABLE", "closed", "sandbox:cut-before"),
    Row(
        "empty", 502, "InternalServerError", "InternalServerError", "UNAVAILABLE", "without a picture", "sandbox:empty"
    ),
    Row(
        "garbled",
        502,
        "InternalServerError",
        "InternalServerError",
        "UNAVAILABLE",
        "could not be read",
        "sandbox:garbage",
    ),
    Row("slow", 504, "InternalServerError", "GatewayTimeoutError", "DEADLINE_EXCEEDED", "1 s", "sandbox:hang", "slow"),
    Row("too_large", 413, "APIStatusError", "ContentTooLargeError", "INVALID_ARGUMENT", "larger", "x" * 20_000),
]


@pytest.fixture
def troubled(vendor: Sandbox, tmp_path: Path) -> Iterator[House]:
    """A proxy of one test's own, for its vendor keys may come to rest."""
    (tmp_path / "providers").mkdir()
    (tmp_path / "providers" / "slow.yaml").write_text(SLOW, encoding="utf-8")
    with proxy(tmp_path, vendor, ROUTES) as running:
        yield running


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_a_fault_by_every_sdk(troubled: House, row: Row) -> None:
    for sdk, ask in SDKS.items():
        ears = Ears()
        with ears.client() as http:
            raised = ask(troubled, http, row.key or troubled.key, row.model, row.prompt)
        if sdk == "google":
            kind = "ClientError" if row.status < 500 else "ServerError"
            assert (type(raised).__name__, raised.code, raised.status) == (kind, row.status, row.google)
            assert len(ears.answers) == 1
        else:
            assert (type(raised).__name__, raised.status_code) == (getattr(row, sdk), row.status)
            assert raised.request_id.startswith("req_")
            assert len(ears.answers) == row.requests
        assert row.words in raised.message
        assert {answer["x-should-retry"] for answer in ears.answers} == {"true" if row.requests > 1 else "false"}
        if "limit=" in row.prompt:
            most = int(row.prompt.partition("=")[2])
            assert all(0 < int(answer["retry-after"]) <= most for answer in ears.answers)


def test_the_houses_own_limit_tells_when_to_come_back(vendor: Sandbox, tmp_path: Path) -> None:
    with proxy(tmp_path, vendor, CALM.replace("body_mb: 0.01", "per_minute: 1")) as house:
        for sdk, ask in SDKS.items():
            ears = Ears()
            with ears.client() as http:
                body = {"model": "picture", "prompt": "bench:small"}
                url, headers = f"{house.url}/openai/v1/images/generations", {"authorization": f"Bearer {house.key}"}
                http.post(url, json=body, headers=headers)
                raised = ask(house, http, house.key, "picture", "a fox", tries=0)
            assert type(raised).__name__ == ("ClientError" if sdk == "google" else "RateLimitError")
            assert "1 requests of this key a minute" in raised.message
            assert 0 < int(ears.answers[-1]["retry-after"]) <= 60
            assert ears.answers[-1]["x-should-retry"] == "true"


def test_a_conflict_that_is_a_refusal_reaches_the_vendor_once(troubled: House) -> None:
    """LinkAI says 409 when it refuses a picture, which the SDKs take for a conflict and repeat."""
    troubled.sandbox.forget()
    ears = Ears()
    with ears.client() as http:
        raised = by_openai(troubled, http, troubled.key, "linkai", "sandbox:refuse")
    assert (type(raised).__name__, raised.status_code, raised.code) == ("BadRequestError", 400, "moderation_blocked")
    assert troubled.sandbox.calls()["total"] == len(ears.answers) == 1


# --- streams --------------------------------------------------------------------------------------------------------


def stream_by_openai(http: httpx2.Client) -> list[Any]:
    client = openai.OpenAI(base_url="http://house/openai/v1", api_key="k", http_client=http)
    return list(client.images.generate(model="m", prompt="p", stream=True))


def stream_by_anthropic(http: httpx2.Client) -> list[Any]:
    client = anthropic.Anthropic(base_url="http://house/anthropic", api_key="k", http_client=http)
    return list(
        client.messages.create(model="m", max_tokens=1, messages=[{"role": "user", "content": "p"}], stream=True)
    )


def stream_by_genai(http: httpx2.Client) -> list[Any]:
    with genai.Client(
        api_key="k", http_options=types.HttpOptions(base_url="http://house/google", httpx_client=http)
    ) as client:
        return [chunk.candidates for chunk in client.models.generate_content_stream(model="m", contents="p")]


TURN = {"role": "user", "content": "a fox"}
STREAMS: dict[str, tuple[str, dict[str, Any], Callable[[httpx2.Client], list[Any]], type[Exception]]] = {
    "openai": ("openai/v1/images/generations", {"prompt": "a fox", "stream": True}, stream_by_openai, openai.APIError),
    "anthropic": (
        "anthropic/v1/messages",
        {"max_tokens": 1, "messages": [TURN], "stream": True},
        stream_by_anthropic,
        anthropic.APIStatusError,
    ),
    "gemini": (
        "google/v1/models/picture:streamGenerateContent?alt=sse",
        {"contents": [{"parts": [{"text": "a fox"}]}]},
        stream_by_genai,
        errors.ServerError,
    ),
}


@pytest.fixture(scope="module")
def calm(vendor: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with proxy(tmp_path_factory.mktemp("calm"), vendor, CALM) as running:
        yield running


def told(house: House, dialect: str) -> list[bytes]:
    """The events of a stream of the house, as they came."""
    path, body, _, _ = STREAMS[dialect]
    body = body if dialect == "gemini" else {"model": "picture", **body}
    answer = httpx.post(f"{house.url}/{path}", json=body, headers={"authorization": f"Bearer {house.key}"}, timeout=30)
    assert answer.headers["content-type"].startswith("text/event-stream")
    return [event + b"\n\n" for event in answer.content.split(b"\n\n") if event]


def played(content: bytes) -> httpx2.Client:
    """An HTTP client that gets a stream instead of a proxy's answer."""
    headers = {"content-type": "text/event-stream; charset=utf-8"}
    return httpx2.Client(
        transport=httpx2.MockTransport(lambda _: httpx2.Response(200, headers=headers, content=content))
    )


@pytest.mark.parametrize("dialect", STREAMS)
def test_keep_alives_do_not_disturb_a_reader(calm: House, dialect: str) -> None:
    events = told(calm, dialect)
    alive = DIALECTS[dialect].KEEP_ALIVE
    with played(b"".join(events)) as plainly, played(alive + alive.join(events) + alive) as kept:
        undisturbed, disturbed = STREAMS[dialect][2](plainly), STREAMS[dialect][2](kept)
    assert undisturbed
    assert disturbed == undisturbed


@pytest.mark.parametrize("dialect", STREAMS)
def test_a_fault_after_the_first_event_is_raised(calm: House, dialect: str) -> None:
    fault = Fault("down", "the upstream failed")
    frame = DIALECTS[dialect].fail_frame(fault, Job("m", "p", stream=True))
    head = f"event: {frame.event}\n" if frame.event else ""
    content = told(calm, dialect)[0] + f"{head}data: {json.dumps(frame.data)}\n\n".encode()
    with played(content) as http, pytest.raises(STREAMS[dialect][3], match="the upstream failed"):
        STREAMS[dialect][2](http)
