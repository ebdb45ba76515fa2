"""The strict loader: `routes.yaml` and all it names become one `House`, or one `ConfigError` with all that is wrong."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as Folder
from typing import Any
from urllib.parse import unquote, urlsplit

from .. import sizes
from ..facts import DATABASES, ESCAPED, House, JobFacts, Limits, LogFacts, Retry, StoreFacts
from ..faults import Fault
from ..tokens import weak
from . import keys
from .complain import Complaint, ConfigError, Path, hint
from .models import Reader
from .providers import shelf
from .sheet import Sheet, open_sheet
from .units import bounds, mebibytes, optional, seconds
from .yaml import read

TRANSFORMS = ("style", "size")
_PLAIN = ("aliases", "balance", "state", "pace", "admin")  # taken over as they are written
SHORTEST_SECRET = 8  # what is shorter is no secret, and masking it would spoil every log


def shipped() -> Folder:
    """The folder that holds the shipped `providers/`, `plugins/`, `schemas/` and `routes.yaml`."""
    package = Folder(__file__).resolve().parents[1]
    packed = package / "_shipped"
    return packed if packed.is_dir() else package.parent


def place(path: Folder, key: str) -> str:
    """Where a top-level key of a `routes.yaml` is written, such as "routes.yaml:113"; no line where it is left out."""
    mark = read(path.name, path.read_text(encoding="utf-8-sig")).keys.get((key,))
    return f"{path.name}:{mark[0]}" if mark else path.name


@dataclass(frozen=True, slots=True)
class Stated:
    """What a house says of where it keeps its keys, and of the names that they may be bound to."""

    state: str
    models: Mapping[str, Any]
    platforms: Mapping[str, Any]
    aliases: Mapping[str, Any]


def stated(path: Folder, environ: Mapping[str, str] | None = None) -> Stated:
    """What is needed to look after keys, read from a `routes.yaml` that may be wrong in everything else.

    Raises `ConfigError` for a file that is no YAML: then nobody knows.
    """
    environ = os.environ if environ is None else environ
    sheet = open_sheet(path, path.name, shipped() / "schemas" / "routes.json", environ, path.parent)
    if not isinstance(sheet.value, dict):
        raise ConfigError(sheet.complaints)
    state = str(sheet.value.get("state") or House.__dataclass_fields__["state"].default)
    maps = (sheet.value.get(name) for name in ("models", "platforms", "aliases"))
    return Stated(state, *(each if isinstance(each, dict) else {} for each in maps))


def load(path: Folder, environ: Mapping[str, str] | None = None) -> House:
    """Load a `routes.yaml`, with the shipped providers and cards and those beside it, which win.

    Raises `ConfigError` with all complaints of all files. Every file is read once.
    """
    environ = os.environ if environ is None else environ
    here, base = path.parent, shipped()
    folders = [base] if here.resolve() == base else [base, here]

    def opened(file: Folder, name: str, kind: str) -> Sheet:
        return open_sheet(file, name, base / "schemas" / f"{kind}.json", environ, here)

    dialects = _stems(folders, "plugins/dialects")
    facts = shelf(folders, opened, dialects)
    sheet = opened(path, path.name, "routes")
    complaints = [*facts.complaints, *sheet.complaints]
    if not isinstance(sheet.value, dict):
        raise ConfigError(complaints)
    reader = Reader(sheet, facts)
    used = frozenset(reader.used)
    pools, wrong = keys.pools(sheet, facts, used)
    complaints += [
        *reader.complaints,
        *wrong,
        *(complaint for name in used & set(facts.sheets) for complaint in facts.sheets[name].unfilled(())),
        *_unfilled(sheet),
        *_misnamed(sheet, reader.names, dialects),
        *_unplugged(sheet, _stems(folders, "plugins", "plugins/transforms")),
        *_guessable(sheet),
        *_homeless(sheet),
    ]
    if complaints:
        raise ConfigError(complaints)
    return House(
        models=reader.models,
        providers={name: provider for name, provider in facts.providers.items() if provider and name in used},
        keys=pools,
        secrets=frozenset(_secrets(sheet, [facts.sheets[name] for name in used])),
        **_decisions(sheet),
    )


def _stems(folders: list[Folder], *names: str) -> frozenset[str]:
    """The names of the Python files in folders of these names."""
    files = (file for folder in folders for name in names for file in (folder / name).glob("*.py"))
    return frozenset(file.stem for file in files if not file.stem.startswith("_"))


def _unfilled(sheet: Sheet) -> list[Complaint]:
    """Missing variables in all parts but `models` and `keys`, which are the business of others."""
    return sheet.unfilled(*((part,) for part in sheet.value if part not in ("models", "keys")))


def _misnamed(sheet: Sheet, models: list[str], dialects: frozenset[str]) -> Iterator[Complaint]:
    """Platforms and aliases that lead nowhere, and sizes that no picture has."""
    for word, written in sheet.part("platforms", {}).items():
        short = isinstance(written, str)
        path, dialect = (
            (("platforms", word), written) if short else (("platforms", word, "dialect"), written["dialect"])
        )
        if dialect not in dialects:
            yield sheet.document.about(path, f"unknown dialect '{dialect}'" + hint(dialect, dialects))
        try:
            sizes.parse("" if short else written.get("defaults", {}).get("size", ""))
        except Fault as fault:
            yield sheet.document.about(("platforms", word, "defaults", "size"), fault.message)
    for alias, model in sheet.part("aliases", {}).items():
        if alias in models:
            yield sheet.document.complaint(("aliases", alias), "is the name of a model itself; an alias needs another")
        if model not in models:
            yield sheet.document.about(("aliases", alias), f"unknown model '{model}'" + hint(model, models))


def _plugins(sheet: Sheet) -> Iterator[tuple[Path, str, Mapping[str, Any]]]:
    """Transforms, then plugins: where each is written, its name, its options."""
    for index, name in enumerate(sheet.part("transforms", TRANSFORMS)):
        yield ("transforms", index), name, {}
    for index, item in enumerate(sheet.part("plugins", [])):
        for name, options in [(item, {})] if isinstance(item, str) else item.items():
            yield ("plugins", index), name, options


def _unplugged(sheet: Sheet, known: frozenset[str]) -> Iterator[Complaint]:
    for path, name, _ in _plugins(sheet):
        if name not in known:
            yield sheet.document.about(path, f"there is no plugin '{name}'" + hint(name, known))


def _guessable(sheet: Sheet) -> Iterator[Complaint]:
    """An admin token that somebody could guess, or that no header can carry; never shown."""
    token = sheet.part("admin", None)
    if token is None:
        return
    if not token.isascii() or not token.isprintable() or " " in token:
        yield sheet.document.about(("admin",), "holds a space or a letter that no header can carry")
    elif why := weak(token):
        how = "try python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
        yield sheet.document.about(("admin",), f"can be guessed: it {why}; {how}")


def _homeless(sheet: Sheet) -> Iterator[Complaint]:
    """A `state` that no database can be had at; the URL may hold a password, and is never shown."""
    url = sheet.part("state", None)
    if url is None:
        return
    kind = url.partition(":")[0].partition("+")[0]
    if kind not in DATABASES:
        what = f"there is no kind of database '{kind}'{hint(kind, DATABASES)}"
        yield sheet.document.about(("state",), what)
        return
    try:
        parts = urlsplit(url)
        _ = parts.port
        if kind == "sqlite" and parts.netloc:
            what = "a file is written with three slashes, sqlite:///data/koci.db, and with four where it begins at /"
            yield sheet.document.about(("state",), what)
    except ValueError:
        what = f"has no host and port that can be read; {ESCAPED}"
        yield sheet.document.about(("state",), what)


def _decisions(sheet: Sheet) -> dict[str, Any]:
    """The parts of `routes.yaml` that stand for themselves; what is left out keeps the default of its fact."""
    value = sheet.value
    found: dict[str, Any] = {name: value[name] for name in _PLAIN if name in value}
    retry, limits, store, jobs, log = (value.get(name, {}) for name in ("retry", "limits", "store", "jobs", "log"))
    if "public_url" in value:
        found["public_url"] = value["public_url"].rstrip("/")
    if "policy" in value.get("sizes", {}):
        found["size_policy"] = value["sizes"]["policy"]
    return found | {
        "platforms": {
            word: written if isinstance(written, str) else written["dialect"]
            for word, written in value["platforms"].items()
        },
        "defaults": {
            word: written["defaults"]
            for word, written in value["platforms"].items()
            if isinstance(written, dict) and "defaults" in written
        },
        "retry": Retry(**retry | {name: seconds(retry[name]) for name in ("wait", "give_up") if name in retry}),
        "limits": Limits(
            key=bounds(limits),
            house=bounds(limits.get("house", {})),
            body=mebibytes(limits["body_mb"]) if "body_mb" in limits else Limits().body,
        ),
        "store": StoreFacts(
            folder=store.get("url", StoreFacts().folder),
            keep=optional(store.get("keep"), seconds),
            signed=store.get("links") == "signed",
        ),
        "jobs": JobFacts(
            keep_answers=seconds(jobs.get("keep_answers", JobFacts().keep_answers)),
            keep=optional(jobs.get("keep", JobFacts().keep), seconds),
            hang_up=jobs.get("on_hang_up", JobFacts().hang_up),
        ),
        "log": LogFacts(
            keep=optional(log.get("keep", LogFacts().keep), seconds), prompts=log.get("prompts", LogFacts().prompts)
        ),
        "plugins": tuple((name, options) for _, name, options in _plugins(sheet)),
    }


def _secrets(routes: Sheet, providers: list[Sheet]) -> Iterator[str]:
    """What must never be shown: all keys, the database's password, what variables put where a secret may stand."""
    yield from keys.secrets(routes)
    if "admin" in routes.value:
        yield routes.value["admin"]
    places = [(routes, "state"), (routes, "pace"), (routes, "plugins")]
    places += [(sheet, part) for sheet in providers for part in ("headers", "wire")]
    pieces = [piece for sheet, part in places for piece in sheet.outside(part)]
    pieces += [password(str(routes.value.get(part) or "")) for part in ("state", "pace")]
    yield from (piece for piece in pieces if len(piece) >= SHORTEST_SECRET)


def password(url: str) -> str:
    """The password in a URL, empty where there is none; it may hold what no URL should."""
    found = re.match(r"[^:/]+://[^:/@]*:(.*)@", url)
    return unquote(found[1]) if found else ""
