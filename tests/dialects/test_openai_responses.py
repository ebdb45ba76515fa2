"""The picture tool of the Responses API: what a request comes to, the answer, and the events of its stream."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from koci_proxy.faults import Fault
from koci_proxy.types import Done, Job, Media, Note, Partial, Progress, Result, Size
from koci_proxy.wire import base64, data_uri

from .wires import DIALECTS, asked, captured, picture, plain, post, unplaced

openai = DIALECTS["openai"]
LINK = "https://x.example/a.png"
TOOL = {"type": "image_generation"}
SHOWN = {"type": "input_image", "image_url": LINK}
SAID = {"type": "input_text", "text": "fox"}


def respond(tool: dict[str, Any] | None = None, **fields: Any) -> Job:
    body = {"model": "image-2", "input": "fox", "tools": [TOOL | (tool or {})]} | fields
    return unplaced(asked("openai", post("responses", body)))


MARKS = {"_door": "responses", "_model": "image-2"}
ELSE = {"_else": "gpt-image-2.6-sunburst"}  # what draws where the house has no such model, and the tool names none
JOB = Job("image-2", "fox", deliver="base64", dialect="openai", options=MARKS | ELSE)
EDIT = replace(JOB, task="edit", inputs=(Media(url=LINK),))
EARLIER = Note("input", "left out", "the words of earlier turns: the prompt is what the user said last")
SYSTEM = Note("input", "emulated", "what the system says stands before the prompt")

FOX = {"role": "user", "content": "fox"}
DRAWN = {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": base64(picture())}
FAILED = DRAWN | {"status": "failed", "result": None}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": []}
ANSWER = {"role": "assistant", "content": [{"type": "output_text", "text": "a cat"}]}
HELD = {"type": "input_image", "image_url": data_uri(picture())}
ONE = replace(EDIT, inputs=(picture(),))

INPUTS: list[tuple[Any, Job]] = [
    ("fox", JOB),
    ([{"role": "user", "content": "fox"}], JOB),
    ([{"type": "message", "role": "user", "content": [SAID]}], JOB),
    ([{"content": [SAID, SHOWN]}], EDIT),
    ([{"role": "user", "content": [SHOWN | {"image_url": {"url": LINK}}]}, FOX], EDIT),
    ([{"role": "user", "content": [SAID, HELD]}], ONE),
    ([DRAWN, FOX], ONE),
    ([FOX, DRAWN], ONE),
    ([FOX, THOUGHT, DRAWN], ONE),
    ([FOX, ANSWER, FOX, DRAWN], replace(ONE, notes=(EARLIER,))),
    ([FAILED, FOX], JOB),
    ([FOX, FAILED], JOB),
    ([THOUGHT, FOX], JOB),
    ([{"role": "user", "content": "cat"}, ANSWER, FOX], replace(JOB, notes=(EARLIER,))),
    ([{"role": "developer", "content": "oil"}, {"content": "fox"}], replace(JOB, prompt="oil\n\nfox", notes=(SYSTEM,))),
]


@pytest.mark.parametrize(("given", "job"), INPUTS)
def test_what_an_input_comes_to(given: Any, job: Job) -> None:
    assert respond(input=given) == job


def left(name: str, why: str = "says nothing to a picture model") -> Note:
    return Note(name, "left out", why)


FIELDS: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"size": "2K", "aspect_ratio": "16:9"}, {}, {"size": Size("2K", "16:9")}),
    ({"quality": "high", "background": "opaque"}, {}, {"quality": "high", "background": "opaque"}),
    ({"output_format": "webp", "output_compression": 5}, {}, {"format": "webp", "compression": 5}),
    (
        {"moderation": "low", "input_fidelity": "high"},
        {},
        {
            "options": MARKS | ELSE | {"moderation": "low"},
            "notes": (left("input_fidelity", "there is no picture to keep to"),),
        },
    ),
    ({"partial_images": 2}, {"stream": True}, {"stream": True, "partials": 2}),
    ({"partial_images": 2}, {}, {"notes": (left("tools[0].partial_images", "only a stream has previews"),)}),
    ({"action": "auto"}, {}, {}),
    ({"action": "generate"}, {"tool_choice": TOOL}, {}),
    ({}, {"instructions": "oil"}, {"prompt": "oil\n\nfox", "notes": (SYSTEM,)}),
    (
        {},
        {"store": False, "temperature": 1, "metadata": {"a": "b"}, "previous_response_id": None, "background": False},
        {"options": MARKS | ELSE | {"temperature": 1}, "notes": (left("store"), left("metadata"))},
    ),
    ({}, {"reasoning": {"effort": "low"}}, {"notes": (left("reasoning"),)}),
    ({"model": "image-2"}, {}, {"options": MARKS}),
    (
        {"model": "gemini-3-pro-image"},
        {"model": "gpt-5"},
        {
            "model": "gemini-3-pro-image",
            "options": MARKS | {"_model": "gpt-5"},
            "notes": (Note("model", "emulated", "no gpt-5 here: the tool's model draws"),),
        },
    ),
    (
        {},
        {"tools": [{"type": "web_search"}, TOOL]},
        {"options": MARKS | ELSE | {"_tool": 1}, "notes": (left("tools[0]", "no tool but the picture's"),)},
    ),
]


@pytest.mark.parametrize(("tool", "fields", "changes"), FIELDS)
def test_fields(tool: dict[str, Any], fields: dict[str, Any], changes: dict[str, Any]) -> None:
    assert respond(tool, **fields) == replace(JOB, **changes)


def test_what_stands_beside_a_picture_or_a_text_is_noted() -> None:
    shown = SHOWN | {"detail": "high"}
    job = respond(
        {"input_image_mask": {"image_url": data_uri(picture()), "x": 1}, "input_fidelity": "high"},
        input=[{"type": "message", "content": [SAID | {"y": 2}, shown], "name": "ann"}],
    )
    assert [note.field for note in job.notes] == [
        *("input[0].name", "input[0].content[0].y", "input[0].content[1].detail"),
        "tools[0].input_image_mask.x",
    ]
    assert job.options["input_fidelity"] == "high"


def test_a_mask_and_an_action() -> None:
    given = [{"content": [SAID, SHOWN]}]
    assert respond({"input_image_mask": {"image_url": data_uri(picture())}}, input=given).mask == picture()
    assert respond({"action": "edit"}, input=given) == EDIT
    bent = respond({"action": "generate"}, input=given)
    assert [note.field for note in bent.notes] == ["action"]


BAD: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {"model": None}, "model"),
    ({}, {"input": None}, "input"),
    ({}, {"input": []}, "input"),
    ({}, {"input": " "}, "input"),
    ({}, {"input": [{"content": [SHOWN]}]}, "input"),
    ({}, {"input": [{"content": [SAID, {"type": "input_image", "file_id": "file-1"}]}]}, "input[0].content[1].file_id"),
    ({}, {"input": [{"content": [SAID, {"type": "input_image"}]}]}, "input[0].content[1].image_url"),
    ({}, {"input": [{"content": [SAID, {"type": "input_audio"}]}]}, "input[0].content[1].type"),
    ({}, {"input": [{"content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
    ({}, {"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]"),
    ({}, {"input": [{"type": "image_generation_call", "result": "@@"}, {"content": "x"}]}, "input[0].result"),
    ({}, {"input": [{"type": "image_generation_call", "id": "ig_1"}, FOX]}, "input[0].result"),
    ({}, {"input": [FOX, {"type": "image_generation_call", "id": "ig_1", "result": None}]}, "input[1].result"),
    ({}, {"input": [FOX, ANSWER, DRAWN]}, "input"),
    ({}, {"input": [FOX, THOUGHT]}, "input"),
    ({}, {"tools": []}, "tools"),
    ({}, {"tools": None}, "tools"),
    ({}, {"tools": [{"type": "web_search"}]}, "tools"),
    ({}, {"tool_choice": "none"}, "tool_choice"),
    ({}, {"previous_response_id": "resp_1"}, "previous_response_id"),
    ({}, {"conversation": "conv_1"}, "conversation"),
    ({}, {"background": True}, "background"),
    ({"action": "edit"}, {}, "tools[0].action"),
    ({"action": "paint"}, {}, "tools[0].action"),
    ({"input_image_mask": {"image_url": "AAAA"}}, {}, "tools[0].input_image_mask"),
    ({"size": "2x"}, {}, "tools[0].size"),
    ({"quality": 7}, {}, "tools[0].quality"),
    ({"partial_images": 4}, {}, "tools[0].partial_images"),
]


@pytest.mark.parametrize(("tool", "fields", "field"), BAD)
def test_bad_input_names_its_field(tool: dict[str, Any], fields: dict[str, Any], field: str) -> None:
    with pytest.raises(Fault) as caught:
        respond(tool, **fields)
    assert caught.value.kind == "bad_request"
    assert caught.value.field == field


def test_a_recorded_request() -> None:
    [call] = captured("openai/openai-python-3.52.0-responses_image_tool")
    job = asked("openai", call)
    assert (job.model, job.prompt, job.quality, job.size) == (
        "gpt-5",
        "draw a cat",
        "high",
        Size(width=1024, height=1024),
    )


NAMED = replace(JOB, options=MARKS | {"_id": "req_ab"})
RESULT = Result((picture(), picture(8, 8)), text="there", usage={"total_tokens": 9}, created=5)


def test_the_answer() -> None:
    noted = replace(RESULT, notes=(left("reasoning"),), extras={"revised_prompts": ("red fox", "")})
    body = plain(openai.render(noted, NAMED).body)
    assert (body["id"], body["object"], body["status"], body["created_at"]) == ("resp_ab", "response", "completed", 5)
    first, second, message = body["output"]
    assert (first["id"], first["size"], first["revised_prompt"]) == ("ig_ab", "64x32", "red fox")
    assert (second["id"], second["size"], second["revised_prompt"]) == ("ig_ab_1", "8x8", "fox")
    assert first["result"].startswith("iVBOR")
    assert message["content"][0]["text"] == "there"
    assert body["usage"]["total_tokens"] == 9
    assert body["metadata"] == {"x-koci-notes": "reasoning: left out (says nothing to a picture model)"}


def test_a_stream() -> None:
    job = replace(NAMED, stream=True, partials=2)
    events = [Progress(None), Progress(50), Partial(picture(), 0), Partial(picture(), 1), Done(RESULT)]
    frames = [frame for event in events for frame in openai.frame(event, job)]
    assert [frame.event for frame in frames] == [frame.data["type"] for frame in frames]
    assert [frame.data["sequence_number"] for frame in frames] == list(range(len(frames)))
    call = "response.image_generation_call"
    assert [frame.event for frame in frames] == [
        *("response.created", "response.in_progress", "response.output_item.added"),
        *(f"{call}.in_progress", f"{call}.generating", f"{call}.partial_image", f"{call}.partial_image"),
        *(f"{call}.completed", "response.output_item.done"),
        *("response.output_item.added", f"{call}.completed", "response.output_item.done"),
        *("response.output_item.added", "response.content_part.added", "response.output_text.delta"),
        *("response.output_text.done", "response.content_part.done", "response.output_item.done"),
        "response.completed",
    ]
    assert frames[5].data["partial_image_b64"] == base64(picture())
    assert frames[-1].data["response"] == openai.render(RESULT, job).body.value
    assert openai.end(job) == b""


def test_previews_that_did_not_come_leave_a_gap() -> None:
    job = replace(NAMED, stream=True, partials=3)
    last = openai.frame(Progress(None), job)[-1].data["sequence_number"]
    assert openai.frame(Done(RESULT), job)[0].data["sequence_number"] == last + 4


def test_a_fault_in_a_stream_is_flat() -> None:
    frame = openai.fail_frame(Fault("refused", "no", details={"moderation_details": {}}), NAMED)
    assert frame.event == "error"
    assert frame.data == {
        "type": "error",
        "code": "moderation_blocked",
        "message": "no",
        "param": None,
        "sequence_number": 5,
        "moderation_details": {},
    }
