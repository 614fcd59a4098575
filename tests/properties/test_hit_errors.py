"""Where treated wells vary otherwise than negative controls the test of hits keeps its promise, as far as replicates show it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gandl.evaluation.hits import (
    NO_REPLICATES,
    Spread,
    adjusted,
    compare,
    compare_each,
    fit_reference,
    replicate_spread,
)
from gandl.evaluation.screening.false_hits import compare_groups

TREATMENTS = 120
LAYOUTS = {"a well on each of four plates": (1, 1, 1, 1), "two on each of two": (2, 2), "three on one": (3,)}


def draw(
    rng: np.random.Generator, layout: tuple[int, ...], controls: int, ratio: float, tails: int = 0
) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Treated wells without an effect (values, plates, treatments) and negative controls (values, plates) of a screen whose
    plates are shifted; treated wells vary `ratio` times as much."""

    def noise(n: int) -> np.ndarray:
        return rng.standard_t(tails, n) if tails else rng.standard_normal(n)

    names = np.array([f"plate {i}" for i in range(len(layout))], object)
    shifts = rng.normal(0, 1, len(layout))
    of_wells, of_controls = np.tile(np.repeat(np.arange(len(layout)), layout), TREATMENTS), np.arange(len(layout))
    of_controls = np.repeat(of_controls, controls)
    groups = np.repeat(np.arange(TREATMENTS), sum(layout))
    treated = ratio * noise(len(groups)) + shifts[of_wells]
    return (treated, names[of_wells], groups), (noise(len(of_controls)) + shifts[of_controls], names[of_controls])


def screens(
    count: int, layout: tuple[int, ...], controls: int, ratio: float, tails: int = 0, *, old: bool = False
) -> tuple[float, float]:
    """Share of screens with a hit, and of p of at most 0.05; `old`: with the spread of the controls alone."""
    rng, with_hit, small = np.random.default_rng(8), [], []
    for _ in range(count):
        treated, negative = draw(rng, layout, controls, ratio, tails)
        _, p = compare(*treated, fit_reference(*negative), NO_REPLICATES if old else None)
        with_hit.append((adjusted(p) <= 0.05).any())
        small.append((p <= 0.05).mean())
    return float(np.mean(with_hit)), float(np.mean(small))


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("controls", [4, 16])
def test_the_spread_of_replicates_is_that_of_treated_wells(layout: tuple[int, ...], controls: int) -> None:
    """On average, few controls of a plate or many: the error of their mean is no part of it."""
    rng, found = np.random.default_rng(0), []
    for _ in range(300):
        treated, negative = draw(rng, layout, controls, 1.5)
        spread = replicate_spread(*treated, fit_reference(*negative))
        found.append(spread.deviation**2)
        assert spread.freedom == TREATMENTS * (sum(layout) - 1)
    assert np.mean(found) == pytest.approx(1.5**2, rel=0.03)


def test_plates_that_shift_treated_wells_otherwise_than_controls_count_as_spread() -> None:
    rng = np.random.default_rng(1)
    (values, plates, groups), negative = draw(rng, (1, 1, 1, 1), 16, 1.0)
    shifted = values + np.where(plates == "plate 2", 3.0, 0.0)
    assert replicate_spread(shifted, plates, groups, fit_reference(*negative)).deviation > 1.5


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("ratio", [0.7, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("controls", [4, 16])
def test_hardly_any_null_screen_has_a_hit_whatever_the_ratio_of_noise(
    layout: tuple[int, ...], ratio: float, controls: int
) -> None:
    with_hit, small = screens(200, layout, controls, ratio)
    assert with_hit <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 200)
    assert small <= 0.06


def test_by_the_spread_of_the_controls_alone_most_null_screens_would_have_one() -> None:
    with_hit, small = screens(50, (1, 1, 1, 1), 16, 1.5, old=True)
    assert with_hit > 0.6
    assert small > 0.12


def test_without_replicates_nothing_shows_that_treated_wells_vary_more() -> None:
    """A limit of the test, as docs/decisions.md says."""
    with_hit, _ = screens(50, (1,), 16, 2.0)
    assert with_hit > 0.5


def test_treatments_that_vary_more_than_the_controls_are_compared_by_their_own_analysis_of_variance() -> None:
    """The spread is the residual one of a linear model with a mean per treatment, of one plate."""
    rng = np.random.default_rng(2)
    treated, groups, negative = (
        3 * rng.standard_normal(20) + 1,
        np.repeat([0, 1, 2], [4, 6, 10]),
        rng.standard_normal(7),
    )
    plate = np.full(20, "p", object)
    difference, p = compare(treated, plate, groups, fit_reference(negative, plate[:7]))
    _, squares, *_ = np.linalg.lstsq((groups[:, None] == np.arange(3)).astype(float), treated)
    t = difference / np.sqrt(squares[0] / 17 * (1 / np.array([4, 6, 10]) + 1 / 7))
    np.testing.assert_allclose(p, 2 * stats.t.sf(np.abs(t), 17))


def test_replicates_that_vary_less_than_the_controls_change_nothing() -> None:
    treated, negative = draw(np.random.default_rng(3), (1, 1), 8, 0.5)
    reference = fit_reference(*negative)
    ours, by_controls = compare(*treated, reference), compare(*treated, reference, NO_REPLICATES)
    np.testing.assert_array_equal(ours, by_controls)


def test_few_replicates_are_not_asked() -> None:
    """Seven degrees of freedom of three treatments; eight are."""
    rng = np.random.default_rng(4)
    reference = fit_reference(rng.standard_normal(9), np.full(9, "p", object))
    for wells, same in ((10, True), (11, False)):
        values, plates, groups = 5 * rng.standard_normal(wells), np.full(wells, "p", object), np.arange(wells) % 3
        ours, by_controls = (
            compare(values, plates, groups, reference),
            compare(values, plates, groups, reference, NO_REPLICATES),
        )
        assert np.array_equal(ours[1], by_controls[1]) is same


@pytest.mark.parametrize("replicates", [Spread(2.0, 40), Spread(0.2, 40)])
def test_control_wells_and_groups_of_them_are_called_by_the_same_test(replicates: Spread) -> None:
    rng = np.random.default_rng(5)
    values, plates = rng.standard_normal(18), np.repeat(["a", "b", "c"], 6).astype(object)
    each = compare_each(values, plates, replicates)
    chosen = np.array([[0, 1, 7], [2, 8, 14], [12, 13, 15]])
    difference, p = compare_groups(values, plates, chosen, replicates)
    for i in range(18):
        others = np.arange(18) != i
        reference = fit_reference(values[others], plates[others])
        assert each[i] == pytest.approx(
            compare(values[[i]], plates[[i]], np.zeros(1, int), reference, replicates)[1][0]
        )
    for i, mine in enumerate(chosen):
        others = np.setdiff1d(np.arange(18), mine)
        reference = fit_reference(values[others], plates[others])
        expected = compare(values[mine], plates[mine], np.zeros(3, int), reference, replicates)
        assert (difference[i], p[i]) == pytest.approx((expected[0][0], expected[1][0]))
