"""Counts in sentences: takes a number and a noun, makes both in words, so that one site is never "1 sites" nor "1 site(s)"."""

from __future__ import annotations

from collections.abc import Iterable


def counted(number: int, noun: str, plural: str = "") -> str:
    """The number, with commas between thousands, and its noun: `1 site`, `3 sites`, `0 sites`, `1,200 images`.

    Parameters
    ----------
    plural : where it is not the noun with an s: `counted(2, "series", "series")`.
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def named(noun: str, names: Iterable[str]) -> str:
    """A noun and the names of those meant: `column a`, `columns a, b`."""
    listed = list(names)
    return f"{noun if len(listed) == 1 else f'{noun}s'} {', '.join(listed)}"
