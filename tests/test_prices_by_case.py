"""Credits by quality, by pictures sent, by conditions, by a formula, and by what came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koci_proxy import sizes
from koci_proxy.faults import Fault
from koci_proxy.prices import Case, Condition, Price, by_second, came, of, parse
from koci_proxy.types import AUTO, Job, Media

PICTURE = Media(key="a")
QUALITIES = {"quality": {"Low": 1, "medium": {"1K": 4, "2K": 6}, "high": 16}}
CASES = [
    {"when": {"size": "4K", "quality": ["high", "hd"]}, "price": 32},
    {"when": {"task": "edit", "n": ">2"}, "price": {"picture": 3, "reference": 0.5}},
    {"when": {"size": ">=2K"}, "price": {"quality": {"low": 5, "high": 10}}},
    {"when": {"task": "video"}, "price": {"second": {"720p": 10, "1080p": 15}}},
    4,
]
RISING = [
    {"when": {"quality": "low"}, "price": 1},
    {"when": {"size": ">=2K"}, "price": {"picture": 3, "reference": 5}},
    {"picture": 4, "reference": 1},
]


def job(size: str = "1K", *, images: int = 0, **more: Any) -> Job:
    return Job("m", "p", size=sizes.parse(size), inputs=(PICTURE,) * images, **more)


def test_parse() -> None:
    low, medium, high = Price(1000), Price(tiers=(("1K", 4000), ("2K", 6000))), Price(16000)
    assert parse(QUALITIES) == Price(qualities=(("low", low), ("medium", medium), ("high", high)))
    assert parse({"picture": 4, "reference": "0.5"}) == Price(4000, reference=500)
    assert parse({"2k": 8, "reference": 1}) == Price(tiers=(("2K", 8000),), reference=1000)
    assert parse({"second": {"1080p": 15, "720p": 10}}) == Price(second_tiers=(("720p", 10000), ("1080p", 15000)))
    assert parse([{"when": {"n": " >= 3 ", "size": 512}, "price": "2"}, 1]) == Price(
        cases=(
            Case((Condition("n", ">=", (3.0,)), Condition("size", "=", ("512",))), Price(2000)),
            Case((), Price(1000)),
        )
    )
    formula = parse(" 4 + 0.5*images ").formula
    assert formula is not None
    assert formula.text == "4 + 0.5*images"
    assert parse("4 + 0.5*images") == parse("4 + 0.5*images ") != parse("4+0.5*images")


@pytest.mark.parametrize(
    ("written", "at", "words"),
    [
        ({"qualty": 4}, ("qualty",), "did you mean 'quality'"),
        ({"8K": 4}, ("8K",), "is by size tier (512, 1K"),
        ({"picture": 4, "1K": 3}, (), "not by picture and size tier"),
        ({"picture": 4, "second": 3}, (), "not by picture and second"),
        ({"reference": 4}, (), "not by nothing"),
        ({"quality": 4}, ("quality",), "a map such as {low: 1"),
        ({"quality": {}}, ("quality",), "a map such as {low: 1"),
        ({"quality": {"low": {"1KK": 3}}}, ("quality", "low", "1KK"), "did you mean '1K'"),
        ({"quality": {"low": "cheap"}}, ("quality", "low"), "'cheap' is no number of credits"),
        ({"second": {}}, ("second",), "empty"),
        ({"second": {"picture": 3}}, ("second", "picture"), "not 'picture'"),
        ({"picture": 1, "reference": -1}, ("reference",), "not negative"),
        (10**9 + 1, (), "no price is above 1000000000 credits"),
        ("1e400", (), "no price is above"),
        ([], (), "ends with a price for all other jobs"),
        ([4], (), "write the price alone"),
        ([4, 5], (0,), "only the last entry may do without when"),
        ([{"when": {"n": 1}, "price": 3}, {"when": {"n": 2}, "price": 3}], (1,), "without when"),
        ([{"when": {"n": 1}}, 4], (0,), "needs a price"),
        ([{"when": {"n": 1}, "price": 3, "prise": 3}, 4], (0, "prise"), "has when and price, not 'prise'"),
        ([{"when": {}, "price": 3}, 4], (0, "when"), "{size: 4K, quality: high}"),
        ([{"when": {"n": 1}, "price": [3]}, 4], (0, "price"), "not one within another"),
        ([{"when": {"n": 1}, "price": "4 +"}, 4], (0, "price"), "cannot be read"),
        ([{"when": {"colour": 1}, "price": 3}, 4], (0, "when", "colour"), "no price depends on 'colour'; known: size"),
        ([{"when": {"siz": 1}, "price": 3}, 4], (0, "when", "siz"), "did you mean 'size'"),
        ([{"when": {"size": "5K"}, "price": 3}, 4], (0, "when", "size"), "no size tier"),
        ([{"when": {"task": "edt"}, "price": 3}, 4], (0, "when", "task"), "did you mean 'edit'"),
        ([{"when": {"n": "> few"}, "price": 3}, 4], (0, "when", "n"), "compared with a number"),
        ([{"when": {"n": True}, "price": 3}, 4], (0, "when", "n"), "nothing to compare"),
        ([{"when": {"n": []}, "price": 3}, 4], (0, "when", "n"), "compared with nothing"),
        ([{"when": {"quality": " "}, "price": 3}, 4], (0, "when", "quality"), "compared with nothing"),
        ([{"when": {"quality": "> low"}, "price": 3}, 4], (0, "when", "quality"), "not more or less"),
    ],
)
def test_parse_refuses(written: Any, at: tuple[Any, ...], words: str) -> None:
    with pytest.raises(Fault) as caught:
        parse(written)
    assert words in caught.value.message
    assert (caught.value.kind, caught.value.field, caught.value.details["at"]) == ("internal", "price", at)


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("much", 1, "there is no 'much' here; known: n, images"),
        ("4 + 0.5*imges", 9, "did you mean 'images'"),
        ("4 + ü", 5, "there is no 'ü' here"),
        ("'ü'*2 + imges", 1, "no place in a price"),
        ("4 +", 1, "cannot be read"),
        ("4 $ 3", 3, "cannot be read"),
        ("2**8", 1, "no place"),
        ("4 // n", 1, "no place"),
        ("4 % n", 1, "no place"),
        ("1 + n.real", 5, "no place"),
        ("1 + n[0]", 5, "no place"),
        ("1 + __import__('os').system('true')", 5, "no place"),
        ("max(n)", 1, "no place"),
        ("max(n, key=4)", 1, "no place"),
        ("max(*n, 4)", 5, "no place"),
        ("abs(n)", 1, "no place"),
        ("(lambda: 4)()", 1, "no place"),
        ("4 if n > 2 else 3", 1, "no place"),
        ("[4]", 1, "no place"),
        ("4, 5", 1, "no place"),
        ("True", 1, "no place"),
        ("2j", 1, "no place"),
        ("1e999*n", 1, "no place"),
        ("n == 4", 1, "no place"),
        ("not n", 1, "no place"),
        ("(n := 4)", 2, "no place"),
        ("4 / seconds", 5, "nothing is divided by 0"),
        ("4 / (images - 2)", 6, "nothing is divided by 0"),
    ],
)
def test_a_formula_is_refused_with_the_place(text: str, place: int, words: str) -> None:
    with pytest.raises(Fault) as caught:
        parse(text)
    assert caught.value.message.startswith(f"{text!r}, character {place}: ")
    assert words in caught.value.message


@pytest.mark.parametrize("text", ["n+" * 100 + "n", "width*height*width*height", "9999999999*n", "(" * 250 + "4"])
def test_a_formula_has_bounds(text: str) -> None:
    with pytest.raises(Fault, match=r"at most 200 characters|more than 1000000000 credits") as caught:
        parse(text)
    assert caught.value.field == "price"


@pytest.mark.parametrize(
    ("written", "asked", "n", "expected"),
    [
        (QUALITIES, job(quality="low"), 3, 3000),
        (QUALITIES, job(quality="HIGH"), 1, 16000),
        (QUALITIES, job("2K", quality="medium"), 1, 6000),
        (QUALITIES, job(), 1, 16000),
        (QUALITIES, job(quality="auto"), 1, 16000),
        (QUALITIES, job(quality="hd"), 1, 16000),
        ({"quality": {"low": 1, "high": 16, "auto": 5}}, job(), 1, 5000),
        ({"quality": {"low": 1, "high": 16, "auto": 5}}, job(quality="hd"), 1, 16000),
        ({"picture": 4, "reference": 0.5}, job(images=3), 2, 9500),
        ({"picture": 4, "reference": 0.5}, job(images=3), 0, 0),
        ({"second": 10, "reference": 1}, job(images=2, roles=("first", "video"), seconds=4.0), 1, 41000),
        ({"second": {"720p": 10, "1080p": 15}}, job("720p", task="video", seconds=4.5), 1, 45000),
        ({"second": {"720p": 10, "1080p": 15}}, job("auto", task="video", seconds=4.0), 1, 60000),
        (CASES, job("4K", quality="hd"), 1, 32000),
        (CASES, job("4K", quality="low"), 1, 5000),
        (CASES, job("4K"), 1, 32000),
        (CASES, job("1K", task="edit", n=3, images=2), 3, 10000),
        (CASES, job("1K", task="edit", n=2, images=2), 2, 8000),
        (CASES, job("2048x1152", quality="high"), 1, 10000),
        (CASES, job("1024x1024", quality="high"), 1, 4000),
        (CASES, job("9000x9000", quality="low"), 1, 5000),
        (CASES, job("auto", quality="low"), 1, 5000),
        (CASES, job("auto"), 1, 32000),
        (CASES, job("720p", task="video", seconds=3.0), 1, 30000),
        (RISING, job("auto"), 1, 4000),
        (RISING, job("auto", images=1), 2, 13000),
        (RISING, job("auto", images=1, quality="low"), 2, 2000),
        (RISING, job("2K", images=1, quality="hd"), 1, 8000),
        ("4 + 0.5*images + 2*seconds", job(images=3), 1, 5500),
        ("4 + 0.5*images + 2*seconds", job(task="video", seconds=2.5), 2, 18000),
        ("1/3", job(), 3, 1002),
        ("2*megapixels", job("1000x500"), 1, 1000),
        ("width/1000 + height/100", job("1000x500"), 1, 6000),
        ("2*megapixels", job("1K"), 1, 2098),
        ("megapixels", job("auto"), 1, 16778),
        ("10 - megapixels", job("1000x500"), 1, 9500),
        ("10 - 2*n", job(n=9), 9, 0),
        ("max(4 - images, 1, 2) * min(n, 3)", job(images=3, n=4), 1, 6000),
        ("-(-4)", job(), 1, 4000),
        ("100 / n", job(n=400), 1, 1000),
    ],
)
def test_of(written: Any, asked: Job, n: int, expected: int) -> None:
    assert of(parse(written), asked, n) == expected


@pytest.mark.parametrize(
    "written", [{"second": {"720p": 10}}, "2*seconds", [{"when": {"n": 4}, "price": 1}, "seconds"]]
)
def test_a_film_of_unknown_length_has_no_price(written: Any) -> None:
    with pytest.raises(Fault) as caught:
        of(parse(written), job("720p", task="video"), 1)
    assert (caught.value.kind, caught.value.field) == ("bad_request", "seconds")


def pictures(*edges: tuple[int, int]) -> list[Media]:
    return [Media(key="k", width=width, height=height) for width, height in edges]


TIERS = {"1K": 4, "2K": 8, "4K": 16}


@pytest.mark.parametrize(
    ("written", "asked", "media", "expected"),
    [
        (4, job(n=3), pictures((64, 64), (64, 64)), 8000),
        (4, job(n=2), pictures((64, 64), (64, 64), (64, 64)), 8000),
        (4, job(n=2), [], 0),
        ({"picture": 4, "reference": 1}, job(n=4, images=2), pictures((64, 64)), 6000),
        ({"picture": 4, "reference": 1}, job(n=4, images=2), [], 0),
        (TIERS, job("auto", n=2), pictures((1024, 1024), (2048, 1152)), 12000),
        (TIERS, job("auto"), pictures((1376, 768)), 4000),
        (TIERS, job("auto"), pictures((2752, 1536)), 8000),
        (TIERS, job("auto"), pictures((1536, 1024)), 8000),
        (TIERS, job("auto"), pictures((9000, 9000)), 16000),
        (TIERS, job("auto"), [Media(key="k")], 16000),
        (TIERS, job("1K"), pictures((4096, 4096)), 4000),
        (TIERS, job("4K"), pictures((1024, 1024)), 4000),
        (QUALITIES, job("auto", quality="medium"), pictures((1024, 1024)), 4000),
        (QUALITIES, job("auto"), pictures((1024, 1024)), 16000),
        (CASES, job("auto", quality="high", n=2), pictures((4096, 4096), (1024, 1024)), 36000),
        (CASES, job("1K", quality="high"), pictures((4096, 4096)), 4000),
        (RISING, job("1K", images=1, quality="hd"), pictures((4096, 4096)), 4000),
        (RISING, job("4K", images=1, quality="hd"), pictures((512, 512)), 4000),
        ("2*megapixels", job("auto", n=2), pictures((1000, 500), (1000, 1000)), 3000),
        ("2*megapixels", job("1000x500"), pictures((1000, 1000)), 1000),
        (4, job("1K"), pictures(*[(1024, 1024)] * 3), 4000),
        (4, job("1K", up_to=6), pictures(*[(1024, 1024)] * 3), 12000),
        (4, job("1K", up_to=6), pictures(*[(1024, 1024)] * 7), 24000),
        (4, job("1K", up_to=6, n=2), pictures(*[(1024, 1024)] * 13), 48000),
        ({"picture": 4, "reference": 1}, job("1K", up_to=6, images=2), pictures(*[(1024, 1024)] * 2), 10000),
        ({"second": 10}, job(task="video", seconds=8.0), [Media(key="k", seconds=7.25)], 72500),
        ({"second": 10}, job(task="video", seconds=8.0), [Media(key="k", seconds=8.04)], 80000),
        ({"second": 10}, job(task="video", seconds=8.0), [Media(key="k")], 80000),
        (
            {"second": {"480p": 5, "720p": 10, "1080p": 15}},
            job("auto", task="video", seconds=8.0),
            [Media(key="k", seconds=8.0, width=864, height=496)],
            40000,
        ),
    ],
)
def test_came(written: Any, asked: Job, media: Sequence[Media], expected: int) -> None:
    assert came(parse(written), asked, media) == expected


AMOUNT = st.integers(0, 10_000).map(lambda amount: amount / 1000)
BY_TIER = st.dictionaries(st.sampled_from(list(sizes.TIERS)), AMOUNT, min_size=1)
FLAT = st.one_of(AMOUNT, BY_TIER)
FORMULAS = st.sampled_from(["4 + 0.5*images", "2*megapixels - images", "max(1, 9 - megapixels)", "n*width/height"])
BY_QUALITY = st.dictionaries(st.sampled_from(["low", "high", "auto"]), FLAT, min_size=1)
MAPS = st.one_of(
    BY_TIER,
    st.builds(lambda each, sent: {"picture": each, "reference": sent}, AMOUNT, AMOUNT),
    st.builds(lambda by, sent: {"quality": by, "reference": sent}, BY_QUALITY, AMOUNT),
    st.builds(lambda by: {"second": by}, FLAT),
)
WHENS = st.fixed_dictionaries(
    {},
    optional={
        "size": st.sampled_from(["4K", ">1K", "<=2K", "720p", ["512", "1K"]]),
        "quality": st.sampled_from(["high", "auto", ["low", "hd"]]),
        "task": st.sampled_from(["video", ["edit", "generate"]]),
        "n": st.sampled_from([1, ">2", "<2"]),
        "seconds": st.sampled_from([">5", 4]),
    },
).filter(bool)
SIMPLE = st.one_of(AMOUNT, MAPS, FORMULAS)
CASE = st.builds(lambda when, price: {"when": when, "price": price}, WHENS, SIMPLE)
PRICES = st.one_of(
    SIMPLE, st.builds(lambda cases, last: [*cases, last], st.lists(CASE, min_size=1, max_size=3), SIMPLE)
)
JOBS = st.builds(
    lambda size, task, quality, n, up_to, images: job(
        size, task=task, quality=quality, n=n, up_to=up_to, images=images, seconds=5.0
    ),
    st.sampled_from(["auto", "1K", "2K 16:9", "720p", "1000x500", "5000x5000", "16:9"]),
    st.sampled_from(["generate", "edit", "video"]),
    st.sampled_from([None, "low", "high", "auto", "hd"]),
    st.integers(1, 4),
    st.sampled_from([None, None, 1, 3]),
    st.integers(0, 3),
)
EDGE = st.integers(1, 8000)
PIECE = st.builds(
    lambda width, height, seconds: Media(key="k", width=width, height=height, seconds=seconds),
    EDGE,
    EDGE,
    st.sampled_from([None, 4.9, 5.2]),
)
MEDIA = st.lists(PIECE, max_size=5)


@settings(max_examples=300, deadline=None)
@given(PRICES, JOBS, MEDIA)
def test_what_came_never_costs_more_than_was_held(written: Any, asked: Job, media: list[Media]) -> None:
    price = parse(written)
    most = of(price, asked, asked.most)
    cost = came(price, asked, media)
    assert 0 <= cost <= most
    assert cost <= came(price, asked, [*media, PICTURE])
    assert cost == 0 or media


@settings(max_examples=150, deadline=None)
@given(PRICES, JOBS.filter(lambda asked: asked.size.pixels != (5000, 5000)))
def test_a_size_that_is_not_known_never_costs_less_than_one_that_is(written: Any, asked: Job) -> None:
    price = parse(written)
    assert of(price, asked, 2) <= of(price, replace(asked, size=AUTO), 2)


@pytest.mark.parametrize(
    ("written", "answer"),
    [
        ({"second": 10}, True),
        ({"second": {"720p": 10}}, True),
        (4, False),
        ("2*seconds", False),
        ([{"when": {"task": "video"}, "price": {"second": 10}}, 4], False),
        ([{"when": {"task": ["video", "edit"]}, "price": {"second": 10}}, 4], True),
        ([{"when": {"task": "edit"}, "price": 4}, {"second": 10}], True),
    ],
)
def test_prices_that_want_films(written: Any, answer: bool) -> None:
    assert by_second(parse(written)) is answer
