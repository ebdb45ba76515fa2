"""The shipped models of films: what they make and take, as their makers' pages say."""

from __future__ import annotations

import pytest

from koci_proxy import fit, prices, sizes
from koci_proxy.config import load, shipped
from koci_proxy.facts import Card, House, JobFacts
from koci_proxy.types import Job, Media, Role

ROOT = shipped()
PNG = Media(url="https://example.com/a.png", mime="image/png")

# model, its card, seconds made where nobody asks, what 7 seconds become
LENGTHS = [
    ("veo-3-1", "veo-3.1", 8, 8),
    ("veo-omni-flash", "veo-omni-flash", 10, 10),
    ("veo-3.1-generate-preview", "veo-3.1", 8, 6),
    ("veo-3.1-fast-generate-preview", "veo-3.1", 8, 6),
    ("veo-3.0-generate-001", "veo-3.0", 8, 6),
    ("veo-2.0-generate-001", "veo-2.0", 8, 6),
    ("sora-2", "sora-2", 4, 8),
    ("seedance-1-0-pro", "seedance-1.0-pro", 5, 7),
]


@pytest.fixture(scope="module")
def house() -> House:
    return load(ROOT / "routes.yaml", {})


def card(house: House, name: str) -> Card:
    ((provider, model, _),) = house.models[name].to[0].targets
    return house.providers[provider].models[model]


@pytest.mark.parametrize(("name", "family", "alone", "of_seven"), LENGTHS)
def test_how_long_a_film_is_and_what_it_costs(name: str, family: str, alone: int, of_seven: int, house: House) -> None:
    model, found = house.models[name], card(house, name)
    assert (found.name, found.tasks, found.n) == (family, frozenset({"video"}), 1)
    price = prices.parse(model.price)
    for asked, made in ((None, alone), (7.0, of_seven)):
        job = fit.set_fields(Job(name, "a fox", task="video", seconds=asked), model.set)
        fitted = fit.fit(job, found)
        assert fitted.seconds == made
        assert prices.of(price, fitted, 1) == made * (price.second or 0) > 0


SIZES = [
    ("veo-3-1", "auto", "auto", None),
    ("veo-3-1", "720p 16:9", "720p 16:9", (1280, 720)),
    ("veo-3-1", "1080x1920", "1080p 9:16", (1080, 1920)),
    ("veo-3-1", "9:16", "720p 9:16", (720, 1280)),
    ("veo-3-1", "1:1", "720p 16:9", (1280, 720)),
    ("veo-3-1", "4K 16:9", "1080p 16:9", (1920, 1080)),
    ("veo-3.0-generate-001", "1080p 9:16", "720p 9:16", (720, 1280)),
    ("veo-2.0-generate-001", "1080p 9:16", "9:16", (720, 1280)),
    ("veo-omni-flash", "16:9", "16:9", (1280, 720)),
    ("sora-2", "1280x720", "1280x720", (1280, 720)),
    ("sora-2", "1024x1792", "1024x1792", (1024, 1792)),
    ("sora-2", "9:16", "720x1280", (720, 1280)),
    ("sora-2", "1080p 16:9", "1280x720", (1280, 720)),
    ("seedance-1-0-pro", "720p 21:9", "720p 21:9", (1504, 640)),
    ("seedance-1-0-pro", "1:1", "1080p 1:1", (1440, 1440)),
    ("seedance-1-0-pro", "480p", "480p", None),
    ("seedance-1-0-pro", "1280x720", "720p 16:9", (1248, 704)),
    ("seedance-1-0-pro", "2K 16:9", "1080p 16:9", (1920, 1088)),
]


@pytest.mark.parametrize(("name", "asked", "sent", "pixels"), SIZES)
def test_what_a_size_becomes(name: str, asked: str, sent: str, pixels: tuple[int, int] | None, house: House) -> None:
    resolved = sizes.resolve(sizes.parse(asked), card(house, name).size)
    assert (str(resolved.size), resolved.size.pixels) == (sent, pixels)


def test_every_row_of_a_table_is_near_its_ratio(house: House) -> None:
    for name, *_ in LENGTHS:
        found = card(house, name)
        for tier, row in found.size.table.items():
            for ratio, (width, height) in row.items():
                wide, high = map(int, ratio.split(":"))
                assert abs(width * high / (height * wide) - 1) < 0.03, (found.name, tier, ratio)
                assert width % 2 == height % 2 == 0


def roled(*roles: Role) -> Job:
    return Job("m", "a fox", task="video", inputs=(PNG,) * len(roles), roles=roles)


ONE, THREE, NINE = (("reference",) * count for count in (1, 3, 9))
ROLES: list[tuple[str, tuple[str, ...], str | None]] = [
    ("veo-3-1", ("first", "last"), None),
    ("veo-3-1", THREE, None),
    ("veo-3-1", (*THREE, "reference"), "images"),
    ("veo-3-1", ("first", "reference"), "images[1]"),
    ("veo-3.0-generate-001", ("first", "last"), None),
    ("veo-3.0-generate-001", ONE, "images[0]"),
    ("veo-2.0-generate-001", ("video",), "video"),
    ("veo-omni-flash", NINE, None),
    ("veo-omni-flash", ("first", "last"), None),
    ("sora-2", ("first",), None),
    ("sora-2", ("video",), None),
    ("sora-2", ("first", "last"), "images[1]"),
    ("seedance-1-0-pro", ("first", "last"), None),
    ("seedance-1-0-pro", ("last",), "images[0]"),
    ("seedance-1-0-pro", ONE, "images[0]"),
]


@pytest.mark.parametrize(("name", "roles", "field"), ROLES)
def test_what_a_picture_may_be(name: str, roles: tuple[Role, ...], field: str | None, house: House) -> None:
    fault = fit.refusal(roled(*roles), card(house, name), "nearest")
    assert (fault.field if fault else None) == field


def test_the_sandbox_is_asked_often_and_what_goes_out_is_an_id(house: House) -> None:
    for name in ("sandbox-gemini", "sandbox-openai", "sandbox-ark"):
        provider = house.providers[name]
        assert provider.wire["every"] == 0.2
        ids = provider.wire.get("models", {})
        assert set(ids) <= set(provider.models)
    assert house.providers["sandbox-gemini"].wire["models"]["veo-3.1"] == "veo-3.1-generate-preview"
    assert house.providers["sandbox-openai"].idempotency_header == "Idempotency-Key"
    assert house.jobs == JobFacts()
