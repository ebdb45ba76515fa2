"""What of a Gemini conversation a vendor of another shape never hears."""

from __future__ import annotations

from typing import Any

import pytest

from .test_gemini import FOX, A, B, inline, parse

EARLIER = ["contents", "the words of earlier turns: the prompt is what the user said last"]


@pytest.mark.parametrize(
    ("contents", "lost"),
    [
        (FOX, []),
        ([{"parts": [{"text": "x"}, inline(B)]}], []),
        ([{"role": "user", "parts": [inline(A)]}, *FOX], []),
        ([*FOX, {"role": "model", "parts": [inline(A, thoughtSignature="AAAA")]}, *FOX], [EARLIER]),
        (
            [{"parts": [{"text": "x"}, inline(A, media_resolution={"level": "x"}, thought=None)]}],
            [["contents[0].parts[1].mediaResolution", ""]],
        ),
        ([{"parts": [{"functionResponse": {}}, {"text": "x"}]}], [["contents[0].parts[0].functionResponse", ""]]),
        ([{"parts": [{"text": "hm", "thought": True}, {"text": "x"}]}], [["contents[0].parts[0]", "a thought"]]),
        ([*FOX, {"role": "model", "parts": [{"text": "ok"}]}], [["contents[1]", "a turn behind the prompt"]]),
        ([{**FOX[0], "name": "Ann"}], [["contents[0].name", ""]]),
    ],
)
def test_what_of_a_conversation_a_vendor_of_another_shape_never_hears(contents: Any, lost: list[list[str]]) -> None:
    assert parse(contents).options.get("_lost", []) == lost
