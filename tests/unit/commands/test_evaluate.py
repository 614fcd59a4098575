"""`gandl evaluate`: any features in, the tables of the workflow out, by the functions of the workflow."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation_inputs import EC50, features as plate_features, read_sites, write_embeddings, write_plate
from gandl.commands import evaluate
from gandl.config import EvaluationSettings, Normalization
from gandl.evaluation.controls import write_controls
from gandl.evaluation.dose_response import write_dose_response
from gandl.evaluation.scores import write_scores
from gandl.evaluation.terms import COMPARISONS
from gandl.normalization.export import export_profiles
from gandl.own_features import feature_table, matching
from gandl.tables import NUMBERS, SITES, read_table, write_table
from own_tables import QUICK, UNLABELLED, gandl_evaluate, numbers, plate_profile, refused, table_of_features, value
from pair_inputs import features as pair_features, infected_sites, typed_sites, write_screen


def test_numbers_are_those_of_the_workflow_s_functions_called_by_hand(evaluated: Path, tmp_path: Path) -> None:
    sites = infected_sites({"HRCE-1": 3, "VERO-1": 2})
    screen = write_screen(tmp_path, sites, pair_features(sites).astype(np.float32))
    settings, method = EvaluationSettings(bootstrap=100), Normalization.UNLABELLED
    scores, images, controls, doses = (
        tmp_path / f"{name}.out.parquet" for name in ("scores", "images", "controls", "doses")
    )
    strict = {name: tmp_path / f"{name}.out.parquet" for name in ("refits", "permutations")}
    profiles = screen.wells(method), screen.site_profiles(method)
    write_scores(*profiles, screen.splits, settings, scores, images, **strict)
    names = {"featurizer": "mine", "normalization": "unlabelled", "seed": 0, "training_seed": 0}
    raw = screen.wells(Normalization.NONE)
    write_controls(scores, images, raw, settings, [], output=controls, **names, **strict)
    curves = {name: tmp_path / f"{name}.out.parquet" for name in ("curves", "points")}
    write_dose_response(scores, raw, settings, output=doses, **names, **curves)
    for question, by_hand in (("controls", controls), ("dose_response", doses)):
        expected, found = read_table(by_hand, NUMBERS), numbers(evaluated, question)
        both = found.merge(expected, on=list(NUMBERS.key), how="outer", suffixes=("", "_by_hand"), indicator=True)
        assert set(both["_merge"]) == {"both"}
        for name in ("value", "low", "high"):
            np.testing.assert_allclose(both[name], both[f"{name}_by_hand"], atol=1e-5)


def test_everything_that_the_screen_allows_is_answered_and_the_rest_says_why(evaluated: Path) -> None:
    made = {path.relative_to(evaluated).as_posix() for path in evaluated.rglob("*") if path.is_file()}
    for name in ("controls", "dose_response", "treatments"):
        assert f"evaluation/{name}/mine.unlabelled.parquet" in made
    assert "evaluation/controls/mine.none.parquet" in made
    assert "evaluation/cell_model/mine.none.parquet" in made
    assert "normalization/plates/mine.unlabelled.wells.parquet" in made
    assert not any("sites.parquet" in name for name in made if name.startswith("normalization"))
    summary = (evaluated / "summary.txt").read_text(encoding="utf-8")
    assert "Z' " in summary
    assert "Remdesivir: EC50" in summary.replace("HRCE, ", "")
    assert "cell_type: it is asked of screens without infection" in summary
    assert "calibration: only a simulated screen has a known truth" in summary
    assert "mechanism: no column names mechanisms of action" in summary
    assert "comparisons: one featurizer was given" in summary
    record = json.loads((evaluated / "evaluate.json").read_text(encoding="utf-8"))
    assert record["finished"]
    assert set(record["reasons"]) == {"cell_type", "calibration", "mechanism", "comparisons"}


def test_both_drugs_of_a_plate_have_an_ec50_and_the_controls_a_z_prime(tmp_path: Path) -> None:
    """From a profile of pycytominer alone: controls, drugs and doses are in its metadata."""
    plate_profile(tmp_path).to_csv(tmp_path / "plate.csv.gz", index=False)
    out = tmp_path / "out"
    assert gandl_evaluate("--embeddings", tmp_path / "plate.csv.gz", "--out", out, *UNLABELLED) is None
    z_prime = value(numbers(out, "controls", "plate"), "z_prime", "leave_row_out:A-H")
    assert 0.4 < z_prime.low < z_prime.value < z_prime.high < 1
    doses = numbers(out, "dose_response", "plate")
    for drug, true in EC50.items():
        ec50 = value(doses, "ec50_um", f"leave_row_out:{drug}")
        assert ec50.low < true < ec50.high
        assert ec50.high / ec50.low < 3
    summary = (out / "summary.txt").read_text(encoding="utf-8")
    assert "Wortmannin: EC50 " in summary
    assert "LY294002: EC50 " in summary


def test_the_same_profile_gives_the_same_numbers_in_every_form(tmp_path: Path) -> None:
    """CSV with commas, semicolons and decimal commas, parquet; with the wells in a table of their own."""
    profile = plate_profile(tmp_path)
    profile.to_csv(tmp_path / "commas.csv", index=False)
    profile.to_csv(tmp_path / "semicolons.csv", index=False, sep=";", decimal=",")
    profile.to_parquet(tmp_path / "table.parquet", index=False)
    features = [name for name in profile if not name.startswith("Metadata_")]
    renamed = profile[features].set_axis([f"feature_{name}" for name in features], axis=1)
    ids = "w" + profile["Metadata_Well"]
    renamed.assign(well_id=ids).to_csv(tmp_path / "ids.csv", index=False)
    wells = profile[["Metadata_Well", "Metadata_control_type", "Metadata_pert_iname", "Metadata_dose_uM"]]
    wells.assign(well_id=ids).to_csv(tmp_path / "wells.csv", index=False)
    profile[["Metadata_Plate", "Metadata_Well", *features]].to_csv(tmp_path / "bare.csv", index=False)
    forms = {
        "commas": "commas.csv",
        "semicolons": "semicolons.csv",
        "parquet": "table.parquet",
        "ids": "ids.csv",
        "bare": "bare.csv",
    }
    more = {"ids": ("--sites", tmp_path / "wells.csv"), "bare": ("--wells", tmp_path / "wells.csv")}
    found = {}
    for name, file in forms.items():
        out = tmp_path / f"out_{name}"
        given = ("--embeddings", f"mine={tmp_path / file}", *more.get(name, ()), "--out", out)
        assert gandl_evaluate(*given, "--questions", "controls", *UNLABELLED, *QUICK) is None, name
        found[name] = numbers(out, "controls")
    for name, table in found.items():
        pd.testing.assert_frame_equal(table, found["commas"], check_exact=False, rtol=1e-4, obj=name)


def test_profiles_that_gandl_exported_are_understood(tmp_path: Path) -> None:
    sites = infected_sites({"HRCE-1": 2})
    screen = write_screen(tmp_path, sites, pair_features(sites))
    export_profiles(screen.wells(Normalization.NONE), screen.sites, [tmp_path / "exported.csv.gz"], {})
    out = tmp_path / "out"
    assert gandl_evaluate("--embeddings", tmp_path / "exported.csv.gz", "--out", out, *UNLABELLED, *QUICK) is None
    table = numbers(out, "controls", "exported")
    uv = value(table, "auc_mock_uv", "leave_plate_out:HRCE")
    assert uv.n == 2 * (4 + 4)
    treatments = pd.read_parquet(out / "evaluation/treatments/exported.unlabelled.treatments.parquet")
    assert set(treatments["treatment"].dropna()) == {"Remdesivir", "Polydatin"}


def test_batches_may_name_their_plates_alike_and_wells_may_have_several_images(tmp_path: Path) -> None:
    parts = [
        plate_profile(tmp_path, seed=10 * batch + site).assign(
            Metadata_Batch=f"week {batch}", Metadata_Site=f"{site:02d}"
        )
        for batch in (1, 2)
        for site in (1, 2)
    ]
    pd.concat(parts).sample(frac=1, random_state=1).to_csv(tmp_path / "mine.csv", index=False)
    pd.concat(parts).iloc[::-1].to_parquet(tmp_path / "other.parquet", index=False)
    given = (
        "--embeddings",
        tmp_path / "mine.csv",
        "--embeddings",
        tmp_path / "other.parquet",
        "--out",
        tmp_path / "out",
    )
    assert gandl_evaluate(*given, "--questions", "controls", "comparisons", *UNLABELLED, *QUICK) is None
    sites = read_table(tmp_path / "out/source/plates/sites.parquet", SITES)
    assert sites.groupby("plate_id").size().tolist() == [192, 192]
    assert sites["well_id"].nunique() == 192
    differences = read_table(tmp_path / "out/evaluation/comparisons/pairs.parquet", COMPARISONS)
    np.testing.assert_allclose(differences["value"], 0, atol=1e-6)


def test_featurizers_are_compared_pair_by_pair_on_the_same_wells(pair: Path, tmp_path: Path) -> None:
    sites = read_table(pair / "sites.parquet", SITES)
    noise = np.random.default_rng(1).standard_normal((len(sites), 8))
    table_of_features(noise, site_id=sites["site_id"]).to_csv(tmp_path / "noise.csv", index=False)
    given = ("--embeddings", f"mine={pair / 'features.parquet'}", "--embeddings", tmp_path / "noise.csv")
    given += ("--sites", pair / "sites.parquet", "--out", tmp_path / "out", "--questions", "controls", "comparisons")
    assert gandl_evaluate(*given, *UNLABELLED, *QUICK) is None
    table = read_table(tmp_path / "out/evaluation/comparisons/pairs.parquet", COMPARISONS)
    assert set(zip(table["featurizer"], table["against"], strict=True)) == {("mine", "noise")}
    hrce = table[(table["split"] == "leave_plate_out:HRCE") & (table["metric"] == "auc_difference")].iloc[0]
    assert hrce["value"] > 0.2
    assert "mine minus noise" in (tmp_path / "out/summary.txt").read_text(encoding="utf-8")


def test_cell_types_are_told_apart_without_any_other_question(tmp_path: Path) -> None:
    sites = typed_sites({"HUVEC": 3, "RPE": 3})
    write_table(sites.assign(control="none"), tmp_path / "sites.parquet", SITES)
    table_of_features(pair_features(sites), site_id=sites["site_id"]).to_parquet(tmp_path / "mine.parquet")
    given = (
        "--embeddings",
        tmp_path / "mine.parquet",
        "--sites",
        tmp_path / "sites.parquet",
        "--out",
        tmp_path / "out",
    )
    assert gandl_evaluate(*given, *QUICK) is None
    accuracy = value(numbers(tmp_path / "out", "cell_type", method="none"), "accuracy", "leave_experiment_out:all")
    assert accuracy.value > 0.9
    summary = (tmp_path / "out/summary.txt").read_text(encoding="utf-8")
    assert "controls: no well is a positive or a negative control; name them" in summary


def test_one_kind_of_controls_leaves_other_questions_answered(tmp_path: Path) -> None:
    sites = typed_sites({"HUVEC": 2, "RPE": 2})
    sites["control"] = sites["control"].replace("positive", "none")
    write_table(sites, tmp_path / "sites.parquet", SITES)
    table_of_features(pair_features(sites), site_id=sites["site_id"]).to_parquet(tmp_path / "mine.parquet")
    given = (
        "--embeddings",
        tmp_path / "mine.parquet",
        "--sites",
        tmp_path / "sites.parquet",
        "--out",
        tmp_path / "out",
    )
    assert gandl_evaluate(*given, *QUICK) is None
    reasons = json.loads((tmp_path / "out/evaluate.json").read_text(encoding="utf-8"))["reasons"]
    for question in ("controls", "dose_response", "treatments"):
        assert reasons[question][0].startswith("no well is a positive control")


def test_controls_can_be_named_by_what_they_were_given(tmp_path: Path) -> None:
    profile = plate_profile(tmp_path)
    kinds = profile.pop("Metadata_control_type")
    profile["Metadata_pert_iname"] = profile["Metadata_pert_iname"].where(kinds != "negcon", "vehicle X")
    profile["Metadata_kind"] = kinds
    profile.to_parquet(tmp_path / "mine.parquet")
    given = (
        "--embeddings",
        tmp_path / "mine.parquet",
        "--out",
        tmp_path / "out",
        "--questions",
        "controls",
        *UNLABELLED,
        *QUICK,
    )
    assert gandl_evaluate(*given, "--positive", "kind=poscon", "--negative", "vehicle X") is None
    sites = read_table(tmp_path / "out/source/plates/sites.parquet", SITES)
    assert sites["control"].value_counts().to_dict() == kinds.map(
        {"negcon": "negative", "poscon": "positive", "trt": "none"}
    ).value_counts().to_dict()  # fmt: skip


def test_controls_are_named_by_what_a_table_of_wells_says_that_they_were_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = plate_profile(tmp_path)
    kinds = profile.pop("Metadata_control_type")
    given = profile["Metadata_pert_iname"].where(kinds != "negcon", "vehicle X")
    wells = pd.DataFrame({"well": profile["Metadata_Well"], "treatment": given.where(kinds != "poscon", "drug_ctrl")})
    wells["concentration_um"] = profile["Metadata_dose_uM"].where(kinds == "trt")
    wells.to_csv(tmp_path / "wells.csv", index=False)
    features = profile.drop(columns=["Metadata_pert_iname", "Metadata_dose_uM"])
    features.to_csv(tmp_path / "mine.csv", index=False)
    command = ("--embeddings", tmp_path / "mine.csv", "--wells", tmp_path / "wells.csv", "--out", tmp_path / "out")
    command += ("--questions", "controls", *UNLABELLED, *QUICK)
    assert gandl_evaluate(*command, "--positive", "drug_ctrl", "--negative", "treatment=vehicle X") is None
    sites = read_table(tmp_path / "out/source/plates/sites.parquet", SITES)
    expected = kinds.map({"negcon": "negative", "poscon": "positive", "trt": "none"})
    assert sites["control"].tolist() == expected.tolist()
    said = refused(capsys, *command, "--positive", "drug_control")
    assert f"no row of {tmp_path / 'mine.csv'} with {tmp_path / 'wells.csv'} fits; the columns treatment" in said
    assert "drug_ctrl" in said


def test_a_folder_of_embeddings_as_the_workflow_writes_them_is_one_featurizer(tmp_path: Path) -> None:
    sites_path, _ = write_plate(tmp_path)
    sites = read_sites(sites_path)
    values = plate_features(sites)
    (tmp_path / "made_up").mkdir()
    names = [f"texture {i}" for i in range(values.shape[1])]
    write_embeddings(tmp_path / "made_up/one.parquet", sites, values, names)
    out = tmp_path / "out"
    given = ("--embeddings", tmp_path / "made_up", "--sites", sites_path, "--out", out, "--questions", "controls")
    assert gandl_evaluate(*given, *UNLABELLED, *QUICK) is None
    assert value(numbers(out, "controls", "made_up"), "auc", "leave_row_out:A-H").value == 1


def test_a_table_read_in_many_parts_gives_the_same_profiles(
    evaluated: Path, pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows in any order, a few at a time, a plate a part."""
    monkeypatch.setattr(feature_table, "VALUES", 12 * 7)
    monkeypatch.setattr(matching, "VALUES", 12 * 7)
    monkeypatch.setattr(matching, "HELD_VALUES", 12 * 20)
    given = (
        "--embeddings",
        f"mine={pair / 'features.parquet'}",
        "--sites",
        pair / "sites.parquet",
        "--out",
        tmp_path / "out",
    )
    assert gandl_evaluate(*given, "--questions", "controls", "--keep-profiles", *UNLABELLED, *QUICK) is None
    assert len(list((tmp_path / "out/embeddings/plates/mine").iterdir())) == 5
    for method in ("none", "unlabelled"):
        name = f"normalization/plates/mine.{method}.wells.parquet"
        pd.testing.assert_frame_equal(
            pd.read_parquet(tmp_path / "out" / name), pd.read_parquet(evaluated / name), rtol=1e-5
        )


def test_a_second_evaluation_leaves_nothing_of_the_first(tmp_path: Path) -> None:
    plate_profile(tmp_path).to_parquet(tmp_path / "one.parquet")
    given = ("--embeddings", tmp_path / "one.parquet", "--out", tmp_path / "out", "--questions", "controls", *QUICK)
    assert gandl_evaluate(*given, "--normalization", "unlabelled") is None
    assert gandl_evaluate(*given, "--normalization", "none") is None
    assert [path.name for path in (tmp_path / "out/evaluation/controls").iterdir()] == ["one.none.parquet"]


def test_normalisations_are_named_in_a_row_or_by_the_option_again() -> None:
    parser = argparse.ArgumentParser()
    evaluate.add_parser(parser.add_subparsers())
    given = ["evaluate", "--embeddings", "a.csv", "--out", "out"]
    row = parser.parse_args([*given, "--normalization", "none", "unlabelled"])
    again = parser.parse_args([*given, "--normalization", "none", "--normalization", "unlabelled"])
    assert evaluate.request_of(row).methods == (Normalization.NONE, Normalization.UNLABELLED)
    assert evaluate.request_of(again).methods == evaluate.request_of(row).methods
    assert evaluate.request_of(parser.parse_args(given)).methods == ()


def test_an_unknown_option_prints_the_usage_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert gandl_evaluate("--embeddings", "a.csv", "--out", "out", "--normalisation", "none") == 2
    said = capsys.readouterr().err
    assert said.startswith("usage: gandl evaluate [-h] --embeddings")
    assert said.rstrip().endswith("gandl evaluate: error: unrecognized arguments: --normalisation none")


def test_help_says_what_each_normalisation_is_and_how_many_draws_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert gandl_evaluate("--help") == 0
    said = capsys.readouterr().out
    described = {line.split()[0] for line in said.splitlines() if re.match(r"  [a-z_]+  +\S", line)}
    assert {method.value for method in Normalization} <= described
    assert "--wells wells.csv --positive taxol" in said
    assert f"(default: {EvaluationSettings().bootstrap})" in said


def test_help_teaches_by_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert gandl_evaluate("--help") == 0
    said = capsys.readouterr().out
    for words in (
        "gandl evaluate --embeddings features.parquet --sites sites.csv --out",
        "Metadata_Plate, Metadata_Well",
        "summary.txt",
    ):
        assert words in said
