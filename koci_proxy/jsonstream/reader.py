"""The reader of JSON bodies: chunks become plain values, and each picture among them goes to a sink as it arrives.

Short strings are stepped over many at once. The end of any other is found with `bytes.find` and the parity of the
backslashes before it, which is several times faster than to look at its characters.
"""

from __future__ import annotations

import binascii
import re
import secrets
from functools import cache
from typing import Any

from ..malformed import Flaw, Malformed
from ..media import sniff
from ..types import Media, Sinks
from .base64text import Decoder, head_of
from .skeleton import place, values

# Fields of words alone: what is long there and has no space is a text in a script without any, or nonsense.
WORDS = ("prompt", "negative_prompt", "negativePrompt", "text", "input", "content", "instructions", "system")

_BACKSLASH = 0x5C
_HEAD = 4096
_NAMED = 128  # the last bytes before a string, in which its field's name stands


@cache
def _whole(threshold: int) -> re.Pattern[bytes]:
    """As many strings as end and are short for certain, and what lies between them."""
    if threshold < 64:
        raise ValueError("a threshold below 64 bytes tells no picture from a word")
    escapes = min(32, threshold // 16)
    pattern = rb'(?:[^"]*+"[^"\\]{0,%d}+(?:\\.[^"\\]{0,%d}+){0,%d}+")*+'
    return re.compile(pattern % (threshold // 2 - 1, threshold // (2 * escapes) - 2, escapes), re.DOTALL)


@cache
def _named(texts: tuple[str, ...]) -> re.Pattern[bytes] | None:
    """The end of a body whose next string is the value of one of these fields."""
    names = b"|".join(name.encode() for name in texts)
    return re.compile(rb'(?<!\\)"(?:%b)"\s*+:\s*+"\Z' % names) if texts else None


class Reader:
    """Reads one JSON body.

    A string of at least `threshold` bytes (64 or more) that begins as base64 or as a data URI becomes a
    `Media` of a sink; every other string stays text, as does bare base64 in a field named in `texts`. All that is
    not a picture is bounded by `max_skeleton` bytes, nesting by `max_depth`, the whole body by `max_bytes`. Whatever
    is wrong raises `Malformed`, and then, as on `abort`, nothing is left in any sink.
    """

    def __init__(
        self,
        sinks: Sinks,
        *,
        threshold: int = 16 * 1024,
        max_skeleton: int = 8 * 1024 * 1024,
        max_depth: int = 100,
        max_bytes: int | None = None,
        texts: tuple[str, ...] = (),
    ) -> None:
        self._sinks = sinks
        self._threshold = threshold
        self._whole = _whole(threshold)
        self._max_skeleton = max_skeleton
        self._max_depth = max_depth
        self._max_bytes = max_bytes
        self._texts = texts
        self._size = 0
        self._skeleton = bytearray()
        self._scanned = False
        self._inside = False  # a string that is long, or whose end has not come
        self._begin = 0  # where in the skeleton that string begins
        self._odd = False  # it stopped after an odd number of backslashes
        self._decided = False
        self._decoder: Decoder | None = None
        self._media: dict[str, Media] = {}
        self._nonce = ""  # unknown to the sender, who could else forge a placeholder

    def feed(self, chunk: bytes | memoryview) -> None:
        """Takes the next bytes. Raises `Malformed` as soon as it is certain."""
        self._size += len(chunk)
        if self._max_bytes is not None and self._size > self._max_bytes:
            self.abort()
            raise Malformed(f"the body is larger than {self._max_bytes} bytes", kind="too_large")
        chunk = bytes(chunk)
        try:
            if self._decoder is not None and not self._odd and self._decoder.takes(chunk):
                return  # as most of a picture's chunks: what decodes holds no quote
            if not self._scanned:
                if self._size < self._threshold:  # no string can be long yet
                    self._skeleton += chunk
                    return
                chunk = bytes(self._skeleton) + chunk
                self._skeleton.clear()
                self._scanned = True
            self._scan(chunk)
        except BaseException:
            self.abort()
            raise

    def close(self) -> Any:
        """The body's values: dicts, lists and scalars, with `Media` where pictures stood. Raises `Malformed`."""
        try:
            if self._inside:
                raise self._malformed("the body ends inside a string", "syntax")
            return values(bytes(self._skeleton), self._media, self._max_depth)
        except BaseException:
            self.abort()
            raise
        finally:
            self._skeleton.clear()
            self._media = {}

    def abort(self) -> None:
        """Drops all that came so far."""
        if self._decoder is not None:
            self._decoder.abort()
            self._decoder = None
        self._media = {}

    def _scan(self, chunk: bytes) -> None:
        at, end = 0, len(chunk)
        while at < end:
            at = self._in_string(chunk, at) if self._inside else self._between(chunk, at)

    def _between(self, chunk: bytes, at: int) -> int:
        """Steps over whole short strings, and stops behind the quote that opens any other one."""
        whole = self._whole.match(chunk, at)
        start = chunk.find(b'"', whole.end() if whole else at) + 1
        if not start:
            self._keep(chunk[at:])
            return len(chunk)
        self._keep(chunk[at:start])
        self._inside = True
        self._decided = False
        self._begin = len(self._skeleton)
        return start

    def _in_string(self, chunk: bytes, at: int) -> int:
        stop = self._closing_quote(chunk, at)
        piece = chunk[at:] if stop < 0 else chunk[at:stop]
        if not self._decided and len(self._skeleton) - self._begin + len(piece) >= self._threshold:
            piece = self._decide(piece)
        if self._decoder is not None:
            self._decode(self._decoder, piece)
        else:
            self._keep(piece)
        if stop < 0:
            return len(chunk)
        if self._decoder is not None:
            self._seal(self._decoder)
        self._keep(b'"')
        self._inside = False
        return stop + 1

    def _closing_quote(self, chunk: bytes, at: int) -> int:
        """Where the string ends: at the first quote after an even number of backslashes; -1 when not in this chunk."""
        while True:
            stop = chunk.find(b'"', at)
            end = len(chunk) if stop < 0 else stop
            if end > at and chunk[end - 1] != _BACKSLASH:
                odd = False
            else:
                slashes = end - at - len(chunk[at:end].rstrip(b"\\"))
                odd = bool(slashes & 1) != (self._odd and slashes == end - at)
            if stop < 0:
                self._odd = odd
                return -1
            self._odd = False
            if not odd:
                return stop
            at = stop + 1

    def _decide(self, piece: bytes) -> bytes:
        """Whether a string that has become long is a picture; then all of it that came so far is taken back out."""
        self._decided = True
        held = bytes(self._skeleton[self._begin :])
        begun = (held + piece[: self._threshold])[: min(self._threshold, _HEAD)]
        head = head_of(begun)
        if head is None or (head == 0 and self._is_text(begun)):
            return piece
        del self._skeleton[self._begin :]
        self._decoder = Decoder(self._sinks())
        return (held + piece)[head:]

    def _is_text(self, begun: bytes) -> bool:
        """Whether the string that has begun belongs to a field of words, and is no picture that was put there."""
        named = _named(self._texts)
        if named is None or not named.search(self._skeleton, max(self._begin - _NAMED, 0), self._begin):
            return False
        letters = begun.replace(b"\\", b"")[:64]
        return sniff(binascii.a2b_base64(letters[: len(letters) // 4 * 4])).mime is None

    def _decode(self, decoder: Decoder, piece: bytes) -> None:
        try:
            decoder.write(piece)
        except binascii.Error as error:
            raise self._malformed(str(error), "base64") from error

    def _seal(self, decoder: Decoder) -> None:
        try:
            media = decoder.finish()
        except binascii.Error as error:
            raise self._malformed(str(error), "base64") from error
        self._decoder = None
        self._nonce = self._nonce or secrets.token_hex(16)
        placeholder = f"{self._nonce}-{len(self._media)}"
        self._media[placeholder] = media
        self._keep(placeholder.encode())

    def _keep(self, piece: bytes) -> None:
        self._skeleton += piece
        if len(self._skeleton) > self._max_skeleton:
            raise Malformed(
                f"the JSON body holds more than {self._max_skeleton} bytes besides its pictures", kind="too_large"
            )

    def _malformed(self, message: str, kind: Flaw) -> Malformed:
        return Malformed(message, place(bytes(self._skeleton[: self._begin])), kind)
