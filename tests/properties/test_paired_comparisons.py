"""Paired differences: equal to closed forms computed another way, right as often as they say, and few false claims among many."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, false_discovery_control, t

from gandl.evaluation.paired import difference, draw, drawn_accuracy, drawn_auc, holm
from gandl.statistics.separation import auc

DRAWS = 400
CONFIDENCE = 0.95


def delong(positive: np.ndarray, negative: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Placements of two markers' positives and negatives (DeLong et al. 1988), pair by pair."""
    wins = (positive[:, :, None] > negative[:, None, :]) + (positive[:, :, None] == negative[:, None, :]) / 2
    return wins.mean(axis=2), wins.mean(axis=1)


def two_markers(rng: np.random.Generator, n: int, shift: float, correlation: float) -> np.ndarray:
    """(2, n) scores of two featurizers of the same wells."""
    shared = np.sqrt(correlation) * rng.standard_normal(n)
    return shift + shared + np.sqrt(1 - correlation) * rng.standard_normal((2, n))


def compared_by_auc(positive: np.ndarray, negative: np.ndarray, seed: int, draws: int = DRAWS):
    units = tuple(np.arange(values.shape[1]) for values in (positive, negative))
    shared = draw([len(of_class) for of_class in units], draws, seed)
    drawn = [drawn_auc(positive[i], negative[i], units, shared) for i in range(2)]
    return difference(drawn[0], drawn[1], shared.freedom, CONFIDENCE)


def test_a_difference_of_aucs_has_the_standard_error_of_delong_s_closed_form() -> None:
    rng = np.random.default_rng(0)
    positive, negative = two_markers(rng, 60, 1.0, 0.5), two_markers(rng, 45, 0.0, 0.5)
    found = compared_by_auc(positive, negative, seed=1, draws=6000)
    of_positives, of_negatives = delong(positive, negative)
    variance = sum(np.var(side[0] - side[1], ddof=1) / side.shape[1] for side in (of_positives, of_negatives))
    expected = float(auc(positive[0], negative[0]) - auc(positive[1], negative[1]))
    assert found.value == pytest.approx(expected, abs=1e-12)
    assert (found.high - found.low) / 2 == pytest.approx(t.ppf(0.975, 44) * np.sqrt(variance), rel=0.04)
    assert found.p == pytest.approx(2 * t.sf(abs(expected) / np.sqrt(variance), 44), rel=0.2)


def test_plates_that_are_drawn_whole_give_the_auc_of_the_wells_that_were_drawn() -> None:
    rng = np.random.default_rng(2)
    positive, negative = rng.integers(0, 6, 14).astype(float), rng.integers(-2, 5, 11).astype(float)
    units = rng.permutation(np.arange(14) % 4), rng.permutation(np.arange(11) % 3)
    shared = draw([4, 3], 20, seed=3)
    found = drawn_auc(positive, negative, units, shared)
    for i in range(21):
        times = [shared.times[side][i][units[side]] for side in range(2)]
        expected = auc(np.repeat(positive, times[0]), np.repeat(negative, times[1]))
        assert found[i] == pytest.approx(float(expected), abs=1e-12)


def test_a_difference_of_accuracies_has_the_standard_error_of_the_linearised_ratio() -> None:
    rng = np.random.default_rng(4)
    sizes, shares = (50, 80), (0.8, 0.6)
    wells = [rng.beta(4 * share, 4 * (1 - share), size) for share, size in zip(shares, sizes, strict=True)]
    right = [[rng.binomial(4, of_class).astype(float) for of_class in wells] for _ in range(2)]
    total = [np.full(size, 4.0) for size in sizes]
    shared = draw(sizes, 6000, seed=5)
    drawn = [drawn_accuracy(of_featurizer, total, shared) for of_featurizer in right]
    found = difference(drawn[0], drawn[1], shared.freedom, CONFIDENCE)
    images = 4 * sum(sizes)
    variance = (
        sum(len(one) * np.var(one - other, ddof=1) for one, other in zip(right[0], right[1], strict=True)) / images**2
    )
    expected = (np.concatenate(right[0]).sum() - np.concatenate(right[1]).sum()) / images
    assert found.value == pytest.approx(expected, abs=1e-12)
    assert (found.high - found.low) / 2 == pytest.approx(t.ppf(0.975, 49) * np.sqrt(variance), rel=0.04)


@pytest.mark.parametrize(("positives", "negatives", "shift"), [(40, 60, 1.0), (60, 60, 2.0), (8, 16, 1.0)])
def test_intervals_of_equal_featurizers_hold_zero_as_often_as_they_say(
    positives: int, negatives: int, shift: float
) -> None:
    """Two featurizers of one population, correlated well by well: the true difference is 0. Few wells: not less often."""
    rng, runs = np.random.default_rng(6), 600
    held = 0
    for run in range(runs):
        positive, negative = two_markers(rng, positives, shift, 0.5), two_markers(rng, negatives, 0.0, 0.5)
        found = compared_by_auc(positive, negative, seed=run)
        held += found.low <= 0 <= found.high
    low, high = binom.ppf([0.0005, 0.9995], runs, CONFIDENCE)
    assert low <= held <= (high if positives >= 40 else runs), held / runs


def of_plates(rng: np.random.Generator, plates: int, deviation: float) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Scores by two equally good featurizers of 3 positives and 4 negatives a plate, whose effect differs by plate; and
    the plates of both classes."""
    units = [np.repeat(np.arange(plates), wells) for wells in (3, 4)]
    effects = 1.0 + deviation * rng.standard_normal((2, plates))
    positive, negative = (two_markers(rng, len(at), 0.0, 0.5) for at in units)
    return [positive + effects[:, units[0]], negative], units


@pytest.mark.parametrize(("plates", "deviation"), [(4, 0.5), (6, 1.0)])
def test_intervals_hold_zero_where_the_effect_differs_from_plate_to_plate(plates: int, deviation: float) -> None:
    """As of a network that is trained for every plate anew. Drawing wells alone does not see that plates differ."""
    rng, runs, held = np.random.default_rng(10), 300, {"plates": 0, "wells": 0}
    for run in range(runs):
        sides, units = of_plates(rng, plates, deviation)
        shared = draw([plates, plates], 200, run, together=True)
        drawn = [drawn_auc(sides[0][i], sides[1][i], tuple(units), shared) for i in range(2)]
        found = difference(drawn[0], drawn[1], shared.freedom, CONFIDENCE)
        held["plates"] += found.low <= 0 <= found.high
        if deviation == 1:
            by_well = compared_by_auc(sides[0], sides[1], seed=run, draws=200)
            held["wells"] += by_well.low <= 0 <= by_well.high
        assert (found.p <= 0.05) == (not found.low <= 0 <= found.high)
    assert held["plates"] >= binom.ppf(0.0005, runs, CONFIDENCE), held
    assert deviation < 1 or held["wells"] < binom.ppf(0.0005, runs, CONFIDENCE), held


def test_plates_drawn_for_both_classes_have_the_standard_error_of_placements_summed_by_plate() -> None:
    rng = np.random.default_rng(11)
    sides, units = of_plates(rng, 60, 1.0)
    shared = draw([60, 60], 4000, 12, together=True)
    drawn = [drawn_auc(sides[0][i], sides[1][i], tuple(units), shared) for i in range(2)]
    found = difference(drawn[0], drawn[1], shared.freedom, CONFIDENCE)
    by_plate = np.zeros(60)
    for placed, at in zip(delong(*sides), units, strict=True):
        differences = placed[0] - placed[1]
        by_plate += np.bincount(at, differences - differences.mean()) / len(at)
    error = np.sqrt(60 / 59 * np.sum(by_plate**2))
    assert shared.freedom == 59
    assert (found.high - found.low) / 2 == pytest.approx(t.ppf(0.975, 59) * error, rel=0.06)


def test_draws_without_a_class_are_left_out_or_nothing_is_claimed_where_they_are_many() -> None:
    rng = np.random.default_rng(13)
    sides, units = of_plates(rng, 6, 0.0)
    shared = draw([6, 6], DRAWS, 14, together=True)
    for absent, known in (([0], True), ([0, 1, 2, 3], False)):
        kept = ~np.isin(units[0], absent)
        positive, at = sides[0][:, kept], (units[0][kept], units[1])
        drawn = [drawn_auc(positive[i], sides[1][i], at, shared) for i in range(2)]
        assert np.isnan(drawn[0]).any() == (not known)
        assert np.isfinite(difference(drawn[0], drawn[1], shared.freedom, CONFIDENCE).p) == known


def test_intervals_of_plates_that_shift_together_hold_the_truth_with_three_and_two_plates() -> None:
    """Plates are drawn, of which there are few: Student's t with one degree of freedom is wide enough."""
    rng, runs = np.random.default_rng(7), 400
    held = known = 0
    for run in range(runs):
        units = np.arange(30) // 10, np.arange(20) // 10
        sides = [
            level + rng.standard_normal((2, of_side[-1] + 1))[:, of_side] + 0.5 * rng.standard_normal((2, len(of_side)))
            for level, of_side in zip((1.0, 0.0), units, strict=True)
        ]
        shared = draw([3, 2], DRAWS, seed=run)
        drawn = [drawn_auc(sides[0][i], sides[1][i], units, shared) for i in range(2)]
        found = difference(drawn[0], drawn[1], shared.freedom, CONFIDENCE)
        known += np.isfinite(found.low)
        held += found.low <= 0 <= found.high
    assert held >= binom.ppf(0.0005, known, CONFIDENCE), held / known


def test_among_many_comparisons_without_a_difference_few_families_hold_a_claim() -> None:
    """Four featurizers against four floors on the same images of 60 wells, all equally good: Holm at 5 %."""
    rng, runs, pairs = np.random.default_rng(8), 300, [(i, j) for i in range(4) for j in range(4, 8)]
    claims = unadjusted = 0
    for run in range(runs):
        easy = rng.beta(4, 1, 60)
        right = rng.binomial(4, easy, (8, 60)).astype(float)
        shared = draw([30, 30], DRAWS, seed=run)
        halves = [[of_one[:30], of_one[30:]] for of_one in right]
        drawn = [drawn_accuracy(of_one, [np.full(30, 4.0)] * 2, shared) for of_one in halves]
        p = [difference(drawn[i], drawn[j], shared.freedom, CONFIDENCE).p for i, j in pairs]
        claims += np.nanmin(holm(p)) <= 0.05
        unadjusted += np.nanmin(p) <= 0.05
    assert claims <= binom.ppf(0.9995, runs, 0.05), claims / runs
    assert unadjusted > 3 * max(claims, 1)


def test_holm_equals_its_definition_and_never_claims_more_than_benjamini_and_hochberg() -> None:
    p = np.array([0.01, 0.04, 0.03, 0.005, 0.6])
    np.testing.assert_allclose(holm(p), [0.04, 0.09, 0.09, 0.025, 0.6])
    with_unknown = holm([0.01, np.nan, 0.02])
    np.testing.assert_allclose(with_unknown, [0.03, np.nan, 0.04])
    many = np.random.default_rng(9).beta(0.3, 1, 200)
    assert (holm(many) >= false_discovery_control(many) - 1e-12).all()
    assert len(holm([])) == 0


def test_nothing_is_claimed_where_draws_agree_or_a_class_has_one_unit() -> None:
    same = np.full(11, 0.7)
    assert np.isnan(difference(same, same, 5, CONFIDENCE).p)
    varied = np.linspace(0, 1, 11)
    assert np.isnan(difference(varied, same, 0, CONFIDENCE).low)
    assert difference(varied, same, 0, CONFIDENCE).value == pytest.approx(-0.7)
