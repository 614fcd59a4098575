"""Controls: each number is the statistic of the held-out wells of its split, with its n and its interval."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation_inputs import (
    DEVELOPMENT,
    SETTINGS,
    features,
    read_sites,
    write_embeddings,
    write_plate,
    write_scores_of_plate,
    write_scores_with_ratio,
)
from gandl.config import Normalization
from gandl.evaluation.controls import write_controls
from gandl.evaluation.numbers import METRICS
from gandl.evaluation.scores import write_scores
from gandl.normalization.profiles import write_profiles
from gandl.source.splits import write_splits
from gandl.statistics import separation
from gandl.statistics.folds import labels_of
from gandl.tables import NUMBERS, SITES, WELL_SCORES, read_table, write_table
from table_rows import site_row

NAMES = {"featurizer": "segmentation", "normalization": "unlabelled", "seed": 0, "training_seed": 7}


def control(scores: Path, raw: Path, folder: Path) -> None:
    """The numbers of scores, in a folder; scores of images lie beside the profiles."""
    images = raw.with_name("site_scores.parquet")
    write_controls(scores, images, raw, SETTINGS, DEVELOPMENT, **NAMES, output=folder / "controls.parquet")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("screen")
    scores, raw = write_scores_with_ratio(folder)
    control(scores, raw, folder)
    return folder


@pytest.fixture(scope="module")
def numbers(folder: Path) -> pd.DataFrame:
    return read_table(folder / "controls.parquet", NUMBERS)


def test_splits_are_all_rows_the_development_rows_and_the_rows_that_confirm(numbers: pd.DataFrame) -> None:
    n = numbers.groupby("split", sort=False)["n"].agg(["min", "max"])
    assert n["min"].equals(n["max"])
    assert n["min"].to_dict() == {
        "leave_row_out:A-H": 24,
        "leave_row_out:A-D": 12,
        "leave_row_out:E-H": 12,
        "probe:A-D": 12,
        "confirmation:E-H": 12,
        "no_training:A-H": 24,
        "no_training:A-D": 12,
        "no_training:E-H": 12,
    }


@pytest.mark.parametrize(("split", "rows"), [("leave_row_out:A-H", "ABCDEFGH"), ("confirmation:E-H", "EFGH")])
def test_every_value_is_the_statistic_of_the_held_out_wells(
    folder: Path, numbers: pd.DataFrame, split: str, rows: str
) -> None:
    scores = read_table(folder / "scores.parquet", WELL_SCORES)
    scores = scores[(scores["scheme"] == split.partition(":")[0]) & scores["row"].isin(list(rows))]
    ours = numbers[numbers["split"] == split].set_index("metric")["value"]
    assert list(ours.index) == [*METRICS, *(f"{metric}_lda" for metric in METRICS)]
    for column, suffix in (("on", ""), ("on_lda", "_lda")):
        groups = [scores.loc[scores["control"] == kind, column].to_numpy() for kind in ("positive", "negative")]
        for metric in METRICS:
            assert ours[metric + suffix] == pytest.approx(float(getattr(separation, metric)(*groups)))


def test_the_plain_column_is_scored_from_its_raw_values(folder: Path, numbers: pd.DataFrame) -> None:
    raw = pd.read_parquet(folder / "raw.parquet")
    groups = [raw.loc[raw["control"] == kind, "feature_3"].to_numpy(float) for kind in ("positive", "negative")]
    direct = numbers[numbers["split"] == "no_training:A-H"].set_index("metric")
    assert set(direct["featurizer"]) == {"nuclear_over_ring"}
    assert set(direct["normalization"]) == {"none"}
    assert direct.loc["z_prime", "value"] == pytest.approx(float(separation.z_prime(*groups)))
    assert not {"accuracy", "balanced_accuracy"} & set(direct.index)


def test_intervals_hold_their_values_and_shares_have_one_even_where_all_are_right(numbers: pd.DataFrame) -> None:
    with_interval = numbers[numbers["low"].notna()]
    assert (with_interval["low"] <= with_interval["value"] + 1e-12).all()
    assert (with_interval["value"] <= with_interval["high"] + 1e-12).all()
    perfect = numbers[(numbers["metric"] == "accuracy") & (numbers["value"] == 1)]
    assert len(perfect)
    assert (perfect["low"] < 0.9).all()


def test_rows_name_the_question_unit_and_training_seed(numbers: pd.DataFrame) -> None:
    assert numbers[["question", "fold", "seed", "unit"]].drop_duplicates().to_numpy().tolist() == [
        ["controls", "all", 7, "well"]
    ]


def test_a_featurizer_without_the_plain_column_has_no_such_rows(tmp_path: Path) -> None:
    sites = read_sites(write_plate(tmp_path)[0])
    scores, raw = write_scores_of_plate(tmp_path, features(sites))
    control(scores, raw, tmp_path)
    assert set(read_table(tmp_path / "controls.parquet", NUMBERS)["featurizer"]) == {"segmentation"}


def test_rows_without_positive_controls_have_null_and_n(folder: Path, tmp_path: Path) -> None:
    scores = read_table(folder / "scores.parquet", WELL_SCORES)
    changed = scores[~((scores["control"] == "positive") & scores["row"].isin(list("EFGH")))]
    changed.to_parquet(tmp_path / "scores.parquet")
    control(tmp_path / "scores.parquet", folder / "raw.parquet", tmp_path)
    confirmed = read_table(tmp_path / "controls.parquet", NUMBERS).set_index(["split", "metric"])
    row = confirmed.loc[("confirmation:E-H", "z_prime")]
    assert row[["value", "low", "high"]].isna().all()
    assert row["n"] == 8


def test_nuclei_per_field_are_the_mean_over_all_wells_with_an_interval_of_draws_of_wells(tmp_path: Path) -> None:
    sites = read_sites(write_plate(tmp_path)[0])
    counts = np.random.default_rng(3).normal(168, 10, len(sites))
    scores, raw = write_scores_of_plate(
        tmp_path, np.column_stack([features(sites, dim=1), counts]), ["area", "nucleus_count"]
    )
    control(scores, raw, tmp_path)
    table = read_table(tmp_path / "controls.parquet", NUMBERS)
    (row,) = table[table["question"] == "images"].to_dict("records")
    names = ("featurizer", "normalization", "split", "unit", "metric", "n")
    assert [row[name] for name in names] == ["segmentation", "none", "all_wells", "well", "nuclei_per_field", 96]
    assert row["value"] == pytest.approx(counts.mean())
    half = 1.96 * counts.std(ddof=1) / np.sqrt(96)
    assert row["low"] == pytest.approx(counts.mean() - half, abs=0.3 * half)
    assert row["high"] == pytest.approx(counts.mean() + half, abs=0.3 * half)


def test_two_cell_types_of_one_plate_are_reported_by_cell_type(tmp_path: Path) -> None:
    """Each is scored by its own controls: the effect is the opposite one in the other cells."""
    kinds = {1: "negative", 6: "positive", 7: "negative", 12: "positive"}
    sites = pd.DataFrame(
        [site_row("S", 1, f"{row}{n:02d}", control=kinds.get(n, "none")) for row in "ABCDEFGH" for n in range(1, 13)]
    )
    sites["cell_type"] = np.where(sites["column"] < 7, "U2OS", "A549")
    paths = {
        name: tmp_path / f"{name}.parquet" for name in ("sites", "splits", "images", "wells", "scores", "of_images")
    }
    write_table(sites, paths["sites"], SITES)
    options = {"development_rows": [], "test_share": 0.25, "seed": 0, "questions": ["controls"]}
    write_splits(paths["sites"], paths["splits"], **options)
    effect = labels_of(sites["control"]) * np.where(sites["cell_type"] == "U2OS", 1, -1)
    values = 3 * effect[:, None] + np.random.default_rng(0).standard_normal((len(sites), 4))
    embeddings = write_embeddings(tmp_path / "e.parquet", sites, values)
    write_profiles([embeddings], paths["sites"], Normalization.NONE, paths["images"], paths["wells"])
    write_scores(paths["wells"], paths["images"], paths["splits"], SETTINGS, paths["scores"], paths["of_images"])
    write_controls(
        paths["scores"], paths["of_images"], paths["wells"], SETTINGS, [], **NAMES, output=tmp_path / "controls.parquet"
    )
    table = read_table(tmp_path / "controls.parquet", NUMBERS)
    auc = table[(table["metric"] == "auc") & (table["unit"] == "well")].set_index("split")
    by_row = auc.loc[["leave_row_out:U2OS", "leave_row_out:A549"]]
    assert (by_row["value"] > 0.95).all()
    assert (by_row["n"] == 16).all()
    assert not any(named.endswith(":A-H") for named in auc.index)


def test_a_featurizer_that_counts_no_nuclei_says_nothing_of_the_images(numbers: pd.DataFrame) -> None:
    assert set(numbers["question"]) == {"controls"}
