"""The operator's pages on keys, credits and the log: two processes on one database, and apps that use the keys."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.postgres import postgres

from .processes import House, Sandbox, lines_until, process, proxy

pytestmark = pytest.mark.sockets
TOKEN = "uT4-qkZ9vX_2mWc7Rb1Nw8Ys3"
ROUTES = """
platforms: {openai: openai, linkai: linkai}
models:
  picture: {price: 4, to: sandbox-openai/gpt-image-2}
  other: {price: 0.5, to: sandbox-linkai/gpt-image-2}
aliases: {image: picture}
admin: ${file:token}
limits: {at_once: 50}
"""
TRUST = 1.0


@dataclass(frozen=True, slots=True)
class Office:
    """Two processes on one database, and whoever runs them."""

    house: House
    second: str

    def ask(self, method: str, path: str, body: Any = None, *, token: str = "", **more: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {token or self.house.admin}", **more.pop("headers", {})}
        return httpx.request(method, self.house.url + path, json=body, headers=headers, timeout=60, **more)

    def get(self, path: str, body: Any = None, method: str = "GET") -> Any:
        """What a page answers that must go well."""
        answer = self.ask(method, path, body)
        assert answer.is_success, answer.text
        return answer.json()

    def new(self, name: str, **bound: Any) -> tuple[str, str]:
        """A new key and its id."""
        made = self.get("/admin/keys", {"name": name, **bound}, "POST")
        return made["key"], made["id"]


@pytest.fixture(scope="module")
def office(vendor: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with postgres() as url:
        routes = f"{ROUTES}state: {json.dumps(url)}\n"
        first, second = (tmp_path_factory.mktemp(name) for name in ("first", "second"))
        for folder in (first, second):
            (folder / "token").write_text(TOKEN, encoding="utf-8")
        with proxy(first, vendor, routes, TOKEN) as house, beside(second, vendor, routes) as elsewhere:
            yield Office(house, elsewhere)


@contextmanager
def beside(folder: Path, vendor: Sandbox, routes: str) -> Iterator[str]:
    """One more process on a database that another one has opened already: its URL."""
    (folder / "routes.yaml").write_text(routes, encoding="utf-8")
    with process("serve", "--port", "0", "--sandbox", vendor.url, cwd=folder) as child:
        found = re.search(r"serving on (\S+)", lines_until(child, r"serving on")[-1])
        assert found
        yield found[1]


def picture(url: str, key: str, model: str = "picture", platform: str = "openai", **more: Any) -> httpx.Response:
    body = {"model": model, "prompt": "bench:small", **more}
    headers = {"authorization": f"Bearer {key}"}
    return httpx.post(f"{url}/{platform}/v1/images/generations", json=body, headers=headers, timeout=60)


def models(url: str, key: str, platform: str = "openai") -> int:
    """The status of a cheap request."""
    return httpx.get(f"{url}/{platform}/v1/models", headers={"authorization": f"Bearer {key}"}).status_code


def message(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["message"])


PAGES = [
    ("GET", "/admin/keys"),
    ("POST", "/admin/keys"),
    ("GET", "/admin/keys/first"),
    ("PATCH", "/admin/keys/first"),
    ("DELETE", "/admin/keys/first"),
    ("POST", "/admin/keys/first/rotate"),
    ("GET", "/admin/keys/first/credits"),
    ("POST", "/admin/keys/first/credits"),
    ("GET", "/admin/keys/first/statement"),
    ("GET", "/admin/credits/check"),
    ("GET", "/admin/log"),
]


@pytest.mark.parametrize(("method", "path"), PAGES)
def test_no_page_without_an_admin_token(method: str, path: str, office: Office) -> None:
    for token in (office.house.key, "wrong", TOKEN[:-1], TOKEN + "x", "sk-koci_" + "a" * 43):
        answer = office.ask(method, path, {}, token=token)
        assert answer.status_code == 401, path
        assert "admin token" in message(answer)
    assert httpx.request(method, office.house.url + path).status_code == 401
    assert httpx.request(method, f"{office.house.url}{path}?key={TOKEN}").status_code == 401
    assert office.ask("GET", "/admin/keys/first").json()["state"] == "live"


def test_the_token_of_routes_yaml_opens_them_as_well(office: Office) -> None:
    assert office.ask("GET", "/admin/keys", token=TOKEN).status_code == 200
    assert office.ask("GET", "/admin/status", token=TOKEN).status_code == 200
    assert TOKEN not in office.ask("GET", "/admin/status", token=TOKEN).text


def test_a_key_is_made_and_shown_once(office: Office) -> None:
    asked: dict[str, Any] = {
        "name": "made",
        "owner": "Ann",
        "expires_at": "30d",
        "models": ["picture"],
        "platforms": ["openai"],
    }
    asked |= {"limits": {"per_minute": 600, "credits_per_day": 0.5}, "credits": "12.5"}
    answer = office.ask("POST", "/admin/keys", asked)
    made = answer.json()
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    key = made.pop("key")
    assert key.startswith("sk-koci_")
    assert (made["object"], made["kind"], made["name"], made["owner"], made["state"]) == (
        "key",
        "app",
        "made",
        "Ann",
        "live",
    )
    assert abs(made["expires_at"] - time.time() - 30 * 86_400) < 60
    assert (made["models"], made["platforms"]) == (["picture"], ["openai"])
    assert made["limits"] == {"per_minute": 600, "credits_per_day": "0.5"}
    assert made["credits"] == {"limited": True, "balance": "12.5", "held": "0", "spent_today": "0"}
    assert made == office.get(f"/admin/keys/{made['id']}") == office.get("/admin/keys/made")
    every = office.ask("GET", "/admin/keys").text
    assert made in json.loads(every)["data"]
    assert key not in every


def test_it_may_do_what_it_may_and_no_more(office: Office) -> None:
    key, id = office.new("bound", models=["picture"], platforms=["openai"])
    assert picture(office.house.url, key).status_code == 200
    assert picture(office.house.url, key, "image").status_code == 200
    elsewhere = picture(office.house.url, key, "other")
    assert (elsewhere.status_code, elsewhere.json()["error"]["code"]) == (403, "model_not_allowed")
    assert picture(office.house.url, key, platform="linkai").status_code == 403
    office.get(f"/admin/keys/{id}", {"models": None, "platforms": ["linkai", "openai"]}, "PATCH")
    assert soon(200, lambda: picture(office.house.url, key, "other").status_code)
    assert soon(200, lambda: models(office.second, key, "linkai"))


def soon(wanted: int, asked: Callable[[], Any]) -> bool:
    """Whether something is so within the time that a key is taken for granted."""
    end = time.monotonic() + TRUST
    while True:
        began = time.monotonic()
        if asked() == wanted:
            return True
        if began > end:
            return False


def test_a_changed_limit_takes_hold(office: Office) -> None:
    key, id = office.new("paced")
    assert picture(office.second, key).status_code == 200
    changed = office.get(f"/admin/keys/{id}", {"limits": {"per_minute": 1, "at_once": 3}, "owner": "Bob"}, "PATCH")
    assert (changed["limits"], changed["owner"]) == ({"per_minute": 1, "at_once": 3}, "Bob")
    mine = {"authorization": f"Bearer {key}"}
    assert soon(1, lambda: httpx.get(f"{office.second}/v1/credits", headers=mine).json()["limits"].get("per_minute"))
    assert [picture(office.second, key).status_code for _ in range(2)] == [200, 429]
    changed = office.get(f"/admin/keys/{id}", {"limits": {"per_minute": None}}, "PATCH")
    assert changed["limits"] == {"at_once": 3}
    assert soon(200, lambda: picture(office.second, key).status_code)
    assert office.get(f"/admin/keys/{id}", {"limits": None}, "PATCH")["limits"] == {}


def test_the_old_key_is_good_for_as_long_as_it_was_said(office: Office) -> None:
    old, id = office.new("turned")
    answer = office.ask("POST", f"/admin/keys/{id}/rotate", {"overlap": "1h"})
    turned = answer.json()
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert (turned["id"], turned["state"]) == (id, "rotated")
    assert abs(turned["old_until"] - time.time() - 3600) < 60
    new = turned["key"]
    assert [models(url, key) for url in (office.house.url, office.second) for key in (old, new)] == [200] * 4
    newest = office.get(f"/admin/keys/{id}/rotate", {"overlap": 0, "force": True}, "POST")
    assert newest["state"] == "live"
    dead_within_a_second(office, old, new)
    assert models(office.second, newest["key"]) == 200


def test_a_revoked_key_is_dead_within_a_second_everywhere(office: Office) -> None:
    key, id = office.new("leaked")
    assert models(office.house.url, key) == models(office.second, key) == 200
    revoked = office.get(f"/admin/keys/{id}", method="DELETE")
    dead_within_a_second(office, key)
    assert revoked["state"] == "revoked"
    assert abs(revoked["revoked_at"] - time.time()) < 60
    assert office.ask("DELETE", f"/admin/keys/{id}").status_code == 404
    assert office.get(f"/admin/keys/{id}")["state"] == "revoked"
    assert office.ask("POST", f"/admin/keys/{id}/rotate").status_code == 404
    assert office.ask("PATCH", f"/admin/keys/{id}", {"owner": "x"}).status_code == 404


def dead_within_a_second(office: Office, *keys: str) -> None:
    """No request that begins a second later is let in, and each of the keys stays dead."""
    end = time.monotonic() + TRUST
    for url in (office.house.url, office.second):
        for key in keys:
            while True:
                began = time.monotonic()
                if models(url, key) == 401:
                    break
                assert began < end, f"{url} took it later than that"
            assert models(url, key) == 401


def test_credits_are_given_spent_and_accounted_for(office: Office) -> None:
    key, id = office.new("payer", credits=4.5)
    assert [picture(office.second, key).status_code for _ in range(2)] == [200, 402]
    page = f"/admin/keys/{id}/credits"
    account = {"object": "credits", "key": id, "limited": True, "balance": "0.5", "held": "0", "spent_today": "4"}
    assert office.get(page) == account
    assert office.get(page, {"top_up": 10, "note": "invoice 7"}, "POST")["balance"] == "10.5"
    assert office.get(page, {"adjust": "-2.5"}, "POST")["balance"] == "8"
    mine = {"authorization": f"Bearer {key}"}
    own = httpx.get(f"{office.second}/v1/credits", headers=mine).json()
    assert own == account | {"balance": "8", "limits": {"at_once": 50}}
    statement = office.get(f"/admin/keys/{id}/statement")
    told = [(line["kind"], line["credits"], line["pictures"], line["note"]) for line in statement["data"]]
    assert told == [
        ("adjust", "-2.5", 0, ""),
        ("top_up", "10", 0, "invoice 7"),
        ("charge", "-4", 1, ""),
        ("top_up", "4.5", 0, "with the key"),
    ]
    assert statement["data"][2]["model"] == "picture"
    assert statement == httpx.get(f"{office.second}/v1/credits/statement", headers=mine).json()
    pages = [office.get(f"/admin/keys/{id}/statement?limit=3")]
    pages.append(office.get(f"/admin/keys/{id}/statement?limit=3&after={pages[0]['data'][-1]['number']}"))
    assert [page["has_more"] for page in pages] == [True, False]
    assert [line for page in pages for line in page["data"]] == statement["data"]
    assert office.get(f"/admin/keys/{id}/statement?until=1h")["data"] == []
    assert office.get(page, {"unlimit": True}, "POST")["limited"] is False
    assert picture(office.second, key, n=3).status_code == 200
    assert office.get(page)["balance"] == "-4"
    check = office.get("/admin/credits/check")
    assert (check["balanced"], check["wrong"], check["stale"]) == (True, [], [])


def test_a_statement_as_csv(office: Office) -> None:
    _, id = office.new("csv", credits=4)
    answer = office.ask("GET", f"/admin/keys/{id}/statement", headers={"accept": "text/csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    assert f"statement-{id}.csv" in answer.headers["content-disposition"]
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert (row["owner"], row["kind"], row["credits"]) == (id, "top_up", "4")


def test_nobody_sees_the_credits_of_others(office: Office) -> None:
    for path in ("/v1/credits", "/v1/credits/statement"):
        assert httpx.get(office.house.url + path).status_code == 401
        assert (
            httpx.get(office.house.url + path, headers={"authorization": f"Bearer {office.house.admin}"}).status_code
            == 401
        )
    key, id = office.new("alone")
    mine = {"authorization": f"Bearer {key}"}
    assert httpx.get(f"{office.house.url}/v1/credits", headers=mine).json()["key"] == id
    assert httpx.get(f"{office.house.url}/v1/credits/statement?limit=5", headers=mine).json()["data"] == []
    assert httpx.get(f"{office.house.url}/v1/credits/statement?key={key}").status_code == 200


def test_the_log_shows_calls_and_how_they_went(office: Office) -> None:
    key, id = office.new("logged")
    assert picture(office.second, key, size="1024x1024").status_code == 200
    assert picture(office.house.url, key, prompt="sandbox:refuse").status_code == 400
    rows = logged(office, "key=logged", 2)
    good = next(row for row in rows if row["outcome"] == "ok")
    bad = next(row for row in rows if row["outcome"] != "ok")
    assert (good["key"], good["model"], good["status"], good["pictures"], good["credits"]) == (
        id,
        "picture",
        200,
        1,
        "4",
    )
    assert [attempt["outcome"] for attempt in good["attempts"]] == ["ok"]
    assert (bad["outcome"], bad["status"], bad["credits"]) == ("refused", 400, "0")
    assert good["prompt"] is None
    for query in (f"key={id}&failed=true", "key=logged&status=400", "key=logged&outcome=refused"):
        assert office.get(f"/admin/log?{query}")["data"] == [bad]
    assert office.get("/admin/log?key=logged&since=1h&limit=1")["data"] == [rows[-1]]
    assert office.get("/admin/log?key=logged&until=1h")["data"] == []
    assert office.get(f"/admin/log?key=logged&after={rows[0]['number']}")["data"] == [rows[1]]
    total = {"key_name": "logged", "model": "picture", "calls": 2, "pictures": 1, "credits": "4"}
    assert office.get("/admin/log?key=logged&totals=true")["data"] == [total]


def logged(office: Office, query: str, count: int) -> list[Any]:
    """Rows of the log, which are written a moment after their calls."""
    end = time.monotonic() + 30
    while True:
        rows: list[Any] = office.get(f"/admin/log?{query}")["data"]
        if len(rows) >= count or time.monotonic() > end:
            return rows


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field", "says"),
    [
        ("POST", "keys", {}, 400, "name", "name is required"),
        ("POST", "keys", {"name": " "}, 400, "name", "a key needs a name"),
        ("POST", "keys", {"name": 5}, 400, "name", "name must be a string"),
        ("POST", "keys", {"name": "x", "onwer": "A"}, 400, "onwer", "no field 'onwer'; did you mean 'owner'?"),
        ("POST", "keys", {"name": "x", "models": ["pictur"]}, 400, "models", "did you mean 'picture'?"),
        ("POST", "keys", {"name": "x", "models": ["image"]}, 400, "models", "'image' is an alias"),
        ("POST", "keys", {"name": "x", "models": "picture"}, 400, "models", "models must be an array"),
        ("POST", "keys", {"name": "x", "models": []}, 400, "models", "one name or more"),
        ("POST", "keys", {"name": "x", "platforms": ["openia"]}, 400, "platforms", "did you mean 'openai'?"),
        ("POST", "keys", {"name": "x", "limits": {"per_minut": 4}}, 400, "limits.per_minut", "'per_minute'"),
        ("POST", "keys", {"name": "x", "limits": {"at_once": 1.5}}, 400, "limits.at_once", "a whole number"),
        ("POST", "keys", {"name": "x", "expires_at": 1}, 400, "expires_at", "is a time such as 30d"),
        ("POST", "keys", {"name": "x", "expires_at": True}, 400, "expires_at", "must be a time"),
        ("POST", "keys", {"name": "x", "expires_at": "2020-01-01"}, 400, "expires_at", "a time to come"),
        ("POST", "keys", {"name": "x", "credits": 0}, 400, "credits", "credits are above 0"),
        ("POST", "keys", {"name": "x", "credits": 0.0001}, 400, "credits", "at most three decimals"),
        ("POST", "keys", {"name": "x", "credits": True}, 400, "credits", "must be a number of credits"),
        ("POST", "keys", [], 400, None, "the body must be an object"),
        ("GET", "keys/frist", None, 404, None, "did you mean 'first'?"),
        ("PATCH", "keys/first", {"name": "x"}, 400, "name", "there is no field 'name'"),
        ("PATCH", "keys/first", {"limits": {"at_once": 0}}, 400, "limits.at_once", "a whole number from 1 on"),
        ("POST", "keys/first/rotate", {"overlap": "long"}, 400, "overlap", "such as 90s, 1h or 30d"),
        ("POST", "keys/first/credits", {}, 400, None, "one of top_up, adjust, unlimit"),
        ("POST", "keys/first/credits", {"top_up": 1, "adjust": 1}, 400, "adjust", "one of top_up"),
        ("POST", "keys/first/credits", {"unlimit": False}, 400, "unlimit", "one of top_up"),
        ("POST", "keys/first/credits", {"top_up": -1}, 400, "amount", "a top-up is above 0"),
        ("POST", "keys/first/credits", {"topup": 1}, 400, "topup", "did you mean 'top_up'?"),
        ("GET", "keys/first/statement?limit=0", None, 400, "limit", "from 1 to 1000"),
        ("GET", "keys/first/statement?from=1h", None, 400, "from", "there is no parameter 'from'"),
        ("GET", "log?status=20", None, 400, "status", "from 100 to 599"),
        ("GET", "log?failed=yes", None, 400, "failed", "true or false"),
        ("GET", "log?key=nobody%00", None, 404, "key", "no key has the id or the name 'nobody"),
        ("GET", "log?key=frist", None, 404, "key", "did you mean 'first'?"),
        ("GET", "log?model=pictur&totals=true", None, 404, "model", "did you mean 'picture'?"),
        ("GET", "log?modle=x", None, 400, "modle", "did you mean 'model'?"),
        ("GET", "keys?state=live", None, 400, "state", "there is no parameter 'state'"),
        ("PUT", "keys/first", {}, 405, None, "does not take PUT"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(
    method: str, path: str, body: Any, status: int, field: str | None, says: str, office: Office
) -> None:
    answer = office.ask(method, f"/admin/{path}", body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, field)
    assert says in message(answer)
    assert "x" not in [row["name"] for row in office.get("/admin/keys")["data"]]


@pytest.mark.parametrize(
    "content",
    [b"{", b"\xff", b"[" * 100_000, b'{"name": NaN}', b'{"\\ud800": 1}', b'{"credits": 1' + b"0" * 5000 + b"}"],
)
def test_a_body_that_is_none(content: bytes, office: Office) -> None:
    headers = {"authorization": f"Bearer {office.house.admin}"}
    answer = httpx.post(f"{office.house.url}/admin/keys", content=content, headers=headers)
    assert answer.status_code == 400, answer.text


def test_a_body_that_is_too_large(office: Office) -> None:
    assert office.ask("POST", "/admin/keys", {"name": "x" * (1 << 20)}).status_code == 413


def test_two_keys_of_one_name_are_told_apart_by_their_ids(office: Office) -> None:
    ids = [office.new("twin")[1] for _ in range(2)]
    answer = office.ask("GET", "/admin/keys/twin")
    assert answer.status_code == 409
    assert all(id in message(answer) for id in ids)
    assert [office.get(f"/admin/keys/{id}")["id"] for id in ids] == ids
