"""The count of a table's rows: each has a test with its number and a word on what it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


def all_told(module: Mapping[str, Any], word: str, count: int) -> None:
    """Fails unless the tests `test_WORD_NN_…` of a module are the rows 1 to `count`, and each has a docstring."""
    told = {name: int(found[1]) for name in module if (found := re.fullmatch(rf"test_{word}_(\d\d)_\w+", name))}
    assert sorted({*told.values()}) == list(range(1, count + 1))
    assert not [name for name in told if not (module[name].__doc__ or "").strip()]
