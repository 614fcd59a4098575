"""Compounds and doses as the question `screening` writes them, from names and efficacies: for tables and figures of compounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from gandl.evaluation.screening.terms import DOSES
from gandl.evaluation.terms import COMPOUNDS
from gandl.tables import write_table
from table_rows import compound_row, dose_row

TESTED = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
NAMED = {
    "Remdesivir (simulated)": 0.9,
    "GS-441524 (simulated)": 0.7,
    "Polydatin (simulated)": -0.9,
    **{f"SIM-{i}": 0.9 - 0.25 * i for i in range(1, 9)},
}
"""Compounds and the efficacy of their highest dose."""


def write_compounds_of(
    folder: Path,
    featurizer: str = "gandl",
    compounds: Mapping[str, float] = NAMED,
    cell_types: Sequence[str] = ("HRCE", "VERO"),
    toxic: Sequence[str] = ("SIM-1",),
    tested: Sequence[float] = TESTED,
) -> tuple[Path, Path]:
    """Doses and compounds; efficacy rises from -1 to the given one with the logarithm of the dose. Toxic ones are so at the
    highest dose; compounds above 0 are hits and have an EC50, all others have none."""
    doses, rows = [], []
    for cell_type in cell_types:
        for name, highest in compounds.items():
            for place, dose in enumerate(tested):
                efficacy = -1 + (highest + 1) * (place + 1) / len(tested)
                harmed = name in toxic and place == len(tested) - 1
                about = {"featurizer": featurizer, "cell_type": cell_type, "toxic": harmed}
                doses.append(dose_row(name, dose, efficacy, **about, hit=efficacy > 0 and not harmed))
            fitted = {"ec50_um": 1.0, "ec50_low_um": 0.5, "ec50_high_um": 2.0, "hill_slope": 1.0, "bottom": -1.0}
            fitted = fitted | {"top": highest} if highest > 0 else {"no_curve": "a constant fits as well"}
            about = {
                "featurizer": featurizer,
                "cell_type": cell_type,
                "hit": highest > 0,
                "q": 0.01 if highest > 0 else 0.8,
            }
            flags = "toxic" if name in toxic else None
            rows.append(compound_row(name, **about, **fitted, flags=flags, doses=len(tested), efficacy=highest))
    paths = folder / f"{featurizer}.doses.parquet", folder / f"{featurizer}.compounds.parquet"
    for table, path, schema in ((doses, paths[0], DOSES), (rows, paths[1], COMPOUNDS)):
        frame = pd.DataFrame(table)[schema.names]
        floats = [column.name for column in schema.columns if column.kind == "float"]
        write_table(frame.astype(dict.fromkeys(floats, np.float64)), path, schema)
    return paths
