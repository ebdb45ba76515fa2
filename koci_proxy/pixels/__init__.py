"""Pixel work: pictures turned, shrunk and converted, masks translated, films measured.

Pillow and PyAV are loaded with the first of it.
"""

from __future__ import annotations

from .masks import Convention
from .workshop import Pixels

__all__ = ["Convention", "Pixels"]
