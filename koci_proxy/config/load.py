"""The strict loader: `routes.yaml` and all it names become one `House`, or one `ConfigError` with all that is wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path as Folder
from typing import Any
from urllib.parse import urlsplit

from ..facts import House, Limits, Retry, StoreFacts
from . import keys
from .complain import Complaint, ConfigError, Path, hint
from .models import Reader
from .providers import shelf
from .sheet import Sheet, open_sheet
from .units import mebibytes, optional, seconds

TRANSFORMS = ("style", "size")
SHORTEST_SECRET = 8  # what is shorter is no secret, and masking it would spoil every log


def shipped() -> Folder:
    """The folder that holds the shipped `providers/`, `plugins/`, `schemas/` and `routes.yaml`."""
    package = Folder(__file__).resolve().parents[1]
    packed = package / "_shipped"
    return packed if packed.is_dir() else package.parent


def stated(path: Folder, environ: Mapping[str, str] | None = None) -> str:
    """Where a house keeps its keys, read from a `routes.yaml` that may be wrong in everything else.

    Raises `ConfigError` for a file that is no YAML: then nobody knows.
    """
    environ = os.environ if environ is None else environ
    sheet = open_sheet(path, path.name, shipped() / "schemas" / "routes.json", environ, path.parent)
    if not isinstance(sheet.value, dict):
        raise ConfigError(sheet.complaints)
    return str(sheet.value.get("state") or House.__dataclass_fields__["state"].default)


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
    """Platforms and aliases that lead nowhere."""
    for word, dialect in sheet.part("platforms", {}).items():
        if dialect not in dialects:
            yield sheet.document.about(("platforms", word), f"unknown dialect '{dialect}'" + hint(dialect, dialects))
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


def _decisions(sheet: Sheet) -> dict[str, Any]:
    """The parts of `routes.yaml` that stand for themselves; what is left out keeps the default of its fact."""
    value = sheet.value
    found: dict[str, Any] = {name: value[name] for name in ("aliases", "balance", "state") if name in value}
    retry, limits, store = (value.get(name, {}) for name in ("retry", "limits", "store"))
    if "public_url" in value:
        found["public_url"] = value["public_url"].rstrip("/")
    if "policy" in value.get("sizes", {}):
        found["size_policy"] = value["sizes"]["policy"]
    return found | {
        "platforms": value["platforms"],
        "retry": Retry(**retry | {name: seconds(retry[name]) for name in ("wait", "give_up") if name in retry}),
        "limits": Limits(
            per_minute=limits.get("per_minute"),
            at_once=limits.get("at_once"),
            body=mebibytes(limits["body_mb"]) if "body_mb" in limits else Limits().body,
        ),
        "store": StoreFacts(
            folder=store.get("url", StoreFacts().folder),
            keep=optional(store.get("keep"), seconds),
            signed=store.get("links") == "signed",
        ),
        "plugins": tuple((name, options) for _, name, options in _plugins(sheet)),
    }


def _secrets(routes: Sheet, providers: list[Sheet]) -> Iterator[str]:
    """What must never be shown: all keys, the database's password, what variables put where a secret may stand."""
    yield from keys.secrets(routes)
    places = [(routes, "state"), (routes, "plugins")]
    places += [(sheet, part) for sheet in providers for part in ("headers", "wire")]
    pieces = [piece for sheet, part in places for piece in sheet.outside(part)]
    pieces.append(urlsplit(routes.value.get("state", "")).password or "")
    yield from (piece for piece in pieces if len(piece) >= SHORTEST_SECRET)
