"""The rooms of the shell that the engine conducts, under one name."""

from __future__ import annotations

from dataclasses import dataclass

from ..pixels import Pixels
from ..spool import Spools
from ..store import Store
from ..telemetry import Telemetry
from ..upstream import Client, Fetcher


@dataclass(slots=True)
class Shell:
    """`sandbox` is the base URL of the built-in sandbox vendor, None while it does not run."""

    client: Client
    fetcher: Fetcher
    spools: Spools
    pixels: Pixels
    store: Store
    telemetry: Telemetry
    sandbox: str | None = None

    def url(self, base: str) -> str:
        """A provider's base URL with the sandbox's true address filled in."""
        word, _, path = base.partition(":")
        if word == "sandbox" and self.sandbox is not None:
            return self.sandbox + path
        return base
