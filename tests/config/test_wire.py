"""What a provider's file says to its dialect: held against `schemas/wire/<dialect>.json` where there is one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from koci_proxy import routing
from koci_proxy.config import load, shipped, yaml
from koci_proxy.types import Job

from .conftest import ENVIRON, Write, complaints

HEAD = "dialect: declarative\nurl: https://api.acme.example/v1\nmodels: {paint: gpt-image-2}\n"
ROUTES = "platforms: {openai: openai}\nkeys: {acme: sk-1}\nmodels: {pic: acme/paint}\n"
SIZES = ("size", "width", "height", "tier", "ratio")
WIRES = [
    ("", "1:1: wire: 'request' is missing"),
    ("wire: {request: {}}", "4:8: wire.request: 'path' is missing"),
    ("wire: {request: {path: x}, anser: {}}", "4:28: wire.anser: unknown key — did you mean 'answer'?"),
    (
        "wire: {request: {path: x, body: {json: {p: '{promt}'}}}}",
        "4:44: wire.request.body.json.p: there is no placeholder {promt} here — did you mean 'prompt'?",
    ),
    (
        "wire: {request: {path: x, body: {json: {p: [{q: '{images.base63}'}]}}}}",
        "4:49: wire.request.body.json.p[0].q: there is no placeholder {images.base63} here — "
        "did you mean 'images.base64'?",
    ),
    (
        "wire: {request: {path: '{modle}'}}",
        "4:24: wire.request.path: there is no placeholder {modle} here — did you mean 'model'?",
    ),
    (
        "wire: {request: {path: x, body: {json: {p: {prompt}}}}}",
        "4:51: wire.request.body.json.p.prompt: must be text, a number, true or false, a map or a list, not nothing "
        "(text that begins with a brace needs quotes: '{prompt}')",
    ),
    (
        "wire: {request: {path: x, body: {json: {p: '{prompt'}}}}",
        "4:44: wire.request.body.json.p: '{' has no other end (a brace that means itself is written twice)",
    ),
    (
        "wire: {request: {path: x, body: {json: {}, form: {}}}}",
        "4:33: wire.request.body: must be one name with its options",
    ),
    (
        "wire: {request: {path: x}, poll: {path: y, ticket: id}}",
        "4:28: wire.poll: 'done' is missing",
    ),
    (
        "wire: {request: {path: x}, poll: {path: '{tiket}', ticket: id, done: {path: a}}}",
        "4:41: wire.poll.path: there is no placeholder {tiket} here — did you mean 'ticket'?",
    ),
    (
        "wire: {request: {path: x}, models: {pain: {}}}",
        "4:37: wire.models.pain: is none of its models — did you mean 'paint'?",
    ),
    ("wire: {request: {path: x}, map: {teir: {}}}", "4:34: wire.map.teir: unknown key — did you mean 'tier'?"),
    (
        "wire: {request: {path: x, body: {json: {p: [{q: '{size} {tier|1K}'}]}}}}",
        "4:49: wire.request.body.json.p[0].q: {tier} never has a value: its cards say wire: pixels, which fills "
        "{size}, {width}, {height}",
    ),
    (
        "wire: {request: {path: x}, models: {paint: {request: {query: {p: '{ratio}'}}}}}",
        "4:66: wire.models.paint.request.query.p: {ratio} never has a value: its cards say wire: pixels, which fills "
        "{size}, {width}, {height}",
    ),
    (
        "wire: {request: {path: x}, speaks: opnai}",
        "4:36: wire.speaks: unknown dialect 'opnai' — did you mean 'openai'?",
    ),
]


@pytest.mark.parametrize(("wire", "complaint"), WIRES)
def test_a_wrong_wire(wire: str, complaint: str, write: Write) -> None:
    path = write(
        {"routes.yaml": ROUTES, "providers/acme.yaml": HEAD + wire + "\n", "plugins/dialects/declarative.py": ""}
    )
    assert complaints(path) == [f"providers/acme.yaml:{complaint}"]


FORM = "wire: {request: {path: x, body: {KIND: {p: '{NAME}'}}}}\n"


@pytest.mark.parametrize(
    ("kind", "name", "good"),
    [
        ("json", "image.base64", True),
        ("json", "options.anything", True),
        ("multipart", "image", True),
        ("multipart", "image.base64", False),
        ("form", "prompt", True),
        ("form", "image", False),
        ("json", "ticket", False),
    ],
)
def test_where_a_placeholder_may_stand(kind: str, name: str, good: bool, write: Write) -> None:
    path = write(
        {"routes.yaml": ROUTES, "providers/acme.yaml": HEAD + FORM.replace("KIND", kind).replace("NAME", name)}
    )
    if good:
        assert load(path, ENVIRON).providers["acme"].wire["request"]["body"] == {kind: {"p": f"{{{name}}}"}}
    else:
        assert "there is no placeholder" in complaints(path)[0]


@pytest.mark.parametrize(
    ("wires", "never"),
    [
        (["pixels"], {"tier", "ratio"}),
        (["tier_ratio"], {"size", "width", "height"}),
        (["ratio"], {"size", "width", "height", "tier"}),
        (["none"], {"size", "width", "height", "tier", "ratio"}),
        (["ratio", "pixels"], {"tier"}),
        (["tier_ratio", "pixels", "none"], set()),
    ],
)
def test_one_of_a_file_s_cards_fills_each_size_it_sends(wires: list[str], never: set[str], write: Write) -> None:
    request = {"path": "x", "body": {"json": {name: f"{{{name}}}" for name in SIZES}}}
    models = {f"m{at}": f"card{at}" for at, _ in enumerate(wires)}
    provider = HEAD.replace("{paint: gpt-image-2}", json.dumps(models)) + f"wire: {json.dumps({'request': request})}\n"
    cards = {f"providers/cards/card{at}.yaml": f"size: {{wire: {wire}}}\n" for at, wire in enumerate(wires)}
    path = write({"routes.yaml": ROUTES.replace("paint", "m0"), "providers/acme.yaml": provider, **cards})
    if never:
        assert {line.split("wire.request.body.json.")[1].split(":")[0] for line in complaints(path)} == never
    else:
        assert load(path, ENVIRON).providers["acme"].wire["request"] == request


def test_a_plugin_may_bring_a_schema_of_its_own(write: Write) -> None:
    schema = '{"type": "object", "properties": {"mode": {"enum": ["sync", "async"]}}, "additionalProperties": false}'
    files = {
        "routes.yaml": ROUTES,
        "providers/acme.yaml": HEAD.replace("declarative", "mine") + "wire: {mode: asink}\n",
        "plugins/dialects/mine.py": "",
    }
    assert load(write(files), ENVIRON).providers["acme"].wire == {"mode": "asink"}
    path = write({"schemas/wire/mine.json": schema})
    assert complaints(path) == [
        "providers/acme.yaml:4:14: wire.mode: 'asink' is not known here — did you mean 'async'?"
    ]
    path = write({"schemas/wire/mine.json": '{"type": 5}'})
    assert complaints(path)[0].startswith("providers/acme.yaml:4:1: wire: its schema mine.json is none: 5 is not")


def test_a_variable_in_it_is_a_secret_and_never_shown(write: Write) -> None:
    wire = "wire: {request: {path: x, headers: {X-Team: '${TEAM}'}}}\n"
    path = write({"routes.yaml": ROUTES, "providers/acme.yaml": HEAD + wire})
    assert "team-secret" in load(path, {"TEAM": "team-secret"}).secrets
    assert load(path, {"TEAM": "team-secret"}).providers["acme"].wire["request"]["headers"]["X-Team"] == "team-secret"
    path = write({"providers/acme.yaml": HEAD + wire})
    with pytest.raises(ValueError, match="holds a brace that is no placeholder") as caught:
        load(path, {"TEAM": "team-{secret"})
    assert "secret" not in str(caught.value)


def test_the_page_has_every_word() -> None:
    schema = json.loads((shipped() / "schemas" / "wire" / "declarative.json").read_text("utf-8"))
    page = (shipped() / "docs" / "declarative.md").read_text("utf-8")
    words, places = set(), set()
    for node in nodes(schema):
        words |= node.get("properties", {}).keys()
        places |= set(node.get("placeholders", []))
    assert {"request", "pictures", "input_tokens"} <= words
    assert {"images.base64", "ticket"} <= places
    assert not {word for word in words if f"`{word}`" not in page} - {"path", "is", "code", "message"}
    assert not {name for name in places if f"`{{{name}}}`" not in page}


def test_the_page_shows_what_loads(write: Write) -> None:
    page = (shipped() / "docs" / "declarative.md").read_text("utf-8")
    whole, tasks, _ = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    for provider in (whole, HEAD + tasks):
        path = write({"routes.yaml": ROUTES, "providers/acme.yaml": provider.replace("paint-1:", "paint:")})
        assert load(path, ENVIRON).providers["acme"].wire["request"]["body"]["json"]["prompt"] == "{prompt}"


def test_two_files_serve_a_vendor_with_an_address_of_its_own_for_edits(write: Write) -> None:
    page = (shipped() / "docs" / "declarative.md").read_text("utf-8")
    shown = yaml.read("declarative.md", re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[-1]).value
    tasks = {"providers/acme.yaml": "generate", "providers/acme-edits.yaml": "edit"}
    for name, task in tasks.items():
        head = HEAD.replace("{paint: gpt-image-2}", f"{{paint-1: only-{task}}}")
        card = f"tasks: [{task}]\ninputs: {{max: 4}}\n"
        write({name: f"{head}wire: {json.dumps(shown[name]['wire'])}\n", f"providers/cards/only-{task}.yaml": card})
    routes = {"platforms": {"openai": "openai"}, **shown["routes.yaml"]}
    house = load(write({"routes.yaml": json.dumps(routes)}), {"ACME": "sk-1"})
    targets = routing.order(house.models["paint"], house.providers, Random(1))
    for task, path in (("generate", "pictures"), ("edit", "edits")):
        (target,), _ = routing.capable(targets, Job("paint", "a fox", task=task), "nearest")  # type: ignore[arg-type]
        assert target.wire["request"]["path"] == path


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every map in a schema."""
    if isinstance(value, (dict, list)):
        if isinstance(value, dict):
            yield value
        for each in value.values() if isinstance(value, dict) else value:
            yield from nodes(each)
