"""The Anthropic door: what apps send, what they hear, and the recorded requests of its SDKs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from koci_proxy.faults import KINDS, Fault
from koci_proxy.types import Done, Job, Listing, Media, Partial, Progress, Result, Size
from koci_proxy.wire import Call, Reply, base64

from .wires import CAPTURES, DIALECTS, asked, captured, picture, plain, post

anthropic = DIALECTS["anthropic"]
LINK = "https://cdn.example/a.png"
GOOD: dict[str, Any] = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "fox"}]}
JOB = Job("m", "fox", dialect="anthropic", options={"_max_tokens": 9})


def parse(**fields: Any) -> Job:
    job = asked("anthropic", post("messages", GOOD | fields))
    assert isinstance(job, Job)
    return job


def shown(media: Media | str, **more: Any) -> dict[str, Any]:
    """An image block."""
    if isinstance(media, str):
        return {"type": "image", "source": {"type": "url", "url": media}, **more}
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": base64(media)}, **more}


def says(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(content)}


def answered(content: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content}


@pytest.mark.parametrize(
    ("fields", "changes"),
    [
        ({}, {}),
        ({"size": None, "stream": None, "n": None, "response_format": None, "system": None}, {}),
        ({"size": "2K", "aspect_ratio": "16:9"}, {"size": Size("2K", "16:9")}),
        ({"size": "1024x1024"}, {"size": Size(width=1024, height=1024)}),
        ({"n": 3, "quality": "high", "style": "anime"}, {"n": 3, "quality": "high", "style": "anime"}),
        (
            {"output_format": "webp", "output_compression": 50, "background": "opaque"},
            {"format": "webp", "compression": 50, "background": "opaque"},
        ),
        ({"response_format": "b64_json"}, {"deliver": "base64"}),
        ({"stream": True}, {"stream": True}),
        ({"max_tokens": 64_000}, {"options": {"_max_tokens": 64_000}}),
        (
            {"system": "be brief", "temperature": 1, "metadata": {"user_id": "u"}},
            {"options": {"_max_tokens": 9, "system": "be brief", "temperature": 1, "metadata": {"user_id": "u"}}},
        ),
        ({"messages": [user(says("fox"))]}, {}),
        ({"messages": [user(says("a"), says("fox"))]}, {"prompt": "a\nfox"}),
        ({"messages": [user(shown(picture()), says("fox"))]}, {"inputs": (picture(),), "task": "edit"}),
        (
            {"messages": [user(shown(picture(more=20_000)), shown(LINK), says("fox"))]},
            {"inputs": (picture(more=20_000), Media(url=LINK)), "task": "edit"},
        ),
        (
            {"messages": [user({"type": "tool_result", "tool_use_id": "t", "content": [shown(LINK)]}, says("fox"))]},
            {"inputs": (Media(url=LINK),), "task": "edit"},
        ),
        (
            {"messages": [user(shown(LINK), says("a")), answered("ok"), {"role": "user", "content": "fox"}]},
            {"inputs": (Media(url=LINK),), "task": "edit"},
        ),
        ({"messages": [user(says("fox")), answered("Here is")]}, {}),
        (  # as a message of ours comes back from the Python SDK, with nulls; the link in its text is the same picture
            {
                "messages": [
                    user(says("a")),
                    answered([says(f"![image]({LINK})"), shown(LINK, text=None, citations=None)]),
                    user(says("fox")),
                ]
            },
            {"inputs": (Media(url=LINK),), "task": "edit"},
        ),
        (  # from an app that keeps texts alone
            {"messages": [user(says("a")), answered(f"![image]({LINK})"), user(shown(picture()), says("fox"))]},
            {"inputs": (Media(url=LINK), picture()), "task": "edit"},
        ),
    ],
)
def test_parse(fields: dict[str, Any], changes: dict[str, Any]) -> None:
    job = parse(**fields)
    kept = {name: value for name, value in job.options.items() if name not in ("_messages", "_lost")}
    assert replace(job, options=kept) == replace(JOB, **changes)


FILE = {"type": "image", "source": {"type": "file", "file_id": "f"}}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"model": 7}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "you", "content": "fox"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": " "}]}, "messages"),
        ({"messages": [answered("fox")]}, "messages"),
        ({"messages": [user(shown(LINK))]}, "messages"),
        ({"messages": [user({"text": "fox"})]}, "messages[0].content[0].type"),
        ({"messages": [user({"type": "text", "text": 7})]}, "messages[0].content[0].text"),
        ({"messages": [user({"type": "image"})]}, "messages[0].content[0].source"),
        ({"messages": [user(FILE)]}, "messages[0].content[0].source.file_id"),
        ({"messages": [user({"type": "tool_result", "content": [FILE]})]}, "messages[0].content[0].content[0].source"),
        ({"messages": [user(shown("ftp://x/y"))]}, "messages[0].content[0].source.url"),
        ({"messages": [user({"type": "image", "source": {"type": "base64", "data": LINK}})]}, "messages[0].content[0]"),
        ({"messages": [user({"type": "image", "source": {"type": "base64", "data": "@"}})]}, "messages[0].content[0]"),
        ({"messages": [user({"type": "image", "source": {"type": "blob"}})]}, "messages[0].content[0].source.type"),
        ({"n": 0}, "n"),
        ({"size": "2x"}, "size"),
        ({"aspect_ratio": "16:0"}, "aspect_ratio"),
        ({"response_format": "png"}, "response_format"),
    ],
)
def test_bad_input_names_its_field(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(Fault) as caught:
        asked("anthropic", post("messages", {name: each for name, each in (GOOD | fields).items() if each is not None}))
    assert caught.value.kind == "bad_request"
    assert (caught.value.field or "").startswith(field)


@pytest.mark.parametrize(
    ("method", "path", "kind", "word"),
    [
        ("POST", "message", "not_found", "messages"),
        ("POST", "messages/batches", "not_found", "messages/count_tokens"),
        ("GET", "messages", "wrong_method", "POST"),
        ("DELETE", "models/x", "wrong_method", "GET"),
    ],
)
def test_no_such_call(method: str, path: str, kind: str, word: str) -> None:
    for verb in (anthropic.schema, anthropic.parse):
        with pytest.raises(Fault, match=word) as caught:
            verb(Call(method, path))
        assert caught.value.kind == kind


# --- recorded requests ----------------------------------------------------------------------------------------------

RECORDED = sorted(path.stem for path in (CAPTURES / "anthropic").glob("*.json"))


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_requests(name: str) -> None:
    [call] = captured(f"anthropic/{name}")
    if name.endswith("image_blocks"):
        with pytest.raises(Fault, match="no file store"):
            asked("anthropic", call)
        return
    wish = asked("anthropic", call)
    match call.path:
        case "models":
            assert wish == Listing()
        case "models/claude-x":
            assert wish == Listing("claude-x")
        case "messages/count_tokens":
            assert plain(wish.body) == {"input_tokens": 11}
        case _:
            assert (wish.prompt, wish.task) in (("生成一张日落海滩的图片", "generate"), ("x", "generate"))
            assert wish.stream == ("stream" in name)
            assert wish.size == (Size("2K", "16:9") if "extra_body" in name else Size())


def test_there_are_enough_recordings() -> None:
    assert len(RECORDED) == 27
    assert len({name.rsplit("-", 1)[0] for name in RECORDED}) >= 2


# --- answers --------------------------------------------------------------------------------------------------------


def test_an_answer_of_links() -> None:
    usage = {"input_tokens": 30, "output_tokens": 5, "input_tokens_details": {"cached_tokens": 10}}
    result = Result((Media(url=LINK), Media(url=LINK + "?2")), text="two foxes", usage=usage)
    body = plain(anthropic.render(result, replace(JOB, options={"_id": "req_0a"})).body)
    assert body == {
        "id": "msg_0a",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [says(f"![image]({LINK})\n\n![image]({LINK}?2)\n\ntwo foxes"), shown(LINK), shown(LINK + "?2")],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 20, "output_tokens": 5, "cache_read_input_tokens": 10},
    }


@pytest.mark.parametrize("text", ["", "a fox"])
def test_an_answer_in_base64(text: str) -> None:
    body = plain(anthropic.render(Result((picture(),), text=text), replace(JOB, deliver="base64")).body)
    *spoken, image = body["content"]
    assert spoken == ([says(text)] if text else [])
    assert image["source"]["media_type"] == "image/png"
    assert image["source"]["data"].startswith("iVBOR")
    assert body["usage"] == {"input_tokens": 0, "output_tokens": 0}
    assert body["id"].startswith("msg_")


def test_a_stream_has_the_blocks_of_the_answer() -> None:
    result = Result((Media(url=LINK),), usage={"input_tokens": 3, "output_tokens": 5}, extras={"message_id": "msg_1"})
    frames = anthropic.frame(Done(result), JOB)
    text = f"![image]({LINK})"
    assert [(frame.event, plain(Reply(200, {}, post("", frame.data).body).body)) for frame in frames] == [
        (
            "message_start",
            {
                "type": "message_start",
                "message": {
                    "id": "msg_1",
                    "type": "message",
                    "role": "assistant",
                    "model": "m",
                    "content": [],
                    "stop_reason": None,
                    "stop_sequence": None,
                    "usage": {"input_tokens": 3, "output_tokens": 0},
                },
            },
        ),
        ("content_block_start", {"type": "content_block_start", "index": 0, "content_block": says("")}),
        (
            "content_block_delta",
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
        ),
        ("content_block_stop", {"type": "content_block_stop", "index": 0}),
        ("content_block_start", {"type": "content_block_start", "index": 1, "content_block": shown(LINK)}),
        ("content_block_stop", {"type": "content_block_stop", "index": 1}),
        (
            "message_delta",
            {
                "type": "message_delta",
                "delta": {"stop_reason": "end_turn", "stop_sequence": None},
                "usage": {"output_tokens": 5},
            },
        ),
        ("message_stop", {"type": "message_stop"}),
    ]


def test_there_is_no_word_for_progress_or_previews() -> None:
    assert anthropic.frame(Progress(50), JOB) == ()
    assert anthropic.frame(Partial(picture()), JOB) == ()
    assert anthropic.KEEP_ALIVE == b'event: ping\ndata: {"type": "ping"}\n\n'


TYPES = {
    "unauthorized": "authentication_error",
    "no_credit": "billing_error",
    "forbidden": "permission_error",
    "not_found": "not_found_error",
    "gone": "not_found_error",
    "conflict": "conflict_error",
    "too_large": "request_too_large",
    "too_fast": "rate_limit_error",
    "key_busy": "rate_limit_error",
    "slow": "timeout_error",
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_has_an_error_of_anthropics_types(kind: str) -> None:
    fault = Fault(kind, "why", field="size", retry_after=2.5)
    reply = anthropic.fail(fault)
    body = plain(reply.body)
    late = KINDS[kind].blame != "app"
    assert reply.status == KINDS[kind].status
    assert body["type"] == "error"
    assert body["error"]["type"] == TYPES.get(kind, "api_error" if late else "invalid_request_error")
    assert body["error"]["message"] == "why"
    assert body["error"]["details"]["field"] == "size"
    assert reply.headers["retry-after"] == "3"
    frame = anthropic.fail_frame(fault, JOB)
    assert (frame.event, frame.data) == ("error", body)


def test_a_refusal_is_told_from_a_mistake() -> None:
    reply = anthropic.fail(Fault("refused", "no", code="IMAGE_SAFETY"))
    assert plain(reply.body)["error"]["details"] == {"error_code": "content_refused"}
    assert reply.headers == {"x-should-retry": "false"}
    plainly = plain(anthropic.fail(Fault("down", "x", code="secret")).body)
    assert plainly == {"type": "error", "error": {"type": "api_error", "message": "x"}}


# --- tokens and models ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "tokens"),
    [
        ({"messages": [user(says("fox"))]}, 1),
        ({"messages": [{"role": "user", "content": "日落海滩"}]}, 4),
        ({"messages": [user(shown(picture(more=20_000)), says("fox"))]}, 1),
        ({"messages": [user(says("a" * 400))], "system": [says("b" * 40)]}, 110),
        ({"messages": [user({"type": "tool_result", "content": [says("abcdefgh")]})]}, 2),
        ({"messages": [user(says("fox"))], "tools": [{"name": "x"}]}, 5),
    ],
)
def test_tokens_are_estimated(fields: dict[str, Any], tokens: int) -> None:
    reply = asked("anthropic", post("messages/count_tokens", {"model": "m", **fields}))
    assert isinstance(reply, Reply)
    assert plain(reply.body) == {"input_tokens": tokens}
    assert "estimate" in reply.headers["x-koci-notes"]


MODELS = ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("query", "ids", "more"),
    [
        ({}, "abcd", False),
        ({"limit": "4"}, "abcd", False),
        ({"limit": "3"}, "abc", True),
        ({"limit": "2", "after_id": "b"}, "cd", False),
        ({"limit": "1", "after_id": "b"}, "c", True),
        ({"after_id": "d"}, "", False),
        ({"limit": "2", "before_id": "d"}, "bc", True),
        ({"limit": "2", "before_id": "c"}, "ab", False),
    ],
)
def test_pages_of_models(query: dict[str, str], ids: str, more: bool) -> None:
    listing = asked("anthropic", Call("GET", "models", query))
    body = plain(anthropic.catalogue(MODELS, listing).body)
    assert [model["id"] for model in body["data"]] == list(ids)
    assert (body["first_id"], body["last_id"]) == (ids[:1] or None, ids[-1:] or None)
    assert body["has_more"] is more


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"limit": "9" * 5000}, "limit"),
        ({"after_id": "z"}, "after_id"),
        ({"before_id": "z"}, "before_id"),
    ],
)
def test_no_such_page(query: dict[str, str], field: str) -> None:
    with pytest.raises(Fault) as caught:
        anthropic.catalogue(MODELS, asked("anthropic", Call("GET", "models", query)))
    assert (caught.value.kind, caught.value.field) == ("bad_request", field)


def test_one_model() -> None:
    listing = asked("anthropic", Call("GET", "models/b"))
    assert plain(anthropic.catalogue(MODELS, listing).body) == {
        "type": "model",
        "id": "b",
        "display_name": "b",
        "created_at": "1970-01-01T00:00:00Z",
    }
    with pytest.raises(Fault, match="did you mean 'claude-4'") as caught:
        anthropic.catalogue(["claude-4"], Listing("claude-3"))
    assert anthropic.fail(caught.value).status == 404
