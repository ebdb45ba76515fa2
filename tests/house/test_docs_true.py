"""Docs that are not true fail the build: what they name exists, and what exists they name."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import pytest

from koci_proxy.cli import main
from koci_proxy.config import load, remarks
from koci_proxy.faults import KINDS
from koci_proxy.plugins import HOOKS
from koci_proxy.telemetry import Telemetry

from .prose import SHELL, blocks, commands, inline, links, manual, pages, rows
from .tree import ROOT, called, files, text

SCHEMAS = files("schemas", suffix=".json")
README = text(ROOT / "README.md")
PROGRAM: click.Command = main


def test_the_first_two_commands_of_the_readme() -> None:
    assert blocks(README, {"sh"})[:2] == ["./scripts/serve\n", "./scripts/test\n"]


@pytest.mark.parametrize("name", ["serve", "test", "check", "fix", "bench", "lock"])
def test_the_scripts_can_be_run(name: str) -> None:
    path = ROOT / "scripts" / name
    assert path.stat().st_mode & 0o111
    assert text(path).startswith("#!/bin/sh\n")


def test_serve_stays_where_it_is_called(tmp_path: Path) -> None:
    checkout, folder = tmp_path / "checkout", tmp_path / "house"
    folder.mkdir()
    for name in ("scripts", "requirements"):
        shutil.copytree(ROOT / name, checkout / name)
    shutil.copy(ROOT / "pyproject.toml", checkout)
    for name in ("python", "koci-proxy"):
        program = checkout / ".venv" / "bin" / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text('#!/bin/sh\necho "$PWD" "$@"\n', encoding="utf-8")
        program.chmod(0o755)
    lock = 'cd "$1"; . scripts/_setup; state run >.venv/koci-lock'
    subprocess.run(["sh", "-c", lock, f"{checkout}/scripts/x", str(checkout)], check=True)
    serve = [str(checkout / "scripts" / "serve"), "-c", "routes.yaml"]
    said = subprocess.run(serve, cwd=folder, capture_output=True, text=True, check=True).stdout
    assert said == f"{folder} serve -c routes.yaml\n"


def test_hooks() -> None:
    named = set(re.findall(r"\bon_[a-z]+", text(ROOT / "plugins" / "README.md")))
    assert named == set(HOOKS)


def test_keys_of_routes_yaml() -> None:
    keys = json.loads(text(ROOT / "schemas" / "routes.json"))["properties"]
    words = {word for code in inline(manual()) for word in re.findall(r"[a-z_]+", code)}
    assert not sorted(keys.keys() - words), "keys of routes.yaml that no page explains"


def test_faults() -> None:
    table = {row[0]: row[1:3] for row in rows(text(ROOT / "docs" / "faults.md")) if row[0] in KINDS}
    assert table == {name: [kind.blame, str(kind.status)] for name, kind in KINDS.items()}


def walk(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with its words; a group that can be run by itself counts too."""
    if not isinstance(command, click.Group) or command.invoke_without_command:
        yield path, command
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from walk(child, (*path, name))


def resolve(words: list[str]) -> tuple[tuple[str, ...], click.Command]:
    """The command that some words name, and its path."""
    command = PROGRAM
    path: tuple[str, ...] = ()
    for word in words:
        child = command.commands.get(word) if isinstance(command, click.Group) else None
        if child is None:
            break
        command, path = child, (*path, word)
    return path, command


COMMANDS = dict(walk(PROGRAM))
SAID = [(called(page), said) for page in pages() for said in commands(text(page), "koci-proxy")]


def test_commands_that_docs_name_exist() -> None:
    wrong = [
        f"{page}: koci-proxy {said}"
        for page, said in SAID
        if not said.startswith("--") and resolve(said.split())[0] not in COMMANDS
    ]
    assert not wrong, "\n".join(wrong)


def test_options_that_docs_name_exist() -> None:
    wrong = []
    for page, said in SAID:
        _, command = resolve(said.split())
        options = {name for parameter in command.params for name in parameter.opts} | {"--help", "--version"}
        wrong += [
            f"{page}: koci-proxy {said}" for word in re.findall(r"(?<=\s)--?[a-z][a-z-]*", said) if word not in options
        ]
    assert not wrong, "\n".join(wrong)


def test_every_command_is_documented() -> None:
    named = {resolve(said.split())[0] for said in commands(manual(), "koci-proxy")}
    assert not sorted(COMMANDS.keys() - named)


def properties(schema: Any, where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every property of a JSON Schema with its path, wherever it stands."""
    if not isinstance(schema, dict):
        return
    for group in ("properties", "patternProperties"):
        for name, child in schema.get(group, {}).items():
            yield f"{where}.{name}", child if isinstance(child, dict) else {}
            yield from properties(child, f"{where}.{name}")
    for group in ("definitions", "$defs", "dependentSchemas"):
        for name, child in schema.get(group, {}).items():
            yield from properties(child, f"{where}#{name}")
    for group in ("allOf", "anyOf", "oneOf", "prefixItems"):
        for child in schema.get(group, []):
            yield from properties(child, where)
    for group in ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"):
        yield from properties(schema.get(group), where)


def described(schema: Mapping[str, Any], whole: Mapping[str, Any]) -> bool:
    """Whether a property, or the definition it points to, has a description."""
    if str(schema.get("description", "")).strip():
        return True
    found: Any = whole
    for step in str(schema.get("$ref", "")).removeprefix("#/").split("/"):
        found = found.get(step, {}) if isinstance(found, dict) else {}
    return found is not whole and bool(str(found.get("description", "")).strip())


@pytest.mark.parametrize("path", SCHEMAS, ids=called)
def test_every_property_of_a_schema_is_described(path: Path) -> None:
    whole = json.loads(text(path))
    assert not [where for where, schema in properties(whole, path.stem) if not described(schema, whole)]


def test_models_that_examples_ask_for_are_those_of_the_shipped_house() -> None:
    house = load(ROOT / "routes.yaml", {})
    examples = [(called(page), block) for page in pages() for block in blocks(text(page), {"python", *SHELL})]
    asked = re.compile(r"""\bmodel["']?\s*[=:]\s*["']?(?P<field>[\w.-]+)|/models/(?P<path>[\w.-]+)""")
    names = [(page, hit["field"] or hit["path"]) for page, block in examples for hit in asked.finditer(block)]
    assert names
    assert not sorted({(page, name) for page, name in names if name not in {*house.models, *house.aliases}})


def test_metrics() -> None:
    told = {row[0]: set(re.findall(r"\w+", row[1])) for row in rows(text(ROOT / "docs" / "routes.md"))}
    telemetry = Telemetry()
    telemetry.request("openai", "picture", 200, 1.0, 1)
    telemetry.vendor_call("openai", "ok", 1.0)
    telemetry.reload(True)
    lines = [line for line in telemetry.render()[0].decode().splitlines() if not line.startswith("#")]
    sent: dict[str, set[str]] = {}
    for name, labels in re.findall(r"^(koci_\w+?)(?:_bucket|_count|_sum)?(?:{(.*)})? ", "\n".join(lines), re.M):
        sent.setdefault(name, set()).update(set(re.findall(r"(\w+)=", labels)) - {"le"})
    assert sent == {name: labels for name, labels in told.items() if name.startswith("koci_")}


def test_the_house_on_real_vendors_of_the_readme(tmp_path: Path) -> None:
    (example,) = [block for block in blocks(README, {"yaml"}) if "models:" in block]
    path = tmp_path / "routes.yaml"
    path.write_text("platforms: {openai: openai}\n" + example, encoding="utf-8")
    keys = dict.fromkeys(re.findall(r"\$\{(\w+)\}", example), "a-key-of-twenty-letters")
    assert list(remarks(path, load(path, keys))) == []


def headers(source: str) -> set[str]:
    return set(re.findall(r"(?i)x-koci-[a-z]+(?:-[a-z]+)*", source.lower()))


def test_response_headers() -> None:
    code = files("koci_proxy", "plugins")
    sent = headers("\n".join(text(path) for path in code if "sandbox" not in path.relative_to(ROOT).parts))
    assert sent, "no header of ours is sent any more"
    assert sent == headers(manual())


@pytest.mark.parametrize("page", pages(), ids=called)
def test_links_lead_somewhere(page: Path) -> None:
    local = [link for link in links(text(page)) if not re.match(r"[a-z]+:|#", link)]
    assert not [link for link in local if not (page.parent / link.partition("#")[0]).exists()]


def test_every_page_can_be_reached() -> None:
    linked = {(page.parent / link.partition("#")[0]).resolve() for page in pages() for link in links(text(page))}
    assert not [called(page) for page in files("docs", suffix=".md") if page.resolve() not in linked]
