"""Imports point down: which room may know which."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from .tree import ROOT, called, files, imports

FLOORS = {
    0: ("__init__", "types", "facts", "wire", "faults", "malformed"),
    1: (
        "address",
        "sizes",
        "fit",
        "media",
        "exif",
        "guard",
        "prices",
        "pool",
        "routing",
        "blame",
        "words",
        "fields",
        "written",
        "placeholders",
        "recorded",
        "tokens",
    ),
    2: (
        "jsonstream",
        "spool",
        "multipart",
        "config",
        "upstream",
        "store",
        "state",
        "pixels",
        "plugins",
        "telemetry",
        "jobs",
        "pace",
    ),
    3: ("engine",),
    4: ("app", "cli", "sandbox", "__main__"),
}
FLOOR = {room: floor for floor, rooms in FLOORS.items() for room in rooms}
PURE = {room for room, floor in FLOOR.items() if floor <= 1}


def room(path: Path) -> str:
    """The first word below the package: a module's name, or a folder's."""
    first = path.relative_to(ROOT / "koci_proxy").parts[0]
    return first.removesuffix(".py")


def target(name: str) -> str:
    """The room a dotted name of ours lies in; a public name of the package lies in its `__init__`."""
    word = [*name.split("."), ""][1]
    return word if word in FLOOR else "__init__"


def is_ours(name: str) -> bool:
    return name.split(".")[0] == "koci_proxy"


def is_standard(name: str) -> bool:
    return name.split(".")[0] in sys.stdlib_module_names


def allowed(here: str, name: str) -> bool:
    """Whether a file of room `here` may import `name`."""
    if not is_ours(name):
        return FLOOR[here] >= 2 or is_standard(name)
    there = target(name)
    if here == there:
        return True
    if here == "sandbox":
        return False
    if FLOOR[here] in (2, 3):
        return FLOOR[there] < FLOOR[here]
    return FLOOR[there] <= FLOOR[here]


def test_every_module_has_a_floor() -> None:
    rooms = {room(path) for path in files("koci_proxy")}
    assert rooms <= FLOOR.keys(), f"give these a floor in FLOORS: {sorted(rooms - FLOOR.keys())}"


def test_every_room_of_the_table_is_built() -> None:
    rooms = {room(path) for path in files("koci_proxy")}
    assert FLOOR.keys() <= rooms, f"no such modules: {sorted(FLOOR.keys() - rooms)}"


def test_imports_point_down() -> None:
    wrong = [
        f"{called(path)}:{line}: floor {FLOOR[room(path)]} may not import {name}"
        for path in files("koci_proxy")
        if room(path) in FLOOR
        for line, name in imports(path)
        if not allowed(room(path), name)
    ]
    assert not wrong, "\n".join(wrong)


def test_plugins_know_only_nouns_and_sums() -> None:
    wrong = [
        f"{called(path)}:{line}: a plugin of the house may not import {name}"
        for path in files("plugins")
        for line, name in imports(path)
        if not (is_standard(name) or name.startswith("plugins.") or (is_ours(name) and target(name) in PURE))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("here", "name", "answer"),
    [
        ("types", "dataclasses.dataclass", True),
        ("types", "koci_proxy.facts.Card", True),
        ("types", "koci_proxy.sizes.fit", False),
        ("sizes", "httpx", False),
        ("sizes", "koci_proxy.Fault", True),
        ("store", "sqlalchemy.text", True),
        ("store", "koci_proxy.store.links", True),
        ("store", "koci_proxy.spool.Spools", False),
        ("engine", "koci_proxy.upstream.Client", True),
        ("engine", "koci_proxy.app.run", False),
        ("app", "koci_proxy.engine.Engine", True),
        ("cli", "koci_proxy.app.run", True),
        ("sandbox", "koci_proxy.sandbox.body", True),
        ("sandbox", "koci_proxy.faults.Fault", False),
    ],
)
def test_the_rule_itself(here: str, name: str, answer: bool) -> None:
    assert allowed(here, name) is answer
