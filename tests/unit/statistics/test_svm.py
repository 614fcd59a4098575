"""The linear SVM: both solvers find the same plane; of several classes the right one is named."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.svm import SVC

from gandl.statistics import multiclass, svm
from gandl.statistics.groups import dealt
from gandl.statistics.multiclass import ClassError, PairwiseSvm, choose_c


def two_classes(seed: int = 0, n: int = 120, dim: int = 10) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    signs = np.where(rng.random(n) < 0.3, 1, -1)
    values = rng.standard_normal((n, dim)) + 0.8 * np.outer(signs, rng.standard_normal(dim))
    values -= (values[signs > 0].mean(0) + values[signs < 0].mean(0)) / 2
    return values / np.sqrt(np.square(values).sum(1).mean()), signs


def classes(seed: int, counts: dict[int, int], gap: float = 4.0, dim: int = 6) -> tuple[np.ndarray, np.ndarray]:
    centres = gap * np.random.default_rng(9).standard_normal((max(counts) + 1, dim))
    truth = np.repeat(list(counts), list(counts.values()))
    return centres[truth] + np.random.default_rng(seed).standard_normal((len(truth), dim)), truth


@pytest.mark.parametrize("c", [0.01, 1.0, 100.0])
def test_many_rows_get_the_plane_that_few_would(monkeypatch: pytest.MonkeyPatch, c: float) -> None:
    values, signs = two_classes()
    exact, intercept = svm.SvmProblem(values, signs).solve(c)
    monkeypatch.setattr(svm, "KERNEL_ROWS", 50)
    fast, other = svm.SvmProblem(values, signs).solve(c)
    assert fast @ exact / np.linalg.norm(fast) / np.linalg.norm(exact) > 0.999
    sides = [np.sign(values @ weights + offset) for weights, offset in ((exact, intercept), (fast, other))]
    assert np.mean(sides[0] == sides[1]) > 0.97


def test_the_plane_is_that_of_a_balanced_soft_margin() -> None:
    values, signs = two_classes(3)
    known = SVC(C=0.5, kernel="linear", class_weight="balanced", tol=1e-6).fit(values, signs)
    weights, intercept = svm.SvmProblem(values, signs).solve(0.5)
    np.testing.assert_allclose(weights, known.coef_[0], atol=1e-4)
    assert intercept == pytest.approx(known.intercept_[0], abs=1e-4)


def test_one_against_one_names_the_classes_that_libsvm_names() -> None:
    train, truth = classes(0, {0: 40, 1: 25, 2: 30, 3: 15}, gap=1.2)
    test, _ = classes(1, {0: 50, 1: 50, 2: 50, 3: 50}, gap=1.2)
    centre, deviation = train.mean(0), train.std(0, ddof=1)
    size = np.sqrt(np.square((train - centre) / deviation).sum(1).mean())
    scaled = [(values - centre) / deviation / size for values in (train, test)]
    known = SVC(C=1e3, kernel="linear", tol=1e-6, break_ties=False).fit(scaled[0], truth)
    assert np.mean(PairwiseSvm(train, truth).predict(test, 1e3) == known.predict(scaled[1])) > 0.95


def test_features_of_any_unit_count_alike() -> None:
    train, truth = classes(0, {0: 30, 1: 30, 2: 30}, gap=1.5)
    test, _ = classes(1, {0: 30, 1: 30, 2: 30}, gap=1.5)
    factors = np.geomspace(1e-6, 1e6, train.shape[1])
    plain = PairwiseSvm(train, truth).predict(test, 1.0)
    np.testing.assert_array_equal(PairwiseSvm(factors * train, truth).predict(factors * test, 1.0), plain)


def test_a_rare_class_is_not_swallowed() -> None:
    train, truth = classes(0, {0: 300, 1: 10, 2: 300}, gap=1.5)
    test, expected = classes(1, {1: 100})
    assert np.mean(PairwiseSvm(train, truth).predict(test, 0.1) == expected) > 0.8


def test_classes_keep_their_numbers() -> None:
    train, truth = classes(0, {2: 20, 5: 20})
    assert set(PairwiseSvm(train, truth).predict(train, 1.0)) == {2, 5}


def test_one_class_is_refused() -> None:
    with pytest.raises(ClassError, match="at least two classes to train on; there is 1"):
        PairwiseSvm(np.ones((3, 2)), np.zeros(3, int))


def test_c_is_the_best_on_groups_left_out_and_the_smallest_where_nothing_can_be_left_out() -> None:
    values, truth = classes(0, {0: 60, 1: 60, 2: 60}, gap=0.8)
    values = np.concatenate([values, np.random.default_rng(2).standard_normal((len(values), 60))], axis=1)
    groups = np.tile(["a", "b", "c"], 60)
    right = {}
    for c in (1e-4, 0.1, 1e3):
        reported = [
            PairwiseSvm(values[groups != name], truth[groups != name]).predict(values[groups == name], c)
            == truth[groups == name]
            for name in "abc"
        ]
        right[c] = np.mean(reported)  # groups and classes are of one size
    best = max(right, key=lambda c: right[c])
    assert choose_c(values, truth, groups, list(right), 0) == best
    assert choose_c(values, truth, truth, list(right), 0) == 1e-4


def test_few_groups_stay_and_many_are_dealt_with_each_label_in_every_deal() -> None:
    few = np.repeat(list("abcdefgh"), 3)
    assert dealt(few, np.zeros(24)) is few
    plates = np.repeat([f"plate {i:02d}" for i in range(57)], 4)
    labels = np.where(plates < "plate 47", 1, -1)
    parts = dealt(plates, labels)
    assert set(parts) == set(range(5))
    for part in range(5):
        assert set(labels[parts == part]) == {1, -1}
        assert not set(plates[parts == part]) & set(plates[parts != part])


def test_a_pair_of_classes_far_from_the_middle_of_all_gets_the_plane_that_few_rows_would(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Liblinear penalises the intercept, so a pair is centred by itself: at a small C it would else name one class alone."""
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], [200, 40, 40])
    values = rng.standard_normal((len(truth), 4)) + np.array([[0, 0, 0, 0], [40, 3, 0, 0], [40, -3, 0, 0]])[truth]
    exact = PairwiseSvm(values, truth).predict(values, 0.01)
    monkeypatch.setattr(svm, "KERNEL_ROWS", 10)
    fast = PairwiseSvm(values, truth).predict(values, 0.01)
    assert np.mean(exact == truth) > 0.97
    assert np.mean(fast == exact) > 0.98


def test_rows_classified_a_few_at_a_time_are_classified_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    train, truth = classes(0, {0: 30, 1: 30, 2: 30}, gap=0.8)
    machine = PairwiseSvm(train.astype(np.float32), truth)
    whole = machine.predict(train, 1.0)
    monkeypatch.setattr(multiclass, "ROWS_AT_ONCE", 7)
    np.testing.assert_array_equal(machine.predict(train, 1.0), whole)
    assert len(machine.predict(train[:0], 1.0)) == 0
