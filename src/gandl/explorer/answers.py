"""What each featurizer answers, as the page holds it: takes scores, compounds and fitted curves, makes packed columns.

Wells are in the order of `gandl.explorer.wells`; compounds and curves in the order of one list of series (a compound in a cell
type) that all featurizers share.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gandl.evaluation.missing.answers import reason_of
from gandl.evaluation.terms import COMPOUNDS, by_strictest_scheme
from gandl.explorer import packing
from gandl.figures.common.labels import SCHEMES, featurizer_label
from gandl.tables import WELL_SCORES, read_table

CURVE_POINTS = 25
"""Points of a fitted curve that the page draws, evenly over the logarithm of the dose."""
SPACES = ("E2", "C2")
SCORES = ["well_id", "scheme", "cell_type", "on", "off"]
OF_SERIES = (
    *(
        "wells",
        "plates",
        "doses",
        "efficacy",
        "efficacy_low",
        "efficacy_high",
        "efficacy_dose_um",
        "hit",
        "hit_doses",
        "q",
    ),
    *("toxic_dose_um", "average_precision", "ec50_um", "ec50_low_um", "ec50_high_um", "hill_slope", "bottom", "top"),
    *("flags", "no_curve"),
)
"""Columns of `evaluation.terms.COMPOUNDS` that the page shows."""

Series = tuple[str, str]
"""Cell type and compound."""


@dataclass(frozen=True)
class Answers:
    """One featurizer's files; None: not requested, or it has none.

    scores, cell_model : `tables.WELL_SCORES` of C+ against C- (E2) and of the cell models (C2). compounds :
    `evaluation.terms.COMPOUNDS`. curves : `evaluation.dose_response.CURVE_COLUMNS`. profiles : its normalised wells.
    """

    scores: Path
    cell_model: Path | None = None
    compounds: Path | None = None
    curves: Path | None = None
    profiles: Path | None = None

    def files(self) -> list[Path]:
        """Those that there are."""
        return [path for path in vars(self).values() if path is not None]


@dataclass(frozen=True)
class Read:
    """One featurizer's tables.

    points : (n, 4) on and off score of every well in E2 and in C2. schemes : by space and cell type, how wells were held out.
    compounds, curves : indexed by cell type and compound; None where there are none. missing : why something is missing, or "".
    """

    points: np.ndarray
    schemes: dict[str, dict[str, str]]
    compounds: pd.DataFrame | None
    curves: pd.DataFrame | None
    missing: str


def read_answers(answers: Answers, well_ids: pd.Series) -> Read:
    """Read a featurizer's tables; scores in the order of `well_ids`, not a number where a well has none."""
    points = np.full((len(well_ids), 2 * len(SPACES)), np.nan)
    schemes: dict[str, dict[str, str]] = {}
    for place, (space, path) in enumerate(zip(SPACES, (answers.scores, answers.cell_model), strict=True)):
        if path is not None:
            found, schemes[space] = _scores(path)
            at = found.index.get_indexer(pd.Index(well_ids))
            points[at >= 0, 2 * place : 2 * place + 2] = found[["on", "off"]].to_numpy(float)[at[at >= 0]]
    compounds = curves = None
    if answers.compounds is not None:
        compounds = read_table(answers.compounds, COMPOUNDS).set_index(["cell_type", "compound"])
    if answers.curves is not None:
        curves = pd.read_parquet(answers.curves).set_index(["cell_type", "treatment"]).sort_index()
    reasons = [reason for path in answers.files() if (reason := reason_of(path))]
    return Read(points, schemes, compounds, curves, reasons[0] if reasons else "")


def _scores(path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """Scores of every well by the strictest scheme of its cell type, and that scheme in words."""
    table = read_table(path, WELL_SCORES, SCORES)
    parts, schemes = [table.iloc[:0]], {}
    for scheme, cell_type, wells in by_strictest_scheme(table):
        parts.append(wells)
        schemes[cell_type] = SCHEMES.get(scheme, scheme)
    return pd.concat(parts).drop_duplicates("well_id").set_index("well_id"), schemes


def series_of(found: Iterable[Read]) -> list[Series]:
    """Every compound in every cell type that a featurizer has an answer for, by cell type and name."""
    series: set[Series] = set()
    for read in found:
        for table in (read.compounds, read.curves):
            if table is not None:
                series |= set(table.index)
    return sorted(series, key=lambda one: (one[0], one[1].casefold(), one[1]))


def blocks(name: str, read: Read, series: Sequence[Series]) -> dict[str, str]:
    """A featurizer's columns, packed: `scores`, `compounds` and `curves`, each with its name behind a colon."""
    found = {f"scores:{name}": packing.fixed_point(read.points.T)}
    if read.compounds is not None:
        found[f"compounds:{name}"] = packing.document(_columns(read.compounds, series))
    if read.curves is not None:
        found[f"curves:{name}"] = packing.fixed_point(_curves(read.curves, series))
    return found


def described(name: str, read: Read, spaces: Sequence[str]) -> dict[str, Any]:
    """What the page says of a featurizer."""
    return {
        "name": name,
        "label": featurizer_label(name),
        "spaces": [space for space in spaces if len(read.schemes.get(space, {}))],
        "schemes": read.schemes,
        "missing": read.missing,
    }


def _columns(compounds: pd.DataFrame, series: Sequence[Series]) -> Mapping[str, list[Any]]:
    """Columns of compounds in the order of the series, null where a featurizer lacks one; floats to six digits."""
    rows = compounds.reindex(pd.MultiIndex.from_tuples(series, names=compounds.index.names))
    return {name: [_value(value) for value in rows[name]] for name in OF_SERIES}


def _value(value: Any) -> Any:
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, str):
        return value
    return float(f"{value:.6g}")


def _curves(curves: pd.DataFrame, series: Sequence[Series]) -> np.ndarray:
    """(series, 3, points): fit, low and high ends of the band; not a number where there are none."""
    found = np.full((len(series), 3, CURVE_POINTS), np.nan)
    place = {one: at for at, one in enumerate(series)}
    for one, rows in curves.groupby(level=[0, 1], sort=False):
        ascending = rows.sort_values("concentration_um")
        chosen = np.linspace(0, len(ascending) - 1, CURVE_POINTS).round().astype(int)
        found[place[one]] = ascending[["fit", "low", "high"]].to_numpy(float)[chosen].T  # type: ignore[index]
    return found
