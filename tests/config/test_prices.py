"""Prices in `routes.yaml`: schema, code and docs say one thing, and mistakes are told with their place."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from koci_proxy import prices, sizes
from koci_proxy.config import load, shipped
from koci_proxy.config.complain import ConfigError
from koci_proxy.config.yaml import read
from koci_proxy.prices.formula import DOMAIN
from koci_proxy.prices.price import Field
from koci_proxy.prices.reading import WORDS

PLATFORMS = "platforms: {openai: openai}\nkeys: {openai: a-key}\n"
LINE = "models: {pic: {to: openai/gpt-image-2, price: %s}}\n"


@pytest.fixture(scope="module")
def definitions() -> Any:
    return json.loads((shipped() / "schemas" / "routes.json").read_text("utf-8"))["definitions"]


def test_the_schema_knows_the_words_of_the_code(definitions: Any) -> None:
    tiers = set(sizes.TIERS)
    assert set(definitions["price_tiers"]["properties"]) == tiers
    assert set(definitions["price_map"]["properties"]) == tiers | set(WORDS)
    assert set(definitions["price_entry"]["properties"]) == tiers | set(WORDS) | {"when", "price"}
    assert set(definitions["price_when"]["properties"]) == set(get_args(Field))
    assert ", ".join(DOMAIN) in definitions["price_sum"]["description"]


def written_in_docs() -> list[Any]:
    page = (Path(__file__).parents[2] / "docs" / "routes.md").read_text("utf-8")
    section = page.partition("## Prices\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```yaml\n(.*?)^```$", section, re.M | re.S)
    return [price for block in blocks for price in read("docs", block).value]


def test_prices_of_the_docs_are_prices() -> None:
    found = [prices.parse(price) for price in written_in_docs()]
    assert len(found) == 7
    assert sum(prices.by_second(price) for price in found) == 1
    assert {len(price.cases) for price in found} == {0, 3}


def complaints(tmp_path: Path, price: str) -> list[str]:
    path = tmp_path / "routes.yaml"
    path.write_text(PLATFORMS + LINE % price, encoding="utf-8")
    try:
        load(path, {})
    except ConfigError as error:
        return [f"{one.column}: {one.key.removeprefix('models.pic.')}: {one.what}" for one in error.complaints]
    return []


@pytest.mark.parametrize("price", [json.dumps(price) for price in written_in_docs() if "second" not in str(price)])
def test_a_price_that_is_right(tmp_path: Path, price: str) -> None:
    assert complaints(tmp_path, price) == []


@pytest.mark.parametrize(
    ("price", "complaint"),
    [
        ("{qualty: {low: 1}}", "48: price.qualty: unknown key — did you mean 'quality'?"),
        ("{quality: {low: {1KK: 4}}}", "64: price.quality.low.1KK: unknown key — did you mean '1K'?"),
        ("{quality: {low: -1}}", "63: price.quality.low: must be at least 0, not -1"),
        ("{quality: 4}", "57: price.quality: must be a map, not 4"),
        (
            "{picture: 4, 1K: 3}",
            "47: price: a map of prices goes by one of picture, quality, second or size tiers, not by picture and size "
            "tier",
        ),
        ("{second: {720p: 1}}", "47: price: is per second of film, and openai/gpt-image-2 makes no films"),
        (
            "[{when: {n: 3}, price: {second: 3}}, 4]",
            "47: price: is per second of film, and openai/gpt-image-2 makes no films",
        ),
        ("[{when: {task: video}, price: {second: 3}}, 4]", None),
        ("'0.5*imges'", "47: price: '0.5*imges', character 5: there is no 'imges' here — did you mean 'images'?"),
        ("[{when: {sise: 4K}, price: 8}, 4]", "56: price[0].when.sise: unknown key — did you mean 'size'?"),
        ("[{when: {size: 5K}, price: 8}, 4]", "62: price[0].when.size: '5K' is no size tier — did you mean '1.5K'?"),
        ("[{when: {task: edit}}, 4]", "48: price[0]: an entry with when needs a price"),
        ("2 - 5*n", "47: price: comes to less than nothing for n: 1 at 1024x1024, so that it is free; write max(0, …)"),
        (
            "7 - 2*megapixels - n",
            "47: price: comes to less than nothing for n: 1 at 2048x2048, so that it is free; write max(0, …)",
        ),
        ("5 - 2*n", "47: price: comes to less than nothing for n: 4 at 1024x1024, so that it is free; write max(0, …)"),
        (
            "[{when: {task: edit}, price: 1 - 2*images}, 4]",
            "47: price: comes to less than nothing for n: 1 at 1024x1024, so that it is free; write max(0, …)",
        ),
        ("'max(0, 2 - 5*n)'", None),
        ("4 - n", None),
        (
            "[{when: {n: '>2'}, price: 8 - n}, {when: {n: 1}, price: 4 - 2*n}, {when: {task: video}, price: -1*n}, 4]",
            None,
        ),
        ("[4, 5]", "48: price[0]: only the last entry may do without when: none after it would ever count"),
        ("true", "47: price: must be a number, text, a map or a list, not true"),
    ],
)
def test_a_price_that_is_wrong(tmp_path: Path, price: str, complaint: str | None) -> None:
    found = complaints(tmp_path, price)
    assert [line.removesuffix(" if that is meant") for line in found] == ([complaint] if complaint else [])
