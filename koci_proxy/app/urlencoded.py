"""Forms as a link spells them (application/x-www-form-urlencoded), read in pieces: a long picture goes to a sink."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from .. import jsonstream
from ..faults import Fault
from ..types import Sinks
from ..wire import Form

MIME = "application/x-www-form-urlencoded"

_CUT = re.compile(rb"%[0-9A-Fa-f]?\Z")
_AWKWARD = re.compile(rb'["\\\x00-\x1f]')


class FormReader:
    """Reads one form by rewriting it, as it comes, as the JSON object it stands for: base64 is found there.

    Raises `Malformed`, and `Fault` (wrong_type) for JSON under the name of a form, which is what `curl -d` sends.
    """

    def __init__(self, sinks: Sinks) -> None:
        self._json = jsonstream.Reader(sinks, texts=jsonstream.WORDS)
        self._begun = False
        self._in_value = False
        self._cut = b""  # an escape whose end has not come yet

    def feed(self, chunk: bytes | memoryview) -> None:
        data = self._cut + bytes(chunk)
        if not self._begun:
            if data.lstrip()[:1] in (b"{", b"["):
                raise Fault(
                    "wrong_type",
                    f"this is JSON, but its content type is {MIME!r}: send it as application/json",
                    field="content-type",
                )
            self._begun = True
            self._json.feed(b'{"')
        cut = _CUT.search(data)
        self._cut = cut[0] if cut else b""
        self._rewrite(data[: cut.start()] if cut else data)

    def close(self) -> Form:
        """The fields in order; of fields with one name the last."""
        if not self._begun:
            return Form(())
        self._rewrite(self._cut)
        self._json.feed(b'"}' if self._in_value else b'":""}')
        value = self._json.close()
        return Form(tuple((name, each) for name, each in value.items() if name))

    def abort(self) -> None:
        self._json.abort()

    def _rewrite(self, data: bytes) -> None:
        for at, pair in enumerate(data.split(b"&")):
            if at:
                self._json.feed(b'","' if self._in_value else b'":"","')
                self._in_value = False
            if not self._in_value and b"=" in pair:
                name, _, pair = pair.partition(b"=")
                self._json.feed(_escaped(name) + b'":"')
                self._in_value = True
            self._json.feed(_escaped(pair))


def _escaped(text: bytes) -> bytes:
    """Text of a form as it stands between the quotes of JSON."""
    plain = unquote_to_bytes(text.replace(b"+", b" "))
    return _AWKWARD.sub(lambda found: b"\\u%04x" % found[0][0], plain)
