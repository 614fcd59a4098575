"""The screen in counts: takes every number, makes a row per featurizer and cell type of what it calls hits, toxic and curves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from gandl.config import QuestionName, floors_among
from gandl.evaluation.terms import ALL, NO_CELL_TYPE
from gandl.figures.common.labels import featurizer_label, fixed

COUNTS = {
    "hit_share": ("Hits", "compounds above the negative controls"),
    "hits_flagged_toxic": ("Hits toxic at another dose", "of the hits"),
    "toxic_share": ("Toxic", "compounds with a toxic dose"),
    "curve_share": ("With an EC50", "compounds whose curve beats a constant"),
    "biphasic_share": ("Biphasic", "of those tested"),
    "agreeing_share": ("Replicates agree", "compounds at a dose"),
    "negative_groups_as_hits": ("False hits", "groups of negative controls called hits"),
}
"""Share of the question `screening`: what its column is called, and of what it is a share."""


@dataclass(frozen=True)
class ScreenedRow:
    """One featurizer in one cell type: `12 of 31 (39 %)` per column, `–` where nothing was tested."""

    featurizer: str
    floor: bool
    drawn: bool
    cell_type: str
    cells: list[str]


@dataclass(frozen=True)
class Screened:
    """Columns (title, of what), rows."""

    columns: list[tuple[str, str]]
    rows: list[ScreenedRow]


def screened(numbers: pd.DataFrame, settings: Mapping[str, Any], drawn: str) -> Screened | None:
    """What every featurizer finds in the screen; None where the run does not ask it.

    Parameters
    ----------
    numbers : table of `gandl.tables.NUMBERS`. settings : the configuration. drawn : the featurizer that figures draw.
    """
    method = settings["normalization"]["method"]
    asked = (numbers["question"] == QuestionName.SCREENING.value) & (numbers["normalization"] == method)
    table = numbers[asked & numbers["metric"].isin(list(COUNTS))]
    if table.empty:
        return None
    shown = [metric for metric in COUNTS if (table["metric"] == metric).any()]
    rows = []
    for name in settings["embeddings"]["featurizers"]:
        for split, part in table[table["featurizer"] == name].groupby("split", sort=False):
            group = str(split).partition(":")[2]
            by_metric = {str(row["metric"]): row for _, row in part.iterrows()}
            rows.append(
                ScreenedRow(
                    featurizer_label(name),
                    name in floors_among([name]),
                    name == drawn,
                    "" if group in ("", ALL, NO_CELL_TYPE) else group,
                    [_share(by_metric.get(metric)) for metric in shown],
                )
            )
    return Screened([COUNTS[metric] for metric in shown], rows)


def _share(row: pd.Series | None) -> str:
    if row is None or pd.isna(row["value"]) or not int(row["n"]):
        return "–"
    n = int(row["n"])
    return f"{round(float(row['value']) * n):,} of {n:,} ({fixed(100 * float(row['value']), 0)} %)"
