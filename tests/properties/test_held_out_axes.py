"""Held-out axes: nothing of a test well reaches the model that scores it, and labels without meaning give chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from gandl.statistics.axes import fit_axes
from gandl.statistics.held_out import Fold, Scores, held_out_scores
from gandl.statistics.separation import auc, z_prime

ROWS = np.repeat(list("ABCDEFGH"), 6)
LABELS = np.tile([1, -1, -1, 0, 0, 0], 8)
FOLDS = [Fold(row, np.flatnonzero((row != ROWS) & (LABELS != 0)), np.flatnonzero(row == ROWS)) for row in "ABCDEFGH"]
GRID = [0.01, 10.0]


def wells(seed: int, dim: int = 30) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((len(LABELS), dim)) + np.outer(LABELS, rng.standard_normal(dim))


def scored(features: np.ndarray, labels: np.ndarray = LABELS) -> Scores:
    return held_out_scores(features, labels, FOLDS, ROWS, GRID)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000), row=st.sampled_from("ABCDEFGH"))
def test_labels_of_a_row_do_not_change_its_scores(seed: int, row: str) -> None:
    features, here = wells(seed), row == ROWS
    labels, controls = LABELS.copy(), here & (LABELS != 0)
    labels[controls] = np.random.default_rng(seed).permutation(labels[controls])
    before, after = scored(features), scored(features, labels)
    assert before.c[row] == after.c[row]
    for name in ("on", "off", "off_norm", "on_lda"):
        np.testing.assert_array_equal(getattr(before, name)[here], getattr(after, name)[here])


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000), row=st.sampled_from("ABCDEFGH"))
def test_features_of_a_well_change_no_score_of_its_neighbours_in_the_row(seed: int, row: str) -> None:
    features = wells(seed)
    first, *others = np.flatnonzero(row == ROWS)
    changed = features.copy()
    changed[first] += 50
    before, after = scored(features), scored(changed)
    assert before.c[row] == after.c[row]
    for name in ("on", "off", "off_norm", "on_lda"):
        np.testing.assert_array_equal(getattr(before, name)[others], getattr(after, name)[others])
    assert before.on[first] != after.on[first]


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000))
def test_wells_that_are_no_controls_change_no_other_score(seed: int) -> None:
    features = wells(seed)
    changed = features.copy()
    changed[LABELS == 0] *= -3
    np.testing.assert_array_equal(scored(features).on[LABELS != 0], scored(changed).on[LABELS != 0])


def test_labels_permuted_within_rows_give_chance() -> None:
    rng = np.random.default_rng(0)
    areas = []
    for _ in range(30):
        labels = LABELS.copy()
        for row in "ABCDEFGH":
            controls = np.flatnonzero((row == ROWS) & (LABELS != 0))
            labels[controls] = rng.permutation(labels[controls])
        scores = scored(rng.standard_normal((len(LABELS), 60)), labels)
        areas.append(float(auc(scores.on[labels > 0], scores.on[labels < 0])))
    # 30 screens of 8 and 16 wells: the mean area has a standard error of about 0.025
    assert np.mean(areas) == pytest.approx(0.5, abs=0.07)


def test_training_wells_would_have_looked_perfect_where_held_out_ones_show_chance() -> None:
    features = np.random.default_rng(1).standard_normal((len(LABELS), 500))
    held_out, train = scored(features), LABELS != 0
    on = fit_axes(features[train], LABELS[train], 100.0).on_score(features)
    assert float(z_prime(on[LABELS > 0], on[LABELS < 0])) > 0.9
    assert float(z_prime(held_out.on[LABELS > 0], held_out.on[LABELS < 0])) < 0
