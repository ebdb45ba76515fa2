"""The loader: what a good house becomes, and the very words for a bad one."""

from __future__ import annotations

from pathlib import Path

import pytest

from koci_proxy.config import load, shipped
from koci_proxy.config.yaml import read
from koci_proxy.facts import Bounds, JobFacts, KeyPool, Limits, LogFacts, Retry, Share, StoreFacts

from .conftest import ACME, ENVIRON, GOOD, Write, complaints

PARTS = [
    ("sizes: {policy: near}", "5:17: sizes.policy: 'near' is not known here — did you mean 'nearest'?"),
    ("balance: round-robin", "5:10: balance: 'round-robin' is not known here — did you mean 'round_robin'?"),
    ("balanse: fastest", "5:1: balanse: unknown key — did you mean 'balance'?"),
    ("retry: {tries: 0}", "5:16: retry.tries: must be at least 1, not 0"),
    ("retry: {tries: 1.5}", "5:16: retry.tries: must be a whole number, not 1.5"),
    ("retry: {give_up: 5x}", "5:18: retry.give_up: must be seconds or a time like 500ms, 10s, 15m, 12h, 30d, not '5x'"),
    ("store: {keep: 30}", "5:15: store.keep: 30 has no unit: write 30s, 30m, 30h or 30d"),
    ("store: {keep: '30'}", "5:15: store.keep: must be a time with its unit like 90s, 15m, 12h, 30d, not '30'"),
    ("store: {keep: forever}", "5:15: store.keep: must be a time with its unit like 90s, 15m, 12h, 30d, not 'forever'"),
    ("log: {keep: 0.5}", "5:13: log.keep: 0.5 has no unit: write 0.5s, 0.5m, 0.5h or 0.5d"),
    ("jobs: {keep: 7}", "5:14: jobs.keep: 7 has no unit: write 7s, 7m, 7h or 7d"),
    ("jobs: {keep_answers: 15}", "5:22: jobs.keep_answers: 15 has no unit: write 15s, 15m, 15h or 15d"),
    (
        "store: {url: 's3://bucket'}",
        "5:14: store.url: must be a folder (no other kind of store is known), not 's3://bucket'",
    ),
    ("jobs: {keep: soon}", "5:14: jobs.keep: must be a time with its unit like 90s, 15m, 12h, 30d, not 'soon'"),
    (
        "jobs: {keep_answers: -1}",
        "5:22: jobs.keep_answers: must be a time with its unit like 90s, 15m, 12h, 30d, not -1",
    ),
    ("jobs: {on_hang_up: finnish}", "5:20: jobs.on_hang_up: 'finnish' is not known here — did you mean 'finish'?"),
    ("jobs: {hang_up: finish}", "5:8: jobs.hang_up: unknown key — did you mean 'on_hang_up'?"),
    ("limits: {body_mb: big}", "5:19: limits.body_mb: must be a number, not 'big'"),
    ("state: data/koci.db", "5:8: state: must be a database URL like sqlite:///data/koci.db, not 'data/koci.db'"),
    (
        "state: sqlite://data/koci.db",
        "5:8: state: a file is written with three slashes, sqlite:///data/koci.db, and with four where it begins at /",
    ),
    (
        "state: sqlite+aiosqlite://me:secret@koci.db",
        "5:8: state: a file is written with three slashes, sqlite:///data/koci.db, and with four where it begins at /",
    ),
    (
        "state: mysql://me:secret@db/koci",
        "5:8: state: there is no kind of database 'mysql'; known: postgres, postgresql, sqlite",
    ),
    ("state: postgrsql://db/koci", "5:8: state: there is no kind of database 'postgrsql' — did you mean 'postgresql'?"),
    (
        "state: postgresql://me:secret@db:54x/koci",
        "5:8: state: has no host and port that can be read; in a password write @ as %40, : as %3A, / as %2F",
    ),
    (
        "public_url: img.example.com",
        "5:13: public_url: must be a URL like https://img.example.com, not 'img.example.com'",
    ),
    ("aliases: {x: pik}", "5:14: aliases.x: unknown model 'pik' — did you mean 'pic'?"),
    ("aliases: {pic: pic}", "5:11: aliases.pic: is the name of a model itself; an alias needs another"),
    ("transforms: [size, frmae]", "5:20: transforms[1]: there is no plugin 'frmae' — did you mean 'frame'?"),
    ("transforms: [size, size]", "5:13: transforms: names the same thing twice"),
    ("plugins: [mine: {}, yours: {}]", "5:21: plugins[1]: there is no plugin 'yours'; known: frame, mine, size, style"),
    ("plugins: [{mine: {}, other: {}}]", "5:11: plugins[0]: must be one name with its options"),
    ("plugins: mine", "5:10: plugins: must be a list, not 'mine'"),
    ("state: ${NONE:?the database}", "5:8: state: the variable NONE is not set: the database"),
    ("sizes:", "5:7: sizes: must be a map, not nothing"),
    ("state: sqlite:///x\nstate: sqlite:///y", "6:1: state: written twice; the first is on line 5"),
    (
        "listen: 8080",
        "5:1: listen: unknown key; known: admin, aliases, balance, jobs, keys, limits, log, models, pace, platforms, "
        "plugins, public_url, retry, sizes, state, store, transforms",
    ),
]


@pytest.mark.parametrize(("part", "complaint"), PARTS)
def test_a_wrong_part(part: str, complaint: str, write: Write) -> None:
    assert complaints(write({"routes.yaml": f"{GOOD}{part}\n"})) == [f"routes.yaml:{complaint}"]


WHOLE = [
    ("", ["routes.yaml:1:1: the file is empty"]),
    ("- a\n", ["routes.yaml:1:1: must be a map, not a list"]),
    ("models: {pic: sandbox-openai/gpt-image-2}\n", ["routes.yaml:1:1: 'platforms' is missing"]),
    (
        "platforms: {openai: opnai}\nmodels: {pic: sandbox-openai/gpt-image-2}\n",
        ["routes.yaml:1:21: platforms.openai: unknown dialect 'opnai' — did you mean 'openai'?"],
    ),
    (
        "platforms: {openai: {dialect: opnai}}\nmodels: {pic: sandbox-openai/gpt-image-2}\n",
        ["routes.yaml:1:31: platforms.openai.dialect: unknown dialect 'opnai' — did you mean 'openai'?"],
    ),
    (
        "platforms: {openai: {defaults: {size: 1K}}}\nmodels: {pic: sandbox-openai/gpt-image-2}\n",
        ["routes.yaml:1:13: platforms.openai: 'dialect' is missing"],
    ),
    (
        "platforms: {openai: {dialect: openai, default: {size: 1K}}}\nmodels: {pic: sandbox-openai/gpt-image-2}\n",
        ["routes.yaml:1:39: platforms.openai.default: unknown key — did you mean 'defaults'?"],
    ),
    (
        "platforms: {openai: {dialect: openai, defaults: {size: big}}}\nmodels: {pic: sandbox-openai/gpt-image-2}\n",
        [
            "routes.yaml:1:56: platforms.openai.defaults.size: 'big' is not a size; ask for pixels (1024x1024), a tier "
            "(512, 1K, 1.5K, 2K, 3K, 4K, 480p, 720p, 1080p), a ratio (16:9), both (2K 16:9), or auto"
        ],
    ),
    (
        "platforms: {v1beta: openai}\nmodels: {pic: sandbox-openai/gpt-image-2}\n",
        [
            "routes.yaml:1:13: platforms.v1beta: as a key it must be a small-letter word that is not admin, storage "
            "or a version like v1"
        ],
    ),
]


@pytest.mark.parametrize(("text", "expected"), WHOLE)
def test_a_wrong_whole(text: str, expected: list[str], write: Write) -> None:
    assert complaints(write({"routes.yaml": text})) == expected


def test_no_file(tmp_path: Path) -> None:
    assert complaints(tmp_path / "routes.yaml")[-1] == "routes.yaml:1:1: cannot be read: No such file or directory"


def test_a_file_that_is_not_utf8(write: Write, tmp_path: Path) -> None:
    path = write({})
    path.write_bytes(b"models:\n  caf\xe9: x\n")
    assert complaints(path) == ["routes.yaml:2:6: is not UTF-8 text"]


def test_all_complaints_of_all_files_come_at_once_sorted_by_place(write: Write) -> None:
    path = write(
        {
            "routes.yaml": GOOD + "  two: openai/nothing\n  three: {to: 5}\nbalance: quick\nkeys: {}\n",
            "providers/acme.yaml": "dialect: openai\nurl: nowhere\nmodels: {a: b}\n",
            "providers/cards/mine.yaml": "n: 0\n",
        }
    )
    cards = sorted(["mine", *(card.stem for card in (shipped() / "providers" / "cards").glob("*.yaml"))])
    openai = read("", (shipped() / "providers" / "openai.yaml").read_text("utf-8")).value["models"]
    assert complaints(path) == [
        "providers/acme.yaml:2:6: url: must be a URL like https://api.example.com/v1, not 'nowhere'",
        f"providers/acme.yaml:3:13: models.a: there is no card providers/cards/b.yaml; known: {', '.join(cards)}",
        "providers/cards/mine.yaml:1:4: n: must be at least 1, not 0",
        f"routes.yaml:5:8: models.two: openai has no model 'nothing'; known: {', '.join(sorted(openai))}",
        "routes.yaml:6:15: models.three.to: must be text, a list or a map, not 5 (put it in quotes)",
        "routes.yaml:7:10: balance: 'quick' is not known here; known: fastest, least_busy, round_robin, weighted",
        "routes.yaml:8:1: keys: written twice; the first is on line 2",
    ]


def test_no_complaint_shows_what_a_variable_holds(write: Write) -> None:
    text = GOOD.replace('"${OPENAI}"', "'a ${OPENAI}'") + "public_url: ${OPENAI}\n"
    found = complaints(write({"routes.yaml": text}))
    assert found[1].endswith("not '${OPENAI}' with its variables put in")
    assert len(found) == 2
    assert "sk-openai-1" not in "".join(found)


def test_the_least_house(write: Write) -> None:
    house = load(write({"routes.yaml": GOOD}), ENVIRON)
    assert house.models["pic"].to == (Share((("openai", "gpt-image-2", 1.0),)),)
    assert house.keys == {"openai": KeyPool("openai", ("openai#1",), ("sk-openai-1",))}
    assert list(house.providers) == ["openai"]
    assert house.platforms == {"openai": "openai", "google": "gemini"}
    assert house.plugins == (("style", {}), ("size", {}))
    assert (house.retry, house.limits, house.store, house.jobs) == (Retry(), Limits(), StoreFacts(), JobFacts())
    assert house.secrets == {"sk-openai-1", "sk-linkai-1"}
    assert "sk-openai-1" not in repr(house)


def test_the_whole_grammar(write: Write) -> None:
    text = """\
public_url: https://img.example.com/
platforms: {openai: openai, google: {dialect: gemini, defaults: {size: 1K 1:1, quality: low}}, relay: {dialect: gemini}}
keys:
  openai: {of: [sk-openai-1, sk-openai-2], at_once: 5, per_minute: 60, weights: [3, 1]}
  linkai: sk-linkai-1
models:
  image-2:
    description: for every day
    price: {1K: 4, 2K: 8}
    set: {quality: hd, size: 2K 16:9}
    on: [openai]
    size_policy: exact
    limits: {per_minute: 30, at_once: 3}
    to:
      - {openai/gpt-image-2: 3, linkai/gpt-image-2: 1}
      - linkai/doubao-seedream-4.5
aliases: {picture: image-2}
sizes: {policy: cover}
balance: weighted
retry: {tries: 3, wait: 250ms, maybe_paid: 1, give_up: 15m}
limits:
  {per_minute: 60, at_once: 20, credits_per_day: 2.5, body_mb: 0.5, house: {per_minute: 600, pictures_per_minute: 900}}
log: {keep: 7d, prompts: true}
pace: redis://:redis-word-1@cache:6379/0
store: {url: ./data/media, keep: 30d, links: signed}
jobs: {keep_answers: 1h, keep: 7d, on_hang_up: cancel}
state: postgresql://koci:pass-word-1@db/koci
transforms: [frame]
plugins:
  - mine: {words: [forbidden]}
  - size
"""
    house = load(write({"routes.yaml": text}), {})
    model = house.models["image-2"]
    assert model.to == (
        Share((("openai", "gpt-image-2", 3.0), ("linkai", "gpt-image-2", 1.0))),
        Share((("linkai", "doubao-seedream-4.5", 1.0),)),
    )
    assert (model.price, model.set) == ({"1K": 4, "2K": 8}, {"quality": "hd", "size": "2K 16:9"})
    assert (model.platforms, model.size_policy) == (("openai",), "exact")
    assert house.platforms == {"openai": "openai", "google": "gemini", "relay": "gemini"}
    assert house.defaults == {"google": {"size": "1K 1:1", "quality": "low"}}
    assert house.keys["openai"] == KeyPool(
        "openai", ("openai#1", "openai#2"), ("sk-openai-1", "sk-openai-2"), (3.0, 1.0), at_once=5, per_minute=60
    )
    assert (house.public_url, house.aliases) == ("https://img.example.com", {"picture": "image-2"})
    assert (house.size_policy, house.balance) == ("cover", "weighted")
    assert house.retry == Retry(tries=3, wait=0.25, maybe_paid=1, give_up=900.0)
    key, whole = Bounds(per_minute=60, at_once=20, credits_per_day=2500), Bounds(600, 900)
    assert house.limits == Limits(key=key, house=whole, body=512 * 1024)
    assert model.limits == Bounds(per_minute=30, at_once=3)
    assert (house.log, house.pace) == (LogFacts(keep=604_800.0, prompts=True), "redis://:redis-word-1@cache:6379/0")
    assert house.store == StoreFacts(folder="./data/media", keep=2_592_000.0, signed=True)
    assert house.jobs == JobFacts(keep_answers=3600.0, keep=604_800.0, hang_up="cancel")
    assert house.plugins == (("frame", {}), ("mine", {"words": ["forbidden"]}), ("size", {}))
    assert {"pass-word-1", "redis-word-1"} <= house.secrets


@pytest.mark.parametrize("state", ["sqlite:///koci.db", "sqlite:////var/koci.db", "sqlite://", "sqlite:///:memory:"])
def test_a_database_in_a_file(state: str, write: Write) -> None:
    assert load(write({"routes.yaml": f"{GOOD}state: '{state}'\n"}), ENVIRON).state == state


def test_only_short_waits_and_nothing_at_all_need_no_unit(write: Write) -> None:
    text = "retry: {wait: 2, give_up: 600}\nstore: {keep: 0}\nlog: {keep: 0}\njobs: {keep: 0, keep_answers: 0.0}\n"
    house = load(write({"routes.yaml": GOOD + text}), ENVIRON)
    assert (house.retry.wait, house.retry.give_up) == (2.0, 600.0)
    assert (house.store.keep, house.log.keep) == (0.0, 0.0)
    assert house.jobs == JobFacts(keep_answers=0.0, keep=0.0)


def test_what_no_model_uses_may_lack_its_variables(write: Write) -> None:
    routes = GOOD.replace("sk-linkai-1", "'${NOT_SET}'")
    house = load(write({"routes.yaml": routes, "providers/acme.yaml": ACME + "headers: {X: '${NOT_SET}'}\n"}), ENVIRON)
    assert set(house.keys) == set(house.providers) == {"openai"}


def test_variables_of_headers_and_plugin_options_are_secrets_if_long_enough(write: Write) -> None:
    files = {
        "routes.yaml": "platforms: {openai: openai}\nkeys: {acme: k}\nmodels: {pic: acme/paint}\n"
        "plugins: [mine: {a: '${LONG}', b: '${SHORT}'}]\n",
        "providers/acme.yaml": ACME + "headers: {X-Account: 'acct ${ACCOUNT}'}\n",
    }
    environ = {"LONG": "long-secret", "SHORT": "x", "ACCOUNT": "account-1"}
    assert load(write(files), environ).secrets == {"k", "long-secret", "account-1"}
