"""What a person sees at the first start."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from koci_proxy.app.run import welcome
from koci_proxy.facts import Card, House, Model, Provider, Share
from koci_proxy.plugins import load

ROOT = Path(__file__).parents[2]
CARDS = {
    "film": Card("film", frozenset({"video"})),
    "cutout": Card("cutout", frozenset({"edit"})),
    "painter": Card("painter", frozenset({"generate", "edit"})),
}


class Callers:
    """A house that nobody has a key of yet."""

    async def listing(self) -> list[Any]:
        return []

    async def make(self, name: str) -> tuple[str, None]:
        return f"sk-{name}", None

    async def admin_token(self) -> None:
        return None


def model(name: str, *to: str, platforms: tuple[str, ...] = ()) -> Model:
    return Model(name, tuple(Share((("vendor", each, 1.0),)) for each in to), platforms=platforms)


@pytest.mark.parametrize(
    ("models", "sample"),
    [
        ([model("a", "film"), model("b", "cutout"), model("c", "cutout", "painter"), model("d", "painter")], "c"),
        ([model("a", "painter", platforms=("other",)), model("b", "painter", platforms=("openai",))], "b"),
        ([model("a", "film")], None),
    ],
)
def test_the_sample_asks_for_a_picture(models: list[Model], sample: str | None) -> None:
    house = House(
        providers={"vendor": Provider("vendor", "openai", "https://vendor.example", models=CARDS)},
        models={each.name: each for each in models},
        platforms={"google": "gemini", "openai": "openai"},
        keys={},
    )
    engine: Any = SimpleNamespace(house=house, plugins=load([ROOT / "plugins"], []))
    callers: Any = Callers()
    said = asyncio.run(welcome(engine, callers, "http://127.0.0.1:1"))
    assert "app key (shown this once): sk-first" in said
    assert ("images/generations" in said) == (sample is not None)
    assert sample is None or f'"model": "{sample}"' in said
