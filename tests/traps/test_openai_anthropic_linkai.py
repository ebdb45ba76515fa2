"""Traps of OpenAI's, Anthropic's, AIOAGI's and LinkAI's wires, and of the pages that describe them: a test for each.

Eighteen places where a page, followed to the letter, does not do what it says. A test has the number of its row.
"""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from typing import Any, cast

import httpx
import httpx2
import openai
import pytest

from koci_proxy import address, facts, sizes
from koci_proxy.app import intake
from koci_proxy.app.callers import Desk, Limited
from koci_proxy.faults import Fault
from koci_proxy.fit import fit, unfit
from koci_proxy.pace import Pace
from koci_proxy.state import Callers
from koci_proxy.types import Caller, Done, Job, JobState, Media, Result, Size, Status
from koci_proxy.wire import Json, Reply
from koci_proxy.words import retry_headers
from tests.dialects.wires import DOORS, VENDORS, asked, captured, plain, post
from tests.e2e.pictures import png, seen
from tests.e2e.processes import House
from tests.e2e.replays import Request, recorded, replay

from .rows import all_told
from .shipped import HOUSE, card, target

GENERATE, EDIT = "images/generations", "images/edits"
LINK = "https://cdn.example/a.png"


def sdk(house: House) -> openai.OpenAI:
    """OpenAI's client as it comes: it tries three times."""
    return openai.OpenAI(base_url=f"{house.url}/openai/v1", api_key=house.key)


def fault(dialect: str, reply: Reply) -> Fault:
    """What a vendor's answer means."""
    with pytest.raises(Fault) as caught:
        VENDORS[dialect].decode(reply, Job("m", "a fox"), target("linkai/gpt-image-2"))
    return caught.value


@pytest.mark.sockets
@pytest.mark.parametrize("base", ["anthropic", "anthropic/v1"])
def test_trap_01_the_base_url_of_the_page_doubles_the_version(house: House, base: str) -> None:
    """The page's base URL and the right one are answered alike."""
    body = {"model": "via-openai", "max_tokens": 9, "messages": [{"role": "user", "content": "a fox"}]}
    answer = httpx.post(f"{house.url}/{base}/v1/messages", json=body, headers={"x-api-key": house.key}, timeout=30)
    assert (answer.status_code, answer.json()["type"]) == (200, "message")


@pytest.mark.parametrize(("release", "version"), [("py-2.34.0", "v1beta"), ("py-3.4.0", "v1"), ("js-3.1.0", "v1")])
def test_trap_02_googles_base_url_doubles_the_version_too(release: str, version: str) -> None:
    """And the newest client has another version than the page: any run of versions is none."""
    [request, *_] = recorded(f"gemini/genai-{release}-seed-base-url")
    assert request.target.startswith(f"/google/v1beta/{version}/models/")
    found = address.split(request.target, HOUSE.platforms)
    assert found is not None
    assert re.fullmatch(r"models/[\w.-]+:generateContent", found[1])


@pytest.mark.parametrize("name", ["authorization", "x-api-key", "x-goog-api-key", "?key"])
def test_trap_03_a_fourth_way_to_send_a_key(name: str) -> None:
    """The page lists three and leaves out x-goog-api-key, which Google's client uses."""
    value = "sk-koci_a"
    given = {name: f"Bearer {value}" if name == "authorization" else value}
    assert address.take_key({} if name == "?key" else given, {"key": value} if name == "?key" else {}) == value


@pytest.mark.parametrize("release", ["3.52.0", "2.54.0", "1.109.1"])
def test_trap_04_a_key_in_the_base_url_destroys_the_path(release: str) -> None:
    """The path ends up in the query: that is a clear refusal, never another call. `default_query` is the right way."""
    [request] = recorded(f"openai/openai-python-{release}-base_query")
    path, _, query = request.target.partition("?")
    assert "images/generations" in query
    found = address.split(path, HOUSE.platforms)
    assert found == ("openai", "")
    with pytest.raises(Fault, match="images/generations") as caught:
        DOORS["openai"].schema(post("", {}))
    assert caught.value.kind == "not_found"
    assert address.take_key({}, {"key": "sk-koci_a"}) == "sk-koci_a"


@pytest.mark.sockets
def test_trap_05_the_pages_sample_prints_a_link_that_the_vendor_never_sends(house: House) -> None:
    """`data[0].url` is a link of this house to the picture that came as base64."""
    with sdk(house) as client:
        [made] = client.images.generate(model="via-openai", prompt="a fox", size="1024x1024").data or []
    assert made.url
    assert made.url.startswith(house.url)
    assert seen(httpx.get(made.url, timeout=30).content)[1] == (1024, 1024)


@pytest.mark.parametrize(("word", "sent"), [("hd", "high"), ("standard", "medium"), ("high", "high")])
@pytest.mark.parametrize("name", ["openai/gpt-image-2", "aioagi/gpt-image-2", "linkai/gpt-image-2"])
def test_trap_06_hd_and_standard_are_qualities_of_older_models(name: str, word: str, sent: str) -> None:
    """They are renamed to what the models of today take, and the app is told."""
    job = fit(Job("m", "a fox", quality=word), card(name))
    assert job.quality == sent
    assert [note.what for note in job.notes] == ([] if word == sent else ["renamed"])


@pytest.mark.parametrize("size", ["1792x1024", "1024x1792"])
def test_trap_07_two_sizes_that_only_newer_models_take(size: str) -> None:
    """They go to gpt-image-2 as they are, and to a card that does not make them as the nearest it makes, noted."""
    wanted = sizes.parse(size)
    assert sizes.resolve(wanted, card("openai/gpt-image-2").size) == sizes.Resolved(wanted)
    assert [note.what for note in sizes.resolve(wanted, card("linkai/gpt-image-2").size).notes] == ["bent"]


def test_trap_08_limits_of_the_page_are_those_of_retired_models() -> None:
    """4,000 characters and 4 MB of PNG or JPEG: at OpenAI's door 32,000 and 50 MB hold, and WebP is taken."""
    body = {"model": "m", "prompt": "a fox " * 5333 + "!!"}
    assert asked("openai", post(GENERATE, body)).prompt == body["prompt"]
    with pytest.raises(Fault, match="32000"):
        asked("openai", post(GENERATE, body | {"prompt": body["prompt"] + "!"}))
    for mime in ("image/png", "image/webp"):
        assert unfit(Media(url=LINK, mime=mime, size=40 << 20), card("openai/gpt-image-2"), "image") is None


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.anyio
async def test_trap_09_an_upload_without_a_length_is_measured_while_it_is_read() -> None:
    """Node's client sends a file in chunks and says nothing of its length: the limit holds all the same."""
    assert recorded("openai/openai-node-7.55.0-edit_stream_file")[0].header("transfer-encoding") == "chunked"
    read = 0

    async def receive() -> intake.Message:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": b" " * 1000, "more_body": True}

    with pytest.raises(Fault) as caught:
        await intake.read(receive, {"content-type": "application/json"}, cast(Any, None), 10_000)
    assert caught.value.kind == "too_large"
    assert read == 11


@pytest.mark.sockets
def test_trap_09_a_chunked_upload_is_taken_once(house: House) -> None:
    """The recorded request itself is answered with a picture."""
    [request] = recorded("openai/openai-node-7.55.0-edit_stream_file")
    content = (request.content or b"").replace(b"image-2-hd", b"via-openai").replace(b"gpt-image-2", b"via-openai")
    answer = replay(house, Request(request.method, request.target, request.headers, content))
    assert answer.status == 200, answer.content[:300]


@pytest.mark.sockets
def test_trap_10_a_relays_sample_sends_what_the_model_behind_it_refuses(house: House) -> None:
    """`background` and `input_fidelity` are left out and noted where the model must not be sent them; the relay, whose
    page lists both, gets them."""
    answers = {}
    for model, more in (
        ("via-openai", {}),
        ("via-openai", {"input_fidelity": "high"}),
        ("via-aioagi", {"input_fidelity": "high"}),
    ):
        form = {"model": model, "prompt": "blue", "background": "transparent", **more}
        auth = {"authorization": f"Bearer {house.key}"}
        files = {"image[]": ("a.png", png(), "image/png")}
        url = f"{house.url}/openai/v1/{EDIT}"
        answers[model, *more] = httpx.post(url, data=form, files=files, headers=auth, timeout=30)
    bare, faithful, relayed = answers.values()
    assert (bare.status_code, faithful.status_code, relayed.status_code) == (200, 200, 200)
    assert "background: left out" in bare.headers["x-koci-notes"]
    assert "input_fidelity: left out" in faithful.headers["x-koci-notes"]
    asked = house.sandbox.last()["form"]
    assert (asked["background"], asked["input_fidelity"]) == ("transparent", "high")


def test_trap_11_a_list_of_images_that_is_required_and_that_no_sample_sends() -> None:
    """The page's table has JSON `images`, its samples a form with `image[]`: both are the same pictures."""
    body = {"model": "m", "prompt": "blue", "images": [{"image_url": LINK}, {"image_url": LINK}]}
    assert asked("openai", post(EDIT, body)).inputs == (Media(url=LINK),) * 2
    assert len(asked("openai", captured("openai/plain-requests_edits_aioagi_script")[0]).inputs) == 2


@pytest.mark.parametrize(
    ("content", "form"),
    [(b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff\xe0", "jpeg"), (b"RIFF\0\0\0\0WEBPVP8 ", "webp")],
)
def test_trap_12_what_a_file_is_cannot_be_told_by_its_name(content: bytes, form: str) -> None:
    """Samples save as .webp or .png by guess: the answer says what the bytes are, whatever was asked for."""
    made = VENDORS["openai"].decode(
        Reply(200, {}, Json({"data": [{"b64_json": base64.b64encode(content).decode()}], "output_format": "png"})),
        Job("m", "a fox"),
        target("aioagi/gpt-image-2"),
    )
    assert (
        plain(DOORS["openai"].render(made, Job("m", "a fox", format="png", deliver="base64")).body)["output_format"]
        == form
    )


def test_trap_13_a_size_of_openais_client_can_be_any_text() -> None:
    """The page says pixels only; the client sends "2K" as it is, and the door takes it with a ratio."""
    body = {"model": "m", "prompt": "a fox", "size": "2K", "aspect_ratio": "16:9"}
    assert asked("openai", post(GENERATE, body)).size == Size("2K", "16:9")


@pytest.mark.parametrize(
    ("status", "kind", "shown"),
    [(401, "key_refused", 503), (402, "unserved", 503), (406, "key_spent", 503), (409, "refused", 400)],
)
def test_trap_14_linkais_statuses_collide_with_those_of_others(status: int, kind: str, shown: int) -> None:
    """Its 402 is a model we may not use, not an app without credit; its 406 is our account; its 409 a refusal."""
    body = {"error": {"message": "no", "type": "invalid_request_error"}}
    found = fault("linkai", Reply(status, {}, Json(body)))
    assert (found.kind, DOORS["openai"].fail(found).status) == (kind, shown)


def test_trap_15_a_program_that_prints_the_content_of_a_message() -> None:
    """In a stream too a text comes first, and a picture stands whole in the start of its block."""
    frames = DOORS["anthropic"].frame(Done(Result((Media(url=LINK),))), Job("m", "a fox", stream=True))
    begun = [plain(Json(each.data))["content_block"] for each in frames if each.event == "content_block_start"]
    assert [block["type"] for block in begun] == ["text", "image"]
    assert begun[1]["source"]["url"] == LINK
    deltas = [each.data["delta"]["type"] for each in frames if each.event == "content_block_delta"]
    assert deltas == ["text_delta"]


@pytest.mark.parametrize("end", ["succeeded", "partial", "refused", "failed", "cancelled", "expired"])
def test_trap_16_words_of_another_page_end_the_poll_of_openais_clients(end: Status) -> None:
    """`processing` and `complete` are KoCodeImg's: a client of OpenAI's waits for a film while it hears its own two."""
    wish = Job("m", "a fox", task="video", dialect="openai")
    states = [JobState("req_0123456789abcdef01234567", wish, status, 1.0) for status in ("queued", "running", end)]
    states[-1] = replace(states[-1], result=Result((Media(url=LINK),)) if end in ("succeeded", "partial") else None)
    left = iter(states)

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json=plain(DOORS["openai"].progress(next(left)).body))

    with httpx2.Client(transport=httpx2.MockTransport(answer)) as http:
        client = openai.OpenAI(base_url="http://house/openai/v1", api_key="sk-koci_a", http_client=http)
        with pytest.warns(DeprecationWarning, match="Sora"):
            film = client.videos.poll("video_0123456789abcdef01234567", poll_interval_ms=1)
    assert film.status == ("completed" if end in ("succeeded", "partial") else "failed")
    assert next(left, None) is None


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.anyio
async def test_trap_17_each_429_and_500_is_asked_twice_more() -> None:
    """A call that was turned away does not count against the limit, and says how long to wait; a 500 stays one."""
    desk, caller = Desk(cast(Callers, None), Pace()), Caller("1", "app")
    house, model = facts.House({}, {}, {}, {}, limits=facts.Limits(facts.Bounds(per_minute=1))), facts.Model("m", ())
    await desk.count(caller, house, model, 1)
    waits = []
    for _ in range(3):
        with pytest.raises(Limited) as caught:
            await desk.count(caller, house, model, 1)
        waits.append(int(retry_headers(caught.value.fault)["retry-after"]))
    assert waits == sorted(waits, reverse=True)
    assert 1 <= waits[-1] <= 60
    assert retry_headers(Fault("internal", "no"))["x-should-retry"] == "false"


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("refused", 400, "content_refused"),
        ("bad_request", 400, "invalid_request"),
        ("slow", 504, "upstream_timeout"),
        ("no_credit", 402, "insufficient_credits"),
        ("too_fast", 429, "rate_limit_exceeded"),
    ],
)
def test_trap_18_four_statuses_are_not_enough(kind: str, status: int, code: str) -> None:
    """KoCodeImg's page has 401, 402, 429 and 500: a refusal, a bad field and a slow vendor have words of their own."""
    answer = DOORS["koci"].fail(Fault(kind, "no"))
    assert (answer.status, plain(answer.body)["error"]["code"]) == (status, code)


def test_all_traps() -> None:
    all_told(globals(), "trap", 18)
