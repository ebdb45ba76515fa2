"""The configuration: `routes.yaml`, providers and cards as one checked `House`, and the watch over their files."""

from .complain import Complaint, ConfigError
from .load import load, place, shipped, stated
from .remark import remarks
from .watch import changes

__all__ = ["Complaint", "ConfigError", "changes", "load", "place", "remarks", "shipped", "stated"]
