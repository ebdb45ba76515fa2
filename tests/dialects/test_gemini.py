"""The Gemini shape: what Google's clients send, what goes to a vendor, and the way there and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koci_proxy.faults import KINDS, Fault
from koci_proxy.media import from_bytes
from koci_proxy.types import Done, Job, Listing, Media, Partial, Progress, Result, Size
from koci_proxy.wire import Call, Json, base64

from .wires import DIALECTS, across, answered, asked, captured, picture, plain, post, target

gemini = DIALECTS["gemini"]
PATH = "models/m:generateContent"
FOX = [{"role": "user", "parts": [{"text": "fox"}]}]
JOB = Job("m", "fox", deliver="base64", dialect="gemini")
WIRE = target("gemini", wire="tier_ratio")
FOUR = from_bytes(b"\xfb\xff\xfe\xff")


def parse(contents: Any = FOX, path: str = PATH, **fields: Any) -> Job:
    job = asked("gemini", post(path, {"contents": contents} | fields))
    assert isinstance(job, Job)
    return job


def config(**fields: Any) -> dict[str, Any]:
    return {"generationConfig": fields}


PARSED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"generationConfig": None, "systemInstruction": None}, {}),
    (config(responseModalities=["text", "Image"]), {}),
    (config(responseModalities=["IMAGE"]), {"options": {"_modalities": ("IMAGE",)}}),
    (config(candidateCount=3), {"n": 3}),
    (config(imageConfig={"aspectRatio": "16:9", "imageSize": "2K"}), {"size": Size("2K", "16:9")}),
    (config(image_config={"aspect_ratio": "16:9", "image_size": "512"}), {"size": Size("512", "16:9")}),
    (config(responseFormat={"image": {"imageSize": "4K"}}), {"size": Size("4K")}),
    (
        config(imageConfig={"aspectRatio": "1:1", "imageSize": "1K"}, responseFormat={"image": {"aspectRatio": "3:2"}}),
        {"size": Size("1K", "3:2")},
    ),
    (config(responseFormat={"image": {"delivery": "URI"}}), {"deliver": "url"}),
    (
        config(imageConfig={"personGeneration": "ALLOW_ALL"}),
        {"options": {"generationConfig.imageConfig": {"personGeneration": "ALLOW_ALL"}}},
    ),
    (config(seed=7, topP=0.5), {"options": {"generationConfig.seed": 7, "generationConfig.topP": 0.5}}),
    (
        {"system_instruction": {"parts": [{"text": "x"}]}},
        {"options": {"systemInstruction": {"parts": [{"text": "x"}]}}},
    ),
    ({"labels": {"my_label": "x"}}, {"options": {"labels": {"my_label": "x"}}}),
    (
        config(response_schema={"my_field": {"type_name": 1}}),
        {"options": {"generationConfig.responseSchema": {"my_field": {"type_name": 1}}}},
    ),
]


@pytest.mark.parametrize(("fields", "changes"), PARSED)
def test_parse(fields: dict[str, Any], changes: dict[str, Any]) -> None:
    assert parse(**fields) == replace(JOB, **changes)


def test_a_lower_case_tier_is_taken_with_a_note() -> None:
    job = parse(**config(imageConfig={"imageSize": "2k"}))
    assert job.size == Size("2K")
    assert [str(note) for note in job.notes] == ["imageSize: renamed (2k → 2K)"]


def inline(media: Media, **more: Any) -> dict[str, Any]:
    return {"inlineData": {"mimeType": "image/png", "data": base64(media)}, **more}


LINK = "https://x.example/a.png"
A, B = picture(10, 10), picture(20, 20, more=20_000)
JPEG = from_bytes(b"\xff\xd8\xff\xc0\0\x11\x08\0\x10\0\x20\x03" + b"\0" * 9)

TALKS: list[tuple[str, Any, str, tuple[Media, ...], str | None]] = [
    ("texts are joined", [{"parts": [{"text": "a"}, {"text": "b"}]}], "a\nb", (), "_contents"),
    ("pictures, then text", [{"parts": [inline(A), inline(B), {"text": "x"}]}], "x", (A, B), None),
    ("text, then pictures", [{"parts": [{"text": "x"}, inline(B), inline(A)]}], "x", (B, A), "_contents"),
    (
        "a part with more",
        [{"parts": [inline(A, mediaResolution={"level": "x"}), {"text": "x"}]}],
        "x",
        (A,),
        "_contents",
    ),
    (
        "earlier turns",
        [
            {"role": "user", "parts": [{"text": "a"}]},
            {"role": "model", "parts": [inline(B)]},
            {"parts": [{"text": "b"}, inline(A)]},
        ],
        "b",
        (B, A),
        "_contents",
    ),
    ("the model had the last word", [*FOX, {"role": "model", "parts": [{"text": "ok"}]}], "fox", (), "_contents"),
    (
        "thoughts are no words of the user",
        [{"parts": [{"text": "hm", "thought": True}, inline(A, thought=True), {"text": "x"}]}],
        "x",
        (),
        "_contents",
    ),
    (
        "a type that is none",
        [{"parts": [{"inlineData": {"mimeType": "image/jpg", "data": base64(JPEG)}}, {"text": "x"}]}],
        "x",
        (JPEG,),
        None,
    ),
    ("a link", [{"parts": [{"fileData": {"fileUri": LINK}}, {"text": "x"}]}], "x", (Media(url=LINK),), None),
    (
        "a data URI",
        [{"parts": [{"inlineData": {"data": "data:image/png;base64,+//+/w=="}}, {"text": "x"}]}],
        "x",
        (FOUR,),
        None,
    ),
    ("URL-safe base64", [{"parts": [{"inlineData": {"data": "-__-_w"}}, {"text": "x"}]}], "x", (FOUR,), None),
]


@pytest.mark.parametrize(("what", "contents", "prompt", "inputs", "kept"), TALKS, ids=[row[0] for row in TALKS])
def test_conversations(what: str, contents: Any, prompt: str, inputs: tuple[Media, ...], kept: str | None) -> None:
    job = parse(contents)
    assert (job.prompt, job.inputs) == (prompt, inputs)
    assert job.task == ("edit" if inputs else "generate")
    assert set(job.options) - {"_lost"} == ({kept} if kept else set())
    again = asked("gemini", gemini.encode(job, WIRE))
    assert again == replace(job, model="the-model")


BAD: list[tuple[Any, dict[str, Any], str]] = [
    (None, {}, "contents"),
    ([], {}, "contents"),
    ("fox", {}, "contents"),
    ([{}], {}, "contents[0].parts"),
    ([{"parts": [{"text": 7}]}], {}, "contents[0].parts[0].text"),
    ([{"parts": [{"text": " "}]}], {}, "contents"),
    ([{"role": "model", "parts": [{"text": "x"}]}], {}, "contents"),
    ([{"parts": [{"inlineData": {"data": "@@@@"}}]}], {}, "contents[0].parts[0].inlineData.data"),
    ([{"parts": [{"inlineData": {}}]}], {}, "contents[0].parts[0].inlineData.data"),
    ([{"parts": [{"inlineData": {"data": "https://x.example/a.png"}}]}], {}, "contents[0].parts[0].inlineData.data"),
    ([{"parts": [{"fileData": {"fileUri": "gs://b/a.png"}}]}], {}, "contents[0].parts[0].fileData.fileUri"),
    (
        [{"parts": [{"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abc"}}]}],
        {},
        "contents[0].parts[0].fileData.fileUri",
    ),
    (FOX, config(candidateCount=0), "generationConfig.candidateCount"),
    (FOX, config(responseModalities=["TEXT"]), "generationConfig.responseModalities"),
    (FOX, config(imageConfig={"imageSize": "2x"}), "generationConfig.imageConfig.imageSize"),
    (FOX, config(imageConfig={"aspectRatio": "16:0"}), "generationConfig.imageConfig.aspectRatio"),
    (
        FOX,
        config(responseFormat={"image": {"aspectRatio": "wide"}}),
        "generationConfig.responseFormat.image.aspectRatio",
    ),
    (FOX, {"generationConfig": 7}, "generationConfig"),
]


@pytest.mark.parametrize(("contents", "fields", "field"), BAD)
def test_bad_input_names_its_field(contents: Any, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(Fault) as caught:
        parse(contents, **fields)
    assert caught.value.kind == "bad_request"
    assert caught.value.field == field


@pytest.mark.parametrize("body", [None, Json([1]), Json({"contents": [7]}), Json({"contents": [{"parts": [7]}]})])
def test_what_no_schema_would_let_pass_is_a_fault_too(body: Json | None) -> None:
    with pytest.raises(Fault) as caught:
        gemini.parse(Call("POST", PATH, body=body))
    assert caught.value.kind == "bad_request"


def test_marks_of_our_own_cannot_be_sent() -> None:
    job = parse([{"parts": [{"text": "x", "_input": 9}]}], _contents=[{"parts": [{"_input": 5}]}], _array=True)
    assert job.options == {}
    assert parse(path="models/m:streamGenerateContent").options == {"_array": True}


# (recording, at which request, what the job is, names of the options)
CAPTURED: list[tuple[str, int, dict[str, Any], set[str]]] = [
    ("genai-py-3.4.0-base64-urlsafe", 0, {"prompt": "edit", "inputs": (FOUR,)}, set()),
    ("genai-py-3.4.0-file-data", 0, {"inputs": (Media(url="https://cdn.example/a.png"),)}, set()),
    ("genai-py-1.47.0-file-data", 0, {"inputs": (Media(url="https://cdn.example/a.png"),)}, set()),
    ("genai-py-3.4.0-history-thought-signature", 0, {"prompt": "b", "task": "edit"}, {"_contents", "_lost"}),
    ("genai-py-3.4.0-image-edit-1px", 0, {"prompt": "edit", "task": "edit"}, set()),
    ("genai-py-1.47.0-image-edit-1px", 0, {"prompt": "edit", "task": "edit"}, set()),
    ("genai-py-3.4.0-seed-base-url", 0, {"model": "gemini-3.1-flash-image", "prompt": "hi"}, set()),
    ("genai-py-3.4.0-stream", 0, {"stream": True}, set()),
    (
        "genai-py-3.4.0-text-to-image",
        0,
        {"size": Size("2K", "16:9")},
        {"systemInstruction", "safetySettings", "generationConfig.temperature", "generationConfig.seed"},
    ),
    ("genai-py-3.4.0-thinking-config", 0, {}, {"generationConfig.thinkingConfig", "_modalities"}),
    ("genai-py-2.34.0-vertex-api-key", 0, {"model": "gemini-3.1-flash-image"}, set()),
    (
        "genai-js-3.1.0-edit-stream-video",
        0,
        {"inputs": (FOUR,), "size": Size("2K", "16:9")},
        {"systemInstruction", "_modalities"},
    ),
    ("genai-js-3.1.0-edit-stream-video", 1, {"stream": True}, set()),
]


@pytest.mark.parametrize(("name", "at", "fields", "options"), CAPTURED, ids=[f"{row[0]}-{row[1]}" for row in CAPTURED])
def test_recorded_requests(name: str, at: int, fields: dict[str, Any], options: set[str]) -> None:
    job = asked("gemini", captured(f"gemini/{name}")[at])
    assert {field: getattr(job, field) for field in fields} == fields
    assert set(job.options) == options
    again = asked("gemini", gemini.encode(job, WIRE))
    assert again == replace(job, model="the-model", stream=False)


def test_recorded_thinking_and_signatures_reach_a_vendor_of_this_shape() -> None:
    [call] = captured("gemini/genai-py-3.4.0-thinking-config")
    sent = plain(gemini.encode(asked("gemini", call), WIRE).body)
    assert sent["generationConfig"]["thinkingConfig"] == {"includeThoughts": True, "thinkingLevel": "HIGH"}
    assert sent["generationConfig"]["responseModalities"] == ["IMAGE"]
    [call] = captured("gemini/genai-py-3.4.0-history-thought-signature")
    sent = plain(gemini.encode(asked("gemini", call), WIRE).body)
    assert sent["contents"][1]["parts"][0]["thoughtSignature"] == "-__-_w=="
    [call] = captured("gemini/genai-py-3.4.0-models-list")
    assert asked("gemini", call) == Listing()


# --- the way there and back -----------------------------------------------------------------------------------------

texts = st.text(min_size=1, max_size=20).filter(lambda text: bool(text.strip()))
media = st.builds(picture, st.integers(1, 4000), st.integers(1, 4000), st.sampled_from([0, 20_000]))
parts = st.one_of(
    st.builds(lambda text: {"text": text}, texts),
    st.builds(inline, media),
    st.builds(lambda one: inline(one, thoughtSignature="c2ln"), media),
    st.just({"fileData": {"fileUri": "https://x.example/a.png"}}),
    st.just({"functionCall": {"name": "f", "args": {"a_b": 1}}}),
    st.just({"text": "hm", "thought": True}),
)
turns = st.fixed_dictionaries(
    {"parts": st.lists(parts, max_size=4)}, optional={"role": st.sampled_from(["user", "model"])}
)
extras = st.fixed_dictionaries(
    {},
    optional={
        "generationConfig": st.fixed_dictionaries(
            {},
            optional={
                "seed": st.integers(0, 9),
                "candidateCount": st.integers(1, 4),
                "responseModalities": st.sampled_from([["IMAGE"], ["TEXT", "IMAGE"]]),
                "imageConfig": st.sampled_from([{"aspectRatio": "16:9"}, {"imageSize": "2K", "personGeneration": "x"}]),
            },
        ),
        "tools": st.just([{"functionDeclarations": [{"parameters": {"a_b": 1}}]}]),
        "labels": st.dictionaries(st.from_regex(r"[a-z]_[a-z]", fullmatch=True), st.text(max_size=3), max_size=2),
    },
)


@settings(deadline=None)
@given(st.lists(turns, max_size=3), st.lists(parts, max_size=3), texts, extras)
def test_parse_reads_what_encode_writes(before: list[Any], first: list[Any], text: str, fields: dict[str, Any]) -> None:
    job = parse([*before, {"parts": [*first, {"text": text}]}], **fields)
    assert asked("gemini", gemini.encode(job, WIRE)) == replace(job, model="the-model")


@settings(deadline=None)
@given(
    st.lists(media, min_size=1, max_size=3),
    st.text(max_size=9),
    st.integers(1, 99),
    st.booleans(),
    st.sampled_from([1, 3]),
)
def test_decode_reads_what_render_writes(made: list[Media], text: str, count: int, signed: bool, n: int) -> None:
    usage: dict[str, Any] = {"input_tokens": count, "output_tokens": count + 5, "total_tokens": 2 * count + 5}
    usage |= {"input_tokens_details": {"text_tokens": 3, "cached_tokens": 2}}
    usage |= {"output_tokens_details": {"image_tokens": 7, "reasoning_tokens": 5}}
    extras: dict[str, Any] = {"responseId": "r"}
    extras |= {"thoughtSignatures": ("c2ln",) * len(made), "thoughts": "hm"} if signed else {}
    extras |= {"textSignature": "dA=="} if signed and text else {}
    result = Result(tuple(made), text=text, usage=usage, extras=extras)
    job = replace(JOB, n=n)
    assert gemini.decode(answered(gemini.render(result, job)), job, WIRE) == result


def test_a_prompt_changed_on_the_way_takes_the_place_of_the_old_one() -> None:
    contents = [*FOX, {"role": "model", "parts": [inline(A)]}, {"parts": [{"text": "a"}, inline(B), {"text": "b"}]}]
    job = replace(parse(contents), prompt="new")
    sent = plain(gemini.encode(job, WIRE).body)["contents"]
    assert sent[0] == FOX[0]
    assert [list(part) for part in sent[2]["parts"]] == [["text"], ["inlineData"]]
    assert sent[2]["parts"][0]["text"] == "new"


def test_pictures_that_came_or_went_on_the_way_leave_the_plain_conversation() -> None:
    job = replace(parse([*FOX, {"parts": [{"text": "b"}, inline(A)]}]), inputs=(A, B))
    [turn] = plain(gemini.encode(job, WIRE).body)["contents"]
    assert [list(part) for part in turn["parts"]] == [["inlineData"], ["inlineData"], ["text"]]


def test_a_long_signature_is_base64_again() -> None:
    signature = base64(picture(more=20_000))
    job = parse([*FOX, {"role": "model", "parts": [inline(A, thoughtSignature=signature)]}, *FOX])
    parts = across(gemini.encode(job, WIRE).body).value["contents"][1]["parts"]
    assert parts[0]["thoughtSignature"] == picture(more=20_000)


# --- towards an app -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_has_an_error_in_googles_form(kind: str) -> None:
    fault = Fault(kind, "why", field="contents", retry_after=2.5)
    reply = gemini.fail(fault)
    body = plain(reply.body)["error"]
    assert reply.status == body["code"] == KINDS[kind].status
    assert body["status"].isupper()
    details = {detail["@type"].rpartition(".")[2]: detail for detail in body["details"]}
    assert details["BadRequest"]["fieldViolations"] == [{"field": "contents", "description": "why"}]
    assert details["RetryInfo"]["retryDelay"] == "2.5s"
    assert reply.headers["retry-after"] == "3"
    assert gemini.fail_frame(fault, JOB).event is None


def test_streams_hold_nothing_googles_clients_break_on() -> None:
    assert gemini.KEEP_ALIVE == b"\n"
    assert gemini.END == b""
    assert gemini.frame(Progress(5), JOB) == ()
    assert gemini.frame(Partial(A), JOB) == ()
    [frame] = gemini.frame(Done(Result((A,))), JOB)
    assert frame.event is None
    assert frame.data["candidates"][0]["finishReason"] == "STOP"


def test_catalogue() -> None:
    assert plain(gemini.catalogue(["a", "b"], Listing()).body)["models"][1] == {
        "name": "models/b",
        "displayName": "b",
        "supportedGenerationMethods": [
            *("generateContent", "streamGenerateContent", "countTokens", "predict", "predictLongRunning")
        ],
    }
    assert plain(gemini.catalogue(["a", "b"], Listing("b")).body)["name"] == "models/b"
    tasks: dict[str, frozenset[str]] = {
        "paints": frozenset({"generate", "edit"}),
        "cuts": frozenset({"cutout"}),
        "films": frozenset({"video"}),
    }
    told = plain(gemini.catalogue(list(tasks), Listing(tasks=tasks)).body)["models"]
    content = ["generateContent", "streamGenerateContent", "countTokens"]
    assert [each["supportedGenerationMethods"] for each in told] == [
        [*content, "predict"],
        content,
        ["predictLongRunning"],
    ]
    with pytest.raises(Fault, match="did you mean 'gemini-3-pro-image'"):
        gemini.catalogue(["gemini-3-pro-image"], Listing("gemini-3-pro"))
