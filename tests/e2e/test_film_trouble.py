"""A film that the vendor has begun is paid for: trouble on the way to it is waited out, and it is never begun again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .film_doors import film, order
from .jobs import end
from .processes import House, ask

pytestmark = pytest.mark.sockets

VENDORS = {"sora-2": "openai", "veo": "google", "seedance": "ark"}


@pytest.fixture
def quiet(studio: House) -> Iterator[House]:
    """A house whose vendors do as they are told by one test alone."""
    studio.sandbox.forget()
    yield studio
    studio.sandbox.forget()


def trouble(house: House, fault: str, on: str, times: int) -> None:
    ask(f"{house.sandbox.url}/_sandbox/faults", {"fault": fault, "on": on, "times": times})


@pytest.mark.parametrize("fault", ["cut", "garbage", "error=500", "limit=1"])
@pytest.mark.parametrize("on", ["look", "download"])
@pytest.mark.parametrize("model", VENDORS)
def test_one_bad_answer_loses_no_film(quiet: House, model: str, on: str, fault: str) -> None:
    """Neither while it is looked after nor while it is fetched, by the key or by a link."""
    trouble(quiet, fault, on, 1)
    id = order(quiet, "openai", model)
    job = end(quiet, id)
    assert (job["status"], job["error"]) == ("succeeded", None)
    assert film(quiet, "openai", id)[4:8] == b"ftyp"
    assert quiet.sandbox.calls()["orders"] == {VENDORS[model]: 1}


def test_an_outage_of_some_looks_loses_no_film(quiet: House) -> None:
    """The house gives up after ten minutes, not after five looks."""
    trouble(quiet, "overloaded", "look", 5)
    id = order(quiet, "openai", "sora-2")
    job = end(quiet, id)
    assert (job["status"], job["error"]) == ("succeeded", None)
    assert quiet.sandbox.calls()["orders"] == {"openai": 1}
