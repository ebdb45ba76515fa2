"""What official SDKs make of the house's faults: the class they raise, its words, and how often they ask again.

The SDKs repeat 408, 409, 429 and 5xx by themselves, which may be paid for twice; `x-should-retry` tells OpenAI's and
Anthropic's whether to. google-genai looks at neither and asks once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from google import genai
from google.genai import errors, types

from .processes import House, Sandbox, proxy

pytestmark = pytest.mark.sockets

ROUTES = """
platforms: {openai: openai, google: gemini, anthropic: anthropic}
models:
  picture: {to: sandbox-openai/gpt-image-2}
  slow: {to: slow/gpt-image-2}
  linkai: {to: sandbox-linkai/gpt-image-2}
retry: {tries: 1}
limits: {body_mb: 0.01}
"""
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


def by_openai(house: House, http: httpx2.Client, key: str, model: str, prompt: str) -> Any:
    with openai.OpenAI(base_url=f"{house.url}/openai/v1", api_key=key, http_client=http) as client:
        with pytest.raises(openai.APIStatusError) as caught:
            client.images.generate(model=model, prompt=prompt)
    return caught.value


def by_anthropic(house: House, http: httpx2.Client, key: str, model: str, prompt: str) -> Any:
    with anthropic.Anthropic(base_url=f"{house.url}/anthropic", api_key=key, http_client=http) as client:
        with pytest.raises(anthropic.APIStatusError) as caught:
            client.messages.create(model=model, max_tokens=1, messages=[{"role": "user", "content": prompt}])
    return caught.value


def by_genai(house: House, http: httpx2.Client, key: str, model: str, prompt: str) -> Any:
    options = types.HttpOptions(base_url=f"{house.url}/google", httpx_client=http)
    client = genai.Client(api_key=key, http_options=options)
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
    Row("unauthorized", 401, "AuthenticationError", "AuthenticationError", "UNAUTHENTICATED", "", key="sk-koci_wrong"),
    Row("not_found", 404, "NotFoundError", "NotFoundError", "NOT_FOUND", "did you mean 'picture'", model="picture"),
    Row("refused", 400, "BadRequestError", "BadRequestError", "INVALID_ARGUMENT", "", "sandbox:refuse"),
    Row("key_busy", 429, "RateLimitError", "RateLimitError", "RESOURCE_EXHAUSTED", "", "sandbox:limit=1", requests=3),
    Row("unserved", 503, "InternalServerError", "ServiceUnavailableError", "UNAVAILABLE", "", "sandbox:quota"),
    Row("down", 502, "InternalServerError", "InternalServerError", "UNAVAILABLE", "", "sandbox:error=500", requests=3),
    Row("cut off", 502, "InternalServerError", "InternalServerError", "UNAVAILABLE", "", "sandbox:cut-before"),
    Row("empty", 502, "InternalServerError", "InternalServerError", "UNAVAILABLE", "", "sandbox:empty"),
    Row("garbled", 502, "InternalServerError", "InternalServerError", "UNAVAILABLE", "", "sandbox:garbage"),
    Row("slow", 504, "InternalServerError", "GatewayTimeoutError", "DEADLINE_EXCEEDED", "", "sandbox:hang", "slow"),
    Row("too_large", 413, "APIStatusError", "ContentTooLargeError", "INVALID_ARGUMENT", "", "x" * 20_000),
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
        raised = ask(troubled, ears.client(), row.key or troubled.key, row.model, row.prompt)
        print(sdk, type(raised).__name__, getattr(raised, "status", None), len(ears.answers), dict(ears.answers[-1]).get("x-should-retry"), ears.answers[-1].get("retry-after"), raised.message, repr(getattr(raised,'body',None))[:200])
