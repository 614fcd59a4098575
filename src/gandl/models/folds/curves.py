"""Curves of folds: takes the manifest of a question's folds, makes one table of how all their trainings went."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from gandl.models.folds.manifest import FoldModel, Folds, FoldsError
from gandl.models.folds.terms import FOLD_CURVES, LABEL_COUNT, MOST_FREQUENT
from gandl.models.folds.training import WORK
from gandl.tables import CURVE, LABELS, read_table, write_table


def write_fold_curves(manifest: Path, output: Path) -> None:
    """Write the curves of all folds as one table (`FOLD_CURVES`).

    Parameters
    ----------
    manifest : the folds, trained; their curves and labels lie beside it.

    Raises
    ------
    FoldsError : the manifest is missing or damaged, or a fold's curve or labels are missing.
    gandl.tables.TableError : one of them breaks its schema.
    """
    folds = Folds.read(manifest).folds
    tables = [_curve(fold, Path(manifest).parent / WORK / fold.file.removesuffix(".safetensors")) for fold in folds]
    write_table(pd.concat(tables, ignore_index=True)[FOLD_CURVES.names], output, FOLD_CURVES)


def guessing(labels: pd.DataFrame) -> Mapping[str, float]:
    """What is known of the validation images without looking at one.

    Parameters
    ----------
    labels : `gandl.tables.LABELS`; validation sites of a label that is not trained on count for nothing, as in a training.

    Returns
    -------
    `LABEL_COUNT`, and `MOST_FREQUENT` where something validates.
    """
    known = labels.loc[labels["part"] == "train", "label"].unique()
    validating = labels.loc[(labels["part"] == "validation") & labels["label"].isin(known), "label"]
    found = {LABEL_COUNT: float(len(known))}
    if len(validating):
        found[MOST_FREQUENT] = float(validating.value_counts(normalize=True).iloc[0])
    return found


def _curve(fold: FoldModel, work: Path) -> pd.DataFrame:
    """The rows of one fold, those of guessing first."""
    files = work / "labels.parquet", work / "curve.parquet"
    for path in files:
        if not path.is_file():
            raise FoldsError(f"{path} is missing: delete {work} and train the fold again")
    guessed = guessing(read_table(files[0], LABELS))
    curve = read_table(files[1], CURVE)
    levels = pd.DataFrame([(0, 0, metric, value) for metric, value in guessed.items()], columns=CURVE.names)
    rows = pd.concat([levels, curve], ignore_index=True)
    return rows.assign(scheme=fold.scheme, fold=fold.fold, kept=rows["images"] == fold.images)
