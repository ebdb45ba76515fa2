"""The OpenAI shape: what official clients send, what goes to a vendor, and the way there and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koci_proxy.faults import KINDS, Fault
from koci_proxy.types import AUTO, Done, Job, Listing, Media, Note, Partial, Progress, Result, Size
from koci_proxy.wire import Call, base64, data_uri

from .wires import CAPTURES, DIALECTS, answered, asked, captured, picture, plain, post, read, target, unplaced

openai = DIALECTS["openai"]
GENERATE, EDIT = "images/generations", "images/edits"
GOOD: dict[str, Any] = {"model": "image-2", "prompt": "fox"}
JOB = Job("image-2", "fox", deliver="url", dialect="openai")
ALL = dict.fromkeys(("quality", "format", "compression", "background", "style", "deliver"))


def parse(path: str, **fields: Any) -> Job:
    job = asked("openai", post(path, GOOD | fields))
    assert isinstance(job, Job)
    return job


PARSED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"n": None, "size": None, "quality": None, "stream": None, "mask": None}, {}),
    ({"n": 3}, {"n": 3}),
    ({"size": "auto"}, {}),
    ({"size": "1024x1536"}, {"size": Size(width=1024, height=1536)}),
    ({"size": "2K", "aspect_ratio": "16:9"}, {"size": Size("2K", "16:9")}),
    ({"aspect_ratio": "3:2"}, {"size": Size(ratio="3:2")}),
    ({"response_format": "b64_json"}, {"deliver": "base64"}),
    ({"response_format": "url"}, {}),
    ({"stream": True}, {"stream": True, "deliver": "base64"}),
    ({"stream": True, "response_format": "url", "partial_images": 2}, {"stream": True, "partials": 2}),
    ({"output_format": "webp", "output_compression": 80}, {"format": "webp", "compression": 80}),
    ({"background": "transparent", "quality": "hd"}, {"background": "transparent", "quality": "hd"}),
    ({"style": "vivid"}, {"style": "vivid"}),
    ({"moderation": "low", "user": "u", "nobody": [1]}, {"options": {"moderation": "low", "user": "u", "nobody": [1]}}),
    (
        {"complexity": "low", "frame_count": 9, "svg": {"model": "x"}},
        {"options": {"complexity": "low", "frame_count": 9, "svg": {"model": "x"}}},
    ),
    ({"input_fidelity": "high"}, {"notes": (Note("input_fidelity", "left out", "there is no picture to keep to"),)}),
    ({"partial_images": 2}, {"notes": (Note("partial_images", "left out", "only a stream has previews"),)}),
    ({"_events": "x"}, {}),
]


@pytest.mark.parametrize(("fields", "changes"), PARSED)
def test_parse(fields: dict[str, Any], changes: dict[str, Any]) -> None:
    assert parse(GENERATE, **fields) == replace(JOB, **changes)


BAD: list[tuple[str, dict[str, Any], str]] = [
    (GENERATE, {"prompt": None}, "prompt"),
    (GENERATE, {"prompt": ""}, "prompt"),
    (GENERATE, {"prompt": 7}, "prompt"),
    (GENERATE, {"prompt": "x" * 32_004}, "prompt"),
    (GENERATE, {"prompt": "ab " * 10_667 + "c"}, "prompt"),
    (GENERATE, {"model": None}, "model"),
    (GENERATE, {"n": 11}, "n"),
    (GENERATE, {"n": "2"}, "n"),
    (GENERATE, {"n": 1.5}, "n"),
    (GENERATE, {"size": "2x"}, "size"),
    (GENERATE, {"size": "0x0"}, "size"),
    (GENERATE, {"size": "99999x1"}, "size"),
    (GENERATE, {"size": "2K", "aspect_ratio": "16:0"}, "aspect_ratio"),
    (GENERATE, {"response_format": "png"}, "response_format"),
    (GENERATE, {"stream": "yes"}, "stream"),
    (GENERATE, {"partial_images": 4}, "partial_images"),
    (GENERATE, {"output_compression": 101}, "output_compression"),
    (GENERATE, {"images": ["data:image/png;base64,@@@@"]}, "images[0]"),
    (GENERATE, {"mask": "AAAA"}, "mask"),
    (EDIT, {}, "image"),
    (EDIT, {"image": []}, "image"),
    (EDIT, {"image": [""]}, "image[0]"),
    (EDIT, {"images": [{"file_id": "file-1"}]}, "images[0].file_id"),
    (EDIT, {"images": [{"image_url": "https://x.example/a.png", "file_id": "f"}]}, "images[0].file_id"),
    (EDIT, {"images": [{}]}, "images[0].image_url"),
    (EDIT, {"image": "https://x.example/a.png", "mask": {"file_id": "file-m"}}, "mask.file_id"),
    (EDIT, {"image": "https://x.example/a.png", "markup": "https://x.example/b.png"}, "markup"),
    (EDIT, {"image": "https://x.example/a.png", "markup": data_uri(picture()), "mask": data_uri(picture())}, "markup"),
    (GENERATE, {"markup": data_uri(picture())}, "markup"),
]


@pytest.mark.parametrize(("path", "fields", "field"), BAD)
def test_bad_input_names_its_field(path: str, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(Fault) as caught:
        parse(path, **fields)
    assert caught.value.kind == "bad_request"
    assert caught.value.field == field
    assert field in caught.value.message or caught.value.message


def test_a_body_that_is_no_object() -> None:
    with pytest.raises(Fault, match="object"):
        openai.parse(post(GENERATE, [1]))
    with pytest.raises(Fault, match="object"):
        openai.parse(Call("POST", GENERATE))


@pytest.mark.parametrize(
    ("method", "path", "kind", "word"),
    [
        ("POST", "images/generation", "not_found", "there are: images/generations"),
        ("POST", "completions", "not_found", "there are: chat/completions"),
        ("POST", "images", "not_found", "images/edits"),
        ("GET", "chat/completions", "wrong_method", "POST"),
        ("GET", "chat/completions/chatcmpl-1", "not_found", "not kept here"),
        ("GET", "responses/resp_1", "not_found", "not kept here"),
        ("POST", "responses/resp_1/cancel", "not_found", "not kept here"),
        ("POST", "files", "not_found", "image_url"),
        ("GET", "files", "not_found", "images/edits"),
        ("GET", "files/file-1/content", "not_found", "data URI"),
        ("DELETE", "files/file-1", "not_found", "data URI"),
        ("POST", "uploads", "not_found", "images/edits"),
        ("DELETE", "models/image-2", "wrong_method", "GET"),
        ("POST", "images/generations/images/generations", "not_found", "images/generations"),
        ("GET", GENERATE, "wrong_method", "POST"),
        ("POST", "models", "wrong_method", "GET"),
        ("POST", "images/variations", "gone", "images/edits"),
    ],
)
def test_no_such_call(method: str, path: str, kind: str, word: str) -> None:
    for verb in (openai.schema, openai.parse):
        with pytest.raises(Fault, match=word) as caught:
            verb(Call(method, path))
        assert caught.value.kind == kind


# (recording, what the job is, number of pictures, options)
CAPTURED: list[tuple[str, dict[str, Any], int, dict[str, Any]]] = [
    ("openai-python-3.52.0-images_generate_seed", {"quality": "hd", "size": Size(width=1024, height=1024)}, 0, {}),
    ("openai-python-1.109.1-images_generate_seed", {"model": "image-2", "quality": "hd"}, 0, {}),
    ("openai-python-3.52.0-images_generate_none_values", {"n": 1, "size": AUTO}, 0, {}),
    ("openai-python-3.52.0-images_generate_extra_body", {"size": Size("2K", "16:9")}, 0, {}),
    (
        "openai-python-3.52.0-images_generate_all",
        {"n": 2, "background": "transparent", "format": "webp", "compression": 80, "quality": "high"},
        0,
        {"moderation": "low", "user": "u1"},
    ),
    ("openai-python-3.52.0-images_edit_one_filehandle", {"prompt": "将背景改为星空", "model": "image-2-hd"}, 1, {}),
    ("openai-python-1.109.1-images_edit_one_filehandle", {"model": "image-2-hd"}, 1, {}),
    ("openai-python-3.52.0-images_edit_one_bytes", {"task": "edit"}, 1, {}),
    ("openai-python-1.109.1-images_edit_one_bytes", {"task": "edit"}, 1, {}),
    ("openai-python-3.52.0-images_edit_list_of_one", {}, 1, {}),
    ("openai-python-3.52.0-images_edit_list_of_two_mask", {"n": 2, "quality": "high"}, 2, {}),
    ("openai-python-1.109.1-images_edit_list_of_two_mask", {"n": 2, "quality": "high"}, 2, {}),
    ("openai-python-3.52.0-images_edit_stream_true", {"stream": True, "partials": 2, "deliver": "base64"}, 1, {}),
    ("openai-node-7.55.0-edit_stream_file", {"model": "image-2-hd"}, 1, {}),
    ("openai-node-7.55.0-edit_array_mask", {"n": 2}, 2, {}),
    ("openai-node-7.55.0-edit_tofile_notype", {"model": "m"}, 1, {}),
    ("openai-node-6.49.0-edit_stream_file", {"model": "image-2-hd"}, 1, {}),
    ("openai-node-6.49.0-edit_array_mask", {"n": 2}, 2, {}),
    ("openai-node-7.55.0-generate", {"prompt": "猫", "quality": "hd"}, 0, {}),
    ("openai-node-7.55.0-generate_stream", {"stream": True, "partials": 1}, 0, {}),
    ("openai-node-7.55.0-extra_body", {"size": Size("2K", "16:9")}, 0, {}),
    ("plain-curl_generate", {"quality": "hd"}, 0, {}),
    ("plain-curl_edits_seed", {"model": "image-2-hd"}, 1, {}),
    ("plain-curl_edits_image_array", {"format": "png", "quality": "high"}, 2, {}),
    ("plain-requests_edits_aioagi_script", {"n": 1, "compression": 100}, 2, {}),
]


@pytest.mark.parametrize(("name", "fields", "count", "options"), CAPTURED, ids=[row[0] for row in CAPTURED])
def test_recorded_requests(name: str, fields: dict[str, Any], count: int, options: dict[str, Any]) -> None:
    [call] = captured(f"openai/{name}")
    job = asked("openai", call)
    assert {field: getattr(job, field) for field in fields} == fields
    assert [media.mime for media in job.inputs] == ["image/png"] * count
    assert job.mask is None or job.mask.mime == "image/png"
    assert ("mask" in name) == (job.mask is not None)
    assert job.options == options
    assert job.task == ("edit" if count else "generate")


def test_a_recorded_edit_keeps_what_a_form_cannot_spell() -> None:
    [call] = captured("openai/openai-python-3.52.0-images_edit_extra_body")
    job = asked("openai", call)
    assert job.size == Size(ratio="16:9")
    assert job.options["tags"] == ["a", "b"]
    assert job.options["opt[x]"] == "1"


def test_a_recorded_edit_with_file_ids_and_a_variation_are_refused() -> None:
    [call] = captured("openai/openai-python-3.52.0-images_edit_json_via_post")
    with pytest.raises(Fault, match="image_url") as caught:
        asked("openai", call)
    assert caught.value.field == "images[1].file_id"
    [call] = captured("openai/openai-python-3.52.0-files_create")
    with pytest.raises(Fault, match="no file store") as caught:
        asked("openai", call)
    assert caught.value.status == 404
    [call] = captured("openai/openai-python-3.52.0-images_variation")
    with pytest.raises(Fault) as caught:
        asked("openai", call)
    assert caught.value.status == 410


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("openai-python-3.52.0-models_list", None),
        ("openai-python-3.52.0-models_retrieve_slash", "koci/image 2"),
        ("openai-python-1.109.1-models_retrieve_slash", "koci/image 2"),
    ],
)
def test_recorded_listings(name: str, model: str | None) -> None:
    [call] = captured(f"openai/{name}")
    assert asked("openai", call) == Listing(model)


@pytest.mark.parametrize("spell", [data_uri, base64])
@pytest.mark.parametrize("more", [0, 30_000])
def test_long_pictures_and_short_ones_are_the_same(more: int, spell: Any) -> None:
    whole = picture(more=more)
    assert parse(EDIT, image=spell(whole)).inputs == (whole,)


# --- the way there and back -----------------------------------------------------------------------------------------

words = st.text(min_size=1, max_size=40).filter(lambda text: bool(text.strip()))
options = st.dictionaries(st.from_regex(r"x_[a-z]{1,8}", fullmatch=True), st.text(max_size=9), max_size=3)
media = st.builds(picture, st.integers(1, 4000), st.integers(1, 4000), st.sampled_from([0, 20_000]))
pixels = st.builds(lambda width, height: Size(width=width, height=height), st.integers(500, 999), st.integers(500, 999))


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    inputs = tuple(draw(st.lists(media, max_size=3)))
    return Job(
        "the-model",
        draw(words),
        task="edit" if inputs else "generate",
        inputs=inputs,
        mask=draw(st.none() | media) if inputs else None,
        n=draw(st.integers(1, 10)),
        size=draw(st.just(AUTO) | pixels),
        quality=draw(st.none() | st.sampled_from(["low", "high", "xhigh"])),
        format=draw(st.none() | st.sampled_from(["png", "jpeg", "webp"])),
        compression=draw(st.none() | st.integers(0, 100)),
        background=draw(st.none() | st.sampled_from(["transparent", "opaque", "auto"])),
        style=draw(st.none() | st.just("vivid")),
        deliver=draw(st.sampled_from(["url", "base64"])),
        dialect="openai",
        options=draw(options),
    )


@settings(deadline=None)
@given(jobs())
def test_parse_reads_what_encode_writes(job: Job) -> None:
    call = openai.encode(job, target("openai", ALL))
    assert asked("openai", call) == job


@settings(deadline=None)
@given(jobs())
def test_links_go_as_a_json_edit(job: Job) -> None:
    linked = replace(job, task="edit", inputs=(Media(url="https://x.example/a.png"), picture()))
    call = openai.encode(linked, target("openai", ALL))
    assert call.path == EDIT
    assert unplaced(asked("openai", call)) == linked


usages: st.SearchStrategy[dict[str, int]] = st.just({}) | st.fixed_dictionaries(
    {"input_tokens": st.integers(1, 99), "output_tokens": st.integers(1, 99), "total_tokens": st.integers(1, 99)}
)


@st.composite
def results(draw: st.DrawFn) -> Result:
    made = tuple(draw(st.lists(media, min_size=1, max_size=3)))
    extras: dict[str, Any] = draw(
        st.fixed_dictionaries({}, optional={"quality": st.just("low"), "background": st.just("opaque")})
    )
    if draw(st.booleans()):
        extras["revised_prompts"] = tuple(draw(st.text(max_size=9)) for _ in made)
    return Result(
        made, text=draw(st.text(max_size=9)), usage=draw(usages), created=draw(st.integers(1, 2**31)), extras=extras
    )


@settings(deadline=None)
@given(results())
def test_decode_reads_what_render_writes(result: Result) -> None:
    job = replace(JOB, deliver="base64")
    assert openai.decode(answered(openai.render(result, job)), job, target("openai")) == result


# --- towards an app -------------------------------------------------------------------------------------------------

RESULT = Result(
    (picture(1024, 1024),),
    usage={"total_tokens": 100},
    created=1716700000,
    extras={"background": "opaque", "quality": "high"},
)


@pytest.mark.parametrize("task", ["generation", "edit"])
def test_streams_are_those_official_clients_were_tried_with(task: str) -> None:
    job = replace(JOB, task="edit" if task == "edit" else "generate", deliver="base64", stream=True)
    sample = (CAPTURES / "answers" / f"openai_image_{task}_stream.sse.txt").read_text()
    events = [read(line.removeprefix("data: ").encode()) for line in sample.splitlines() if line.startswith("data:")]
    names = [line.removeprefix("event: ") for line in sample.splitlines() if line.startswith("event:")]
    frames = [*openai.frame(Partial(picture()), job), *openai.frame(Done(RESULT), job)]
    assert [frame.event for frame in frames] == names
    for frame, event in zip(frames, events, strict=True):
        assert frame.data.keys() == event.keys()
    assert {name: value for name, value in frames[1].data.items() if name not in ("b64_json", "usage")} == {
        name: value for name, value in events[1].items() if name not in ("b64_json", "usage")
    }
    assert sample.encode().startswith(openai.KEEP_ALIVE)
    assert openai.frame(Progress(50), job) == ()


def test_a_stream_of_generations_keeps_its_events_when_pictures_make_it_an_edit() -> None:
    job = parse(GENERATE, images=["https://x.example/a.png"], stream=True)
    assert job.task == "edit"
    [frame] = openai.frame(Done(RESULT), job)
    assert frame.event == "image_generation.completed"


def test_a_preview_stays_in_the_stream_where_the_pictures_are_linked() -> None:
    job = replace(JOB, stream=True, partials=1)
    [frame] = openai.frame(Partial(picture(), 1), job)
    assert frame.data["b64_json"] == base64(picture())
    assert frame.data["partial_image_index"] == 1
    assert openai.end(job) == b""


def test_a_stream_tells_its_notes_in_the_end() -> None:
    two = replace(RESULT, media=RESULT.media * 2, notes=(Note("style", "left out", "vivid"),))
    assert [frame.data.get("notes") for frame in openai.frame(Done(two), JOB)] == [None, ["style: left out (vivid)"]]


def test_a_fault_in_a_stream_is_nested() -> None:
    frame = openai.fail_frame(Fault("refused", "no"), JOB)
    assert frame.event == "error"
    assert frame.data["type"] == "error"
    assert frame.data["error"]["code"] == "moderation_blocked"


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_has_an_error_in_openais_form(kind: str) -> None:
    reply = openai.fail(Fault(kind, "why", retry_after=2.2, code="vendor_word"))
    body = plain(reply.body)["error"]
    assert body.keys() == {"message", "type", "param", "code"}
    assert reply.status == KINDS[kind].status
    assert reply.headers["retry-after"] == "3"
    assert body["code"] != "vendor_word" or KINDS[kind].blame == "app"


@pytest.mark.parametrize(
    ("fault", "again"),
    [
        (Fault("bad_request", ""), "false"),
        (Fault("conflict", ""), "false"),
        (Fault("refused", ""), "false"),
        (Fault("no_credit", ""), "false"),
        (Fault("too_fast", ""), "true"),
        (Fault("key_busy", ""), "true"),
        (Fault("down", ""), "true"),
        (Fault("down", "", stage="sent"), "false"),
        (Fault("slow", "", stage="sent"), "false"),
        (Fault("garbled", ""), "false"),
        (Fault("empty", ""), "false"),
        (Fault("internal", ""), "false"),
    ],
)
def test_official_clients_are_told_whether_to_ask_again(fault: Fault, again: str) -> None:
    assert openai.fail(fault).headers["x-should-retry"] == again


def test_catalogue() -> None:
    names = ["image-2", "koci/image 2"]
    body = plain(openai.catalogue(names, Listing()).body)
    assert [model["id"] for model in body["data"]] == names
    assert body["object"] == "list"
    assert plain(openai.catalogue(names, Listing("koci/image 2")).body)["id"] == "koci/image 2"
    with pytest.raises(Fault, match="did you mean 'image-2'") as caught:
        openai.catalogue(names, Listing("image2"))
    assert plain(openai.fail(caught.value).body)["error"] == {
        "message": "there is no model 'image2'; did you mean 'image-2'?",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found",
    }
