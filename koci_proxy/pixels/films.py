"""Films: how large and how long one is, and the picture it begins with. All of it is work for a thread."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from itertools import islice
from typing import Any

from ..faults import Fault
from ..types import Media, Sinks, Spool
from .canvas import MAX_PIXELS, keep, within, write

# The reader for each type is named: left to guess, the library would try every format it knows on a stranger's bytes.
_READERS = {"video/mp4": "mp4", "video/quicktime": "mov", "video/webm": "webm"}
# So many packets are looked through for a first frame, sound among them.
_PACKETS = 512
_WEBP = "image/webp"


@cache
def pyav() -> Any:
    """`av`, loaded when first used."""
    import av

    return av


def measure(media: Media, field: str | None) -> Media:
    """A film with its pixels and its length; the length stays None where the file does not say."""
    with _opened(media, field) as (container, stream):
        length = stream.duration * stream.time_base if stream.duration is not None else None
        if length is None and container.duration is not None:
            length = container.duration / pyav().time_base
        seconds = round(float(length), 3) if length is not None and length > 0 else None
        return replace(media, width=stream.width, height=stream.height, seconds=seconds)


def poster(sinks: Sinks, media: Media, edge: int) -> Media:
    """A film's first frame as a WebP of at most `edge` pixels an edge."""
    with _opened(media, None) as (container, stream):
        stream.codec_context.options = {"threads": "1", "max_pixels": str(MAX_PIXELS)}
        packets = islice(container.demux(stream), _PACKETS)
        frame = next((frame for packet in packets for frame in packet.decode()), None)
        if frame is None:
            raise _unreadable(None, "has no frame")
        width, height = within((frame.width, frame.height), edge)
        image = frame.to_image(width=width, height=height)
    return keep(sinks, write(image, _WEBP, 80, None, None), image, _WEBP)


@contextmanager
def _opened(media: Media, field: str | None) -> Iterator[tuple[Any, Any]]:
    """The file and its first video stream. `Fault` for one that cannot be read, here or while it is worked on."""
    if media.data is None:
        raise Fault("internal", "only bytes can be worked on: a linked film must be fetched first")
    try:
        with pyav().open(_File(media.data), format=_READERS.get(media.mime or ""), metadata_errors="ignore") as file:
            stream = next(iter(file.streams.video), None)
            if stream is None or stream.codec_context is None or not (stream.width and stream.height):
                raise _unreadable(field, "shows no pictures")
            if stream.width * stream.height > MAX_PIXELS:
                raise _unreadable(field, f"has more than {MAX_PIXELS // 1_000_000} million pixels")
            yield file, stream
    except (pyav().FFmpegError, ValueError, EOFError) as error:
        raise _unreadable(field, "is no whole MP4, QuickTime or WebM file") from error


def _unreadable(field: str | None, what: str) -> Fault:
    if field is not None:
        return Fault("bad_request", f"{field} {what}", field=field)
    return Fault("garbled", f"the upstream's film {what}", stage="accepted")


class _File:
    """A spool as a file to be read from any place."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._pieces = spool.pieces()
        self._at = 0
        self._held = b""
        self._begin = 0  # where the piece in hand begins

    def read(self, size: int = -1) -> bytes:
        if not self._begin <= self._at <= self._begin + len(self._held):
            self._pieces, self._held, self._begin = self._spool.pieces(start=self._at), b"", self._at
        if self._at == self._begin + len(self._held):
            self._begin, self._held = self._at, next(self._pieces, b"")
        begin = self._at - self._begin
        found = self._held[begin : begin + size] if size >= 0 else self._held[begin:]
        self._at += len(found)
        return found

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._spool.size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at
