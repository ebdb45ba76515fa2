"""What holds for every size and every card."""

from __future__ import annotations

import math
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from koci_proxy import sizes
from koci_proxy.facts import SizeRules
from koci_proxy.types import Size

from .cards import BOTH, FILM, FIXED, FREE, NAMES, NAMES_AUTO, NONE, RATIO, RATIO_BLIND, TABLE, TEN

POLICIES: st.SearchStrategy[sizes.Policy] = st.sampled_from(["nearest", "cover"])
NAMED = st.builds(Size, st.sampled_from(list(sizes.TIERS)), st.sampled_from([*TEN, "1:3", "3:1", "7:5", "1:8"]))
ASKED = st.one_of(
    NAMED,
    st.builds(Size, st.sampled_from(list(sizes.TIERS))),
    st.builds(
        lambda width, tenths: Size(width=width, height=max(1, width * tenths // 10)),
        st.integers(20, 5000),
        st.integers(1, 30),
    ),
)
RULES = st.builds(
    SizeRules,
    step=st.sampled_from([1, 2, 8, 16, 32, 64]),
    min_edge=st.sampled_from([None, 64, 100, 512]),
    max_edge=st.sampled_from([None, 2000, 3840]),
    min_pixels=st.sampled_from([None, 655_360, 921_600]),
    max_pixels=st.sampled_from([1_500_000, 8_294_400, None]),
    max_ratio=st.sampled_from([None, 1, 2.39, 3, 16]),
)


@settings(max_examples=200, deadline=None)
@given(ASKED, RULES, POLICIES)
def test_what_is_sent_obeys_the_rules_and_stays(asked: Size, rules: SizeRules, policy: sizes.Policy) -> None:
    first = sizes.resolve(asked, rules, policy)
    assert first.size.pixels is not None
    assert sizes.fits(first.size.pixels, rules)
    assert sizes.resolve(first.size, rules, policy) == sizes.Resolved(first.size)


@settings(max_examples=100, deadline=None)
@given(NAMED.filter(lambda size: size.ratio != "1:8"), POLICIES)
def test_the_ratio_is_kept_where_bounds_allow(asked: Size, policy: sizes.Policy) -> None:
    width, height = sizes.resolve(asked, FREE, policy).size.pixels or (0, 0)
    wanted = Fraction(*map(int, (asked.ratio or "").split(":")))
    assert abs(math.log(Fraction(width, height) / wanted)) <= math.log(1.02)


@settings(max_examples=100, deadline=None)
@given(ASKED, st.sampled_from([TABLE, NAMES, NAMES_AUTO, RATIO, RATIO_BLIND, FIXED, BOTH, FILM, NONE]), POLICIES)
def test_what_is_sent_is_never_bent_again(asked: Size, rules: SizeRules, policy: sizes.Policy) -> None:
    first = sizes.resolve(asked, rules, policy)
    again = sizes.resolve(first.size, rules, policy)
    assert again.size == first.size
    assert again.notes == ()


@settings(max_examples=100, deadline=None)
@given(ASKED.filter(lambda size: size.pixels is not None), st.sampled_from([TABLE, FIXED, FREE]))
def test_cover_covers_unless_nothing_does(asked: Size, rules: SizeRules) -> None:
    width, height = sizes.resolve(asked, rules, "cover").size.pixels or (0, 0)
    wanted = asked.pixels or (0, 0)
    if max(wanted) <= 1024 and max(wanted) <= 3 * min(wanted):
        assert width >= wanted[0]
        assert height >= wanted[1]
