"""Well profiles of compounds with known mechanisms, for tests of the question `mechanism`: what is alike is planted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from gandl.config import EvaluationSettings
from gandl.evaluation.mechanism.question import write_mechanism
from gandl.normalization.profiles import with_features
from gandl.tables import WELL_PROFILES, write_table
from table_rows import well_row

SETTINGS = EvaluationSettings(bootstrap=200, permutations=99)
DIM = 16
PLATES = 3


def screen(
    compounds: Mapping[str, str], batches: Mapping[str, Sequence[str]], doses: int = 2, controls: int = 0
) -> pd.DataFrame:
    """Wells like those of BBBC021: each dose of a compound once on each of three plates of its batches.

    compounds : mechanism of each compound; empty where it is not known. batches : of each compound.
    controls : so many DMSO wells and wells of `taxol` (positive) on every plate.
    """
    rows = []
    for batch in sorted({batch for of_compound in batches.values() for batch in of_compound}):
        given = [("DMSO", np.nan, "", "negative"), ("taxol", 0.3, "stabilisers", "positive")]
        layout = [one for one in given for _ in range(controls)]
        layout += [
            (name, 10.0**dose, mechanism, "none")
            for name, mechanism in compounds.items()
            if batch in batches[name]
            for dose in range(doses)
        ]
        for plate in range(1, PLATES + 1):
            for place, (name, dose, mechanism, control) in enumerate(layout):
                well = f"{'ABCDEFGHIJKLMNOP'[place % 16]}{place // 16 + 1:02d}"
                named = {"treatment": name, "concentration_um": dose, "control": control, "cell_type": "MCF7"}
                rows.append(well_row(batch, plate, well, **named) | {"moa": mechanism})
    return pd.DataFrame(rows)


def bbbc021(compounds: int = 12, mechanisms: int = 4, batches: int = 3, **layout: int) -> pd.DataFrame:
    """Compounds dealt to mechanisms and batches such that every mechanism is in several batches."""
    of = {f"compound {i:02d}": f"mechanism {i % mechanisms}" for i in range(compounds)}
    return screen(of, {name: [f"Week{i // mechanisms % batches + 1}"] for i, name in enumerate(of)}, **layout)


def signature(wells: pd.DataFrame, columns: str | list[str], strength: float = 1.0, seed: int = 0) -> np.ndarray:
    """(n, 16): a random direction for each value of some columns."""
    codes = wells.groupby(columns, dropna=False).ngroup().to_numpy()
    return strength * np.random.default_rng(seed).standard_normal((codes.max() + 1, DIM))[codes]


def noise(wells: pd.DataFrame, strength: float, seed: int = 9) -> np.ndarray:
    return strength * np.random.default_rng(seed).standard_normal((len(wells), DIM))


def write_wells(folder: Path, wells: pd.DataFrame, values: np.ndarray, name: str = "wells") -> Path:
    path = folder / f"{name}.parquet"
    write_table(with_features(wells.reset_index(drop=True), values), path, WELL_PROFILES)
    return path


def outputs(folder: Path) -> dict[str, Path]:
    return {name: folder / f"{name}.parquet" for name in ("output", "treatments", "confusion")}


def evaluated(
    folder: Path, wells: pd.DataFrame, values: np.ndarray, settings: EvaluationSettings = SETTINGS
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Numbers by split and metric, the table of treatments, and the confusion counts."""
    files = outputs(folder)
    names = {"featurizer": "gandl_blocks", "normalization": "tvn"}
    write_mechanism(write_wells(folder, wells, values), settings, seed=0, training_seed=0, **names, **files)
    numbers, treatments, confusion = (pd.read_parquet(path) for path in files.values())
    return numbers.set_index(["split", "metric"]), treatments, confusion
