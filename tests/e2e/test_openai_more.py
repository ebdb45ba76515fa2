"""The rest of the OpenAI door through its real SDK: chats, responses, streams with previews, JSON edits, odd forms."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import openai
import pytest
from openai import OpenAI

from .pictures import png, seen
from .processes import House

pytestmark = pytest.mark.sockets

CAPTURES = Path(__file__).parents[1] / "captures" / "openai"
URI = "data:image/png;base64," + base64.b64encode(png()).decode()
VENDORS = ("via-openai", "via-gemini", "via-linkai")


@pytest.fixture
def client(house: House) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{house.url}/openai/v1", api_key=house.key, max_retries=0) as client:
        yield client


def pixels(data: str | None) -> tuple[int, int]:
    return seen(base64.b64decode(data or "", validate=True))[1]


# --- chat completions -----------------------------------------------------------------------------------------------

DRAW: dict[str, Any] = {"messages": [{"role": "user", "content": "a fox"}]}
CHANGE: dict[str, Any] = {
    "messages": [
        {
            "role": "user",
            "content": [{"type": "text", "text": "blue"}, {"type": "image_url", "image_url": {"url": URI}}],
        }
    ]
}


@pytest.mark.parametrize("ask", [DRAW, CHANGE], ids=["generate", "edit"])
@pytest.mark.parametrize("model", VENDORS)
def test_a_chat_links_its_picture(client: OpenAI, model: str, ask: dict[str, Any]) -> None:
    answer = client.chat.completions.create(
        model=model, **ask, extra_body={"modalities": ["image", "text"], "size": "2K", "aspect_ratio": "1:1"}
    )
    [choice] = answer.choices
    [image] = choice.message.images
    link = image["image_url"]["url"]
    assert f"![image]({link})" in (choice.message.content or "")
    assert seen(httpx.get(link).content)[1] == (2048, 2048)
    assert answer.id.startswith("chatcmpl-")
    assert len(answer.id) > 20


def test_a_second_turn_changes_the_picture_of_the_first(house: House, client: OpenAI) -> None:
    first = client.chat.completions.create(model="via-openai", **DRAW)
    said: Any = {"role": "assistant", "content": first.choices[0].message.content}
    again: Any = [*DRAW["messages"], said, {"role": "user", "content": "make it blue"}]
    answer = client.chat.completions.create(model="via-openai", messages=again)
    assert answer.choices[0].message.images  # type: ignore[attr-defined]
    last = house.sandbox.last()
    assert (last["form"]["prompt"], len(last["files"])) == ("make it blue", 1)


def test_a_chat_in_base64_and_several(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="via-openai", **DRAW, n=2, extra_body={"response_format": "b64_json", "size": "1024x1024"}
    )
    links = [image["image_url"]["url"] for choice in answer.choices for image in choice.message.images]
    assert [link.partition(",")[0] for link in links] == ["data:image/png;base64"] * 2
    assert [pixels(link.partition(",")[2]) for link in links] == [(1024, 1024)] * 2


def test_a_chat_as_a_stream(house: House, client: OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(model="via-openai", **DRAW, stream=True, stream_options={"include_usage": True})
    )
    [image] = chunks[0].choices[0].delta.images
    assert seen(httpx.get(image["image_url"]["url"]).content)[0] == "PNG"
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices] == [None, "stop"]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens > 0
    raw = httpx.post(
        f"{house.url}/openai/v1/chat/completions",
        json={"model": "via-openai", "stream": True, **DRAW},
        headers={"authorization": f"Bearer {house.key}"},
        timeout=30,
    )
    assert raw.text.endswith("\n\ndata: [DONE]\n\n")


# --- responses ------------------------------------------------------------------------------------------------------


SAID = {"type": "input_text", "text": "blue"}
SHOWN = [{"role": "user", "content": [SAID, {"type": "input_image", "image_url": URI}]}]


@pytest.mark.parametrize("given", ["a fox", SHOWN], ids=["generate", "edit"])
@pytest.mark.parametrize("model", VENDORS)
def test_the_picture_tool(client: OpenAI, model: str, given: Any) -> None:
    tool: Any = {"type": "image_generation", "model": model, "size": "1024x1024"}
    answer = client.responses.create(model="gpt-5", input=given, tools=[tool])
    call, message = answer.output
    assert call.type == "image_generation_call"
    assert (call.status, pixels(call.result)) == ("completed", (1024, 1024))
    assert message.type == "message"
    assert (answer.model, answer.status, answer.output_text) == ("gpt-5", "completed", message.content[0].text)  # type: ignore[union-attr]
    assert "model: emulated" in answer.metadata["x-koci-notes"]  # type: ignore[index]


def test_the_picture_tool_of_a_model_that_talks_draws_with_its_own_default(house: House, client: OpenAI) -> None:
    """The sample of OpenAI's guide as it stands, and words of the models it draws with."""
    tool: Any = {"type": "image_generation"}
    answer = client.responses.create(model="gpt-5", input="Draw a fox", tools=[tool])
    assert pixels(answer.output[0].result) == (1024, 1024)  # type: ignore[union-attr]
    assert house.sandbox.last()["json"]["model"] == "gpt-image-2.6-sunburst"
    assert answer.model == "gpt-5"
    assert "model: defaulted (gpt-image-2.6-sunburst: there is no gpt-5 here)" in answer.metadata["x-koci-notes"]  # type: ignore[index]
    tool |= {"quality": "xhigh", "output_format": "gif", "frame_count": 4, "input_fidelity": "high"}
    client.responses.create(model="gpt-5", input="Draw a fox", tools=[tool])
    said = house.sandbox.last()["json"]
    assert (said["quality"], said["output_format"], said["frame_count"]) == ("xhigh", "gif", 4)
    with pytest.raises(openai.NotFoundError, match="gpt-5"):
        client.chat.completions.create(model="gpt-5", messages=[{"role": "user", "content": "how are you?"}])


# --- what is left out, and what a strict model says to it -----------------------------------------------------------


def test_words_that_a_model_must_not_be_sent_are_left_out(house: House, client: OpenAI) -> None:
    words: Any = {"seed": 4, "frame_count": 9, "svg": {"model": "x"}, "moderation": "low"}
    images = client.images.with_raw_response
    for edit in (True, False):
        if edit:
            made = images.edit(model="via-openai", prompt="blue", image=png(), input_fidelity="high", extra_body=words)
        else:
            made = images.generate(model="via-openai", prompt="fox", extra_body=words)
        notes = made.headers["x-koci-notes"]
        last = house.sandbox.last()
        sent = last.get("form") or last["json"]
        assert sent["moderation"] == "low"
        assert not [name for name in sent if name.startswith(("seed", "frame", "svg", "input_fidelity"))]
        assert all(f"{name}: left out" in notes for name in ("seed", "frame_count"))
        assert "svg" in notes


def test_markup_is_refused_where_it_is_not_taken_and_never_dropped(house: House, client: OpenAI) -> None:
    files = [("image", ("a.png", png(), "image/png")), ("markup", ("m.png", png(alpha=0), "image/png"))]
    status = {}
    for model in ("gpt-image-2.6-sunburst", "via-openai", "via-gemini"):
        answer = httpx.post(
            f"{house.url}/openai/v1/images/edits",
            data={"model": model, "prompt": "blue"},
            files=files,
            headers={"authorization": f"Bearer {house.key}"},
            timeout=30,
        )
        status[model] = answer.status_code, answer.json().get("error", {}).get("param")
    assert status == {
        "gpt-image-2.6-sunburst": (200, None),
        "via-openai": (400, "markup"),
        "via-gemini": (400, "markup"),
    }


@pytest.mark.parametrize(
    ("model", "more", "field"),
    [
        ("as-it-is", {"seed": 42, "temperature": 0, "user": "u", "store": True, "metadata": {"a": "b"}}, None),
        ("as-openai", {"user": "u", "max_tokens": 9, "safety_identifier": "s"}, None),
        ("as-it-is", {"size": "1K", "image_config": {"aspect_ratio": "16:9"}}, None),
        ("as-it-is", {"image_config": {"foo": 1}}, "image_config.foo"),
        ("as-openai", {"temperature": 0}, "temperature"),
        ("as-it-is", {"presence_penalty": 1}, "presence_penalty"),
    ],
)
def test_a_strict_model_lets_go_of_bookkeeping_alone(
    house: House, client: OpenAI, model: str, more: dict[str, Any], field: str | None
) -> None:
    if field is None:
        answer = client.chat.completions.with_raw_response.create(model=model, **DRAW, extra_body=more)
        config = house.sandbox.last()["json"].get("generationConfig", {})
        assert {name: config.get(name) for name in more.keys() & {"seed", "temperature"}} == {
            name: more[name] for name in more.keys() & {"seed", "temperature"}
        }
        assert "size" not in more or "sent=1K 16:9" in answer.headers["x-koci-size"]
        return
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=model, **DRAW, extra_body=more)
    assert (caught.value.param, caught.value.code) == (field, "strict")


def test_previews_that_cannot_come_are_noted(client: OpenAI) -> None:
    made = client.images.with_raw_response.generate(model="via-openai", prompt="fox", extra_body={"partial_images": 2})
    assert "partial_images: left out (only a stream has previews)" in made.headers["x-koci-notes"]
    events = list(client.images.generate(model="via-gemini", prompt="fox", stream=True, partial_images=2))
    assert any("partial_images: left out" in note for note in events[-1].notes)  # type: ignore[union-attr]
    with pytest.raises(openai.BadRequestError):
        client.images.generate(model="as-it-is", prompt="fox", stream=True, partial_images=2)


def test_the_picture_tool_as_a_stream(client: OpenAI) -> None:
    tool: Any = {"type": "image_generation", "size": "1024x1024", "partial_images": 2}
    with client.responses.stream(model="via-openai", input="a fox", tools=[tool]) as stream:
        events = list(stream)
        whole = stream.get_final_response()
    previews = [event for event in events if event.type == "response.image_generation_call.partial_image"]
    assert [preview.partial_image_index for preview in previews] == [0, 1]
    assert {pixels(preview.partial_image_b64) for preview in previews} == {(1024, 1024)}
    numbers = [event.sequence_number for event in events]
    assert numbers == list(range(len(numbers)))
    [call] = [item for item in whole.output if item.type == "image_generation_call"]
    assert call.result not in {preview.partial_image_b64 for preview in previews}
    assert pixels(call.result) == (1024, 1024)


def test_a_refused_picture_ends_a_stream_with_an_error_event(client: OpenAI) -> None:
    tool: Any = {"type": "image_generation"}
    events = list(client.responses.create(model="via-openai", input="sandbox:refuse", tools=[tool], stream=True))
    last = events[-1]
    assert last.type == "error"
    assert last.code == "moderation_blocked"


def test_what_the_app_did_wrong_is_a_plain_error_in_a_stream_too(client: OpenAI) -> None:
    tool: Any = {"type": "image_generation", "size": "1920x1080"}
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="exact", input="a fox", tools=[tool], stream=True)
    assert caught.value.param == "tools[0].size"


# --- streams of the Images paths ------------------------------------------------------------------------------------


@pytest.mark.parametrize("edit", [False, True], ids=["generate", "edit"])
@pytest.mark.parametrize(
    ("model", "previews"), [("via-openai", 2), ("via-aioagi", 2), ("via-gemini", 0), ("via-linkai", 0)]
)
def test_previews_come_where_the_vendor_makes_them(client: OpenAI, model: str, previews: int, edit: bool) -> None:
    if edit:
        file = ("a.png", png(), "image/png")
        events: list[Any] = list(
            client.images.edit(model=model, prompt="blue", image=file, stream=True, partial_images=2)
        )
    else:
        events = list(client.images.generate(model=model, prompt="a fox", stream=True, partial_images=2))
    stem = "image_edit" if edit else "image_generation"
    assert [event.type for event in events] == [f"{stem}.partial_image"] * previews + [f"{stem}.completed"]
    assert [event.partial_image_index for event in events[:-1]] == list(range(previews))
    assert len({event.b64_json for event in events}) == len(events)
    assert len({pixels(event.b64_json) for event in events}) == 1


def test_several_pictures_in_one_stream(client: OpenAI) -> None:
    stream = client.images.generate(model="via-openai", prompt="a fox", n=2, stream=True, partial_images=1)
    events: list[Any] = list(stream)
    done = [event for event in events if event.type == "image_generation.completed"]
    assert len(done) == 2
    assert done[-1].usage.total_tokens > 0


def test_the_vendor_is_asked_for_the_stream(house: House, client: OpenAI) -> None:
    list(client.images.generate(model="via-openai", prompt="a fox", stream=True, partial_images=3))
    assert {"stream": True, "partial_images": 3}.items() <= house.sandbox.last()["json"].items()


@pytest.mark.parametrize("previews", [0, 2])
def test_an_error_in_the_vendors_stream_is_plain_before_the_first_event(client: OpenAI, previews: int) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(model="via-openai", prompt="sandbox:refuse=output", stream=True, partial_images=previews)
    assert caught.value.code == "moderation_blocked"


# --- a relay of the same shape --------------------------------------------------------------------------------------


@pytest.mark.parametrize("deliver", ["url", "b64_json"])
def test_a_relay_gets_its_own_words(house: House, client: OpenAI, deliver: Any) -> None:
    answer = client.images.edit(
        model="via-aioagi",
        prompt="blue",
        image=png(),
        background="transparent",
        input_fidelity="high",
        response_format=deliver,
        extra_body={"moderation": "auto"},
    )
    last = house.sandbox.last()
    assert (last["shape"], [file["name"] for file in last["files"]]) == ("aioagi", ["image[]"])
    asked = {"background": "transparent", "input_fidelity": "high", "moderation": "auto"}
    assert asked.items() <= last["form"].items()
    assert answer.data
    [made] = answer.data
    content = httpx.get(made.url).content if made.url else base64.b64decode(made.b64_json or "")
    assert seen(content)[1] == (1024, 1024)
    assert made.revised_prompt == ""


# --- edits as JSON, and forms as they come --------------------------------------------------------------------------


def test_a_json_edit_with_a_mask(client: OpenAI) -> None:
    mask = "data:image/png;base64," + base64.b64encode(png(alpha=0)).decode()
    body = {
        "model": "via-openai",
        "prompt": "blue",
        "images": [{"image_url": URI}, {"image_url": URI}],
        "mask": {"image_url": mask},
        "size": "1024x1024",
    }
    answer: Any = client.post("/images/edits", body=body, cast_to=object)
    assert seen(httpx.get(answer["data"][0]["url"]).content)[1] == (1024, 1024)


def test_a_file_id_says_what_to_send(client: OpenAI) -> None:
    body = {"model": "via-openai", "prompt": "blue", "images": [{"file_id": "file-1"}]}
    with pytest.raises(openai.BadRequestError, match="image_url"):
        client.post("/images/edits", body=body, cast_to=object)
    with pytest.raises(openai.NotFoundError, match="no file store"):
        client.files.create(file=("a.png", png()), purpose="vision")


def test_variations_are_gone(client: OpenAI) -> None:
    with (
        pytest.warns(DeprecationWarning, match="deprecated"),
        pytest.raises(openai.APIStatusError, match="images/edits") as caught,
    ):
        client.images.create_variation(image=png())
    assert caught.value.status_code == 410


@pytest.mark.parametrize("model", VENDORS)
def test_one_model(client: OpenAI, model: str) -> None:
    assert client.models.retrieve(model).id == model


RECORDED = sorted(path.stem for path in CAPTURES.glob("*.json") if "edit" in path.stem and "json_via" not in path.stem)


def sent(house: House, name: str, chunked: bool) -> tuple[int, Any]:
    """A recorded form, byte for byte but for the model it names; chunked, it comes in pieces of seven bytes."""
    record = json.loads((CAPTURES / f"{name}.json").read_text(encoding="utf-8"))["requests"][0]
    kind = {header.lower(): value for header, value in record["headers"]}["content-type"]
    content = base64.b64decode(record["body_base64"])
    # Words that are made up go to a vendor that is never sent them: the other one would rightly refuse them.
    model = b"via-linkai" if "extra_body" in name else b"via-openai"
    for old in (b"image-2-hd", b"gpt-image-2", b'name="model"\r\n\r\nm\r\n'):
        new = b'name="model"\r\n\r\n' + model + b"\r\n" if old.startswith(b"name") else model
        content = content.replace(old, new)
    link = urlsplit(house.url)
    line = http.client.HTTPConnection(str(link.hostname), link.port, timeout=30)
    headers = {"authorization": f"Bearer {house.key}", "content-type": kind}
    pieces = (content[at : at + 7] for at in range(0, len(content), 7))
    line.request("POST", "/openai/v1/images/edits", pieces if chunked else content, headers, encode_chunked=chunked)
    with line.getresponse() as answer:
        body = answer.read()
    line.close()
    return answer.status, json.loads(body) if body.startswith(b"{") else body.decode()


@pytest.mark.parametrize("chunked", [False, True], ids=["whole", "chunked"])
@pytest.mark.parametrize("name", RECORDED)
def test_recorded_forms(house: House, name: str, chunked: bool) -> None:
    status, body = sent(house, name, chunked)
    assert status == 200, body
    assert body["data"] if isinstance(body, dict) else "image_edit.completed" in body


@pytest.mark.parametrize("names", [["image[0]", "image[1]"], ["image", "image"], ["image[]"], ["images[]", "images[]"]])
def test_names_of_pictures_in_a_form(house: House, names: list[str]) -> None:
    files = [(name, ("blob", png(16 * (at + 1), 16), "application/octet-stream")) for at, name in enumerate(names)]
    answer = httpx.post(
        f"{house.url}/openai/v1/images/edits",
        data={"model": "via-openai", "prompt": "blue", "size": "1024x1024"},
        files=files,
        headers={"authorization": f"Bearer {house.key}"},
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    assert len(house.sandbox.last()["files"]) == len(names)
