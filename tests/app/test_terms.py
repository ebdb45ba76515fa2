"""How operators write amounts, times and names, and what of it cannot be read."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from koci_proxy import Fault
from koci_proxy.app import terms
from koci_proxy.facts import House, Model, Share

HOUSE = House(
    platforms={"openai": "openai", "google": "gemini"},
    models={name: Model(name, (Share((("a", "b", 1.0),)),)) for name in ("picture", "film")},
    providers={},
    keys={},
    aliases={"image": "picture"},
)


@pytest.mark.parametrize(
    ("written", "thousandths"),
    [
        (4, 4000),
        ("4", 4000),
        ("0.5", 500),
        (Decimal("0.001"), 1),
        ("+2", 2000),
        ("-2.5", -2500),
        (" 1.250000 ", 1250),
        (Decimal("123456789012.345"), 123_456_789_012_345),
        ("1000000000000", 10**15),
    ],
)
def test_amounts_are_exact(written: Any, thousandths: int) -> None:
    assert terms.amount(written, "credits") == thousandths


@pytest.mark.parametrize(
    "written",
    ["", "four", "0.0005", "1e3", ".5", "1,5", "1.", "--2", "٤", True, None, [], {}, Decimal("1E+999999999"),
     Decimal("NaN"), float("inf"), "0.50000000000000000000000000000001"],
)  # fmt: skip
def test_what_is_no_amount(written: Any) -> None:
    with pytest.raises(Fault) as caught:
        terms.amount(written, "credits")
    assert (caught.value.kind, caught.value.field) == ("bad_request", "credits")
    assert "such as 4 or 0.5" in caught.value.message


def test_the_most_that_can_be_moved() -> None:
    with pytest.raises(Fault, match="credits: 1000000000000 credits are the most"):
        terms.amount("1000000000000.001", "credits")


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2027-01-31", datetime(2027, 1, 31, tzinfo=UTC)),
        ("2027-01-31T14:00:00", datetime(2027, 1, 31, 14, tzinfo=UTC)),
        ("2027-01-31T14:00:00Z", datetime(2027, 1, 31, 14, tzinfo=UTC)),
        ("2027-01-31 15:30+01:00", datetime(2027, 1, 31, 14, 30, tzinfo=UTC)),
        (1800000000, datetime.fromtimestamp(1800000000, UTC)),
        (Decimal("1800000000.5"), datetime.fromtimestamp(1800000000.5, UTC)),
    ],
)
def test_moments(written: Any, moment: datetime) -> None:
    assert terms.moment(written, "since") == moment.timestamp()


def test_moments_from_now_and_ago() -> None:
    now = time.time()
    assert 0 <= terms.moment("30d", "expires_at") - now - 30 * 86_400 < 5
    assert 0 <= terms.moment("90m", "since", ago=True) - now + 90 * 60 < 5


@pytest.mark.parametrize("written", ["", "soon", "2027-13-01", "20270131", "5", 5, None, True, "-1h"])
def test_what_is_no_moment(written: Any) -> None:
    with pytest.raises(Fault, match="since is a time such as 30d, 2027-01-31") as caught:
        terms.moment(written, "since")
    assert (caught.value.kind, caught.value.field) == ("bad_request", "since")


@pytest.mark.parametrize(
    ("written", "seconds"), [("1h", 3600), ("0", 0), (90, 90), ("1.5m", 90), (Decimal("0.5"), 0.5)]
)
def test_spans(written: Any, seconds: float) -> None:
    assert terms.span(written, "overlap") == seconds


@pytest.mark.parametrize("written", ["", "long", "-1", "1 h", None, True, "1e3", "9" * 400])
def test_what_is_no_span(written: Any) -> None:
    with pytest.raises(Fault, match="overlap is a time such as 90s, 1h or 30d"):
        terms.span(written, "overlap")


def test_rights_are_only_what_was_given() -> None:
    assert terms.rights({}, HOUSE) == {}
    assert terms.rights({"name": "shop", "owner": None}, HOUSE) == {"owner": ""}
    given = {
        "models": ["film"],
        "platforms": None,
        "expires_at": None,
        "limits": {"at_once": 2, "credits_per_day": 0.5},
    }
    assert terms.rights(given, HOUSE) == {
        "models": ["film"],
        "platforms": None,
        "expires_at": None,
        "limits": {"at_once": 2, "credits_per_day": 500},
    }
    assert set(terms.rights({"limits": None}, HOUSE)["limits"].values()) == {None}


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"models": ["pictur"]}, "models", "there is no model 'pictur' here; did you mean 'picture'?"),
        ({"models": ["image"]}, "models", "'image' is an alias; name its model, 'picture'"),
        ({"models": ["film", 7]}, "models", "there is no model 7 here; known are picture, film"),
        ({"platforms": ["opnai"]}, "platforms", "there is no platform 'opnai' here; did you mean 'openai'?"),
        ({"limits": {"credits_per_day": "x"}}, "limits.credits_per_day", "is a number of credits such as 4 or 0.5"),
        ({"limits": {"credits_per_day": 0}}, "limits.credits_per_day", "is above 0"),
        ({"expires_at": "soon"}, "expires_at", "expires_at is a time such as 30d"),
    ],
)
def test_rights_that_cannot_be_given(given: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(Fault) as caught:
        terms.rights(given, HOUSE)
    assert (caught.value.kind, caught.value.field) == ("bad_request", field)
    assert words in caught.value.message
