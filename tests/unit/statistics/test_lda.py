"""The shrinkage LDA: scikit-learn's direction, whichever of wells and features are more; and what so few wells leave open."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from gandl.statistics.lda import shrinkage_normal


def controls(n: tuple[int, int], d: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(d, d)) * np.geomspace(1, 0.05, d)
    labels = np.repeat([1, -1], n)
    return rng.normal(size=(sum(n), d)) @ mixing + labels[:, None] * rng.normal(size=d), labels


@pytest.mark.parametrize(("n", "d"), [((30, 50), 7), ((12, 5), 40), ((9, 11), 20), ((3, 3), 400)])
def test_its_direction_is_scikit_learns(n: tuple[int, int], d: int) -> None:
    features, labels = controls(n, d)
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=[0.5, 0.5]).fit(features, labels)
    expected = theirs.coef_[0] / np.linalg.norm(theirs.coef_[0])
    np.testing.assert_allclose(shrinkage_normal(features, labels), expected, atol=1e-5)


def test_features_that_do_not_vary_change_nothing() -> None:
    features, labels = controls((8, 9), 12)
    dull = np.column_stack([features, np.full(17, 3.7), np.zeros(17)])
    found = shrinkage_normal(dull, labels)
    np.testing.assert_allclose(found[12:], 0, atol=1e-12)
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=[0.5, 0.5]).fit(dull, labels).coef_[0]
    np.testing.assert_allclose(found, theirs / np.linalg.norm(theirs), atol=1e-5)


@pytest.mark.parametrize("n", [(1, 1), (1, 4), (2, 2)])
def test_so_few_wells_still_give_a_direction_along_which_their_means_differ(n: tuple[int, int]) -> None:
    features, labels = controls(n, 30)
    normal = shrinkage_normal(features, labels)
    assert np.isfinite(normal).all()
    assert features[labels > 0].mean(0) @ normal > features[labels < 0].mean(0) @ normal


def test_one_mean_gives_no_direction() -> None:
    features = np.array([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(shrinkage_normal(features, np.array([1, 1, -1, -1])), [0, 0])


def test_it_beats_the_difference_of_the_means_where_noise_is_shared() -> None:
    """A nuisance that moves all features together: what varies together can be weighed against."""
    rng = np.random.default_rng(4)
    labels = np.repeat([1, -1], 300)
    signal = np.zeros(50)
    signal[0] = 1.0
    features = rng.normal(size=(600, 50)) + rng.normal(scale=5, size=(600, 1)) + labels[:, None] * signal
    train = np.r_[0:15, 300:315]
    test = np.setdiff1d(np.arange(600), train)

    def right(normal: np.ndarray) -> float:
        middle = features[train] @ normal
        return float((((features[test] @ normal) > middle.mean()) == (labels[test] > 0)).mean())

    means = features[train][:15].mean(0) - features[train][15:].mean(0)
    assert right(shrinkage_normal(features[train], labels[train])) > right(means) + 0.1
