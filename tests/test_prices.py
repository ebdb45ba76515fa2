"""Credits, to the thousandth: prices by picture, tier and second."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koci_proxy import sizes
from koci_proxy.faults import Fault
from koci_proxy.prices import Price, of, parse, show
from koci_proxy.types import Job


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (4, Price(4000)),
        (0, Price(0)),
        ("4", Price(4000)),
        (0.5, Price(500)),
        (0.1, Price(100)),
        ("0.125", Price(125)),
        ({"4K": 16, "1K": 4, "2k": "8.5"}, Price(tiers=(("1K", 4000), ("2K", 8500), ("4K", 16000)))),
        ({512: 1}, Price(tiers=(("512", 1000),))),
        ({"1080P": 60, "720p": 40}, Price(tiers=(("720p", 40000), ("1080p", 60000)))),
        ({"second": 10}, Price(second=10000)),
    ],
)
def test_parse(written: Any, expected: Price) -> None:
    assert parse(written) == expected


@pytest.mark.parametrize(
    "written",
    [-1, True, None, "much", "", "nan", "inf", 0.0001, [4], {}, {"8K": 1}, {"second": 1, "1K": 2}, {"360p": 1}],
)
def test_parse_refuses(written: Any) -> None:
    with pytest.raises(Fault) as caught:
        parse(written)
    assert (caught.value.kind, caught.value.field) == ("internal", "price")


TIERS = {"1K": 4, "2K": 8, "4K": 16}
FILMS = {"480p": 2, "720p": 4, "1080p": 8}


@pytest.mark.parametrize(
    ("written", "size", "seconds", "n", "expected"),
    [
        (4, "4K", None, 3, 12000),
        (TIERS, "1K", None, 1, 4000),
        (TIERS, "2K 16:9", None, 2, 16000),
        (TIERS, "512", None, 1, 4000),
        (TIERS, "3K", None, 1, 16000),
        (TIERS, "1024x1024", None, 1, 4000),
        (TIERS, "1025x100", None, 1, 8000),
        (TIERS, "1152x2048", None, 1, 8000),
        (TIERS, "9000x9000", None, 1, 16000),
        (TIERS, "auto", None, 1, 16000),
        (TIERS, "16:9", None, 1, 16000),
        ({"1K": 4}, "4K", None, 1, 4000),
        (FILMS, "1280x720", None, 1, 4000),
        (FILMS, "720x1280", None, 1, 4000),
        (FILMS, "720x720", None, 1, 4000),
        (FILMS, "720p 1:1", None, 1, 4000),
        (FILMS, "854x480", None, 1, 2000),
        (FILMS, "1920x1088", None, 1, 8000),
        (FILMS, "2K", None, 1, 8000),
        (FILMS, "1K", None, 1, 4000),
        (TIERS, "720p", None, 1, 8000),
        ({"second": 10}, "auto", 8.0, 1, 80000),
        ({"second": "0.001"}, "auto", 0.5, 1, 1),
        (0.1, "auto", None, 3, 300),
        ("1 + 1.5*megapixels", "auto", None, 1, 26166),
        ("1 + 1.5*megapixels", "16:9", None, 1, 26166),
        ("1 + 1.5*min(megapixels, 4.2)", "auto", None, 1, 7300),
        ("1 + 1.5*min(megapixels, 4.2)", "2048x2048", None, 1, 7292),
        (4, "auto", None, 0, 0),
    ],
)
def test_of(written: Any, size: str, seconds: float | None, n: int, expected: int) -> None:
    job = Job("m", "p", size=sizes.parse(size), seconds=seconds)
    assert of(parse(written), job, n) == expected


def test_a_film_of_unknown_length_has_no_price() -> None:
    with pytest.raises(Fault) as caught:
        of(parse({"second": 10}), Job("m", "p"), 1)
    assert (caught.value.kind, caught.value.field) == ("bad_request", "seconds")


@pytest.mark.parametrize(
    ("thousandths", "expected"),
    [(4000, "4"), (500, "0.5"), (0, "0"), (1, "0.001"), (1230, "1.23"), (10000, "10"), (-1500, "-1.5")],
)
def test_show(thousandths: int, expected: str) -> None:
    assert show(thousandths) == expected


@given(st.integers(0, 10**9))
def test_what_is_shown_is_read_back(thousandths: int) -> None:
    assert parse(show(thousandths)).each == thousandths
