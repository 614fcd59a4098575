"""Screens of features without images: plates of positive and negative controls with a known effect, none or one, and what follows
from them by the code of the evaluation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gandl.evaluation.numbers import METRICS, number
from gandl.evaluation.strict.intervals import with_refits
from gandl.evaluation.strict.refits import left_out_of, refitted
from gandl.source.schemes import Scheme
from gandl.statistics.fold_features import Fixed
from gandl.statistics.held_out import Fold, Scores, held_out_scores

GRID = [0.01, 0.1, 1.0, 10.0, 100.0]


@dataclass(frozen=True)
class FeatureScreen:
    """Control wells of some plates. values : (n, d) in units of each plate's unlabelled wells. labels : (n,). wells : n rows."""

    values: np.ndarray
    labels: np.ndarray
    wells: pd.DataFrame
    folds: list[Fold]
    scheme: Scheme = Scheme.LEAVE_PLATE_OUT


def draw_screen(
    seed: int,
    *,
    plates: int = 4,
    kinds: tuple[int, int] = (3, 4),
    dim: int = 40,
    factors: int = 0,
    effect: float = 0.0,
    by_plate: float = 0.0,
    shift: float = 1.0,
    unlabelled: int = 20,
) -> FeatureScreen:
    """Features of normal wells, standardised plate by plate on unlabelled wells.

    Parameters
    ----------
    kinds : positive and negative controls a plate. factors : so many directions hold most of the variance; 0: features vary by
        themselves. effect : distance of the positive controls, in deviations of a feature. by_plate : deviation of a further
        distance that differs in direction from plate to plate and is 0 on average. shift : deviation of what a plate adds to
        all its wells.
    """
    rng = np.random.default_rng(seed)
    of_plate = unlabelled + sum(kinds)
    plate = np.repeat(np.arange(plates), of_plate)
    sign = np.tile([0] * unlabelled + [1] * kinds[0] + [-1] * kinds[1], plates)
    values = rng.standard_normal((len(plate), dim))
    if factors:
        values = 0.5 * values + rng.standard_normal((len(plate), factors)) @ rng.standard_normal((factors, dim))
    direction = rng.standard_normal(dim)
    values += effect * np.outer(sign == 1, direction / np.linalg.norm(direction))
    values += shift * rng.standard_normal((plates, dim))[plate]
    values += by_plate * rng.standard_normal((plates, dim))[plate] * (sign == 1)[:, None]
    for number_ in range(plates):
        here = plate == number_
        reference = values[here & (sign == 0)]
        values[here] = (values[here] - reference.mean(0)) / reference.std(0, ddof=1)
    known = sign != 0
    wells = pd.DataFrame({"plate_id": [f"P_{i + 1:02d}" for i in plate[known]], "experiment": "P", "cell_type": "HRCE"})
    wells = wells.assign(row="A", column=1, well_id=[f"w{i:04d}" for i in range(len(wells))])
    folds = [
        Fold(name, np.flatnonzero(wells["plate_id"] != name), np.flatnonzero(wells["plate_id"] == name))
        for name in wells["plate_id"].unique()
    ]
    return FeatureScreen(values[known], sign[known], wells, folds)


def scores_of(screen: FeatureScreen, grid: list[float] = GRID) -> Scores:
    return held_out_scores(screen.values, screen.labels, screen.folds, screen.wells["plate_id"].to_numpy(), grid)


def refitted_rows(
    screen: FeatureScreen, scores: Scores, metrics: tuple[str, ...] = ("auc",), most: int = 8, column: str = "on"
) -> pd.DataFrame:
    """Numbers of a screen with their refitted intervals, by metric."""
    left_out = left_out_of(screen.wells, screen.labels, screen.folds, screen.scheme, most)
    table = refitted(Fixed(screen.values), screen.wells, screen.labels, screen.folds, scores.c, left_out, raw=False)
    on = getattr(scores, column)
    kinds = on[screen.labels > 0], on[screen.labels < 0]
    rows = [number("s", "well", name, float(METRICS[name](*kinds)), (np.nan, np.nan), len(on)) for name in metrics]
    found = with_refits(rows, screen.wells, screen.labels, table, column, METRICS, 0.95)
    return pd.DataFrame(found).set_index("metric")
