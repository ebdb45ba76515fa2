"""A body that cannot be read: what is wrong with it, and where."""

from __future__ import annotations

from typing import Literal

Flaw = Literal["syntax", "base64", "too_large", "too_deep", "empty"]


class Malformed(ValueError):
    """Bytes from outside are not what their type promises.

    `field` is the name under which the flaw lies ("b64_json", "images[1]", a form's part), None when it has none or is
    not known. `kind` says which flaw; `too_large` means a bound of ours was passed.
    """

    def __init__(self, message: str, field: str | None = None, kind: Flaw = "syntax") -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.kind: Flaw = kind
