"""JSON with pictures in it, read and written in pieces: no picture is ever a string, nor whole in memory."""

from ..malformed import Malformed
from ..written import Written
from .reader import WORDS, Reader
from .writer import write

__all__ = ["WORDS", "Malformed", "Reader", "Written", "write"]
