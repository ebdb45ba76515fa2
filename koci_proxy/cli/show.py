"""Answers as a person reads them in a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns in line; the last one is not padded."""
    every = [tuple(heads), *rows]
    widths = [max(len(row[at]) for row in every) for at in range(len(heads))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in every
    )


def explanation(answer: Mapping[str, Any]) -> str:
    """What `koci-proxy explain` prints."""
    lines = [f"{answer['model']}: asked {answer['asked']}, size policy {answer['policy']}"]
    lines += [f"  note: {note}" for note in answer["notes"]]
    for at, target in enumerate(answer["targets"], 1):
        lines += ["", f"{at}. {target['target']} ({target['dialect']}), keys {', '.join(target['keys'])}"]
        lines += [f"   {line}" for line in _target(target)]
    return "\n".join(lines)


def _target(target: Mapping[str, Any]) -> list[str]:
    if "refused" in target:
        return [f"refused: {target['refused']}"]
    size, request = target["size"], target["request"]
    expected = f", expected {size['expected']}" if size["expected"] else ""
    lines = [f"size: sent {size['sent']}{expected}"]
    lines += [f"note: {note}" for note in target["notes"]]
    lines += [f"price: {target['price']} credits", f"calls: {target['calls']}", f"{request['method']} {request['url']}"]
    lines += [f"{name}: {value}" for name, value in request["headers"].items()]
    lines += json.dumps(request["body"], indent=2, ensure_ascii=False).splitlines()
    return lines
