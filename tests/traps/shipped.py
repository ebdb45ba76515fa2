"""The house as it is shipped, and the same on real vendors: cards, targets made of them, and what comes of a size."""

from __future__ import annotations

from koci_proxy import sizes
from koci_proxy.config import load
from koci_proxy.facts import Card
from koci_proxy.types import Size, Target
from tests.config.test_shipped import VENDOR_KEYS
from tests.dialects.wires import ROOT

HOUSE = load(ROOT / "routes.yaml", {})
REAL = load(ROOT / "examples" / "real-vendors" / "routes.yaml", VENDOR_KEYS)


def card(name: str) -> Card:
    """The card of `provider/model`, with the names of real vendors."""
    return target(name).card


def target(name: str) -> Target:
    provider, _, model = name.partition("/")
    vendor = REAL.providers[provider]
    return Target(provider, model, vendor.dialect, vendor.models[model], vendor.wire)


def sent(name: str, size: Size) -> Size:
    """What the wire of `provider/model` is sent for a wish for a size, and the pixels to expect."""
    return sizes.resolve(size, card(name).size).size
