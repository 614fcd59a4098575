"""Places from profiles: the statistics against other computations, p values without any effect, and planted effects."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import NearestCentroid

from gandl.evaluation.layout.leakage import label_by_place
from gandl.evaluation.layout.permutations import (
    Permuted,
    held_out_accuracy,
    held_out_auc,
    shuffles,
    whitened,
)
from gandl.evaluation.layout.places import place_tests
from gandl.evaluation.layout.replicating import same_position
from gandl.evaluation.layout.variance import FACTORS, variance_fractions
from gandl.evaluation.layout.wells import MOST_KNOWN, MOST_TREATED, Wells, bands, centred, drawn, placed, standardised
from layout_inputs import layout_screen, layout_wells
from table_rows import well_row


def known_of(wells: Wells) -> Wells:
    return wells.where(wells.about["known"])


def test_permutations_stay_within_their_blocks() -> None:
    blocks = np.array([3, 1, 3, 1, 3, 7])
    moved = shuffles(blocks, 200, 0)
    assert (moved[0] == np.arange(6)).all()
    assert (np.sort(moved, axis=1) == np.arange(6)).all()
    assert (blocks[moved] == blocks).all()
    assert len(np.unique(moved, axis=0)) == 12  # 3! of one block, 2! of another


def test_held_out_accuracy_is_that_of_scikit_learns_nearest_centroid() -> None:
    rng = np.random.default_rng(0)
    labels, folds = rng.integers(0, 4, 120), rng.integers(0, 5, 120)
    values = (rng.standard_normal((120, 6)) + np.eye(6)[labels]).astype(np.float32)
    told = np.empty(120, int)
    for fold in range(5):
        told[folds == fold] = (
            NearestCentroid().fit(values[folds != fold], labels[folds != fold]).predict(values[folds == fold])
        )
    expected = np.mean([(told[labels == name] == name).mean() for name in range(4)])
    assert held_out_accuracy(values, np.stack([labels, labels]), folds) == pytest.approx(expected)


def test_held_out_auc_is_that_of_pairs_within_folds() -> None:
    rng = np.random.default_rng(1)
    labels, folds = rng.integers(0, 2, 90), rng.integers(0, 3, 90)
    values = (rng.standard_normal((90, 4)) + labels[:, None]).astype(np.float32)
    won = pairs = 0.0
    for fold in range(3):
        rest, here = folds != fold, folds == fold
        direction = values[rest & (labels == 1)].mean(0) - values[rest & (labels == 0)].mean(0)
        count = (labels[here] == 1).sum() * (labels[here] == 0).sum()
        won += roc_auc_score(labels[here], values[here] @ direction) * count
        pairs += count
    assert held_out_auc(values, labels[None], folds)[0] == pytest.approx(won / pairs)


def test_whitened_components_are_uncorrelated_and_a_constant_feature_is_left_out() -> None:
    rng = np.random.default_rng(2)
    values = rng.standard_normal((4000, 5)) @ rng.standard_normal((5, 5)) * [1, 100, 1e-3, 1, 1]
    values = standardised(np.column_stack([values, np.ones(4000)]))
    assert np.allclose(np.cov(whitened(values).T), np.eye(5), atol=0.05)
    assert whitened(np.zeros((10, 3))).shape == (10, 0)
    wide = rng.standard_normal((20, 300))
    assert whitened(wide - wide.mean(0)).shape == (20, 19)


def test_the_auc_of_the_label_by_place_is_that_of_the_share_of_positive_controls() -> None:
    wells = layout_screen(3, unequal=True)
    controls = wells.about[wells.about["control"] != "none"]
    positive = controls["control"] == "positive"
    for place, column in {"plate": "plate_id", "column": "column", "edge": "edge"}.items():
        share = positive.groupby(controls[column]).transform("mean")
        found = label_by_place(wells, place, 20, 0.95, 0)
        assert isinstance(found, Permuted)
        assert found.value == pytest.approx(roc_auc_score(positive, share))


def test_mean_average_precision_is_scikit_learns() -> None:
    wells = known_of(layout_screen(4, columns=True))
    negative = wells.where(wells.about["control"] == "negative")
    values = whitened(centred(negative.values, negative.codes("kind"), negative.codes("plate_id"))).astype(float)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    likeness, plate = values @ values.T, negative.codes("plate_id")
    position = (negative.about["row"] + negative.about["column"].astype(str)).to_numpy()
    each = [
        average_precision_score(position[plate != plate[i]] == position[i], likeness[i, plate != plate[i]])
        for i in range(len(plate))
    ]
    found = same_position(wells, 50, 0.95, 0)
    assert not isinstance(found, str)
    assert found["map"].value == pytest.approx(np.mean(each))


def test_controls_in_one_position_that_resemble_one_another_are_found() -> None:
    p = {}
    for planted in (0.0, 1.0):
        wells = known_of(layout_screen(6, columns=True))
        position = (wells.about["row"] + wells.about["column"].astype(str)).factorize()[0]
        own = np.random.default_rng(60).standard_normal((position.max() + 1, wells.values.shape[1]))[position]
        found = same_position(Wells(wells.about, wells.values + planted * own), 199, 0.95, 0)
        assert not isinstance(found, str)
        p[planted] = found["map"].p, found["replicating"].value
    assert p[0.0][0] > 0.05
    assert p[0.0][1] <= 0.25
    assert p[1.0][0] == 1 / 200
    assert p[1.0][1] > 0.6


def test_controls_that_share_no_position_are_reported() -> None:
    wells = known_of(layout_screen(7, plates=1))
    assert same_position(wells, 20, 0.95, 0) == "fewer than two positions hold a negative control on several plates"


def test_p_values_of_every_place_are_uniform_where_nothing_is_planted() -> None:
    found = [place_tests(known_of(layout_screen(seed)), 99, 0.95, seed) for seed in range(40)]
    for place in ("plate", "row", "column", "edge"):
        p = [test[place].p for test in found if isinstance(test[place], Permuted)]  # type: ignore[union-attr]
        assert len(p) == 40
        assert kstest(p, "uniform").pvalue > 0.01, place
    assert found[0]["experiment"] == "the cell type has no two experiments of several plates"


def test_planted_plates_and_columns_are_found_and_chance_stands_beside() -> None:
    wells = layout_screen(8, effects={"plate": 6.0, "column": 6.0})
    found = place_tests(known_of(wells), 199, 0.95, 0)
    for place in ("plate", "column"):
        test = found[place]
        assert isinstance(test, Permuted)
        assert test.p == 1 / 200
        assert test.low < test.chance < test.high < test.value
    plate, column = found["plate"], found["column"]
    assert isinstance(plate, Permuted)
    assert isinstance(column, Permuted)
    assert plate.chance == pytest.approx(1 / 4, abs=0.03)
    assert column.chance == pytest.approx(1 / 4, abs=0.03)


def test_experiments_are_told_by_whole_plates() -> None:
    about = pd.concat([layout_wells(3, seed=1), layout_wells(3, seed=2).assign(experiment="HRCE-2")], ignore_index=True)
    second = about["experiment"] == "HRCE-2"
    for name in ("plate_id", "well_id"):
        about.loc[second, name] = "second " + about.loc[second, name]
    about = placed(about)
    values = np.random.default_rng(0).standard_normal((len(about), 5))
    values[:, 0] += 4 * (about["experiment"] == "HRCE-2")
    found = place_tests(known_of(Wells(about, values)), 199, 0.95, 0)["experiment"]
    assert isinstance(found, Permuted)
    assert found.value > 0.9
    assert found.p == pytest.approx(
        2 / 8, abs=0.08
    )  # three pairs of plates, each in two orders, both experiments alike


def test_a_single_plate_is_judged_by_its_own_parts() -> None:
    found = place_tests(known_of(layout_screen(9, plates=1, effects={"column": 8.0})), 199, 0.95, 0)
    assert found["plate"] == "the cell type has one plate"
    assert isinstance(found["column"], Permuted)
    assert found["column"].p < 0.02


def test_constant_features_and_too_few_wells_are_reported() -> None:
    wells = known_of(layout_screen(10))
    flat = Wells(wells.about, np.ones_like(wells.values))
    tested, of_flat = place_tests(wells, 20, 0.95, 0), place_tests(flat, 20, 0.95, 0)
    assert any(isinstance(found, Permuted) for found in tested.values())
    for place, found in tested.items():
        reason = "no feature varies within kinds of wells" if isinstance(found, Permuted) else found
        assert of_flat[place] == reason
    few = wells.where(np.arange(len(wells.about)) < 5)
    assert set(place_tests(few, 20, 0.95, 0).values()) == {"fewer than 8 controls and untreated wells"}
    assert np.isnan(list(variance_fractions(Wells(flat.about, standardised(flat.values))).values())).all()


def test_variance_fractions_are_omega_squared_of_one_factor_by_hand_and_zero_without_effects() -> None:
    wells = layout_screen(11, effects={"plate": 3.0})
    one = wells.where(wells.about["control"] == "positive")
    one = Wells(one.about.assign(column=1, row="A", row_number=1, edge=False), one.values)
    values, plate = standardised(one.values), one.codes("plate_id")
    between = sum(np.square(values[plate == k].mean(0)).sum() * (plate == k).sum() for k in range(4))
    error = (np.square(values).sum() - between) / (len(values) - 4)
    expected = (between - 3 * error) / (np.square(values).sum() + error)
    found = variance_fractions(Wells(one.about, values))
    assert found["plate"] == pytest.approx(expected)
    assert np.isnan(found["row"])
    screens = [layout_screen(seed) for seed in range(10)]
    null = [variance_fractions(Wells(each.about, standardised(each.values))) for each in screens]
    for factor in FACTORS:
        shares = np.array([each[factor] for each in null])
        assert np.isnan(shares).all() if factor == "experiment" else abs(shares.mean()) < 0.004, factor


def test_of_many_wells_each_plate_and_kind_keeps_its_share_and_treatments_stay_whole() -> None:
    many = pd.concat(
        [layout_wells(4, seed=1, cell_type=f"T{i}").assign(cell_type="T") for i in range(24)], ignore_index=True
    )
    some = drawn(placed(many), 0)
    known = some[some["known"]]
    assert len(known) == MOST_KNOWN
    assert known.groupby(["plate_id", "kind"]).size().groupby(level="kind").agg(np.ptp).max() <= 1
    treated = some[~some["known"]]
    assert len(treated) <= MOST_TREATED
    assert (treated.groupby("kind").size() > 1).all()
    assert drawn(placed(many.sample(frac=1, random_state=3)), 0)["well_id"].tolist() == some["well_id"].tolist()


def test_the_edge_is_the_outer_ring_in_use_and_many_lines_are_joined_to_bands() -> None:
    wells = placed(
        pd.DataFrame([well_row("T-1", 1, f"{row}{column:02d}") for row in ("B", "Z", "AA") for column in (2, 5, 9)])
    )
    assert wells.loc[~wells["edge"], "well"].tolist() == ["Z05"]
    assert bands(np.arange(24)).tolist() == np.repeat(np.arange(8), 3).tolist()
    assert bands([7, 3, 7]).tolist() == [1, 0, 1]


def test_more_features_than_wells_become_as_many_components_with_the_same_distances() -> None:
    values = np.random.default_rng(0).standard_normal((12, 40)) * np.geomspace(1e-3, 1e3, 40)
    values = np.column_stack([values, np.full(12, 7.0)])
    rotated, expected = standardised(values), (values[:, :40] - values[:, :40].mean(0)) / values[:, :40].std(0)
    assert rotated.shape == (12, 12)
    assert np.allclose(rotated @ rotated.T, expected @ expected.T)
    assert standardised(np.ones((5, 3))).shape == (5, 0)
