"""What every shipped card makes of the sizes it names itself, and of those that docs/sizes.md tells of."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from koci_proxy import sizes
from koci_proxy.config import cards, shipped
from koci_proxy.config.sheet import open_sheet
from koci_proxy.facts import Card
from koci_proxy.faults import Fault
from koci_proxy.types import Size
from tests.house.prose import rows

ROOT = shipped()
SCHEMA = ROOT / "schemas" / "card.json"
# How the columns of docs/sizes.md are headed, where it is not by the name of a card.
HEADED = {
    "Gemini 3 image": "gemini-3-pro-image",
    "LinkAI's gpt-image-2": "linkai-gpt-image-2",
    "Veo 3.1": "veo-3.1",
    "Veo 3.0": "veo-3.0",
    "Seedance 1.0 pro": "seedance-1.0-pro",
}


def card(name: str) -> Card:
    path = ROOT / "providers" / "cards" / f"{name}.yaml"
    return cards.card(name, open_sheet(path, path.name, SCHEMA, {}, ROOT))


NAMES = sorted(path.stem for path in (ROOT / "providers" / "cards").glob("*.yaml"))
CARDS = [card(name) for name in NAMES]


@pytest.mark.parametrize("card", [card for card in CARDS if card.size.table], ids=lambda card: card.name)
@pytest.mark.parametrize("policy", ["exact", "nearest", "cover"])
def test_what_a_card_names_is_sent_as_it_is_named(card: Card, policy: sizes.Policy) -> None:
    for tier, row in card.size.table.items():
        for ratio, pixels in row.items():
            resolved = sizes.resolve(Size(tier, ratio), card.size, policy)
            words = {"tier_ratio": (tier, ratio), "ratio": (None, ratio), "pixels": (None, None)}[card.size.wire]
            assert (resolved.size.tier, resolved.size.ratio) == words, (tier, ratio)
            assert (resolved.size.pixels, resolved.notes) == (pixels, ()), (tier, ratio)


def told() -> Iterator[tuple[str, str, str]]:
    """(asked, card, what the page says) for every cell of its tables that tells of a size."""
    heads: list[str] = []
    for asked, *cells in rows((ROOT / "docs" / "sizes.md").read_text(encoding="utf-8")):
        if asked == "asked":
            heads = [HEADED.get(head, head) for head in cells]
        elif is_size(plain(asked)):
            for at, cell in enumerate(cells):
                yield plain(asked), heads[at], plain(cells[at - 1] if cell == "the same" else cell)


def plain(cell: str) -> str:
    return cell.replace("`", "")


def is_size(text: str) -> bool:
    try:
        return not sizes.parse(text).is_auto
    except Fault:
        return False


@pytest.mark.parametrize(("asked", "name", "says"), list(told()))
def test_the_tables_of_the_page_are_true(asked: str, name: str, says: str) -> None:
    """The first words of a cell are the size in the words of the wire, or its pixels; pixels elsewhere are its too."""
    sent = sizes.resolve(sizes.parse(asked), card(name).size).size
    pixels = f"{sent.width}x{sent.height}"
    words = re.split(r"[,:] ", says)[0]
    assert words in (pixels, f"{sent.tier} {sent.ratio}")
    assert set(re.findall(r"\d+x\d+", says)) <= {pixels}
