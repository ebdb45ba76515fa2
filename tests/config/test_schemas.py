"""The JSON Schemas of the YAML files: sound, described throughout, and in step with the code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, get_args

import pytest
from jsonschema import Draft7Validator

from koci_proxy import sizes
from koci_proxy.config import shipped
from koci_proxy.facts import Card, House, InputRules, SizeRules
from koci_proxy.faults import KINDS
from koci_proxy.types import Job, Role

NAMES = ("routes", "provider", "card", "wire/declarative")


def schema(name: str) -> Any:
    return json.loads((shipped() / "schemas" / f"{name}.json").read_text("utf-8"))


def nodes(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every schema in a schema."""
    yield path, node
    for word in ("properties", "definitions"):
        for name, inner in node.get(word, {}).items():
            yield from nodes(inner, f"{path}.{name}")
    for word in ("items", "additionalProperties"):
        if isinstance(node.get(word), dict):
            yield from nodes(node[word], f"{path}.{word}")
    for word in ("anyOf", "allOf"):
        for number, inner in enumerate(node.get(word, [])):
            yield from nodes(inner, f"{path}.{word}{number}")


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_schema_of_draft_7(name: str) -> None:
    assert schema(name)["$schema"] == "http://json-schema.org/draft-07/schema#"
    Draft7Validator.check_schema(schema(name))


@pytest.mark.parametrize("name", NAMES)
def test_everything_in_it_is_described(name: str) -> None:
    bare = [path for path, node in nodes(schema(name), name) if "description" not in node and set(node) != {"$ref"}]
    assert bare == []


@pytest.mark.parametrize("name", NAMES)
def test_every_pattern_says_itself_in_words(name: str) -> None:
    text = json.dumps(schema(name))
    assert text.count('"pattern"') == text.count('"patternErrorMessage": "must be ')


@pytest.mark.parametrize("name", NAMES)
def test_no_map_of_ours_takes_words_nobody_knows(name: str) -> None:
    loose = [path for path, node in nodes(schema(name), name) if "properties" in node and node["additionalProperties"]]
    assert loose == []


def test_the_kinds_of_faults_are_those_of_the_code() -> None:
    assert schema("provider")["properties"]["faults"]["items"]["properties"]["kind"]["enum"] == list(KINDS)


def test_the_tiers_are_those_of_the_code() -> None:
    assert schema("card")["definitions"]["tier"]["enum"] == list(sizes.TIERS)
    assert tuple(schema("card")["properties"]["inputs"]["properties"]["roles"]["items"]["enum"]) == get_args(Role)
    assert schema("card")["properties"]["size"]["properties"]["table"]["propertyNames"]["enum"] == list(sizes.TIERS)


def test_a_card_says_what_the_facts_hold() -> None:
    card = schema("card")["properties"]
    renamed = {"seconds": "default_seconds"}
    assert set(card) == {renamed.get(field.name, field.name) for field in fields(Card)} - {"name"}
    assert set(card["size"]["properties"]) == {field.name for field in fields(SizeRules)}
    assert {re.sub("_mb", "_bytes", name) for name in card["inputs"]["properties"]} == {
        f.name for f in fields(InputRules)
    }


def test_what_is_set_and_taken_are_fields_of_a_job() -> None:
    job = {field.name for field in fields(Job)}
    fixed = set(schema("routes")["definitions"]["model"]["properties"]["set"]["properties"])
    assert fixed - {"size"} == set(schema("card")["properties"]["takes"]["properties"])
    assert fixed <= job


def test_every_decision_of_a_house_can_be_written() -> None:
    renamed = {"size_policy": "sizes"}
    decided = {renamed.get(field.name, field.name) for field in fields(House)} - {"providers", "secrets"}
    decided -= {"defaults"}  # written under `platforms`
    assert decided | {"transforms"} == set(schema("routes")["properties"])
