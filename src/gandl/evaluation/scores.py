"""Scores: takes well profiles and splits, makes the on- and off-perturbation score of every well under every scheme.

Each well is scored by axes fitted on controls of other plate rows only; C is chosen inside those (nested).
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from gandl.config import EvaluationSettings
from gandl.statistics import Fold, held_out_scores
from gandl.tables import SPLITS, WELL_PROFILES, WELL_SCORES, feature_columns, read_table, write_table

QUESTION = "controls"
LABELS = {"positive": 1, "negative": -1, "none": 0}

logger = logging.getLogger(__name__)


class ScoresError(ValueError):
    """Splits and profiles do not fit; the message names the well."""


def write_scores(wells: Path, splits: Path, settings: EvaluationSettings, output: Path) -> None:
    """Score all wells of one featurizer and write `tables.WELL_SCORES`, one block of rows per scheme.

    Raises
    ------
    ScoresError : a split names a well without profile, or there is no split of the question `controls`.
    gandl.statistics.AxisError : a fold's training rows lack positive or negative controls.
    """
    profiles = read_table(Path(wells), WELL_PROFILES)
    table = read_table(Path(splits), SPLITS)
    table = table[table["question"] == QUESTION]
    if table.empty:
        raise ScoresError(f"{splits} has no split of the question {QUESTION}")
    names = feature_columns(profiles)
    features = profiles[names].to_numpy(np.float64)
    labels = np.array([LABELS[control] for control in profiles["control"]])
    parts = []
    for scheme, of_scheme in table.groupby("scheme", sort=False):
        folds = folds_of(of_scheme, profiles["well_id"], Path(wells))
        scores = held_out_scores(features, labels, folds, profiles["row"].to_numpy(), settings.svm_c)
        logger.info("%s: C by fold %s", scheme, scores.c)
        scored = np.isfinite(scores.on)
        parts.append(
            profiles.drop(columns=names)[scored].assign(
                scheme=str(scheme),
                fold=scores.fold[scored].astype(str),
                on=scores.on[scored],
                off=scores.off[scored],
                off_norm=scores.off_norm[scored],
            )
        )
    write_table(pd.concat(parts, ignore_index=True), Path(output), WELL_SCORES)


def folds_of(splits: pd.DataFrame, well_ids: pd.Series, where: Path) -> list[Fold]:
    """Positions of the training and test wells of every fold of one scheme."""
    position = {well: number for number, well in enumerate(well_ids)}
    unknown = set(splits["well_id"]) - set(position)
    if unknown:
        raise ScoresError(f"{where} has no profile of {len(unknown)} well(s) of the splits, the first: {min(unknown)}")
    numbers = splits["well_id"].map(position)
    return [
        Fold(
            str(fold),
            numbers[part.index][part["part"] == "train"].to_numpy(int),
            numbers[part.index][part["part"] == "test"].to_numpy(int),
        )
        for fold, part in splits.groupby("fold", sort=False)
    ]
