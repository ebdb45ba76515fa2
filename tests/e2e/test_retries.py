"""How often each release of an official SDK asks again, how long it waits in between, and what it raises.

First of a vendor that says nothing but a status, which shows what the SDK does by itself; then of the house, whose
`x-should-retry` decides. A release runs in one process, which sleeps through no wait but tells it.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from .processes import House, Sandbox, proxy
from .sdks import folders
from .test_behaviour import ROWS, Row

pytestmark = pytest.mark.sockets

LOCKS = {lock.stem: lock for lock in folders.LOCKS}
RELEASES = ("openai", "anthropic", "google", *LOCKS)  # a name alone is the newest
MODELS = {"openai": "gpt-image-2", "anthropic": "picture-1", "google": "gemini-3.1-flash-image"}

ONCE = (400, 401, 402, 403, 404, 406, 410, 413, 422, 425, 499)
THRICE = (408, 409, 429, 500, 501, 502, 503, 504, 524, 529)
WAITS = (7, 61, 121)  # seconds of Retry-After
# The longest Retry-After that is waited for; a longer one counts as none, but to OpenAI's from 2.54 on as a no.
LONGEST = {
    "openai-1.109.1": 60,
    "openai-2.54.0": 120,
    "openai": 120,
    "anthropic-0.75.0": 60,
    "anthropic-1.17.0": math.inf,
    "anthropic": math.inf,
}
ENDS_AT_LONGER = ("openai-2.54.0", "openai")
BACKOFF = 8.0  # seconds, the longest wait without a Retry-After

CLASSES = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    409: "ConflictError",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
}
BY_ANTHROPIC = {413: "RequestTooLargeError", 529: "OverloadedError"}
# Classes of its newest release, which its older ones have others for.
NEWEST = {
    402: "PaymentRequiredError",
    408: "RequestTimeoutError",
    413: "ContentTooLargeError",
    499: "ClientClosedRequestError",
    501: "HTTPNotImplementedError",
    503: "ServiceUnavailableError",
    504: "GatewayTimeoutError",
}

# Each fault has a provider of its own, for its keys may come to rest.
OWN = [replace(row, model=f"row{at}") if row.model in ("picture", "slow") else row for at, row in enumerate(ROWS)]
PROVIDER = """
dialect: openai
url: sandbox:/openai/v1
sandbox: true
timeout: SECONDS
models: {gpt-image-2: gpt-image-2}
"""
PROVIDERS = {
    row.model: PROVIDER.replace("SECONDS", "1" if "hang" in row.prompt else "60") for row in OWN if "row" in row.model
}
ROW_MODELS = "".join(f"  {name}: {{to: {name}/gpt-image-2}}\n" for name in PROVIDERS)
ROUTES = f"""
platforms: {{openai: openai, google: gemini, anthropic: anthropic}}
models:
  picture: {{to: sandbox-openai/gpt-image-2}}
{ROW_MODELS}
retry: {{tries: 1}}
limits: {{body_mb: 0.01}}
"""


@pytest.fixture(scope="module")
def troubled(vendor: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("troubled")
    (folder / "providers").mkdir()
    for name, text in PROVIDERS.items():
        (folder / "providers" / f"{name}.yaml").write_text(text, encoding="utf-8")
    with proxy(folder, vendor, ROUTES) as running:
        yield running


def asked(release: str, asks: list[list[str]]) -> list[Any]:
    """What each ask came to, by sdks/asks_again.py."""
    script, older = str(folders.HERE / "asks_again.py"), release in LOCKS
    # -S and -P: nothing of the tests' own packages and folders may stand in for what the SDK brings.
    command = [sys.executable, *(("-S", "-P") if older else ()), script, release.partition("-")[0]]
    foreign = ("PYTHON", "OPENAI_", "ANTHROPIC_", "GEMINI_", "GOOGLE_")
    plain = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    path = {"PYTHONPATH": str(folders.python(LOCKS[release]))} if older else {}
    done = subprocess.run(
        command, env=plain | path, input=json.dumps(asks), capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    told: list[Any] = json.loads(done.stdout)
    return told


def named(release: str, status: int) -> str:
    """The class that a release has for a status."""
    sdk = release.partition("-")[0]
    if sdk == "google":
        return "ClientError" if status < 500 else "ServerError"
    classes = CLASSES | (BY_ANTHROPIC if sdk == "anthropic" else {}) | (NEWEST if release == "anthropic" else {})
    return classes.get(status, "InternalServerError" if status >= 500 else "APIStatusError")


def waited(release: str, wait: float, header: str | None) -> bool:
    """Whether a wait is what an answer with that Retry-After leads to."""
    if header is None or float(header) > LONGEST[release]:
        return 0 < wait <= BACKOFF
    return wait == float(header)


@pytest.mark.parametrize("release", RELEASES)
def test_a_release_asks_again(vendor: Sandbox, troubled: House, release: str) -> None:
    sdk = release.partition("-")[0]
    prompts = [f"sandbox:error={status}" for status in (*ONCE, *THRICE)] + [f"sandbox:limit={wait}" for wait in WAITS]
    bare = [[vendor.url, "sk-retries", MODELS[sdk], prompt] for prompt in prompts]
    housed = [[troubled.url, row.key or troubled.key, row.model, row.prompt] for row in OWN]
    told = asked(release, bare + housed)
    by_status = dict(zip((*ONCE, *THRICE), told, strict=False))
    by_wait = dict(zip(WAITS, told[len(by_status) :], strict=False))
    for status, came in by_status.items():
        assert (came["class"], came["status"]) == (named(release, status), status)
        requests = 3 if status in THRICE and sdk != "google" else 1
        assert (status, len(came["answers"]), len(came["waits"])) == (status, requests, requests - 1)
        assert all(waited(release, wait, None) for wait in came["waits"])
    for seconds, came in by_wait.items():
        is_over = sdk == "google" or (release in ENDS_AT_LONGER and seconds > LONGEST[release])
        assert (seconds, len(came["answers"])) == (seconds, 1 if is_over else 3)
        assert all(waited(release, wait, str(seconds)) for wait in came["waits"])
    for row, came in zip(ROWS, told[len(bare) :], strict=True):
        of_the_house(release, row, came)


def of_the_house(release: str, row: Row, came: Any) -> None:
    """Fails unless a fault of the house came as its row says."""
    sdk, answers = release.partition("-")[0], came["answers"]
    assert (row.name, came["class"], came["status"]) == (row.name, named(release, row.status), row.status)
    assert row.words in came["words"]
    assert {answer["x-should-retry"] for answer in answers} == {"true" if row.requests > 1 else "false"}
    assert (row.name, len(answers)) == (row.name, 1 if sdk == "google" else row.requests)
    if sdk == "google":
        assert came["name"] == row.google
    for wait, answer in zip(came["waits"], answers, strict=False):
        assert waited(release, wait, answer.get("retry-after"))
