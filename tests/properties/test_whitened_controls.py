"""On which wells a normalisation is fitted decides whether scores of controls are honest: measured on noise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gandl.config import Normalization, NormalizationSettings
from gandl.normalization.profiles import normalized
from gandl.statistics.held_out import Fold, held_out_scores
from gandl.statistics.separation import auc

DIM, SCREENS = 200, 12
KINDS = ["positive", "negative", *["none"] * 6]


def plate() -> pd.DataFrame:
    """A plate of 8 rows, each with a well of both controls and six others."""
    table = pd.DataFrame({"row": np.repeat(list("ABCDEFGH"), len(KINDS)), "control": KINDS * 8})
    names = [f"w{i:02d}" for i in range(len(table))]
    return table.assign(plate_id="E_1", experiment="E", well_id=names, condition="infected")


def mean_auc(method: Normalization, **changes: object) -> float:
    """Held-out AUC of controls that differ in nothing, plate rows left out; mean over screens."""
    table, found = plate(), []
    labels = table["control"].map({"positive": 1, "negative": -1, "none": 0}).to_numpy()
    rows = table["row"].to_numpy()
    folds = [
        Fold(row, np.flatnonzero((rows != row) & (labels != 0)), np.flatnonzero((rows == row) & (labels != 0)))
        for row in dict.fromkeys(rows)
    ]
    for seed in range(SCREENS):
        values = np.random.default_rng(seed).standard_normal((len(table), DIM))
        out = normalized(values, table, method, NormalizationSettings.model_validate(changes))
        on = held_out_scores(out, labels, folds, rows, [0.1]).on
        found.append(auc(on[labels > 0], on[labels < 0]))
    return float(np.mean(found))


@pytest.mark.parametrize(
    ("method", "regularization"),
    [
        (Normalization.MAD, 1.0),
        (Normalization.GLOBAL, 1.0),
        (Normalization.SPHERIZE, 1.0),
        (Normalization.SPHERIZE, 0.0),
        (Normalization.TVN, 1.0),
    ],
)
def test_fitted_on_wells_that_are_no_controls_scores_of_noise_are_at_chance(
    method: Normalization, regularization: float
) -> None:
    assert mean_auc(method, regularization=regularization) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("regularization", [0.0, 1.0])
def test_whitened_on_the_tested_controls_noise_looks_like_a_screen(regularization: float) -> None:
    """Why `normalization.reference` is `unlabelled` unless it is requested otherwise, and the report then warns."""
    assert mean_auc(Normalization.SPHERIZE, reference="negative", regularization=regularization) > 0.7
