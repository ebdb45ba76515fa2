"""Base64 as it stands inside a JSON string: how it is recognised, and how it becomes bytes while it arrives."""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence

import pybase64

from ..types import Media, Sink

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=\\"
_DATA_HEAD = re.compile(rb"(?:[ ]|\\[nrt])*(?:data:[^,\"]{0,256};base64,)?", re.IGNORECASE)
_FIRST_WORD = 48  # encoders break lines at 60 characters or later, no prompt begins with so long a word

_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_CUT_ESCAPE = re.compile(rb"\\(?:u[0-9A-Fa-f]{0,3})?\Z")
# Any but those of the slash, of white space, and of a character of an alphabet.
_FOREIGN_ESCAPE = re.compile(rb"\\(?![/nrt]|u00(?:0[9AaDd]|2[BbDdFf]|3[0-9Dd]|[46][1-9A-Fa-f]|5[0-9AaFf]|7[0-9Aa]))")
_OTHER_ESCAPE = re.compile(rb"\\[^/]")
_CODE = re.compile(rb"\\u00([0-9A-Fa-f]{2})")
# What encoders write in practice, so that the slow rule for any \uXXXX is seldom asked: PHP escapes the slash,
# .NET the plus, Gson the equals sign, MIME encoders break lines.
_ESCAPES: Sequence[tuple[bytes, bytes]] = (
    (rb"\n", b""),
    (rb"\r", b""),
    (rb"\/", b"/"),
    (rb"\u002B", b"+"),
    (rb"\u002b", b"+"),
    (rb"\u003d", b"="),
    (rb"\u003D", b"="),
    (rb"\t", b""),
)


def head_of(start: bytes) -> int | None:
    """How long the data URI head before the base64 text is (0: there is none); None when this is no base64 text.

    `start` is what comes first between the quotes, as it stands on the wire. Spaces are taken, since some encoders
    break lines with them, but not near its beginning: a prompt of plain words is not base64. Nor is one in any other
    script, which a careful encoder writes in hexadecimal escapes throughout.
    """
    match = _DATA_HEAD.match(start)
    at = match.end() if match else 0
    body = _CUT_ESCAPE.sub(b"", start[at:])
    if not body or body[:_FIRST_WORD].translate(None, _ALPHABET) or body.translate(None, _ALPHABET + b" "):
        return None
    return None if _FOREIGN_ESCAPE.search(body) else at


class Decoder:
    """Takes base64 text as it stands between JSON quotes, cut anywhere, and gives its bytes to a sink.

    Clean text of either alphabet is decoded as it is; text that will not decode so is cleaned first, from there on.
    Raises binascii.Error with a reason.
    """

    __slots__ = ("_carry", "_cleaning", "_cut", "_ended", "_sink", "_url_safe")

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._carry = b""  # up to three characters of a group of four
        self._cut = b""  # an escape whose end has not come yet
        self._url_safe = False
        self._cleaning = False
        self._ended = False

    def takes(self, text: bytes) -> bool:
        """Takes text that may hold the end of the string, if it is clean and does not; on False nothing has changed."""
        tail = text[-3:]  # which may have to wait for the next text, undecoded
        if self._cleaning or self._url_safe or b'"' in tail or b"\\" in tail:
            return False
        return self._decodes(text)

    def write(self, text: bytes) -> None:
        if not self._cleaning:
            if not self._url_safe and self._decodes(text):
                return
            whole = self._carry + text
            self._url_safe = b"+" not in whole and b"/" not in whole
            if self._url_safe and self._decodes(text):
                return
            self._cleaning = True
            self._carry = b""
            text = whole
        if not self._decodes(self._clean(text)):
            raise binascii.Error("not base64: a character of no base64 alphabet, or text after its end")

    def finish(self) -> Media:
        """What the sink made of it. Padding may be missing."""
        if not self._cleaning:
            self._carry = self._clean(self._carry)
        padding = b"=" * (-len(self._carry) % 4)
        if self._cut or len(self._carry.rstrip(b"=")) == 1 or not self._decodes(padding):
            raise binascii.Error("not base64: it is cut short")
        return self._sink.finish()

    def abort(self) -> None:
        self._sink.abort()

    def _decodes(self, text: bytes) -> bool:
        """Decodes as many whole groups of four as there are; on False nothing has changed."""
        if not text:
            return True
        if self._ended:
            return False
        size, fill, first = len(text), -len(self._carry) % 4, b""
        if fill:
            if size < fill:
                self._carry += text
                return True
            group = self._decoded(self._carry + text[:fill])
            if group is None:
                return False
            first = group
        end = size - (size - fill) % 4
        body = self._decoded(text if end == size and not fill else memoryview(text)[fill:end])
        if body is None:
            return False
        short = len(first) % 3 or len(body) % 3
        if short and (end < size or (len(first) % 3 and body)):  # padding, and text after it
            return False
        self._ended = bool(short)
        self._carry = text[end:]
        if first:
            self._sink.write(first)
        if body:
            self._sink.write(body)
        return True

    def _decoded(self, text: bytes | memoryview) -> bytes | None:
        """The bytes of whole groups, None when they are not base64."""
        try:
            return pybase64.b64decode(text, b"-_" if self._url_safe else None, validate=True)
        except binascii.Error:
            return None

    def _clean(self, text: bytes) -> bytes:
        """Resolves escapes, drops white space, and turns the URL-safe alphabet into the standard one."""
        text = self._cut + text
        self._cut = b""
        self._url_safe = False
        if b"\\" in text:
            cut = _CUT_ESCAPE.search(text, max(0, len(text) - 5))
            if cut:
                self._cut = cut[0]
                text = text[: cut.start()]
            text = _unescaped(text)
        if b"-" in text or b"_" in text or b" " in text:
            text = text.translate(_TO_STANDARD, b" ")
        return text


def _unescaped(text: bytes) -> bytes:
    if not _OTHER_ESCAPE.search(text):
        return text.translate(None, b"\\")
    if rb"\\" in text:
        raise binascii.Error("not base64: it holds a backslash")
    for escape, character in _ESCAPES:
        text = text.replace(escape, character)
        if b"\\" not in text:
            return text
    return _CODE.sub(_character, text)


def _character(code: re.Match[bytes]) -> bytes:
    character = bytes((int(code[1], 16),))
    return b"" if character in b" \t\r\n" else character
