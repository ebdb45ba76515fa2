"""Forms with files in them (multipart/form-data, RFC 7578), read and written in pieces: no file is whole in memory."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator

from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
    content_disposition_quote,
    parse_options_header,
)

from .malformed import Flaw, Malformed
from .media import EXTENSIONS
from .types import Media, Sink, Sinks, Spool
from .wire import Form
from .written import Written, joined

_UNKNOWN = "application/octet-stream"
_FILE_TYPES = ("image/", "video/", _UNKNOWN)


class FormReader:
    """Reads one form.

    A part with a file name is a file, whatever type it says it has: its bytes go to a sink. So is one without a name
    whose type is that of a picture. Every other part is UTF-8 text of at most `max_text` bytes. Names are kept as they
    were sent ("image[]"), in the order sent. Whatever is wrong raises `Malformed`, and then, as on `abort`, nothing is
    left in any sink.
    """

    def __init__(
        self,
        content_type: str,
        sinks: Sinks,
        *,
        max_bytes: int | None = None,
        max_files: int = 20,
        max_fields: int = 64,
        max_text: int = 1024 * 1024,
    ) -> None:
        self._sinks = sinks
        self._max_bytes = max_bytes
        self._left = {"file": max_files, "field": max_fields}
        self._max_text = max_text
        self._parser = _parser(content_type)
        self._size = 0
        self._fields: list[tuple[str, str | Media]] = []
        self._segment: MultipartSegment | None = None
        self._text = bytearray()
        self._sink: Sink | None = None

    def feed(self, chunk: bytes | memoryview) -> None:
        """Takes the next bytes. Raises `Malformed` as soon as it is certain."""
        self._size += len(chunk)
        if not chunk:
            return
        try:
            if self._max_bytes is not None and self._size > self._max_bytes:
                raise Malformed(f"the body is larger than {self._max_bytes} bytes", kind="too_large")
            for event in self._parser.parse(bytes(chunk)):
                self._take(event)
        except MultipartError as error:
            self.abort()
            raise _malformed(error, self._segment) from error
        except BaseException:
            self.abort()
            raise

    def close(self) -> Form:
        """The fields in order: text, or `Media` where files stood. Raises `Malformed`."""
        try:
            self._parser.close()
        except MultipartError as error:
            self.abort()
            raise Malformed("the form is cut short: its last boundary is missing", _name(self._segment)) from error
        return Form(tuple(self._fields))

    def abort(self) -> None:
        """Drops all that came so far."""
        if self._sink is not None:
            self._sink.abort()
            self._sink = None
        self._fields.clear()

    def _take(self, event: MultipartSegment | bytes | bytearray | None) -> None:
        if event is None:
            self._end()
        elif isinstance(event, MultipartSegment):
            self._begin(event)
        elif self._sink is not None:
            self._sink.write(event)
        else:
            self._text += event
            if len(self._text) > self._max_text:
                raise Malformed(
                    f"the text is larger than {self._max_text} bytes; send a picture as a file",
                    _name(self._segment),
                    "too_large",
                )

    def _begin(self, segment: MultipartSegment) -> None:
        self._segment = segment
        is_file = _is_file(segment)
        what = "file" if is_file else "field"
        self._left[what] -= 1
        if self._left[what] < 0:
            raise Malformed(f"the form has too many {what}s", _name(segment), "too_large")
        if is_file:
            self._sink = self._sinks()

    def _end(self) -> None:
        segment, sink = self._segment, self._sink
        assert segment is not None
        self._segment = None
        name = _name(segment) or ""
        if sink is None:
            self._fields.append((name, self._decoded(name)))
        elif segment.size:
            self._sink = None
            self._fields.append((name, sink.finish()))
        elif segment.filename:
            raise Malformed("the file is empty", name or None, "empty")
        else:  # a browser's file input in which nothing was chosen
            self._sink = None
            sink.abort()

    def _decoded(self, name: str) -> str:
        try:
            text = self._text.decode()
        except UnicodeDecodeError as error:
            raise Malformed("the text is not UTF-8; a picture needs a file name", name or None) from error
        self._text.clear()
        return text


def write(form: Form) -> Written:
    """The form as bytes; file names are made up, types are the pictures' own.

    A picture that is not held (`media.data`) raises ValueError.
    """
    boundary = secrets.token_hex(16)
    files: Counter[str] = Counter()
    parts: list[bytes | Spool] = []
    for name, value in form.fields:
        head = f"--{boundary}\r\nContent-Disposition: form-data; name={content_disposition_quote(name)}"
        if isinstance(value, str):
            parts += [_utf8(f"{head}\r\n\r\n{value}\r\n")]
            continue
        if value.data is None:
            raise ValueError(f"the picture to be written as {name!r} is not held")
        stem = name.split("[")[0] or "file"
        files[stem] += 1
        file_name = f"{stem}-{files[stem]}.{EXTENSIONS.get(value.mime or '', 'bin')}"
        quoted = content_disposition_quote(file_name)
        parts += [
            _utf8(f"{head}; filename={quoted}\r\nContent-Type: {value.mime or _UNKNOWN}\r\n\r\n"),
            value.data,
            b"\r\n",
        ]
    parts += [f"--{boundary}--\r\n".encode()]
    length = sum(len(part) if isinstance(part, bytes) else part.size for part in parts)
    return Written(length, f"multipart/form-data; boundary={boundary}", lambda: joined(_pieces(parts)))


def _pieces(parts: list[bytes | Spool]) -> Iterator[bytes]:
    for part in parts:
        if isinstance(part, bytes):
            yield part
        else:
            yield from part.pieces()


def _utf8(text: str) -> bytes:
    """As browsers do, half a surrogate pair becomes U+FFFD: no UTF-8 exists for it."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _parser(content_type: str) -> PushMultipartParser:
    kind, options = parse_options_header(content_type)
    if kind != "multipart/form-data":
        raise Malformed(f"not a form: {kind or 'no Content-Type'}")
    if not options.get("boundary"):
        raise Malformed("the form's Content-Type names no boundary")
    try:
        # As Latin-1 no header can fail: a file name in the sender's own code page does no harm, nobody reads it.
        return PushMultipartParser(options["boundary"], header_charset="latin-1")
    except MultipartError as error:
        raise Malformed(f"the form's boundary is not valid: {error}") from error


def _malformed(error: MultipartError, segment: MultipartSegment | None) -> Malformed:
    kind: Flaw = "too_large" if isinstance(error, ParserLimitReached) else "syntax"
    return Malformed(f"the form cannot be read: {error}", _name(segment), kind)


def _is_file(segment: MultipartSegment) -> bool:
    if segment.filename is not None or (segment.content_type or "").startswith(_FILE_TYPES):
        return True
    return "filename*=" in segment.header("Content-Disposition", "")  # RFC 5987, which old Python clients write


def _name(segment: MultipartSegment | None) -> str | None:
    return segment.name.encode("latin-1").decode(errors="replace") or None if segment is not None else None
