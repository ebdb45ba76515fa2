"""`Prefer: respond-async` at every door for pictures: a job now, the picture later; what is wrong is said at once."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from .film_doors import get
from .jobs import SECONDS, auth, end, orders, story
from .pictures import png, seen
from .processes import House, Sandbox, proxy

pytestmark = pytest.mark.sockets

ROUTES = """
platforms:
  {openai: openai, google: gemini, anthropic: anthropic, linkai: linkai, ark: ark, api: koci, koukoutu: koukoutu}
models:
  picture: {to: sandbox-openai/gpt-image-2}
  exact: {size_policy: exact, to: sandbox-openai/gpt-image-2}
  strict: {strict: true, to: sandbox-openai/gpt-image-2}
  cutout: {to: sandbox-koukoutu-async/background-removal}
"""
PICTURE = png(640, 640)
LATER = {"prefer": "respond-async"}


@dataclass(frozen=True, slots=True)
class Door:
    """How a picture is asked for at a door, what makes a wrong request of it, and how its error begins where its SDKs
    look for the field at fault."""

    path: str
    body: dict[str, Any]
    wrong: dict[str, Any]
    blames: str
    files: Mapping[str, bytes] | None = None
    told: str = "error.param"

    def post(self, house: House, change: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        body = self.body | (change or {})
        url, sent = f"{house.url}{self.path.format(**body)}", auth(house, **headers)
        if self.files:
            return httpx.post(url, data=body, files=self.files, headers=sent, timeout=SECONDS)
        return httpx.post(url, json=body, headers=sent, timeout=SECONDS)

    def blamed(self, answer: Any) -> Any:
        """The field at fault, where this door's SDKs look for it."""
        for step in self.told.split("."):
            answer = answer[int(step)] if step.isdecimal() else answer[step]
        return answer


PLAIN = {"model": "picture", "prompt": "a fox"}
TALK = {"conversation_id": "your-conversation-id"}
GEMINI = {"contents": [{"parts": [{"text": "a fox"}]}], "model": "picture"}
VIOLATION = "error.details.1.fieldViolations.0.field"
WRONG_RATIO = {"generationConfig": {"imageConfig": {"aspectRatio": "16x9"}}}
DOORS = {
    "openai generations": Door("/openai/v1/images/generations", PLAIN, {"n": 0}, "n"),
    "openai stream": Door("/openai/v1/images/generations", PLAIN | {"stream": True}, {"n": 0}, "n"),
    "openai base64": Door("/openai/v1/images/generations", PLAIN | {"response_format": "b64_json"}, {"n": 0}, "n"),
    "openai edits": Door("/openai/v1/images/edits", PLAIN, {"size": "1x"}, "size", {"image": PICTURE}),
    "openai chat": Door(
        "/openai/v1/chat/completions",
        {"model": "picture", "messages": [{"role": "user", "content": "a fox"}]},
        {"messages": []},
        "messages",
    ),
    "gemini": Door("/google/v1beta/models/{model}:generateContent", GEMINI, WRONG_RATIO, "", told=VIOLATION),
    "gemini stream": Door(
        "/google/v1beta/models/{model}:streamGenerateContent?alt=sse", GEMINI, WRONG_RATIO, "", told=VIOLATION
    ),
    "anthropic": Door(
        "/anthropic/v1/messages",
        {"model": "picture", "max_tokens": 9, "messages": [{"role": "user", "content": "a fox"}]},
        {"size": "1x"},
        "invalid_request_error",
        told="error.type",
    ),
    "linkai": Door(
        "/linkai/v1/images/generations", PLAIN | {"size": "1K"}, {"size": "1x"}, "invalid", told="error.type"
    ),
    "ark": Door("/ark/api/v3/images/generations", PLAIN, {"size": "1x"}, "size"),
    "koci": Door("/api/generate/", PLAIN | TALK, {"size": "1x"}, "size", told="error.field"),
    "koci img2img": Door(
        "/api/generate/img2img", PLAIN | TALK, {"size": "1x"}, "size", {"image": PICTURE}, told="error.field"
    ),
    "koukoutu": Door(
        "/koukoutu/sync/v1/create",
        {"model_key": "picture", "prompt": "a fox", "image_base64": base64.b64encode(PICTURE).decode()},
        {"image_base64": "x"},
        "422",
        told="code",
    ),
}


@pytest.fixture(scope="module")
def later(vendor: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with proxy(tmp_path_factory.mktemp("later"), vendor, ROUTES) as running:
        yield running


@pytest.mark.parametrize("name", DOORS)
def test_a_picture_for_later(later: House, name: str) -> None:
    door = DOORS[name]
    later.sandbox.forget()
    answer = door.post(later, None, **LATER)
    job = answer.json()
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert answer.headers["preference-applied"] == "respond-async"
    assert answer.headers["x-request-id"] == job["id"]
    assert (job["object"], job["status"], job["result"], job["error"]) == ("job", "queued", None, None)
    told = story(later, job["id"])
    assert [event.name for event in told][:: len(told) - 1] == ["queued", "succeeded"]
    ended = told[-1].data["job"]
    assert ended == get(later, answer.headers["location"]).json()
    (made,) = ended["result"]["data"]
    kind, pixels = seen(httpx.get(made["url"]).content)
    assert (kind, pixels) == ("PNG", (made["width"], made["height"]))
    assert later.sandbox.calls()["orders"] == {"openai": 1}


@pytest.mark.parametrize("name", DOORS)
def test_what_is_wrong_is_said_at_once(later: House, name: str) -> None:
    """As a call that is waited for says it, word for word; no vendor is asked, and there is no job."""
    door = DOORS[name]
    before = orders(later.sandbox), get(later, "/v1/jobs?limit=1").json()
    answer, waited = door.post(later, door.wrong, **LATER), door.post(later, door.wrong)
    assert (answer.status_code, answer.json()) == (waited.status_code, waited.json())
    assert answer.status_code == (422 if name == "koukoutu" else 400)
    assert str(door.blamed(answer.json())).startswith(door.blames)
    assert "preference-applied" not in answer.headers
    model = "model_key" if "model_key" in door.body else "model"
    assert door.post(later, {model: "pictures"}, **LATER).status_code == 404
    assert (orders(later.sandbox), get(later, "/v1/jobs?limit=1").json()) == before


@pytest.mark.parametrize(
    ("model", "more", "param"),
    [
        ("exact", {"size": "1000x1000"}, "size"),
        ("strict", {"size": "1000x1001"}, "size"),
        ("picture", {"prompt": "x" * 40_000}, "prompt"),
        ("cutout", {}, "model"),
    ],
)
def test_what_only_the_plan_can_tell_is_said_at_once_too(
    later: House, model: str, more: dict[str, Any], param: str
) -> None:
    door, before = DOORS["openai generations"], orders(later.sandbox)
    change = {"model": model, **more}
    answer, waited = door.post(later, change, **LATER), door.post(later, change)
    assert waited.status_code == 400
    assert (answer.status_code, answer.json()) == (400, waited.json())
    assert answer.json()["error"]["param"] == param
    assert orders(later.sandbox) == before


@pytest.mark.parametrize("picture", ["data:image/png;base64,AAAA", "http://10.0.0.1/fox.png"])
def test_a_picture_that_is_none_is_said_at_once_too(later: House, picture: str) -> None:
    door, before = DOORS["openai generations"], orders(later.sandbox)
    change = {"images": [{"image_url": picture}]}
    answer, waited = door.post(later, change, **LATER), door.post(later, change)
    assert (answer.status_code, answer.json()) == (waited.status_code, waited.json())
    assert answer.status_code == 400
    assert orders(later.sandbox) == before


def test_a_task_vendor_is_as_good(later: House) -> None:
    answer = DOORS["openai edits"].post(later, {"model": "cutout"}, **LATER)
    assert answer.status_code == 202, answer.text
    (made,) = end(later, answer.json()["id"])["result"]["data"]
    assert seen(httpx.get(made["url"]).content) == ("PNG", (640, 640))


def test_other_preferences_change_nothing(later: House) -> None:
    door = DOORS["openai generations"]
    assert door.post(later, prefer="return=minimal").status_code == 200
    both = door.post(later, prefer="return=minimal, Respond-Async; wait=5")
    assert (both.status_code, both.headers["preference-applied"]) == (202, "respond-async")
    assert end(later, both.json()["id"])["status"] == "succeeded"


def test_who_comes_again_without_patience_joins(later: House) -> None:
    """The same name: first for later, then waited for, then for later again when it is there."""
    later.sandbox.forget()
    door, name = DOORS["openai generations"], {"idempotency_key": "for-later-and-now"}
    first = door.post(later, {"prompt": "a fox sandbox:slow=1"}, **name, **LATER)
    waited = door.post(later, {"prompt": "a fox sandbox:slow=1"}, **name)
    again = door.post(later, {"prompt": "a fox sandbox:slow=1"}, **name, **LATER)
    assert (first.status_code, waited.status_code, again.status_code) == (202, 200, 202)
    assert first.json()["id"] == waited.headers["x-request-id"] == again.json()["id"]
    assert again.json()["status"] == "succeeded"
    assert again.json()["result"]["data"][0]["url"] == waited.json()["data"][0]["url"]
    assert later.sandbox.calls()["orders"] == {"openai": 1}


def test_a_refusal_by_the_vendor_is_the_jobs_end(later: House) -> None:
    for word, status, kind in (("refuse", "refused", "refused"), ("error=400", "failed", "bad_request")):
        job = DOORS["gemini"].post(later, {"contents": [{"parts": [{"text": f"sandbox:{word}"}]}]}, **LATER).json()
        ended = end(later, job["id"])
        assert (ended["status"], ended["error"]["type"], ended["result"]) == (status, kind, None)
