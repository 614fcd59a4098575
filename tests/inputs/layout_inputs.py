"""Wells of a screen whose places are known, with or without an effect of the place on their features; and its leaks."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gandl.evaluation.layout.wells import Wells, drawn, placed
from table_rows import well_row

ROWS, COLUMNS, DIM = "ABCDEFGH", 12, 15
CONTROLS = 16
"""Wells of each kind of control on a plate, on average."""


def layout_wells(
    plates: int = 4, *, columns: bool = False, unequal: bool = False, seed: int = 0, cell_type: str = "HRCE"
) -> pd.DataFrame:
    """Wells of plates of 96: both controls, 4 UV-inactivated wells, 30 treatments twice, the same on all plates.

    columns : positive controls stand in columns 11 and 12 and negative ones in 1 and 2, as on real plates; else all at random.
    unequal : the first half of the plates has 28 positive and 4 negative controls, the second half the other way round.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for plate in range(plates):
        positive = CONTROLS + (12 if plate < plates / 2 else -12) * unequal
        kinds = [("mock", "positive", None)] * positive + [("infected", "negative", None)] * (2 * CONTROLS - positive)
        others = [("uv_inactivated", "none", None)] * 4
        others += [("infected", "none", f"compound {i}") for i in range(30) for _ in range(2)]
        places = [(row, column) for column in range(1, COLUMNS + 1) for row in ROWS]
        if columns:
            first, last = places[:CONTROLS], places[-CONTROLS:]
            placing = [*last, *first, *rng.permutation(places[CONTROLS:-CONTROLS]).tolist()]
        else:
            placing = rng.permutation(places).tolist()
        for (condition, control, treatment), (row, column) in zip([*kinds, *others], placing, strict=True):
            about = {"condition": condition, "control": control, "treatment": treatment}
            rows.append(well_row(f"{cell_type}-1", plate + 1, f"{row}{int(column):02d}", **about))
    return placed(pd.DataFrame(rows))


def layout_features(
    wells: pd.DataFrame, *, phenotype: float = 0.0, plate: float = 0.0, column: float = 0.0, seed: int = 0
) -> np.ndarray:
    """(n, 15) noise of wells, and effects along directions of their own, in deviations of a well.

    phenotype : of infected wells. plate : of the plates, those of the first half up, of the second half down. column : from the
    first to the last column.
    """
    rng = np.random.default_rng([seed, 1])
    values = rng.standard_normal((len(wells), DIM))
    directions = np.linalg.qr(rng.standard_normal((DIM, 3)))[0].T
    infected = ((wells["condition"] == "infected") & wells["treatment"].isna()).to_numpy(float)
    number = wells["plate_id"].factorize(sort=True)[0]
    up = np.where(number < (number.max() + 1) / 2, 0.5, -0.5)
    for size, amount, direction in (
        (phenotype, infected, directions[0]),
        (plate, up, directions[1]),
        (column, wells["column"].to_numpy(float) / COLUMNS - 0.5, directions[2]),
    ):
        values += size * np.outer(amount, direction)
    return values


def layout_screen(seed: int, effects: dict[str, float] | None = None, **layout: object) -> Wells:
    """A drawn screen with its features."""
    about = layout_wells(seed=seed, **layout)  # type: ignore[arg-type]
    values = layout_features(about, seed=seed, **(effects or {}))
    chosen = drawn(about, seed)
    return Wells(chosen, values[pd.Index(about["well_id"]).get_indexer(pd.Index(chosen["well_id"]))])
