"""Thirty-four places where a page on Gemini, Imagen, Veo, Seedream, Koukoutu or KoCodeImg surprises.

A test has the number of its row; those of KoCodeImg's own API, 13 to 19, are in test_kocodeimg.py.
"""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
import sseclient
from google import genai
from google.genai import types as g

from koci_proxy import address, jsonstream
from koci_proxy.faults import Fault
from koci_proxy.media import Bytes
from koci_proxy.types import (
    Done,
    Job,
    JobState,
    Listing,
    Lookup,
    Made,
    Media,
    Partial,
    Progress,
    Result,
    Size,
    Target,
    Ticket,
    Upload,
)
from koci_proxy.wire import Call, Form, Frame, Json, Raw, Reply
from koci_proxy.words import harmless
from tests.dialects.wires import DOORS, ROOT, VENDORS, asked, captured, picture, plain, post, read
from tests.e2e.processes import proxy, sandbox
from tests.e2e.replays import recorded

from . import test_kocodeimg
from .rows import all_told
from .shipped import HOUSE, REAL, sent, target

ROUTES = """
platforms: {google: gemini}
keys: {sandbox-gemini: [key-good-0001, key-busy-0002]}
models: {picture: {to: sandbox-gemini/gemini-3.1-flash-image}}
balance: round_robin
"""
LINK = "https://cdn.example/a.png"
ASK = "models/m:generateContent"
GEMINI, ARK = target("google/gemini-3.1-flash-image"), target("ark/seedream-4.5")
KOUKOUTU = target("koukoutu-async/background-removal")
CUT = Job("m", "", task="cutout", inputs=(picture(),), dialect="koukoutu")


def body(*parts: dict[str, Any], **config: Any) -> dict[str, Any]:
    return {"contents": [{"parts": [*parts, {"text": "blue"}]}], "generationConfig": config}


def job(*parts: dict[str, Any], **config: Any) -> Job:
    found = asked("gemini", post(ASK, body(*parts, **config)))
    assert isinstance(found, Job)
    return found


def answered(dialect: str, value: Any, to: Target, wish: Job, status: int = 200) -> Result | Ticket:
    made = VENDORS[dialect].decode(Reply(status, {}, Json(value)), wish, to)
    assert isinstance(made, (Result, Ticket))
    return made


# --- Google's clients -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("release", "second"), [("2.34.0", "v1beta"), ("3.4.0", "v1")])
def test_trap_01_the_base_url_of_the_sample_doubles_the_version(release: str, second: str) -> None:
    """v1beta/v1beta from older clients, v1beta/v1 from newer ones: all versions on the way are skipped."""
    [request] = recorded(f"gemini/genai-py-{release}-seed-base-url")
    assert request.target.startswith(f"/google/v1beta/{second}/")
    assert asked("gemini", captured(f"gemini/genai-py-{release}-seed-base-url")[0]).model == "gemini-3.1-flash-image"


@pytest.mark.parametrize(("release", "version"), [("2.34.0", "v1beta"), ("3.4.0", "v1")])
def test_trap_02_without_the_version_newer_clients_ask_for_another(release: str, version: str) -> None:
    """The corrected base URL leads to v1, which no page names: it is the same here."""
    [request] = recorded(f"gemini/genai-py-{release}-text-to-image")[:1]
    assert request.target.startswith(f"/google/{version}/models/")
    assert address.split(request.target, HOUSE.platforms) == ("google", request.target.partition(f"{version}/")[2])


@pytest.mark.parametrize("release", ["py-1.47.0", "py-3.4.0", "js-3.1.0"])
def test_trap_03_googles_clients_send_their_key_in_a_header_of_their_own(release: str) -> None:
    """The page documents Bearer, X-API-Key and ?key=, and these clients send none of them."""
    name = "edit-stream-video" if release.startswith("js") else "text-to-image"
    headers = {key.lower(): value for key, value in recorded(f"gemini/genai-{release}-{name}")[0].headers}
    assert not {"authorization", "x-api-key"} & headers.keys()
    assert address.take_key(headers, {}) == headers["x-goog-api-key"]


@pytest.mark.parametrize("release", ["1.47.0", "2.34.0", "3.4.0"])
def test_trap_04_keys_of_two_spellings_and_base64_of_the_other_alphabet(release: str) -> None:
    """`inlineData` beside `mime_type`, and `-__-_w==`: the bytes are those that were meant."""
    [call] = captured(f"gemini/genai-py-{release}-base64-urlsafe")
    [media] = asked("gemini", call).inputs
    assert media.data == Bytes(b"\xfb\xff\xfe\xff")
    [part, _] = plain(VENDORS["gemini"].encode(asked("gemini", call), GEMINI).body)["contents"][0]["parts"]
    assert part["inlineData"]["data"] == "+//+/w=="


def test_trap_05_keep_alives_and_done_of_other_streams_break_googles_clients() -> None:
    """No comment, no name of an event, no [DONE]: bare newlines keep a stream alive, and it just ends."""
    door = DOORS["gemini"]
    frames = door.frame(Done(Result((picture(),))), replace(job(), stream=True))
    assert (door.KEEP_ALIVE, door.END, [frame.event for frame in frames]) == (b"\n", b"", [None])
    assert door.frame(Progress(50), job()) == door.frame(Partial(picture()), job()) == ()


def test_trap_06_a_client_that_nobody_holds_is_closed() -> None:
    """`genai.Client(…).models…` in one expression fails: no sample, page or test of ours is written so."""
    one_line = re.compile(r"genai\.Client\((?:[^()\n]|\([^()\n]*\))*\)\.\w+\.(?!generate_content\(…\))")
    assert one_line.search('genai.Client(api_key="k").models.generate_content(model="m")')
    pages = [
        *ROOT.glob("*.md"),
        *(each for at in ("docs", "plugins", "tests/e2e") for each in (ROOT / at).rglob("*.*")),
    ]
    texts = [path for path in pages if path.suffix in (".md", ".py")]
    assert len(texts) > 20
    assert not [path for path in texts if one_line.search(path.read_text("utf-8"))]
    assert "Keep the client in a variable" in (ROOT / "docs" / "apps.md").read_text("utf-8")


@pytest.mark.parametrize(
    "name",
    [
        *("gemini-2.0-flash-exp", "gemini-2.5-flash-image"),
        *("gemini-3-pro-image-preview", "gemini-3.1-flash-image-preview", "imagen-4.0-generate-001"),
    ],
)
def test_trap_07_models_of_the_samples_are_retired(name: str) -> None:
    """Each is still a name of this house, for a model that there is."""
    assert HOUSE.aliases.get(name, name) in HOUSE.models
    assert REAL.aliases.get(name, name) in REAL.models


@pytest.mark.parametrize("given", [None, ["IMAGE", "TEXT"], ["TEXT", "IMAGE"], ["Text", "Image"]])
def test_trap_08_response_modalities_are_not_fixed(given: list[str] | None) -> None:
    """The page calls them required and shows two orders: they may be left out, and order and case say nothing."""
    assert job(**({"responseModalities": given} if given else {})) == job()
    assert job(responseModalities=["Image"]).options["_modalities"] == ("IMAGE",)


def test_trap_09_image_jpg_is_no_registered_type() -> None:
    """The bytes say what a picture is, and that goes out."""
    jpeg = base64.b64encode(b"\xff\xd8\xff\xe0" + bytes(40)).decode()
    wish = job({"inline_data": {"mime_type": "image/jpg", "data": jpeg}})
    [part, _] = plain(VENDORS["gemini"].encode(wish, GEMINI).body)["contents"][0]["parts"]
    assert part["inlineData"]["mimeType"] == "image/jpeg"


@pytest.mark.parametrize(
    ("asks", "field"),
    [
        (body(imageConfig={"aspectRatio": "可选值为 1:1, 3:2 之一"}), "generationConfig.imageConfig.aspectRatio"),
        (
            body({"inlineData": {"mimeType": "image/jpeg", "data": "<图片二的base64>"}}),
            "contents[0].parts[0].inlineData.data",
        ),
    ],
)
def test_trap_10_a_samples_values_are_sentences(asks: dict[str, Any], field: str) -> None:
    """Copied as they are they are no ratio and no base64: a 400 that names the field."""
    with pytest.raises(Fault) as caught:
        asked("gemini", post(ASK, asks))
    assert (caught.value.kind, caught.value.field) == ("bad_request", field)


def test_trap_11_the_usage_of_a_sample_is_not_that_of_its_model() -> None:
    """Totals are the vendor's, never the sum of details; what a picture costs is the house's, and so is its name."""
    part = {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()}}
    meta: dict[str, Any] = {"promptTokenCount": 266, "candidatesTokenCount": 1226, "thoughtsTokenCount": 151}
    meta |= {"totalTokenCount": 1643, "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1120}]}
    says = {"candidates": [{"content": {"parts": [part]}}], "usageMetadata": meta, "modelVersion": "x"}
    made = answered("gemini", says, GEMINI, job())
    assert isinstance(made, Result)
    assert (made.usage["total_tokens"], made.usage["output_tokens"]) == (1643, 1226 + 151)
    told = plain(DOORS["gemini"].render(made, job()).body)
    assert (told["usageMetadata"]["candidatesTokenCount"], told["modelVersion"]) == (1226, "m")


def test_trap_12_two_packages_are_called_sseclient() -> None:
    """`SSEClient(resp).events()` is of sseclient-py, which the page does not say, and reads our stream."""
    assert any(str(each) == "sseclient/__init__.py" for each in distribution("sseclient-py").files or ())
    assert "`sseclient-py`" in (ROOT / "docs" / "apps.md").read_text("utf-8")
    frames = DOORS["koci"].frame(Progress(30), Job("m", "a fox"))
    text = "".join(f"event: {each.event}\ndata: {each.data['progress']}\n\n" for each in frames)
    stream = iter([DOORS["koci"].KEEP_ALIVE, text.encode()])
    assert [(each.event, each.data) for each in sseclient.SSEClient(stream).events()] == [("progress", "30")]


def test_trap_20_samples_disagree_about_the_type_of_a_picture() -> None:
    """JPEG in one, PNG in the other: an answer's `mimeType` is what its bytes are, whatever the vendor said."""
    jpeg = base64.b64encode(b"\xff\xd8\xff\xe0" + bytes(40)).decode()
    says = {"candidates": [{"content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": jpeg}}]}}]}
    made = answered("gemini", says, GEMINI, job())
    [candidate] = plain(DOORS["gemini"].render(made, job()).body)["candidates"]
    assert candidate["content"]["parts"][0]["inlineData"]["mimeType"] == "image/jpeg"


# --- Seedream -------------------------------------------------------------------------------------------------------


def test_trap_21_a_relays_2k_is_too_small_for_seedream_4_5() -> None:
    """2048x1152 is legal on 4.0 and under the minimum of 4.5, which gets its own 2K, or the nearest it takes."""
    assert sent("ark/seedream-4.5", Size("2K", "16:9")).pixels == (2848, 1600)
    assert sent("ark/seedream-4.0", Size(width=2048, height=1152)).pixels == (2048, 1152)
    width, height = sent("ark/seedream-4.5", Size(width=2048, height=1152)).pixels or (0, 0)
    assert width * height >= 3_686_400
    assert width / height == pytest.approx(16 / 9, rel=0.02)


@pytest.mark.parametrize(
    ("name", "id"), [("seedream-4.5", "doubao-seedream-4-5-251128"), ("seedream-4.0", "doubao-seedream-4-0-250828")]
)
def test_trap_22_a_relays_name_is_not_the_vendors_id(name: str, id: str) -> None:
    """The provider's file has the id for each friendly name."""
    assert plain(VENDORS["ark"].encode(Job("m", "a fox"), target(f"ark/{name}")).body)["model"] == id


def test_trap_23_ark_watermarks_unless_told_not_to() -> None:
    """It is always told; only an app of Ark's own shape can ask for the mark."""
    encode = VENDORS["ark"].encode
    assert plain(encode(Job("m", "a fox"), ARK).body)["watermark"] is False
    asks = asked("ark", post("images/generations", {"model": "m", "prompt": "a fox", "watermark": True}))
    assert plain(encode(asks, ARK).body)["watermark"] is True


@pytest.mark.parametrize("size", [Size("2K", "3:2"), Size(ratio="9:16"), Size("4K", "1:1")])
def test_trap_24_beside_a_tier_the_ratio_is_the_prompts(size: Size) -> None:
    """So pixels are sent; a tier goes out only where no ratio was asked for."""
    wish = Job("m", "a fox", size=sent("ark/seedream-4.5", size))
    assert re.fullmatch(r"\d+x\d+", plain(VENDORS["ark"].encode(wish, ARK).body)["size"])
    unresolved = plain(VENDORS["ark"].encode(replace(wish, size=size), ARK).body)
    assert "size" not in unresolved


def test_trap_25_arks_partial_pictures_are_whole_ones() -> None:
    """They are no previews, and are never passed off as such: each is a picture that is done."""
    wish = Job("m", "a fox", stream=True, partials=2)
    data = {"type": "image_generation.partial_succeeded", "image_index": 0, "b64_json": picture()}
    assert VENDORS["ark"].event(Frame(None, data), wish, ARK) == Made(picture())
    assert [note.field for note in VENDORS["ark"].left_out(wish, ARK)] == ["partial_images"]
    assert "stream" in plain(VENDORS["ark"].encode(wish, ARK).body)
    streams = {name for name, card in REAL.providers["ark"].models.items() if card.stream}
    assert {"seedream-4.0", "seedream-4.5", "seedream-5.0-lite"} <= streams
    assert not [name for name in streams if "pro" in name]  # it answers 400 to the word
    assert DOORS["ark"].frame(Partial(picture()), wish) == ()
    events = [frame.event for frame in DOORS["ark"].frame(Done(Result((picture(),) * 2)), wish)]
    assert events == ["image_generation.partial_succeeded"] * 2 + ["image_generation.completed"]


# --- Koukoutu -------------------------------------------------------------------------------------------------------


def test_trap_26_koukoutus_errors_come_under_200_and_its_pictures_without_json() -> None:
    """A code other than 200 is an error, and a body that is a picture is the picture."""
    with pytest.raises(Fault) as caught:
        answered("koukoutu", {"code": 409, "message": "积分不足"}, KOUKOUTU, CUT)
    assert caught.value.kind == "key_spent"
    made = VENDORS["koukoutu"].decode(Reply(200, {}, Raw(picture(), "image/png")), CUT, KOUKOUTU)
    assert made.media == (picture(),)


def test_trap_27_a_task_id_is_an_integer_progress_a_string_and_1k_is_small() -> None:
    """Towards the vendor and towards its apps."""
    began = answered("koukoutu", {"code": 200, "data": {"task_id": 176}}, KOUKOUTU, CUT)
    assert isinstance(began, Ticket)
    assert began.handle == {"task_id": 176}
    under_way = {"state": 0, "result_file": None, "message": None, "progress": "65.71", "position": -1}
    looked = answered("koukoutu", {"code": 200, "data": under_way}, KOUKOUTU, CUT)
    assert isinstance(looked, Ticket)
    assert looked.progress == 65.71
    task = JobState("req_0123456789abcdef01234567", CUT, "running", 1.0, number="176", progress=65.71)
    assert plain(DOORS["koukoutu"].accepted(task).body)["data"] == {"task_id": 176}
    assert plain(DOORS["koukoutu"].progress(task).body)["data"] == under_way
    form = VENDORS["koukoutu"].encode(replace(CUT, size=Size("1K", "1:1")), target("koukoutu-async/image-extract")).body
    assert isinstance(form, Form)
    assert ("resolution", "1k") in form.fields


# --- Gemini's wire --------------------------------------------------------------------------------------------------


def test_trap_28_google_refuses_a_tier_in_small_letters() -> None:
    """The client sends it as it was typed: it is raised, and the app is told."""
    wish = job(imageConfig={"imageSize": "2k", "aspectRatio": "16:9"})
    assert [str(note) for note in wish.notes] == ["imageSize: renamed (2k → 2K)"]
    config = plain(VENDORS["gemini"].encode(wish, GEMINI).body)["generationConfig"]
    assert config["imageConfig"] == {"aspectRatio": "16:9", "imageSize": "2K"}


def test_trap_29_googles_client_goes_by_the_letters_of_a_films_link() -> None:
    """It wants https, `files/` and small letters and digits; of an http link it makes a path that is understood."""
    hex = "0123456789abcdef01234567"
    film = Job("veo-3.1", "a fox", task="video", dialect="gemini")
    vendors = Media(url="https://generativelanguage.googleapis.com/v1beta/files/AbC-9_x:download?alt=media")
    state = JobState(f"req_{hex}", film, "succeeded", 1.0, "http://house.example/google", result=Result((vendors,)))
    response = plain(DOORS["gemini"].progress(state).body)["response"]
    uri = response["generateVideoResponse"]["generatedSamples"][0]["video"]["uri"]
    assert re.fullmatch(r"https://house\.example/google/(?:\w+/)*files/[a-z0-9]+:download\?alt=media", uri)
    asked_by_clients = (uri.partition("files/")[2], f"{uri.replace('https://', 'http://')}:download?alt=media")
    for words in asked_by_clients:
        found = address.split(f"/google/v1/files/{words.removesuffix('?alt=media')}", HOUSE.platforms)
        assert found is not None
        assert asked("gemini", Call("GET", found[1], {"alt": "media"})) == Lookup("content", f"req_{hex}", 0)


@pytest.mark.parametrize("release", ["1.47.0", "2.34.0", "3.4.0"])
def test_trap_30_the_second_step_of_an_upload_has_no_key(release: str) -> None:
    """Its address alone says whose it is, and only there none is asked for."""
    first, second = recorded(f"gemini/genai-py-{release}-files-upload")
    keys = [[name for name, _ in each.headers if name.lower() in address.KEY_HEADERS] for each in (first, second)]
    assert [bool(each) for each in keys] == [True, False]
    assert DOORS["gemini"].KEYLESS == ("upload/files/",)


def test_trap_31_only_200_is_a_success_to_googles_clients() -> None:
    """201 and 202 raise: no answer of this door has them."""
    door = DOORS["gemini"]
    upload = Upload("finish", name="a", media=picture())
    replies = [
        *(
            door.render(Result((picture(),)), job()),
            door.catalogue(["m"], Listing()),
            door.catalogue(["m"], Listing("m")),
        ),
        *(door.begun(upload, LINK), door.uploaded(upload, "a", LINK)),
        asked("gemini", post("models/m:countTokens", {"contents": [{"parts": [{"text": "a fox"}]}]})),
    ]
    assert [reply.status for reply in replies] == [200] * 6


@pytest.mark.sockets
def test_trap_32_googles_client_does_not_ask_again(tmp_path: Path) -> None:
    """By default it sends one request, whatever the status: the house itself asks again, here with its other key."""
    with sandbox() as vendor, proxy(tmp_path, vendor, ROUTES) as house:
        vendor.fault("overloaded", key="key-busy-0002")
        options = g.HttpOptions(base_url=f"{house.url}/google")
        with genai.Client(api_key=house.key, http_options=options) as client:
            for _ in range(4):
                assert client.models.generate_content(model="picture", contents="a fox").candidates
        assert "0002" in {call["key_tail"] for call in vendor.calls()["calls"]}


def test_trap_33_newer_clients_refuse_imagen_before_they_send() -> None:
    """With an API key `generate_images` reaches nobody; the page says so, and `:predict` is there for all others."""
    client = genai.Client(api_key="sk-koci_a", http_options=g.HttpOptions(base_url="http://127.0.0.1:1/google"))
    with client, pytest.warns(Warning, match="deprecated"), pytest.raises(ValueError, match="Developer"):
        client.models.generate_images(model="imagen-4.0-generate-001", prompt="a fox")
    assert "google-genai 2.20 and newer" in (ROOT / "docs" / "apps.md").read_text("utf-8")
    [call] = captured("gemini/genai-py-1.47.0-imagen-predict")
    assert asked("gemini", call).model == "imagen-4.0-generate-001"


def test_trap_34_base64_is_a_third_longer_and_belongs_in_no_log() -> None:
    """A picture is never a string: it is read to its bytes, written in pieces, and cut out of a vendor's words."""
    media = picture(more=3_000_000)
    raw = media.size or 0
    text = base64.b64encode(b"".join(media.data.pieces()) if media.data else b"")
    found = read(b'{"data":"' + text + b'"}')["data"]
    assert (found.size, len(text) > raw * 4 / 3 - 1) == (raw, True)
    written = DOORS["gemini"].render(Result((found,)), job())
    assert isinstance(written.body, Json)
    assert max(map(len, jsonstream.write(written.body.value).pieces())) < len(text) / 10
    assert text.decode()[:100] not in harmless(f"bad picture data:image/png;base64,{text.decode()}")
    assert text.decode()[:40] not in repr(found)


def test_all_traps() -> None:
    all_told(vars(test_kocodeimg) | globals(), "trap", 34)
