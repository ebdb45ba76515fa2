"""The shipped files: they load, they say what the documents say, and a newcomer needs no variable."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from koci_proxy import sizes
from koci_proxy.blame import judge
from koci_proxy.config import load, shipped
from koci_proxy.config.yaml import read
from koci_proxy.facts import Card, House
from koci_proxy.types import Size

ROOT = shipped()
OWN = (
    *("image-2", "image-2-hd", "image-2-ultra", "gpt-image-2.6-sunburst", "gpt-image-2.6-flare"),
    *("gemini-3.1-flash-image", "gemini-3-pro-image"),
)
LINKAI = (
    "gpt-image-2",
    "doubao-seedream-4.5",
    "doubao-seedream-4.0",
    "gemini-3-pro-image-preview",
    "gemini-3.1-flash-image-preview",
    "gemini-2.5-flash-image",
)
ANTHROPIC = ("claude-sonnet-4-20250514",)
ARK = ("seedream-4.5", "seedream-5-lite")
FILMS = (
    *("veo-3-1", "veo-omni-flash", "veo-3.1-generate-preview", "veo-3.1-fast-generate-preview"),
    *("veo-3.0-generate-001", "veo-2.0-generate-001", "sora-2", "seedance-1-0-pro"),
)
KOUKOUTU = (
    *("cutout", "background-removal", "stamp-background-removal", "image-extract", "image-extract-v2"),
    *("image-shadow-v3", "stamp-crop", "image-to-image", "upscale2stamp", "image-outpaint", "image-watermark"),
)
VENDOR_KEYS = {
    name: f"dummy-{name}"
    for name in (
        *("OPENAI_API_KEY", "AIOAGI_KEY_1", "AIOAGI_KEY_2", "GEMINI_API_KEY", "LINKAI_API_KEY", "ARK_API_KEY"),
        *("KOUKOUTU_KEY", "KOUKOUTU_APIS_KEY"),
        *("ACME_KEY", "OPENAI_VIDEOS_KEY"),
    )
} | {"OPENAI_VIDEOS_URL": "https://videos.example/v1"}
EXAMPLES = sorted(ROOT.glob("examples/**/routes.yaml"))
SHIPPED_YAML = [
    ROOT / "routes.yaml",
    *sorted(ROOT.glob("providers/**/*.yaml")),
    *sorted(ROOT.glob("examples/**/*.yaml")),
]


@pytest.fixture(scope="module")
def house() -> House:
    return load(ROOT / "routes.yaml", {})


def test_it_offers_every_name_from_the_sandbox_alone(house: House) -> None:
    assert tuple(house.models) == (*OWN, *LINKAI, *KOUKOUTU, *ANTHROPIC, *ARK, *FILMS)
    assert house.platforms == {
        "openai": "openai",
        "aioagi": "openai",
        "google": "gemini",
        "antigravity": "gemini",
        "anthropic": "anthropic",
        "linkai": "linkai",
        "koukoutu": "koukoutu",
        "apis": "gemini",
        "ark": "ark",
        "api": "koci",
    }
    assert house.defaults == {"antigravity": {"size": "1K 1:1"}}
    assert all(provider.sandbox and provider.url.startswith("sandbox:/") for provider in house.providers.values())
    assert all(pool.secrets == ("sandbox-key",) for pool in house.keys.values())
    assert house.secrets == frozenset()


def test_every_model_is_open_to_every_door(house: House) -> None:
    assert {model.platforms for model in house.models.values()} == {()}


def test_a_fallback_and_a_fixed_field_are_shown(house: House) -> None:
    assert [share.targets[0][0] for share in house.models["image-2"].to] == ["sandbox-openai", "sandbox-linkai"]
    assert house.models["image-2-hd"].set == {"quality": "high"}


def test_it_loads_fast() -> None:
    load(ROOT / "routes.yaml", {})
    began = time.process_time()
    load(ROOT / "routes.yaml", {})
    assert time.process_time() - began < 0.1


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_every_example_loads_with_its_keys_set(path: Path) -> None:
    found = load(path, VENDOR_KEYS)
    assert not any(provider.sandbox for provider in found.providers.values())
    assert found.secrets <= set(VENDOR_KEYS.values())


def test_the_real_vendors_serve_the_same_house(house: House) -> None:
    real = load(ROOT / "examples" / "real-vendors" / "routes.yaml", VENDOR_KEYS)
    assert list(real.models) == list(house.models)
    assert (real.platforms, real.defaults, real.aliases) == (house.platforms, house.defaults, house.aliases)
    assert {name: model.price for name, model in real.models.items()} == {
        name: model.price for name, model in house.models.items()
    }
    assert set(real.providers) == {
        *("openai", "aioagi", "google", "linkai", "ark", "openai-videos"),
        *("koukoutu-sync", "koukoutu-async", "koukoutu-gemini"),
    }


@pytest.mark.parametrize(
    "played", ["openai", "gemini", "linkai", "ark", "koukoutu-sync", "koukoutu-async", "koukoutu-gemini"]
)
def test_the_sandbox_has_the_facts_of_the_vendor_it_plays(played: str, house: House) -> None:
    real = load(ROOT / "examples" / "real-vendors" / "routes.yaml", VENDOR_KEYS)
    vendor, player = real.providers["google" if played == "gemini" else played], house.providers[f"sandbox-{played}"]
    films = {"sora-2": real.providers["openai-videos"].models["sora-2"]} if played == "openai" else {}
    assert player.models == {**vendor.models, **films}
    assert set(player.faults) <= set(vendor.faults)
    assert (player.dialect, player.key_header, player.key_prefix) == (
        vendor.dialect,
        vendor.key_header,
        vendor.key_prefix,
    )


@pytest.mark.parametrize("path", SHIPPED_YAML, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_names_its_schema_for_editors(path: Path) -> None:
    first = path.read_text("utf-8").splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (path.parent / first.partition("=")[2]).resolve().parent == ROOT / "schemas"


def test_a_vendor_of_known_shape_takes_fifteen_lines_at_most() -> None:
    text = (ROOT / "examples" / "new-vendor" / "providers" / "acme.yaml").read_text("utf-8")
    assert len(text.splitlines()) <= 15
    guide = (ROOT / "providers" / "README.md").read_text("utf-8").split("```yaml\n")[1].split("```")[0]
    assert len(guide.splitlines()) <= 15
    assert read("README.md", guide).complaints == ()


def drawing(house: House) -> list[Card]:
    """The cards of all models that make pictures."""
    cards = [card for provider in house.providers.values() for card in provider.models.values()]
    return [card for card in cards if "video" not in card.tasks]


def card(house: House, name: str) -> Card:
    provider, _, model = name.partition("/")
    return house.providers[provider].models[model]


TABLES = [
    ("sandbox-openai/gpt-image-1.5", "1K", "2:3", (1024, 1536)),
    ("sandbox-linkai/gpt-image-2", "2K", "16:9", (2048, 1152)),
    ("sandbox-linkai/gpt-image-2", "4K", "16:9", (3840, 2160)),
    ("sandbox-linkai/gpt-image-2", "4K", "1:1", (2880, 2880)),
    ("sandbox-linkai/gpt-image-2", "1K", "16:9", (1280, 720)),
    ("sandbox-linkai/doubao-seedream-4.5", "2K", "16:9", (2848, 1600)),
    ("sandbox-linkai/doubao-seedream-4.0", "4K", "4:3", (4704, 3520)),
    ("sandbox-linkai/gemini-3-pro-image-preview", "4K", "16:9", (5504, 3072)),
    ("sandbox-linkai/gemini-3.1-flash-image-preview", "512", "21:9", (792, 168)),
    ("sandbox-linkai/gemini-2.5-flash-image", "1K", "16:9", (1344, 768)),
    ("sandbox-gemini/gemini-3.1-flash-image", "2K", "16:9", (2752, 1536)),
    ("sandbox-gemini/gemini-3.1-flash-image", "4K", "8:1", (12288, 1536)),
    ("sandbox-gemini/gemini-3-pro-image", "1K", "9:16", (768, 1376)),
    ("sandbox-gemini/gemini-2.5-flash-image", "1K", "21:9", (1536, 672)),
    ("sandbox-anthropic/picture-1", "2K", "16:9", (2752, 1536)),
    ("sandbox-ark/seedream-4.0", "1K", "16:9", (1312, 736)),
    ("sandbox-ark/seedream-4.0", "4K", "4:3", (4704, 3520)),
    ("sandbox-ark/seedream-4.5", "4K", "21:9", (6240, 2656)),
    ("sandbox-ark/seedream-5.0-lite", "3K", "9:16", (2304, 4096)),
    ("sandbox-ark/seedream-5.0-pro", "2K", "16:9", (2816, 1584)),
    ("sandbox-ark/seedream-5.0-pro", "1.5K", "1:1", (1536, 1536)),
]


@pytest.mark.parametrize(("name", "tier", "ratio", "pixels"), TABLES)
def test_published_pixels(name: str, tier: str, ratio: str, pixels: tuple[int, int], house: House) -> None:
    assert card(house, name).size.table[tier][ratio] == pixels


def test_every_table_is_whole_and_near_its_ratios(house: House) -> None:
    seen = 0
    for found in drawing(house):
        for tier, row in found.size.table.items():
            assert tuple(row) == found.size.ratios, (found.name, tier)
            for ratio, (width, height) in row.items():
                wide, _, high = ratio.partition(":")
                off = abs(width * int(high) / (height * int(wide)) - 1)
                # As Google prints it; every other row is within its rounding to whole blocks.
                suspect = (tier, ratio) == ("512", "21:9")
                assert suspect or off < 0.03, (found.name, tier, ratio)
                seen += 1
    assert seen > 200


def test_pixels_through_linkai_obey_the_rules_of_the_family(house: House) -> None:
    family = card(house, "sandbox-openai/gpt-image-2").size
    for row in card(house, "sandbox-linkai/gpt-image-2").size.table.values():
        assert all(sizes.fits(pixels, family) for pixels in row.values())
    for name in ("doubao-seedream-4.0", "doubao-seedream-4.5"):
        for row in card(house, f"sandbox-linkai/{name}").size.table.values():
            assert all(3_686_400 <= width * height <= 16_777_216 for width, height in row.values())


LIMITS = [
    # wire, default tier and ratio, pictures in, mask, pictures out
    ("sandbox-openai/gpt-image-2", "pixels", None, None, 16, True, 10),
    ("sandbox-openai/gpt-image-2.6-sunburst", "pixels", None, None, 16, True, 10),
    ("sandbox-openai/gpt-image-1.5", "pixels", None, None, 16, True, 10),
    ("sandbox-gemini/gemini-3.1-flash-image", "tier_ratio", "1K", None, 14, False, 1),
    ("sandbox-gemini/gemini-3-pro-image", "tier_ratio", "1K", None, 14, False, 1),
    ("sandbox-gemini/gemini-2.5-flash-image", "ratio", None, None, 3, False, 1),
    ("sandbox-linkai/gpt-image-2", "tier_ratio", "2K", "16:9", 15, False, 1),
    ("sandbox-linkai/doubao-seedream-4.5", "tier_ratio", "2K", None, 10, False, 1),
    ("sandbox-linkai/doubao-seedream-4.0", "tier_ratio", "2K", None, 10, False, 1),
    ("sandbox-linkai/gemini-3-pro-image-preview", "tier_ratio", "1K", None, 3, False, 1),
    ("sandbox-linkai/gemini-3.1-flash-image-preview", "tier_ratio", "1K", None, 3, False, 1),
    ("sandbox-linkai/gemini-2.5-flash-image", "ratio", None, None, 3, False, 1),
    ("sandbox-anthropic/picture-1", "tier_ratio", "1K", None, 20, False, 1),
    ("sandbox-ark/seedream-4.0", "pixels", "2K", None, 14, False, 1),
    ("sandbox-ark/seedream-4.5", "pixels", "2K", None, 14, False, 1),
    ("sandbox-ark/seedream-5.0-lite", "pixels", "2K", None, 14, False, 1),
    ("sandbox-ark/seedream-5.0-pro", "pixels", "2K", None, 10, False, 1),
]


@pytest.mark.parametrize(("name", "wire", "tier", "ratio", "inputs", "mask", "n"), LIMITS)
def test_limits(
    name: str, wire: str, tier: str | None, ratio: str | None, inputs: int, mask: bool, n: int, house: House
) -> None:
    found = card(house, name)
    assert (found.size.wire, found.size.default_tier, found.size.default_ratio) == (wire, tier, ratio)
    assert (found.inputs.max, found.inputs.mask, found.n) == (inputs, mask, n)
    assert found.tasks == {"generate", "edit"}


def test_the_card_with_rules_and_words(house: House) -> None:
    found = card(house, "sandbox-openai/gpt-image-2")
    rules = found.size
    assert (rules.step, rules.max_edge, rules.min_pixels, rules.max_pixels) == (16, 3840, 655_360, 8_294_400)
    assert (rules.max_ratio, rules.tiers, rules.table) == (3, ("1K", "2K", "4K"), {})
    assert found.takes["compression"] is None
    assert found.takes["background"] == ("opaque", "auto")
    assert found.renames == {"quality": {"standard": "medium", "hd": "high"}}
    assert (found.prompt_chars, found.inputs.max_bytes, found.stream) == (32_000, 50 * 1024 * 1024, True)
    assert (found.inputs.mask_edits, found.inputs.policy) == ("alpha", "convert")


def test_what_openais_later_and_earlier_models_take(house: House) -> None:
    cards = {name: card(house, f"sandbox-openai/{name}") for name in house.providers["sandbox-openai"].models}
    last = cards["gpt-image-2.6-sunburst"]
    assert last == cards["gpt-image-2.5-flare"]
    assert {"xhigh", "max"} <= set(last.takes["quality"] or ())
    assert "gif" in (last.takes["format"] or ())
    assert last.size == cards["gpt-image-2"].size
    # Fixed sizes have no rules beside their table.
    assert sizes.resolve(Size("2K", "16:9"), cards["gpt-image-1.5"].size).size.pixels == (1536, 1024)
    faithful = {name for name, each in cards.items() if "input_fidelity" not in each.omits and "edit" in each.tasks}
    assert faithful == {"gpt-image-1.5", "chatgpt-image-latest"}


@pytest.mark.parametrize("name", ["gemini-2.5-flash-image", "gemini-3-pro-image", "gemini-3.1-flash-image"])
def test_inline_files(name: str, house: House) -> None:
    rules = card(house, f"sandbox-gemini/{name}").inputs
    assert rules.max_bytes == 7 * 1024 * 1024
    assert set(rules.mimes) == {"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"}


ANSWERS = [
    ("linkai", 400, None, {}, "bad_request"),
    ("linkai", 401, None, {}, "key_refused"),
    ("linkai", 402, None, {}, "unserved"),
    ("linkai", 406, None, {}, "key_spent"),
    ("linkai", 409, None, {}, "refused"),
    ("linkai", 503, None, {}, "down"),
    ("linkai", 429, None, {}, None),
    ("openai", 400, "moderation_blocked", {}, "refused"),
    ("openai", 429, "insufficient_quota", {}, "key_spent"),
    ("openai", 429, "credit_balance_exhausted", {"error": {"type": "insufficient_quota"}}, "key_spent"),
    ("openai", 429, "rate_limit_exceeded", {"error": {"type": "requests"}}, None),
    ("aioagi", 400, "content_policy_violation", {}, "refused"),
    ("google", 400, None, {"error": {"details": [{"reason": "API_KEY_INVALID"}]}}, "key_refused"),
    ("google", 400, None, {"error": {"status": "INVALID_ARGUMENT"}}, None),
    ("google", 400, None, {"error": {"status": "FAILED_PRECONDITION"}}, "key_refused"),
    (
        "google",
        429,
        None,
        {"error": {"details": [{"violations": [{"quotaId": "GenerateRequestsPerDayPerProject"}]}]}},
        "key_spent",
    ),
]


@pytest.mark.parametrize(("vendor", "status", "code", "body", "kind"), ANSWERS)
def test_what_a_refusal_means(vendor: str, status: int, code: str | None, body: object, kind: str | None) -> None:
    real = load(ROOT / "examples" / "real-vendors" / "routes.yaml", VENDOR_KEYS)
    assert judge(real.providers[vendor].faults, status, code, body) == kind


def test_ark_has_an_id_for_every_friendly_name(house: House) -> None:
    provider = house.providers["sandbox-ark"]
    ids = provider.wire["models"]
    assert {name: provider.models[name] for name in ids} == {name: provider.models[ids[name]] for name in ids}
    assert set(provider.models) - set(ids) == {*ids.values(), "doubao-seedream-5-0-260128"}
    stills = [card for card in provider.models.values() if "video" not in card.tasks]
    bounds = {card.name: (card.size.min_pixels, card.size.max_pixels) for card in stills}
    assert bounds == {
        "seedream-4.0": (921_600, 16_777_216),
        "seedream-4.5": (3_686_400, 16_777_216),
        "seedream-5.0-lite": (3_686_400, 10_404_496),
        "seedream-5.0-pro": (921_600, 4_624_220),
    }
    limits = {(card.inputs.max_bytes, card.inputs.max_edge, card.inputs.policy) for card in stills}
    assert limits == {(10 << 20, 6000, "convert")}


@pytest.mark.parametrize(
    ("model", "tasks", "wire"),
    [
        ("background-removal", {"cutout"}, "none"),
        ("stamp-background-removal", {"cutout"}, "none"),
        ("image-extract", {"edit"}, "tier_ratio"),
        ("image-shadow-v3", {"edit"}, "none"),
        ("image-to-image", {"edit"}, "none"),
        ("image-outpaint", {"edit"}, "none"),
    ],
)
def test_what_koukoutu_does_with_a_picture(model: str, tasks: set[str], wire: str, house: House) -> None:
    found = card(house, f"sandbox-koukoutu-async/{model}")
    assert set(found.tasks) == tasks
    assert found.size.wire == wire
    assert (found.inputs.max, found.inputs.max_bytes, found.inputs.max_edge) == (1, 15 << 20, 10_000)


def test_aioagi_takes_more_than_openai_and_the_sandbox_plays_it() -> None:
    real = load(ROOT / "examples" / "real-vendors" / "routes.yaml", VENDOR_KEYS).providers
    openai, aioagi = real["openai"].models["gpt-image-2"], real["aioagi"].models["gpt-image-2"]
    assert aioagi.takes["background"] == ("transparent", "opaque", "auto")
    assert openai.omits - aioagi.omits == {"input_fidelity"}
    same = replace(aioagi, name=openai.name, takes={**aioagi.takes, "background": openai.takes["background"]})
    assert replace(same, omits=openai.omits) == openai
    played = read("", (ROOT / "providers" / "sandbox-aioagi.yaml").read_text("utf-8")).value
    assert played["models"] == {"gpt-image-2": aioagi.name}
    assert played["wire"] == real["aioagi"].wire == {"image": "image[]"}
    assert openai.stream


def test_where_the_real_vendors_are() -> None:
    real = load(ROOT / "examples" / "real-vendors" / "routes.yaml", VENDOR_KEYS).providers
    assert {name: (provider.url, provider.key_header, provider.key_prefix) for name, provider in real.items()} == {
        "openai": ("https://api.openai.com/v1", "Authorization", "Bearer "),
        "aioagi": ("https://api.aiearth.dev/v1", "Authorization", "Bearer "),
        "google": ("https://generativelanguage.googleapis.com/v1beta", "x-goog-api-key", ""),
        "linkai": ("https://api.link-ai.tech/v1", "Authorization", "Bearer "),
        "ark": ("https://ark.cn-beijing.volces.com/api/v3", "Authorization", "Bearer "),
        "openai-videos": ("https://videos.example/v1", "Authorization", "Bearer "),
        "koukoutu-sync": ("https://sync.koukoutu.com/v1", "X-API-Key", ""),
        "koukoutu-async": ("https://async.koukoutu.com/v1", "X-API-Key", ""),
        "koukoutu-gemini": ("https://apis.koukoutu.com/v1beta", "Authorization", "Bearer "),
    }


def test_the_shipped_folder_has_all_four() -> None:
    assert all((ROOT / name).exists() for name in ("providers", "plugins", "schemas", "routes.yaml"))
    assert json.loads((ROOT / "schemas" / "routes.json").read_text("utf-8"))["$id"] == "routes.json"
