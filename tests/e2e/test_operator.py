"""What an operator has: health, metrics, the admin pages, and the commands against a house that runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from .conftest import ROUTES
from .processes import House, Sandbox, proxy

ADMIN = ["/admin/status", "/admin/explain"]


def koci(house: House, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "koci_proxy", *words]
    return subprocess.run(command, cwd=house.folder, capture_output=True, text=True, check=False)


def ask(house: House, key: str) -> int:
    body = {"model": "via-openai", "prompt": "bench:small"}
    headers = {"authorization": f"Bearer {key}"}
    return httpx.post(f"{house.url}/openai/v1/images/generations", json=body, headers=headers).status_code


@pytest.mark.sockets
def test_health_and_metrics(house: House) -> None:
    assert httpx.get(f"{house.url}/healthz").text == "ok\n"
    assert httpx.get(f"{house.url}/readyz").status_code == 200
    assert ask(house, house.key) == 200
    metrics = httpx.get(f"{house.url}/metrics").text
    assert "koci_requests_total{" in metrics
    assert "koci_config_good 1.0" in metrics


@pytest.mark.sockets
@pytest.mark.parametrize("path", ADMIN)
def test_admin_pages_need_the_admin_token(house: House, path: str) -> None:
    method = "POST" if path.endswith("explain") else "GET"
    for headers in ({}, {"authorization": f"Bearer {house.key}"}, {"authorization": "Bearer wrong"}):
        assert httpx.request(method, house.url + path, headers=headers, json={}).status_code == 401


@pytest.mark.sockets
def test_explain_says_the_same_on_both_ways_and_shows_no_key(house: House) -> None:
    headers = {"authorization": f"Bearer {house.admin}"}
    asked = {"model": "either", "size": "2K", "ratio": "16:9"}
    page = httpx.post(f"{house.url}/admin/explain", headers=headers, json=asked).json()
    command = koci(house, "explain", "either", "--size", "2K", "--ratio", "16:9", "--json")
    assert command.returncode == 0, command.stderr
    said = json.loads(command.stdout)
    for row in (*page["targets"], *said["targets"]):
        row["request"].pop("url")  # the command knows no running sandbox
    assert said == page
    assert [row["target"] for row in page["targets"]] == ["sandbox-linkai/gpt-image-2", "sandbox-openai/gpt-image-2"]
    assert page["targets"][1]["size"]["sent"] == "2048x1152"
    assert page["targets"][0]["request"]["headers"]["authorization"] == "Bearer ***"


@pytest.mark.sockets
@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ({}, "model"),
        ({"model": "eithr"}, "'either'"),
        ({"model": "either", "n": "x"}, "n"),
        ({"modl": "x"}, "modl"),
        ([], "object"),
    ],
)
def test_explain_refuses_with_a_reason(house: House, asked: object, word: str) -> None:
    headers = {"authorization": f"Bearer {house.admin}"}
    answer = httpx.post(f"{house.url}/admin/explain", headers=headers, json=asked)
    assert answer.status_code in (400, 404)
    assert word in answer.json()["error"]["message"]


@pytest.mark.sockets
def test_a_key_is_made_listed_and_revoked(house: House) -> None:
    made = koci(house, "keys", "new", "shop")
    key = made.stdout.strip()
    assert key.startswith("sk-koci_")
    assert ask(house, key) == 200
    listed = koci(house, "keys", "list").stdout
    assert "shop" in listed
    assert key not in listed
    assert koci(house, "keys", "revoke", "shop").returncode == 0
    assert wait_for(house, key, 401)
    assert koci(house, "keys", "revoke", "nobody").returncode == 1


@pytest.mark.sockets
def test_an_overlap_that_runs_is_not_cut_short_without_a_word(house: House) -> None:
    first = koci(house, "keys", "new", "blog").stdout.strip()
    headers, page = {"authorization": f"Bearer {house.admin}"}, f"{house.url}/admin/keys/blog/rotate"
    second = httpx.post(page, headers=headers, json={"overlap": "1h"}).json()
    refused = httpx.post(page, headers=headers, json={"overlap": "2h"})
    error = refused.json()["error"]
    assert (refused.status_code, error["param"], error["code"]) == (409, "force", "overlap_running")
    assert "was promised to be good until 20" in error["message"]
    assert [ask(house, key) for key in (first, second["key"])] == [200, 200]
    assert httpx.post(page, headers=headers, json={"force": "yes"}).status_code == 400
    third = httpx.post(page, headers=headers, json={"force": True}).json()
    assert wait_for(house, first, 401)
    assert [ask(house, key) for key in (second["key"], third["key"])] == [200, 200]


def wait_for(house: House, key: str, status: int) -> bool:
    """A revoked key is dead within a second: as many askings as fit in ten are far more than that."""
    return any(ask(house, key) == status for _ in range(2000))


@pytest.mark.sockets
def test_commands(house: House) -> None:
    assert "good" in koci(house, "check").stdout
    assert "via-gemini" in koci(house, "models").stdout
    assert "size" in koci(house, "plugins").stdout
    unknown = koci(house, "explain", "via-openal")
    assert unknown.returncode == 1
    assert "did you mean 'via-openai'" in unknown.stderr


@pytest.mark.sockets
def test_a_key_can_be_revoked_while_the_house_is_broken(vendor: Sandbox, tmp_path: Path) -> None:
    with proxy(tmp_path, vendor, ROUTES) as house:
        key = koci(house, "keys", "new", "leaked").stdout.strip()
        (house.folder / "routes.yaml").write_text(ROUTES + "limitz: {}\n", encoding="utf-8")
        revoked = koci(house, "keys", "revoke", "leaked")
        assert revoked.returncode == 0, revoked.stderr
        assert "has faults" in revoked.stderr
        assert wait_for(house, key, 401)


@pytest.mark.sockets
def test_a_key_can_be_revoked_while_routes_yaml_is_no_yaml(vendor: Sandbox, tmp_path: Path) -> None:
    with proxy(tmp_path, vendor, f"state: sqlite:///elsewhere/koci.db\n{ROUTES}") as house:
        key = koci(house, "keys", "new", "leaked").stdout.strip()
        assert ask(house, key) == 200
        routes = (house.folder / "routes.yaml").read_text(encoding="utf-8")
        (house.folder / "routes.yaml").write_text(routes + "limits: {per_minute: 60\n", encoding="utf-8")
        revoked = koci(house, "keys", "revoke", "leaked")
        assert revoked.returncode == 0, revoked.stderr
        assert wait_for(house, key, 401)


@pytest.mark.sockets
@pytest.mark.parametrize(
    ("words", "says"), [(("keys", "new", ""), "a key needs a name"), (("keys", "revoke", "x" * 99), "no live key")]
)
def test_wrong_key_commands_are_one_line(house: House, words: tuple[str, ...], says: str) -> None:
    told = koci(house, *words)
    assert told.returncode == 1
    assert says in told.stderr
    assert "Traceback" not in told.stderr
