"""Remarks: what is no mistake in a `routes.yaml`, and may yet not be meant."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path as Folder
from typing import Any

from ..facts import House, Model
from .complain import Complaint, Path
from .fixed import never
from .yaml import Document, read


def remarks(path: Folder, house: House) -> Iterator[Complaint]:
    """What is paid for and costs nobody anything, a target that can do nothing as its model is set, a share that is
    written as an order, and weights that nobody looks at.
    """
    document = read(path.name, path.read_text(encoding="utf-8-sig"))
    for name, model in house.models.items():
        written = document.value["models"][name]
        priced = isinstance(written, dict) and "price" in written
        if not priced and any(not house.providers[way[0]].sandbox for share in model.to for way in share.targets):
            yield document.complaint(("models", name), "has no price, so it is free (price: 0 says that it is meant)")
        for field, what in _idle(model, house):
            yield document.about(("models", name, "set", field), what)
        yield from _lonely(document, ("models", name), written)
    yield from _unweighed(document, house.balance)


def _idle(model: Model, house: House) -> Iterator[tuple[str, str]]:
    """The targets that refuse every call because of what the model sets: the field, and why."""
    strict = model.strict and "size" in (name for name, _ in house.plugins)
    for provider, name, _ in (target for share in model.to for target in share.targets):
        card = house.providers[provider].models[name]
        fault = never(model, card, model.size_policy or house.size_policy, strict=strict)
        if fault is not None:
            yield fault.field or "", f"{provider}/{name} refuses every call because of it: {fault.message}"


def _lonely(document: Document, path: Path, written: Any) -> Iterator[Complaint]:
    """A share written as the items of a list, which are an order: its weights say nothing. Said once a model."""
    long = isinstance(written, dict) and "to" in written
    path, to = ((*path, "to"), written["to"]) if long else (path, written)
    steps = to if isinstance(to, list) and len(to) > 1 else []
    alone = {index: step for index, step in enumerate(steps) if isinstance(step, dict) and len(step) == 1}
    if not alone:
        return
    share = {target: weight for step in alone.values() for target, weight in step.items()}
    joined = ", ".join(f"{target}: {weight}" for target, weight in share.items())
    how = f"write {{{joined}}} as one item" if len(share) > 1 else f"write {next(iter(share))} without a weight"
    yield document.about((*path, next(iter(alone))), f"a map of one shares nothing with the other items: {how}")


def _unweighed(document: Document, balance: str) -> Iterator[Complaint]:
    """Weights of keys that are not looked at, and the wish to look at weights where there are none."""
    pools = document.value.get("keys", {})
    weighed = [name for name, pool in pools.items() if isinstance(pool, dict) and "weights" in pool]
    if balance == "weighted" and not weighed:
        what = "weighted, and nothing under keys has weights, so that all keys are picked alike"
        yield document.about(("balance",), what)
    for name in weighed if balance != "weighted" else ():
        what = f"count only with balance: weighted, and here it is {balance}"
        yield document.complaint(("keys", name, "weights"), what)
