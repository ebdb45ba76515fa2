"""What is said of a conversation at a vendor that takes only its last words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

EARLIER = "the words of earlier turns: the prompt is what the user said last"


def beyond(value: Mapping[str, Any], known: Collection[str]) -> list[str]:
    """What a turn or a part of one says besides what is known of it."""
    return [name for name, each in value.items() if each is not None and name not in known]
