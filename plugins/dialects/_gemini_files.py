"""The File API of the Gemini shape: a resumable upload in two steps, and the names its files have afterwards.

The first step carries the app's key and gets an address; the second goes to that address without a key, and its content
type is not the picture's (google-genai 2.27 to 3.4 say application/json there, 1.47 nothing).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from koci_proxy.faults import Fault
from koci_proxy.types import Media, Upload
from koci_proxy.wire import Call, Json, Raw, Reply

# Google's clients cut a longer file into pieces of this length, each with a request of its own.
ONE_PIECE = 8 * 1024 * 1024

_STATUS = "x-goog-upload-status"
_PROTOCOL, _COMMAND, _OFFSET = "x-goog-upload-protocol", "x-goog-upload-command", "x-goog-upload-offset"
_LENGTH, _TYPE, _NAME = (
    *(f"x-goog-upload-header-content-{word}" for word in ("length", "type")),
    "x-goog-upload-file-name",
)
# A name alone, or a link as `uploaded` gives it: behind a version, so that files of other people's sites stay links.
_OURS = re.compile(r"(?:https?://[^/?#]+/(?:[^?#]*/)?v\d\w*/)?files/([a-z0-9]+)(?::download)?(?:\?[^#]*)?")


def check(headers: Mapping[str, str], *, begins: bool) -> None:
    """`Fault` bad_request or too_large for an upload in any other way than in two steps and one piece."""
    command = headers.get(_COMMAND, "").lower()
    if begins:
        if headers.get(_PROTOCOL, "").lower() != "resumable" or command != "start":
            raise _bad(_PROTOCOL, "an upload begins with X-Goog-Upload-Protocol: resumable and -Command: start")
        length = headers.get(_LENGTH, "")
        if length.isascii() and length.isdigit() and int(length) > ONE_PIECE:
            raise Fault(
                "too_large", f"a file may have at most {ONE_PIECE} bytes, this one has {length[:20]}", field=_LENGTH
            )
    elif {word.strip() for word in command.split(",")} != {"upload", "finalize"}:
        raise _bad(_COMMAND, "must be 'upload, finalize': a file comes in one piece")
    elif headers.get(_OFFSET, "0").strip() != "0":
        raise _bad(_OFFSET, "must be 0: a file comes in one piece")


def _bad(header: str, why: str) -> Fault:
    return Fault("bad_request", f"{header}: {why}", field=header, code="invalid_value")


def begin(call: Call) -> Upload:
    """The first step: what the file is called, and what it is said to be."""
    body = call.body.value if isinstance(call.body, Json) else None
    file = body.get("file") if isinstance(body, Mapping) else None
    file = file if isinstance(file, Mapping) else {}
    name = file.get("displayName") or file.get("display_name") or call.headers.get(_NAME)
    mime = call.headers.get(_TYPE) or file.get("mimeType") or file.get("mime_type")
    return Upload("begin", name=_text(name), mime=_text(mime))


def finish(call: Call, token: str) -> Upload:
    """The second step: the bytes, as they were read from the request."""
    match call.body:
        case Raw(Media() as media):
            held: Media | None = media
        case _:
            held = None
    name = call.query.get("name") or call.headers.get(_NAME)
    return Upload("finish", token, _text(name), _text(call.headers.get(_TYPE)), held)


def _text(value: Any) -> str:
    return value[:512] if isinstance(value, str) else ""


def begun(upload: Upload, url: str) -> Reply:
    """The answer to the first step: where the bytes go, in a header. The name goes along: the second step has none."""
    query = f"?{urlencode({'name': upload.name})}" if upload.name else ""
    return Reply(200, {"x-goog-upload-url": url + query, _STATUS: "active"}, Json({}))


def uploaded(upload: Upload, id: str, link: str, kept: Media | None = None) -> Reply:
    """The answer to the second step; without the status in its header Google's clients send the bytes again."""
    media = kept or upload.media or Media()
    file: dict[str, Any] = {"name": f"files/{id}", "uri": link, "state": "ACTIVE", "source": "UPLOADED"}
    mime = media.mime or upload.mime
    file |= {"mimeType": mime} if mime else {}
    file |= {"displayName": upload.name} if upload.name else {}
    file |= {"sizeBytes": str(media.size)} if media.size is not None else {}
    return Reply(200, {_STATUS: "final"}, Json({"file": file}))


def key(uri: str) -> str | None:
    """The id of a file that was uploaded here, None where a link names anything else."""
    found = _OURS.fullmatch(uri)
    return found[1] if found else None
