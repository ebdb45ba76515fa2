"""Variables of the environment and files, put into the text values of a document after it was parsed.

`${NAME}`, `${NAME:-default}` (also when empty), `${NAME:?message}`, `${file:/path}` (without its last line break), and
`$$` for a dollar; `$NAME`, which a shell would fill in, is refused. A secret can so never become YAML, and which values
came from outside is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as Folder
from typing import Any

from .complain import Path

DOLLAR = "a dollar that means itself is written $$"
MAX_FILE = 65_536  # bytes; a secret is small, a wrong path may lead to anything

_MARKED = re.compile(r"\$(?:\$|\{([^{}]*)\}|(\{)|([A-Za-z_][A-Za-z0-9_]*))")
_NAME = re.compile(r"\$[A-Z][A-Z0-9_]*")
_NAMED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:(:-|:\?)(.*))?\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Filled:
    """A document's value with its variables put in.

    `failed` says why, at the paths where one could not be; the text there is left as written. `outside` holds the
    pieces that came from outside, by path.
    """

    value: Any
    failed: Mapping[Path, str] = field(default_factory=dict)
    outside: Mapping[Path, tuple[str, ...]] = field(default_factory=dict, repr=False)


class _Missing(ValueError):
    """A variable has no value."""


def fill(value: Any, environ: Mapping[str, str], folder: Folder) -> Filled:
    """Put the variables into every text of `value`; relative `${file:…}` paths begin at `folder`."""
    failed: dict[Path, str] = {}
    outside: dict[Path, tuple[str, ...]] = {}

    def walk(node: Any, path: Path) -> Any:
        if isinstance(node, dict):
            return {key: walk(item, (*path, key)) for key, item in node.items()}
        if isinstance(node, list):
            return [walk(item, (*path, index)) for index, item in enumerate(node)]
        if not isinstance(node, str) or "$" not in node:
            return node
        pieces: list[str] = []
        try:
            text = _MARKED.sub(lambda match: _put(match, environ, folder, pieces), node)
        except _Missing as missing:
            failed[path] = str(missing)
            return node
        if pieces:
            outside[path] = tuple(pieces)
        return text

    return Filled(walk(value, ()), failed, outside)


def named(text: str, folder: Folder) -> Iterator[Folder]:
    """The files whose content a document would have put in, as its bare text names them."""
    for match in _MARKED.finditer(text):
        if (match.group(1) or "").startswith("file:"):
            yield folder / match.group(1)[5:]


def _put(match: re.Match[str], environ: Mapping[str, str], folder: Folder, pieces: list[str]) -> str:
    if match.group() == "$$":
        return "$"
    if match.group(2):
        raise _Missing(f"'${{' is not closed by '}}' ({DOLLAR})")
    if match.group(3):
        raise _Missing(_braceless(match, environ))
    inner = match.group(1)
    piece = _content(inner[5:], folder) if inner.startswith("file:") else _variable(inner, environ)
    if piece is None:
        return inner.partition(":-")[2]
    pieces.append(piece)
    return piece


def _braceless(match: re.Match[str], environ: Mapping[str, str]) -> str:
    """What is wrong with `$NAME`. It is shown only where it is a name: else it may be a piece of a password."""
    name = match.group(3)
    if name in environ or _NAME.fullmatch(match.string):
        return f"'${name}' has no braces — did you mean '${{{name}}}'? ({DOLLAR})"
    return f"holds a dollar before a letter; a variable is written ${{NAME}} ({DOLLAR})"


def _variable(inner: str, environ: Mapping[str, str]) -> str | None:
    """Its value; None where the default is meant."""
    named = _NAMED.match(inner)
    if not named:
        raise _Missing(f"'${{{inner}}}' names no variable ({DOLLAR})")
    name, operator, rest = named.groups()
    value = environ.get(name)
    if operator and not value:
        if operator == ":-":
            return None
        raise _Missing(f"the variable {name} is not set: {rest}" if rest else f"the variable {name} is not set")
    if value is None:
        raise _Missing(f"the variable {name} is not set")
    return value


def _content(name: str, folder: Folder) -> str:
    path = folder / name
    try:
        if not path.is_file():
            raise _Missing(f"there is no file {name}")
        with path.open("rb") as file:
            content = file.read(MAX_FILE + 1)
    except OSError as error:
        raise _Missing(f"the file {name} cannot be read: {error.strerror}") from None
    if len(content) > MAX_FILE:
        raise _Missing(f"the file {name} is larger than {MAX_FILE} bytes")
    try:
        return content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise _Missing(f"the file {name} is not text") from None
