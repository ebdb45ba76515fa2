"""Docs that are not true fail the build: what they name exists, and what exists they name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import pytest

from koci_proxy.cli import main
from koci_proxy.faults import KINDS
from koci_proxy.plugins import HOOKS

from .prose import blocks, commands, inline, links, manual, pages, rows
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
