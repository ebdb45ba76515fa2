"""Places where KoCodeImg's page on its own API surprises: rows 13 to 19 of the table that is in
test_gemini_seedream_koukoutu.py. A test has the number of its row.
"""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from koci_proxy import address, sizes
from koci_proxy.faults import Fault
from koci_proxy.fit import refusal
from koci_proxy.state.conversations import Conversation
from koci_proxy.types import Done, Job, JobState, Media, Progress, Result, Size, Talk
from koci_proxy.wire import Call
from tests.dialects.wires import DOORS, VENDORS, asked, plain, post
from tests.e2e.processes import proxy, sandbox

from .shipped import HOUSE, card, target

LINK = "https://cdn.example/a.png"
FILM = {"model": "veo-3-1", "prompt": "a lake"}
ROUTES = """
platforms: {api: koci}
models: {film: {to: sandbox-gemini/veo-3.1}}
"""
WISH = Job("veo-3-1", "a lake", task="video", dialect="koci")
UNDER_WAY = JobState("req_0123456789abcdef01234567", WISH, "running", 1.0, progress=30)
DONE = JobState(UNDER_WAY.id, WISH, "succeeded", 1.0, result=Result((Media(url=LINK),)))


@pytest.mark.parametrize("path", ["/api/generate", "/api/generate/img2img", "/api/conversations"])
def test_trap_13_some_paths_end_in_a_slash_and_some_do_not(path: str) -> None:
    """Nothing is redirected: a POST would not follow. Either spelling is the path."""
    assert address.split(path, HOUSE.platforms) == address.split(path + "/", HOUSE.platforms)
    assert address.split(path, HOUSE.platforms) == ("api", path.removeprefix("/api/"))


def test_trap_14_a_conversation_is_required_and_how_one_is_made_is_not_said() -> None:
    """POST conversations/ makes one, without a body too; its id has both names; a request without one says so."""
    koci = DOORS["koci"]
    assert koci.schema(Call("POST", "conversations")) is None
    assert koci.parse(Call("POST", "conversations")) == Talk("make")
    said = plain(koci.talked(Talk("make"), [Conversation("c1", "", 0.0)]).body)
    assert said["id"] == said["conversation_id"] == "c1"
    with pytest.raises(Fault, match="POST conversations/"):
        koci.parse(post("generate", {"prompt": "a fox"}))


@pytest.mark.sockets
def test_trap_15_films_want_the_token_of_a_login_that_no_page_describes(tmp_path: Path) -> None:
    """There is no login here: a key begins a film in each place a key can stand, and what is no key is told so."""
    assert not [path for path in DOORS["koci"].PATHS if re.search("login|token|auth", path)]
    body = {"model": "film", "prompt": "a lake"}
    with sandbox() as vendor, proxy(tmp_path, vendor, ROUTES) as house, httpx.Client(timeout=30) as http:
        url = f"{house.url}/api/videos"
        bearer = {"authorization": f"Bearer {house.key}"}
        for words, headers in (("", bearer), ("", {"x-api-key": house.key}), (f"?key={house.key}", {})):
            told = http.post(url + words, json=body, headers=headers)
            assert (told.status_code, told.json()["status"]) == (200, "queued")
            id = told.json()["task_id"]
            asked_after = http.get(f"{url}/{id}{words}", headers=headers)
            assert (asked_after.status_code, asked_after.json()["video_id"]) == (200, id)
        refused = http.post(url, json=body, headers={"authorization": "Bearer eyJhbGciOi.e30.c2ln"})
        assert (refused.status_code, "API key" in refused.json()["error"]["message"]) == (401, True)


@pytest.mark.parametrize("name", ["veo-3.1", "veo-3.0-generate-001", "veo-2.0-generate-001", "veo-omni-flash"])
def test_trap_16_no_veo_model_makes_a_square(name: str) -> None:
    """1:1 becomes the nearest there is, which the app is told, or is refused where a house wants sizes to be exact."""
    wish, rules = asked("koci", post("videos", FILM | {"size": "1:1"})).size, card(f"google/{name}").size
    assert wish == Size(ratio="1:1")
    bent = sizes.resolve(wish, rules)
    assert (bent.size.ratio, bent.notes[-1].what) == ("16:9", "bent")
    with pytest.raises(Fault, match="does not make 1:1") as caught:
        sizes.resolve(wish, rules, "exact")
    assert (caught.value.kind, caught.value.field) == ("bad_request", "size")


@pytest.mark.parametrize(
    ("count", "places"),
    [
        (1, {"image": 1}),
        (2, {"image": 1, "lastFrame": 1}),
        (3, {"referenceImages": 3}),
        (4, None),
        (9, None),
    ],
)
def test_trap_17_one_list_holds_frames_and_references(count: int, places: dict[str, int] | None) -> None:
    """Their place is the only hint: a frame, two frames, or references, of which Veo takes three and no more."""
    images = ["data:image/png;base64,iVBORw0KGgo="] * count
    wish, veo = asked("koci", post("videos", FILM | {"reference_images": images})), target("google/veo-3.1")
    fault = refusal(wish, veo.card, "nearest")
    assert (fault.kind if fault else None) == (None if places else "bad_request")
    assert refusal(wish, card("google/veo-omni-flash"), "nearest") is None
    if places is None:
        assert fault
        assert fault.field == "images"
        return
    [instance] = plain(VENDORS["gemini"].encode(wish, veo).body)["instances"]
    held = {name: len(value) if isinstance(value, list) else 1 for name, value in instance.items() if name != "prompt"}
    assert held == places


def test_trap_18_one_stream_names_its_events_and_the_other_does_not() -> None:
    """Every event of a picture's stream has its name, none of a film's has one."""
    wish, koci = Job("m", "a fox"), DOORS["koci"]
    events = [Progress(None), Progress(30), Done(Result((Media(url=LINK),)))]
    frames = [frame for event in events for frame in koci.frame(event, wish)]
    assert [frame.event for frame in (*frames, koci.fail_frame(Fault("down", "no"), wish))] == [
        *("status", "progress", "complete", "error")
    ]
    assert [frame.event for state in (UNDER_WAY, DONE) for frame in koci.story(state)] == [None, None]


def test_trap_19_the_word_for_done_is_complete() -> None:
    """Not completed, nor succeeded, which are OpenAI's and others' words."""
    koci = DOORS["koci"]
    [frame] = koci.frame(Done(Result((Media(url=LINK),))), Job("m", "a fox"))
    assert frame.data["status"] == frame.event == "complete"
    assert [frame.data["status"] for state in (UNDER_WAY, DONE) for frame in koci.story(state)] == [
        *("processing", "complete")
    ]
