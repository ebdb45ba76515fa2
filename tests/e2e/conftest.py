"""One sandbox and one proxy for all conversations of a test process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .processes import House, Sandbox, proxy, sandbox

ROUTES = """
platforms: {openai: openai, google: gemini, antigravity: gemini, anthropic: anthropic, linkai: linkai}
models:
  via-openai: {price: 4, to: sandbox-openai/gpt-image-2}
  via-gemini: {price: 4, to: sandbox-gemini/gemini-3.1-flash-image}
  via-aioagi: {price: 4, to: sandbox-aioagi/gpt-image-2}
  via-linkai: {price: 4, to: sandbox-linkai/gpt-image-2}
  via-anthropic: {price: 4, to: sandbox-anthropic/picture-1}
  via-anthropic-link: {price: 4, to: sandbox-anthropic/picture-1-link}
  via-anthropic-markdown: {price: 4, to: sandbox-anthropic/picture-1-markdown}
  exact: {price: 4, size_policy: exact, to: sandbox-openai/gpt-image-2}
  either: {price: 4, to: [sandbox-linkai/gpt-image-2, sandbox-openai/gpt-image-2]}
"""


@pytest.fixture(scope="session")
def vendor() -> Iterator[Sandbox]:
    with sandbox() as running:
        yield running


@pytest.fixture(scope="session")
def house(vendor: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with proxy(tmp_path_factory.mktemp("house"), vendor, ROUTES) as running:
        yield running
