"""Answers of a classifier: takes scores of tiles of one cell line, makes accuracy, balanced accuracy, precision, recall and ROC
AUC with intervals.

Tiles of a well are right or wrong together, so intervals draw whole wells, within drugs and within controls.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.evaluation.comparison.numbers import NONE, of_draws
from gandl.statistics.bootstrap import ROUNDING, grouped_auc_draws, resample_within, wilson_interval
from gandl.statistics.separation import auc

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Measured = dict[str, tuple[float, tuple[float, float]]]


def measured(
    scores: Floats,
    drugs: Flags,
    wells: npt.NDArray[np.object_],
    *,
    draws: int,
    confidence: float,
    seed: int,
    hard_auc: bool = False,
) -> Measured:
    """The four metrics of the paper, drugs being what is looked for (section 4.3.2), and balanced accuracy.

    Parameters
    ----------
    scores : (n,) above 0 where the classifier says drug. drugs : (n,) whether a tile shows one; both kinds are present.
    wells : (n,) of each tile. draws, confidence, seed : of the bootstrap.
    hard_auc : take the AUC of the answers (0 or 1), which is the balanced accuracy, as the published code does.

    Returns
    -------
    By metric: its value and interval. Precision is undefined (NaN) where no tile is taken for a drug. Where all wells agree,
    draws say nothing: shares then have Wilson's interval of the number of their wells, the AUC none.
    """
    says = scores > 0
    shares = {
        "accuracy": (says == drugs, np.ones_like(drugs)),
        "precision": (says & drugs, says),
        "recall": (says & drugs, drugs),
    }
    kinds = pd.MultiIndex.from_arrays([drugs, wells])
    of_wells = (
        pd.DataFrame(
            {
                (name, part): of.astype(float)
                for name, each in shares.items()
                for part, of in zip(("right", "of"), each, strict=True)
            }
        )
        .groupby([kinds.get_level_values(0), kinds.get_level_values(1)], sort=True)
        .sum()
    )
    chosen = resample_within(of_wells.index.get_level_values(0).to_numpy(), draws, seed)
    fewest = int(of_wells.groupby(level=0).size().min())
    found: Measured = {}
    for name in shares:
        right, of = (of_wells[name, part].to_numpy() for part in ("right", "of"))
        found[name] = _share(right, of, chosen, confidence, fewest)
    right, of = (of_wells["accuracy", part].to_numpy() for part in ("right", "of"))
    is_drug = of_wells.index.get_level_values(0).to_numpy(bool)
    found["balanced_accuracy"] = _balanced(right, of, is_drug, chosen, confidence, fewest)
    ranked = says.astype(float) if hard_auc else scores
    groups = wells[drugs], wells[~drugs]
    value = float(auc(ranked[drugs], ranked[~drugs]))
    aucs = grouped_auc_draws(ranked[drugs], ranked[~drugs], *groups, draws=draws, seed=seed)
    ends = NONE if np.ptp(aucs) < ROUNDING else of_draws(aucs, confidence, fewest)
    return found | {"roc_auc": (value, ends)}


def _balanced(
    right: Floats, of: Floats, is_drug: Flags, chosen: npt.NDArray[np.int_], confidence: float, fewest: int
) -> tuple[float, tuple[float, float]]:
    """The mean of both kinds' shares of right answers, and its interval; none where a kind has a single well, or draws agree."""
    kinds = is_drug, ~is_drug
    value = float(np.mean([right[kind].sum() / of[kind].sum() for kind in kinds]))
    drawn = np.mean([(right * kind)[chosen].sum(axis=1) / (of * kind)[chosen].sum(axis=1) for kind in kinds], axis=0)
    return value, (of_draws(drawn, confidence, fewest) if np.ptp(drawn) > 0 else NONE)


def _share(
    right: Floats, of: Floats, chosen: npt.NDArray[np.int_], confidence: float, fewest: int
) -> tuple[float, tuple[float, float]]:
    """A share of summed answers of wells, and its interval; none where a kind has a single well."""
    if not of.sum():
        return np.nan, NONE
    value = float(right.sum() / of.sum())
    if fewest < 2:
        return value, NONE
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = right[chosen].sum(axis=1) / of[chosen].sum(axis=1)
    known = drawn[np.isfinite(drawn)]
    if len(known) and np.ptp(known) > 0:
        return value, of_draws(drawn, confidence, fewest)
    wells = int((of > 0).sum())
    return value, wilson_interval(value * wells, wells, confidence)
