"""Scores under `negative_crossfit`: of raw profiles, each fold on the negative controls that it does not test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation_inputs import features as plate_features, read_sites, write_embeddings, write_plate
from gandl.config import Normalization
from gandl.evaluation.held_out import SITE_SCORES, ScoresError
from gandl.evaluation.scores import write_scores
from gandl.normalization.profiles import write_profiles
from gandl.source.splits import write_splits
from gandl.statistics.fold_features import CrossFitted
from gandl.statistics.folds import folds_of, labels_of
from gandl.statistics.held_out import Fold, held_out_scores
from gandl.statistics.standardisation import standardise
from gandl.tables import SITES, SPLITS, WELL_PROFILES, WELL_SCORES, feature_columns, read_table, write_table
from pair_inputs import SETTINGS, Screen, features, infected_sites, write_screen

CROSSFIT, NONE = Normalization.NEGATIVE_CROSSFIT, Normalization.NONE


def score(screen: Screen, folder: Path, wells: Path | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores of wells and of images."""
    outputs = folder / "crossfit.parquet", folder / "crossfit_sites.parquet"
    raw = wells or screen.wells(NONE)
    write_scores(raw, screen.site_profiles(NONE), screen.splits, SETTINGS, *outputs, normalization=CROSSFIT.value)
    return read_table(outputs[0], WELL_SCORES), read_table(outputs[1], SITE_SCORES)


def of_split(screen: Screen, scheme: str, fold: str | None = None) -> tuple[pd.DataFrame, list[Fold]]:
    """Wells without features, and the folds of a scheme."""
    wells, splits = read_table(screen.wells(NONE), WELL_PROFILES), read_table(screen.splits, SPLITS)
    mine = splits[(splits["question"] == "controls") & (splits["scheme"] == scheme)]
    folds = folds_of(mine, wells["well_id"].tolist())
    return wells, [one for one in folds if fold in (None, one.name)]


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Screen:
    sites = infected_sites({"HRCE-1": 3, "HRCE-2": 2})
    return write_screen(tmp_path_factory.mktemp("screen"), sites, features(sites))


@pytest.fixture(scope="module")
def scores(screen: Screen) -> tuple[pd.DataFrame, pd.DataFrame]:
    return score(screen, screen.folder)


def test_every_tested_well_and_image_is_scored(screen: Screen, scores: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    wells, images = scores
    splits = read_table(screen.splits, SPLITS)
    tested = splits[(splits["question"] == "controls") & (splits["part"] == "test")]
    assert len(wells) == len(tested)
    assert np.isfinite(wells[["on", "off", "off_norm", "on_lda"]]).all(axis=None)
    plain = screen.folder / "plain.parquet", screen.folder / "plain_sites.parquet"
    write_scores(
        screen.wells(NONE), screen.site_profiles(NONE), screen.splits, SETTINGS, *plain, normalization=NONE.value
    )
    assert images["site_id"].tolist() == read_table(plain[1], SITE_SCORES)["site_id"].tolist()


def test_in_the_papers_split_a_plate_is_in_units_of_its_untested_negative_controls(
    screen: Screen, scores: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    wells, (fold,) = of_split(screen, "quarter")
    names = feature_columns(wells)
    tested = np.isin(np.arange(len(wells)), fold.test)
    reference = (wells["control"] == "negative").to_numpy() & ~tested
    standard = standardise(wells[names].to_numpy(float), wells["plate_id"], wells["well_id"], reference)
    expected = held_out_scores(
        standard, labels_of(wells["control"]), [fold], wells["plate_id"].to_numpy(), SETTINGS.svm_c
    )
    mine = scores[0][scores[0]["scheme"] == "quarter"].set_index("well_id")["on"]
    np.testing.assert_allclose(mine[wells["well_id"].iloc[fold.test]], expected.on[fold.test], rtol=1e-3, atol=1e-3)
    images = scores[1][scores[1]["scheme"] == "quarter"].groupby("well_id")["on"].mean()
    both = pd.concat([images, mine], axis=1, keys=["images", "well"]).dropna()
    assert np.corrcoef(both["images"], both["well"])[0, 1] > 0.95, "images are in the units of their wells"


def test_a_whole_plate_is_scored_part_by_part_whatever_the_table_that_normalisation_writes(
    screen: Screen, scores: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    """Positive controls are dealt like the negative ones that they are compared with; in written profiles they are not."""
    wells, folds = of_split(screen, "leave_plate_out", "HRCE-1_2")
    names = feature_columns(wells)
    plain = standardise(
        wells[names].to_numpy(float), wells["plate_id"], wells["well_id"], (wells["control"] == "negative").to_numpy()
    )
    features, test = (
        CrossFitted(wells[names].to_numpy(), wells["plate_id"], wells["well_id"], wells["control"]),
        folds[0].test,
    )
    plain[test] = features.of(test, test)
    expected = held_out_scores(plain, labels_of(wells["control"]), folds, wells["plate_id"].to_numpy(), SETTINGS.svm_c)
    mine = scores[0][scores[0]["fold"] == "HRCE-1_2"].set_index("well_id")
    mine = mine[mine["scheme"] == "leave_plate_out"].loc[wells["well_id"].iloc[test], "on"]
    np.testing.assert_allclose(mine, expected.on[test], rtol=1e-3, atol=1e-3)


def test_a_tested_control_changes_no_score_of_another_well_of_its_row(tmp_path: Path) -> None:
    sites_path, splits = write_plate(tmp_path)
    sites = read_sites(sites_path)
    values = plate_features(sites, dim=6)
    well = "BBBC013_1_C01"
    scored = []
    for change in (0.0, 3.0):
        values[(sites["well_id"] == well).to_numpy()] += change
        embeddings = write_embeddings(tmp_path / "e.parquet", sites, values)
        outputs = tmp_path / "sites_none.parquet", tmp_path / "wells_none.parquet"
        write_profiles([embeddings], sites_path, NONE, *outputs)
        found = tmp_path / "scores.parquet", tmp_path / "site_scores.parquet"
        write_scores(outputs[1], outputs[0], splits, SETTINGS, *found, normalization=CROSSFIT.value)
        table = read_table(found[0], WELL_SCORES)
        scored.append(table[table["scheme"] == "leave_row_out"].set_index("well_id")["on"])
    before, after = scored
    row = [name for name in before.index if "_C" in name and name != well]
    assert len(row) == 11
    pd.testing.assert_series_equal(before[row], after[row])
    assert before[well] != after[well]
    assert (before.drop([*row, well]) != after.drop([*row, well])).all(), "other rows are scored by it"


def test_plates_and_folds_with_too_few_negative_controls_are_named_with_what_to_do(
    screen: Screen, tmp_path: Path
) -> None:
    wells = read_table(screen.wells(NONE), WELL_PROFILES)
    few = (wells["plate_id"] == "HRCE-2_1") & (wells["control"] == "negative")
    poor = wells.assign(control=wells["control"].where(~few, "none"))
    poor.loc[few.idxmax(), "control"] = "negative"
    write_table(poor, tmp_path / "poor.parquet", WELL_PROFILES)
    with pytest.raises(ScoresError, match=r"HRCE-2_1 has 1 negative .*; take negative_crossfit out of normalization"):
        score(screen, tmp_path, tmp_path / "poor.parquet")


def test_a_row_with_most_negative_controls_cannot_be_left_out(tmp_path: Path) -> None:
    sites = read_sites(write_plate(tmp_path)[0])
    control = sites["control"].where((sites["control"] != "negative") | sites["row"].isin(["A"]), "none")
    control = control.where(~sites["well"].isin(["A05", "A06", "A07", "B01", "C01"]), "negative")
    sites = sites.assign(control=control)
    write_table(sites, tmp_path / "sites.parquet", SITES)
    splits = tmp_path / "splits.parquet"
    write_splits(
        tmp_path / "sites.parquet", splits, development_rows=[], test_share=0.25, seed=0, questions=["controls"]
    )
    embeddings = write_embeddings(tmp_path / "e.parquet", sites, plate_features(sites))
    outputs = tmp_path / "sites_none.parquet", tmp_path / "wells_none.parquet"
    write_profiles([embeddings], tmp_path / "sites.parquet", NONE, *outputs)
    with pytest.raises(ScoresError, match=r"scheme leave_row_out, fold A: too few of the negative controls .*; take "):
        write_scores(
            outputs[1], outputs[0], splits, SETTINGS, tmp_path / "s", tmp_path / "i", normalization=CROSSFIT.value
        )
