"""Splits: takes the sites table, makes the table of who may be trained on and who is tested.

Made once, before any network, and read by everyone who trains on labels or is tested on them (`gandl.tables.SPLITS`).
Every scheme trains on controls alone and tests whole plate rows, so that no test well shares its row with a training well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

import pandas as pd

from gandl.tables import SITES, SPLITS, read_table, write_table


class Question(StrEnum):
    CONTROLS = "controls"
    """Positive against negative controls."""


class Scheme(StrEnum):
    LEAVE_ROW_OUT = "leave_row_out"
    """Each plate row is tested by a model of all the others."""
    PROBE = "probe"
    """The same among the development rows: here settings may be chosen, and the other rows appear in no part."""
    CONFIRMATION = "confirmation"
    """One fold: the rows that chose nothing, tested by a model of the development rows."""


class SplitError(ValueError):
    """The wells cannot be split as asked; the message says what is missing where."""


def write_splits(sites: Path, output: Path, development_rows: Sequence[str]) -> None:
    """Write the splits table of a plate.

    Parameters
    ----------
    sites : sites table (parquet).
    output : parquet, schema `gandl.tables.SPLITS`.
    development_rows : plate rows on which settings may be chosen.

    Raises
    ------
    SplitError : see `make_splits`.
    """
    write_table(make_splits(read_table(sites, SITES), development_rows), output, SPLITS)


def make_splits(sites: pd.DataFrame, development_rows: Sequence[str]) -> pd.DataFrame:
    """Split the wells of a plate under every scheme.

    A fold's test part is *every* well of its plate row (treated ones too); its train part is the controls of the scheme's
    other rows. Treated wells of other rows are in no part.

    Raises
    ------
    SplitError : a development row is not on the plate, none is left to confirm, or a fold's training wells lack a control.
    """
    wells = sites.drop_duplicates("well_id")[["well_id", "row", "control"]]
    rows = sorted(wells["row"].unique(), key=_row_order)
    unknown = [row for row in development_rows if row not in rows]
    if unknown:
        raise SplitError(f"development_rows names {', '.join(unknown)}, but the plate has the rows {', '.join(rows)}")
    if len(set(development_rows)) != len(development_rows):
        raise SplitError(f"development_rows names a row twice: {', '.join(development_rows)}")
    development = [row for row in rows if row in development_rows]
    rest = [row for row in rows if row not in development_rows]
    if len(development) < 2 or not rest:
        raise SplitError(
            f"development_rows must name at least two plate rows and leave one out; it names "
            f"{', '.join(development) or 'none'} of {', '.join(rows)}"
        )
    folds = [
        *(_fold(wells, Scheme.LEAVE_ROW_OUT, row, [r for r in rows if r != row], [row]) for row in rows),
        *(_fold(wells, Scheme.PROBE, row, [r for r in development if r != row], [row]) for row in development),
        _fold(wells, Scheme.CONFIRMATION, span(rest), development, rest),
    ]
    return pd.concat(folds, ignore_index=True)


def _fold(wells: pd.DataFrame, scheme: Scheme, fold: str, train_rows: list[str], test_rows: list[str]) -> pd.DataFrame:
    train = wells[wells["row"].isin(train_rows) & (wells["control"] != "none")]
    for control in ("positive", "negative"):
        if control not in set(train["control"]):
            raise SplitError(
                f"scheme {scheme}, fold {fold}: the training rows {', '.join(train_rows)} hold no {control} control"
            )
    parts = [("train", train), ("test", wells[wells["row"].isin(test_rows)])]
    return pd.DataFrame(list(_rows_of(scheme, fold, parts)), columns=SPLITS.names)


def _rows_of(scheme: Scheme, fold: str, parts: list[tuple[str, pd.DataFrame]]) -> Iterator[tuple[str, ...]]:
    for part, wells in parts:
        for well_id in wells["well_id"]:
            yield Question.CONTROLS.value, scheme.value, fold, well_id, part


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


def _row_order(row: str) -> tuple[int, str]:
    return len(row), row  # ... Y, Z, AA, AB ... on plates of 1536 wells
