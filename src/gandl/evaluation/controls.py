"""Controls: takes the scores of held-out wells, makes Z', SSMD, accuracy and AUC between C+ and C-, each with its interval.

All rows are shown together, and beside them the rows on which settings were chosen and the rows that chose nothing. Where a
featurizer counts nuclei, their mean number per field stands beside, as a check of the images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.config import EvaluationSettings
from gandl.embeddings.metadata import feature_names
from gandl.evaluation.terms import IMAGES, NO_TRAINING, NUCLEUS_COUNT, RATIO
from gandl.source.splits import Question, span
from gandl.statistics import separation
from gandl.statistics.bootstrap import (
    bootstrap_interval,
    mean_of_proportions_interval,
    resample_within,
    wilson_interval,
)
from gandl.tables import NUMBERS, WELL_PROFILES, WELL_SCORES, read_table, write_table

METRICS: dict[str, Callable[..., npt.NDArray[np.float64]]] = {
    "z_prime": separation.z_prime,
    "robust_z_prime": separation.robust_z_prime,
    "ssmd": separation.ssmd,
    "robust_ssmd": separation.robust_ssmd,
    "accuracy": separation.accuracy,
    "balanced_accuracy": separation.balanced_accuracy,
    "auc": separation.auc,
}
THRESHOLDED = ("accuracy", "balanced_accuracy")
"""They need a threshold, which a score that was not trained does not have."""


def write_controls(
    scores: Path,
    raw_wells: Path,
    settings: EvaluationSettings,
    development_rows: Sequence[str],
    *,
    featurizer: str,
    normalization: str,
    seed: int,
    training_seed: int,
    output: Path,
) -> None:
    """Write `tables.NUMBERS` of the questions `controls` and `images` for one featurizer.

    Parameters
    ----------
    scores : `tables.WELL_SCORES` of the featurizer under one normalisation.
    raw_wells : its well profiles without normalisation; where they hold a column named `nuclear_over_ring`, that column is scored
        directly, too, as featurizer `nuclear_over_ring`; where they hold `nucleus_count`, it is averaged over all wells.
    development_rows : plate rows on which settings were chosen.
    seed : of the bootstrap. training_seed : of the network, for the table.
    output : one row per metric of `METRICS` and split `<scheme>:<plate rows>` (the plain column: `no_training:<rows>`, without
        the metrics that need a trained threshold). n is the number of control wells; what so few leave undefined is null.
    """
    table = read_table(Path(scores), WELL_SCORES)
    rows: list[dict[str, object]] = []
    for scheme, of_scheme in table.groupby("scheme", sort=False):
        for name, part in _subsets(of_scheme, str(scheme), development_rows):
            rows += _numbers(part, part["on"].to_numpy(), name, settings, seed, tuple(METRICS))
    question = Question.CONTROLS.value
    frame = pd.DataFrame(rows).assign(question=question, featurizer=featurizer, normalization=normalization)
    direct = _direct(raw_wells, settings, development_rows, seed).assign(question=question)
    counted = _counted(raw_wells, settings, seed).assign(question=IMAGES, featurizer=featurizer)
    numbers = pd.concat([part for part in (frame, direct, counted) if len(part)], ignore_index=True)
    numbers = numbers.assign(fold="all", seed=training_seed, unit="well")
    write_table(numbers[NUMBERS.names], Path(output), NUMBERS)


def _subsets(scores: pd.DataFrame, scheme: str, development_rows: Sequence[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    """All rows of a scheme; and, where it has both, the development rows and the others by themselves."""
    rows = sorted(set(scores["row"]), key=lambda row: (len(row), row))
    yield f"{scheme}:{span(rows)}", scores
    development = [row for row in rows if row in development_rows]
    others = [row for row in rows if row not in development_rows]
    if development and others:
        for chosen in (development, others):
            yield f"{scheme}:{span(chosen)}", scores[scores["row"].isin(chosen)]


def _numbers(
    wells: pd.DataFrame,
    values: npt.NDArray[np.float64],
    split: str,
    settings: EvaluationSettings,
    seed: int,
    metrics: Sequence[str],
) -> list[dict[str, object]]:
    """One row per metric; a metric that these wells leave undefined is null, with its n."""
    positive = values[(wells["control"] == "positive").to_numpy()]
    negative = values[(wells["control"] == "negative").to_numpy()]
    n = len(positive) + len(negative)
    rows: list[dict[str, object]] = []
    for metric in metrics:
        low, high = _interval(metric, positive, negative, settings, seed)
        value = float(METRICS[metric](positive, negative))
        rows.append({"split": split, "metric": metric, "value": value, "low": low, "high": high, "n": n})
    return rows


def _interval(
    metric: str,
    positive: npt.NDArray[np.float64],
    negative: npt.NDArray[np.float64],
    settings: EvaluationSettings,
    seed: int,
) -> tuple[float, float]:
    """Shares of right wells have a closed form that also holds where all are right; everything else is bootstrapped."""
    right = int((positive > 0).sum()), int((negative < 0).sum())
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


def _direct(raw_wells: Path, settings: EvaluationSettings, development_rows: Sequence[str], seed: int) -> pd.DataFrame:
    """Numbers of the one column that needs no training, where the featurizer has it."""
    names = feature_names(Path(raw_wells))
    if RATIO not in names:
        return pd.DataFrame()
    wells = read_table(Path(raw_wells), WELL_PROFILES)
    column = f"feature_{names.index(RATIO)}"
    metrics = [metric for metric in METRICS if metric not in THRESHOLDED]
    rows = [
        row
        for split, part in _subsets(wells, NO_TRAINING, development_rows)
        for row in _numbers(part, part[column].to_numpy(np.float64), split, settings, seed, metrics)
    ]
    return pd.DataFrame(rows).assign(featurizer=RATIO, normalization="none")


def _counted(raw_wells: Path, settings: EvaluationSettings, seed: int) -> pd.DataFrame:
    """Mean number of nuclei per field over all wells, with a percentile interval of draws of wells, where they were counted."""
    names = feature_names(Path(raw_wells))
    if NUCLEUS_COUNT not in names:
        return pd.DataFrame()
    counts = read_table(Path(raw_wells), WELL_PROFILES)[f"feature_{names.index(NUCLEUS_COUNT)}"].to_numpy(np.float64)
    low = high = np.nan
    if len(counts) > 1:
        drawn = counts[resample_within(np.zeros(len(counts)), settings.bootstrap, seed)].mean(axis=1)
        low, high = np.quantile(drawn, [(1 - settings.confidence) / 2, (1 + settings.confidence) / 2])
    row = {"split": "all_wells", "metric": "nuclei_per_field", "value": counts.mean(), "low": low, "high": high}
    return pd.DataFrame([row | {"n": len(counts)}]).assign(normalization="none")
