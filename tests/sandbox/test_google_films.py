"""The Veo shape: operations from their begin to the film, what goes with what, and files that need the key."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest

from koci_proxy.sandbox import Options, start

from .asking import VEO, client_of, ended, is_film, opened_film, png

pytestmark = [pytest.mark.anyio, pytest.mark.sockets]

PICTURE = {"bytesBase64Encoded": base64.b64encode(png()).decode(), "mimeType": "image/png"}
ASSET = {"image": PICTURE, "referenceType": "ASSET"}
FILM = {"encodedVideo": base64.b64encode(b"\x00\x00\x00\x18ftypmp42").decode(), "encoding": "video/mp4"}


def veo(model: str = "veo-3.1-generate-preview") -> str:
    return VEO.replace("veo-3.1-generate-preview", model)


def body(instance: dict[str, Any] | None = None, **parameters: Any) -> dict[str, Any]:
    return {"instances": [{"prompt": "a fox", **(instance or {})}], "parameters": parameters}


async def begun(client: httpx.AsyncClient, path: str, sent: dict[str, Any]) -> str:
    """The path of the operation that was begun."""
    answer = await client.post(path, json=sent)
    assert answer.status_code == 200, answer.text
    (name,) = answer.json().values()
    return f"/google/v1beta/{name}"


async def uri(client: httpx.AsyncClient, path: str, sent: dict[str, Any]) -> str:
    done = await ended(client, await begun(client, path, sent))
    return str(done["response"]["generateVideoResponse"]["generatedSamples"][0]["video"]["uri"])


@pytest.mark.parametrize(
    ("model", "parameters", "pixels", "seconds"),
    [
        ("veo-3.1-generate-preview", {}, (1280, 720), 8),
        ("veo-3.1-generate-preview", {"durationSeconds": 4, "aspectRatio": "9:16"}, (720, 1280), 4),
        ("veo-3.1-generate-preview", {"resolution": "1080p", "durationSeconds": "8", "seed": 3}, (1920, 1080), 8),
        ("veo-3.1-fast-generate-preview", {"durationSeconds": "6", "negativePrompt": "cats"}, (1280, 720), 6),
        ("veo-3.1-lite-generate-preview", {"resolution": "1080p", "durationSeconds": 4}, (1920, 1080), 4),
        ("veo-3.0-generate-001", {"resolution": "1080p", "durationSeconds": 4}, (1920, 1080), 4),
        ("veo-2.0-generate-001", {"durationSeconds": 5, "personGeneration": "dont_allow"}, (1280, 720), 5),
        ("gemini-omni-1.1-flash", {"aspectRatio": "9:16"}, (720, 1280), 10),
    ],
)
async def test_films(
    studio: httpx.AsyncClient, model: str, parameters: dict[str, Any], pixels: tuple[int, int], seconds: int
) -> None:
    link = await uri(studio, veo(model), body(**parameters))
    answer = await studio.get(link, follow_redirects=True)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "video/mp4")
    assert is_film(answer.content, *pixels, seconds)


async def test_an_operation_from_its_begin_to_its_end(studio: httpx.AsyncClient) -> None:
    path = await begun(studio, VEO, body({"prompt": "a fox sandbox:take=0.3"}))
    first = (await studio.get(path)).json()
    assert (first["name"], "done" in first, set(first)) == (
        path.removeprefix("/google/v1beta/"),
        False,
        {"name", "metadata"},
    )
    done = await ended(studio, path)
    assert done["name"] == first["name"]
    assert done["response"]["@type"].endswith("PredictLongRunningResponse")
    (sample,) = done["response"]["generateVideoResponse"]["generatedSamples"]
    assert sample["video"]["uri"].endswith(":download?alt=media")
    assert done == await ended(studio, path.replace("v1beta", "v1"))


async def test_two_films_in_one_operation(studio: httpx.AsyncClient) -> None:
    path = await begun(studio, veo("veo-2.0-generate-001"), body(sampleCount=2, durationSeconds=5))
    samples = (await ended(studio, path))["response"]["generateVideoResponse"]["generatedSamples"]
    first, second = (sample["video"]["uri"] for sample in samples)
    assert first != second
    assert is_film((await studio.get(second)).content, 1280, 720, 5)


@pytest.mark.parametrize(
    ("instance", "parameters"),
    [
        ({"image": PICTURE}, {"durationSeconds": 4, "personGeneration": "allow_adult"}),
        ({"image": PICTURE, "prompt": None}, {}),
        ({"image": PICTURE, "lastFrame": PICTURE}, {"durationSeconds": 8}),
        ({"referenceImages": [ASSET, {**ASSET, "referenceType": "asset"}]}, {"durationSeconds": 8}),
    ],
)
async def test_pictures_are_seen_in_the_film(
    studio: httpx.AsyncClient, instance: dict[str, Any], parameters: dict[str, Any]
) -> None:
    film = opened_film((await studio.get(await uri(studio, VEO, body(instance, **parameters)))).content)
    red = film.first.getpixel((20, 700))
    assert isinstance(red, tuple)
    assert red[0] > 150 > 80 > red[1]


async def test_a_film_is_changed_beside_pictures(studio: httpx.AsyncClient) -> None:
    first = await uri(studio, VEO, body(durationSeconds=4))
    sent = {"encodedVideo": base64.b64encode((await studio.get(first)).content).decode(), "encoding": "video/mp4"}
    for video in (sent, {"uri": first}):
        instance = {"video": video, "image": PICTURE, "referenceImages": [ASSET] * 9}
        changed = await uri(studio, veo("gemini-omni-1.1-flash"), body(instance, durationSeconds=3, aspectRatio="9:16"))
        assert is_film((await studio.get(changed)).content, 720, 1280, 3)
    picture = {**sent, "encodedVideo": PICTURE["bytesBase64Encoded"]}
    answer = await studio.post(veo("gemini-omni-1.1-flash"), json=body({"video": picture}))
    assert answer.status_code == 400


async def test_a_film_goes_on(studio: httpx.AsyncClient) -> None:
    first = await uri(studio, VEO, body(durationSeconds=4))
    data = (await studio.get(first)).content
    extension = await uri(studio, VEO, body({"video": {"uri": first}}, durationSeconds=8, resolution="720p"))
    assert is_film((await studio.get(extension)).content, 1280, 720, 11)
    sent = {"encodedVideo": base64.b64encode(data).decode(), "encoding": "video/mp4"}
    extension = await uri(studio, VEO, body({"video": sent}))
    assert is_film((await studio.get(extension)).content, 1280, 720, 11)


@pytest.mark.parametrize(
    ("model", "instance", "parameters", "field"),
    [
        ("", {}, {"durationSeconds": 5}, "parameters.durationSeconds"),
        ("", {}, {"durationSeconds": 8.0}, "parameters.durationSeconds"),
        ("", {}, {"resolution": "1080p", "durationSeconds": 6}, "parameters.durationSeconds"),
        ("", {"image": PICTURE, "lastFrame": PICTURE}, {"durationSeconds": 4}, "parameters.durationSeconds"),
        ("", {"referenceImages": [ASSET]}, {"durationSeconds": 6}, "parameters.durationSeconds"),
        ("", {"referenceImages": [ASSET]}, {"aspectRatio": "9:16"}, "parameters.aspectRatio"),
        ("", {"referenceImages": [ASSET] * 4}, {}, "instances[0].referenceImages"),
        ("", {"referenceImages": [{**ASSET, "referenceType": "STYLE"}]}, {}, "referenceType"),
        ("", {"referenceImages": [ASSET], "image": PICTURE}, {}, "instances[0].referenceImages"),
        ("", {"lastFrame": PICTURE}, {}, "instances[0].lastFrame"),
        ("", {"image": {"inlineData": {"mimeType": "image/png", "data": ""}}}, {}, "instances[0].image.inlineData"),
        ("", {"image": {**PICTURE, "mimeType": "image/gif"}}, {}, "instances[0].image.mimeType"),
        ("", {"image": {**PICTURE, "bytesBase64Encoded": "??"}}, {}, "instances[0].image.bytesBase64Encoded"),
        ("", {"prompt": None}, {}, "instances[0].prompt"),
        ("", {"style": "x"}, {}, "instances[0].style"),
        ("", {"video": {"uri": "https://h/files/abc:download"}}, {}, "instances[0].video.uri"),
        ("", {"video": FILM}, {"resolution": "1080p"}, "parameters.resolution"),
        ("", {}, {"aspectRatio": "1:1"}, "parameters.aspectRatio"),
        ("", {}, {"resolution": "480p"}, "parameters.resolution"),
        ("", {}, {"sampleCount": 2}, "parameters.sampleCount"),
        ("", {}, {"generateAudio": True}, "parameters.generateAudio"),
        ("", {}, {"personGeneration": "dont_allow"}, "parameters.personGeneration"),
        ("", {"image": PICTURE}, {"personGeneration": "allow_all"}, "parameters.personGeneration"),
        ("veo-3.1-lite-generate-preview", {}, {"resolution": "4k"}, "parameters.resolution"),
        ("veo-3.1-lite-generate-preview", {"referenceImages": [ASSET]}, {}, "instances[0].referenceImages"),
        ("veo-3.0-generate-001", {}, {"resolution": "1080p", "aspectRatio": "9:16"}, "parameters.aspectRatio"),
        ("veo-3.0-generate-001", {"video": FILM}, {}, "instances[0].video"),
        ("veo-2.0-generate-001", {}, {"resolution": "720p"}, "parameters.resolution"),
        ("veo-2.0-generate-001", {}, {"durationSeconds": 4}, "parameters.durationSeconds"),
    ],
)
async def test_refusals(
    studio: httpx.AsyncClient, model: str, instance: dict[str, Any], parameters: dict[str, Any], field: str
) -> None:
    sent = body(instance, **parameters)
    answer = await studio.post(veo(model) if model else VEO, json=sent)
    error = answer.json()["error"]
    assert (answer.status_code, error["status"]) == (400, "INVALID_ARGUMENT"), answer.text
    assert error["details"][0]["fieldViolations"][0]["field"].endswith(field)
    assert (await studio.get("/_sandbox/calls")).json()["tasks"] == {}


@pytest.mark.parametrize(
    ("path", "sent", "status"),
    [
        (veo("veo-4"), body(), 404),
        (VEO, {"instances": []}, 400),
        (VEO, {"instances": [{"prompt": "a"}] * 2}, 400),
        (VEO, {**body(), "labels": {}}, 400),
        (VEO, [], 400),
        (VEO, body({"video": FILM}), 400),
    ],
)
async def test_other_refusals(studio: httpx.AsyncClient, path: str, sent: Any, status: int) -> None:
    assert (await studio.post(path, json=sent)).status_code == status


async def test_a_download_needs_the_key_or_leads_to_a_link_that_does_not() -> None:
    running = await start(Options(film_seconds=0))
    async with client_of(running) as client, client_of(running, "k-other") as other, httpx.AsyncClient() as nobody:
        link = await uri(client, VEO, body(durationSeconds=4))
        assert (await client.get(link)).status_code == 200
        assert (await client.get(link.replace("alt=media", ""))).status_code == 400
        assert (await client.get(link.partition(":download")[0])).json()["mimeType"] == "video/mp4"
        assert [(await who.get(link)).status_code for who in (other, nobody)] == [403, 403]
        fast = await uri(client, veo("veo-3.1-fast-generate-preview"), body(durationSeconds=4))
        answer = await client.get(fast)
        assert (answer.status_code, answer.content) == (302, b"")
        assert is_film((await nobody.get(answer.headers["location"])).content, 1280, 720, 4)
    await running.stop()


async def test_what_is_not_there_or_not_yet(studio: httpx.AsyncClient) -> None:
    path = await begun(studio, VEO, body({"prompt": "a fox sandbox:take=30"}))
    name = path.rpartition("/")[2]
    assert (await studio.get(f"/google/v1beta/files/{name}0:download?alt=media")).status_code == 403
    assert (await studio.get(path.replace("veo-3.1-generate", "veo-3.1-fast-generate"))).status_code == 404
    assert (await studio.get(path, headers={"x-goog-api-key": "k-other"})).status_code == 404
    assert (await studio.post(path)).status_code == 404
    assert (await studio.get(VEO)).status_code == 404
