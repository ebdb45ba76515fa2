"""The names a dialect must have."""

from __future__ import annotations

from pathlib import Path

import pytest

from koci_proxy.plugins import PluginError, load

VENDOR = "def encode(job, target): ...\ndef decode(reply, job, target): ...\n"
DOOR = (
    "def schema(call): ...\ndef parse(call): ...\ndef render(result, job): ...\ndef fail(fault): ...\n"
    "def frame(event, job): ...\ndef fail_frame(fault, job): ...\ndef catalogue(names, listing): ...\n"
    "KEEP_ALIVE = b''\nEND = b''\nDELIVER = 'url'\n"
)


@pytest.mark.parametrize(
    ("source", "complaints"),
    [
        (VENDOR, []),
        (DOOR, []),
        (VENDOR + DOOR, []),
        (VENDOR + "def encoded(): ...\ndef parser(): ...\ndef rendered(): ...", []),
        ("from pathlib import Path\nx = 1", ["no dialect: it needs encode, decode to face a vendor"]),
        (VENDOR.replace("decode", "decod"), ["no name 'decod' in a dialect — did you mean 'decode'?"]),
        (VENDOR.replace("def decode(reply, job, target): ...", ""), ["'decode' is missing"]),
        (DOOR.replace("catalogue", "catalog"), ["no name 'catalog' in a dialect — did you mean 'catalogue'?"]),
        (DOOR.replace("DELIVER", "DELIVERY"), ["no name 'DELIVERY' in a dialect — did you mean 'DELIVER'?"]),
        (DOOR.replace("END = b''", ""), ["'END' is missing"]),
        (
            DOOR.replace("parse", "prase").replace("render", "redner"),
            [
                "no name 'prase' in a dialect — did you mean 'parse'?",
                "no name 'redner' in a dialect — did you mean 'render'?",
            ],
        ),
        (DOOR + "def encdoe(job, target): ...", ["no name 'encdoe' in a dialect — did you mean 'encode'?"]),
    ],
)
def test_a_dialect_s_names_are_checked(tmp_path: Path, source: str, complaints: list[str]) -> None:
    file = tmp_path / "dialects" / "d.py"
    file.parent.mkdir()
    file.write_text(source, encoding="utf-8")
    if not complaints:
        assert set(load([tmp_path], []).dialects) == {"d"}
        return
    with pytest.raises(PluginError) as caught:
        load([tmp_path], [])
    assert len(caught.value.complaints) == len(complaints)
    for line, wanted in zip(caught.value.complaints, complaints, strict=True):
        assert line.startswith(f"{file}: {wanted}")
