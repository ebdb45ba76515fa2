"""Twelve facts of OpenAI's, Anthropic's and LinkAI's wires that decide how a proxy is built: a test for each.

A test has the number of its row.
"""

from __future__ import annotations

import re
from importlib.metadata import requires

import httpx
import openai
import pytest

from koci_proxy import address, sizes
from koci_proxy.faults import KINDS, Fault, Stage
from koci_proxy.types import Job, Media, Result
from koci_proxy.wire import Json, Reply
from tests.dialects.wires import DOORS, ROOT, VENDORS, asked, captured, plain, post
from tests.e2e.processes import House
from tests.e2e.replays import Request, recorded

from .rows import all_told
from .shipped import HOUSE, card, target

GENERATE, EDIT = "images/generations", "images/edits"
LINK = "https://cdn.example/a.png"
REFUSED_BY_LINKAI = Reply(409, {}, Json({"error": {"message": "审核未通过", "type": "invalid_request_error"}}))


def headers(request: Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers}


def sdk(house: House) -> openai.OpenAI:
    """OpenAI's client as it comes: it tries three times."""
    return openai.OpenAI(base_url=f"{house.url}/openai/v1", api_key=house.key)


def fault(dialect: str, reply: Reply) -> Fault:
    """What a vendor's answer means."""
    with pytest.raises(Fault) as caught:
        VENDORS[dialect].decode(reply, Job("m", "a fox"), target("linkai/gpt-image-2"))
    return caught.value


@pytest.mark.parametrize("release", ["python-2.11.0-seed_base_with_v1", "python-1.17.0-seed_base_with_v1"])
def test_fact_01_anthropics_clients_double_the_version(release: str) -> None:
    """With a base URL that ends in /v1 the client asks for /anthropic/v1/v1/messages; it is the same path here."""
    [request] = recorded(f"anthropic/anthropic-{release}")
    assert request.target == "/anthropic/v1/v1/messages"
    assert address.split(request.target, HOUSE.platforms) == ("anthropic", "messages")


def test_fact_02_the_key_stands_in_two_headers_and_the_version_is_any() -> None:
    """Newer clients send Bearer and a version of 2026, older ones X-Api-Key and one of 2023: both are taken."""
    new, old = (
        headers(recorded(f"anthropic/anthropic-python-{each}-base_without_v1")[0]) for each in ("2.11.0", "1.17.0")
    )
    assert ("authorization" in new, "x-api-key" in new) == (True, False)
    assert ("authorization" in old, "x-api-key" in old) == (False, True)
    assert new["anthropic-version"] != old["anthropic-version"]
    assert address.take_key(new, {}) == address.take_key(old, {}) == "sk-koci_test_key"


@pytest.mark.parametrize("stage", ["sent", "accepted"])
@pytest.mark.parametrize("door", DOORS)
def test_fact_03_clients_ask_three_times_unless_they_are_forbidden(door: str, stage: Stage) -> None:
    """One call of a program can be paid for three times: what may have cost money says `x-should-retry: false`."""
    for kind in KINDS:
        assert DOORS[door].fail(Fault(kind, "no", stage=stage)).headers["x-should-retry"] == "false", kind
    assert DOORS[door].fail(Fault("key_busy", "no")).headers["x-should-retry"] == "true"


def test_fact_04_a_linkai_refusal_is_409_and_would_be_sent_again() -> None:
    """Passed on as it is, every client would send the refused prompt twice more: it is a 400 that forbids that."""
    refusal = fault("linkai", REFUSED_BY_LINKAI)
    answer = DOORS["openai"].fail(refusal)
    assert (answer.status, answer.headers["x-should-retry"]) == (400, "false")
    assert plain(answer.body)["error"]["code"] == "moderation_blocked"
    own = DOORS["linkai"].fail(refusal)
    assert (own.status, own.headers["x-should-retry"]) == (409, "false")


@pytest.mark.sockets
def test_fact_04_a_refused_prompt_reaches_the_vendor_once(house: House) -> None:
    """The official client, with its retries on, asks once only."""
    before = house.sandbox.calls()["total"]
    with sdk(house) as client, pytest.raises(openai.BadRequestError):
        client.images.generate(model="via-linkai", prompt="sandbox:refuse")
    assert house.sandbox.calls()["total"] == before + 1


@pytest.mark.parametrize(
    ("dialect", "name"),
    [
        ("openai", "openai/openai-node-7.55.0-generate_stream"),
        ("anthropic", "anthropic/anthropic-python-2.11.0-stream_raw"),
        ("ark", "ark/ark-py-5.0.54-stream"),
    ],
)
def test_fact_05_no_header_asks_for_a_stream(dialect: str, name: str) -> None:
    """`Accept` is application/json all the same: the body's field alone tells."""
    assert recorded(name)[0].header("accept") == "application/json"
    if dialect != "ark":  # whose recorded path has no platform before it
        assert asked(dialect, captured(name)[0]).stream


@pytest.mark.sockets
@pytest.mark.parametrize("model", ["via-openai", "via-linkai", "via-gemini"])
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_fact_06_a_stream_that_is_answered_with_json_is_empty_without_an_error(
    house: House, model: str, stream: bool
) -> None:
    """So a stream is answered with a stream, also where the vendor knows none, and nothing else is."""
    body = {"model": model, "prompt": "a fox", "stream": stream}
    auth = {"authorization": f"Bearer {house.key}"}
    answer = httpx.post(f"{house.url}/openai/v1/{GENERATE}", json=body, headers=auth, timeout=30)
    kind = answer.headers["content-type"].partition(";")[0]
    assert kind == ("text/event-stream" if stream else "application/json")


@pytest.mark.parametrize(
    ("name", "count", "mask"),
    [
        ("openai/openai-python-3.52.0-images_edit_list_of_one", 1, False),
        ("openai/openai-python-3.52.0-images_edit_list_of_two_mask", 2, True),
        ("openai/openai-python-3.52.0-images_edit_one_bytes", 1, False),
        ("openai/openai-node-7.55.0-edit_stream_file", 1, False),
        ("openai/openai-node-6.49.0-edit_array_mask", 2, True),
        ("openai/plain-requests_edits_aioagi_script", 2, False),
    ],
)
def test_fact_07_one_picture_is_image_and_a_list_is_image_with_brackets(name: str, count: int, mask: bool) -> None:
    """And the parts' types lie: they are application/octet-stream, or none; the bytes are looked at."""
    job = asked("openai", captured(name)[0])
    assert (len(job.inputs), job.mask is not None) == (count, mask)
    assert {media.mime for media in job.inputs} <= {"image/png", "image/jpeg", "image/webp"}


def test_fact_08_gpt_image_models_never_answer_with_a_link() -> None:
    """They refuse `response_format`, so it is not sent, and an app that does not say gets a link of this house."""
    job = asked("openai", post(GENERATE, {"model": "image-2", "prompt": "a fox", "response_format": "url"}))
    assert job.deliver == "url"
    assert "response_format" not in plain(VENDORS["openai"].encode(job, target("openai/gpt-image-2")).body)


@pytest.mark.parametrize(
    ("size", "sent"),
    [("1024x576", None), ("1920x1080", None), ("4096x4096", None), ("512x512", None), ("1792x1024", (1792, 1024))],
)
def test_fact_09_common_sizes_are_none_of_gpt_image_2(size: str, sent: tuple[int, int] | None) -> None:
    """Too few pixels, an edge that is no multiple of 16, too many: the nearest that is one is sent, and noted."""
    rules = card("openai/gpt-image-2").size
    resolved = sizes.resolve(sizes.parse(size), rules)
    assert resolved.size.pixels is not None
    assert sizes.fits(resolved.size.pixels, rules)
    assert (resolved.size.pixels == sent) is (not resolved.notes) is (sent is not None)


def test_fact_10_a_picture_block_of_an_answer_is_a_text_block_without_text_in_python() -> None:
    """So what programs read, the first block's text, is a text with the link; the picture's block comes behind it."""
    body = plain(DOORS["anthropic"].render(Result((Media(url=LINK),)), Job("m", "a fox", deliver="url")).body)
    text, image = body["content"]
    assert (text["type"], text["text"]) == ("text", f"![image]({LINK})")
    assert (image["type"], image["source"]["url"]) == ("image", LINK)


def test_fact_11_models_and_paths_that_openai_has_retired() -> None:
    """gpt-image-1 is another name for a model that there is; variations are gone and say what to use."""
    assert HOUSE.aliases["gpt-image-1"] in HOUSE.models
    with pytest.raises(Fault, match="images/edits") as caught:
        DOORS["openai"].parse(post("images/variations", {}))
    assert caught.value.status == 410


def test_fact_12_the_newest_clients_are_on_another_http_library() -> None:
    """What is put in httpx's place does not reach them: no test of an official client leans on such a stand-in."""
    for package in ("openai", "anthropic", "google-genai"):
        assert any(re.match(r"httpx2\b", each) for each in requires(package) or ())
    for path in (ROOT / "tests" / "e2e").rglob("*.py"):
        assert "httpx_mock" not in path.read_text("utf-8"), path


def test_all_facts() -> None:
    all_told(globals(), "fact", 12)
