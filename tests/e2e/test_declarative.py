"""Vendors without code over real sockets: the example's files, and the sandbox in the vendors' place."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import OpenAI
from PIL import Image, ImageDraw

from .pictures import png, seen
from .processes import House, Sandbox, proxy

pytestmark = pytest.mark.sockets

EXAMPLE = Path(__file__).parents[2] / "examples" / "declarative" / "providers"
ROUTES = """
platforms: {openai: openai, linkai: linkai, koukoutu: koukoutu}
models:
  picture: {price: 4, to: linkai/gpt-image-2}
  cutout: {price: 1, to: koukoutu-sync/background-removal}
  by-task: {price: 1, to: koukoutu-async/background-removal}
"""
PLAYED = {"linkai": "linkai/v1", "koukoutu-sync": "koukoutu/sync/v1", "koukoutu-async": "koukoutu/async/v1"}


def played(name: str) -> str:
    """The example's file with the sandbox in the vendor's place, looked after ten times a second."""
    lines = (EXAMPLE / f"{name}.yaml").read_text(encoding="utf-8").replace("every: 1\n", "every: 0.1\n").splitlines()
    return "\n".join(
        f"url: sandbox:/{PLAYED[name]}\nsandbox: true" if line.startswith("url:") else line for line in lines
    )


@pytest.fixture(scope="module")
def plain(vendor: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("declared")
    (folder / "providers").mkdir()
    for name in PLAYED:
        (folder / "providers" / f"{name}.yaml").write_text(played(name), encoding="utf-8")
    with proxy(folder, vendor, ROUTES) as running:
        yield running


@pytest.fixture
def client(plain: House) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{plain.url}/openai/v1", api_key=plain.key, max_retries=0) as made:
        yield made


def test_a_new_picture(plain: House, client: OpenAI) -> None:
    answer = client.images.generate(model="picture", prompt="a fox", size="2048x1152", quality="high")
    assert answer.data
    assert seen(httpx.get(answer.data[0].url or "").content) == ("PNG", (2048, 1152))
    sent = plain.sandbox.last()["json"]
    assert sent == {"model": "gpt-image-2", "prompt": "a fox", "size": "2K", "aspect_ratio": "16:9", "quality": "high"}


def test_an_edit_of_two_pictures(client: OpenAI) -> None:
    files = [("a.png", png(), "image/png"), ("b.png", png(), "image/png")]
    answer = client.images.edit(model="picture", prompt="merge", image=files, response_format="b64_json")
    assert answer.data
    assert seen(base64.b64decode(answer.data[0].b64_json or "")) == ("PNG", (2048, 1152))


def test_what_the_vendor_refuses(plain: House) -> None:
    plain.sandbox.fault("refuse")
    body = {"model": "picture", "prompt": "a fox"}
    answer = httpx.post(
        f"{plain.url}/openai/v1/images/generations", json=body, headers={"authorization": f"Bearer {plain.key}"}
    )
    plain.sandbox.forget()
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "moderation_blocked")


def badge() -> bytes:
    """A blue box on a white ground."""
    image = Image.new("RGB", (300, 200), "white")
    ImageDraw.Draw(image).rectangle((100, 50, 200, 150), fill="blue")
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("model", ["cutout", "by-task"])
def test_a_cut_out(model: str, client: OpenAI) -> None:
    file: Any = ("x.png", badge(), "image/png")
    answer = client.images.edit(model=model, prompt="cut", image=file, response_format="b64_json")
    assert answer.data
    with Image.open(io.BytesIO(base64.b64decode(answer.data[0].b64_json or ""))) as image:
        alpha = image.getchannel("A")
    assert (image.size, alpha.getpixel((0, 0)), alpha.getpixel((150, 100))) == ((300, 200), 0, 255)


class Next(BaseHTTPRequestHandler):
    """A vendor on this machine whose answers link to itself."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.say(json.dumps({"pictures": [f"http://{self.headers['host']}/a.png"]}).encode(), "application/json")

    def do_GET(self) -> None:
        self.say(png(), "image/png")

    def say(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def local() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Next) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


LOCAL = """
dialect: declarative
url: {url}/v1
models: {{m: local}}
wire:
  request: {{path: make, body: {{json: {{words: "{{prompt}}", image: "{{image}}"}}}}}}
  answer: {{pictures: pictures}}
"""


def test_a_vendor_on_a_private_address_links_to_itself_and_an_app_does_not(
    local: str, vendor: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "providers" / "cards").mkdir(parents=True)
    (tmp_path / "providers" / "local.yaml").write_text(LOCAL.format(url=local), encoding="utf-8")
    card = "tasks: [generate, edit]\nsize: {wire: none}\ninputs: {max: 1}\n"
    (tmp_path / "providers" / "cards" / "local.yaml").write_text(card, encoding="utf-8")
    routes = "platforms: {openai: openai}\nkeys: {local: k}\nmodels: {m: {price: 1, to: local/m}}\n"
    with proxy(tmp_path, vendor, routes) as house:
        headers = {"authorization": f"Bearer {house.key}"}
        pictures, body = f"{house.url}/openai/v1/images", {"model": "m", "prompt": "a fox"}
        made = httpx.post(f"{pictures}/generations", json=body, headers=headers, timeout=30)
        assert made.status_code == 200, made.text
        assert httpx.get(made.json()["data"][0]["url"]).content == png()
        body |= {"images": [{"image_url": f"{local}/a.png"}]}  # type: ignore[dict-item]
        asked = httpx.post(f"{pictures}/edits", json=body, headers=headers, timeout=30)
        assert asked.status_code == 400
        assert "may not be fetched" in asked.json()["error"]["message"]
