"""Counts and names in sentences: takes a number and a noun, makes both in words, so that one site is never "1 sites" nor
"1 site(s)"; and puts generated text into a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def counted(number: int, noun: str, plural: str = "") -> str:
    """The number, with commas between thousands, and its noun: `1 site`, `3 sites`, `0 sites`, `1,200 images`.

    Parameters
    ----------
    plural : where it is not the noun with an s: `counted(2, "series", "series")`.
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def shown(names: Sequence[str], most: int) -> str:
    """So many names at most, and how many more there are: `a, b and 3 more`."""
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def between(page: str, start: str, end: str, text: str) -> str:
    """A page with another text between its marks, which stay.

    Raises
    ------
    ValueError : the page lacks a mark, or has it twice.
    """
    before, rest = page.split(start)
    _, after = rest.split(end)
    return f"{before}{start}\n\n{text}\n\n{end}{after}"


def named(noun: str, names: Iterable[str]) -> str:
    """A noun and the names of those meant: `column a`, `columns a, b`."""
    listed = list(names)
    return f"{noun if len(listed) == 1 else f'{noun}s'} {', '.join(listed)}"
