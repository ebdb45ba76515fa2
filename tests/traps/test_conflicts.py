"""Twenty-two points on which public sources disagree, and what this house does: a test for each.

A test has the number of its row.
"""

from __future__ import annotations

from typing import Any

import pytest

from koci_proxy import address
from koci_proxy.facts import Limits
from koci_proxy.faults import Fault
from koci_proxy.fit import fit, set_fields
from koci_proxy.sandbox.google import TOKENS
from koci_proxy.types import Job, Media, Result, Size, Ticket
from koci_proxy.wire import Call, Form, Json, Raw, Reply
from tests.dialects.wires import DOORS, VENDORS, asked, picture, plain, post

from .rows import all_told
from .shipped import HOUSE, REAL, card, sent, target

FLASH, PRO = "google/gemini-3.1-flash-image", "google/gemini-3-pro-image"
CUT = Job("m", "", task="cutout", inputs=(picture(),), dialect="koukoutu")
TEN = {"1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"}


def config(**words: Any) -> Job:
    body = {"contents": [{"parts": [{"text": "a fox"}]}], "generationConfig": words}
    found = asked("gemini", post("models/m:generateContent", body))
    assert isinstance(found, Job)
    return found


@pytest.mark.parametrize(
    ("name", "pixels"),
    [
        ("linkai/gpt-image-2", (2048, 1152)),
        ("openai/gpt-image-2", (2048, 1152)),
        ("google/gemini-3.1-flash-image", (2752, 1536)),
        ("ark/seedream-4.5", (2848, 1600)),
        ("linkai/doubao-seedream-4.5", (2848, 1600)),
        ("ark/seedream-5.0-pro", (2816, 1584)),
    ],
)
def test_conflict_01_what_2k_and_16_9_are(name: str, pixels: tuple[int, int]) -> None:
    """The long edge to one, so many pixels in all to others: each target has its own table, no formula is shared."""
    assert sent(name, Size("2K", "16:9")).pixels == pixels


def test_conflict_02_where_the_size_stands() -> None:
    """`imageConfig` or `responseFormat.image`: both are taken, the latter goes first, the former is sent."""
    old, new = {"imageSize": "1K", "aspectRatio": "1:1"}, {"imageSize": "2K", "aspectRatio": "16:9"}
    assert config(imageConfig=old).size == Size("1K", "1:1")
    assert config(responseFormat={"image": new}).size == Size("2K", "16:9")
    both = config(imageConfig=old, responseFormat={"image": new})
    assert both.size == Size("2K", "16:9")
    sent_config = plain(VENDORS["gemini"].encode(both, target(FLASH)).body)["generationConfig"]
    assert sent_config["imageConfig"] == new
    assert "responseFormat" not in sent_config


def test_conflict_03_eight_ratios_or_ten() -> None:
    """The client's own text lists eight: all ten of Google's page are made."""
    assert set(card(PRO).size.table["1K"]) == TEN
    assert set(card("google/gemini-2.5-flash-image").size.table["1K"]) == TEN


def test_conflict_04_ten_twelve_or_fourteen_ratios_of_3_1_flash() -> None:
    """Fourteen, the extreme ones among them."""
    assert set(card(FLASH).size.table["1K"]) == TEN | {"1:4", "4:1", "1:8", "8:1"}


@pytest.mark.parametrize("pixels", [(792, 168), (792, 336)])
def test_conflict_05_the_smallest_wide_picture_as_printed_or_by_the_pattern(pixels: tuple[int, int]) -> None:
    """The table has what is printed; either picture is taken as it comes, and its size is told by its bytes."""
    assert sent(FLASH, Size("512", "21:9")).pixels == (792, 168)
    made = DOORS["openai"].render(Result((picture(*pixels),)), Job("m", "a fox", deliver="base64"))
    assert plain(made.body)["size"] == f"{pixels[0]}x{pixels[1]}"


def test_conflict_06_tokens_of_large_pictures() -> None:
    """The newer numbers are played by the sandbox; the house never counts itself, it tells what the vendor counted."""
    assert (TOKENS["2K"], TOKENS["4K"]) == (1680, 2520)
    usage = plain(DOORS["gemini"].render(Result((picture(),)), config()).body)["usageMetadata"]
    assert usage["totalTokenCount"] == 0


@pytest.mark.parametrize("name", ["google/gemini-2.5-flash-image", "linkai/gemini-2.5-flash-image"])
def test_conflict_07_the_wide_picture_of_2_5_flash(name: str) -> None:
    """1344x768 by Google's page, not the 1408x768 of other tables."""
    assert sent(name, Size(ratio="16:9")).pixels == (1344, 768)


@pytest.mark.parametrize("kind", ["", "fast-", "ultra-"])
def test_conflict_08_when_imagen_was_shut_down(kind: str) -> None:
    """June or August, it is gone either way: its names are other names of models that there are."""
    assert HOUSE.aliases[f"imagen-4.0-{kind}generate-001"] in HOUSE.models


@pytest.mark.parametrize("name", ["gemini-3-pro-image-preview", "gemini-3.1-flash-image-preview"])
def test_conflict_09_when_preview_models_end(name: str) -> None:
    """June or July: the names stay, and lead to who still serves them; Google itself is asked for the final ones."""
    assert name in HOUSE.models
    assert name not in REAL.providers["google"].models
    assert name.removesuffix("-preview") in REAL.providers["google"].models


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("linkai/gemini-3-pro-image-preview", 3),
        ("linkai/doubao-seedream-4.5", 10),
        ("google/gemini-3-pro-image", 14),
        ("ark/seedream-4.5", 14),
        ("ark/seedream-5.0-pro", 10),
    ],
)
def test_conflict_10_how_many_references(name: str, most: int) -> None:
    """The limit belongs to the way, not to the family: each provider's own page holds for it."""
    assert card(name).inputs.max == most


@pytest.mark.parametrize("model", ["seedream-4.0", "seedream-4.5", "seedream-5.0-lite", "seedream-5.0-pro"])
@pytest.mark.parametrize("ratio", ["4:5", "5:4"])
def test_conflict_11_two_ratios_that_a_relay_offers_and_the_vendor_does_not_list(model: str, ratio: str) -> None:
    """They are made, in pixels assumed within the vendor's limits."""
    rules = card(f"ark/{model}").size
    for row in rules.table.values():
        width, height = row[ratio]
        assert (rules.min_pixels or 0) <= width * height <= (rules.max_pixels or 0)
        assert width / height == pytest.approx(int(ratio[0]) / int(ratio[2]), rel=0.01)


def test_conflict_12_whether_veo_takes_a_seed() -> None:
    """Google's page says so, its client refuses to send one: a seed that comes is passed on, and nothing is made up."""
    parameters = {"seed": 7, "durationSeconds": 8, "aspectRatio": "16:9"}
    for asks in (parameters, {name: value for name, value in parameters.items() if name != "seed"}):
        body = {"instances": [{"prompt": "a fox"}], "parameters": asks}
        film = asked("gemini", post("models/veo-3.1-generate-preview:predictLongRunning", body))
        assert plain(VENDORS["gemini"].encode(film, target("google/veo-3.1")).body)["parameters"] == asks


@pytest.mark.parametrize("seconds", [None, 4.0, 6.0, 8.0])
def test_conflict_13_eight_seconds_always_or_four_six_and_eight(seconds: float | None) -> None:
    """KoCodeImg's name has eight, whatever is asked; by Google's name each of the three is made."""
    for name, made in (("veo-3-1", 8.0), ("veo-3.1-generate-preview", seconds or 8.0)):
        job = set_fields(Job(name, "a fox", task="video", seconds=seconds), HOUSE.models[name].set)
        assert fit(job, card("google/veo-3.1")).seconds == made


def test_conflict_14_the_4k_table_of_seedream_4_0() -> None:
    """The newer one: sizes of the older are over the limit of its own page."""
    rules = card("ark/seedream-4.0").size
    assert rules.table["4K"]["4:3"] == (4704, 3520)
    assert max(width * height for width, height in rules.table["4K"].values()) <= 16_777_216 < 4736 * 3552


def test_conflict_15_whether_seedream_5_lite_makes_4k() -> None:
    """Two tiers in all sources, a third in some: the card has the two, and a 4K is bent to the larger."""
    assert tuple(card("ark/seedream-5.0-lite").size.table) == ("2K", "3K")
    assert sent("ark/seedream-5.0-lite", Size("4K", "1:1")).pixels == (3072, 3072)


@pytest.mark.parametrize(("value", "right"), [("0", True), ("1", True), ("2", True), ("3", False)])
def test_conflict_16_what_border_means(value: str, right: bool) -> None:
    """A border or not, or three degrees of an edge: the three values are taken."""
    form = Form((("model_key", "cutout"), ("image_file", picture()), ("border", value)))
    call = Call("POST", "sync/v1/create", body=form)
    if right:
        assert asked("koukoutu", call).options == {"border": int(value)}
        return
    with pytest.raises(Fault) as caught:
        asked("koukoutu", call)
    assert caught.value.field == "border"


def test_conflict_17_how_large_a_file_may_be_for_koukoutu() -> None:
    """15 MB or 40 MB: the smaller stands in its cards, where it can be changed, and the larger's edges beside it."""
    cards = REAL.providers["koukoutu-async"].models.values()
    assert {(each.inputs.max_bytes, each.inputs.max_edge) for each in cards} == {(15 << 20, 10_000)}
    assert Limits().body > 15 << 20


@pytest.mark.parametrize("code", [402, 409])
@pytest.mark.parametrize("status", [200, None])
def test_conflict_18_which_code_means_no_points(code: int, status: int | None) -> None:
    """Both do, under an HTTP status of their own or under 200: it is our account, and the next key is tried."""
    reply = Reply(status or code, {}, Json({"code": code, "message": "no points"}))
    with pytest.raises(Fault) as caught:
        VENDORS["koukoutu"].decode(reply, CUT, target("koukoutu-sync/background-removal"))
    assert (caught.value.kind, caught.value.blame) == ("key_spent", "key")


def test_conflict_19_how_a_picture_itself_is_asked_for() -> None:
    """`file`, `bytes` or nothing: nothing is sent, which all agree on; apps may say either word."""
    koukoutu = VENDORS["koukoutu"]
    create = koukoutu.encode(CUT, target("koukoutu-sync/background-removal")).body
    assert isinstance(create, Form)
    assert "response" not in dict(create.fields)
    look = koukoutu.poll(Ticket({"task_id": 1}), CUT, target("koukoutu-async/background-removal")).body
    assert isinstance(look, Raw)
    assert isinstance(look.content, bytes)
    assert b"response=url" in look.content
    for word in ("file", "bytes"):
        fields = (("model_key", "cutout"), ("image_file", picture()), ("response", word))
        assert asked("koukoutu", Call("POST", "sync/v1/create", body=Form(fields))).deliver == "base64"


@pytest.mark.parametrize("name", ["koukoutu-sync", "koukoutu-async"])
def test_conflict_20_which_header_has_koukoutus_key(name: str) -> None:
    """X-API-Key, as most clients have it; which one is a line of the provider's file."""
    vendor = REAL.providers[name]
    assert (vendor.key_header, vendor.key_prefix) == ("X-API-Key", "")


def test_conflict_21_created_or_created_at() -> None:
    """Ark's client has the one, its wire the other: `created` is read and written."""
    says = {"created": 1757321139, "created_at": 1, "data": [{"url": "https://cdn.example/a.png"}]}
    made = VENDORS["ark"].decode(Reply(200, {}, Json(says)), Job("m", "a fox"), target("ark/seedream-4.5"))
    assert made == Result((Media(url="https://cdn.example/a.png"),), created=1757321139)
    answer = plain(DOORS["ark"].render(made, Job("m", "a fox")).body)
    assert (answer["created"], "created_at" in answer) == (1757321139, False)


@pytest.mark.parametrize("path", ["videos", "videos/v_0123456789abcdef01234567/stream", "generate"])
def test_conflict_22_whether_films_want_a_logins_token_or_a_key(path: str) -> None:
    """Their page says token, all others a key: as Bearer, where a token would be, or in any other place of a key."""
    key = "sk-koci_a"
    assert address.split(f"/api/{path}", HOUSE.platforms) == ("api", path)
    for headers in ({"authorization": f"Bearer {key}"}, {"x-api-key": key}):
        assert address.take_key(headers, {}) == key
    assert address.take_key({}, {"key": key}) == key
    assert path not in getattr(DOORS["koci"], "KEYLESS", ())


def test_all_conflicts() -> None:
    all_told(globals(), "conflict", 22)
