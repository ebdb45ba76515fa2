"""The edge that apps see."""

from .proxy import Proxy
from .run import run

__all__ = ["Proxy", "run"]
