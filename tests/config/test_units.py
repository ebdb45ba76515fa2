"""Units of the YAML files."""

from __future__ import annotations

import pytest

from koci_proxy.config.units import mebibytes, optional, pixels, seconds


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (10, 10.0),
        (0.5, 0.5),
        ("500ms", 0.5),
        ("10s", 10.0),
        ("15m", 900.0),
        ("1.5h", 5400.0),
        ("30d", 2_592_000.0),
        ("1w", 604_800.0),
    ],
)
def test_seconds(written: float | str, value: float) -> None:
    assert seconds(written) == value


def test_the_others() -> None:
    assert mebibytes(0.5) == 524_288
    assert pixels("2048x1152") == (2048, 1152)
    assert optional(None, seconds) is None
    assert optional("1m", seconds) == 60.0
