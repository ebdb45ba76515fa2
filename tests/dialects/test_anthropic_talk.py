"""What of an Anthropic conversation is kept for a vendor of its shape, and what any other never hears."""

from __future__ import annotations

from typing import Any

import pytest

from .test_anthropic import LINK, answered, parse, says, shown, user
from .wires import DIALECTS, plain, target

anthropic = DIALECTS["anthropic"]
EARLIER = ["messages", "the words of earlier turns: the prompt is what the user said last"]
CACHE = {"cache_control": {"type": "ephemeral"}}


@pytest.mark.parametrize(
    ("messages", "kept", "lost"),
    [
        ([user(says("fox"))], False, []),
        ([user(shown(LINK), says("fox"))], False, []),
        ([user(says("fox"), shown(LINK))], True, []),
        ([user(says("a"), says("fox"))], True, []),
        ([user(shown(LINK)), user(says("fox"))], True, []),
        ([user(says("a")), answered("b"), user(says("fox"))], True, [EARLIER]),
        ([user({**says("fox"), **CACHE})], True, []),
        ([user(shown(LINK, **CACHE, transformations=None), says("fox"))], True, []),
        (
            [user(shown(LINK, transformations={"oversized_image": "error"}), says("fox"))],
            True,
            [["messages[0].content[0].transformations", ""]],
        ),
        ([user({"type": "document", "source": {}}, says("fox"))], True, [["messages[0].content[0]", "document"]]),
        (  # a picture that only the answer before shows is put in front: the places stay the app's own
            [answered(f"![a]({LINK})"), user(says("fox"), {"type": "tool_use"})],
            True,
            [EARLIER, ["messages[1].content[1]", "tool_use"]],
        ),
        (
            [user(says("fox")), answered("Here"), {"role": "system", "content": "be kind"}],
            True,
            [[f"messages[{at}]", "a turn behind the prompt"] for at in (1, 2)],
        ),
        ([{"role": "system", "content": "x"}, user(says("fox"))], True, [["messages[0]", "system"]]),
        ([{**user(says("fox")), "name": "Ann"}], True, [["messages[0].name", ""]]),
    ],
)
def test_a_conversation_is_kept_where_it_says_more(messages: list[Any], kept: bool, lost: list[list[str]]) -> None:
    """`lost` is what of it a vendor of another shape never hears."""
    options = parse(messages=messages).options
    assert ("_messages" in options, options.get("_lost", [])) == (kept, lost)


def test_a_cache_says_nothing_about_a_picture() -> None:
    """A vendor of this shape gets the word; at any other nothing is lost with it."""
    options = parse(**CACHE).options
    assert {name for name in options if not name.startswith("_")} == set()
    assert plain(anthropic.encode(parse(**CACHE), target("anthropic")).body)["cache_control"] == {"type": "ephemeral"}
