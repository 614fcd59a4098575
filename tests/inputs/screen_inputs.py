"""A screen of two cell types as evaluation scores it, from a formula and a seed, with the truth behind it: for figures and audit.

Dose responses and calibration are written by the evaluation itself, so that figures meet the columns they will meet.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gandl.config import EvaluationSettings
from gandl.embeddings.metadata import write_features
from gandl.evaluation.calibration import write_calibration
from gandl.evaluation.dose_response import write_dose_response
from gandl.evaluation.screening.screen import write_screening
from gandl.figures.dose_response import DoseResponse
from gandl.tables import NUMBERS, WELL_PROFILES, WELL_SCORES, write_table
from table_rows import number_row

SETTINGS = EvaluationSettings(svm_c=[1.0], bootstrap=60)
DOSES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
EC50 = {
    ("HRCE", "Remdesivir (simulated)"): 0.6,
    ("VERO", "Remdesivir (simulated)"): 2.0,
    ("HRCE", "GS-441524 (simulated)"): 3.0,
    ("VERO", "GS-441524 (simulated)"): 1.0,
    ("HRCE", "SIM-1"): 4.0,
    ("HRCE", "SIM-2"): None,
    ("VERO", "SIM-2"): None,
}
"""True EC50 (um) by cell type and compound; None: inactive. Polydatin is on no plate, SIM-1 on no VERO plate."""
CONTROLS = {"positive": ("mock", 0.0, 8), "negative": ("infected", 1.0, 8), "none": ("uv_inactivated", 0.0, 3)}
"""Control: condition, severity, wells per plate."""


@dataclass(frozen=True)
class Screen:
    """Files of one featurizer."""

    scores: Path
    doses: DoseResponse
    truth: Path
    calibration: Path
    wells: Path
    compounds: Path


def wells_of_screen(plates: int = 2, noise: float = 0.15, seed: int = 0) -> pd.DataFrame:
    """A row per well: what the sites table says, `severity_expected`, `severity`, and the truth of its compound."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, object]] = []
    for cell_type in ("HRCE", "VERO"):
        for plate in range(1, plates + 1):
            plate_id, wells = f"{cell_type}-1_{plate}", []
            for control, (condition, severity, count) in CONTROLS.items():
                wells += [{"control": control, "condition": condition, "severity_expected": severity}] * count
            for (of_type, compound), ec50 in EC50.items():
                for dose in [one for one in DOSES for _ in range(2)] if of_type == cell_type else []:
                    severity = 1.0 if ec50 is None else 1 / (1 + (dose / ec50) ** 1.5)
                    kind = "inactive" if ec50 is None else "active"
                    about = {"compound": compound, "concentration_um": dose, "ec50_um": ec50, "kind": kind}
                    wells.append({"control": "none", "condition": "infected", "severity_expected": severity} | about)
            for i, well in enumerate(wells):
                row, column = "ABCDEFGH"[i // 12], i % 12 + 1
                place = {"plate": plate, "plate_id": plate_id, "store_id": plate_id, "row": row, "column": column}
                name = f"{row}{column:02d}"
                about = {"experiment": f"{cell_type}-1", "well": name, "well_id": f"{plate_id}_{name}"}
                rows.append({"cell_type": cell_type} | place | about | well)
    table = pd.DataFrame(rows).assign(smiles=None)
    table["treatment"] = table["compound"]
    table["severity"] = table["severity_expected"] + noise * rng.standard_normal(len(table))
    return table.astype({"concentration_um": float, "ec50_um": float})


def scores_of(
    wells: pd.DataFrame, schemes: tuple[str, ...] = ("quarter", "leave_plate_out"), seed: int = 1
) -> pd.DataFrame:
    """`tables.WELL_SCORES` of scores that follow the severity with a little noise of their own."""
    rng = np.random.default_rng(seed)
    names = [column.name for column in WELL_PROFILES.columns]
    return pd.concat(
        wells[names].assign(
            scheme=scheme,
            fold=wells["plate_id"],
            on=1 - 2 * wells["severity"] + 0.1 * rng.standard_normal(len(wells)),
            off=rng.standard_normal(len(wells)),
            off_norm=rng.chisquare(5, len(wells)),
            on_lda=1 - 2 * wells["severity"],
        )
        for scheme in schemes
    ).reset_index(drop=True)


def write_screen(folder: Path, wells: pd.DataFrame | None = None, featurizer: str = "gandl_blocks") -> Screen:
    """Write everything that is drawn of one featurizer."""
    wells = wells_of_screen() if wells is None else wells
    folder.mkdir(parents=True, exist_ok=True)
    names = ("scores", "truth", "raw", "numbers", "curves", "points", "calibration", "wells", "compounds")
    files = {name: folder / f"{name}.parquet" for name in names}
    write_table(scores_of(wells), files["scores"], WELL_SCORES)
    wells.to_parquet(files["truth"])
    profiles = wells[[column.name for column in WELL_PROFILES.columns]].assign(feature_0=np.float32(1))
    write_features(profiles, files["raw"], WELL_PROFILES, {"feature_names": json.dumps(["one"]), "featurizer": "x"})
    common = {"featurizer": featurizer, "normalization": "unlabelled", "seed": 0, "training_seed": 0}
    doses = DoseResponse(files["numbers"], files["curves"], files["points"], files["scores"])
    write_dose_response(
        doses.scores, files["raw"], SETTINGS, output=doses.numbers, curves=doses.curves, points=doses.points, **common
    )
    outputs = {"output": files["calibration"], "wells": files["wells"], "compounds": files["compounds"]}
    screened = {name: folder / f"screening_{name}.parquet" for name in ("output", "plates", "doses", "compounds")}
    write_screening(doses.scores, files["raw"], files["raw"], SETTINGS, **screened, **common)
    inputs = (doses.scores, doses.numbers, screened["compounds"], files["truth"])
    write_calibration(*inputs, SETTINGS, **outputs, **common)
    return Screen(doses.scores, doses, files["truth"], *outputs.values())


def write_cell_model(path: Path, schemes: tuple[str, ...] = ("quarter", "leave_plate_out")) -> Path:
    """Scores of HRCE (+1) against VERO (-1)."""
    scores = scores_of(wells_of_screen(), schemes)
    noise = 0.2 * np.random.default_rng(2).standard_normal(len(scores))
    write_table(scores.assign(on=np.where(scores["cell_type"] == "HRCE", 1, -1) + noise), path, WELL_SCORES)
    return path


TYPES = ("HEPG2", "HUVEC", "RPE", "U2OS")


def confusion_counts(right: float = 0.9, n: int = 200, unit: str = "site") -> pd.DataFrame:
    """Counts of `scheme, unit, true, predicted`: a share is right, the rest goes to the next type; U2OS has half as many."""
    rows = []
    for i, true in enumerate(TYPES):
        of_type = n // 2 if true == "U2OS" else n
        for j, predicted in enumerate(TYPES):
            share = right if i == j else 1 - right if j == (i + 1) % len(TYPES) else 0.0
            rows.append(("quarter", unit, true, predicted, round(share * of_type)))
    return pd.DataFrame(rows, columns=["scheme", "unit", "true", "predicted", "count"])


def write_cell_types(folder: Path, featurizer: str, right: float = 0.9) -> tuple[Path, Path]:
    """Confusion counts and numbers of one featurizer, by image and by well."""
    counts = pd.concat([confusion_counts(right), confusion_counts(1.0, 40, "well")], ignore_index=True)
    confusion, numbers = folder / f"{featurizer}.confusion.parquet", folder / f"{featurizer}.parquet"
    counts.to_parquet(confusion)
    rows = [
        number_row(
            question="cell_type",
            featurizer=featurizer,
            normalization="none",
            split="quarter:all",
            unit=unit,
            metric="accuracy",
            value=value,
            low=value - 0.03,
            high=min(value + 0.03, 1.0),
            n=n,
        )
        for unit, value, n in (("site", right, 700), ("well", 1.0, 140))
    ]
    write_table(pd.DataFrame(rows), numbers, NUMBERS)
    return confusion, numbers
