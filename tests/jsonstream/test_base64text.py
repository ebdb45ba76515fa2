"""Which strings begin as base64, by the wire's own spelling."""

from __future__ import annotations

import pytest

from koci_proxy.jsonstream.base64text import head_of

B64 = b"iVBORw0KGgoAAAANSUhEUgAAASwAAADICAYAAABS39xVAAAA"


@pytest.mark.parametrize(
    ("start", "head"),
    [
        (B64, 0),
        (B64.lower() + b"-_", 0),
        (rb"\/9j\/4AAQSkZJRg", 0),
        (B64 + rb"\r\n" + B64, 0),
        (B64 + b" " + B64, 0),
        (B64 + rb"\u002B\u003d\u0041", 0),
        (B64 + b"\\u00", 0),  # cut
        (B64 + b"\\", 0),
        (b"data:image/png;base64," + B64, 22),
        (rb"data:image\/png;charset=utf-8;BASE64," + B64, 37),
        (rb" \n" + B64, 3),
        (b"", None),
        (b"data:image/png;base64,", None),
        (b"data:image/png," + B64, None),
        (b"a cat on a sofa", None),
        (b"antidisestablishmentarianism is a long word", None),
        (B64 + b" is base64.", None),
        (B64 + rb"\"", None),
        (B64 + rb"\\" + B64, None),
        (rb"\u4e00\u53ea\u732b" * 9, None),
        (rb"caf\u00e9", None),
        ("猫".encode(), None),
        (b"https://a.example/x.png", None),
    ],
)
def test_heads(start: bytes, head: int | None) -> None:
    assert head_of(start) == head
