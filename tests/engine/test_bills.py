"""What a plugin makes of an attempt changes nothing of what it may have cost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from koci_proxy.engine import Shell
from koci_proxy.facts import Retry
from koci_proxy.faults import Fault
from koci_proxy.plugins import Plugins
from koci_proxy.plugins.hooks import Roll
from koci_proxy.plugins.sources import Sources

from .test_parts import JOB, Notebook, Vendors, engine_of, vendors

__all__ = ["vendors"]  # the fixture of those tests

pytestmark = pytest.mark.anyio


class Marks:
    """Draws a mark on each picture, by a service of its own."""

    def on_result(self, result: Any) -> None:
        raise Fault("down", "the service that marks pictures does not answer")


class Translates:
    """Says every fault in the app's language."""

    def on_fault(self, fault: Fault) -> Fault:
        return Fault(fault.kind, "Der Anbieter antwortet nicht")


async def asked(shell: Shell, vendors: Vendors, plugin: object, *, maybe_paid: int) -> int:
    """How often a vendor is asked for a picture that comes to nothing with this plugin."""
    engine = engine_of(shell, ["two"], Retry(tries=3, wait=0.0, maybe_paid=maybe_paid), False)
    roll = Roll()
    roll.register(plugin, "1:plugin")
    engine.plugins = Plugins(engine.plugins.dialects, roll, Sources([]))
    with pytest.raises(Fault):
        await engine.run(engine.order(replace(JOB, n=1)), "https://img.example", Notebook())
    return len(vendors.asked)


@pytest.mark.parametrize("maybe_paid", [0, 1])
async def test_a_picture_that_a_plugin_fails_on_was_paid_for(shell: Shell, vendors: Vendors, maybe_paid: int) -> None:
    assert await asked(shell, vendors, Marks(), maybe_paid=maybe_paid) == 1 + maybe_paid


@pytest.mark.parametrize("fault", [Fault("slow", "cut off", stage="sent"), Fault("empty", "no picture")])
async def test_a_fault_in_other_words_may_have_been_paid_for_as_before(
    shell: Shell, vendors: Vendors, fault: Fault
) -> None:
    vendors.faults["two"] = [fault] * 9
    assert await asked(shell, vendors, Translates(), maybe_paid=0) == 1
