"""What an app calls an input that the house finds fault with: `images[1]` by its place in the body that was sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from koci_proxy.recorded import read, write
from koci_proxy.types import Job, Media, Size
from koci_proxy.wire import Call, Form

from .wires import DIALECTS, DOORS, asked, picture, post

LINK, FILM = "https://x.example/a.png", "https://x.example/a.mp4"
VEO, DRAW = "models/veo:predictLongRunning", "models/banana:generateContent"
TASKS = "contents/generations/tasks"
HEX = "0123456789abcdef01234567"
B64 = {"bytesBase64Encoded": "iVBORw0KGgo=", "mimeType": "image/png"}
SAID: dict[str, Any] = {"type": "text", "text": "fox"}
SHOWN = {"type": "image_url", "image_url": {"url": LINK}}
INLINE = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}
TOOL = {"type": "image_generation", "model": "image-2"}


def veo(parameters: Any = None, **instance: Any) -> Call:
    return post(VEO, {"instances": [{"prompt": "fox", **instance}], "parameters": parameters})


def draw(*parts: Any, **config: Any) -> Call:
    return post(DRAW, {"contents": [{"role": "user", "parts": list(parts)}], "generationConfig": config})


def predict(**parameters: Any) -> Call:
    return post("models/imagen:predict", {"instances": [{"prompt": "fox"}], "parameters": parameters})


def openai(path: str, **fields: Any) -> Call:
    return post(path, {"model": "image-2", "prompt": "fox"} | fields)


def edit(*names: str) -> Call:
    return Call(
        "POST", "images/edits", body=Form((("model", "m"), ("prompt", "fox"), *((n, picture()) for n in names)))
    )


def chat(*turns: Any) -> Call:
    return post("chat/completions", {"model": "image-2", "messages": list(turns)})


def respond(given: Any, model: str = "image-2", *tools: Any) -> Call:
    return post("responses", {"model": model, "input": given, "tools": [*tools, TOOL]})


def koci(path: str, **fields: Any) -> Call:
    return post(path, {"model": "m", "prompt": "fox", "conversation_id": "your-conversation-id"} | fields)


def ark(*content: Any, **fields: Any) -> Call:
    return post(TASKS, {"model": "m", "content": list(content)} | fields)


def of_role(role: str) -> dict[str, Any]:
    return {**SHOWN, "role": role}


CASES: list[tuple[str, Call, dict[str, str]]] = [
    (
        "gemini",
        veo({"resolution": "720p", "aspectRatio": "16:9"}, image=B64, lastFrame=B64),
        {
            "images[0]": "instances[0].image",
            "images[1]": "instances[0].lastFrame",
            "images": "instances[0].referenceImages",
            "prompt": "instances[0].prompt",
            "size": "parameters.resolution",
            "seconds": "parameters.durationSeconds",
            "n": "parameters.sampleCount",
            "task": "model",
            "model": "model",
            "id": "id",
        },
    ),
    (
        "gemini",
        veo({"aspectRatio": "16:9"}, image=B64, referenceImages=[{"image": B64}, {"image": B64}], video={"uri": FILM}),
        {
            "images[0]": "instances[0].image",
            "images[1]": "instances[0].referenceImages[0].image",
            "images[2]": "instances[0].referenceImages[1].image",
            "images[3]": "images[3]",
            "video": "instances[0].video",
            "size": "parameters.aspectRatio",
        },
    ),
    (
        "gemini",
        draw({"text": "fox"}, INLINE, {"text": "and"}, INLINE),
        {
            "images[0]": "contents[0].parts[1]",
            "images[1]": "contents[0].parts[3]",
            "images": "contents",
            "prompt": "contents",
            "n": "generationConfig.candidateCount",
            "task": "model",
            "size": "imageSize",
        },
    ),
    ("gemini", draw(INLINE, INLINE, {"text": "fox"}), {"images[1]": "contents[0].parts[1]"}),
    ("gemini", draw({"text": "fox"}, imageConfig={"aspectRatio": "16:9"}), {"size": "aspectRatio"}),
    (
        "gemini",
        post(DRAW, {"contents": [{"role": "model", "parts": [INLINE]}, {"parts": [{"text": "fox"}, INLINE]}]}),
        {"images[0]": "contents[0].parts[0]", "images[1]": "contents[1].parts[1]"},
    ),
    (
        "gemini",
        predict(aspectRatio="16:9"),
        {"prompt": "instances[0].prompt", "n": "parameters.sampleCount", "size": "parameters.aspectRatio"},
    ),
    ("gemini", predict(), {"size": "parameters.sampleImageSize", "format": "parameters.outputOptions.mimeType"}),
    (
        "openai",
        edit("image"),
        {"images[0]": "image", "images": "image", "mask": "mask", "task": "model", "format": "output_format"},
    ),
    ("openai", edit("image[]", "image[]"), {"images[0]": "image[0]", "images[1]": "image[1]", "images": "image"}),
    (
        "openai",
        openai("images/edits", images=[{"image_url": LINK}, LINK]),
        {"images[0]": "images[0].image_url", "images[1]": "images[1]", "images": "images"},
    ),
    (
        "openai",
        openai("images/generations", image=[LINK], images=[LINK]),
        {"images[0]": "image[0]", "images[1]": "images[0]"},
    ),
    (
        "openai",
        chat({"role": "user", "content": [SHOWN, SAID]}, {"role": "user", "content": [SAID, SHOWN]}),
        {
            "images[0]": "messages[0].content[0].image_url",
            "images[1]": "messages[1].content[1].image_url",
            "images": "messages",
            "prompt": "messages",
            "compression": "output_compression",
        },
    ),
    (
        "openai",
        chat(
            {"role": "user", "content": "fox"},
            {"role": "assistant", "content": f"![image]({LINK})", "images": [{**SHOWN, "image_url": {"url": FILM}}]},
            {"role": "user", "content": "again"},
        ),
        {"images[0]": "messages", "images[1]": "messages[1].images[0].image_url"},
    ),
    (
        "openai",
        respond(
            [
                {"type": "image_generation_call", "result": "iVBORw0KGgo="},
                {"content": [{"type": "input_text", "text": "fox"}, {"type": "input_image", "image_url": LINK}]},
            ],
            "gpt-5",
            {"type": "web_search"},
        ),
        {
            "images[0]": "input[0].result",
            "images[1]": "input[1].content[1].image_url",
            "prompt": "input",
            "size": "tools[1].size",
            "mask": "tools[1].input_image_mask",
            "format": "tools[1].output_format",
            "model": "tools[1].model",
            "task": "tools[1].model",
            "user": "user",
        },
    ),
    ("openai", respond("fox"), {"model": "model", "quality": "tools[0].quality", "images": "input"}),
    (
        "openai",
        openai("videos", input_reference={"image_url": LINK}),
        {"images[0]": "input_reference", "images": "input_reference", "size": "size", "task": "model"},
    ),
    ("openai", openai("videos/edits", video=FILM), {"video": "video", "seconds": "seconds"}),
    ("koci", koci("generate/img2img", image=[LINK]), {"images[0]": "image", "images": "image", "mask": "mask"}),
    ("koci", koci("generate/img2img", image=[LINK, LINK]), {"images[0]": "image[0]", "images[1]": "image[1]"}),
    ("koci", koci("generate"), {"prompt": "prompt", "style": "style", "task": "model"}),
    (
        "koci",
        koci("videos", reference_images=[LINK, LINK], input_video_url=FILM),
        {
            "images[0]": "reference_images[0]",
            "images[1]": "reference_images[1]",
            "images": "reference_images",
            "video": "input_video_url",
            "task": "model",
        },
    ),
    (
        "ark",
        ark(SAID, of_role("first_frame"), of_role("last_frame"), resolution="720p", ratio="16:9"),
        {
            "images[0]": "content[1].image_url.url",
            "images[1]": "content[2].image_url.url",
            "images": "content",
            "prompt": "content",
            "seconds": "duration",
            "size": "resolution",
            "task": "model",
        },
    ),
    (
        "ark",
        ark(
            {"type": "video_url", "video_url": {"url": FILM}, "role": "reference_video"},
            SAID,
            of_role("reference_image"),
            ratio="16:9",
            frames=60,
        ),
        {
            "video": "content[0].video_url.url",
            "images[0]": "content[2].image_url.url",
            "size": "ratio",
            "seconds": "frames",
        },
    ),
    (
        "ark",
        post("images/generations", {"model": "m", "prompt": "fox", "image": [LINK, LINK]}),
        {"images[1]": "image[1]", "images": "image", "format": "output_format", "size": "size", "task": "model"},
    ),
    ("ark", post("images/generations", {"model": "m", "prompt": "fox", "image": LINK}), {"images[0]": "image"}),
]


@pytest.mark.parametrize(("door", "call", "names"), CASES, ids=[f"{door}-{call.path}" for door, call, _ in CASES])
def test_an_input_is_called_what_the_app_calls_it(door: str, call: Call, names: dict[str, str]) -> None:
    job = asked(door, call)
    later = read(write(job))  # the job as it was written down, for whoever asks after it
    for each in (job, later):
        assert {field: DIALECTS[door].named(field, each) for field in names} == names


def test_an_earlier_film_does_not_move_the_names() -> None:
    """A film that the house puts before the inputs has no place in the body."""
    call = openai(f"videos/video_{HEX}/remix")
    job = asked("openai", call)
    job = replace(job, inputs=(Media(key="a.mp4"), *job.inputs), roles=("video", *job.roles))
    assert DIALECTS["openai"].named("video", job) == "video"


NAMED = sorted(name for name, module in DOORS.items() if hasattr(module, "named"))
MASKED: dict[str, Any] = {"inputs": (picture(), picture()), "mask": picture()}
FOREIGN = [
    Job("m", "fox", task="edit", dialect="other", options={"contents": "x"}, places=("a", "b"), **MASKED),
    Job("m", "fox", task="video", dialect="other", places=("a", "b"), roles=("last", "video"), **MASKED),
    Job("m", "fox", size=Size("2K", "16:9"), dialect="other", options={"_door": "other"}),
]
FIELDS = ("images", "images[0]", "images[1]", "images[9]", "video", "mask", "prompt", "size", "seconds", "n", "task")


@pytest.mark.parametrize("door", NAMED)
@pytest.mark.parametrize("job", FOREIGN, ids=lambda job: f"{job.task}-{len(job.inputs)}")
def test_a_job_of_another_wire_has_names_too(door: str, job: Job) -> None:
    """What another dialect noted of its own bodies is not read."""
    for field in FIELDS:
        name = DIALECTS[door].named(field, job)
        assert isinstance(name, str)
        assert name not in ("", "a", "b", "other")
    assert DIALECTS[door].named("no_such_field", job) == "no_such_field"


def test_the_doors_with_names() -> None:
    assert NAMED == ["ark", "gemini", "koci", "openai"]
