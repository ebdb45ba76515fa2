"""Content codings undone in bounded pieces."""

from __future__ import annotations

import gzip
import zlib

import pytest

from koci_proxy.types import PIECE
from koci_proxy.upstream.coding import Inflater

PLAIN = bytes(range(256)) * 4_096


@pytest.mark.parametrize("step", [1_000, 1 << 30])
@pytest.mark.parametrize(
    ("coding", "coded"),
    [
        ("gzip", gzip.compress(PLAIN)),
        ("gzip", gzip.compress(PLAIN[:7]) + gzip.compress(PLAIN[7:])),
        ("gzip", zlib.compress(PLAIN)),
        ("deflate", zlib.compress(PLAIN)),
        ("deflate", zlib.compress(PLAIN)[2:-4]),
    ],
    ids=range(5),
)
def test_it_comes_back(coding: str, coded: bytes, step: int) -> None:
    inflater = Inflater(coding)
    found = [grown for at in range(0, len(coded), step) for grown in inflater.feed(coded[at : at + step])]
    assert b"".join(found) == PLAIN
    assert inflater.whole
    assert max(map(len, found)) <= PIECE


@pytest.mark.parametrize("size", [PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 50_000_000])
def test_a_bomb_goes_off_in_pieces(size: int) -> None:
    inflater = Inflater("gzip")
    lengths = [len(grown) for grown in inflater.feed(gzip.compress(bytes(size)))]
    assert (sum(lengths), max(lengths) <= PIECE, inflater.whole) == (size, True, True)


def test_what_breaks_off_is_not_whole() -> None:
    inflater = Inflater("gzip")
    assert inflater.whole  # nothing was said yet
    list(inflater.feed(gzip.compress(PLAIN)[:-1]))
    assert not inflater.whole


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_nonsense_is_refused(coding: str) -> None:
    with pytest.raises(zlib.error):
        list(Inflater(coding).feed(b"\xff\xff nonsense"))


def test_the_last_match_is_not_left_behind() -> None:
    """All input can be taken in while a copy of up to 258 bytes still waits for room."""
    for extra in range(1, 600):
        inflater = Inflater("deflate")
        size = PIECE + extra
        assert sum(map(len, inflater.feed(zlib.compress(bytes(size), 1)[2:-4]))) == size
        assert inflater.whole
