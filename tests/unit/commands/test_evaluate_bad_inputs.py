"""`gandl evaluate` on tables that it cannot use: a sentence and exit status 2, or the sentence of the question concerned."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gandl.own_features import feature_table
from gandl.tables import SITES, write_table
from own_tables import QUICK, gandl_evaluate, plate_profile, refused, table_of_features
from pair_inputs import features as pair_features, infected_sites


class Lab:
    """One plate with two images per well: a sites table and features, each to be spoilt."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sites = infected_sites({"HRCE-1": 1})
        self.features = table_of_features(pair_features(self.sites), site_id=self.sites["site_id"])

    def given(self, suffix: str = "parquet") -> tuple[object, ...]:
        write_table(self.sites, self.folder / "sites.parquet", SITES)
        path = self.folder / f"mine.{suffix}"
        if suffix == "parquet":
            self.features.to_parquet(path, index=False)
        else:
            self.features.to_csv(path, index=False)
        return ("--embeddings", path, "--sites", self.folder / "sites.parquet", "--out", self.folder / "out", *QUICK)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_rows_without_a_site_are_counted_and_the_first_is_named(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    lab.features.loc[[3, 5], "site_id"] = ["nowhere_1", "nowhere_2"]
    assert "sites.parquet lacks 2 sites of" in (said := refused(capsys, *lab.given()))
    assert "the first is nowhere_1 (it has HRCE-1_1_" in said


def test_sites_without_a_row_are_counted_and_the_first_is_named(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    missing = lab.features["site_id"][4]
    lab.features = lab.features.drop(index=4)
    assert f"lacks 1 site of {lab.folder / 'sites.parquet'}, the first is {missing}" in refused(capsys, *lab.given())


def test_whole_plates_without_features_are_left_out_with_a_note(lab: Lab) -> None:
    lab.sites = infected_sites({"HRCE-1": 2})
    assert gandl_evaluate(*lab.given(), "--questions", "controls") is None
    assert "on plates without any features: left out" in (lab.folder / "out/summary.txt").read_text(encoding="utf-8")


def test_a_row_twice_is_named(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    lab.features.loc[7, "site_id"] = lab.features["site_id"][2]
    said = refused(capsys, *lab.given("csv"))
    assert f"has 1 site twice, the first is {lab.features['site_id'][2]} in row 9" in said


def test_a_site_twice_in_a_table_of_sites_is_named(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    given = lab.given()
    sites = lab.sites[["site_id", "well_id", "well", "site", "control"]]
    pd.concat([sites, sites.iloc[[0]]]).to_csv(lab.folder / "sites.csv", index=False)
    said = refused(capsys, *given[:2], "--sites", lab.folder / "sites.csv", *given[4:])
    assert "is in row 2 already" in said


def test_features_that_are_no_numbers_are_counted_and_named(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    lab.features.loc[2, "feature_3"] = np.nan
    lab.features.loc[[6, 8], "feature_5"] = np.inf
    said = refused(capsys, *lab.given("csv"))
    assert "2 features of" in said
    assert "feature_3, feature_5 (1 cell of the first, from row 4)" in said
    assert gandl_evaluate(*lab.given(), "--drop-nan", "--questions", "controls") is None
    wells = pd.read_parquet(lab.folder / "out/normalization/plates/mine.none.wells.parquet")
    assert sum(name.startswith("feature_") for name in wells) == 10


def test_constant_features_are_left_out_with_a_note(lab: Lab) -> None:
    lab.features[["feature_0", "feature_7"]] = np.float32(2.5)
    assert gandl_evaluate(*lab.given(), "--questions", "controls") is None
    summary = (lab.folder / "out/summary.txt").read_text(encoding="utf-8")
    assert "are the same in every row: feature_0, feature_7; left out" in summary
    wells = pd.read_parquet(lab.folder / "out/normalization/plates/mine.none.wells.parquet")
    others = pair_features(lab.sites).astype(np.float32)[:, [i for i in range(12) if i not in (0, 7)]]
    means = pd.DataFrame(others).groupby(lab.sites["well_id"], sort=False).mean()
    found = wells.set_index("well_id").loc[means.index, [f"feature_{i}" for i in range(10)]]
    np.testing.assert_allclose(found, means, rtol=1e-5)


def test_features_of_which_none_varies_are_refused(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    lab.features[[name for name in lab.features if name != "site_id"]] = np.float32(1)
    assert "no feature of" in refused(capsys, *lab.given())


def test_a_screen_without_any_control_says_how_to_name_them(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    lab.sites["control"] = "none"
    said = refused(capsys, *lab.given())
    assert "no well is a positive or a negative control; name them in a column control" in said
    assert "--positive and --negative" in said


def test_a_name_of_controls_that_fits_nothing_lists_what_there_is(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, *lab.given(), "--positive", "Remdesivr")
    assert "--positive Remdesivr: no row of" in said
    assert "Remdesivir" in said


def test_unknown_columns_are_listed(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    lab.features = lab.features.rename(columns=lambda name: name.replace("feature_", "x"))
    said = refused(capsys, *lab.given())
    assert (
        "has neither columns feature_* nor, as a profile of pycytominer, columns Metadata_*; it has site_id, x0, x1"
        in said
    )


def test_features_without_any_id_are_refused(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    lab.features = lab.features.drop(columns="site_id")
    assert "needs a column site_id or well_id, or Metadata_Plate" in refused(capsys, *lab.given())
    lab.features["operator"] = "Ann"
    assert "has operator beside its features; it needs a column site_id" in refused(capsys, *lab.given())


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_an_empty_table_is_refused(lab: Lab, suffix: str, capsys: pytest.CaptureFixture[str]) -> None:
    lab.features = lab.features.iloc[:0]
    assert "has a header and no rows" in refused(capsys, *lab.given(suffix))


def test_a_table_with_another_separator_is_refused(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    given = lab.given("csv")
    lab.features.to_csv(given[1], index=False, sep="|")  # type: ignore[call-overload]
    said = refused(capsys, *given)
    assert "its columns must be separated by commas, semicolons or tabs" in said


def test_a_profile_whose_features_are_text_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile = plate_profile(tmp_path)
    features = [name for name in profile if not name.startswith("Metadata_")]
    profile[features] = profile[features].map(lambda value: f"v{value:.3f}")
    profile.to_csv(tmp_path / "mine.csv", index=False)
    profile.to_parquet(tmp_path / "mine.parquet")
    for name in ("mine.csv", "mine.parquet"):
        said = refused(capsys, "--embeddings", tmp_path / name, "--out", tmp_path / "out")
        assert f"{len(features)} feature columns hold text, the first is {features[0]} with 'v" in said
        assert "features must be numbers" in said


@pytest.mark.parametrize("block", [2**24, 4096])
def test_a_feature_that_is_text_in_one_row_is_refused(
    lab: Lab, block: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In what is read first, and further down."""
    monkeypatch.setattr(feature_table, "BLOCK", block)
    lab.features["feature_2"] = lab.features["feature_2"].astype(object)
    lab.features.loc[len(lab.features) - 1, "feature_2"] = "failed"
    assert "'failed'" in refused(capsys, *lab.given("csv"))


def test_two_featurizers_of_one_name_are_refused(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    given = lab.given()
    said = refused(capsys, *given, "--embeddings", f"mine={given[1]}")
    assert "two featurizers are named mine" in said


def test_featurizers_of_sites_and_of_wells_are_not_mixed(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    given = lab.given()
    wells = lab.features.assign(well_id=lab.sites["well_id"]).drop(columns="site_id").groupby("well_id").mean()
    wells.reset_index().to_parquet(lab.folder / "wells.parquet")
    said = refused(capsys, *given, "--embeddings", lab.folder / "wells.parquet")
    assert "has rows of sites and" in said


@pytest.mark.parametrize("path", ["nothing.parquet", "nothing.csv"])
def test_files_that_do_not_exist_are_named(lab: Lab, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = lab.given()
    assert f"no table at {path}" in refused(capsys, "--embeddings", path, *given[2:])
    assert f"no table of sites at {path}" in refused(capsys, *given[:2], "--sites", path, *given[4:])


def test_a_folder_with_other_files_is_not_touched(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    given = lab.given()
    (lab.folder / "out").mkdir()
    (lab.folder / "out/thesis.txt").write_text("years of work", encoding="utf-8")
    assert "holds files that gandl evaluate did not make" in refused(capsys, *given)
    assert (lab.folder / "out/thesis.txt").exists()


def test_a_plate_without_reference_wells_leaves_its_normalisation_out_and_answers_the_others(lab: Lab) -> None:
    """No well is unlabelled: that normalisation has no reference, raw profiles are scored all the same."""
    keep = lab.sites["control"] != "none"
    lab.sites, lab.features = lab.sites[keep].reset_index(drop=True), lab.features[keep]
    methods = ("--normalization", "unlabelled", "--normalization", "none")
    assert gandl_evaluate(*lab.given(), *methods, "--questions", "controls", "treatments") is None
    reasons = json.loads((lab.folder / "out/evaluate.json").read_text(encoding="utf-8"))["reasons"]
    assert "plate HRCE-1_1 has 0 reference wells for the normalisation 'unlabelled'" in reasons["controls"][0]
    assert (lab.folder / "out/evaluation/controls/mine.none.parquet").exists()
    assert reasons["treatments"] == ["no well that is not a control has a treatment"]


class Plate:
    """One plate as a profile of pycytominer, a row per well, to be spoilt."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.profile = folder, plate_profile(folder)

    def given(self) -> tuple[object, ...]:
        self.profile.to_csv(self.folder / "mine.csv", index=False)
        return ("--embeddings", self.folder / "mine.csv", "--out", self.folder / "out", *QUICK)


@pytest.fixture
def plate(tmp_path: Path) -> Plate:
    return Plate(tmp_path)


def test_rows_without_a_plate_are_named(plate: Plate, capsys: pytest.CaptureFixture[str]) -> None:
    """They were said to be lacking in the very table that has them."""
    plate.profile.loc[:4, "Metadata_Plate"] = ""
    expected = f"gandl evaluate: {plate.folder / 'mine.csv'}, rows 2 to 6: Metadata_Plate is empty"
    assert refused(capsys, *plate.given()) == expected
    wells = plate.profile[["Metadata_Well", "Metadata_control_type"]].assign(Metadata_Plate="BBBC013")
    wells.to_csv(plate.folder / "sites.csv", index=False)
    assert refused(capsys, *plate.given(), "--sites", plate.folder / "sites.csv") == expected


@pytest.mark.parametrize("named", [True, False])
def test_wells_twice_are_duplicates_or_of_plates_that_are_not_named(
    plate: Plate, *, named: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = plate.profile if named else plate.profile.drop(columns="Metadata_Plate")
    plate.profile = pd.concat([profile, profile])
    capsys.readouterr()
    assert gandl_evaluate(*plate.given()) == 2
    alone = capsys.readouterr().err
    profile[["Metadata_Well", "Metadata_control_type"]].to_csv(plate.folder / "sites.csv", index=False)
    if named:
        profile.iloc[:, :3].to_csv(plate.folder / "sites.csv", index=False)
    beside = refused(capsys, *plate.given(), "--sites", plate.folder / "sites.csv")
    assert " has 96 wells twice, the first is " in beside
    for said in (alone, beside):
        assert "remove duplicates, or add the column that is missing: Metadata_" in said
        assert ("Metadata_Plate" in said.partition("remove duplicates")[2]) is not named


def test_controls_may_be_called_neg_and_pos(plate: Plate) -> None:
    kinds = plate.profile.pop("Metadata_control_type")
    plate.profile["Metadata_control"] = kinds.map({"negcon": "neg", "poscon": "POS", "trt": ""})
    assert gandl_evaluate(*plate.given(), "--questions", "controls", "--normalization", "none") is None
    sites = pd.read_parquet(plate.folder / "out/source/plates/sites.parquet")
    expected = kinds.map({"negcon": "negative", "poscon": "positive", "trt": "none"})
    assert sites["control"].tolist() == expected.tolist()


def test_a_well_id_with_other_names_of_features_says_what_to_rename(
    plate: Plate, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = [name for name in plate.profile if not name.startswith("Metadata_")]
    others = plate.profile[columns].rename(columns=str.lower)  # those of CellProfiler begin with Cells_ or Nuclei_
    plate.profile = others.assign(well_id=plate.profile["Metadata_Well"])
    said = refused(capsys, *plate.given())
    assert "; name the features feature_..., or all columns that are none Metadata_... (Metadata_Plate, " in said


def test_a_folder_without_tables_names_its_folders_that_have_some(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    given = lab.given()
    for name in ("ae", "segmentation", "empty"):
        (lab.folder / "embeddings" / name).mkdir(parents=True)
        if name != "empty":
            lab.features.to_parquet(lab.folder / "embeddings" / name / "part_0.parquet")
    said = refused(capsys, "--embeddings", lab.folder / "embeddings", *given[2:])
    assert said.endswith("embeddings holds no parquet files; name one of its folders that do: ae, segmentation")
