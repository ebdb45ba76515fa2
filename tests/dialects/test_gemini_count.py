"""countTokens: an estimate in the form of the real answer, with a note that it is one."""

from __future__ import annotations

from typing import Any

import pytest

from koci_proxy.faults import Fault
from koci_proxy.wire import Reply

from .wires import asked, plain, post

PATH = "models/m:countTokens"
PICTURE = {"inline_data": {"mime_type": "image/png", "data": "AAAA"}}


def turn(*parts: Any) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": list(parts)}]}


# (body, tokens of text, tokens of pictures)
COUNTED: list[tuple[dict[str, Any], int, int]] = [
    (turn({"text": "a fox in the snow"}), 5, 0),
    (turn({"text": "猫在月球上"}), 5, 0),
    (turn({"text": ""}), 0, 0),
    (turn({"text": "abcd"}, PICTURE, {"fileData": {"fileUri": "files/abc"}}), 1, 516),
    ({**turn({"text": "abcd"}), "system_instruction": {"parts": [{"text": "abcdefgh"}]}}, 3, 0),
    ({"generateContentRequest": {"model": "models/m", **turn({"text": "abcd"})}}, 1, 0),
    ({"generate_content_request": turn({"text": "abcd"})}, 1, 0),
    ({**turn({"text": "abcd"}), "tools": [{}]}, 2, 0),
    ({"contents": []}, 0, 0),
    ({"contents": [{"role": "model"}]}, 0, 0),
]


@pytest.mark.parametrize(("body", "text", "pictures"), COUNTED)
def test_count(body: dict[str, Any], text: int, pictures: int) -> None:
    reply = asked("gemini", post(PATH, body))
    assert isinstance(reply, Reply)
    told = plain(reply.body)
    assert told["totalTokens"] == text + pictures
    kinds = {each["modality"]: each["tokenCount"] for each in told["promptTokensDetails"]}
    assert kinds == {kind: number for kind, number in (("TEXT", text), ("IMAGE", pictures)) if number}
    assert "estimate" in reply.headers["x-koci-notes"]


@pytest.mark.parametrize("body", [{}, {"contents": None}, {"contents": "fox"}, {"generateContentRequest": {}}])
def test_nothing_to_count(body: dict[str, Any]) -> None:
    with pytest.raises(Fault) as caught:
        asked("gemini", post(PATH, body))
    assert (caught.value.kind, caught.value.field) == ("bad_request", "contents")
