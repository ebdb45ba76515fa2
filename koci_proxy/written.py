"""A body on its way out: how long it is, what it is, and its bytes in pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Written:
    """A body ready to be sent.

    `length` is exact, in bytes (Content-Length). Each call of `pieces` gives the whole body from its start again, so
    that an attempt can be repeated.
    """

    length: int
    content_type: str
    pieces: Callable[[], Iterator[bytes]] = field(repr=False)


def joined(pieces: Iterable[bytes], least: int = 65_536) -> Iterator[bytes]:
    """The same bytes in pieces of at least `least` bytes, the last excepted: each piece costs its sender a call."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= least:
            yield b"".join(held)
            held.clear()
            size = 0
    if size:
        yield b"".join(held)
