"""The programs of the Antigravity page, with nothing changed but host and key, and what they rely on."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from .pictures import png, seen
from .processes import House, Sandbox, proxy
from .sdks import folders

ROUTES = """
platforms: {antigravity: {dialect: gemini, defaults: {size: 1K 1:1}}, google: gemini}
models:
  gemini-3.1-flash-image: {to: sandbox-gemini/gemini-3.1-flash-image}
  gemini-3-pro-image: {to: sandbox-gemini/gemini-3-pro-image}
  relayed: {to: sandbox-antigravity/gemini-3-pro-image}
"""

CURL = """{
"contents": [{
"role": "user",
"parts": [{"text": "一只穿着宇航服的猫在月球上漫步"}]
}],
"generationConfig": {
"responseModalities": ["IMAGE", "TEXT"],
"imageConfig": {
"imageSize": "2K",
"aspectRatio": "16:9"
}
}
}"""
HTTPX = """import httpx, base64
resp = httpx.post(
    "https://your-domain.com/antigravity/v1beta/models/gemini-3.1-flash-image:generateContent",
    headers={
        "Authorization": "Bearer sk-koci_your_api_key",
        "Content-Type": "application/json",
    },
    json={
        "contents": [{
            "role": "user",
            "parts": [{"text": "一只穿着宇航服的猫在月球上漫步"}],
        }],
        "generationConfig": {
            "responseModalities": ["IMAGE", "TEXT"],
            "imageConfig": {"imageSize": "2K", "aspectRatio": "16:9"},
        },
    },
    timeout=600,
)
data = resp.json()
for part in data["candidates"][0]["content"]["parts"]:
    if "inlineData" in part:
        img = base64.b64decode(part["inlineData"]["data"])
        with open("output.jpg", "wb") as f:
            f.write(img)
        print(f"saved {len(img)} bytes")
    elif "text" in part:
        print(part["text"])
"""
HTTPX_EDIT = """import httpx, base64
# 读取参考图并编码
with open("reference.png", "rb") as f:
    ref_b64 = base64.b64encode(f.read()).decode()
resp = httpx.post(
    "https://your-domain.com/antigravity/v1beta/models/gemini-3.1-flash-image:generateContent",
    headers={
        "Authorization": "Bearer sk-koci_your_api_key",
        "Content-Type": "application/json",
    },
    json={
        "contents": [{
            "role": "user",
            "parts": [
                {"inlineData": {"mimeType": "image/png", "data": ref_b64}},
                {"text": "将画面风格转为赛博朋克,保留构图"},
            ],
        }],
        "generationConfig": {
            "responseModalities": ["IMAGE", "TEXT"],
            "imageConfig": {"imageSize": "2K"},
        },
    },
    timeout=600,
)
data = resp.json()
for part in data["candidates"][0]["content"]["parts"]:
    if "inlineData" in part:
        img = base64.b64decode(part["inlineData"]["data"])
        with open("output.jpg", "wb") as f:
            f.write(img)
"""
FETCH = """const resp = await fetch(
  "https://your-domain.com/antigravity/v1beta/models/gemini-3.1-flash-image:generateContent",
  {
    method: "POST",
    headers: {
      "Authorization": "Bearer sk-koci_your_api_key",
      "Content-Type": "application/json",
    },
    body: JSON.stringify({
      contents: [{
        role: "user",
        parts: [{ text: "一只穿着宇航服的猫在月球上漫步" }],
      }],
      generationConfig: {
        responseModalities: ["IMAGE", "TEXT"],
        imageConfig: { imageSize: "2K", aspectRatio: "16:9" },
      },
    }),
  }
);
const data = await resp.json();
for (const part of data.candidates[0].content.parts) {
  if (part.inlineData) {
    const buf = Buffer.from(part.inlineData.data, "base64");
    require("fs").writeFileSync("output.jpg", buf);
    console.log(`saved ${buf.length} bytes`);
  }
}
"""


@pytest.fixture(scope="module")
def relay(vendor: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with proxy(tmp_path_factory.mktemp("antigravity"), vendor, ROUTES) as running:
        yield running


def run(relay: House, folder: Path, program: str, *command: str) -> tuple[int, int]:
    """The pixels of the picture that a program saves."""
    program = program.replace("https://your-domain.com", relay.url).replace("sk-koci_your_api_key", relay.key)
    (folder / "reference.png").write_bytes(png(90, 160))
    subprocess.run([*command, program], cwd=folder, check=True, capture_output=True, timeout=120)
    return seen((folder / "output.jpg").read_bytes())[1]


def post(relay: House, body: Any, model: str = "gemini-3.1-flash-image") -> httpx.Response:
    headers = {"authorization": f"Bearer {relay.key}", "content-type": "application/json"}
    url = f"{relay.url}/antigravity/v1beta/models/{model}:generateContent"
    return httpx.post(url, content=body, headers=headers, timeout=60)


@pytest.mark.sockets
@pytest.mark.parametrize(("program", "pixels"), [(HTTPX, (2752, 1536)), (HTTPX_EDIT, (2048, 2048))])
def test_the_programs_for_python(relay: House, tmp_path: Path, program: str, pixels: tuple[int, int]) -> None:
    assert run(relay, tmp_path, program, sys.executable, "-c") == pixels


if folders.with_node():

    @pytest.mark.sockets
    def test_the_program_for_node(relay: House, tmp_path: Path) -> None:
        """It awaits and requires, which no file of Node's may do both at its top: it stands in a function here."""
        assert run(relay, tmp_path, f"(async () => {{ {FETCH} }})()", "node", "-e") == (2752, 1536)


@pytest.mark.sockets
def test_the_body_for_curl(relay: House) -> None:
    answer = post(relay, CURL.encode())
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-koci-size"] == "asked=2K 16:9; sent=2K 16:9; got=2752x1536"
    [candidate] = answer.json()["candidates"]
    assert {"inlineData", "text"} <= {name for part in candidate["content"]["parts"] for name in part}
    assert all("url" not in part and "fileData" not in part for part in candidate["content"]["parts"])


SIZES: list[tuple[str, dict[str, str], tuple[int, int]]] = [
    ("gemini-3.1-flash-image", {}, (1024, 1024)),
    ("gemini-3-pro-image", {}, (1024, 1024)),
    ("gemini-3-pro-image", {"imageSize": "2K", "aspectRatio": "4:3"}, (2400, 1792)),
    ("gemini-3.1-flash-image", {"imageSize": "4K", "aspectRatio": "9:16"}, (3072, 5504)),
    ("gemini-3.1-flash-image", {"aspectRatio": "3:4"}, (896, 1200)),
]


@pytest.mark.sockets
@pytest.mark.parametrize(("model", "image", "pixels"), SIZES)
def test_tiers_ratios_and_what_holds_without_them(
    relay: House, model: str, image: dict[str, str], pixels: tuple[int, int]
) -> None:
    config = {"responseModalities": ["IMAGE", "TEXT"], **({"imageConfig": image} if image else {})}
    body = {"contents": [{"role": "user", "parts": [{"text": "fox"}]}], "generationConfig": config}
    parts = post(relay, json.dumps(body), model).json()["candidates"][0]["content"]["parts"]
    [picture] = [part["inlineData"]["data"] for part in parts if "inlineData" in part]
    assert seen(base64.b64decode(picture))[1] == pixels


@pytest.mark.sockets
@pytest.mark.parametrize(
    ("image", "pixels", "note"),
    [
        ({}, (1024, 1024), "size: defaulted (1K 1:1)"),
        ({"imageSize": "2K"}, (2048, 2048), "size: defaulted (ratio 1:1)"),
        ({"aspectRatio": "3:4"}, (896, 1200), "size: defaulted (tier 1K)"),
    ],
)
def test_a_size_that_is_not_said_is_that_of_the_page(
    relay: House, image: dict[str, str], pixels: tuple[int, int], note: str
) -> None:
    """Also beside a picture, where a vendor of the same wire would go by that."""
    wide = {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(png(600, 20)).decode()}}
    config = {"generationConfig": {"imageConfig": image}} if image else {}
    body = json.dumps({"contents": [{"parts": [wide, {"text": "fox"}]}], **config})
    answer = post(relay, body, "gemini-3-pro-image")
    assert answer.headers["x-koci-size"].endswith(f"got={pixels[0]}x{pixels[1]}")
    assert answer.headers["x-koci-notes"] == note
    if not image:
        headers = {"authorization": f"Bearer {relay.key}", "content-type": "application/json"}
        url = f"{relay.url}/google/v1beta/models/gemini-3-pro-image:generateContent"
        other = httpx.post(url, content=body, headers=headers, timeout=60)
        assert other.headers["x-koci-size"] == "asked=auto; sent=auto; got=1584x672"


@pytest.mark.sockets
def test_a_relay_that_ignores_the_tier_is_found_out(relay: House) -> None:
    answer = post(relay, CURL.replace('"2K"', '"4K"').encode(), "relayed")
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-koci-size"] == "asked=4K 16:9; sent=4K 16:9; got=1376x768"
    assert relay.sandbox.last()["shape"] == "antigravity"
    refused = post(relay, CURL.replace("一只", "sandbox:quota ").encode(), "relayed")
    assert refused.status_code == 503


@pytest.mark.sockets
def test_several_references_keep_their_order(relay: House) -> None:
    made = [base64.b64encode(png(colour=colour)).decode() for colour in ("red", "blue", "green")]
    parts = [{"inlineData": {"mimeType": "image/jpg", "data": data}} for data in made]
    body = {"contents": [{"role": "user", "parts": [*parts, {"text": "the second in the style of the first"}]}]}
    assert post(relay, json.dumps(body)).status_code == 200
    [turn] = relay.sandbox.last()["json"]["contents"]
    assert [list(part) for part in turn["parts"]] == [*[["inlineData"]] * 3, ["text"]]
    sent = [part["inlineData"] for part in turn["parts"][:3]]
    assert [each["mimeType"] for each in sent] == ["image/png"] * 3
    assert [each["data"][:100] for each in sent] == [data[:100] for data in made]
