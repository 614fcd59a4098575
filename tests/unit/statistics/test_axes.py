"""Axes: the SVM's normal against scikit-learn's primal, the scale of the scores, and bad input."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.svm import SVC

from gandl.statistics import axes, held_out
from gandl.statistics.axes import AxisError, choose_c, fit_axes, fit_lda_axis
from gandl.statistics.held_out import Fold, held_out_scores

ROWS = np.repeat(list("ABCD"), 6)
LABELS = np.tile([1, -1, -1, 0, 0, 0], 4)
FOLDS = [Fold(row, np.flatnonzero((row != ROWS) & (LABELS != 0)), np.flatnonzero(row == ROWS)) for row in "ABCD"]


def wells(dim: int, gap: float = 3.0, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    direction = rng.standard_normal(dim)
    direction /= np.linalg.norm(direction)
    return rng.standard_normal((len(LABELS), dim)) + gap * np.outer(LABELS, direction)


@pytest.mark.parametrize("dim", [3, 200])
def test_the_normal_is_that_of_scikit_learns_linear_svm(dim: int) -> None:
    train = LABELS != 0
    x, y = wells(dim)[train], LABELS[train]
    axes = fit_axes(x, y, c=1.0)
    machine = SVC(C=1.0, kernel="linear", class_weight="balanced", tol=1e-6).fit(x * axes.scale, y)
    normal = machine.coef_[0] / np.linalg.norm(machine.coef_[0])
    assert axes.normal @ normal == pytest.approx(1, abs=1e-4)
    assert np.linalg.norm(axes.normal) == pytest.approx(1)


def test_training_controls_average_plus_and_minus_one() -> None:
    train = LABELS != 0
    x, y = wells(50)[train], LABELS[train]
    on = fit_axes(x, y, c=0.1).on_score(x)
    assert on[y > 0].mean() == pytest.approx(1)
    assert on[y < 0].mean() == pytest.approx(-1)


def test_by_range_training_controls_reach_from_minus_to_plus_one_and_their_order_stays() -> None:
    """The preprint's scale (Mascolini et al. 2021): min-max of the training controls; off scores stay centred at zero."""
    train = LABELS != 0
    x, y = wells(50)[train], LABELS[train]
    axes, usual = (fit_axes(x, y, c=0.1, by_range=by_range) for by_range in (True, False))
    on = axes.on_score(x)
    assert (on.min(), on.max()) == pytest.approx((-1, 1))
    assert np.corrcoef(on, usual.on_score(x))[0, 1] == pytest.approx(1)
    assert axes.off_scores(x)[0].mean() == pytest.approx(0, abs=1e-12)
    lda = fit_lda_axis(x, y, by_range=True).on_score(x)
    assert (lda.min(), lda.max()) == pytest.approx((-1, 1))


@pytest.mark.parametrize("c", [0.01, 1.0])
def test_the_svm_finds_a_planted_direction_within_one_degree(c: float) -> None:
    rng = np.random.default_rng(0)
    direction = rng.standard_normal(10)
    direction /= np.linalg.norm(direction)
    labels = np.repeat([1, -1], 1000)
    features = 3 + 0.05 * rng.standard_normal((2000, 10)) + 10 * np.outer(labels, direction)
    normal = fit_axes(features, labels, c).normal
    assert np.degrees(np.arccos(min(float(normal @ direction), 1.0))) < 1


def test_off_axis_is_the_first_component_of_what_the_on_axis_leaves() -> None:
    train = LABELS != 0
    x, y = wells(12)[train], LABELS[train]
    axes = fit_axes(x, y, c=1.0)
    remainder = x * axes.scale - np.outer(x * axes.scale @ axes.normal, axes.normal)
    expected = PCA(1).fit(remainder)
    off, norm = axes.off_scores(x)
    scores = expected.transform(remainder)[:, 0] * axes.slope
    np.testing.assert_allclose(np.abs(off), np.abs(scores), atol=1e-9)
    np.testing.assert_allclose(norm, np.linalg.norm(remainder - remainder.mean(0), axis=1) * axes.slope)
    assert off.mean() == pytest.approx(0, abs=1e-12)
    assert axes.off @ axes.normal == pytest.approx(0, abs=1e-9)
    assert (np.abs(off) <= norm + 1e-12).all()


def test_off_axis_points_the_same_way_when_its_component_is_found_reversed() -> None:
    train = LABELS != 0
    x, y = wells(12)[train], LABELS[train]
    axes, mirrored = fit_axes(x, y, 1.0), fit_axes(x[::-1], y[::-1], 1.0)
    np.testing.assert_allclose(axes.off, mirrored.off, atol=1e-4)


def test_one_feature_has_an_on_axis_and_nothing_off_it() -> None:
    train = LABELS != 0
    x = LABELS[train, None] + 0.1 * np.random.default_rng(0).standard_normal((train.sum(), 1))
    axes = fit_axes(x, LABELS[train], 1.0)
    assert (axes.on_score(x) > 0).tolist() == (LABELS[train] > 0).tolist()
    np.testing.assert_allclose(axes.off_scores(x), 0, atol=1e-12)


def test_scores_do_not_depend_on_the_unit_of_the_features() -> None:
    x = wells(30)
    plain = held_out_scores(x, LABELS, FOLDS, ROWS, [0.1, 1.0])
    large = held_out_scores(1e6 * x, LABELS, FOLDS, ROWS, [0.1, 1.0])
    np.testing.assert_allclose(plain.on, large.on, rtol=1e-6)
    np.testing.assert_allclose(plain.off_norm, large.off_norm, rtol=1e-6)
    np.testing.assert_allclose(plain.on_lda, large.on_lda, rtol=1e-6)
    assert plain.c == large.c


def test_controls_that_are_far_apart_are_distinguished_in_every_held_out_row() -> None:
    scores = held_out_scores(wells(40, gap=6), LABELS, FOLDS, ROWS, [0.01, 1.0])
    assert (scores.on[LABELS > 0] > 0).all()
    assert (scores.on[LABELS < 0] < 0).all()
    assert scores.fold.tolist() == ROWS.tolist()


def test_scores_by_the_lda_are_scikit_learns_with_training_controls_at_plus_and_minus_one() -> None:
    x = wells(30)
    scores = held_out_scores(x, LABELS, FOLDS, ROWS, [0.1, 1.0])
    for fold in FOLDS:
        train, y = x[fold.train], LABELS[fold.train]
        machine = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=[0.5, 0.5]).fit(train, y)
        known, reported = machine.decision_function(train), machine.decision_function(x[fold.test])
        ends = known[y < 0].mean(), known[y > 0].mean()
        np.testing.assert_allclose(scores.on_lda[fold.test], _scaled(reported, *ends), atol=1e-4)


def _scaled(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values so that `low` is -1 and `high` +1."""
    return (values - low) / (high - low) * 2 - 1


def test_wells_that_no_fold_tests_have_no_score() -> None:
    scores = held_out_scores(wells(5), LABELS, FOLDS[:1], ROWS, [1.0])
    assert np.isnan(scores.on[ROWS != "A"]).all()
    assert np.isfinite(scores.on[ROWS == "A"]).all()
    assert set(scores.fold[ROWS != "A"]) == {""}


def test_c_is_the_candidate_whose_axis_separates_left_out_rows_best() -> None:
    # One feature separates the kinds with little spread, the other is loud and worse: a large C takes the first.
    rng = np.random.default_rng(0)
    y = np.tile([1, -1, -1], 8)
    rows = np.repeat(list("ABCDEFGH"), 3)
    loud = y * 3 + 4 * rng.standard_normal(24)
    x = np.stack([y + 0.05 * rng.standard_normal(24), loud], axis=1)
    assert choose_c(x, y, rows, [0.001, 100.0], 0) == 100.0


@pytest.mark.parametrize("seed", [0, 7])
def test_of_many_wells_some_choose_c(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those drawn by the seed, of all groups and kinds; the choice is theirs alone."""
    rng = np.random.default_rng(1)
    y, rows = np.tile([1, -1], 60), np.repeat(np.arange(6), 20)
    x = rng.standard_normal((120, 4)) + 0.5 * y[:, None]
    drawn = np.sort(np.random.default_rng(seed).permutation(120)[:50])
    candidates = [0.01, 0.1, 1.0, 10.0]
    of_those = choose_c(x[drawn], y[drawn], rows[drawn], candidates, seed)
    x[np.setdiff1d(np.arange(120), drawn)] *= 1e6
    monkeypatch.setattr(axes, "CHOOSING_WELLS", 50)
    assert choose_c(x, y, rows, candidates, seed) == of_those


@pytest.mark.parametrize("seed", range(6))
def test_c_is_the_largest_that_left_out_rows_do_not_separate_from_the_best(seed: int) -> None:
    """Against Z' of left-out rows and its jackknife written out; 100 features for 24 controls, where candidates differ."""
    rng = np.random.default_rng(seed)
    y, rows = np.tile([1, -1, -1], 8), np.repeat(list("ABCDEFGH"), 3)
    x = rng.standard_normal((24, 100))
    x += np.outer(y, 0.4 * rng.standard_normal(100))
    candidates = [0.01, 0.1, 1.0]
    on = {c: left_out_scores(x, y, rows, c) for c in candidates}
    value = {c: z_prime_of(scores, y) for c, scores in on.items()}
    best = max(candidates, key=value.__getitem__)
    allowed = []
    for c in candidates:
        without = [
            z_prime_of(np.delete(on[best], i), np.delete(y, i)) - z_prime_of(np.delete(on[c], i), np.delete(y, i))
            for i in range(24)
        ]
        error = np.sqrt(23 / 24 * np.square(without - np.mean(without)).sum())
        allowed += [c] if value[best] - value[c] <= error + 1e-9 else []
    assert choose_c(x, y, rows, candidates, 0) == max(allowed)


def test_a_larger_c_that_is_plainly_worse_is_not_taken() -> None:
    """Isotropic noise, as many features as wells: the difference of the means is right, a hard margin follows single wells."""
    rng = np.random.default_rng(0)
    y, rows = np.tile([1, -1], 100), np.repeat(list("ABCDEFGHIJ"), 20)
    x = rng.standard_normal((200, 200)) + 0.25 * y[:, None]
    assert choose_c(x, y, rows, [0.01, 100.0], 0) == 0.01


def left_out_scores(x: np.ndarray, y: np.ndarray, rows: np.ndarray, c: float) -> np.ndarray:
    """On scores of every row by scikit-learn's SVM on the other rows, scaled by hand."""
    on = np.empty(len(y))
    for row in np.unique(rows):
        test = rows == row
        train = ~test
        above, below = x[train & (y > 0)].mean(0), x[train & (y < 0)].mean(0)
        scale = 1 / np.sqrt(np.square(x[train] - (above + below) / 2).sum(1).mean())
        normal = SVC(C=c, kernel="linear", class_weight="balanced", tol=1e-6).fit(scale * x[train], y[train]).coef_[0]
        on[test] = ((2 * x[test] - above - below) @ normal) / ((above - below) @ normal)
    return on


def z_prime_of(on: np.ndarray, y: np.ndarray) -> float:
    spread = on[y > 0].std(ddof=1) + on[y < 0].std(ddof=1)
    return float(1 - 3 * spread / abs(on[y > 0].mean() - on[y < 0].mean()))


def test_ties_between_candidates_go_to_the_largest() -> None:
    train = LABELS != 0
    x = np.stack([LABELS, LABELS], axis=1)[train] + 0.0
    assert choose_c(x, LABELS[train], ROWS[train], [1.0, 0.1, 10.0], 0) == 10.0


def test_a_fold_without_one_kind_of_controls_says_so() -> None:
    fold = Fold("A", np.flatnonzero(LABELS < 0), np.array([0]))
    with pytest.raises(AxisError, match="there are 0 and 8 to train on"):
        held_out_scores(wells(3), LABELS, [fold], ROWS, [1.0])


def test_controls_that_are_all_alike_are_put_in_the_middle() -> None:
    """As constant features do: no axis, and no reason to keep the other featurizers from their scores."""
    for candidates in ([1.0], [0.1, 1.0]):
        found = held_out_scores(np.ones((len(LABELS), 3)), LABELS, FOLDS, ROWS, candidates)
        scored = np.isfinite(found.on)
        assert scored.any()
        for scores in (found.on, found.on_lda, found.off, found.off_norm):
            assert (scores[scored] == 0).all()


def test_kinds_with_one_mean_are_put_in_the_middle() -> None:
    """As cell counts of few wells can be."""
    counts = np.where(LABELS > 0, 5.0, 4.0)[:, None]
    counts[np.flatnonzero(LABELS < 0)[::2]] += 2
    controls = LABELS != 0
    kept = np.r_[np.flatnonzero(LABELS > 0)[:4], np.flatnonzero(LABELS < 0)[:4]]
    axes = fit_axes(counts[kept] / 7 + 0.1, LABELS[kept], 1.0)  # sevenths: the means differ by rounding
    assert counts[kept][LABELS[kept] > 0].mean() == counts[kept][LABELS[kept] < 0].mean()
    assert set(axes.on_score(counts[controls] / 7 + 0.1)) == {0.0}
    assert all(np.isfinite(values).all() for values in axes.off_scores(counts))


def test_features_that_are_not_numbers_name_the_well() -> None:
    x = wells(3)
    x[4, 1] = np.nan
    with pytest.raises(AxisError, match="the first is well 5"):
        held_out_scores(x, LABELS, FOLDS, ROWS, [1.0])


def test_a_fold_that_trains_on_what_it_tests_is_refused() -> None:
    with pytest.raises(AxisError, match="trains on 3 of the wells that it tests"):
        held_out_scores(wells(3), LABELS, [Fold("A", np.flatnonzero(LABELS), np.arange(6))], ROWS, [1.0])


def test_a_fold_that_trains_on_wells_without_label_is_refused() -> None:
    fold = Fold("A", np.flatnonzero(ROWS != "A"), np.flatnonzero(ROWS == "A"))
    with pytest.raises(AxisError, match=r"fold A trains on 9 wells other than controls"):
        held_out_scores(wells(3), LABELS, [fold], ROWS, [1.0])


def test_inner_rows_that_leave_controls_all_alike_do_not_stop_the_choice_of_c() -> None:
    # Only row A separates the kinds: without it, the controls that are left are all alike.
    train = LABELS != 0
    x = np.where((ROWS == "A") & train, LABELS, 0)[train, None].astype(float)
    assert choose_c(x, LABELS[train], ROWS[train], [0.1, 1.0], 0) in (0.1, 1.0)


def test_a_well_that_two_folds_test_is_refused() -> None:
    with pytest.raises(AxisError, match="folds A and again both test well 1"):
        held_out_scores(wells(3), LABELS, [FOLDS[0], Fold("again", FOLDS[0].train, np.array([0]))], ROWS, [1.0])


def many_folds(count: int = 20) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[Fold]]:
    """Features, labels, plates and folds of so many plates of six controls: more than there are choices of C."""
    rng = np.random.default_rng(4)
    labels, plates = np.tile([1, -1, -1, 1, -1, 0], count), np.repeat(np.arange(count), 6)
    features = rng.standard_normal((len(labels), 8)) + np.outer(labels, rng.standard_normal(8))
    folds = [
        Fold(f"{p}", np.flatnonzero((plates != p) & (labels != 0)), np.flatnonzero(plates == p)) for p in range(count)
    ]
    return features, labels, plates, folds


def test_many_folds_share_choices_that_none_of_their_test_wells_had_a_say_in(monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels, plates, folds = many_folds()
    chosen_on: list[set[int]] = []

    def choose(features: np.ndarray, labels: np.ndarray, groups: np.ndarray, c_grid: list[float], seed: int) -> float:
        chosen_on.append(set(groups.tolist()))
        return c_grid[0]

    monkeypatch.setattr(held_out, "choose_c", choose)
    scores = held_out_scores(features, labels, folds, plates, [0.01, 1.0])
    assert len(chosen_on) == 7  # of 20 folds three at a time
    assert list(scores.c) == [fold.name for fold in folds]
    tested = set(range(20))
    for known in chosen_on:
        assert len(tested - known) <= 3
    assert sorted(plate for known in chosen_on for plate in tested - known) == sorted(tested)


def test_folds_that_train_on_different_wells_share_no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cell types of 15 plates: each fold trains within its own."""
    features, labels, plates, _ = many_folds(30)
    folds = [
        Fold(
            f"{p}",
            np.flatnonzero((plates != p) & (plates // 15 == p // 15) & (labels != 0)),
            np.flatnonzero(plates == p),
        )
        for p in range(30)
    ]
    chosen_on: list[set[int]] = []

    def choose(features: np.ndarray, labels: np.ndarray, groups: np.ndarray, c_grid: list[float], seed: int) -> float:
        chosen_on.append(set((groups // 15).tolist()))
        return c_grid[0]

    monkeypatch.setattr(held_out, "choose_c", choose)
    held_out_scores(features, labels, folds, plates, [0.01, 1.0])
    assert all(len(known) == 1 for known in chosen_on)


def test_raw_features_of_any_unit_count_alike() -> None:
    features, labels, plates, folds = many_folds(6)
    factors, shifts = np.geomspace(1e-5, 1e5, 8), np.linspace(-9, 9, 8)
    plain = held_out_scores(features, labels, folds, plates, [0.1, 1.0], raw=True)
    other = held_out_scores(features * factors + shifts, labels, folds, plates, [0.1, 1.0], raw=True)
    np.testing.assert_allclose(other.on, plain.on, atol=1e-4)
    assert not np.allclose(
        held_out_scores(features * factors, labels, folds, plates, [0.1, 1.0]).on, plain.on, atol=0.1
    )


@pytest.mark.parametrize("shape", [(40, 6), (6, 40)])
def test_the_off_axis_is_the_first_component_of_what_is_left(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal(shape) * np.linspace(1, 4, shape[1]), np.tile([1, -1], shape[0] // 2)
    axes = fit_axes(x, y, c=1.0)
    scaled = x * axes.scale
    left = scaled - np.outer(scaled @ axes.normal, axes.normal)
    first = np.linalg.svd(left - left.mean(0), full_matrices=False)[2][0]
    assert abs(first @ axes.off) == pytest.approx(1)


@pytest.mark.parametrize("raw", [False, True])
def test_rows_scored_a_few_at_a_time_and_in_single_precision_score_the_same(
    monkeypatch: pytest.MonkeyPatch, raw: bool
) -> None:
    rng = np.random.default_rng(4)
    features = rng.standard_normal((60, 5)).astype(np.float32)
    labels = np.repeat([1, -1, 0], 20)
    features[:20] += 2
    train, test = np.arange(0, 40, 2), np.concatenate([np.arange(1, 40, 2), np.arange(40, 60)])
    groups, folds = np.tile(list("abcd"), 15), [Fold("all", train, test)]
    whole = held_out_scores(features.astype(float), labels, folds, groups, [0.1, 1.0], raw=raw)
    monkeypatch.setattr(held_out, "ROWS_AT_ONCE", 7)
    parts = held_out_scores(features, labels, folds, groups, [0.1, 1.0], raw=raw)
    for name in ("on", "off", "off_norm", "on_lda"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-10, atol=1e-12)
