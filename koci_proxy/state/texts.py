"""Texts as every kind of database can hold them."""

from __future__ import annotations


def clean(text: str) -> str:
    """Without what some databases cannot hold in a text."""
    return text.replace("\0", "").encode(errors="replace").decode()
