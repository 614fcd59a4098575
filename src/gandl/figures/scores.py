"""Reading what evaluation wrote, with errors that say what is missing: used by several figures."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gandl.figures.style import FigureError
from gandl.tables import WELL_SCORES, read_table


def read_scores(path: Path, scheme: str) -> pd.DataFrame:
    """Well scores of one scheme, sorted by plate and well.

    Raises
    ------
    FigureError : the file is absent, or holds no row of that scheme; names those it holds.
    """
    if not Path(path).is_file():
        raise FigureError(f"{path} does not exist: no well scores to draw; run the evaluation first")
    table = read_table(path, WELL_SCORES)
    chosen = table[table["scheme"] == scheme]
    if chosen.empty:
        raise FigureError(
            f"{path}: no scores of scheme {scheme}; it holds {', '.join(sorted(table['scheme'].unique()))}"
        )
    return chosen.sort_values(["plate_id", "row", "column"], ignore_index=True)


def treatments_of(table: pd.DataFrame) -> list[str]:
    """Treatments in the order of the plate (by `well_id` or well); the order of panels."""
    order = "well_id" if "well_id" in table.columns else "well"
    return list(table.dropna(subset="treatment").sort_values(order, kind="stable")["treatment"].unique())
