"""The gateways of the bench: entries from files, and what stands in for their placeholders."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bench.gateways import Gateway, Prepared, koci, missing, naive, nginx, read
from bench.scenarios import SCENARIOS, models, picked

ENTRY = """
name: other
command: [other, --port, "{port}"]
model: openai/{model}
scenarios: [small]
"""


def test_a_gateway_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(ENTRY)
    found = read(path)
    assert found.command == ("other", "--port", "{port}")
    assert not found.checked
    small, *others = SCENARIOS
    assert found.told(small) == "openai/small"
    assert found.does(small)
    assert not any(found.does(one) for one in others if "small" not in one.name)
    assert "there is no other" in missing(found)


@pytest.mark.parametrize("text", ["name: other\n", "- a list\n", ENTRY + "comand: [x]\n"])
def test_a_wrong_file_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match="needs name and command"):
        read(path)


def test_placeholders_are_filled_and_other_braces_stay() -> None:
    made = Prepared(Gateway("a", ()), Path("/first"), "http://127.0.0.1:9", "key")
    text = "{port} {vendor} {host} {folder} {secret} { server {x} }"
    assert made.filled(text, 8, Path("/f")) == "8 http://127.0.0.1:9 127.0.0.1:9 /f key { server {x} }"


def test_our_routes_name_every_model() -> None:
    files = koci().files
    routes = yaml.safe_load(files["routes.yaml"])
    assert set(routes["models"]) == set(models())
    for facts in routes["models"].values():
        provider, _, model = facts["to"].partition("/")
        assert facts["price"] > 0
        assert model in yaml.safe_load(files[f"providers/{provider}.yaml"])["models"]


def test_a_copying_gateway_is_asked_for_what_costs_the_same_bytes() -> None:
    (linked,) = (one for one in SCENARIOS if one.copied)
    assert (nginx().told(linked), naive().told(linked)) == ("b64-24", "url-24")


def test_families_share_a_process_least_in_flight_first() -> None:
    families = picked("", quick=False)
    assert sum(map(len, families)) == len(SCENARIOS)
    for family in families:
        assert [one.in_flight for one in family] == sorted(one.in_flight for one in family)
    assert 0 < sum(map(len, picked("", quick=True))) < len(SCENARIOS)
    assert [one.family for one in picked("waiting 10", quick=False)[0]] == ["waiting 10 s"]
