"""Scores: takes well profiles and splits, makes the on- and off-perturbation score of every well under every scheme.

Each well is scored by axes fitted on controls of other plate rows only; C is chosen inside those (nested).
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from gandl.config import EvaluationSettings
from gandl.source.splits import Question
from gandl.statistics.axes import held_out_scores
from gandl.statistics.folds import folds_of, labels_of
from gandl.tables import SPLITS, WELL_PROFILES, WELL_SCORES, feature_columns, read_table, write_table

QUESTION = Question.CONTROLS.value

logger = logging.getLogger(__name__)


class ScoresError(ValueError):
    """There is nothing to score by; the message names the table."""


def write_scores(wells: Path, splits: Path, settings: EvaluationSettings, output: Path) -> None:
    """Score all wells of one featurizer and write `tables.WELL_SCORES`, one block of rows per scheme.

    Raises
    ------
    ScoresError : there is no split of the question `controls`.
    gandl.statistics.folds.FoldError : a split names a well without profile.
    gandl.statistics.axes.AxisError : a fold's training rows lack positive or negative controls.
    """
    profiles = read_table(Path(wells), WELL_PROFILES)
    table = read_table(Path(splits), SPLITS)
    table = table[table["question"] == QUESTION]
    if table.empty:
        raise ScoresError(f"{splits} has no split of the question {QUESTION}")
    names = feature_columns(profiles)
    features = profiles[names].to_numpy(np.float64)
    labels = labels_of(profiles["control"])
    parts = []
    for scheme, of_scheme in table.groupby("scheme", sort=False):
        folds = folds_of(of_scheme, profiles["well_id"].tolist(), str(wells))
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
