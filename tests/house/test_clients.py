"""A client of an SDK stands in circles with its own parts. Left to the collector, its socket may be looked at before it
is, and is told of as unclosed in whichever test runs by then. So every client is closed by whoever makes it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
SDKS = {"OpenAI", "AsyncOpenAI", "Anthropic", "AsyncAnthropic", "genai.Client"}
GIVEN = "http_client"
"""A connection of the test's own: who makes it closes it."""


def unclosed(source: str) -> Iterator[str]:
    """`line name` of every client that is held in a variable and is no context of a `with`."""
    tree = ast.parse(source)
    closed = {
        ast.unparse(item.context_expr)
        for node in ast.walk(tree)
        if isinstance(node, ast.With | ast.AsyncWith)
        for item in node.items
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign | ast.AnnAssign) or not isinstance(node.value, ast.Call):
            continue
        made = ast.unparse(node.value.func).removeprefix("openai.").removeprefix("anthropic.")
        target = ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target)
        if made in SDKS and target not in closed and GIVEN not in {each.arg for each in node.value.keywords}:
            yield f"{node.lineno} {target}"


def test_clients_are_closed() -> None:
    files = [path for path in TESTS.rglob("*.py") if "sdks" not in path.parts]  # those run in processes of their own
    found = [f"{path.relative_to(TESTS)}:{each}" for path in files for each in unclosed(path.read_text("utf-8"))]
    assert found == []


def test_the_rule_itself() -> None:
    source = "a = openai.OpenAI(api_key=k)\nwith Anthropic() as b: pass\nc = OpenAI()\nwith c: pass"
    assert list(unclosed(source)) == ["1 a"]
