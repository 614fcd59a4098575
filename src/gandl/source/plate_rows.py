"""Plate rows in short: takes names of rows, makes one name of them (`E-H`), and reads it again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from gandl.tables.row_letters import row_number


def span(rows: Sequence[str]) -> str:
    """Plate rows in short: `E-H` where each is the next of the one before, `B+D` otherwise."""
    places = [row_number(row) for row in rows]
    neighbours = all(after - before == 1 for before, after in pairwise(places))
    return f"{rows[0]}-{rows[-1]}" if len(rows) > 1 and neighbours else "+".join(rows)


def in_span(row: str, named: str) -> bool:
    """Whether a plate row is among those that `span` named."""
    first, dash, last = named.partition("-")
    return row_number(first) <= row_number(row) <= row_number(last) if dash else row in named.split("+")
