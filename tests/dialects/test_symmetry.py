"""Every dialect with a door and a vendor reads what it writes: that is shown with made-up values, not with a few."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import is_hypothesis_test

from .wires import DIALECTS, DOORS, VENDORS

HERE = Path(__file__).parent
BOTH = sorted(DOORS.keys() & VENDORS.keys())
# Those with one side only, and why: there is nothing to compare.
ONE_SIDED = {"koci": "no vendor speaks it", "declarative": "no app speaks it: its words are its provider's"}
WAYS = ("test_parse_reads_what_encode_writes", "test_decode_reads_what_render_writes")


@cache
def modules(dialect: str) -> list[ModuleType]:
    """The test modules of a dialect: test_NAME.py and test_NAME_….py."""
    paths = (HERE / f"test_{dialect}.py", *sorted(HERE.glob(f"test_{dialect}_*.py")))
    return [import_module(f"tests.dialects.{path.stem}") for path in paths]


def test_every_dialect_is_accounted_for() -> None:
    assert sorted([*BOTH, *ONE_SIDED]) == sorted(DIALECTS)
    assert len(BOTH) >= 6


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dialect", BOTH)
def test_it_reads_what_it_writes(dialect: str, way: str) -> None:
    """The test is there, and it is one of hypothesis's."""
    found = [test for module in modules(dialect) if (test := getattr(module, way, None))]
    assert len(found) == 1
    assert is_hypothesis_test(found[0])
