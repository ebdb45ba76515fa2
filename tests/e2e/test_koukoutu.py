"""Koukoutu as a door and as a vendor, and cut-outs from any door: the pictures that come really are transparent."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from openai import OpenAI
from PIL import Image, ImageDraw

from .processes import House, Sandbox, ask, proxy

pytestmark = pytest.mark.sockets

ROUTES = """
platforms: {openai: openai, koukoutu: koukoutu, apis: gemini}
models:
  cutout: {price: 1, to: sandbox-koukoutu-sync/background-removal}
  by-task: {price: 1, to: sandbox-koukoutu-async/background-removal}
  either: {price: 1, to: [sandbox-koukoutu-sync/background-removal, sandbox-koukoutu-async/background-removal]}
  upscale2stamp: {price: 1, to: sandbox-koukoutu-async/upscale2stamp}
  image-extract: {price: 1, to: sandbox-koukoutu-async/image-extract}
  image-to-image: {price: 1, to: sandbox-koukoutu-async/image-to-image}
  picture: {price: 1, to: sandbox-openai/gpt-image-2}
  exactly: {price: 1, strict: true, to: sandbox-koukoutu-sync/background-removal}
  nano: {price: 1, to: sandbox-gemini/gemini-3.1-flash-image}
  gemini-2.5-flash-image: {price: 1, to: sandbox-koukoutu-gemini/gemini-2.5-flash-image}
"""


@pytest.fixture(scope="module")
def cutter(vendor: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with proxy(tmp_path_factory.mktemp("cutter"), vendor, ROUTES) as running:
        yield running


@pytest.fixture(scope="module")
def badge() -> bytes:
    """A blue box on a white ground, in a file too large for any one read."""
    image = Image.effect_noise((900, 700), 8).convert("RGB").point(lambda value: 235 + value % 16)
    image.putpixel((0, 0), (243, 243, 243))
    ImageDraw.Draw(image).rectangle((300, 200, 600, 500), fill="blue")
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def assert_cut(content: bytes, size: tuple[int, int] = (900, 700)) -> None:
    with Image.open(io.BytesIO(content)) as image:
        assert image.size == size
        alpha = image.getchannel("A")
    assert (alpha.getpixel((0, 0)), alpha.getpixel((size[0] // 2, size[1] // 2))) == (0, 255)


def create(house: House, path: str, badge: bytes, how: str, **fields: str) -> httpx.Response:
    """A create in one of the ways its clients have: a file, a link, or base64 in a form of either spelling."""
    ways: dict[str, dict[str, Any]] = {
        "file": {"files": {"image_file": ("x.png", badge, "image/png")}},
        "url": {"data": {"image_url": link_of(house, badge)} if how == "url" else {}},
        "base64": {"data": {"image_base64": uri_of(badge)}},
        "base64 as multipart": {"files": {"image_base64": (None, uri_of(small()))}},
    }
    given = ways[how]
    given["data"] = {"model_key": "cutout", **fields, **given.get("data", {})}
    return httpx.post(f"{house.url}/koukoutu/{path}", headers={"x-api-key": house.key}, timeout=60, **given)


def small() -> bytes:
    image = Image.new("RGB", (900, 700), "white")
    ImageDraw.Draw(image).rectangle((300, 200, 600, 500), fill="blue")
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def uri_of(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


def link_of(house: House, badge: bytes) -> str:
    """A link to a picture: the sandbox is the only foreign host the proxy under test may reach."""
    form = {"model_key": "background-removal", "response": "url"}
    files = {"image_file": ("x.png", badge, "image/png")}
    url = f"{house.sandbox.url}/koukoutu/sync/v1/create"
    answer = httpx.post(url, data=form, files=files, headers={"x-api-key": "k"}, timeout=60)
    return str(answer.json()["data"]["result_file"])


@pytest.mark.parametrize("response", [{}, {"response": "file"}, {"response": "url"}])
@pytest.mark.parametrize("how", ["file", "url", "base64", "base64 as multipart"])
@pytest.mark.parametrize("model", ["cutout", "by-task"])
def test_the_sync_door(cutter: House, badge: bytes, model: str, how: str, response: dict[str, str]) -> None:
    answer = create(cutter, "sync/v1/create", badge, how, model_key=model, **response)
    assert answer.status_code == 200, answer.text
    if response.get("response") != "url":
        assert answer.headers["content-type"] == "image/png"
        return assert_cut(answer.content)
    body = answer.json()
    assert (body["code"], body["message"], list(body["data"])) == (200, "success", ["result_file"])
    return assert_cut(httpx.get(body["data"]["result_file"]).content)


def finished(house: House, task: int) -> dict[str, Any]:
    """Ask after a task until it has ended; an ending that never comes is the test's own time limit."""
    while True:
        form = {"task_id": str(task), "response": "url", "model_key": "cutout"}
        url = f"{house.url}/koukoutu/async/v1/query"
        answer = httpx.post(url, data=form, headers={"x-api-key": house.key}, timeout=60)
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        assert (type(data["progress"]), data["position"]) == (str, -1)
        if data["state"]:
            return data


@pytest.mark.parametrize("model", ["cutout", "by-task"])
def test_the_async_door(cutter: House, badge: bytes, model: str) -> None:
    """Over a vendor that works by tasks, and over one that answers at once."""
    answer = create(cutter, "async/v1/create", badge, "file", model_key=model)
    task = answer.json()["data"]["task_id"]
    assert isinstance(task, int)
    data = finished(cutter, task)
    assert (data["state"], data["message"], data["progress"]) == (1, None, "100.00")
    assert_cut(httpx.get(data["result_file"]).content)


def test_a_task_tells_what_was_left_out(cutter: House, badge: bytes) -> None:
    """At once what is known by then, and with each look after its end."""
    begun = create(cutter, "async/v1/create", badge, "file", model_key="nano", prompt="a fox", border="2", crop="1")
    assert begun.status_code == 200, begun.text
    left = [f"{name}: left out (not known to this model's upstream)" for name in ("border", "crop")]
    assert all(note in begun.headers["x-koci-notes"] for note in left)
    task = begun.json()["data"]["task_id"]
    assert finished(cutter, task)["state"] == 1
    form, headers = {"task_id": str(task)}, {"x-api-key": cutter.key}
    looked = httpx.post(f"{cutter.url}/koukoutu/async/v1/query", data=form, headers=headers)
    assert all(note in looked.headers["x-koci-notes"] for note in left)
    assert looked.headers["x-koci-size"].startswith("asked=")


def edit(house: House, badge: bytes, **fields: str) -> httpx.Response:
    headers = {"authorization": f"Bearer {house.key}"}
    files = {"image": ("x.png", badge, "image/png")}
    return httpx.post(f"{house.url}/openai/v1/images/edits", data=fields, files=files, headers=headers, timeout=60)


def test_a_strict_model_refuses_words_that_would_not_be_heeded(cutter: House, badge: bytes) -> None:
    before = cutter.sandbox.calls()["total"]
    answer = edit(cutter, badge, model="exactly", prompt="remove the car and make it blue")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "prompt")
    assert "prompt: left out (background-removal takes none)" in answer.json()["error"]["message"]
    assert cutter.sandbox.calls()["total"] == before
    assert create(cutter, "sync/v1/create", badge, "file", model_key="exactly").status_code == 200


@pytest.mark.parametrize("model", ["cutout", "by-task", "exactly"])
def test_a_cutout_is_never_filled_again(cutter: House, badge: bytes, model: str) -> None:
    answer = edit(cutter, badge, model=model, prompt="cut it out", output_format="jpeg", background="transparent")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "output_format")
    assert answer.json()["error"]["message"].endswith("jpeg has no transparency: ask for png or webp")


def test_what_is_wrong_with_a_task_is_said_at_once(cutter: House, badge: bytes) -> None:
    task = create(cutter, "async/v1/create", badge, "file", model_key="cutout", output_format="png", crop="0")
    assert task.json()["code"] == 200
    bad = create(cutter, "async/v1/create", b"GIF89a" + bytes(40), "file").json()
    assert bad["code"] == 422
    assert "image" in bad["message"]
    unknown = httpx.post(
        f"{cutter.url}/koukoutu/async/v1/query", data={"task_id": "1"}, headers={"x-api-key": cutter.key}
    )
    assert (unknown.status_code, unknown.json()["code"]) == (404, 404)


@pytest.mark.parametrize("deliver", ["url", "b64_json"])
@pytest.mark.parametrize("model", ["cutout", "by-task"])
def test_a_cutout_by_the_openai_sdk(cutter: House, badge: bytes, model: str, deliver: Any) -> None:
    with OpenAI(base_url=f"{cutter.url}/openai/v1", api_key=cutter.key, max_retries=0) as client:
        answer = client.images.with_raw_response.edit(
            model=model, image=("x.png", badge, "image/png"), prompt="cut it out", response_format=deliver
        )
        assert "prompt: left out (background-removal takes none)" in answer.headers["x-koci-notes"]
        [picture] = answer.parse().data or []
        assert_cut(httpx.get(picture.url).content if picture.url else base64.b64decode(picture.b64_json or ""))


def test_a_cutout_needs_a_picture(cutter: House) -> None:
    body = {"model": "cutout", "prompt": "a fox"}
    headers = {"authorization": f"Bearer {cutter.key}"}
    answer = httpx.post(f"{cutter.url}/openai/v1/images/generations", json=body, headers=headers)
    assert answer.status_code == 400
    assert "works on a picture" in answer.json()["error"]["message"]


def test_a_vendor_in_trouble_is_followed_by_the_next(cutter: House, badge: bytes) -> None:
    cutter.sandbox.forget()
    ask(f"{cutter.sandbox.url}/_sandbox/faults", {"fault": "error=500", "times": 2})
    answer = create(cutter, "sync/v1/create", badge, "file", model_key="either")
    assert answer.status_code == 200, answer.text
    paths = [call["path"] for call in cutter.sandbox.calls()["calls"]]
    assert paths[:3] == ["/koukoutu/sync/v1/create"] * 2 + ["/koukoutu/async/v1/create"]
    assert set(paths[3:]) == {"/koukoutu/async/v1/query"}


@pytest.mark.parametrize(
    ("model", "fields", "size"),
    [
        ("upscale2stamp", {"scale": "2"}, (1800, 1400)),
        ("image-extract", {"resolution": "1k", "size": "16:9", "extract_type": "服装"}, (1024, 576)),
        ("image-extract", {}, (1024, 796)),
        ("image-to-image", {"prompt": "a fox", "similarity": "0.5"}, (900, 700)),
        ("picture", {"prompt": "a fox"}, (1536, 1024)),
    ],
)
def test_other_work(cutter: House, badge: bytes, model: str, fields: dict[str, str], size: tuple[int, int]) -> None:
    answer = create(cutter, "sync/v1/create", badge, "file", model_key=model, **fields)
    assert answer.status_code == 200, answer.text
    with Image.open(io.BytesIO(answer.content)) as image:
        assert image.size == size


@pytest.mark.parametrize(
    ("fields", "status", "word"),
    [
        ({"model_key": "cutuot"}, 404, "did you mean 'cutout'"),
        ({"image_url": "https://cdn.example/a.png"}, 422, "cannot stand beside"),
        ({"output_format": "jpg"}, 422, "png, webp"),
        ({"response": "json"}, 422, "url, file, bytes"),
    ],
)
def test_errors_in_its_envelope(cutter: House, badge: bytes, fields: dict[str, str], status: int, word: str) -> None:
    answer = create(cutter, "sync/v1/create", badge, "file", **fields)
    assert (answer.status_code, answer.json()["code"]) == (status, status)
    assert word in answer.json()["message"]


def test_errors_of_the_vendor_under_200(cutter: House, badge: bytes) -> None:
    cutter.sandbox.fault("refuse")
    answer = create(cutter, "sync/v1/create", badge, "file")
    cutter.sandbox.forget()
    assert (answer.status_code, answer.json()["code"]) == (422, 422)
    assert answer.json()["message"].endswith("图片内容审核不通过")


def test_no_key(cutter: House) -> None:
    assert httpx.post(f"{cutter.url}/koukoutu/sync/v1/create").json()["code"] == 401
    assert httpx.get(f"{cutter.url}/koukoutu/v1/score").json()["code"] == 401


def test_the_balance(cutter: House, badge: bytes) -> None:
    """The app's own credits, on each of the paths; a key that was never given any has no limit."""
    headers = {"authorization": f"Bearer {cutter.admin}"}
    made = ask(f"{cutter.url}/admin/keys", {"name": "kkt", "credits": "2.5"}, headers=headers)

    def balance(path: str, key: str) -> Any:
        answer = httpx.get(f"{cutter.url}/koukoutu/{path}", headers={"x-api-key": key})
        assert answer.status_code == 200, answer.text
        return answer.json()

    for path in ("v1/score", "sync/v1/score", "async/v1/score"):
        assert balance(path, made["key"]) == {"code": 200, "message": "success", "data": {"score": 2.5}}
    assert create(replace(cutter, key=made["key"]), "sync/v1/create", badge, "file").status_code == 200
    assert balance("v1/score", made["key"])["data"] == {"score": 1.5}
    assert balance("v1/score", cutter.key) == {"code": 200, "message": "unlimited", "data": {"score": None}}


def test_the_page_in_geminis_shape(cutter: House) -> None:
    """As the page prints it: snake inside camel, two pictures, an image type that is no type."""
    data = base64.b64encode(small()).decode()
    pictures = [{"inline_data": {"mime_type": mime, "data": data}} for mime in ("image/jpg", "image/jpeg")]
    body = {
        "contents": [{"role": "user", "parts": [*pictures, {"text": "图二"}]}],
        "generationConfig": {"responseModalities": ["IMAGE"], "imageConfig": {"aspectRatio": "16:9"}},
    }
    url = f"{cutter.url}/apis/v1beta/models/gemini-2.5-flash-image:generateContent"
    answer = httpx.post(url, json=body, headers={"authorization": f"Bearer {cutter.key}"}, timeout=60)
    assert answer.status_code == 200, answer.text
    [part] = answer.json()["candidates"][0]["content"]["parts"]
    with Image.open(io.BytesIO(base64.b64decode(part["inlineData"]["data"]))) as image:
        assert image.size == (1344, 768)
