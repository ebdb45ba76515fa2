"""The scenarios of the bench: what is asked, how often, how many at once, and what it may cost."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from .answers import PREVIEWS, SIZES, encoded, png

MIB = 1 << 20
BOUNDARY = "bench-boundary"
Figure = Literal["cpu", "p50", "peak", "held", "probe"]
"""CPU ms a request, p50 ms, peak MB, KB held for each request under way, p99 ms of the probe."""


@dataclass(frozen=True, slots=True)
class Target:
    """At most so much of a figure: as a multiple of another gateway's, or beyond it, or by itself."""

    figure: Figure
    most: float
    of: str = ""
    beyond: str = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """`model` is what the vendor is asked for, `copied` what it is asked for behind a gateway that only copies bytes.

    `warm` requests go before those that are counted; where pictures are large, as many: what the first ones leave is
    emptied, and so there is memory at hand that was in use a moment ago, as on a machine at work.
    `quick` scenarios are those of a quick run. Gateways in `once` go through it in the first round alone, for they
    take long or are there to show that they are fast enough; those in `without` not at all: they would take minutes.
    """

    family: str
    in_flight: int
    requests: int
    model: str
    deliver: Literal["url", "b64_json"] = "b64_json"
    copied: str = ""
    send: Literal["words", "form", "json", "stream"] = "words"
    warm: int = 1
    probed: bool = False
    quick: bool = False
    once: frozenset[str] = frozenset({"vendor"})
    without: frozenset[str] = frozenset()
    targets: tuple[Target, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.family}, {self.in_flight} in flight"

    @property
    def path(self) -> str:
        return "/images/edits" if self.send in ("form", "json") else "/images/generations"

    def body(self, model: str) -> tuple[str, bytes]:
        """Content type and bytes of a request for a model."""
        words: dict[str, object] = {"model": model, "prompt": "a lighthouse at dusk", "size": "1024x1024"}
        if self.send == "stream":
            words |= {"stream": True, "partial_images": PREVIEWS}
        else:
            words["response_format"] = self.deliver
        if self.send == "form":
            return f"multipart/form-data; boundary={BOUNDARY}", _form(words)
        if self.send == "json":
            words["images"] = [{"image_url": f"data:image/png;base64,{encoded(_reference(12 * MIB))}"}]
        return "application/json", json.dumps(words).encode()


def _form(words: dict[str, object]) -> bytes:
    """The words and four pictures of 4 MiB."""
    text = '--{}\r\ncontent-disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    file = (
        '--{}\r\ncontent-disposition: form-data; name="image[]"; filename="{}.png"\r\ncontent-type: image/png\r\n\r\n'
    )
    parts = [text.format(BOUNDARY, name, value).encode() for name, value in words.items()]
    parts += [file.format(BOUNDARY, at).encode() + _reference(4 * MIB) + b"\r\n" for at in range(4)]
    return b"".join([*parts, f"--{BOUNDARY}--\r\n".encode()])


_reference: Callable[[int], bytes] = functools.cache(png)

SLOW = frozenset({"naive"})
ONCE = frozenset({"vendor", "naive"})
SAME, OTHER, URL = "base64, same dialect", "base64, other dialect", "base64 to URL"


def _answers(size: str, many: dict[int, int]) -> Iterator[Scenario]:
    """A picture of some size in each of the three ways; `many` says how often at how many in flight."""
    times = {URL: 2.0, SAME: 2.0, OTHER: 2.5}
    for kind, model, copied in ((URL, "b64", ""), (SAME, "b64", ""), (OTHER, "gem", "")):
        for in_flight, requests in many.items():
            yield Scenario(
                f"{size} MB {kind}",
                in_flight,
                requests,
                f"{model}-{size}",
                "url" if kind == URL else "b64_json",
                copied,
                warm=requests,
                probed=kind == URL and size == "24" and in_flight == 64,
                quick=(size == "24" and kind == URL) or (in_flight == 8 and size == "24"),
                once=ONCE if in_flight == 64 and size != "1.5" else frozenset({"vendor"}),
                without=SLOW if in_flight == 64 and size != "1.5" and kind != URL else frozenset(),
                targets=tuple(_targets(size, kind, in_flight, times[kind])),
            )


def _targets(size: str, kind: str, in_flight: int, times: float) -> Iterator[Target]:
    if (size, in_flight) in (("24", 8), ("24", 64), ("1.5", 16)):
        yield Target("cpu", times, of="nginx")
    if size == "24" and in_flight == 64:
        yield Target("peak", 100 if kind == URL else 200)
        if kind == URL:
            yield Target("probe", 50)
    if size == "1.5" and in_flight == 16:
        yield Target("peak", 120)


SMALL = Scenario("small answer", 1, 400, "small", warm=64, quick=True, once=frozenset())
FORM = Scenario("4 x 4 MB form to form", 1, 8, "small", send="form", warm=8)
WAITING = Scenario("waiting 2 s", 500, 500, "wait-2", quick=True, once=ONCE)
UPLOADED = (Target("cpu", 2, of="nginx"), Target("peak", 100))

SCENARIOS: tuple[Scenario, ...] = (
    replace(SMALL, targets=(Target("p50", 0.5, beyond="vendor"),)),
    replace(
        SMALL, in_flight=64, requests=2000, warm=256, targets=(Target("cpu", 0.2), Target("cpu", 1 / 8, of="naive"))
    ),
    *_answers("1.5", {1: 20, 8: 40, 16: 48, 64: 64}),
    *_answers("8", {1: 6, 8: 16, 64: 64}),
    *_answers("24", {1: 5, 8: 16, 64: 64}),
    Scenario("24 MB URL to base64", 8, 16, "url-24", copied="b64-24", warm=16),
    FORM,
    replace(FORM, in_flight=8, requests=24, warm=24, quick=True, targets=UPLOADED),
    replace(
        FORM, family="4 x 4 MB form to JSON", model="gem-small", in_flight=8, requests=24, warm=24, targets=UPLOADED
    ),
    Scenario("16 MB of base64 in JSON to form", 8, 24, "small", send="json", warm=24),
    replace(WAITING, targets=(Target("cpu", 2, of="nginx"), Target("peak", 120))),
    replace(
        WAITING,
        family="waiting 10 s",
        model="wait-10",
        in_flight=2000,
        requests=2000,
        quick=False,
        without=SLOW,
        targets=(Target("cpu", 0.3), Target("held", 30)),
    ),
    Scenario("stream with 3 previews", 8, 48, "stream", send="stream"),
    Scenario("one of two keys fails", 16, 512, "two", quick=True),
)


def picked(only: str, quick: bool) -> list[list[Scenario]]:
    """The scenarios of a run by family; those of a family share a process, least in flight first."""
    families: dict[str, list[Scenario]] = {}
    for one in SCENARIOS:
        if only.lower() in one.name.lower() and (one.quick or not quick):
            families.setdefault(one.family, []).append(_shorter(one) if quick else one)
    return list(families.values())


def _shorter(scenario: Scenario) -> Scenario:
    return replace(scenario, requests=max(scenario.in_flight, scenario.requests // 2))


def models() -> list[str]:
    """Every name that the vendor is asked for."""
    return sorted({one.model for one in SCENARIOS} | {one.copied for one in SCENARIOS if one.copied})


assert {one.model.partition("-")[2] for one in SCENARIOS if one.model.startswith(("b64", "url"))} <= SIZES.keys()
