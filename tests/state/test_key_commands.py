"""`koci-proxy keys` and `koci-proxy credits` as an operator types them, on each kind of database."""

from __future__ import annotations

import asyncio
import csv
import io
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from koci_proxy.cli import main
from koci_proxy.state import Callers, Database
from koci_proxy.state.holds import hold
from koci_proxy.state.jobs import JobBook, NewJob
from koci_proxy.state.tables import accounts, holds
from koci_proxy.types import Caller

from .opened import opened

ROUTES = """
platforms: {{openai: openai, google: gemini}}
models: {{picture: {{to: sandbox-openai/gpt-image-2}}, film: {{to: sandbox-openai/sora-2}}}}
aliases: {{image: picture}}
state: "{state}"
"""

Koci = Callable[..., Result]


@pytest.fixture
def routes(tmp_path: Path, url: str) -> Path:
    path = tmp_path / "routes.yaml"
    path.write_text(ROUTES.format(state=url), encoding="utf-8")
    return path


@pytest.fixture
def koci(routes: Path) -> Koci:
    return commander(routes)


def commander(routes: Path) -> Koci:
    """Says words to koci-proxy: a group, a command of it, and what goes with them."""

    def said(*words: str) -> Result:
        return CliRunner().invoke(main, [*words[:2], "-c", str(routes), *words[2:]])

    return said


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Koci:
    """A house with a key called shop that has used up its credits, and two revoked ones called twin."""
    routes = tmp_path_factory.mktemp("house") / "routes.yaml"
    routes.write_text(ROUTES.format(state="sqlite:///koci.db"), encoding="utf-8")
    koci = commander(routes)
    for _ in range(2):
        assert koci("keys", "new", "twin").exit_code == koci("keys", "revoke", "twin").exit_code == 0
    koci("keys", "new", "shop")
    koci("credits", "top-up", "shop", "4")
    koci("credits", "adjust", "shop", "-4")
    return koci


def found(url: str, plain: str) -> Caller | None:
    async def find() -> Caller | None:
        async with opened(url) as database:
            return await Callers(database).find(plain)

    return asyncio.run(find())


def facts(shown: Result) -> dict[str, str]:
    """What `keys show` says, by name."""
    assert shown.exit_code == 0, shown.output
    return {name: rest.strip() for name, _, rest in (line.partition(" ") for line in shown.stdout.splitlines())}


def test_a_key_with_all_that_binds_it(koci: Koci, url: str) -> None:
    made = koci(
        *("keys", "new", "shop", "--owner", "Ann", "--expires", "30d", "--models", "picture, film"),
        *("--platforms", "openai", "--per-minute", "60", "--pictures-per-minute", "120", "--at-once", "4"),
        *("--credits-per-day", "2.5", "--credits", "37.5"),
    )
    assert (made.exit_code, len(made.stdout.split())) == (0, 1)
    caller = found(url, made.stdout.strip())
    assert caller is not None
    assert (caller.name, caller.owner, caller.models, caller.platforms) == (
        "shop",
        "Ann",
        ("picture", "film"),
        ("openai",),
    )
    assert caller.limits == {"per_minute": 60, "pictures_per_minute": 120, "at_once": 4, "credits_per_day": 2500}
    shown = koci("keys", "show", "shop")
    assert made.stdout.strip() not in shown.output
    told = facts(shown)
    assert (told["id"], told["owner"], told["state"]) == (caller.id, "Ann", "live")
    assert (told["models"], told["platforms"]) == ("picture, film", "openai")
    assert set(told["limits"].split(", ")) == {
        *("per_minute 60", "pictures_per_minute 120", "at_once 4", "credits_per_day 2.5")
    }
    assert told["credits"].startswith("37.5 left, 0 held")
    assert told["expires"].startswith(time.strftime("%Y-%m", time.gmtime(time.time() + 30 * 86_400)))
    assert told == facts(koci("keys", "show", caller.id))
    (line,) = koci("keys", "list").stdout.splitlines()[1:]
    assert {caller.id, "shop", "Ann", "live", "37.5"} <= set(line.split())


def test_jobs_are_shown_with_the_names_of_their_keys(koci: Koci, routes: Path, url: str) -> None:
    made = found(url, koci("keys", "new", "shop").stdout.strip())
    assert made is not None
    jobs = [NewJob(f"req_{owner}", owner, "openai", "", "generate", "picture", {}) for owner in (made.id, "gone")]

    async def begun() -> None:
        async with opened(url) as database:
            for job in jobs:
                assert await JobBook(database, "one").begin(job) is not None

    asyncio.run(begun())
    lines = CliRunner().invoke(main, ["jobs", "-c", str(routes)]).stdout.splitlines()[1:]
    assert {tuple(line.split()[index] for index in (0, 3)) for line in lines} == {
        (f"req_{made.id}", "shop"),
        ("req_gone", "gone"),
    }


def test_a_key_is_changed(koci: Koci) -> None:
    koci("keys", "new", "shop", "--models", "film", "--per-minute", "60", "--at-once", "4", "--expires", "1h")
    changed = koci("keys", "change", "shop", "--models", "any", "--per-minute", "none", "--expires", "never")
    told = facts(changed)
    assert (told["models"], told["limits"], told["expires"]) == ("any", "at_once 4", "never")
    assert told == facts(koci("keys", "show", "shop"))
    assert koci("keys", "change", "shop").exit_code == 2


def test_a_key_is_replaced_while_the_old_one_is_good(koci: Koci, url: str) -> None:
    old = koci("keys", "new", "shop").stdout.strip()
    rotated = koci("keys", "rotate", "shop", "--overlap", "1h")
    assert "the old key is good until" in rotated.stderr
    new = rotated.stdout.strip()
    assert new.startswith("sk-koci_")
    caller = found(url, new)
    assert caller is not None
    assert found(url, old) == caller
    assert facts(koci("keys", "show", "shop"))["state"].startswith("rotated, the key before it is good until")
    refused = koci("keys", "rotate", "shop", "--overlap", "0")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "was promised to be good until 20" in refused.stderr
    assert "--force" in refused.stderr
    assert found(url, old) == found(url, new) == caller
    forced = koci("keys", "rotate", "shop", "--overlap", "0", "--force")
    assert "the key before it, which was to be good until 20" in forced.stderr
    newest = forced.stdout.strip()
    assert [found(url, key) is None for key in (old, new, newest)] == [True, True, False]
    assert facts(koci("keys", "show", "shop"))["state"] == "live"
    assert koci("keys", "revoke", "shop").exit_code == 0
    assert facts(koci("keys", "show", "shop"))["state"] == "revoked"
    assert koci("keys", "rotate", "shop").exit_code == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("keys new x --models pictur", "there is no model 'pictur' here; did you mean 'picture'?"),
        ("keys new x --models image", "'image' is an alias; name its model, 'picture'"),
        ("keys new x --models ,", "models is a list of one name or more"),
        ("keys new x --platforms gogle", "there is no platform 'gogle' here; did you mean 'google'?"),
        (
            "keys new x --expires 2020-01-01",
            "expires_at lies in the past: give a time to come, such as 30d or 2027-01-31",
        ),
        ("keys new x --expires soon", "is a time such as 30d, 2027-01-31"),
        ("keys new x --per-minute many", "--per-minute is a whole number from 1 on, or none"),
        ("keys new x --at-once 0", "at_once is a whole number from 1 on"),
        ("keys new x --credits-per-day 0.0001", "is a number of credits such as 4 or 0.5, with at most three decimals"),
        ("keys new x --credits 0", "credits are above 0"),
        ("keys new x --credits lots", "credits is a number of credits such as 4"),
        ("keys show shp", "no key has the id or the name 'shp'; did you mean 'shop'?"),
        ("keys rotate nobody", "no live app key has the id or the name 'nobody'"),
        ("keys rotate shop --overlap long", "overlap is a time such as 90s, 1h or 30d"),
        ("keys change nobody --owner x", "no live app key has the id or the name 'nobody'"),
        ("keys show twin", "2 revoked keys were named 'twin'"),
        ("credits top-up shop 0", "a top-up is above 0"),
        ("credits top-up shop -- -1", "a top-up is above 0"),
        ("credits adjust shop -0.001", "the balance is 0 credits; no more than that can be taken"),
        ("credits top-up nobody 4", "no key has the id or the name 'nobody'"),
        ("credits statement shop --since soon", "since is a time such as 30d"),
        ("credits check --stale long", "stale is a time such as 90s"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(words: str, says: str, troubled: Koci) -> None:
    told = troubled(*words.split())
    assert told.exit_code in (1, 2)
    assert says in told.stderr
    assert isinstance(told.exception, SystemExit)
    assert "x" not in {line.split()[2] for line in troubled("keys", "list").stdout.splitlines()}


def test_credits_go_up_and_down_and_stand_in_the_statement(koci: Koci) -> None:
    koci("keys", "new", "shop")
    assert "shop: not limited, balance 0" in koci("credits", "show", "shop").stdout
    assert "shop: 10 left" in koci("credits", "top-up", "shop", "10", "--note", "invoice 7").stdout
    assert "shop: 7.5 left" in koci("credits", "adjust", "shop", "-2.5", "--note", "=oops").stdout
    lines = koci("credits", "statement", "shop").stdout.splitlines()
    assert [line.split()[3:5] for line in lines[1:-1]] == [["top_up", "10"], ["adjust", "-2.5"]]
    assert "invoice 7" in lines[1]
    assert lines[-1] == "entries: 2, together 7.5 credits"
    rows = list(csv.DictReader(io.StringIO(koci("credits", "statement", "shop", "--csv").stdout)))
    assert [(row["kind"], row["credits"], row["note"]) for row in rows] == [
        ("top_up", "10", "invoice 7"),
        ("adjust", "-2.5", "'=oops"),
    ]
    assert "entries: 0" in koci("credits", "statement", "shop", "--until", "1h").stdout
    assert "entries: 2" in koci("credits", "statement", "shop", "--since", "1h").stdout
    assert "not limited, balance 7.5" in koci("credits", "unlimit", "shop").stdout


def test_the_books_are_checked(koci: Koci, url: str) -> None:
    made = koci("keys", "new", "shop", "--credits", "10").stdout.strip()
    caller = found(url, made)
    assert caller is not None
    good = koci("credits", "check")
    assert (good.exit_code, good.stdout) == (0, "accounts 1, balance 10, held 0, spent today 0\nthe books balance\n")
    job = "req_" + "a" * 24

    async def held(database: Database) -> None:
        now = time.time() - 7200
        assert await database.write(lambda connection: hold(connection, caller.id, job, 4000, now))

    run(url, held)
    stale = koci("credits", "check")
    assert stale.exit_code == 0
    assert "balance 6, held 4" in stale.stdout
    assert "held for longer than 1h:" in stale.stdout
    assert job in stale.stdout
    assert job not in koci("credits", "check", "--stale", "3h").stdout

    async def meddled(database: Database) -> None:
        await database.write(lambda connection: connection.execute(holds.delete()))
        await database.write(lambda connection: connection.execute(accounts.update().values(balance=9000)))

    run(url, meddled)
    wrong = koci("credits", "check")
    assert wrong.exit_code == 1
    assert wrong.stdout.splitlines()[-1] == "the books do not balance"
    assert wrong.stdout.splitlines()[-2].split() == [caller.id, "9", "4", "10", "0"]


def run(url: str, work: Callable[[Database], Awaitable[None]]) -> None:
    async def worked() -> None:
        async with opened(url) as database:
            await work(database)

    asyncio.run(worked())


def test_a_house_with_faults_still_looks_after_its_keys(koci: Koci, routes: Path) -> None:
    routes.write_text(
        routes.read_text(encoding="utf-8") + "limitz: {}\nkeys: {linkai: '${NOT_SET}'}\n", encoding="utf-8"
    )
    made = koci("keys", "new", "shop", "--models", "film", "--credits", "4")
    assert made.exit_code == 0, made.output
    assert "has faults" in made.stderr
    assert "did you mean 'film'" in koci("keys", "new", "other", "--models", "flm").stderr
    assert facts(koci("keys", "show", "shop"))["models"] == "film"
