"""The bytes of a film: whole, in part, or not again; to its owner alone."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from .film_doors import DOORS, LOOKS, film, get, order, post
from .jobs import another_key, auth, end
from .pictures import seen
from .processes import House

pytestmark = pytest.mark.sockets


@pytest.fixture(scope="module")
def made(studio: House) -> str:
    """A film that is there."""
    id = order(studio, "openai", "sora-2")
    assert end(studio, id)["status"] == "succeeded"
    return id


@pytest.fixture(scope="module")
def other(studio: House) -> str:
    return another_key(studio.folder)


def places(studio: House, id: str) -> Iterator[str]:
    """Where a film's bytes are to be had: at two doors with the key, and by its link without."""
    plain = id.removeprefix("req_")
    yield f"/openai/v1/videos/video_{plain}/content"
    yield f"/google/v1beta/files/{plain}0:download?alt=media"
    yield end(studio, id)["result"]["data"][0]["url"].removeprefix(studio.url)


@pytest.mark.parametrize("place", [0, 1, 2], ids=["openai", "google", "link"])
def test_parts_of_a_film(studio: House, made: str, place: int) -> None:
    path = list(places(studio, made))[place]
    whole = get(studio, path)
    size = len(whole.content)
    assert (whole.status_code, whole.headers["content-type"]) == (200, "video/mp4")
    assert (whole.headers["accept-ranges"], whole.headers["content-length"]) == ("bytes", str(size))
    assert whole.content[4:8] == b"ftyp"
    for asked, first, last in (
        ("0-99", 0, 99),
        ("100-", 100, size - 1),
        ("-7", size - 7, size - 1),
        (f"5-{size * 2}", 5, size - 1),
    ):
        part = get(studio, path, range=f"bytes={asked}")
        assert (part.status_code, part.headers["content-range"]) == (206, f"bytes {first}-{last}/{size}")
        assert part.content == whole.content[first : last + 1]
    beyond = get(studio, path, range=f"bytes={size}-")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")


@pytest.mark.parametrize("place", [0, 1, 2], ids=["openai", "google", "link"])
@pytest.mark.parametrize("strange", ["items=0-9", "bytes=x"])
def test_a_range_that_cannot_be_read_is_none(studio: House, made: str, place: int, strange: str) -> None:
    path = list(places(studio, made))[place]
    answer = get(studio, path, range=strange)
    assert (answer.status_code, answer.content) == (200, get(studio, path).content)


def test_a_part_that_is_not_there_is_refused_as_the_door_refuses(studio: House, made: str) -> None:
    openai, google, _ = places(studio, made)
    refused = get(studio, openai, range="bytes=99999999-")
    assert refused.headers["x-request-id"].startswith("req_")
    assert refused.json()["error"]["type"] == "invalid_request_error"
    assert get(studio, google, range="bytes=99999999-").json()["error"]["status"]


@pytest.mark.parametrize("place", [0, 1, 2], ids=["openai", "google", "link"])
def test_what_an_app_has_is_not_sent_again(studio: House, made: str, place: int) -> None:
    path = list(places(studio, made))[place]
    whole = get(studio, path)
    mark = whole.headers["etag"]
    known = get(studio, path, if_none_match=mark)
    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", mark)
    assert get(studio, path, if_none_match='"another"').content == whole.content
    part = get(studio, path, range="bytes=0-9", if_range=mark)
    assert (part.status_code, part.content) == (206, whole.content[:10])
    assert get(studio, path, range="bytes=0-9", if_range='"another"').content == whole.content


@pytest.mark.parametrize("place", [0, 1, 2], ids=["openai", "google", "link"])
@pytest.mark.parametrize("part", [{}, {"range": "bytes=0-9"}], ids=["whole", "part"])
def test_how_large_a_film_is_without_the_film(studio: House, made: str, place: int, part: dict[str, str]) -> None:
    path = list(places(studio, made))[place]
    whole = get(studio, path, **part)
    head = httpx.head(f"{studio.url}{path}", headers=auth(studio, **part))
    assert (head.status_code, head.content) == (whole.status_code, b"")
    for name in ("content-type", "content-length", "content-range", "etag", "accept-ranges"):
        assert head.headers.get(name) == whole.headers.get(name)


def test_a_poster(studio: House, made: str) -> None:
    path = next(places(studio, made)) + "?variant="
    kind, (width, height) = seen(get(studio, f"{path}thumbnail").content)
    assert (kind, width * 720) == ("WEBP", height * 1280)
    whole = get(studio, f"{path}thumbnail")
    assert (whole.headers["content-type"], whole.headers["x-request-id"][:4]) == ("image/webp", "req_")
    part = get(studio, f"{path}thumbnail", range="bytes=0-9")
    assert (part.status_code, part.content) == (206, whole.content[:10])
    assert part.headers["content-range"] == f"bytes 0-9/{len(whole.content)}"
    known = get(studio, f"{path}thumbnail", if_none_match=whole.headers["etag"])
    assert (known.status_code, known.content) == (304, b"")
    assert whole.headers["etag"] != get(studio, f"{path}video").headers["etag"]
    assert get(studio, f"{path}video").content == film(studio, "openai", made)
    refused = get(studio, f"{path}spritesheet")
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "variant")


def test_a_film_is_nobody_elses(studio: House, made: str, other: str) -> None:
    plain = made.removeprefix("req_")
    stranger = {"authorization": f"Bearer {other}"}
    *content, _ = places(studio, made)
    paths = [*content, *(path.format(plain) for path in LOOKS.values()), f"/api/videos/v_{plain}/stream"]
    paths += [f"/v1/jobs/{made}", f"/v1/jobs/{made}/events", f"/openai/v1/jobs/{made}"]
    for path in paths:
        answer = httpx.get(studio.url + path, headers=stranger)
        assert answer.status_code == 404, path
        assert made not in answer.text
        assert plain not in answer.text
    for path in (LOOKS["openai"], LOOKS["api"], LOOKS["ark"], "/v1/jobs/req_{}"):
        assert httpx.delete(studio.url + path.format(plain), headers=stranger).status_code == 404, path
    video = f"video_{plain}"
    for path, body in (
        (f"{video}/remix", {"prompt": "x"}),
        ("edits", {"prompt": "x", "video": {"id": video}}),
        ("extensions", {"prompt": "x", "seconds": "4", "video": {"id": video}}),
    ):
        answer = httpx.post(f"{studio.url}/openai/v1/videos/{path}", json=body, headers=stranger)
        assert answer.status_code == 404, path
    longer = {"instances": [{"prompt": "x", "video": {"uri": f"https://here/v1beta/files/{plain}0:download"}}]}
    answer = httpx.post(f"{studio.url}/google/v1beta/models/veo:predictLongRunning", json=longer, headers=stranger)
    assert answer.status_code == 404, answer.text
    lists = ("/openai/v1/videos", "/api/videos", "/ark/api/v3/contents/generations/tasks", "/v1/jobs")
    for path in lists:
        assert plain in get(studio, f"{path}?limit=100&page_size=100").text
        assert plain not in httpx.get(studio.url + path, headers=stranger).text
    assert get(studio, LOOKS["openai"].format(plain)).json()["status"] == "completed"


@pytest.mark.parametrize("door", ["openai", "api", "ark"])
def test_a_film_that_is_deleted_is_gone_everywhere(studio: House, door: str) -> None:
    id = order(studio, door, "sora-2")
    assert end(studio, id)["status"] == "succeeded"
    plain = id.removeprefix("req_")
    *content, link = places(studio, id)
    deleted = httpx.delete(studio.url + LOOKS[door].format(plain), headers=auth(studio))
    assert deleted.status_code == 200
    wanted = {
        "openai": {"id": f"video_{plain}", "object": "video.deleted", "deleted": True},
        "api": {"task_id": f"v_{plain}", "video_id": f"v_{plain}", "deleted": True},
        "ark": {},
    }
    assert deleted.json() == wanted[door]
    for path in (*content, link, *(each.format(plain) for each in LOOKS.values()), f"/v1/jobs/{id}"):
        assert get(studio, path).status_code == 404, path
    assert httpx.delete(studio.url + LOOKS[door].format(plain), headers=auth(studio)).status_code == 404
    assert plain not in get(studio, "/openai/v1/videos?limit=100").text


def test_an_answer_carries_nothing_of_the_vendor(studio: House) -> None:
    """Neither its ids nor its addresses, wherever a film is told of."""
    studio.sandbox.forget()
    made = [order(studio, door, model) for door, model in zip(DOORS, ("sora-2", "veo", "veo", "seedance"), strict=True)]
    for id in made:
        end(studio, id)
    asked = {call["path"] for call in studio.sandbox.calls()["calls"]}
    secrets = {word for path in asked for word in re.findall(r"[0-9a-f]{24}", path)}
    assert len(secrets) >= len(made)
    for id in made:
        for path in (*LOOKS.values(), "/v1/jobs/req_{}", "/v1/jobs/req_{}/events", "/api/videos/v_{}/stream"):
            told = get(studio, path.format(id.removeprefix("req_"))).text
            assert id.removeprefix("req_") in told
            assert not [secret for secret in secrets if secret in told], path
            assert studio.sandbox.url.partition("://")[2] not in told


def test_a_film_is_asked_for_with_a_key(studio: House, made: str) -> None:
    *content, _ = places(studio, made)
    for path in (*content, *(each.format(made.removeprefix("req_")) for each in LOOKS.values())):
        assert httpx.get(studio.url + path).status_code == 401, path
    assert httpx.get(f"{studio.url}{content[0]}?key={studio.key}").status_code == 200
    refused = httpx.post(f"{studio.url}/openai/v1/videos", json={"prompt": "x"})
    assert refused.status_code == 401
    assert post(studio, "/openai/v1/videos", {}).status_code == 400


def test_two_films_of_one_operation(studio: House) -> None:
    """Asked for at once, made by two calls: each has its own file."""
    studio.sandbox.forget()
    body = {"instances": [{"prompt": "a fox"}], "parameters": {"sampleCount": 2, "durationSeconds": 4}}
    begun = post(studio, "/google/v1beta/models/veo:predictLongRunning", body).json()["name"]
    assert len(end(studio, begun)["result"]["data"]) == 2
    operation = get(studio, f"/google/v1beta/{begun}").json()
    uris = [each["video"]["uri"] for each in operation["response"]["generateVideoResponse"]["generatedSamples"]]
    plain = begun.rpartition("/")[2]
    assert [uri.partition("/files/")[2] for uri in uris] == [f"{plain}{at}:download?alt=media" for at in (0, 1)]
    for at, status in enumerate((200, 200, 404)):
        assert get(studio, f"/google/v1beta/files/{plain}{at}:download?alt=media").status_code == status
    assert studio.sandbox.calls()["tasks"] == {"google": 2}
