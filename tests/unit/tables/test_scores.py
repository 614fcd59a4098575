"""Scores: every well of every scheme once, by axes of other plate rows, whatever the order of the tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation_inputs import SETTINGS, features, read_sites, write_plate, write_scores_of_plate
from gandl.evaluation.scores import ScoresError, write_scores
from gandl.statistics.axes import AxisError
from gandl.statistics.folds import FoldError
from gandl.tables import SPLITS, WELL_PROFILES, WELL_SCORES, feature_columns, read_table, write_table


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("screen")
    sites = read_sites(write_plate(folder)[0])
    write_scores_of_plate(folder, features(sites))
    return folder


def write(wells: Path, splits: Path, folder: Path, output: Path) -> None:
    sites = folder / "site_profiles.parquet"
    write_scores(wells, sites, splits, SETTINGS, output / "scores.parquet", output / "sites.parquet")


@pytest.fixture(scope="module")
def scores(folder: Path) -> pd.DataFrame:
    return read_table(folder / "scores.parquet", WELL_SCORES)


def test_every_scheme_scores_each_of_its_test_wells_once(scores: pd.DataFrame) -> None:
    assert scores.groupby("scheme").size().to_dict() == {"leave_row_out": 96, "probe": 48, "confirmation": 48}
    rows = scores.groupby("scheme")["row"].agg(lambda row: "".join(sorted(set(row))))
    assert rows.to_dict() == {"leave_row_out": "ABCDEFGH", "probe": "ABCD", "confirmation": "EFGH"}


def test_a_well_is_scored_by_the_fold_of_its_row(scores: pd.DataFrame) -> None:
    by_row = scores[scores["scheme"].isin(["leave_row_out", "probe"])]
    assert (by_row["fold"] == by_row["row"]).all()
    assert set(scores.loc[scores["scheme"] == "confirmation", "fold"]) == {"E-H"}


def test_held_out_controls_lie_on_their_sides_and_doses_between(scores: pd.DataFrame) -> None:
    held_out = scores[scores["scheme"] == "leave_row_out"]
    mean = held_out.groupby("control")["on"].mean()
    assert mean["negative"] == pytest.approx(-1, abs=0.2)
    assert mean["positive"] == pytest.approx(1, abs=0.2)
    assert -1 < mean["none"] < 1


def test_scores_carry_the_wells_and_no_features(scores: pd.DataFrame) -> None:
    assert not feature_columns(scores)
    assert "dose_index" in scores.columns


def test_the_order_of_wells_and_splits_does_not_matter(folder: Path, scores: pd.DataFrame, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, schema in (("standard", WELL_PROFILES), ("splits", SPLITS)):
        table = read_table(folder / f"{name}.parquet", schema)
        write_table(table.iloc[rng.permutation(len(table))], tmp_path / f"{name}.parquet", schema)
    write(tmp_path / "standard.parquet", tmp_path / "splits.parquet", folder, tmp_path)
    key = ["scheme", "well_id"]
    again = read_table(tmp_path / "scores.parquet", WELL_SCORES).sort_values(key)
    for column in ("on", "off", "off_norm", "on_lda"):
        np.testing.assert_allclose(again[column], scores.sort_values(key)[column], atol=1e-4)


def test_a_well_of_the_splits_without_profile_is_named(folder: Path, tmp_path: Path) -> None:
    wells = read_table(folder / "standard.parquet", WELL_PROFILES)
    write_table(wells[wells["well"] != "C05"], tmp_path / "wells.parquet", WELL_PROFILES)
    with pytest.raises(FoldError, match=r"wells\.parquet lacks 1 well of the splits, the first: BBBC013_1_C05"):
        write(tmp_path / "wells.parquet", folder / "splits.parquet", folder, tmp_path)


def test_splits_without_the_question_are_refused(folder: Path, tmp_path: Path) -> None:
    splits = read_table(folder / "splits.parquet", SPLITS).assign(question="another")
    write_table(splits, tmp_path / "splits.parquet", SPLITS)
    with pytest.raises(ScoresError, match="no split of the question controls"):
        write(folder / "standard.parquet", tmp_path / "splits.parquet", folder, tmp_path)


def test_training_rows_without_positive_controls_are_refused(folder: Path, tmp_path: Path) -> None:
    wells, splits = folder / "standard.parquet", read_table(folder / "splits.parquet", SPLITS)
    profiles = read_table(wells, WELL_PROFILES)
    positive = profiles.loc[profiles["control"] == "positive", "well_id"]
    write_table(splits[~splits["well_id"].isin(positive)], tmp_path / "splits.parquet", SPLITS)
    with pytest.raises(AxisError, match="needs positive and negative controls; there are 0 and 14 to train on"):
        write(wells, tmp_path / "splits.parquet", folder, tmp_path)
    assert not (tmp_path / "scores.parquet").exists()
