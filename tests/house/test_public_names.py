"""The names a plugin author may rely on, pinned."""

from __future__ import annotations

from importlib.metadata import version

import koci_proxy

NAMES = [
    *("Balance", "Call", "Caller", "Done", "Event", "Fault", "Frame", "Job", "JobState", "Listing", "Lookup", "Made"),
    *("Media", "Note", "Partial", "Progress", "Reply", "Result", "Size", "Talk", "Target", "Ticket", "Upload"),
]


def test_the_public_names() -> None:
    assert sorted(koci_proxy.__all__) == NAMES
    assert [name for name in NAMES if not hasattr(koci_proxy, name)] == []


def test_the_version_is_the_installed_one() -> None:
    assert koci_proxy.__version__ == version("koci-proxy")
