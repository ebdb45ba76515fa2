"""Cards that contradict their schema or themselves."""

from __future__ import annotations

import pytest

from koci_proxy.config import load
from koci_proxy.facts import Card, InputRules

from .conftest import ENVIRON, GOOD, Write, complaints

CARDS = [
    ("size: {ratios: ['16:0']}", "1:17: size.ratios[0]: must be a ratio like 16:9, not '16:0'"),
    ("size: {table: {1K: {0:1: 1x1}}}", "1:21: size.table.1K.0:1: as a key it must be a ratio like 16:9"),
    ("size: {table: {1K: {1:1: 1024}}}", "1:26: size.table.1K.1:1: must be text, not 1024 (put it in quotes)"),
    ("size: {table: {1K: {1:1: '0x1'}}}", "1:26: size.table.1K.1:1: must be width x height like 2048x1152, not '0x1'"),
    ("size: {table: {1k: {1:1: 8x8}}}", "1:16: size.table.1k: unknown key — did you mean '1K'?"),
    ("size: {tiers: [512]}", "1:16: size.tiers[0]: must be text, not 512 (put it in quotes)"),
    ("size: {tiers: [1K, 2K], default_tier: 4K}", "1:39: size.default_tier: '4K' is none of its tiers; known: 1K, 2K"),
    (
        "size: {ratios: ['1:1'], default_ratio: '16:9'}",
        "1:40: size.default_ratio: '16:9' is none of its ratios; known: 1:1",
    ),
    (
        "size: {step: 16, default_ratio: '1:1'}",
        "1:33: size.default_ratio: '1:1' is none of its ratios: it names none; write ratios: ['1:1'] beside it",
    ),
    (
        "size: {step: 16, default_tier: 2K}",
        "1:32: size.default_tier: '2K' is none of its tiers: it names none; write tiers: ['2K'] beside it",
    ),
    (
        "size: {step: 16, table: {1K: {1:1: 1000x1000}}}",
        "1:36: size.table.1K.1:1: 1000x1000 breaks the card's own step",
    ),
    (
        "size: {max_edge: 900, table: {1K: {1:1: 1024x8}}}",
        "1:41: size.table.1K.1:1: 1024x8 breaks the card's own max_edge",
    ),
    ("size: {tiers: [2K], table: {1K: {1:1: 8x8}}}", "1:29: size.table.1K: '1K' is none of its tiers; known: 2K"),
    (
        "takes: {colour: any}",
        "1:9: takes.colour: unknown key; known: background, compression, format, quality, seconds, strength, style",
    ),
    (
        "takes: {quality: [high]}\nrenames: {quality: {hd: hihg}}",
        "2:25: renames.quality.hd: 'hihg' is no quality it takes — did you mean 'high'?",
    ),
    ("takes: {background: 1.5}", "1:21: takes.background: must be text or a list, not 1.5 (put it in quotes)"),
    ("tasks: [paint]", "1:9: tasks[0]: 'paint' is not known here; known: cutout, edit, generate, video"),
    ("inputs: {max_edge: 0}", "1:20: inputs.max_edge: must be at least 1, not 0"),
    (
        "inputs: {mask_edits: wite}",
        "1:22: inputs.mask_edits: 'wite' is not known here — did you mean 'white'?",
    ),
    (
        "inputs: {policy: schrink}",
        "1:18: inputs.policy: 'schrink' is not known here — did you mean 'shrink'?",
    ),
    (
        "inputs: {roles: [frist]}",
        "1:18: inputs.roles[0]: 'frist' is not known here — did you mean 'first'?",
    ),
    ("inputs: {roles: []}", "1:17: inputs.roles: must not be empty"),
    ("inputs: {mixed: some}", "1:17: inputs.mixed: must be true or false, not 'some'"),
    ("size: {tiers: [720P]}", "1:16: size.tiers[0]: '720P' is not known here — did you mean '720p'?"),
    ("default_seconds: long", "1:18: default_seconds: must be a number, not 'long'"),
    ("default_seconds: 8", "1:18: default_seconds: '8' is none of the seconds it takes: it takes none"),
    (
        "takes: {seconds: ['4', '6']}\ndefault_seconds: 8",
        "2:18: default_seconds: '8' is none of the seconds it takes; known: 4, 6",
    ),
    ("takes: {seconds: [4]}", "1:19: takes.seconds[0]: must be text, not 4 (put it in quotes)"),
    (
        "takes: {seconds: ['4', 8s]}",
        "1:24: takes.seconds[1]: must be a number of seconds like '8', not '8s'",
    ),
    (
        "size: {tiers: [720p]}\ntakes: {seconds: ['4', '8']}\nlengths: {1080p: ['8']}",
        "3:11: lengths.1080p: '1080p' is none of its tiers, nor of its inputs' roles; known: 720p, reference",
    ),
    (
        "takes: {seconds: ['4', '8']}\nlengths: {reference: ['6']}",
        "2:23: lengths.reference[0]: '6' is none of the seconds it takes",
    ),
    (
        "takes: {seconds: any}\nlengths: {reference: [long]}",
        "2:23: lengths.reference[0]: 'long' is none of the seconds it takes",
    ),
    ("lengths: {1080: ['8']}", "1:11: lengths.1080: unknown key — did you mean '1080p'?"),
    ("stream: maybe", "1:9: stream: must be true or false, not 'maybe'"),
    ("inputs: {mimes: [png]}", "1:18: inputs.mimes[0]: must be a media type like image/png, not 'png'"),
]


@pytest.mark.parametrize(("card", "complaint"), CARDS)
def test_a_wrong_card(card: str, complaint: str, write: Write) -> None:
    path = write({"routes.yaml": GOOD, "providers/cards/mine.yaml": card})
    assert complaints(path) == [f"providers/cards/mine.yaml:{complaint}"]


RULES = "{max: 2, max_mb: 1.5, max_edge: 3000, mimes: [image/png], mask: true, mask_edits: white, policy: shrink}"
SAID = [
    ("n: 1", Card("gpt-image-2")),
    ("stream: true", Card("gpt-image-2", stream=True)),
    ("default_seconds: 8\ntakes: {seconds: any}", Card("gpt-image-2", takes={"seconds": None}, seconds=8.0)),
    (
        "takes: {seconds: ['4', '8']}\nlengths: {reference: ['8']}",
        Card("gpt-image-2", takes={"seconds": ("4", "8")}, lengths={"reference": ("8",)}),
    ),
    (
        "inputs: {max: 3, roles: [reference, first], mixed: false}",
        Card("gpt-image-2", inputs=InputRules(3, roles=("reference", "first"), mixed=False)),
    ),
    (
        f"inputs: {RULES}",
        Card(
            "gpt-image-2",
            inputs=InputRules(2, 3 << 19, 3000, ("image/png",), mask=True, mask_edits="white", policy="shrink"),
        ),
    ),
]


@pytest.mark.parametrize(("text", "card"), SAID)
def test_what_a_card_says(text: str, card: Card, write: Write) -> None:
    path = write({"routes.yaml": GOOD, "providers/cards/gpt-image-2.yaml": text})
    assert load(path, ENVIRON).providers["openai"].models["gpt-image-2"] == card
