"""What Dmitrenko et al. (2022) claim of paradigms, crops and augmentation, as numbers: takes the numbers of the comparison's
tasks, makes a value for each claim with its interval over seeds.

Every claim is computed for each seed by itself, of medians over cell lines (clusters: means), and only where all of the paper's
setups have that seed; Student's interval of these values is the claim's.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from gandl.config.comparison_terms import Paradigm, Setting, setups
from gandl.evaluation.comparison.terms import AS_MEAN
from gandl.figures.comparison.setups import mean_interval
from gandl.report.reference.answers import table

QUESTION, UNIT = "comparison", "setup"
"""Question and unit of the references that are answered here."""
UNSUPERVISED, SELF, WEAK, REGULARIZED = (paradigm.value for paradigm in Paradigm)
OF_PAPER = setups(beyond=())
MULTI, ONE = ([setting.value for setting in Setting if setting.multi_crop is several] for several in (True, False))
AUGMENTED, PLAIN = ([setting.value for setting in Setting if setting.augment is augment] for augment in (True, False))
BEST_OFFERED, LEAST_OFFERED = Setting.AUG_MULTI_CROP.value, Setting.NO_AUG_ONE_CROP.value
ACCURACY, SILHOUETTE, D, NEAR = "head_accuracy", "silhouette", "d", "distance_similar"
RANKED = (
    *(D, "inverse_distance", ACCURACY, "head_precision", "head_recall", "head_roc_auc"),
    *("not_noise", SILHOUETTE, "inverse_davies_bouldin"),
)
"""Rows of the paper's Table 2 of which more is better."""
LEADING = (D, ACCURACY, SILHOUETTE)
"""The metric that stands for each task."""
Grid = pd.DataFrame
"""One metric with one seed: a row per paradigm, a column per setting."""


def of_settings(grids: Mapping[str, Grid]) -> dict[tuple[str, str], float]:
    """Claims on crops and augmentation, by featurizer (empty: all paradigms) and metric."""
    ranked = [grids[name] for name in RANKED if name in grids]
    better = [(grid[BEST_OFFERED] > grid[LEAST_OFFERED]).to_numpy() for grid in ranked]
    tops = [_top(grid) for grid in ranked]
    leading = {name: grids[name] for name in LEADING}
    gains = [_mean(grid, SELF, AUGMENTED) > _mean(grid, SELF, PLAIN) for grid in leading.values()]
    near, accuracy = grids[NEAR], grids[ACCURACY]
    grown = [1 - _mean(near, name, ONE) / _mean(near, name, MULTI) for name in (SELF, WEAK)]
    best = [most(accuracy.loc[[name], MULTI]) - most(accuracy.loc[[name], ONE]) for name in (SELF, WEAK)]
    return {
        ("", "improved_share"): float(np.mean(better)),
        ("", "most_tops"): max(map(tops.count, tops)) / len(tops),
        ("", "tops_of_plain"): float(sum(map(_tops_of_plain, leading.values()))),
        (SELF, "tasks_gained_by_augmentation"): float(sum(gains)),
        ("", "distance_gained_by_crops"): min(grown),
        ("", "accuracy_gained_by_crops"): min(best),
    }


def of_paradigms(grids: Mapping[str, Grid]) -> dict[tuple[str, str], float]:
    """Claims on one paradigm beside the others, by featurizer (empty: all of them) and metric."""
    d, accuracy, silhouette = (grids[name] for name in LEADING)
    spans = accuracy.max(axis=1) - accuracy.min(axis=1)
    means = silhouette.mean(axis=1)
    tops = [str(grids[name].max(axis=1).fillna(-np.inf).idxmax()) for name in RANKED if name in grids]
    most_of_others = max(tops.count(other) for other in (UNSUPERVISED, SELF, WEAK))
    found = {
        ("", "least_d"): least(d.drop(index=WEAK)),
        (SELF, "d_over_others"): most(d.loc[[SELF]]) - most(d.drop(index=SELF)),
        ("", "least_accuracy"): least(accuracy),
        ("", "median_accuracy"): float(np.median(accuracy)),
        (WEAK, "accuracy_over_others"): float(np.min(accuracy.loc[WEAK] - accuracy.drop(index=WEAK).max())),
        (WEAK, "range_below_others"): float(spans.drop(WEAK).min() - spans[WEAK]),
        (WEAK, "silhouette_below_others"): float(means.drop(WEAK).min() - means[WEAK]),
        (REGULARIZED, "tops_over_others"): float(tops.count(REGULARIZED) - most_of_others),
        ("", "silhouette_over_others"): float(means[[UNSUPERVISED, REGULARIZED]].min() - means[[SELF, WEAK]].max()),
    }
    return found | ({("", "least_clusters"): least(grids["clusters"])} if "clusters" in grids else {})


def least(grid: Grid) -> float:
    """The lowest value of all setups."""
    return float(np.nanmin(grid.to_numpy(np.float64)))


def most(grid: Grid) -> float:
    """The highest value of all setups."""
    return float(np.nanmax(grid.to_numpy(np.float64)))


def of_cell_lines(numbers: pd.DataFrame) -> dict[tuple[str, str, str], float]:
    """Claims on one cell line, by featurizer, split (the cell line) and metric.

    `paradigms_with_similar_closest`: in how many paradigms the similar drugs lie closer to each other than either to controls, in
    more than half of the settings. `head_accuracy` of a paradigm: of its best setting.
    """
    found: dict[tuple[str, str, str], float] = {}
    for line, mine in numbers.groupby("fold"):
        wide = mine.pivot_table(index="featurizer", columns="metric", values="value")
        kinds = wide.index.str.partition(".").get_level_values(0)
        if {NEAR, "distance_a_vehicle", "distance_b_vehicle"} <= set(wide):
            closest = wide[NEAR] < wide[["distance_a_vehicle", "distance_b_vehicle"]].min(axis=1)
            found["", str(line), "paradigms_with_similar_closest"] = float((closest.groupby(kinds).mean() > 0.5).sum())
        if ACCURACY in wide:
            best = wide[ACCURACY].groupby(kinds).max()
            found |= {(str(kind), str(line), ACCURACY): float(value) for kind, value in best.items()}
    return found


def claims(numbers: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Answers (`answers.COLUMNS`) to what the paper claims in words, as far as the run has all of its setups.

    Parameters
    ----------
    numbers : `gandl.tables.NUMBERS` of the comparison's tasks; featurizer is the setup, fold the cell line, seed the training's.
    confidence : coverage of the intervals over seeds.
    """
    mine = numbers[numbers["featurizer"].isin(OF_PAPER)]
    values: dict[tuple[str, str, str], list[float]] = {}
    for _, of_seed in mine.groupby("seed"):
        if set(of_seed["featurizer"]) != set(OF_PAPER):
            continue
        grids = _grids(of_seed)
        if not {*LEADING, NEAR} <= set(grids):
            continue
        found: dict[tuple[str, str, str], float] = dict(of_cell_lines(of_seed))
        for kind in (of_settings, of_paradigms):
            found |= {(who, "", metric): value for (who, metric), value in kind(grids).items()}
        for key, value in found.items():
            values.setdefault(key, []).append(value)
    rows = []
    for (who, split, metric), of_seeds in values.items():
        mean, low, high = mean_interval(of_seeds, confidence)
        about = {"question": QUESTION, "featurizer": who, "split": split, "unit": UNIT, "metric": metric}
        rows.append(
            about | {"value": mean, "low": low, "high": high, "n": len(OF_PAPER), "text": _seeds(len(of_seeds))}
        )
    return table(rows)


def _seeds(number: int) -> str:
    return f"over {number} seed{'s' if number > 1 else ''}"


def _grids(of_seed: pd.DataFrame) -> dict[str, Grid]:
    """Grids of all metrics of one seed that any setup has."""
    grids = {}
    for metric, mine in of_seed.dropna(subset="value").groupby("metric"):
        values = mine.groupby("featurizer")["value"].agg("mean" if metric in AS_MEAN else "median")
        names = values.index.str.partition(".")
        values.index = pd.MultiIndex.from_arrays([names.get_level_values(0), names.get_level_values(2)])
        grids[str(metric)] = values.unstack().reindex(index=list(Paradigm), columns=list(Setting))
    return grids


def _top(grid: Grid) -> tuple[int, ...]:
    """Row and column of the best setup."""
    return tuple(int(place) for place in np.unravel_index(np.nanargmax(grid.to_numpy(np.float64)), grid.shape))


def _tops_of_plain(grid: Grid) -> int:
    """Paradigms that are best without augmentation and with one crop."""
    return int(np.sum((grid.fillna(-np.inf).idxmax(axis=1) == LEAST_OFFERED).to_numpy()))


def _mean(grid: Grid, paradigm: str, settings: list[str]) -> float:
    return float(np.mean(grid.loc[[paradigm], settings].to_numpy(np.float64)))
