"""The proxy and the sandbox over sockets, as the conversations of tests/e2e have them."""

from __future__ import annotations

from tests.e2e.conftest import house, vendor

__all__ = ["house", "vendor"]
