"""Hits hold what they promise: the share of false ones is as stated, on drawn scores and on scores by held-out axes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gandl.config import EvaluationSettings
from gandl.evaluation.hits import (
    adjusted,
    compare,
    compare_each,
    fit_reference,
    largest_p,
    mean_intervals,
    own_interval,
    prediction_interval,
)
from gandl.evaluation.treatments import Negative, treatments_of
from gandl.statistics.fold_features import CrossFitted
from gandl.statistics.held_out import Fold, held_out_scores

TREATMENTS = 60
NO_REFERENCE = fit_reference(np.empty(0), np.empty(0, object))
SETTINGS = EvaluationSettings(bootstrap=200)
Draw = Callable[[np.random.Generator, int], np.ndarray]


def normal(rng: np.random.Generator, size: int) -> np.ndarray:
    return rng.standard_normal(size)


def heavy(rng: np.random.Generator, size: int) -> np.ndarray:
    return rng.standard_t(5, size)


def found_in(wells: pd.DataFrame) -> pd.DataFrame:
    """Treatments and doses of scored wells."""
    found = treatments_of(wells, Negative.of(wells), SETTINGS, seed=0)
    return found[found["kind"] == "treatment"]


def unreplicated(
    rng: np.random.Generator, treatments: int, controls: tuple[int, ...]
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Scored wells where nothing is active, of one well per treatment; as many negative controls on each plate as given; and
    the shift of every plate, which is the true score of its wells."""
    shifts = {f"plate {i}": shift for i, shift in enumerate(rng.normal(0, 1, len(controls)))}
    plates = [*np.repeat(list(shifts), controls), *np.resize(list(shifts), treatments)]
    about = {"plate_id": plates, "control": ["negative"] * sum(controls) + ["none"] * treatments, "compound": None}
    wells = pd.DataFrame(about).assign(concentration_um=1.0, well_id=[f"{i:03d}" for i in range(len(plates))])
    wells["treatment"] = [*[None] * sum(controls), *(f"t{i:03d}" for i in range(treatments))]
    return wells.assign(on=rng.standard_normal(len(plates)) + wells["plate_id"].map(shifts)), shifts


def screen(
    rng: np.random.Generator, wells: int, plates: int, controls: int, effect: np.ndarray, draw: Draw = normal
) -> tuple[np.ndarray, np.ndarray]:
    """p and q of 60 treatments with so many wells each, on plates that shift all their wells and hold so many controls."""
    shifts = rng.normal(0, 1, plates)
    names = np.array([f"plate {i}" for i in range(plates)], object)
    groups, places = np.repeat(np.arange(TREATMENTS), wells), np.tile(np.arange(wells) % plates, TREATMENTS)
    negative = draw(rng, controls * plates) + np.repeat(shifts, controls)
    treated = draw(rng, len(groups)) + shifts[places] + effect[groups]
    _, p = compare(treated, names[places], groups, fit_reference(negative, np.repeat(names, controls)))
    return p, adjusted(p)


def shares(draws: int, active: int, **how: int | Draw) -> tuple[float, float]:
    """Mean share of false ones among the hits of many screens, and of active treatments found; `active` move by 4 deviations."""
    rng, effect = np.random.default_rng(0), np.where(np.arange(TREATMENTS) < active, 4.0, 0.0)
    false, found = [], []
    for _ in range(draws):
        _, q = screen(rng, effect=effect, **how)  # type: ignore[arg-type]
        hit = q <= 0.05
        false.append((hit & (effect == 0)).sum() / max(1, hit.sum()))
        found.append(hit[:active].mean() if active else 0.0)
    return float(np.mean(false)), float(np.mean(found))


@pytest.mark.parametrize(("wells", "plates", "controls"), [(1, 1, 16), (2, 2, 8), (3, 1, 4), (4, 4, 4)])
def test_where_nothing_is_active_hardly_any_screen_has_a_hit(wells: int, plates: int, controls: int) -> None:
    false, _ = shares(150, 0, wells=wells, plates=plates, controls=controls)
    assert false <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 150)


@pytest.mark.parametrize(("wells", "plates", "controls", "least"), [(1, 1, 16, 0.7), (2, 2, 8, 0.95)])
def test_the_share_of_false_ones_among_hits_is_as_stated_and_active_treatments_are_found(
    wells: int, plates: int, controls: int, least: float
) -> None:
    false, found = shares(150, 15, wells=wells, plates=plates, controls=controls)
    assert false <= 0.05
    assert found >= least


def test_tails_that_are_heavier_than_normal_ones_cost_some_false_hits() -> None:
    """As docs/decisions.md says: about 6 % with t of 5 degrees of freedom."""
    false, _ = shares(150, 15, wells=2, plates=2, controls=8, draw=heavy)
    assert false <= 0.1


def test_one_well_against_one_plate_is_students_t_of_a_new_observation() -> None:
    rng = np.random.default_rng(1)
    negative, new = rng.normal(2, 3, 9), np.array([4.0, -7.0])
    reference = fit_reference(negative, np.full(9, "p", object))
    difference, p = compare(new, np.full(2, "p", object), np.array([0, 1]), reference)
    t = (new - negative.mean()) / (negative.std(ddof=1) * np.sqrt(1 + 1 / 9))
    np.testing.assert_allclose(difference, new - negative.mean())
    np.testing.assert_allclose(p, 2 * stats.t.sf(np.abs(t), 8))


def test_plates_as_blocks_are_an_analysis_of_variance_of_the_controls() -> None:
    """The spread is the residual one of a linear model with a mean per plate; the error is that of its estimates."""
    rng = np.random.default_rng(2)
    blocks = np.repeat(["a", "b", "c"], [4, 6, 3]).astype(object)
    negative = rng.standard_normal(13)
    design = (blocks[:, None] == np.array(["a", "b", "c"])[None]).astype(float)
    estimate, squares, *_ = np.linalg.lstsq(design, negative)
    places = np.array(["a", "a", "c"], object)
    treated = np.array([1.0, 2.0, 0.5])
    weights = np.array([2 / 3, 0, 1 / 3])
    error = np.sqrt(squares[0] / 10 * (1 / 3 + weights @ np.linalg.inv(design.T @ design) @ weights))
    t = (treated.mean() - weights @ estimate) / error
    difference, p = compare(treated, places, np.zeros(3, int), fit_reference(negative, blocks))
    assert difference == pytest.approx(treated.mean() - weights @ estimate)
    assert p == pytest.approx(2 * stats.t.sf(abs(t), 10))


def test_each_control_is_tested_against_the_others_as_a_treatment_of_one_well() -> None:
    rng = np.random.default_rng(3)
    values, blocks = rng.standard_normal(14), np.repeat(["a", "b", "c"], [6, 7, 1]).astype(object)
    found = compare_each(values, blocks)
    for i in range(13):
        others = np.arange(14) != i
        _, p = compare(values[[i]], blocks[[i]], np.array([0]), fit_reference(values[others], blocks[others]))
        assert found[i] == pytest.approx(p[0])
    assert np.isnan(found[13]), "it has no other control on its plate"


def test_hits_are_those_of_benjamini_and_hochberg() -> None:
    p = np.concatenate([np.random.default_rng(4).random(40) ** 3, [np.nan]])
    ordered = np.sort(p[:-1])
    passing = np.flatnonzero(ordered <= 0.1 * np.arange(1, 41) / 40)
    q = adjusted(p)
    assert (q <= 0.1).sum() == passing[-1] + 1
    assert largest_p(p, q, 0.1) == ordered[passing[-1]]
    assert largest_p(np.array([0.9, 0.8]), adjusted(np.array([0.9, 0.8])), 0.1) == 0.05
    assert np.isnan(q[-1])


def test_too_few_controls_test_nothing_and_alike_ones_neither() -> None:
    for negative in (np.array([0.0, 1.0, 2.0]), np.zeros(8)):
        blocks = np.full(len(negative), "p", object)
        difference, p = compare(np.ones(2), np.full(2, "p", object), np.array([0, 1]), fit_reference(negative, blocks))
        np.testing.assert_allclose(difference, 1 - negative.mean())
        assert np.isnan(p).all()
    assert np.isnan(compare_each(np.array([0.0, 1.0, 2.0, 5.0]), np.full(4, "p", object))).all()
    difference, p = compare(
        np.ones(1), np.array(["q"], object), np.array([0]), fit_reference(np.arange(9.0), np.full(9, "p", object))
    )
    assert np.isnan(difference).all()
    assert np.isnan(p).all()


@pytest.mark.parametrize("sizes", [(1, 2, 4), (2,), (3,)])
def test_intervals_of_few_wells_hold_the_true_mean_as_often_as_they_say(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(5)
    groups = np.repeat(np.arange(30), np.resize(sizes, 30))
    held = []
    for seed in range(60):
        found = mean_intervals(
            rng.standard_normal(len(groups)), groups, NO_REFERENCE, draws=400, confidence=0.95, seed=seed
        )
        held.append((found.low <= 0) & (found.high >= 0))
    assert np.mean(held) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize("controls", [(4,), (8,), (2,) * 10])
def test_intervals_of_single_wells_hold_the_true_mean_as_often_as_they_say(controls: tuple[int, ...]) -> None:
    rng, held = np.random.default_rng(9), []
    for _ in range(150):
        wells, shifts = unreplicated(rng, 20, controls)
        found = found_in(wells)
        truth = wells.set_index("treatment")["plate_id"].map(shifts)[found["treatment"]].to_numpy()
        held.append(((found["low"] <= truth) & (found["high"] >= truth)).mean())
    assert np.mean(held) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize("n", [4, 8])
def test_intervals_of_few_controls_hold_their_mean_and_bands_a_further_well(n: int) -> None:
    rng, held, within = np.random.default_rng(10), [], []
    for _ in range(2000):
        values = rng.standard_normal(n)
        (low, high), (band_low, band_high) = own_interval(values, 0.95), prediction_interval(values, 0.95)
        held.append(low <= 0 <= high)
        within.append(band_low <= rng.standard_normal() <= band_high)
    assert np.mean(held) == pytest.approx(0.95, abs=0.02)
    assert np.mean(within) == pytest.approx(0.95, abs=0.02)
    assert np.isnan(own_interval(values[:1], 0.95)).all()
    assert np.isnan(prediction_interval(values[:3], 0.95)).all()


def test_without_replicates_intervals_are_students_by_the_spread_of_the_controls() -> None:
    reference = fit_reference(np.array([-1.0, 0.0, 1.0, 2.0, 4.0]), np.full(5, "p", object))
    values, groups = np.array([0.0, 1.0, 2.0, 4.0]), np.array([0, 1, 2, 2])
    found = mean_intervals(values, groups, reference, draws=9, confidence=0.9, seed=0)
    half = stats.t.ppf(0.95, 4) * reference.spread / np.sqrt([1, 1, 2])
    means = np.array([0, 1, 3])
    np.testing.assert_allclose([found.low, found.high], [means - half, means + half])
    nothing = mean_intervals(values, groups, NO_REFERENCE, draws=9, confidence=0.9, seed=0)
    assert np.isnan([nothing.low, nothing.high]).all()
    assert nothing.of is None


def test_a_plate_without_negative_controls_gives_the_others_no_false_hits() -> None:
    """Its wells are not tested, since nobody knows how far it is shifted."""
    rng, false = np.random.default_rng(11), []
    for _ in range(150):
        wells, _ = unreplicated(rng, 40, (8, 8, 8, 0))
        found = found_in(wells)
        assert found["p"].isna().sum() == 10
        assert set(found.loc[found["p"].isna(), "plates_without_negative"]) == {"plate 3"}
        false.append(found["differs"].any())
    assert np.mean(false) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 150)


def test_scores_by_held_out_axes_of_features_without_meaning_have_hardly_any_hit() -> None:
    """Rows left out; the two wells of a treatment are neighbours, so that both are scored by the same axes."""
    rows, columns = np.repeat(list("ABCDEFGH"), 12), np.tile(np.arange(12), 8)
    control = np.select([columns == 0, columns < 4], ["positive", "negative"], "none")
    label = np.select([columns == 0, columns < 4], [1, -1], 0)
    folds = [Fold(row, np.flatnonzero((rows != row) & (label != 0)), np.flatnonzero(rows == row)) for row in "ABCDEFGH"]
    about = {"plate_id": "p", "row": rows, "control": control, "compound": None, "concentration_um": 1.0}
    wells = pd.DataFrame(about).assign(well_id=[f"{i:02d}" for i in range(96)])
    wells["treatment"] = np.where(label == 0, rows + (columns // 2).astype(str).astype(object), None)
    rng, false, called = np.random.default_rng(6), [], []
    for _ in range(40):
        features = rng.standard_normal((96, 50)) + 2 * np.outer(label > 0, rng.standard_normal(50) / 5)
        scores = held_out_scores(features, label, folds, rows, [1.0])
        tested = found_in(wells.assign(on=scores.on))
        assert len(tested) == 32
        false.append(tested["differs"].any())
        called.append((tested["p"] < 0.05).mean())
    assert np.mean(false) <= 0.13  # 5 % of 40 screens, and two standard errors
    assert np.mean(called) == pytest.approx(0.05, abs=0.03)


def test_plates_standardised_on_the_compared_controls_break_the_promise_where_no_replicate_shows_it() -> None:
    """Whole plates left out; by four negative controls each, other wells look further away than these do: the audit says so.
    Replicates vary as much more, so with them the promise is kept."""
    kinds = ["negative"] * 4 + ["positive"] * 8 + ["none"] * 40
    wells = pd.DataFrame({"plate_id": np.repeat(["a", "b", "c"], len(kinds)), "control": kinds * 3, "compound": None})
    wells["treatment"] = [*[None] * 12, *(f"t{i}" for i in range(40))] * 3
    wells = wells.assign(concentration_um=1.0, well_id=[f"{i:03d}" for i in range(len(wells))])
    plates = wells["plate_id"].to_numpy(object)
    label = wells["control"].map({"positive": 1, "negative": -1, "none": 0}).to_numpy()
    folds = [
        Fold(name, np.flatnonzero((plates != name) & (label != 0)), np.flatnonzero(plates == name)) for name in "abc"
    ]
    rng = np.random.default_rng(7)
    called: dict[str, list[float]] = {"none": [], "negative": []}
    single: dict[str, list[float]] = {"none": [], "negative": []}
    alone = wells["treatment"].where(label != 0, wells["treatment"] + "_" + wells["plate_id"])
    for _ in range(20):
        raw = rng.standard_normal((len(wells), 60)) + np.outer(label > 0, np.arange(60) < 10)
        for reference, shares_of in called.items():
            features = raw.copy()
            for name in "abc":
                here = plates == name
                of = raw[here & (wells["control"] == reference).to_numpy()]
                features[here] = (raw[here] - of.mean(0)) / of.std(0, ddof=1)
            on = held_out_scores(features, label, folds, plates, [1.0]).on
            shares_of.append((found_in(wells.assign(on=on))["p"] < 0.05).mean())
            single[reference].append((found_in(wells.assign(on=on, treatment=alone))["p"] < 0.05).mean())
    assert np.mean(called["none"]) == pytest.approx(0.05, abs=0.03)
    assert np.mean(called["negative"]) <= 0.08
    assert np.mean(single["none"]) == pytest.approx(0.05, abs=0.03)
    assert np.mean(single["negative"]) > 0.12


def three_plates() -> tuple[pd.DataFrame, np.ndarray]:
    """Plates of 8 negative and 8 positive controls and 40 treatments, a well of each on every plate; plates are left out."""
    kinds = ["negative"] * 8 + ["positive"] * 8 + ["none"] * 40
    wells = pd.DataFrame({"plate_id": np.repeat(["a", "b", "c"], len(kinds)), "control": kinds * 3})
    wells["treatment"] = [*[None] * 16, *(f"t{i}" for i in range(40))] * 3
    return wells, wells["plate_id"].to_numpy(object)


def one_plate() -> tuple[pd.DataFrame, np.ndarray]:
    """A plate of 8 rows with a positive, two negative and nine treated wells each, two wells per treatment; rows are left out."""
    kinds = ["positive", "negative", "negative", *["none"] * 9]
    wells = pd.DataFrame({"plate_id": "p", "control": kinds * 8, "treatment": None})
    dealt = np.random.default_rng(0).permutation(72) % 36
    wells.loc[wells["control"] == "none", "treatment"] = [f"t{i}" for i in dealt]
    return wells, np.repeat(list("ABCDEFGH"), 12)


@pytest.mark.parametrize("layout", [three_plates, one_plate])
def test_cross_fitted_plates_keep_the_promise(layout: Callable[[], tuple[pd.DataFrame, np.ndarray]]) -> None:
    """What the check proposes: plates in units of negative controls, without those that are tested."""
    wells, left_out = layout()
    wells = wells.assign(compound=None, concentration_um=1.0, well_id=[f"{i:03d}" for i in range(len(wells))])
    label = wells["control"].map({"positive": 1, "negative": -1, "none": 0}).to_numpy()
    folds = [
        Fold(name, np.flatnonzero((left_out != name) & (label != 0)), np.flatnonzero(left_out == name))
        for name in dict.fromkeys(left_out)
    ]
    rng, false, called = np.random.default_rng(12), [], []
    for _ in range(60):
        raw = rng.standard_normal((len(wells), 100))
        features = CrossFitted(raw, wells["plate_id"], wells["well_id"], wells["control"])
        found = found_in(wells.assign(on=held_out_scores(features, label, folds, left_out, [1.0]).on))
        false.append(found["differs"].any())
        called.append((found["p"] < 0.05).mean())
    assert np.mean(false) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 60)
    assert np.mean(called) == pytest.approx(0.05, abs=0.03)
