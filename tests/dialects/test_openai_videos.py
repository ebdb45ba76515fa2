"""Films at the OpenAI door: what apps send, and what they ask after."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koci_proxy.faults import Fault
from koci_proxy.media import from_bytes
from koci_proxy.types import AUTO, Job, JobState, Lookup, Media, Note, Size
from koci_proxy.wire import Call, Form, Json, data_uri

from .test_nonsense import asked as read
from .test_nonsense import spoilt, tried
from .wires import DIALECTS, asked, captured, picture, post

openai = DIALECTS["openai"]
HEX = "0123456789abcdef01234567"
KEY, ID = f"req_{HEX}", f"video_{HEX}"
SD = Size(width=720, height=1280)
HD = Size(width=1280, height=720)
FILM = from_bytes(b"\0\0\0\x20ftypisom\0\0\2\0isomiso2mp41")
LINK = "https://x.example/a"
GOOD: dict[str, Any] = {"model": "sora-2", "prompt": "fox", "seconds": "8", "size": "1280x720"}
JOB = Job(
    "sora-2", "fox", task="video", seconds=8.0, size=HD, deliver="url", dialect="openai", options={"_async": True}
)
FIRST = replace(JOB, inputs=(Media(url=f"{LINK}.png"),), roles=("first",))
DEFAULTED = {
    "model": Note("model", "defaulted", "sora-2"),
    "seconds": Note("seconds", "defaulted", "4"),
    "size": Note("size", "defaulted", "720x1280"),
}
UPRIGHT = Note("size", "defaulted", "ratio 9:16")


def form(path: str, *fields: tuple[str, Any]) -> Call:
    return Call("POST", path, body=Form(fields))


PARSED: list[tuple[dict[str, Any], Job]] = [
    ({}, JOB),
    ({"seconds": 8}, JOB),
    ({"seconds": 8.0}, JOB),
    ({"seconds": " 8s "}, JOB),
    ({"seconds": "2.5"}, replace(JOB, seconds=2.5)),
    ({"seconds": 60}, replace(JOB, seconds=60.0)),
    ({"size": "720p", "aspect_ratio": "9:16"}, replace(JOB, size=Size("720p", "9:16"))),
    ({"size": "auto"}, replace(JOB, size=AUTO)),
    ({"size": "720p"}, replace(JOB, size=Size("720p", "9:16"), notes=(UPRIGHT,))),
    ({"size": "16:9"}, replace(JOB, size=Size(ratio="16:9"))),
    ({"input_reference": f"{LINK}.png", "size": "720p"}, replace(FIRST, size=Size("720p"))),
    ({"model": None}, replace(JOB, notes=(DEFAULTED["model"],))),
    ({"seconds": None}, replace(JOB, seconds=4.0, notes=(DEFAULTED["seconds"],))),
    ({"size": None}, replace(JOB, size=SD, notes=(DEFAULTED["size"],))),
    ({"model": "", "seconds": "", "size": ""}, replace(JOB, seconds=4.0, size=SD, notes=tuple(DEFAULTED.values()))),
    ({"input_reference": None}, JOB),
    ({"input_reference": {"image_url": f"{LINK}.png"}}, FIRST),
    ({"input_reference": [f"{LINK}.png"]}, FIRST),
    ({"input_reference": f"{LINK}.png", "size": None}, replace(FIRST, size=AUTO)),
    ({"input_reference": data_uri(picture(more=30_000))}, replace(FIRST, inputs=(picture(more=30_000),))),
    ({"user": "u", "_from": "x", "_remixed": 1}, replace(JOB, options={"user": "u", "_async": True})),
]


@pytest.mark.parametrize(("fields", "job"), PARSED)
def test_a_film_is_asked_for(fields: dict[str, Any], job: Job) -> None:
    assert asked("openai", post("videos", GOOD | fields)) == job


def test_a_form_is_as_good() -> None:
    words = tuple(GOOD.items())
    assert asked("openai", form("videos", *words)) == JOB
    assert asked("openai", form("videos", *words, ("input_reference", picture()))).inputs == (picture(),)
    assert asked("openai", form("videos", *words, ("input_reference[image_url]", f"{LINK}.png"))) == FIRST
    assert asked("openai", form("videos", *words, ("input_reference", ""))) == JOB


def without(options: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key != name}


REMIX: dict[str, Any] = {"_async": True, "_from": KEY, "_remixed": KEY, "_keeps": True}
EDIT: dict[str, Any] = {"_async": True, "_from": KEY, "_videos": "edits", "_keeps": True}
LONGER: dict[str, Any] = {"_async": True, "_from": KEY, "_videos": "extensions", "_keeps": True}
AFRESH = Job("", "fox", task="video", deliver="url", dialect="openai")
SENT: dict[str, Any] = {"_async": True, "_videos": "edits", "_keeps": True}
OURS = Job("sora-2", "fox", task="video", inputs=(FILM,), roles=("video",), dialect="openai", options=SENT)

CHANGED: list[tuple[Call, Job]] = [
    (post(f"videos/{ID}/remix", {"prompt": "fox"}), replace(AFRESH, options=REMIX)),
    (form(f"videos/{ID}/remix", ("prompt", "fox")), replace(AFRESH, options=REMIX)),
    (
        post(f"videos/{ID}/remix", {"prompt": "fox", "model": "veo", "seconds": "4", "size": "1280x720"}),
        replace(AFRESH, model="veo", seconds=4.0, size=HD, options=without(REMIX, "_keeps")),
    ),
    (
        post(f"videos/{ID}/remix", {"prompt": "fox", "size": "720p"}),  # which way it lies is the earlier film's affair
        replace(AFRESH, size=Size("720p"), options=without(REMIX, "_keeps")),
    ),
    (post("videos/edits", {"prompt": "fox", "video": {"id": ID}}), replace(AFRESH, options=EDIT)),
    (post("videos/edits", {"prompt": "fox", "video": ID}), replace(AFRESH, options=EDIT)),
    (form("videos/edits", ("prompt", "fox"), ("video[id]", ID)), replace(AFRESH, options=EDIT)),
    (form("videos/edits", ("prompt", "fox"), ("video", FILM)), replace(OURS, notes=(DEFAULTED["model"],))),
    (form("videos/edits", ("prompt", "fox"), ("video", FILM), ("model", "sora-2")), OURS),
    (
        post("videos/edits", {"prompt": "fox", "video": f"{LINK}.mp4", "model": "sora-2"}),
        replace(OURS, inputs=(Media(url=f"{LINK}.mp4"),)),
    ),
    (
        post("videos/extensions", {"prompt": "fox", "video": {"id": ID}, "seconds": "20"}),
        replace(AFRESH, seconds=20.0, options=LONGER),
    ),
    (
        form("videos/extensions", ("prompt", "fox"), ("video", FILM), ("model", "sora-2"), ("seconds", "12")),
        replace(OURS, seconds=12.0, options=SENT | {"_videos": "extensions"}),
    ),
]


@pytest.mark.parametrize(("call", "job"), CHANGED)
def test_a_film_is_made_from_another(call: Call, job: Job) -> None:
    assert asked("openai", call) == job


BAD: list[tuple[str, dict[str, Any], str, str]] = [
    ("videos", {"prompt": None}, "prompt", "must be a string"),
    ("videos", {"prompt": " "}, "prompt", "empty"),
    ("videos", {"prompt": "ab " * 10_667 + "c"}, "prompt", "32000"),
    ("videos", {"seconds": "0"}, "seconds", "above 0"),
    ("videos", {"seconds": -4}, "seconds", "above 0"),
    ("videos", {"seconds": 100_000}, "seconds", "from above 0 to 86400, for"),
    ("videos", {"seconds": "four"}, "seconds", '"4"'),
    ("videos", {"seconds": True}, "seconds", "number"),
    ("videos", {"seconds": 10**400}, "seconds", "above 0"),
    ("videos", {"seconds": ["4"]}, "seconds", "array"),
    ("videos", {"size": "8000p"}, "size", "not a size"),
    ("videos", {"size": "720p", "aspect_ratio": "wide"}, "aspect_ratio", "not a size"),
    ("videos", {"input_reference": {"file_id": "file-1"}}, "input_reference.file_id", "no file store"),
    ("videos", {"input_reference": {}}, "input_reference.image_url", "picture"),
    ("videos", {"input_reference": "@@@"}, "input_reference", "base64"),
    ("videos", {"input_reference": ["AAAA", "AAAA"]}, "input_reference", "one, not 2"),
    ("videos", {"input_reference": data_uri(FILM)}, "input_reference", "videos/edits"),
    (f"videos/{ID}/remix", {"prompt": ""}, "prompt", "empty"),
    ("videos/edits", {}, "video", "required"),
    ("videos/edits", {"video": {}}, "video.id", "required"),
    ("videos/edits", {"video": {"id": None}}, "video.id", "required"),
    ("videos/edits", {"video": {"id": 7}}, "video.id", "string"),
    ("videos/edits", {"video": data_uri(picture())}, "video", "input_reference"),
    ("videos/extensions", {"video": {"id": ID}, "seconds": None}, "seconds", "required"),
]


@pytest.mark.parametrize(("path", "fields", "field", "word"), BAD)
def test_bad_input_names_its_field(path: str, fields: dict[str, Any], field: str, word: str) -> None:
    with pytest.raises(Fault, match=word) as caught:
        asked("openai", post(path, GOOD | fields))
    assert (caught.value.kind, caught.value.field) == ("bad_request", field)


LOOKUPS: list[tuple[str, str, dict[str, str], Lookup]] = [
    ("GET", f"videos/{ID}", {}, Lookup("show", KEY, task="video")),
    ("DELETE", f"videos/{ID}", {}, Lookup("delete", KEY, task="video")),
    ("GET", f"videos/{ID}/content", {}, Lookup("content", KEY, variant="video", task="video")),
    ("GET", f"videos/{ID}/content", {"variant": "video"}, Lookup("content", KEY, variant="video", task="video")),
    ("GET", f"videos/{ID}/content", {"variant": "thumbnail"}, Lookup("content", KEY, 0, "thumbnail", "video")),
    ("GET", "videos", {}, Lookup("list", task="video")),
    ("GET", "videos/", {"order": "desc", "limit": "100"}, Lookup("list", task="video", limit=100)),
    ("GET", "videos", {"order": "asc", "limit": "0"}, Lookup("list", task="video", limit=0, newest=False)),
    ("GET", "videos", {"after": ID, "limit": "2"}, Lookup("list", task="video", after=KEY, limit=2)),
]


@pytest.mark.parametrize(("method", "path", "query", "lookup"), LOOKUPS)
def test_questions(method: str, path: str, query: dict[str, str], lookup: Lookup) -> None:
    call = Call(method, path, query)
    assert openai.schema(call) is None
    assert openai.parse(call) == lookup


REFUSED: list[tuple[str, str, dict[str, str], str, str]] = [
    ("GET", "videos/video_123", {}, "not_found", "no video 'video_123' here"),
    ("GET", f"videos/{ID}0", {}, "not_found", "no video"),
    ("GET", f"videos/{KEY}", {}, "not_found", "no video"),
    ("DELETE", f"videos/{ID.upper()}", {}, "not_found", "no video"),
    ("GET", "videos/video_123/content", {}, "not_found", "no video"),
    ("GET", f"videos/{ID}/content", {"variant": "spritesheet"}, "bad_request", "one of video, thumbnail"),
    ("GET", "videos", {"after": "video_1"}, "not_found", "no video 'video_1'"),
    ("GET", "videos", {"limit": "101"}, "bad_request", "0 to 100"),
    ("GET", "videos", {"limit": "-1"}, "bad_request", "0 to 100"),
    ("GET", "videos", {"order": "newest"}, "bad_request", "asc, desc"),
    ("POST", "videos/characters", {}, "not_found", "no characters"),
    ("GET", "videos/characters/char_1", {}, "not_found", "videos/edits"),
    ("PUT", "videos", {}, "wrong_method", "POST or GET"),
    ("GET", "videos/edits", {}, "wrong_method", "POST"),
    ("POST", f"videos/{ID}", {}, "wrong_method", "GET or DELETE"),
    ("POST", f"videos/{ID}/content", {}, "wrong_method", "GET"),
    ("GET", f"videos/{ID}/remix", {}, "wrong_method", "POST"),
    ("POST", f"videos/{ID}/cancel", {}, "not_found", r"videos/\{id\}"),
    ("POST", "videos/a/b/c", {}, "not_found", "there are: videos"),
    ("POST", "video", {}, "not_found", "videos"),
]


@pytest.mark.parametrize(("method", "path", "query", "kind", "word"), REFUSED)
def test_questions_that_have_no_answer(method: str, path: str, query: dict[str, str], kind: str, word: str) -> None:
    with pytest.raises(Fault, match=word) as caught:
        asked("openai", Call(method, path, query))
    assert caught.value.kind == kind
    assert openai.fail(caught.value).headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    "call",
    [
        post("videos/video_1/remix", {"prompt": "fox"}),
        post("videos/edits", {"prompt": "fox", "video": {"id": "video_1"}}),
        post("videos/edits", {"prompt": "fox", "video": "../x"}),
    ],
)
def test_a_film_that_there_is_not_cannot_be_changed(call: Call) -> None:
    with pytest.raises(Fault, match="there is no video") as caught:
        asked("openai", call)
    assert caught.value.status == 404


RECORDED: list[tuple[str, Job]] = [
    ("openai-python-2.9.0-videos_create", replace(JOB, prompt="a lake", seconds=4.0)),
    ("openai-python-2.54.0-videos_create", replace(JOB, prompt="a lake", seconds=4.0)),
    ("openai-python-3.52.0-videos_create", replace(JOB, prompt="a lake", seconds=4.0)),
]


@pytest.mark.parametrize(("name", "job"), RECORDED)
def test_recorded_requests(name: str, job: Job) -> None:
    [call] = captured(f"openai/{name}")
    assert asked("openai", call) == job


def test_recorded_requests_with_less_or_more() -> None:
    [call] = captured("openai/openai-node-7.55.0-videos_create")
    job = asked("openai", call)
    assert (job.prompt, job.model, job.seconds) == ("p", "sora-2", 4.0)
    [call] = captured("openai/openai-python-3.52.0-videos_create_file")
    job = asked("openai", call)
    assert ([media.mime for media in job.inputs], job.roles) == (["image/png"], ("first",))
    for name in ("content", "content_thumb", "delete", "list", "remix", "retrieve"):
        [call] = captured(f"openai/openai-python-3.52.0-videos_{name}")
        with pytest.raises(Fault, match="there is no video 'video_"):
            asked("openai", call)


WORDS = GOOD | {"input_reference": {"image_url": "AAAA"}, "aspect_ratio": "16:9", "video": {"id": ID}, "user": "u"}


@pytest.mark.parametrize("checked", [True, False])
@pytest.mark.parametrize("path", ["videos", f"videos/{ID}/remix", "videos/edits", "videos/extensions"])
@settings(deadline=None)
@given(data=st.data())
def test_nonsense_is_a_fault(path: str, checked: bool, data: st.DataObject) -> None:
    body = data.draw(spoilt(WORDS))
    job = tried(lambda: read(openai, Call("POST", path, body=Json(body)), checked))
    if isinstance(job, Fault):
        assert 400 <= openai.fail(job).status < 500
        return
    assert job.task == "video"
    assert openai.accepted(JobState(KEY, job, "queued", 1716700000)).status == 200


@settings(deadline=None)
@given(query=st.dictionaries(st.sampled_from(["after", "limit", "order", "variant"]), st.text(max_size=9)))
def test_nonsense_in_a_question_is_a_fault(query: dict[str, str]) -> None:
    for path in ("videos", f"videos/{ID}/content"):
        asked_for = tried(lambda path=path: openai.parse(Call("GET", path, query)))  # type: ignore[misc]
        assert isinstance(asked_for, Lookup | Fault)
