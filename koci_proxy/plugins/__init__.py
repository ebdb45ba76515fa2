"""Plugins: Python files dropped into a folder that speak a wire, or watch, refuse and change what passes."""

from .hooks import HOOKS
from .loading import Plugins, load
from .sources import PluginError
from .trial import contract
from .verbs import ask

__all__ = ["HOOKS", "PluginError", "Plugins", "ask", "contract", "load"]
