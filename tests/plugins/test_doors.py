"""The names a dialect must have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from koci_proxy.plugins import PluginError, doors, load

README = Path(__file__).parents[2] / "plugins" / "README.md"
VENDOR = "def encode(job, target): ...\ndef decode(reply, job, target): ...\n"
DOOR = (
    "def schema(call): ...\ndef parse(call): ...\ndef render(result, job): ...\ndef fail(fault): ...\n"
    "def frame(event, job): ...\ndef fail_frame(fault, job): ...\ndef catalogue(names, listing): ...\n"
    "KEEP_ALIVE = b''\nEND = b''\nDELIVER = 'url'\n"
)
JOBS = (
    "def accepted(state): ...\ndef progress(state): ...\ndef story(state): ...\n"
    "def listed(states, lookup, more): ...\ndef deleted(state): ...\n"
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
        (DOOR + JOBS, []),
        (VENDOR + "def poll(ticket, job, target): ...\ndef cancel(ticket, job, target): ...", []),
        (DOOR + "def history(): ...\ndef send(): ...\ndef stories(): ...\ndef progress_text(): ...", []),
        (DOOR + "def delete(): ...", ["no name 'delete' in a dialect — did you mean 'deleted'?"]),
        (DOOR + "KEY_LESS = ()", ["no name 'KEY_LESS' in a dialect — did you mean 'KEYLESS'?"]),
        (
            DOOR + JOBS.replace("accepted", "acepted").replace("story", "stroy"),
            [
                "no name 'acepted' in a dialect — did you mean 'accepted'?",
                "no name 'stroy' in a dialect — did you mean 'story'?",
            ],
        ),
        (VENDOR + "def cancle(): ...", ["no name 'cancle' in a dialect — did you mean 'cancel'?"]),
        (VENDOR + "def delete(): ...\ndef accepted(job_id, job): ...", []),  # it faces no app
        (
            DOOR + "def accepted(job_id, job): ...\ndef progress(state, job_id, job): ...",
            [
                "accepted(job_id, job) cannot be called with (state)",
                "progress(state, job_id, job) cannot be called with (state)",
            ],
        ),
        (DOOR + "def listed(states, *more): ...\ndef deleted(state, why=''): ...", []),
        (
            VENDOR.replace("job, target): ...", "job): ...", 1) + "def cancel(ticket): ...",
            [
                "encode(job) cannot be called with (job, target)",
                "cancel(ticket) cannot be called with (ticket, job, target)",
            ],
        ),
        (DOOR.replace("def fail(", "async def fail("), ["fail must be a plain function"]),
        (DOOR + "story = 1", ["story must be a plain function"]),
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


def test_the_table_of_the_readme_has_every_function() -> None:
    text = README.read_text(encoding="utf-8")
    found = re.findall(r"`(\w+)\(([\w, ]*)\) -> [^`]+`(?=[^|]*\| (?:app|vendor) \|)", text)
    told = {name: tuple(arguments.split(", ")) for name, arguments in found}
    assert told == {name: wanted for calls in doors.CALLS.values() for name, wanted in calls.items()}
