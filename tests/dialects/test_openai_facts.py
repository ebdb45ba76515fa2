"""What an answer of the OpenAI door says of its pictures' quality and background: what was used, not what was asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from koci_proxy.types import Done, Job, Note, Result

from .wires import DIALECTS, picture, plain

openai = DIALECTS["openai"]
UNDONE = (Note("quality", "left out", "low"), Note("background", "left out", "transparent"))
JOB = Job("image-2", "fox", deliver="base64", dialect="openai", background="transparent", quality="low")
CAME = [
    ((), {}, "image/png", ("transparent", "low")),
    (UNDONE[:1], {}, "image/png", ("transparent", None)),
    (UNDONE, {}, "image/png", (None, None)),
    (UNDONE, {"quality": "high", "background": "opaque"}, "image/png", ("opaque", "high")),
    ((Note("quality", "bent", "low → high, set by the house"),), {}, "image/png", ("transparent", None)),
    ((Note("quality", "defaulted", "low"),), {}, "image/png", ("transparent", "low")),
    ((), {}, "image/jpeg", ("opaque", "low")),
    ((), {"background": "transparent"}, "image/jpeg", ("opaque", "low")),
]


@pytest.mark.parametrize(("notes", "extras", "mime", "facts"), CAME)
def test_an_answer_says_what_was_used(
    notes: tuple[Note, ...], extras: dict[str, str], mime: str, facts: tuple[str | None, str | None]
) -> None:
    result = Result((replace(picture(), mime=mime),), notes=notes, extras=extras)
    body = plain(openai.render(result, JOB).body)
    assert (body.get("background"), body.get("quality")) == facts
    [frame] = openai.frame(Done(result), JOB)
    assert (frame.data["background"], frame.data["quality"]) == tuple(fact or "auto" for fact in facts)
    called = plain(openai.render(result, replace(JOB, options={"_door": "responses"})).body)["output"][0]
    assert (called.get("background"), called.get("quality")) == facts
