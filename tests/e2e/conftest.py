"""One sandbox and one proxy for all conversations of a test process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.postgres import postgres

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
  gpt-image-2.6-sunburst: {price: 4, to: sandbox-openai/gpt-image-2.6-sunburst}
  as-it-is: {price: 4, strict: true, to: sandbox-gemini/gemini-3.1-flash-image}
  as-linkai: {price: 4, strict: true, to: sandbox-linkai/gpt-image-2}
  as-openai: {price: 4, strict: true, to: sandbox-openai/gpt-image-2}
  either: {price: 4, to: [sandbox-linkai/gpt-image-2, sandbox-openai/gpt-image-2]}
"""

FILMS = """
platforms: {openai: openai, google: gemini, antigravity: gemini, api: koci, ark: ark}
models:
  veo: {to: sandbox-gemini/veo-3.1}
  sora-2: {to: sandbox-openai/sora-2}
  seedance: {to: sandbox-ark/seedance-1.0-pro}
  veo-3-1: {set: {seconds: 8}, to: sandbox-gemini/veo-3.1}
  veo-omni-flash: {set: {seconds: 10}, to: sandbox-gemini/veo-omni-flash}
  exact: {size_policy: exact, to: sandbox-openai/sora-2}
  picture: {to: sandbox-openai/gpt-image-2}
"""


@pytest.fixture(scope="session")
def vendor() -> Iterator[Sandbox]:
    with sandbox() as running:
        yield running


@pytest.fixture(scope="session")
def house(vendor: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with proxy(tmp_path_factory.mktemp("house"), vendor, ROUTES) as running:
        yield running


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house of films, whose vendors take a third of a second for one."""
    with sandbox("--film-seconds", "0.3") as vendor, proxy(tmp_path_factory.mktemp("studio"), vendor, FILMS) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def state(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where a house keeps its state: for `state:` in its routes.yaml."""
    if request.param == "sqlite":
        yield "sqlite:///data/koci.db"
        return
    with postgres() as url:
        yield url
