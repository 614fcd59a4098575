"""The audit of a single plate with development rows: which sets of plate rows its table of Z' shows, and its strips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gandl.report import numbers
from gandl.report.captions import SIMULATED_CONFIDENCE, coverage_note
from gandl.report.strips import strip
from gandl.source.schemes import Scheme


@dataclass(frozen=True)
class Column:
    """A column of the table of Z': a split, its plate rows, how its wells were held out, and its number of wells by control."""

    split: str
    rows: str
    how: str
    counts: dict[str, int]

    @property
    def named(self) -> str:
        return self.split.partition(":")[2]


def held_out(table: pd.DataFrame, development_rows: Sequence[str]) -> list[str]:
    """Held-out splits that are reported first: over all plate rows, then over the rows that chose nothing."""
    splits = numbers.splits_of(table, numbers.HELD_OUT)
    return [
        split for position, split in enumerate(splits) if position == 0 or numbers.untouched(split, development_rows)
    ]


def columns_of(table: pd.DataFrame, development_rows: Sequence[str], sites: Path) -> list[Column]:
    """Splits of the controls that are shown: what was held out first, then the checks beside it."""
    left_out = [(split, "one plate row left out") for split in held_out(table, development_rows)]
    confirmed = [(split, "trained on the other rows alone") for split in numbers.splits_of(table, Scheme.CONFIRMATION)]
    probed = [(split, "here settings were chosen") for split in numbers.splits_of(table, Scheme.PROBE)]
    columns = []
    for split, how in [*left_out, *confirmed[:1], *probed[:1]]:
        counts = numbers.control_counts(sites, split.partition(":")[2])
        columns.append(Column(split, numbers.rows_of_split(split), how, counts))
    return columns


def coverage(columns: Sequence[Column], confidence: float) -> str:
    """What the intervals of these columns are worth; empty if it was not simulated."""
    if confidence != SIMULATED_CONFIDENCE:
        return ""
    return coverage_note([(column.counts.get("positive", 0), column.counts.get("negative", 0)) for column in columns])


def strip_of(row: numbers.ControlsRow, splits: Sequence[str]) -> str:
    """The strip of a featurizer: Z' of the first two of these splits, where known."""
    values = [row.values.get((split, "z_prime")) for split in splits[:2]]
    return strip([value for value in values if value is not None and value.known])
