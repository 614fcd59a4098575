"""Reading what evaluation wrote, with errors that say what is missing: used by several figures."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gandl.evaluation.terms import by_strictest_scheme
from gandl.figures.common.style import FigureError
from gandl.tables import WELL_SCORES, read_table

PLATE_ORDER = ["plate_id", "row", "column"]


def read_scores(path: Path, scheme: str) -> pd.DataFrame:
    """Well scores of one scheme, sorted by plate and well.

    Raises
    ------
    FigureError : the file is absent, or holds no row of that scheme; names those it holds.
    """
    table = _scores(path)
    chosen = table[table["scheme"] == scheme]
    if chosen.empty:
        raise FigureError(
            f"{path}: no scores of scheme {scheme}; it holds {', '.join(sorted(table['scheme'].unique()))}"
        )
    return chosen.sort_values(PLATE_ORDER, ignore_index=True)


def read_held_out(path: Path, scheme: str) -> pd.DataFrame:
    """Well scores of one scheme; of a cell type that it does not score, those of the strictest scheme that does.

    A cell type with one plate, for one, has no other plate to learn from, so its rows are left out instead (column `scheme`).

    Raises
    ------
    FigureError : the file is absent, or holds no held-out score.
    """
    table = _scores(path)
    chosen = table[table["scheme"] == scheme]
    others = table[~table["cell_type"].isin(chosen["cell_type"])]
    parts = [chosen, *(wells for _, _, wells in by_strictest_scheme(others))]
    found = pd.concat([part for part in parts if len(part)] or [chosen], ignore_index=True)
    if found.empty:
        raise FigureError(
            f"{path}: no held-out scores; it holds {', '.join(sorted(table['scheme'].unique())) or 'none'}"
        )
    return found.sort_values(PLATE_ORDER, ignore_index=True)


def _scores(path: Path) -> pd.DataFrame:
    if not Path(path).is_file():
        raise FigureError(f"{path} does not exist: no well scores to draw; run the evaluation first")
    return read_table(path, WELL_SCORES)


def treatments_of(table: pd.DataFrame) -> list[str]:
    """Treatments in the order of the plate (by `well_id` or well); the order of panels."""
    order = "well_id" if "well_id" in table.columns else "well"
    return list(table.dropna(subset="treatment").sort_values(order, kind="stable")["treatment"].unique())
