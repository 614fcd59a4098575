"""Refits: scores without a plate are those of the screen that lacks it, and the jackknife is its closed form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from feature_screens import FeatureScreen, draw_screen, refitted_rows, scores_of
from gandl.evaluation.numbers import METRICS, number
from gandl.evaluation.strict.intervals import UnitCount, jackknife, student_interval, units_interval, with_refits
from gandl.evaluation.strict.refits import left_out_of, merged, refitted, spanned
from gandl.source.schemes import Scheme
from gandl.statistics.axes import fit_on_axis
from gandl.statistics.bootstrap import mean_of_proportions_interval, wilson_interval
from gandl.statistics.fold_features import Fixed
from gandl.statistics.held_out import Fold, held_out_scores


def refits_of(screen: FeatureScreen, c: dict[str, float], most: int = 8, raw: bool = False) -> pd.DataFrame:
    left_out = left_out_of(screen.wells, screen.labels, screen.folds, screen.scheme, most)
    return refitted(Fixed(screen.values), screen.wells, screen.labels, screen.folds, c, left_out, raw=raw)


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("dim", [6, 90])
def test_scores_without_a_plate_are_those_of_the_screen_that_lacks_it(dim: int, raw: bool) -> None:
    """Also where the SVM sees coordinates in the space of the wells, with more features than wells."""
    screen = draw_screen(1, dim=dim, effect=1.0)
    scores = scores_of(screen, [0.3])
    table = refits_of(screen, scores.c, raw=raw).set_index(["left_out", "well_id"])
    plates = screen.wells["plate_id"].to_numpy()
    for name in np.unique(plates):
        stays = np.flatnonzero(plates != name)
        at = np.full(len(plates), -1)
        at[stays] = np.arange(len(stays))
        folds = [
            Fold(fold.name, at[np.intersect1d(fold.train, stays)], at[fold.test])
            for fold in screen.folds
            if fold.name != name
        ]
        expected = held_out_scores(screen.values[stays], screen.labels[stays], folds, plates[stays], [0.3], raw=raw)
        found = table.loc[name].loc[screen.wells["well_id"].iloc[stays]]
        np.testing.assert_allclose(found["on"], expected.on, atol=1e-5)
        np.testing.assert_allclose(found["on_lda"], expected.on_lda, atol=1e-8)
    assert set(table.index.get_level_values("left_out")) == set(plates)


def test_the_axis_is_the_same_in_coordinates_of_the_space_of_the_wells() -> None:
    rng = np.random.default_rng(2)
    features, labels = rng.standard_normal((14, 60)), np.repeat([1, -1], 7)
    inside = spanned(features)
    np.testing.assert_allclose(inside @ inside.T, (lambda x: x @ x.T)(features - features.mean(0)), atol=1e-9)
    one, other = (fit_on_axis(values, labels, 1.0).on_score(values) for values in (features, inside))
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_plate_that_is_tested_has_no_say_in_its_axes_whatever_is_left_out() -> None:
    screen = draw_screen(3)
    c = dict.fromkeys([fold.name for fold in screen.folds], 1.0)
    before = refits_of(screen, c).set_index(["left_out", "well_id"])
    tested = screen.folds[2].test
    labels, values = screen.labels.copy(), screen.values.copy()
    labels[tested] *= -1
    values[tested[0]] += 100
    after = refits_of(replace(screen, labels=labels, values=values), c).set_index(["left_out", "well_id"])
    others = screen.wells["well_id"].iloc[tested[1:]]
    same = before.index.get_level_values("well_id").isin(others)
    np.testing.assert_allclose(before.loc[same, "on"], after.loc[same, "on"], atol=1e-6)
    gone = screen.wells["plate_id"].iloc[tested[0]]
    np.testing.assert_allclose(before.loc[gone, "on"], after.loc[gone, "on"], atol=1e-6)


def test_the_jackknife_of_a_mean_is_its_standard_error_and_samples_add_up() -> None:
    rng = np.random.default_rng(4)
    one, other = rng.standard_normal(9), 2 * rng.standard_normal(5)
    without = [(x.sum() - x) / (len(x) - 1) for x in (one, other)]
    alone = jackknife(without[0], np.zeros(9))
    assert alone.error == pytest.approx(one.std(ddof=1) / 3)
    assert alone.freedom == pytest.approx(8)
    differences = np.concatenate([without[0] - other.mean(), one.mean() - without[1]])
    both = jackknife(differences, np.repeat([0, 1], [9, 5]))
    variances = one.var(ddof=1) / 9, other.var(ddof=1) / 5
    assert both.error == pytest.approx(np.sqrt(sum(variances)))
    assert both.freedom == pytest.approx(sum(variances) ** 2 / (variances[0] ** 2 / 8 + variances[1] ** 2 / 4))
    low, high = student_interval(0.2, alone, 0.95)
    assert (high - low) / 2 == pytest.approx(t.ppf(0.975, 8) * alone.error)
    assert student_interval(0.9, replace(alone, error=0.2), 0.95, "auc")[1] == 1.0


@pytest.mark.parametrize("values", [[0.5, np.nan, 0.6], [0.5, 0.5, 0.5], [0.5], []])
def test_what_the_jackknife_cannot_know_is_not_a_number(values: list[float]) -> None:
    assert np.isnan(jackknife(values, np.zeros(len(values))).error)


def test_of_many_plates_groups_are_left_out_and_none_trains_on_its_own_group() -> None:
    screen = draw_screen(5, plates=19, dim=5)
    left_out = left_out_of(screen.wells, screen.labels, screen.folds, screen.scheme, 8)
    assert left_out.drawn == "group of plates"
    sizes = screen.wells.groupby(left_out.of)["plate_id"].nunique()
    assert sorted(sizes) == [2] * 5 + [3] * 3
    together = list(merged(screen.folds, left_out.of))
    assert len(together) == 8
    for fold in together:
        assert len(set(left_out.of[fold.test])) == 1
        assert not set(left_out.of[fold.test]) & set(left_out.of[fold.train])
    row = refitted_rows(screen, scores_of(screen)).loc["auc"]
    assert (row["drawn"], row["units"]) == ("group of plates", 8)
    assert row["low"] < row["value"] < row["high"]


def test_of_two_plates_wells_are_left_out_and_both_kinds_remain_on_both() -> None:
    screen = draw_screen(6, plates=2)
    left_out = left_out_of(screen.wells, screen.labels, screen.folds, screen.scheme, 8)
    assert left_out.drawn == "group of wells"
    assert pd.Series(left_out.of).value_counts().between(2, 3).all()
    rows = refitted_rows(screen, scores_of(screen), ("auc", "z_prime"))
    assert rows["low"].notna().all()
    assert set(rows["units"]) == {6}


def test_of_a_single_plate_its_rows_are_left_out() -> None:
    screen = draw_screen(7, plates=6, effect=2.0)
    rows = dict(zip(screen.wells["plate_id"].unique(), "ABCDEF", strict=True))
    wells = screen.wells.assign(row=screen.wells["plate_id"].map(rows), plate_id="P_1")
    of_rows = replace(screen, wells=wells, scheme=Scheme.LEAVE_ROW_OUT)
    scores = scores_of(screen)
    of_plates = refitted_rows(screen, scores).loc["auc"]
    found = refitted_rows(of_rows, scores).loc["auc"]
    assert (found["drawn"], found["units"]) == ("row", 6)
    assert found[["low", "high"]].tolist() == pytest.approx(of_plates[["low", "high"]].tolist())


def test_across_cell_types_plates_that_train_and_plates_that_are_tested_are_two_samples() -> None:
    screen = draw_screen(8, plates=7, effect=1.5)
    first = screen.wells["plate_id"].isin([f"P_0{i}" for i in range(1, 5)]).to_numpy()
    wells = screen.wells.assign(cell_type=np.where(first, "HRCE", "VERO"))
    fold = Fold("VERO", np.flatnonzero(first), np.flatnonzero(~first))
    left_out = left_out_of(wells, screen.labels, [fold], Scheme.CROSS_CELL_TYPE, 8)
    table = refitted(Fixed(screen.values), wells, screen.labels, [fold], {"VERO": 0.3}, left_out, raw=False)
    tested, signs = wells[~first], screen.labels[~first]
    on = held_out_scores(screen.values, screen.labels, [fold], wells["plate_id"].to_numpy(), [0.3]).on[~first]
    value = float(METRICS["auc"](on[signs > 0], on[signs < 0]))
    (row,) = with_refits([number("s", "well", "auc", value, (0, 1), 21)], tested, signs, table, "on", METRICS, 0.95)
    each = {}
    for name, mine in table.groupby("left_out"):
        sign = screen.labels[wells.index[wells["well_id"].isin(mine["well_id"])]]
        each[name] = float(METRICS["auc"](mine["on"].to_numpy()[sign > 0], mine["on"].to_numpy()[sign < 0]))
    values = np.array([each[name] for name in sorted(each)])
    of_training, of_tested = values[:4], values[4:]
    variance = 3 / 4 * np.sum((of_training - of_training.mean()) ** 2) + 2 / 3 * np.sum(
        (of_tested - of_tested.mean()) ** 2
    )
    freedom = jackknife(values, [0] * 4 + [1] * 3).freedom
    expected = max(value - t.ppf(0.975, freedom) * np.sqrt(variance), 0)
    assert row["low"] == pytest.approx(expected)
    assert row["units"] == 7


@pytest.mark.parametrize(("plates", "most", "left_out"), [(4, 8, "plate"), (12, 5, "group of plates")])
def test_controls_that_all_go_right_have_the_interval_of_as_many_answers_as_plates(
    plates: int, most: int, left_out: str
) -> None:
    """Not of as many as wells, which would be the narrowest interval just where results look best."""
    screen = draw_screen(9, plates=plates, effect=40.0)
    scores = scores_of(screen, [0.3])
    assert left_out_of(screen.wells, screen.labels, screen.folds, screen.scheme, most).drawn == left_out
    rows = refitted_rows(screen, scores, ("accuracy", "balanced_accuracy", "auc", "z_prime"), most)
    assert set(zip(rows["drawn"].iloc[:3], rows["units"].iloc[:3], strict=True)) == {("plate", plates)}
    shares = wilson_interval(plates, plates, 0.95)
    for metric in ("accuracy", "balanced_accuracy"):
        assert rows.loc[metric, ["low", "high"]].tolist() == pytest.approx(list(shares))
    assert rows.loc["auc", ["low", "high"]].tolist() == pytest.approx([0.05 ** (1 / plates), 1.0])
    assert (rows.loc["z_prime", "drawn"], rows.loc["z_prime", "units"]) == (left_out, min(plates, most))
    assert rows.loc["z_prime", "low"] < rows.loc["z_prime", "value"] < rows.loc["z_prime", "high"]


def test_of_units_that_hold_one_class_each_both_classes_count_for_the_mean_of_their_shares() -> None:
    tested, right = UnitCount("plate", 7, (4, 3)), (np.ones(8), -np.ones(6))
    expected = mean_of_proportions_interval([4, 3], [4, 3], 0.95)
    assert units_interval("balanced_accuracy", 1.0, right, tested, 0.95) == pytest.approx(expected)
    assert units_interval("auc", 1.0, right, tested, 0.95) == pytest.approx((0.05 ** (1 / 3), 1.0))
    assert units_interval("auc", 0.0, right, tested, 0.95) == pytest.approx((0.0, 1 - 0.05 ** (1 / 3)))
    assert np.isnan(units_interval("auc", 0.5, right, tested, 0.95)).all()
    assert np.isnan(units_interval("ssmd", 3.0, right, tested, 0.95)).all()


@pytest.mark.parametrize("plates", [3, 4, 10])
def test_the_bound_of_a_perfect_auc_is_right_whatever_share_of_plates_is_perfect(plates: int) -> None:
    """The worst case: a plate is ranked without a mistake with some probability, else the wrong way round, so that this is the
    mean AUC. Where the bound is above it, plates that are all perfect are rarer than nominal."""
    low, _ = units_interval("auc", 1.0, (np.ones(1), -np.ones(1)), UnitCount("plate", plates, (plates, plates)), 0.95)
    for share in np.linspace(0.01, 0.99, 99):
        assert low <= share or share**plates <= 0.05
    assert low > 0.3


@pytest.mark.parametrize(
    ("experiments", "drawn", "units"), [(2, "plate within experiment", 6), (3, "experiment", 3), (6, "experiment", 6)]
)
def test_experiments_are_left_out_or_the_interval_says_that_it_is_of_plates_within_them(
    experiments: int, drawn: str, units: int
) -> None:
    screen = draw_screen(11, plates=6, effect=1.5)
    names = [f"E{i % experiments}" for i in screen.wells["plate_id"].factorize()[0]]
    wells = screen.wells.assign(experiment=names)
    of = wells["experiment"].to_numpy()
    folds = [Fold(name, np.flatnonzero(of != name), np.flatnonzero(of == name)) for name in sorted(set(names))]
    whole = replace(screen, wells=wells, folds=folds, scheme=Scheme.LEAVE_EXPERIMENT_OUT)
    row = refitted_rows(whole, scores_of(whole)).loc["auc"]
    assert (row["drawn"], row["units"]) == (drawn, units)
    assert row["low"] < row["value"] < row["high"]
    grouped = left_out_of(wells, whole.labels, folds, whole.scheme, 2)
    assert grouped.drawn == {2: "group of plates within experiment"}.get(experiments, "group of experiments")
