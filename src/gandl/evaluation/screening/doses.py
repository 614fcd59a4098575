"""Doses: takes held-out scores of wells, makes a row per compound and dose: efficacy, hit, toxicity, and how replicates agree.

Efficacy is the mean on score of a cell type: negative controls are at -1, positive ones at +1 (those of the training wells), and
0 is the threshold halfway.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.config import EvaluationSettings
from gandl.evaluation import hits
from gandl.evaluation.screening.sign_test import sign_test_intervals
from gandl.evaluation.screening.terms import DOSES, THRESHOLD
from gandl.evaluation.screening.toxicity import toxicity
from gandl.evaluation.terms import NEGATIVE, OF_CELL_TYPE, TREATMENT
from gandl.evaluation.treatments import SERIES, Negative, treated_wells, treatments_of
from gandl.statistics.agreement import replicate_agreement

PERMUTATIONS = 999
"""Of the p value of replicate agreement."""


def doses_of(
    wells: pd.DataFrame, features: npt.NDArray[Any] | None, settings: EvaluationSettings, seed: int
) -> pd.DataFrame:
    """Compounds and doses of one cell type under one scheme, by compound and dose.

    Parameters
    ----------
    wells : (n) `tables.WELL_SCORES`, with `nuclei` where they were counted.
    features : (n, d) of the same wells, standardised; without them no agreement is measured.
    settings : bootstrap, confidence, false_discovery. seed : of bootstrap and permutations.

    Returns
    -------
    `DOSES` without what names featurizer, scheme and cell type, in the order of `treatments.treatments_of`; empty if no well is
    treated.
    """
    wells = wells.reset_index(drop=True)
    treated = treated_wells(wells).sort_values([*SERIES, "well_id"], kind="stable")
    if treated.empty:
        return pd.DataFrame(columns=DOSES.names)
    found = treatments_of(wells, Negative.of(wells), settings, seed)
    found = found[found["kind"] == TREATMENT].reset_index(drop=True)
    of_group = treated.groupby(SERIES, sort=True, dropna=False).ngroup().to_numpy()
    harm = toxicity(wells, treated, of_group, settings.false_discovery)
    median, low, high = sign_test_intervals(treated["on"].to_numpy(float), of_group, settings.confidence)
    rescued = (found["difference"].to_numpy(float) > 0) & found["differs"].to_numpy(bool)
    found = found.rename(
        columns={"treatment": "compound", "mean": "efficacy", "low": "efficacy_low", "high": "efficacy_high"}
    )
    found = pd.concat([found.drop(columns="differs"), harm], axis=1)
    found = found.assign(
        hit=rescued & ~harm["toxic"].fillna(False).to_numpy(bool),
        median=median,
        median_low=low,
        median_high=high,
        sign_test_hit=np.nan_to_num(low, nan=-np.inf) > THRESHOLD,
    )
    found = found.assign(**_agreement(wells, treated, of_group, features, seed))
    return found[[name for name in DOSES.names if name not in OF_CELL_TYPE]]


def _agreement(
    wells: pd.DataFrame,
    treated: pd.DataFrame,
    of_group: npt.NDArray[np.integer[Any]],
    features: npt.NDArray[Any] | None,
    seed: int,
) -> dict[str, hits.Floats]:
    """Columns on the agreement of replicates; NaN without features."""
    if features is None:
        return dict.fromkeys(
            ("average_precision", "agreement_p", "agreement_q"), np.full(int(of_group.max()) + 1, np.nan)
        )
    negative = np.flatnonzero(wells["control"] == NEGATIVE)
    rows = np.concatenate([treated.index.to_numpy(), negative])
    groups = np.concatenate([of_group, np.full(len(negative), -1)])
    plates = wells["plate_id"].to_numpy(object)[rows]
    found = replicate_agreement(features[rows], groups, plates, draws=PERMUTATIONS, seed=seed)
    return {"average_precision": found.precision, "agreement_p": found.p, "agreement_q": hits.adjusted(found.p)}
