"""What features of the real plate BBBC013 are worth: takes features of its sites, makes held-out scores of its controls.

Rows A-D are for choosing: each is scored by axes of the three others (scheme `probe`). Rows E-H are for reporting and choose
nothing: each is scored by axes of the seven other rows (scheme `leave_row_out`), as in the evaluation's `leave_row_out:E-H`.
Features are standardised on the plate's wells that are not controls.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.learning.feature_scores import Floats, Pair, scored_by, well_profiles
from gandl.source.splits import Question, Scheme
from gandl.statistics.folds import folds_of, labels_of
from gandl.tables import SPLITS, read_table

HALVES = {"choice": Scheme.PROBE, "report": Scheme.LEAVE_ROW_OUT}
"""By which scheme the wells of each half are scored; those of `choice` are the scheme's own, those of `report` all others."""


@dataclass(frozen=True)
class Plate(Pair):
    """A finished run of BBBC013."""

    trained_on = "bbbc013"


def open_run(folder: Path) -> Pair:
    """The run in a folder, of the simulated pair or of the plate.

    Raises
    ------
    FileNotFoundError : it holds the image stores of neither.
    """
    runs = (Plate(folder), Pair(folder))
    for run in runs:
        if run.stores(run.trained_on):
            return run
    raise FileNotFoundError(
        f"{folder} holds no image stores of {' or '.join(run.trained_on for run in runs)}: "
        f"name a finished run, --run results/<run>"
    )


def plate_scores(
    plate: Plate, features: Floats, ids: npt.NDArray[np.str_], classifiers: tuple[str, ...]
) -> pd.DataFrame:
    """Held-out on scores of every control.

    Returns
    -------
    a row per control and classifier: classifier, well_id, plate_id, cell_type, half, scheme, label, severity (unknown: NaN), on,
    right_images (NaN). No row where the plate has no controls.
    """
    sites = plate.sites(plate.trained_on).loc[ids]
    _, profiles, wells = well_profiles(features, sites)
    labels = labels_of(wells["control"])
    splits = read_table(plate.folder / "source" / plate.trained_on / "splits.parquet", SPLITS)
    splits = splits[splits["question"] == Question.CONTROLS]
    chosen = wells.index.isin(splits.loc[splits["scheme"] == HALVES["choice"], "well_id"])
    tables = []
    for classifier in classifiers:
        for half, scheme in HALVES.items():
            on = np.full(len(wells), np.nan)
            for fold in folds_of(splits[splits["scheme"] == scheme], wells.index.tolist(), str(plate.folder)):
                on[fold.test] = scored_by(classifier, profiles[fold.train], labels[fold.train], profiles[fold.test])[0]
            chosen_wells = (chosen if half == "choice" else ~chosen) & (labels != 0)
            table = wells.loc[chosen_wells, ["plate_id", "cell_type"]].reset_index()
            values = {"classifier": classifier, "half": half, "scheme": scheme.value, "label": labels[chosen_wells]}
            tables.append(table.assign(**values, severity=np.nan, on=on[chosen_wells], right_images=np.nan))
    return pd.concat(tables, ignore_index=True)
