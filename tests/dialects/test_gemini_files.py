"""The File API of the Gemini shape: two steps as Google's clients take them, and what a link to a file is."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from koci_proxy import address
from koci_proxy.faults import Fault
from koci_proxy.media import from_bytes
from koci_proxy.types import Media, Upload
from koci_proxy.wire import Call, Json, Raw

from .wires import CAPTURES, DIALECTS, asked, picture, plain, post

gemini = DIALECTS["gemini"]
START = {"x-goog-upload-protocol": "resumable", "x-goog-upload-command": "start"}
LAST = {"x-goog-upload-command": "upload, finalize", "x-goog-upload-offset": "0"}
HOUSE = "http://house.example/google"


@pytest.mark.parametrize("name", ["genai-py-1.47.0-files-upload", "genai-py-3.4.0-files-upload-seed-base"])
def test_recorded_uploads(name: str) -> None:
    first, second = json.loads((CAPTURES / "gemini" / f"{name}.json").read_text(encoding="utf-8"))["requests"]
    found = address.split(urlsplit(first["target"]).path, ("google",))
    assert found == ("google", "upload/files")
    headers = {key.lower(): value for key, value in first["headers"]}
    begun = asked("gemini", Call("POST", found[1], headers=headers, body=Json(json.loads(first["body_text"]))))
    assert begun == Upload("begin", name="ref.png", mime="image/png")
    media = from_bytes(base64.b64decode(second["body_base64"]))
    headers = {key.lower(): value for key, value in second["headers"]}
    call = Call("POST", "upload/files/tok.en", headers=headers)
    assert gemini.schema(call) == "raw"
    known = {"name": "ref.png", "mime": "image/png"} if "3.4" in name else {}
    raw = Call("POST", "upload/files/tok.en", headers=headers, body=Raw(media, ""))
    assert gemini.parse(raw) == Upload("finish", "tok.en", media=media, **known)


def test_only_the_second_step_comes_without_a_key() -> None:
    assert "upload/files/tok.en".startswith(gemini.KEYLESS)
    assert not "upload/files".startswith(gemini.KEYLESS)


def test_the_answers() -> None:
    begun = gemini.begun(Upload("begin"), "https://house.example/google/upload/files/t")
    assert begun.headers["x-goog-upload-url"] == "https://house.example/google/upload/files/t"
    named = gemini.begun(Upload("begin", name="a & b"), "https://house.example/t").headers["x-goog-upload-url"]
    assert named == "https://house.example/t?name=a+%26+b"
    last = Call("POST", "upload/files/t", {"name": "a & b"}, {**LAST, "x-goog-upload-file-name": "c.png"})
    assert gemini.parse(last).name == "a & b"
    kept = picture(20, 10)
    done = gemini.uploaded(Upload("finish", name="a.png"), "abc123", f"{HOUSE}/v1beta/files/abc123", kept)
    assert done.headers == {"x-goog-upload-status": "final"}
    assert plain(done.body)["file"] == {
        "name": "files/abc123",
        "uri": f"{HOUSE}/v1beta/files/abc123",
        "state": "ACTIVE",
        "source": "UPLOADED",
        "mimeType": "image/png",
        "displayName": "a.png",
        "sizeBytes": str(kept.size),
    }


# (path, headers, kind, field, word)
WRONG: list[tuple[str, dict[str, str], str, str | None, str]] = [
    ("upload/files", {}, "bad_request", "x-goog-upload-protocol", "resumable"),
    (
        "upload/files",
        {**START, "x-goog-upload-protocol": "multipart"},
        "bad_request",
        "x-goog-upload-protocol",
        "start",
    ),
    (
        "upload/files",
        {**START, "x-goog-upload-header-content-length": str(9 << 20)},
        "too_large",
        "x-goog-upload-header-content-length",
        "8388608",
    ),
    ("upload/files/t", {}, "bad_request", "x-goog-upload-command", "finalize"),
    ("upload/files/t", {"x-goog-upload-command": "upload"}, "bad_request", "x-goog-upload-command", "one piece"),
    ("upload/files/t", {**LAST, "x-goog-upload-offset": "8"}, "bad_request", "x-goog-upload-offset", "one piece"),
    ("upload/files/t/u", LAST, "not_found", None, "upload/files"),
    ("upload/pictures", START, "not_found", None, "upload/files"),
]


@pytest.mark.parametrize(("path", "headers", "kind", "field", "word"), WRONG)
def test_wrong_uploads(path: str, headers: dict[str, str], kind: str, field: str | None, word: str) -> None:
    with pytest.raises(Fault, match=word) as caught:
        gemini.schema(Call("POST", path, headers=headers))
    assert (caught.value.kind, caught.value.field) == (kind, field)


LINKS: list[tuple[str, Media]] = [
    ("files/abc123", Media(key="abc123")),
    (f"{HOUSE}/v1beta/files/abc123", Media(key="abc123")),
    (f"{HOUSE}/v1beta/v1/files/abc123:download?alt=media", Media(key="abc123")),
    ("https://cdn.example/files/abc123", Media(url="https://cdn.example/files/abc123")),
    ("https://cdn.example/v2/files/abc.png", Media(url="https://cdn.example/v2/files/abc.png")),
]


@pytest.mark.parametrize(("uri", "media"), LINKS)
@pytest.mark.parametrize("spelling", [("fileData", "fileUri"), ("file_data", "file_uri")])
def test_a_file_of_this_house_is_its_key(spelling: tuple[str, str], uri: str, media: Media) -> None:
    part: dict[str, Any] = {spelling[0]: {spelling[1]: uri, "mime_type": "image/png"}}
    job = asked("gemini", post("models/m:generateContent", {"contents": [{"parts": [part, {"text": "x"}]}]}))
    assert job.inputs == (media,)


@pytest.mark.parametrize("uri", ["files/abc-def", "files/", "abc123", "gs://bucket/a.png"])
def test_no_file_and_no_link(uri: str) -> None:
    body = {"contents": [{"parts": [{"fileData": {"fileUri": uri}}, {"text": "x"}]}]}
    with pytest.raises(Fault) as caught:
        asked("gemini", post("models/m:generateContent", body))
    assert caught.value.field == "contents[0].parts[0].fileData.fileUri"
