"""Models of `routes.yaml` that cannot be served, in the very words of the complaint."""

from __future__ import annotations

import pytest

from koci_proxy.config import load

from .conftest import ENVIRON, HEAD, Write, complaints

MODELS = [
    ("pic: {too: openai/gpt-image-2, to: openai/gpt-image-2}", "4:9: models.pic.too: unknown key — did you mean 'to'?"),
    ("pic: {price: 4}", "4:3: models.pic: 'to' is missing"),
    ("pic: 5", "4:8: models.pic: must be text, a list or a map, not 5 (put it in quotes)"),
    ("pic: {to: true}", "4:13: models.pic.to: must be text, a list or a map, not true (put it in quotes)"),
    ("pic: []", "4:8: models.pic: must not be empty"),
    ("pic: {to: {}}", "4:13: models.pic.to: must not be empty"),
    ("pic: gpt-image-2", "4:8: models.pic: must be provider/model, not 'gpt-image-2'"),
    ("pic: openia/gpt-image-2", "4:8: models.pic: unknown provider 'openia' — did you mean 'openai'?"),
    ("pic: openai/gpt-image-3", "4:8: models.pic: openai has no model 'gpt-image-3' — did you mean 'gpt-image-2'?"),
    (
        "pic: [openai/gpt-image-2, openai/x]",
        "4:29: models.pic[1]: openai has no model 'x'; known: chatgpt-image-latest, gpt-image-1-mini, gpt-image-1.5, "
        "gpt-image-2, gpt-image-2.5-flare, gpt-image-2.5-sunburst, gpt-image-2.6-flare, gpt-image-2.6-sunburst",
    ),
    (
        "pic: aioagi/gpt-image-2",
        "4:8: models.pic: aioagi has no key; add one under keys, such as aioagi: ${AIOAGI_KEY}",
    ),
    (
        "pic: [openai/gpt-image-2, sandbox-openai/gpt-image-2]",
        "4:3: models.pic.to: mixes the sandbox (sandbox-openai) with real vendors (openai)",
    ),
    (
        "pic: {to: {openai/gpt-image-2: 0}}",
        "4:34: models.pic.to.openai/gpt-image-2: must be above 0, not 0",
    ),
    (
        "pic: {to: {openai/gpt-image-2: 1, linkai/gpt-2: 1}}",
        "4:37: models.pic.to.linkai/gpt-2: linkai has no model 'gpt-2' — did you mean 'gpt-image-2'?",
    ),
    ("pic: {to: {gpt: 1}}", "4:14: models.pic.to.gpt: as a key it must be provider/model"),
    (
        "pic: {to: openai/gpt-image-2, on: [openai, gogle]}",
        "4:46: models.pic.on[1]: unknown platform 'gogle' — did you mean 'google'?",
    ),
    (
        "pic: {to: openai/gpt-image-2, set: {qualty: high}}",
        "4:39: models.pic.set.qualty: unknown key — did you mean 'quality'?",
    ),
    (
        "pic: {to: openai/gpt-image-2, set: {quality: hihg}}",
        "4:48: models.pic.set.quality: none of its targets takes the quality 'hihg' — did you mean 'high'?",
    ),
    (
        "pic: {price: {second: 10}, to: openai/gpt-image-2}",
        "4:16: models.pic.price: is per second of film, and openai/gpt-image-2 makes no films",
    ),
    (
        "pic: {price: {720: 10}, to: openai/gpt-image-2}",
        "4:17: models.pic.price.720: unknown key — did you mean '720p'?",
    ),
    (
        "film: {to: sandbox-gemini/veo-3.1, set: {seconds: 5}}",
        "4:53: models.film.set.seconds: none of its targets takes the seconds '5'; known: 4, 6, 8",
    ),
    (
        "pic: {to: openai/gpt-image-2, set: {style: vivid}}",
        "4:39: models.pic.set.style: none of its targets takes a style",
    ),
    (
        "pic: {to: openai/gpt-image-2, set: {format: jpg}}",
        "4:47: models.pic.set.format: 'jpg' is not known here — did you mean 'jpeg'?",
    ),
    (
        "pic: {to: openai/gpt-image-1.5, set: {background: transparent, format: jpeg}}",
        "4:74: models.pic.set.format: every call would be refused: jpeg has no transparency: ask for png or webp",
    ),
    (
        "pic: {to: sandbox-koukoutu-sync/background-removal, set: {format: jpeg}}",
        "4:69: models.pic.set.format: every call would be refused: jpeg has no transparency: ask for png or webp",
    ),
    (
        "pic: {to: sandbox-koukoutu-sync/background-removal, set: {size: 2K}, size_policy: exact}",
        "4:67: models.pic.set.size: every call would be refused: this model does not make 2K; allowed: auto",
    ),
    (
        "pic: {to: [openai/gpt-image-1.5, openai/gpt-image-1-mini], set: {size: 4K}, size_policy: exact}",
        "4:74: models.pic.set.size: every call would be refused: this model does not make 4K; allowed: 1024x1024, "
        "1536x1024, 1024x1536; the nearest is 1024x1024",
    ),
    (
        "film: {to: sandbox-gemini/veo-3.0-generate-001, set: {size: 9:16 1080p}, size_policy: exact}",
        "4:63: models.film.set.size: every call would be refused: this model does not make 1080p 9:16; allowed: tiers "
        "720p, 1080p; ratios 16:9, 9:16; the nearest is 720p 9:16 (720x1280)",
    ),
    (
        "pic: {to: openai/gpt-image-2, set: {quality: hd}, strict: true}",
        "4:48: models.pic.set.quality: every call would be refused: pic takes a job as it is or not at all, and this "
        "would be changed: quality: renamed (hd → high)",
    ),
    (
        "pic: {to: openai/gpt-image-2, set: {compression: 101}}",
        "4:52: models.pic.set.compression: must be at most 100, not 101",
    ),
    (
        "pic: {to: openai/gpt-image-2, price: free}",
        "4:40: models.pic.price: 'free', character 1: there is no 'free' here; known: n, images, seconds, width, "
        "height, megapixels",
    ),
    ("pic: {to: openai/gpt-image-2, price: -1}", "4:40: models.pic.price: must be at least 0, not -1"),
    (
        "pic: {to: openai/gpt-image-2, size_policy: exakt}",
        "4:46: models.pic.size_policy: 'exakt' is not known here — did you mean 'exact'?",
    ),
    (
        "pic: {to: openai/gpt-image-2, strict: very}",
        "4:41: models.pic.strict: must be true or false, not 'very'",
    ),
    ("a b: openai/gpt-image-2", "4:3: models.a b: as a key it must be one word without spaces"),
    ("pic: ${NONE}", "4:8: models.pic: the variable NONE is not set"),
    ("pic: linkai/${file:none}", "4:8: models.pic: there is no file none"),
]


@pytest.mark.parametrize(("model", "complaint"), MODELS)
def test_a_wrong_model(model: str, complaint: str, write: Write) -> None:
    assert complaints(write({"routes.yaml": f"{HEAD}models:\n  {model}\n"})) == [f"routes.yaml:{complaint}"]


def test_a_size_no_one_can_read(write: Write) -> None:
    model = "pic: {to: openai/gpt-image-2, set: {size: 2x}}"
    (complaint,) = complaints(write({"routes.yaml": f"{HEAD}models:\n  {model}\n"}))
    assert complaint.startswith("routes.yaml:4:45: models.pic.set.size: '2x' is not a size; ask for pixels (1024x1024)")


def test_a_price_by_a_tier_that_is_none(write: Write) -> None:
    model = "pic: {to: openai/gpt-image-2, price: {1KK: 4}}"
    (complaint,) = complaints(write({"routes.yaml": f"{HEAD}models:\n  {model}\n"}))
    assert complaint == "routes.yaml:4:41: models.pic.price.1KK: unknown key — did you mean '1K'?"


@pytest.mark.parametrize(("said", "strict"), [("", False), (", strict: true", True), (", strict: false", False)])
def test_a_strict_model(said: str, strict: bool, write: Write) -> None:
    path = write({"routes.yaml": f"{HEAD}models:\n  pic: {{to: openai/gpt-image-2{said}}}\n"})
    assert load(path, ENVIRON).models["pic"].strict is strict


@pytest.mark.parametrize(
    "model",
    [
        "pic: {to: openai/gpt-image-1.5, set: {background: transparent, format: webp}}",
        "pic: {to: openai/gpt-image-1.5, set: {background: transparent, compression: 50}, strict: true}",
        "pic: {to: openai/gpt-image-1.5, set: {size: 4K}}",
        "pic: {to: openai/gpt-image-1.5, set: {size: 1K}, size_policy: exact}",
        "pic: {to: [openai/gpt-image-1.5, openai/gpt-image-2], set: {size: 2K 16:9}, size_policy: exact}",
        "pic: {to: openai/gpt-image-2, set: {quality: hd}}",
        "pic: {to: openai/gpt-image-2, set: {quality: high}, strict: true}",
        "film: {to: sandbox-gemini/veo-3.0-generate-001, set: {size: 1080p}, size_policy: exact}",
        # No card of theirs has a word for it: the house makes it.
        "pic: {to: sandbox-gemini/gemini-3-pro-image, set: {format: webp, compression: 30}}",
        "pic: {to: sandbox-gemini/gemini-3-pro-image, set: {format: webp}, strict: true}",
        # An app that asks for one of these ratios, or tiers, gets it.
        "pic: {to: sandbox-gemini/gemini-3.1-flash-image, set: {size: 1:4}, size_policy: exact}",
        "film: {to: sandbox-openai/sora-2, set: {size: 1080p}, size_policy: exact}",
    ],
)
def test_what_is_set_leaves_calls_that_are_served(model: str, write: Write) -> None:
    load(write({"routes.yaml": f"{HEAD}models:\n  {model}\n"}), ENVIRON)


def test_a_house_without_the_size_transform_renames_nothing(write: Write) -> None:
    model = "pic: {to: openai/gpt-image-2, set: {quality: hd}, strict: true}"
    load(write({"routes.yaml": f"{HEAD}transforms: [style]\nmodels:\n  {model}\n"}), ENVIRON)
