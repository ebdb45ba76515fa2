"""A house in a folder of its own, with plugins of known names beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from koci_proxy.config import ConfigError, load

HEAD = """\
platforms: {openai: openai, google: gemini}
keys: {openai: "${OPENAI}", linkai: sk-linkai-1}
"""
GOOD = HEAD + "models:\n  pic: openai/gpt-image-2\n"
ENVIRON = {"OPENAI": "sk-openai-1"}
ACME = "dialect: openai\nurl: https://api.acme.example/v1\nmodels: {paint: gpt-image-2}\n"

Write = Callable[[Mapping[str, str]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes files by name and gives back the path of `routes.yaml` beside them."""
    dialects = [f"dialects/{name}" for name in ("openai", "gemini", "linkai")]
    for name in (*dialects, "transforms/style", "transforms/size", "transforms/frame", "mine"):
        file = tmp_path / "plugins" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")

    def written(files: Mapping[str, str]) -> Path:
        for name, text in files.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return tmp_path / "routes.yaml"

    return written


def complaints(path: Path) -> list[str]:
    """What loading a house complains of."""
    with pytest.raises(ConfigError) as caught:
        load(path, ENVIRON)
    return [str(one) for one in caught.value.complaints]
