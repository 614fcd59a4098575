"""Parts of the screening: hooks, sign test, Benjamini and Hochberg by hand, negative controls that are called as compounds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from gandl.evaluation import hits
from gandl.evaluation.screening.compounds import compounds_in
from gandl.evaluation.screening.doses import doses_of
from gandl.evaluation.screening.false_hits import compare_groups, false_hits, layout_of
from gandl.evaluation.screening.hooks import hooks
from gandl.evaluation.screening.sign_test import sign_test_intervals
from gandl.evaluation.screening.simulated import Design, simulated_screen
from gandl.statistics.hill import Hill, fit_hills
from pair_inputs import SETTINGS

DOSES = np.repeat([0.01, 0.03, 0.1, 0.3, 1.0, 3.0], 4)
UNIQUE = np.unique(DOSES)


def noisy(means: np.ndarray, count: int, seed: int = 0, noise: float = 0.25) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.repeat(means, 4) + noise * rng.standard_normal((count, len(DOSES)))


def called(responses: np.ndarray) -> float:
    return float(hooks(DOSES, responses, fit_hills(DOSES, responses)).mean())


def test_series_that_rise_and_fall_are_hooks() -> None:
    assert called(noisy(np.array([-1, -1, -0.2, 0.6, 0.0, -0.8]), 100)) > 0.95


@pytest.mark.parametrize(
    "means",
    [
        np.full(6, -1.0),
        Hill(0.1, 1.5, -1, 1)(UNIQUE),
        Hill(0.02, 3.0, -1, 1)(UNIQUE),
        Hill(0.3, -2.0, -1, 1)(UNIQUE),
        np.array([-1, -1, 0.5, 0.5, 0.5, 0.5]),
    ],
)
def test_series_that_go_one_way_are_hardly_ever_hooks(means: np.ndarray) -> None:
    assert called(noisy(means, 400)) <= 0.02


def test_a_valley_is_no_hook_and_neither_is_what_has_no_replicates() -> None:
    assert called(noisy(np.array([1, 1, 0.2, -0.6, 0.0, 0.8]), 50)) == 0
    responses = np.array([-1, -1, -0.2, 0.6, 0.0, -0.8])[None] + np.zeros((3, 6))
    assert not hooks(UNIQUE, responses, fit_hills(UNIQUE, responses)).any()


def test_the_interval_of_a_median_are_order_statistics_by_the_binomial() -> None:
    rng = np.random.default_rng(0)
    sizes = [1, 5, 6, 8, 9, 24]
    groups = np.repeat(np.arange(len(sizes)), sizes)
    values = rng.standard_normal(len(groups))
    order = rng.permutation(len(groups))
    median, low, high = sign_test_intervals(values[order], groups[order], 0.95)
    for group, n in enumerate(sizes):
        mine = np.sort(values[groups == group])
        assert median[group] == pytest.approx(np.median(mine))
        ranks = [k for k in range(1, n // 2 + 1) if 1 - 2 * sum(binom.pmf(range(k), n, 0.5)) >= 0.95]
        if ranks:
            assert (low[group], high[group]) == (mine[max(ranks) - 1], mine[n - max(ranks)])
        else:
            assert np.isnan([low[group], high[group]]).all()
    assert np.isnan(low).tolist() == [True, True, False, False, False, False]


def test_the_interval_of_a_median_holds_it_at_least_as_often_as_it_says() -> None:
    values = np.random.default_rng(1).standard_exponential((2000, 9))
    _, low, high = sign_test_intervals(values.ravel(), np.repeat(np.arange(2000), 9), 0.95)
    assert np.mean((low <= np.log(2)) & (np.log(2) <= high)) == pytest.approx(1 - 2 * binom.cdf(1, 9, 0.5), abs=0.015)


def test_adjusted_p_values_are_those_of_benjamini_and_hochberg_by_hand() -> None:
    p = np.random.default_rng(2).random(50) ** 2
    m, q = len(p), np.empty(50)
    for i in range(m):
        q[i] = min(1.0, min(m * p[j] / np.sum(p <= p[j]) for j in range(m) if p[j] >= p[i]))
    np.testing.assert_allclose(hits.adjusted(p), q)


def negatives(rng: np.random.Generator, plates: int, per_plate: int) -> pd.DataFrame:
    names = np.repeat([f"p{i}" for i in range(plates)], per_plate)
    on = np.repeat(rng.normal(0, 1, plates), per_plate) + rng.standard_normal(plates * per_plate)
    return pd.DataFrame({"control": "negative", "plate_id": names, "on": on})


@pytest.mark.parametrize("layout", [(1, 1, 1), (2, 2), (3,)])
def test_groups_of_negative_controls_are_called_as_often_as_the_limit_says(layout: tuple[int, ...]) -> None:
    """One side of the test, so half of it."""
    rng = np.random.default_rng(3)
    shares = [false_hits(negatives(rng, 4, 8), layout, 0.2, 0.95, "cells", seed).tested for seed in range(40)]
    assert np.mean(shares) == pytest.approx(0.1, abs=0.03)


def test_groups_are_compared_as_treatments_are() -> None:
    wells = negatives(np.random.default_rng(5), 3, 6)
    on, plates = 100 + wells["on"].to_numpy(), wells["plate_id"].to_numpy(object)
    chosen = np.array([[0, 1, 7], [2, 8, 14], [12, 13, 15]])
    difference, p = compare_groups(on, plates, chosen)
    for i, mine in enumerate(chosen):
        others = np.setdiff1d(np.arange(18), mine)
        reference = hits.fit_reference(on[others], plates[others])
        expected = hits.compare(on[mine], plates[mine], np.zeros(3, int), reference)
        assert (difference[i], p[i]) == pytest.approx((expected[0][0], expected[1][0]))


def test_groups_of_negative_controls_are_disjoint_and_leave_one_on_every_plate() -> None:
    found = false_hits(negatives(np.random.default_rng(4), 3, 6), (1, 1), 0.05, 0.95, "cells", 0)
    assert found.groups == 9
    assert np.isnan(found.by_sign), "two wells are too few for a sign test"
    assert false_hits(negatives(np.random.default_rng(4), 2, 2), (2, 2), 0.05, 0.95, "cells", 0).groups == 0
    assert false_hits(negatives(np.random.default_rng(4), 2, 6), (1, 1, 1), 0.05, 0.95, "cells", 0).groups == 0


def test_the_layout_is_that_of_most_treatments() -> None:
    plates = ["a", "a", "b", "b", "a", "c", "c", "a", "a"]
    treated = pd.DataFrame({"plate_id": plates})
    assert layout_of(treated, np.array([0, 0, 0, 0, 1, 2, 2, 2, 2])) == (2, 2)


def compounds_of_screen(wells: pd.DataFrame) -> pd.DataFrame:
    return compounds_in(wells, doses_of(wells, None, SETTINGS, 0), confidence=0.95, false_discovery=0.05)


def test_hits_among_compounds_are_by_simes_of_their_harmless_doses() -> None:
    wells, _ = simulated_screen(Design(2, 20, 4, replicates=3, noise=0.6), [3])
    doses = doses_of(wells, None, SETTINGS, 0)
    compounds = compounds_of_screen(wells).set_index("compound")
    p = {}
    for name, mine in doses[~doses["toxic"]].groupby("compound"):
        one_sided = sorted(row.p / 2 if row.difference > 0 else 1 - row.p / 2 for row in mine.itertuples())
        p[name] = min(len(one_sided) * value / rank for rank, value in enumerate(one_sided, 1))
    q = pd.Series(hits.adjusted(np.array(list(p.values()))), index=list(p))
    known = compounds.loc[q.index]
    np.testing.assert_allclose(known["q"], q)
    assert (known["hit"] == (q <= 0.05)).all()
    assert doses["toxic"].any()
    assert known["hit"].any()


def test_curves_of_a_simulated_screen_are_flagged_by_what_they_are() -> None:
    wells, _ = simulated_screen(Design(3, 0, replicates=6, noise=0.05), [0])
    means = {
        "rescue 0000": Hill(0.004, 1.5, -1, 1),
        "rescue 0001": Hill(6.0, 1.5, -1, 3),
        "rescue 0002": Hill(0.1, -1.5, -1, 1),
    }
    for name, curve in means.items():
        mine = wells["compound"] == name
        noise = 0.05 * np.random.default_rng(1).standard_normal(mine.sum())
        wells.loc[mine, "on"] = curve(wells.loc[mine, "concentration_um"].to_numpy()) + noise
    compounds = compounds_of_screen(wells).set_index("compound")
    flags = {name: set(str(compounds.loc[name, "flags"] or "").split("|")) - {""} for name in means}
    assert "ec50_below_doses" in flags["rescue 0000"]
    assert "ec50_above_doses" in flags["rescue 0001"]
    assert flags["rescue 0002"] - {"toxic"} == {"falling"}, "nothing else; of many doses some are toxic by chance"
    assert "falling" not in flags["rescue 0000"] | flags["rescue 0001"]


def test_an_ec50_that_the_doses_hardly_determine_has_an_open_interval() -> None:
    wells, _ = simulated_screen(Design(1, 0, replicates=4), [0])
    mine = wells["compound"].notna()
    curve = Hill(6.0, 1.0, -1, 1)(wells.loc[mine, "concentration_um"].to_numpy())
    wells.loc[mine, "on"] = curve + 0.15 * np.random.default_rng(3).standard_normal(mine.sum())
    (row,) = compounds_of_screen(wells).itertuples()
    assert row.ec50_high_um == pytest.approx(3 * 10**0.5)
    assert "interval_open" in row.flags
