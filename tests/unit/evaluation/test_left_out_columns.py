"""Scores of a plate whose controls fill rows: no column helps to score itself, chance stays chance, readers are informed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation_inputs import SETTINGS, write_embeddings
from gandl.config import Normalization
from gandl.evaluation.controls import write_controls
from gandl.evaluation.held_out import groups_of
from gandl.evaluation.scores import write_scores
from gandl.evaluation.terms import by_strictest_scheme
from gandl.figures.tables.comparison import compared, schemes_in_words
from gandl.normalization.profiles import write_profiles
from gandl.source.splits import make_splits, write_splits
from gandl.statistics.folds import folds_of, labels_of
from gandl.statistics.held_out import held_out_scores
from gandl.statistics.separation import auc
from gandl.tables import SITES, WELL_SCORES, read_table, write_table
from table_rows import site_row

ROWS, COLUMNS = "ABCDEFGH", range(1, 13)
KINDS = {"A": "negative", "H": "positive"}
SITES_OF_PLATE = pd.DataFrame(
    [
        site_row("L", 1, f"{row}{column:02d}", control=KINDS.get(row, "none"), treatment=None if row in KINDS else f"t{row}")
        for row in ROWS
        for column in COLUMNS
    ]
)  # fmt: skip
LABELS = labels_of(SITES_OF_PLATE["control"])
SPLITS_OF_PLATE = make_splits(SITES_OF_PLATE)
FOLDS = folds_of(SPLITS_OF_PLATE[SPLITS_OF_PLATE["scheme"] == "leave_column_out"], SITES_OF_PLATE["well_id"].tolist())
COLUMN = SITES_OF_PLATE["column"].to_numpy()


def area(features: np.ndarray, labels: np.ndarray) -> float:
    groups = groups_of(SITES_OF_PLATE, FOLDS, labels)
    on = held_out_scores(features, labels, FOLDS, groups, [0.01, 10.0]).on
    return float(auc(on[labels > 0], on[labels < 0]))


def test_columns_are_left_out_while_c_is_chosen_and_rows_where_they_work() -> None:
    assert groups_of(SITES_OF_PLATE, FOLDS, LABELS)[:2].tolist() == ["L_1:1", "L_1:2"]
    assert groups_of(SITES_OF_PLATE, FOLDS)[:2].tolist() == ["L_1:A", "L_1:A"]
    in_columns = SITES_OF_PLATE.assign(
        control=np.where(COLUMN == 1, "negative", np.where(COLUMN == 12, "positive", "none"))
    )
    splits = make_splits(in_columns)
    folds = folds_of(splits[splits["scheme"] == "leave_row_out"], in_columns["well_id"].tolist())
    assert groups_of(in_columns, folds, labels_of(in_columns["control"]))[0] == "L_1:A"


@pytest.mark.parametrize("permuted", [False, True])
def test_features_without_meaning_and_permuted_labels_give_chance(permuted: bool) -> None:
    rng = np.random.default_rng(0)
    areas = []
    for _ in range(25):
        labels, features = LABELS.copy(), rng.standard_normal((len(LABELS), 40))
        if permuted:
            features += 3 * np.outer(LABELS, rng.standard_normal(40))
            for column in COLUMNS:
                controls = np.flatnonzero((column == COLUMN) & (LABELS != 0))
                labels[controls] = rng.permutation(labels[controls])
        areas.append(area(features, labels))
    # 25 screens of 12 and 12 wells: the mean area has a standard error of about 0.025
    assert np.mean(areas) == pytest.approx(0.5, abs=0.08)


def test_a_column_effect_of_any_size_never_reaches_the_model_that_scores_the_column() -> None:
    features = np.random.default_rng(1).standard_normal((len(LABELS), 20)) + np.outer(LABELS, np.ones(20))
    first, *others = np.flatnonzero(COLUMN == 3)
    changed = features.copy()
    changed[first] += 50
    groups = groups_of(SITES_OF_PLATE, FOLDS, LABELS)
    before, after = (held_out_scores(values, LABELS, FOLDS, groups, [0.01, 10.0]) for values in (features, changed))
    np.testing.assert_array_equal(before.on[others], after.on[others])
    assert before.on[first] != after.on[first]


def test_from_sites_to_numbers_and_words(tmp_path: Path) -> None:
    sites, splits = tmp_path / "sites.parquet", tmp_path / "splits.parquet"
    write_table(SITES_OF_PLATE, sites, SITES)
    write_splits(sites, splits, development_rows=[], test_share=0.25, seed=0, questions=["controls"])
    values = np.random.default_rng(2).standard_normal((len(LABELS), 6)) + 2 * np.outer(LABELS, np.ones(6))
    embeddings = write_embeddings(tmp_path / "embeddings.parquet", SITES_OF_PLATE, values)
    profiles, raw, scores, site_scores = (
        tmp_path / f"{name}.parquet" for name in ("profiles", "raw", "scores", "images")
    )
    write_profiles([embeddings], sites, Normalization.NONE, profiles, raw)
    write_scores(raw, profiles, splits, SETTINGS, scores, site_scores)
    table = read_table(scores, WELL_SCORES)
    assert [scheme for scheme, *_ in by_strictest_scheme(table)] == ["leave_column_out"]
    ((_, _, strictest),) = by_strictest_scheme(table)
    assert sorted(strictest["well_id"]) == sorted(SITES_OF_PLATE["well_id"])
    output = tmp_path / "numbers.parquet"
    names = {"featurizer": "intensity", "normalization": "none", "seed": 0, "training_seed": 0}
    write_controls(scores, site_scores, raw, SETTINGS, [], output=output, **names)
    shown = compared([output], ["none"])
    assert set(shown["split"]) == {"leave_column_out:A-H"}
    assert shown.loc[shown["metric"] == "accuracy", "value"].item() > 0.9
    assert schemes_in_words(shown) == "plate columns held out"
