"""What Google's client does besides making pictures: counting, files, lists, streams, and conversations that go on."""

from __future__ import annotations

import base64
from pathlib import Path

import httpx
import pytest
from google import genai
from google.genai import errors
from google.genai import types as g

from .pictures import png, seen
from .processes import House, ask

MODEL = "via-gemini"


def client(house: House, base: str = "google") -> genai.Client:
    """A client to hold in a variable: one that nobody holds closes its connections under its own calls."""
    return genai.Client(api_key=house.key, http_options=g.HttpOptions(base_url=f"{house.url}/{base}"))


def asked(part: g.Part) -> g.Content:
    return g.Content(role="user", parts=[part, g.Part(text="fox")])


def drawn(answer: g.GenerateContentResponse) -> list[bytes]:
    """The pictures of an answer."""
    contents = [candidate.content for candidate in answer.candidates or []]
    parts = [part for content in contents if content is not None for part in content.parts or []]
    return [part.inline_data.data or b"" for part in parts if part.inline_data]


@pytest.mark.sockets
def test_tokens_are_estimated_without_a_vendor(house: House) -> None:
    before = house.sandbox.calls()["total"]
    with client(house) as google:
        assert google.models.count_tokens(model=MODEL, contents="a fox in the snow").total_tokens == 5
        picture = g.Part.from_bytes(data=png(), mime_type="image/png")
        assert google.models.count_tokens(model=MODEL, contents=asked(picture)).total_tokens == 259
        assert house.sandbox.calls()["total"] == before


@pytest.mark.sockets
@pytest.mark.parametrize("base", ["google", "google/v1beta", "antigravity"])
def test_a_file_is_uploaded_and_used(house: House, tmp_path: Path, base: str) -> None:
    path = tmp_path / "reference.png"
    path.write_bytes(png(96, 48))
    with client(house, base) as google:
        file = google.files.upload(file=path, config=g.UploadFileConfig(display_name="reference"))
        assert file.state is g.FileState.ACTIVE
        assert (file.mime_type, file.display_name, file.size_bytes) == ("image/png", "reference", path.stat().st_size)
        assert (file.name or "").removeprefix("files/").isalnum()
        part = g.Part(file_data=g.FileData(file_uri=file.uri, mime_type=file.mime_type))
        answer = google.models.generate_content(model=MODEL, contents=asked(part))
        assert len(drawn(answer)) == 1
        [turn] = house.sandbox.last()["json"]["contents"]
        assert [list(part) for part in turn["parts"]] == [["inlineData"], ["text"]]


@pytest.mark.sockets
def test_the_second_step_of_an_upload_needs_no_key_but_its_own_address(house: House) -> None:
    start = {"x-goog-upload-protocol": "resumable", "x-goog-upload-command": "start", "x-goog-api-key": house.key}
    begun = httpx.post(f"{house.url}/google/upload/v1beta/files", json={"file": {}}, headers=start)
    assert begun.status_code == 200, begun.text
    url = begun.headers["x-goog-upload-url"]
    last = {"x-goog-upload-command": "upload, finalize", "x-goog-upload-offset": "0"}
    other = url[:-1] + ("0" if url[-1] != "0" else "1")
    assert httpx.post(other, content=png(), headers=last).status_code == 401
    assert httpx.post(url, content=b"just words", headers=last).status_code == 400
    done = httpx.post(url, content=png(), headers=last)
    assert done.status_code == 200, done.text
    assert done.headers["x-goog-upload-status"] == "final"
    assert done.json()["file"]["mimeType"] == "image/png"
    no_key = {name: value for name, value in start.items() if "key" not in name}
    assert httpx.post(f"{house.url}/google/upload/v1beta/files", json={}, headers=no_key).status_code == 401


@pytest.mark.sockets
def test_an_upload_lives_no_longer_than_its_key(house: House) -> None:
    """And may do no more than the key may by then."""
    admin = {"authorization": f"Bearer {house.admin}"}
    made = httpx.post(f"{house.url}/admin/keys", json={"name": "uploads"}, headers=admin).json()
    start = {"x-goog-upload-protocol": "resumable", "x-goog-upload-command": "start", "x-goog-api-key": made["key"]}
    url = httpx.post(f"{house.url}/google/upload/v1beta/files", json={"file": {}}, headers=start).headers[
        "x-goog-upload-url"
    ]
    last = {"x-goog-upload-command": "upload, finalize", "x-goog-upload-offset": "0"}
    key = f"{house.url}/admin/keys/{made['id']}"
    for platforms, status in ((["openai"], 403), (None, 200)):
        assert httpx.patch(key, json={"platforms": platforms}, headers=admin).status_code == 200
        assert httpx.post(url, content=png(), headers=last).status_code == status
    assert httpx.delete(key, headers=admin).status_code == 200
    refused = httpx.post(url, content=png(), headers=last)
    assert (refused.status_code, refused.json()["error"]["status"]) == (401, "UNAUTHENTICATED")
    assert "was revoked" in refused.json()["error"]["message"]


@pytest.mark.sockets
def test_a_file_that_nobody_uploaded(house: House) -> None:
    before = house.sandbox.calls()["total"]
    part = g.Part(file_data=g.FileData(file_uri="files/abc123abc123", mime_type="image/png"))
    with client(house) as google:
        with pytest.raises(errors.ClientError) as caught:
            google.models.generate_content(model=MODEL, contents=asked(part))
        assert caught.value.code == 404
        assert house.sandbox.calls()["total"] == before


@pytest.mark.sockets
def test_models(house: House) -> None:
    with client(house) as google:
        names = [model.name for model in google.models.list(config={"page_size": 2})]
        assert f"models/{MODEL}" in names
        assert len(names) == len(set(names))
        one = google.models.get(model=MODEL)
        assert "countTokens" in (one.supported_actions or [])
        assert list(google.models.list(config={"query_base": False})) == []
        with pytest.raises(errors.ClientError, match="did you mean") as caught:
            google.models.get(model="via-gemin")
        assert caught.value.code == 404


@pytest.mark.sockets
def test_a_stream_and_the_same_without_sse(house: House) -> None:
    with client(house) as google:
        chunks = list(google.models.generate_content_stream(model=MODEL, contents="fox"))
        assert [len(drawn(chunk)) for chunk in chunks] == [1]
        url = f"{house.url}/google/v1beta/models/{MODEL}:streamGenerateContent"
        body = {"contents": [{"parts": [{"text": "fox"}]}]}
        whole = httpx.post(url, json=body, headers={"x-goog-api-key": house.key}, timeout=60)
        assert whole.headers["content-type"].startswith("application/json")
        assert [len(each["candidates"]) for each in whole.json()] == [1]


@pytest.mark.sockets
def test_a_conversation_goes_on_with_its_signatures(house: House) -> None:
    with client(house) as google:
        chat = google.chats.create(model=MODEL)
        first = chat.send_message("a fox")
        parts = first.candidates[0].content.parts if first.candidates and first.candidates[0].content else []
        signed = [part.thought_signature for part in parts or [] if part.inline_data]
        assert signed
        assert all(signed)
        assert len(drawn(chat.send_message("now in the snow"))) == 1
        sent = [part for turn in house.sandbox.last()["json"]["contents"] for part in turn["parts"]]
        again = [part["thoughtSignature"] for part in sent if "thoughtSignature" in part and "inlineData" in part]
        assert [base64.urlsafe_b64decode(each) for each in again] == signed


@pytest.mark.sockets
def test_imagen_over_plain_http(house: House) -> None:
    body = {
        "instances": [{"prompt": "fox"}],
        "parameters": {"sampleCount": 2, "aspectRatio": "16:9", "sampleImageSize": "1K", "language": "en"},
    }
    url = f"{house.url}/google/v1beta/models/{MODEL}:predict"
    answer = httpx.post(url, json=body, headers={"x-goog-api-key": house.key}, timeout=60)
    assert answer.status_code == 200, answer.text
    made = [seen(base64.b64decode(each["bytesBase64Encoded"])) for each in answer.json()["predictions"]]
    assert [size for _, size in made] == [(1376, 768)] * 2
    assert "parameters.language: left out" in answer.headers["x-koci-notes"]


@pytest.mark.sockets
@pytest.mark.parametrize("asks", [False, True])
def test_a_picture_of_several_that_imagen_would_refuse(house: House, asks: bool) -> None:
    house.sandbox.forget()
    ask(f"{house.sandbox.url}/_sandbox/faults", {"fault": "refuse", "times": 1})
    body = {"instances": [{"prompt": "fox"}], "parameters": {"sampleCount": 3, "includeRaiReason": asks}}
    url = f"{house.url}/google/v1beta/models/{MODEL}:predict"
    answer = httpx.post(url, json=body, headers={"x-goog-api-key": house.key}, timeout=60)
    house.sandbox.forget()
    assert answer.status_code == 200, answer.text
    predictions = answer.json()["predictions"]
    assert [("bytesBase64Encoded" in each) for each in predictions] == [True, True, False][: 2 + asks]
    assert not asks or "PROHIBITED_CONTENT" in predictions[2]["raiFilteredReason"]
    assert "parameters.sampleCount: left out (1 of 3 upstream calls failed" in answer.headers["x-koci-notes"]


@pytest.mark.sockets
@pytest.mark.parametrize(("path", "word"), [("interactions", "generateContent"), ("files/abc", "upload/files")])
def test_what_is_not_here_says_what_is(house: House, path: str, word: str) -> None:
    answer = httpx.get(f"{house.url}/google/v1beta/{path}", headers={"x-goog-api-key": house.key})
    assert answer.status_code == 404
    assert word in answer.json()["error"]["message"]
