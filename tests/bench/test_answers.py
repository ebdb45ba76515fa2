"""The bench's vendor: its pictures are pictures of the size they are called by, and it knows what was asked for."""

from __future__ import annotations

import base64
import io
import json

import httptools
import pytest
from PIL import Image

from bench.answers import EDGE, SIZES, answers, png, refused
from bench.scenarios import SCENARIOS, Scenario, models
from bench.vendor import wanted


@pytest.mark.parametrize("size", [3 * 1024 * 1024 // 2, 100_000])
def test_a_picture_has_its_size(size: int) -> None:
    data = png(size)
    assert len(data) == size
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert (image.format, image.size) == ("PNG", (EDGE, EDGE))


def test_a_small_picture_is_small() -> None:
    with Image.open(io.BytesIO(png())) as image:
        image.load()
        assert image.size == (EDGE, EDGE)
    assert len(png()) < 1000


class Read:
    """What a parser makes of an answer."""

    def __init__(self, content: bytes) -> None:
        self.body, self.whole = b"", False
        self.parser = httptools.HttpResponseParser(self)
        self.parser.feed_data(content)

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.whole = True


@pytest.fixture(scope="module")
def made() -> dict[str, bytes]:
    return {name: answer.content for name, answer in answers("http://127.0.0.1:1").items()}


def test_every_model_of_the_scenarios_is_answered(made: dict[str, bytes]) -> None:
    assert set(models()) <= made.keys()
    for name in models():
        read = Read(made[name])
        assert read.whole, name
        assert read.parser.get_status_code() == 200


@pytest.mark.parametrize("size", SIZES)
def test_both_wires_carry_the_same_picture(size: str, made: dict[str, bytes]) -> None:
    mine = json.loads(Read(made[f"b64-{size}"]).body)["data"][0]["b64_json"]
    other = json.loads(Read(made[f"gem-{size}"]).body)["candidates"][0]["content"]["parts"][0]["inlineData"]["data"]
    assert mine == other
    assert len(base64.b64decode(mine)) == SIZES[size]


def test_the_failing_key_is_told_so() -> None:
    read = Read(refused())
    assert read.parser.get_status_code() == 429
    assert json.loads(read.body)["error"]["code"] == "rate_limit_exceeded"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)
def test_the_vendor_finds_the_model_of_every_body(scenario: Scenario) -> None:
    _, body = scenario.body("b64-1.5")
    assert wanted("/v1/images/generations", body[:65_536]) == "b64-1.5"


def test_a_model_in_the_path_comes_first() -> None:
    assert wanted("/v1/models/gem-24:generateContent", b'{"model": "small"}') == "gem-24"
    assert wanted("/v1/images/generations", b"{}") == ""
