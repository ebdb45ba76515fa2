"""Content codings undone piece by piece: never more than a piece in memory, whatever a bomb would grow to."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from ..types import PIECE

KNOWN = ("gzip", "x-gzip", "deflate")


class Inflater:
    """Undoes one content coding (`gzip` or `deflate`); raises `zlib.error` on what is neither."""

    __slots__ = ("_begun", "_raw", "_zip")

    def __init__(self, coding: str) -> None:
        self._raw = coding == "deflate"
        self._begun = False
        self._zip = zlib.decompressobj(wbits=47)  # 32 + 15: gzip or zlib, told by the head

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """What a piece of the body stands for, in pieces of at most `PIECE` bytes."""
        more = bool(piece)
        while more:
            grown = self._grow(piece)
            if grown:
                yield grown
            piece, more = self._zip.unconsumed_tail, len(grown) == PIECE
            if self._zip.eof and (piece := self._zip.unused_data):  # several gzip members in a row are one body
                self._zip = zlib.decompressobj(wbits=47)
            more = bool(piece) or (more and not self._zip.eof)

    @property
    def whole(self) -> bool:
        """Whether the coded body came to its proper end."""
        return self._zip.eof or not self._begun

    def _grow(self, piece: bytes) -> bytes:
        first, self._begun = not self._begun, True
        try:
            return self._zip.decompress(piece, PIECE)
        except zlib.error:
            if not (first and self._raw):
                raise
        self._zip = zlib.decompressobj(wbits=-15)  # many servers say deflate and leave the zlib head out
        return self._zip.decompress(piece, PIECE)
