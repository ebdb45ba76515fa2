"""docs/matrix.md says what a run says, and no cell is broken or empty."""

from __future__ import annotations

from pathlib import Path

import pytest

from .run import main

PAGE = Path(__file__).parents[2] / "docs" / "matrix.md"


@pytest.mark.sockets
def test_the_page_is_what_a_run_says() -> None:
    page = main()
    assert "BROKEN" not in page
    assert page == PAGE.read_text(encoding="utf-8"), "write it anew: python -m tests.matrix.run > docs/matrix.md"
