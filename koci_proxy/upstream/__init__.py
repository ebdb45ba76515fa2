"""The way out: the client that carries calls to vendors, and the guarded fetcher for what a URL names."""

from __future__ import annotations

from .client import Answer, Client, Resolver
from .fetch import Fetcher
from .transport import Transport

__all__ = ["Answer", "Client", "Fetcher", "Resolver", "Transport"]
