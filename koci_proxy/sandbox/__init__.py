"""The simulated vendors: image APIs in several shapes that draw real pictures, are strict, and fail on demand.

It imports nothing of the rest of the house: a mistake made on both sides at once would be invisible.
"""

from __future__ import annotations

from .options import Options
from .server import Running, serve, start
from .vendor import app

__all__ = ["Options", "Running", "app", "serve", "start"]
