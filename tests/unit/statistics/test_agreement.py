"""Agreement of sites: against scikit-learn's average precision, and by properties."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ortho_group
from sklearn.metrics import average_precision_score

from gandl.statistics.agreement import AgreementError, agreement


def screen(effect: float, seed: int = 0, wells: int = 12, sites: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two plates of wells with a centre each, of a given size, and sites around it."""
    rng = np.random.default_rng(seed)
    groups = np.repeat([f"{plate}_{well}" for plate in "AB" for well in range(wells)], sites)
    blocks = np.array([name[0] for name in groups])
    centres = effect * rng.normal(size=(2 * wells, 5))
    return np.repeat(centres, sites, axis=0) + rng.normal(size=(len(groups), 5)), groups, blocks


def test_precision_is_the_mean_of_each_sites_average_precision_on_its_plate() -> None:
    features, groups, blocks = screen(0.7)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    expected = []
    for i in range(len(unit)):
        others = [j for j in range(len(unit)) if j != i and blocks[j] == blocks[i]]
        expected.append(average_precision_score(groups[others] == groups[i], unit[others] @ unit[i]))
    found = agreement(features, groups, blocks)
    assert found.precision == pytest.approx(np.mean(expected))
    assert found.of_group.mean() == pytest.approx(np.mean(expected))
    assert found.of_group[0] == pytest.approx(np.mean(expected[:4]))


def test_identical_sites_of_a_well_agree_entirely() -> None:
    features, groups, blocks = screen(0.0, sites=1)
    found = agreement(np.repeat(features, 3, axis=0), np.repeat(groups, 3), np.repeat(blocks, 3))
    assert found.value == pytest.approx(1)
    assert (found.of_group == 1).all()


def test_features_without_wells_are_at_chance_on_average() -> None:
    found = [agreement(*screen(0.0, seed)) for seed in range(200)]
    values = np.array([each.value for each in found])
    assert abs(values.mean()) < 4 * values.std() / np.sqrt(len(values))
    assert 0.1 < found[0].chance < 0.15


def test_a_stronger_effect_agrees_more() -> None:
    values = [agreement(*screen(effect)).value for effect in (0.2, 0.5, 1.0, 3.0)]
    assert values == sorted(values)
    assert values[-1] > 0.5


def test_neither_rotation_nor_scale_nor_the_order_of_rows_matters() -> None:
    features, groups, blocks = screen(0.7)
    expected = agreement(features, groups, blocks).value
    turned = 7 * features @ ortho_group.rvs(5, random_state=0)
    mixed = np.random.default_rng(0).permutation(len(features))
    assert agreement(turned, groups, blocks).value == pytest.approx(expected)
    assert agreement(features[mixed], groups[mixed], blocks[mixed]).value == pytest.approx(expected)


def test_what_a_plate_shares_makes_nothing_agree() -> None:
    features, groups, blocks = screen(0.0)
    shifted = features + 100.0 * (blocks == "A")[:, None] * np.eye(5)[0]
    assert agreement(shifted, groups, blocks).value < 0.2


@pytest.mark.parametrize(
    ("groups", "blocks"),
    [(["a", "b", "c"], ["A"] * 3), (["a", "a", "a"], ["A"] * 3), (["a", "a", "b"], ["A", "B", "B"])],
)
def test_where_nothing_can_agree_it_is_said(groups: list[str], blocks: list[str]) -> None:
    with pytest.raises(AgreementError, match="at least two sites"):
        agreement(np.random.default_rng(0).normal(size=(3, 2)), groups, blocks)
