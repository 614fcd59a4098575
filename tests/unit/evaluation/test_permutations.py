"""Label permutations: by ridge axes that equal a textbook's, exchanged within plates alone."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from feature_screens import draw_screen
from gandl.evaluation.strict.permutations import p_of, permuted_aucs, ridge_scores
from gandl.statistics.fold_features import Fixed
from gandl.statistics.separation import auc


@pytest.mark.parametrize("dim", [5, 40])
def test_scores_are_those_of_ridge_regression_with_controls_at_plus_and_minus_one(dim: int) -> None:
    rng = np.random.default_rng(0)
    known, unknown = rng.standard_normal((20, dim)), rng.standard_normal((7, dim))
    labels = np.stack([rng.permutation(np.repeat([1, -1], [8, 12])) for _ in range(3)])
    found = ridge_scores(known, labels, unknown)
    penalty = np.square(known - known.mean(0)).sum() / 20
    for mine, scores in zip(labels, found, strict=True):
        model = Ridge(alpha=penalty).fit(known, mine)
        above, below = (model.predict(known)[mine == sign].mean() for sign in (1, -1))
        expected = (2 * model.predict(unknown) - above - below) / (above - below)
        np.testing.assert_allclose(scores, expected, atol=1e-8)


def test_the_first_value_is_the_held_out_auc_and_an_effect_has_a_small_p() -> None:
    screen = draw_screen(1, effect=5.0, plates=5)
    plates = screen.wells["plate_id"].to_numpy()
    found = permuted_aucs(Fixed(screen.values), screen.labels, screen.folds, plates, 199, 0)
    assert len(found) == 200
    scores = np.empty(len(plates))
    for fold in screen.folds:
        scores[fold.test] = ridge_scores(
            screen.values[fold.train], screen.labels[fold.train][None], screen.values[fold.test]
        )[0]
    assert found[0] == pytest.approx(float(auc(scores[screen.labels > 0], scores[screen.labels < 0])))
    assert p_of(found) == pytest.approx(1 / 200)


def test_labels_never_leave_their_plate() -> None:
    """Where each plate has one kind there is nothing to exchange."""
    screen = draw_screen(2)
    pure = np.where(screen.labels > 0, "a", "b")
    assert len(permuted_aucs(Fixed(screen.values), screen.labels, screen.folds, pure, 99, 0)) == 0
    one, other = (
        permuted_aucs(Fixed(screen.values), screen.labels, screen.folds, screen.wells["plate_id"], 99, seed)
        for seed in (0, 1)
    )
    assert one[0] == other[0]
    assert not np.array_equal(one, other)
