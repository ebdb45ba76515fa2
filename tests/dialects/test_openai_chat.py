"""Chat completions of the OpenAI door: what a conversation comes to, and the answer in both forms."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from koci_proxy.faults import Fault
from koci_proxy.types import Done, Job, Media, Note, Partial, Progress, Result, Size
from koci_proxy.wire import data_uri

from .wires import DIALECTS, asked, captured, picture, plain, post, target, unplaced

openai = DIALECTS["openai"]
LINK = "https://x.example/a.png"
WORDS = [{"role": "user", "content": "fox"}]
MADE = {"role": "assistant", "content": f"![image]({LINK})"}


def chat(messages: Any = None, **fields: Any) -> Job:
    job = asked(
        "openai",
        post("chat/completions", {"model": "image-2", "messages": WORDS if messages is None else messages} | fields),
    )
    assert isinstance(job, Job)
    return job


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def image(url: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": url}


JOB = Job("image-2", "fox", dialect="openai", options={"_door": "chat"})
EDIT = replace(JOB, task="edit", inputs=(Media(url=LINK),))
SYSTEM = Note("messages", "emulated", "what the system says stands before the prompt")
EARLIER = Note("messages", "left out", "the words of earlier turns: the prompt is what the user said last")

TALKS: list[tuple[list[Any], Job]] = [
    (WORDS, JOB),
    ([user(text("fox"))], JOB),
    ([user(text("a"), text("b"))], replace(JOB, prompt="a\nb")),
    ([{"role": "system", "content": "oil"}, *WORDS], replace(JOB, prompt="oil\n\nfox", notes=(SYSTEM,))),
    ([{"role": "developer", "content": [text("oil")]}, *WORDS], replace(JOB, prompt="oil\n\nfox", notes=(SYSTEM,))),
    ([user(text("fox"), image({"url": LINK}))], EDIT),
    ([user(text("fox"), image(LINK))], EDIT),
    ([user(image({"url": LINK, "detail": "auto"})), *WORDS], EDIT),
    ([*WORDS, MADE, *WORDS], replace(EDIT, notes=(EARLIER,))),
    ([*WORDS, {**MADE, "images": [image({"url": LINK})]}, *WORDS], replace(EDIT, notes=(EARLIER,))),
    ([{"role": "assistant", "content": None, "images": [image({"url": LINK})]}, *WORDS], EDIT),
    ([{"role": "tool", "content": "x"}, *WORDS], replace(JOB, notes=(EARLIER,))),
    ([user(text("fox"), image({"url": data_uri(picture())}))], replace(EDIT, inputs=(picture(),))),
]


@pytest.mark.parametrize(("messages", "job"), TALKS)
def test_what_a_conversation_comes_to(messages: list[Any], job: Job) -> None:
    assert unplaced(chat(messages)) == job


def left(name: str) -> Note:
    return Note(name, "left out", "says nothing to a picture model")


FIELDS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"n": 2, "size": "2K", "aspect_ratio": "16:9"}, {"n": 2, "size": Size("2K", "16:9")}),
    ({"image_config": {"image_size": "2K", "aspect_ratio": "16:9"}}, {"size": Size("2K", "16:9")}),
    ({"image_config": {"aspect_ratio": "16:9"}, "size": "1K"}, {"size": Size("1K", "16:9")}),
    ({"image_config": {"image_size": "2k", "aspect_ratio": "16:9"}, "size": "2K"}, {"size": Size("2K", "16:9")}),
    (
        {"image_config": {"image_size": "2K", "foo": 1, "bar": None}},
        {"size": Size("2K"), "notes": (left("image_config.foo"),)},
    ),
    (
        {"quality": "high", "output_format": "webp", "style": "vivid"},
        {"quality": "high", "format": "webp", "style": "vivid"},
    ),
    ({"response_format": "b64_json"}, {"deliver": "base64"}),
    ({"response_format": {"type": "text"}}, {}),
    ({"stream": True}, {"stream": True}),
    (
        {"stream": True, "stream_options": {"include_usage": True}},
        {"stream": True, "options": {"_door": "chat", "_usage": "asked"}},
    ),
    ({"modalities": ["image", "text"], "temperature": 1}, {"options": {"_door": "chat", "temperature": 1}}),
    ({"seed": 42, "top_p": 0.5}, {"options": {"_door": "chat", "seed": 42, "top_p": 0.5}}),
    ({"max_tokens": 9, "metadata": {"a": "b"}}, {"notes": (left("max_tokens"), left("metadata"))}),
    (
        {"input_fidelity": "high"},
        {"notes": (Note("input_fidelity", "left out", "there is no picture to keep to"),)},
    ),
    ({"moderation": "low", "user": "u"}, {"options": {"_door": "chat", "moderation": "low", "user": "u"}}),
    ({"tools": [], "logit_bias": {}}, {"notes": (left("tools"), left("logit_bias"))}),
    ({"partial_images": 2}, {"notes": (Note("partial_images", "left out", "a chat has no place for previews"),)}),
    (
        {"response_format": {"type": "json_object"}},
        {"notes": (Note("response_format", "left out", "the answer is a picture, not a text"),)},
    ),
]


@pytest.mark.parametrize(("fields", "changes"), FIELDS)
def test_fields(fields: dict[str, Any], changes: dict[str, Any]) -> None:
    assert chat(**fields) == replace(JOB, **changes)


BESIDE: list[tuple[list[Any], list[str]]] = [
    ([user(text("fox"), image({"url": LINK, "detail": "high"}))], ["messages[0].content[1].image_url.detail"]),
    ([{**WORDS[0], "name": "ann", "weight": None}], ["messages[0].name"]),
    ([{**WORDS[0], "name": "ann"}, {**WORDS[0], "name": "bob"}], ["messages[0].name"]),
    ([user(text("fox") | {"cache_control": {"type": "ephemeral"}})], ["messages[0].content[0].cache_control"]),
    ([*WORDS, {**MADE, "audio": {"id": "x"}}, *WORDS], ["messages"]),
]


@pytest.mark.parametrize(("messages", "fields"), BESIDE)
def test_what_else_a_message_says_is_noted_once(messages: list[Any], fields: list[str]) -> None:
    assert [note.field for note in chat(messages).notes if note.what == "left out"] == fields


def test_a_vendor_that_draws_is_not_sent_what_a_model_that_talks_is_asked() -> None:
    job = chat(seed=42, temperature=0, user="u")
    assert set(openai.words(job, target("openai"))) == {"_door", "user"}
    sent = plain(DIALECTS["gemini"].encode(job, target("gemini")).body)["generationConfig"]
    assert (sent["seed"], sent["temperature"]) == (42, 0)
    assert set(DIALECTS["gemini"].words(job, target("gemini"))) == {"seed", "temperature"}


BAD: list[tuple[dict[str, Any], str]] = [
    ({"image_config": {"image_size": "4K"}, "size": "1024x1024"}, "image_config.image_size"),
    ({"image_config": {"aspect_ratio": "16:9"}, "aspect_ratio": "1:1"}, "image_config.aspect_ratio"),
    ({"image_config": {"aspect_ratio": "16:9"}, "size": "1024x1024"}, "image_config.aspect_ratio"),
    ({"model": None}, "model"),
    ({"messages": []}, "messages"),
    ({"messages": "fox"}, "messages"),
    ({"messages": [MADE]}, "messages"),
    ({"messages": [*WORDS, {"role": "tool", "content": "x"}]}, "messages"),
    ({"messages": [user(image(LINK))]}, "messages"),
    ({"messages": [user(text("x" * 16_001), text("y" * 16_001))]}, "messages"),
    ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"content": "x"}]}, "messages[0].role"),
    ({"messages": [user({"type": "text", "text": None})]}, "messages[0].content[0].text"),
    ({"messages": [user({"type": "input_audio"})]}, "messages[0].content[0].type"),
    ({"messages": [user(text("x"), image({"url": "@@"}))]}, "messages[0].content[1].image_url"),
    ({"messages": [user(text("x"), {"type": "image_url"})]}, "messages[0].content[1].image_url"),
    ({"modalities": ["text"]}, "modalities"),
    ({"response_format": "png"}, "response_format"),
    ({"image_config": {"aspect_ratio": "16:0"}}, "image_config.aspect_ratio"),
    ({"n": 11}, "n"),
]


@pytest.mark.parametrize(("fields", "field"), BAD)
def test_bad_input_names_its_field(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(Fault) as caught:
        chat(**{"messages": WORDS} | fields)
    assert caught.value.kind == "bad_request"
    assert caught.value.field == field


def test_a_recorded_request() -> None:
    [call] = captured("openai/openai-python-3.52.0-chat_image_output")
    job = asked("openai", call)
    assert (job.model, job.prompt, job.task, len(job.inputs), job.notes) == ("gemini-image", "draw", "edit", 1, ())


LINKED = Result((Media(url=LINK), Media(url=LINK + "2")), text="two ", usage={"input_tokens": 1}, created=5)
NAMED = replace(JOB, options={"_door": "chat", "_id": "req_ab"})


def test_the_answer_links_its_pictures() -> None:
    body = plain(openai.render(LINKED, NAMED).body)
    assert (body["id"], body["object"], body["created"]) == ("chatcmpl-ab", "chat.completion", 5)
    [choice] = body["choices"]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["content"] == f"two\n\n![image]({LINK})\n\n![image]({LINK}2)"
    assert [each["image_url"]["url"] for each in choice["message"]["images"]] == [LINK, LINK + "2"]
    assert body["usage"] == {"prompt_tokens": 1, "completion_tokens": 0, "total_tokens": 0}


def test_several_asked_for_are_several_choices() -> None:
    body = plain(openai.render(LINKED, replace(NAMED, n=2)).body)
    assert [choice["index"] for choice in body["choices"]] == [0, 1]
    assert [len(choice["message"]["images"]) for choice in body["choices"]] == [1, 1]
    assert body["choices"][1]["message"]["content"] == f"![image]({LINK}2)"


def test_base64_is_a_data_uri_and_no_text() -> None:
    body = plain(openai.render(Result((picture(),), created=5), replace(NAMED, deliver="base64")).body)
    message = body["choices"][0]["message"]
    assert message["content"] == ""
    assert message["images"][0]["image_url"]["url"].startswith("data:image/png;base64,iVBOR")


@pytest.mark.parametrize(("n", "usage", "count"), [(1, False, 2), (2, False, 4), (1, True, 3)])
def test_a_stream(n: int, usage: bool, count: int) -> None:
    job = replace(NAMED, n=n, stream=True, options={**NAMED.options, **({"_usage": "asked"} if usage else {})})
    assert openai.frame(Progress(None), job) == openai.frame(Partial(picture()), job) == ()
    frames = openai.frame(Done(LINKED), job)
    assert len(frames) == count
    assert {frame.event for frame in frames} == {None}
    assert {frame.data["object"] for frame in frames} == {"chat.completion.chunk"}
    assert frames[0].data["choices"][0]["delta"]["images"]
    assert frames[1].data["choices"][0] == {"index": 0, "delta": {}, "finish_reason": "stop"}
    assert ("usage" in frames[-1].data) == usage
    assert openai.end(job) == b"data: [DONE]\n\n"


def test_a_stream_tells_its_notes_in_the_end() -> None:
    frames = openai.frame(Done(replace(LINKED, notes=(left("tools"),))), NAMED)
    assert [frame.data.get("notes") for frame in frames] == [
        None,
        ["tools: left out (says nothing to a picture model)"],
    ]


def test_a_fault_in_a_stream() -> None:
    frame = openai.fail_frame(Fault("refused", "no"), NAMED)
    assert (frame.event, list(frame.data)) == (None, ["error"])
    assert frame.data["error"]["code"] == "moderation_blocked"


@pytest.mark.parametrize("begun", ["![", "![](http://a", "![a](http://x"])
def test_links_that_only_begin_are_looked_through_at_once(begun: str) -> None:
    answered = {"role": "assistant", "content": begun * 30_000}
    began = time.process_time()
    assert chat([WORDS[0], answered, WORDS[0]]).inputs == ()
    assert time.process_time() - began < 1
