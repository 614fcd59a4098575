"""Agreement of replicates among negative controls: against scikit-learn's average precision, and p values without an effect."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest
from sklearn.metrics import average_precision_score

from gandl.statistics.agreement import replicate_agreement


def screen(
    rng: np.random.Generator,
    treatments: int,
    plates: int = 3,
    per_plate: int = 1,
    controls: int = 8,
    effect: float = 0.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Wells of treatments on every plate, and negative controls; plates shift all their wells, treatments theirs."""
    groups = np.concatenate([np.repeat(np.arange(treatments), plates * per_plate), np.full(plates * controls, -1)])
    on = np.concatenate(
        [np.tile(np.repeat(np.arange(plates), per_plate), treatments), np.repeat(np.arange(plates), controls)]
    )
    centres = np.vstack([effect * rng.standard_normal((treatments, 6)), np.zeros(6)])
    features = rng.standard_normal((len(groups), 6)) + centres[groups] + rng.standard_normal((plates, 6))[on]
    return features, groups, np.array([f"plate {plate}" for plate in on])


def naive(features: np.ndarray, groups: np.ndarray, plates: np.ndarray, group: int) -> float:
    mine = np.flatnonzero(groups == group)
    several = len(set(plates[mine])) > 1
    found = []
    for i in mine:
        candidates = [
            j
            for j in range(len(groups))
            if j != i and groups[j] in (group, -1) and plates[j] in set(plates[mine])
            if not several or plates[j] != plates[i]
        ]
        cosine = [
            features[i] @ features[j] / np.linalg.norm(features[i]) / np.linalg.norm(features[j]) for j in candidates
        ]
        found.append(average_precision_score(groups[candidates] == group, cosine))
    return float(np.mean(found))


@pytest.mark.parametrize(("plates", "per_plate"), [(3, 1), (2, 2), (1, 3)])
def test_precision_is_the_mean_of_average_precisions_among_controls_of_other_plates(
    plates: int, per_plate: int
) -> None:
    features, groups, on = screen(np.random.default_rng(0), 4, plates, per_plate, effect=0.8)
    found = replicate_agreement(features, groups, on, draws=9, seed=0)
    np.testing.assert_allclose(found.precision, [naive(features, groups, on, group) for group in range(4)])
    assert (found.wells == plates * per_plate).all()


def test_p_is_the_share_of_exchanged_labels_that_agree_as_well() -> None:
    """One plate, a treatment of two wells among three controls: all ten pairs are as likely."""
    rng = np.random.default_rng(3)
    features, groups = rng.standard_normal((5, 4)), np.array([0, 0, -1, -1, -1])
    plates = np.full(5, "p")
    found = replicate_agreement(features, groups, plates, draws=20_000, seed=0)
    pairs = []
    for i in range(5):
        for j in range(i):
            labels = np.full(5, -1)
            labels[[i, j]] = 0
            pairs.append(naive(features, labels, plates, 0))
    assert found.p[0] == pytest.approx(np.mean(np.array(pairs) >= found.precision[0] - 1e-12), abs=0.015)


@pytest.mark.parametrize("effect", [0.0, 1.5])
def test_without_an_effect_p_is_uniform_and_with_one_it_is_small(effect: float) -> None:
    p = []
    for seed in range(150 if effect == 0 else 10):
        features, groups, plates = screen(np.random.default_rng(seed), 1, effect=effect)
        p.append(replicate_agreement(features, groups, plates, draws=199, seed=seed).p[0])
    if effect:
        assert np.median(p) < 0.05
    else:
        jitter = np.random.default_rng(0).random(len(p)) / 200
        assert kstest(np.array(p) - jitter, "uniform").pvalue > 0.01


def test_one_feature_has_ties_and_these_favour_nobody() -> None:
    p = []
    for seed in range(150):
        features, groups, plates = screen(np.random.default_rng(seed), 1)
        p.append(replicate_agreement(features[:, :1], groups, plates, draws=199, seed=seed).p[0])
    assert np.mean(np.array(p) <= 0.1) <= 0.1 + 2 * np.sqrt(0.09 / 150)


def test_single_wells_and_plates_without_controls_have_no_agreement() -> None:
    features, groups, plates = screen(np.random.default_rng(1), 3)
    plates[groups == 2] = "no control here"
    keep = ~((groups == 1) & (plates != "plate 0"))
    found = replicate_agreement(features[keep], groups[keep], plates[keep], draws=9, seed=0)
    assert np.isnan(found.precision).tolist() == [False, True, True]
    assert np.isnan(found.p).tolist() == [False, True, True]
    assert found.wells.tolist() == [3, 0, 0]
