"""Pixel work: pictures turned, shrunk and converted, masks translated. Pillow is loaded with the first of it."""

from __future__ import annotations

from .masks import Convention
from .workshop import Pixels

__all__ = ["Convention", "Pixels"]
