"""Refitted intervals of a held-out AUC hold the truth as often as they say, also where nothing distinguishes the controls; p of
permuted labels is uniform there."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest, norm

from feature_screens import draw_screen, refitted_rows, scores_of
from gandl.evaluation.numbers import METRICS, number
from gandl.evaluation.strict.intervals import with_refits
from gandl.evaluation.strict.permutations import p_of, permuted_aucs
from gandl.statistics.bootstrap import bootstrap_interval
from gandl.statistics.fold_features import Fixed
from gandl.statistics.separation import auc, ssmd

SCREENS = 120
ONE_C = [0.3]


def held(kept: bool, truth: float = 0.5, **given: object) -> float:
    """Share of screens whose interval holds the truth; with axes kept or refitted."""
    found = []
    for seed in range(SCREENS):
        screen = draw_screen(seed, **given)  # type: ignore[arg-type]
        scores = scores_of(screen, ONE_C)
        kinds = scores.on[screen.labels > 0], scores.on[screen.labels < 0]
        if kept:
            low, high = bootstrap_interval(auc, *kinds, draws=200, confidence=0.95, seed=seed)
        else:
            low, high = refitted_rows(screen, scores).loc["auc", ["low", "high"]]
        found.append(low <= truth <= high)
    return float(np.mean(found))


@pytest.mark.parametrize("given", [{}, {"factors": 3}, {"by_plate": 0.5}, {"plates": 3}, {"plates": 7}])
def test_without_an_effect_at_least_92_percent_hold_one_half(given: dict[str, float]) -> None:
    assert held(kept=False, **given) >= 0.92


def test_without_an_effect_intervals_that_keep_their_axes_hold_one_half_far_less_often() -> None:
    assert held(kept=True, plates=7) < 0.92


def test_p_of_permuted_labels_is_uniform_without_an_effect() -> None:
    p = []
    for seed in range(300):
        screen = draw_screen(seed, factors=2 * (seed % 2), dim=20)
        aucs = permuted_aucs(Fixed(screen.values), screen.labels, screen.folds, screen.wells["plate_id"], 199, seed)
        p.append(p_of(aucs))
    assert kstest(p, "uniform").pvalue > 0.01
    assert np.mean(np.array(p) <= 0.05) <= 0.08


@pytest.mark.parametrize("units", [200, 800])
def test_both_intervals_of_a_known_distribution_hold_the_truth_in_93_to_97_percent(units: int) -> None:
    """Normal wells, 1.2 deviations apart, and no axis to fit: AUC and SSMD are known; groups of units are left out, or units
    drawn."""
    rng, screens = np.random.default_rng(units), 400
    truth = {"auc": norm.cdf(1.2 / np.sqrt(2)), "ssmd": 1.2 / np.sqrt(2)}
    wells = pd.DataFrame({"well_id": [f"w{i:03d}" for i in range(units)]})
    signs = np.tile([1, -1], units // 2)
    groups = np.repeat(np.arange(8), units // 8)
    of_groups = dict.fromkeys(truth, 0)
    of_draws = dict.fromkeys(truth, 0)
    for screen in range(screens):
        on = rng.standard_normal(units) + 0.6 * signs
        kinds = on[signs > 0], on[signs < 0]
        refits = pd.concat(
            [wells.assign(on=on, left_out=f"g{group}", drawn="group of plates")[groups != group] for group in range(8)]
        )
        rows = [number("s", "well", name, float(METRICS[name](*kinds)), (0.0, 0.0), units) for name in truth]
        for row in with_refits(rows, wells, signs, refits, "on", METRICS, 0.95):
            of_groups[row["metric"]] += row["low"] <= truth[row["metric"]] <= row["high"]
        if units == 200:
            for name, statistic in (("auc", auc), ("ssmd", ssmd)):
                low, high = bootstrap_interval(statistic, *kinds, draws=300, confidence=0.95, seed=screen)
                of_draws[name] += low <= truth[name] <= high
    for share in [*of_groups.values(), *(of_draws.values() if units == 200 else [])]:
        assert 0.93 <= share / screens <= 0.97, (of_groups, of_draws)
