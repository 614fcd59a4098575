"""Numbers: takes scores or answers of wells and images, makes rows of `tables.NUMBERS`, each with its interval.

The rows lack what names question, featurizer, normalisation, fold and seed; `write_numbers` adds it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.config import EvaluationSettings
from gandl.statistics import separation
from gandl.statistics.bootstrap import bootstrap_interval, mean_of_proportions_interval, wilson_interval
from gandl.statistics.shares import accuracies
from gandl.tables import NUMBERS, write_table

DRAWN = ("drawn", "units")
"""Columns beside `tables.NUMBERS`."""

Floats = npt.NDArray[np.float64]
Row = dict[str, object]

NOTHING = {
    **dict.fromkeys(("split", "unit", "metric"), np.empty(0, object)),
    **dict.fromkeys(("value", "low", "high"), np.empty(0)),
    "n": np.empty(0, int),
}
"""Numbers of a question that finds nothing to count."""

METRICS: dict[str, Callable[..., Floats]] = {
    "z_prime": separation.z_prime,
    "robust_z_prime": separation.robust_z_prime,
    "ssmd": separation.ssmd,
    "robust_ssmd": separation.robust_ssmd,
    "accuracy": separation.accuracy,
    "balanced_accuracy": separation.balanced_accuracy,
    "auc": separation.auc,
}


def number(split: str, unit: str, metric: str, value: float, ends: tuple[float, float], n: int) -> Row:
    """One row."""
    low, high = ends
    return {"split": split, "unit": unit, "metric": metric, "value": value, "low": low, "high": high, "n": n}


def share_row(split: str, unit: str, metric: str, count: int, n: int, settings: EvaluationSettings) -> Row:
    """A share of n independent units with Wilson's interval; null where there is none."""
    return number(split, unit, metric, count / n if n else np.nan, wilson_interval(count, n, settings.confidence), n)


def write_numbers(rows: Sequence[Row] | pd.DataFrame, output: Path, *, training_seed: int, **names: str) -> None:
    """Write rows as `tables.NUMBERS`, in their order; there may be none.

    Parameters
    ----------
    rows : of the table, without `fold`, `seed` and what `names` holds; `drawn` and `units`, what an interval draws or leaves out
        and how many of it, follow where there are any.
    training_seed : of the network, as `seed`. names : what all rows share of question, featurizer, normalization and unit.
    """
    if not len(rows):
        rows = pd.DataFrame(NOTHING)
    numbers = pd.DataFrame(rows).assign(fold="all", seed=training_seed, **names)
    told = [name for name in DRAWN if name in numbers]
    numbers = numbers.astype({name: "Int64" for name in told if name == "units"})
    write_table(numbers[[*NUMBERS.names, *told]], Path(output), NUMBERS)


def separation_rows(
    positive: Floats, negative: Floats, split: str, settings: EvaluationSettings, seed: int, metrics: Sequence[str]
) -> list[Row]:
    """A row per metric of scores of two kinds of wells; a metric that these leave undefined is null, with its n."""
    n = len(positive) + len(negative)
    return [
        number(
            split,
            "well",
            metric,
            float(METRICS[metric](positive, negative)),
            separation_interval(metric, positive, negative, settings, seed),
            n,
        )
        for metric in metrics
    ]


def separation_interval(
    metric: str, positive: Floats, negative: Floats, settings: EvaluationSettings, seed: int
) -> tuple[float, float]:
    """Shares of right wells have a closed form that also holds where all are right; everything else is bootstrapped."""
    right = float(separation.above_zero(positive)), float(separation.above_zero(-negative))
    n = len(positive), len(negative)
    if metric == "accuracy":
        return wilson_interval(sum(right), sum(n), settings.confidence)
    if metric == "balanced_accuracy":
        return mean_of_proportions_interval(right, n, settings.confidence)
    return bootstrap_interval(
        METRICS[metric],
        positive,
        negative,
        draws=settings.bootstrap,
        confidence=settings.confidence,
        seed=seed,
    )


def accuracy_rows(
    drawn: npt.ArrayLike,
    right: npt.ArrayLike,
    classes: npt.ArrayLike,
    split: str,
    unit: str,
    settings: EvaluationSettings,
    seed: int,
) -> list[Row]:
    """Accuracy and balanced accuracy of (n,) answers, each of an image (or of a well itself) of a class.

    `drawn` names what the interval draws whole: the well of each answer; or the plate or experiment that was left out, where all
    its wells are of one class and are right or wrong together (over wells, such an interval holds the truth hardly ever).
    """
    answers = pd.DataFrame({"drawn": drawn, "right": right, "class": classes})
    of_drawn = answers.groupby(["drawn", "class"], sort=True)["right"].agg(["sum", "size"]).reset_index()
    found = accuracies(
        of_drawn["sum"],
        of_drawn["size"],
        of_drawn["class"],
        draws=settings.bootstrap,
        confidence=settings.confidence,
        seed=seed,
    )
    return [
        number(split, unit, metric, share.value, (share.low, share.high), found.n)
        for metric, share in (("accuracy", found.accuracy), ("balanced_accuracy", found.balanced))
    ]
