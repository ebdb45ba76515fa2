"""What the page on plugins shows and tells is so."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import replace
from inspect import getdoc, signature
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from koci_proxy import Caller, Fault, Job, Media, Result, Target
from koci_proxy.facts import Card
from koci_proxy.media import Bytes, from_bytes
from koci_proxy.plugins import HOOKS, Plugins, load
from koci_proxy.plugins.hooks import Hooks

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples" / "plugins"
README = (ROOT / "plugins" / "README.md").read_text(encoding="utf-8")
JOB = Job("m", "a fox")
CALLER = Caller("1", "one")
TARGETS = tuple(Target("p", name, "d", Card("c")) for name in ("a", "b"))


def example(name: str, options: Mapping[str, Any]) -> Plugins:
    return load([EXAMPLES], [(name, options)])


@pytest.mark.anyio
async def test_the_example() -> None:
    plugins = example("banned_words", {"words": ["forbidden"]})
    assert await plugins.run("on_job", job=JOB, caller=CALLER) is JOB
    with pytest.raises(Fault, match="banned word"):
        await plugins.run("on_job", job=replace(JOB, prompt="a forbidden fox"), caller=CALLER)
    assert len((EXAMPLES / "banned_words.py").read_text().splitlines()) <= 12


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("mode", "kind"), [("RGB", "PNG"), ("RGBA", "PNG"), ("P", "PNG"), ("L", "JPEG"), ("RGB", "WEBP")]
)
async def test_the_example_of_pixels(mode: str, kind: str) -> None:
    plugins = example("watermark", {"text": "koci"})
    out = io.BytesIO()
    Image.new(mode, (64, 48)).save(out, kind)
    film = Media(Bytes(b"film"), mime="video/mp4")
    came = Result((from_bytes(out.getvalue()), film))
    result = await plugins.run("on_result", result=came, job=JOB, target=TARGETS[0])
    assert result.media[0] == replace(came.media[0], data=result.media[0].data, size=result.media[0].size)
    assert result.media[0].data != came.media[0].data
    assert result.media[1] == film
    assert (EXAMPLES / "watermark.py").read_text() in README


@pytest.mark.anyio
async def test_targets_may_be_chosen_by_caller(tmp_path: Path) -> None:
    [hook] = re.findall(r"```python\n(def on_plan.*?)```", README, re.DOTALL)
    head = "from collections.abc import Sequence\nfrom koci_proxy import Caller, Target\nHOUSES = {'one': 'q'}\n"
    targets = (TARGETS[0], replace(TARGETS[1], provider="q"))
    (tmp_path / "by_caller.py").write_text(head + hook)
    plugins = load([tmp_path], [("by_caller", {})])
    assert await plugins.run("on_plan", targets=targets, job=JOB, caller=CALLER) == targets[::-1]
    assert await plugins.run("on_plan", targets=targets, job=JOB, caller=Caller("2", "two")) == targets


def test_the_readme_tells_every_hook_as_it_is() -> None:
    told = dict(re.findall(r"^\| `(on_\w+\(.*?\)(?: -> [^`]+)?)` \| (.+) \|$", README, re.MULTILINE))
    real = {}
    for name in HOOKS:
        hook = getattr(Hooks, name)
        text = re.sub(r"'", "", str(signature(hook))).replace("(self, ", "(").replace("(self)", "()")
        real[name + text.replace(" | None", "").replace(" -> None", "")] = " ".join((getdoc(hook) or "").split())
    assert told == real
    assert (EXAMPLES / "banned_words.py").read_text() in README
