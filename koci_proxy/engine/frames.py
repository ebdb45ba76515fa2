"""A vendor's event stream read into frames; a picture inside an event goes to a sink as it comes."""

from __future__ import annotations

from .. import jsonstream
from ..types import Sinks
from ..wire import Frame

_LINE = 4096  # a line that is no data is a few words; this much of one is kept
_DONE = b"[DONE]"


class FrameReader:
    """Feed it bytes at any boundary; it gives back the frames that have come whole.

    Comments, ids and `[DONE]` are passed over. Raises `Malformed` for data that is not JSON, and for more than
    `max_bytes` of it in one frame.
    """

    def __init__(self, sinks: Sinks, max_bytes: int) -> None:
        self._sinks = sinks
        self._max_bytes = max_bytes
        self._event: str | None = None
        self._reader: jsonstream.Reader | None = None
        self._head = b""
        self._line = b""
        self._in_data = False

    def feed(self, chunk: bytes) -> list[Frame]:
        found: list[Frame] = []
        at = 0
        while at < len(chunk):
            end = chunk.find(b"\n", at)
            self._take(chunk[at : len(chunk) if end < 0 else end])
            if end < 0:
                break
            found += self._end_line()
            at = end + 1
        return found

    def close(self) -> list[Frame]:
        """The frame of a stream that ended without its last blank line."""
        return self._end_line() + self._end_frame()

    def abort(self) -> None:
        if self._reader is not None:
            self._reader.abort()

    def _take(self, part: bytes) -> None:
        if self._in_data:
            self._data(part)
            return
        line = self._line + part
        if not line.startswith(b"data:"):
            self._line = line[:_LINE]
            return
        self._in_data, self._line = True, b""
        if self._reader is not None:
            self._data(b"\n")  # one value over several lines
        self._data(line[5:])

    def _data(self, part: bytes) -> None:
        if len(self._head) < len(_DONE):
            self._head = (self._head + part).lstrip()[: len(_DONE)]
        if self._reader is None:
            self._reader = jsonstream.Reader(self._sinks, max_bytes=self._max_bytes)
        self._reader.feed(part)

    def _end_line(self) -> list[Frame]:
        if self._in_data:
            self._in_data = False
            return []
        line, self._line = self._line.rstrip(b"\r"), b""
        if not line:
            return self._end_frame()
        name, _, value = line.partition(b":")
        if name == b"event":
            self._event = value.strip().decode("utf-8", "replace")
        return []

    def _end_frame(self) -> list[Frame]:
        event, self._event = self._event, None
        reader, self._reader = self._reader, None
        head, self._head = self._head, b""
        if reader is None:
            return []
        if head == _DONE:
            reader.abort()
            return []
        return [Frame(event, reader.close())]
