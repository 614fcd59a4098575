"""Plate rows in short: takes names of rows, makes one name of them (`E-H`), and reads it again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise


def span(rows: Sequence[str]) -> str:
    """Plate rows in short: `E-H` where each is the next of the one before, `B+D` otherwise."""
    places = [_place(row) for row in rows]
    neighbours = all(after - before == 1 for before, after in pairwise(places))
    return f"{rows[0]}-{rows[-1]}" if len(rows) > 1 and neighbours else "+".join(rows)


def in_span(row: str, named: str) -> bool:
    """Whether a plate row is among those that `span` named."""
    first, dash, last = named.partition("-")
    return _place(first) <= _place(row) <= _place(last) if dash else row in named.split("+")


def _place(row: str) -> int:
    """A is 1, Z 26, AA 27."""
    place = 0
    for letter in row:
        place = 26 * place + ord(letter) - ord("A") + 1
    return place
