"""Calibration: severity and EC50s against a truth that the test itself writes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr, spearmanr

from gandl.config import Normalization
from gandl.evaluation.calibration import COMPOUND_COLUMNS, WELL_COLUMNS, CalibrationError, write_calibration
from gandl.evaluation.dose_response import write_dose_response
from gandl.evaluation.scores import write_scores
from gandl.evaluation.screening.screen import write_screening
from gandl.tables import NUMBERS, WELL_SCORES, read_table, write_table
from pair_inputs import EC50, SETTINGS, features, infected_sites, severity, write_screen

NAMES = {"featurizer": "gandl", "normalization": "unlabelled", "seed": 0, "training_seed": 7}
KINDS = {"Remdesivir": "active", "Polydatin": "inactive"}


def truth_of(sites: pd.DataFrame) -> pd.DataFrame:
    wells = sites.assign(severity_expected=severity(sites)).drop_duplicates("well_id")
    noise = 0.1 * np.random.default_rng(3).standard_normal(len(wells))
    ec50 = wells["compound"].map(EC50).replace(np.inf, np.nan)
    kind = wells["compound"].map(KINDS)
    return wells.assign(severity=wells["severity_expected"] + noise, ec50_um=ec50, kind=kind)


def calibrate(folder: Path, output: Path, **changed: Path) -> dict[str, Path]:
    outputs = {name: output / f"calibration_{name}.parquet" for name in ("output", "wells", "compounds")}
    inputs = {name: folder / f"{name}.parquet" for name in ("scores", "doses", "screened", "truth")} | changed
    write_calibration(*inputs.values(), SETTINGS, **NAMES, **outputs)
    return outputs


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated")
    sites = infected_sites({"HRCE-1": 3, "VERO-1": 2})
    screen = write_screen(folder, sites, features(sites, effect=8.0))
    method = Normalization.UNLABELLED
    scores, images = folder / "scores.parquet", folder / "scores_sites.parquet"
    write_scores(screen.wells(method), screen.site_profiles(method), screen.splits, SETTINGS, scores, images)
    outputs = {"output": folder / "doses.parquet", "curves": folder / "curves.parquet", "points": folder / "p.parquet"}
    write_dose_response(scores, screen.wells(Normalization.NONE), SETTINGS, **NAMES, **outputs)
    tables = {"output": "screening", "plates": "plates", "doses": "by_dose", "compounds": "screened"}
    write_screening(
        scores,
        screen.wells(method),
        screen.wells(Normalization.NONE),
        SETTINGS,
        **NAMES,
        **{name: folder / f"{file}.parquet" for name, file in tables.items()},
    )
    truth_of(sites).to_parquet(folder / "truth.parquet")
    return folder


@pytest.fixture(scope="module")
def numbers(folder: Path) -> pd.DataFrame:
    return read_table(calibrate(folder, folder)["output"], NUMBERS).set_index(["split", "metric"])


def test_severity_is_reported_by_plates_left_out_and_correlates_with_the_truth(
    folder: Path, numbers: pd.DataFrame
) -> None:
    wells = pd.read_parquet(folder / "calibration_wells.parquet")
    assert wells.columns.tolist() == WELL_COLUMNS
    assert set(wells["scheme"]) == {"leave_plate_out"}
    for cell_type, mine in wells.groupby("cell_type"):
        says = (1 - mine["on"]) / 2
        row = numbers.loc[f"leave_plate_out:{cell_type}"]
        assert row.loc["spearman_severity", "value"] == pytest.approx(spearmanr(says, mine["severity"]).statistic)
        assert row.loc["pearson_severity", "value"] == pytest.approx(pearsonr(says, mine["severity"]).statistic)
        assert row.loc["rmse_severity", "value"] == pytest.approx(np.sqrt(np.mean((says - mine["severity"]) ** 2)))
        assert row.loc["bias_severity", "value"] == pytest.approx(np.mean(says - mine["severity"]))
        assert row.loc["spearman_severity", "value"] > 0.7
        severities = row.loc[["spearman_severity", "pearson_severity", "rmse_severity"]]
        assert (severities["low"] < severities["value"]).all()
        assert (severities["value"] < severities["high"]).all()
        assert (severities["n"] == len(mine)).all()


def test_compounds_stand_beside_their_truth(folder: Path, numbers: pd.DataFrame) -> None:
    table = pd.read_parquet(folder / "calibration_compounds.parquet")
    assert table.columns.tolist() == COMPOUND_COLUMNS
    assert set(zip(table["cell_type"], table["compound"], strict=True)) == {
        (cell_type, name) for cell_type in ("HRCE", "VERO") for name in EC50
    }
    doses = read_table(folder / "doses.parquet", NUMBERS).set_index(["split", "metric"])["value"]
    for row in table.to_dict("records"):
        ours = doses[f"leave_plate_out:{row['cell_type']}:{row['compound']}", "ec50_um"]
        assert row["ec50_um"] == ours or np.isnan([row["ec50_um"], ours]).all()
    active = table[table["kind"] == "active"]
    assert active["found"].all()
    assert (active["truth_ec50_um"] == EC50["Remdesivir"]).all()
    error = np.log10(active["ec50_um"] / active["truth_ec50_um"])
    assert numbers.loc[("leave_plate_out:all", "ec50_log10_error"), "value"] == pytest.approx(np.median(np.abs(error)))
    assert numbers.loc[("leave_plate_out:all", "ec50_log10_bias"), "value"] == pytest.approx(np.median(error))


def test_hits_and_flags_of_the_screening_stand_beside_the_kind_of_each_compound(folder: Path, tmp_path: Path) -> None:
    """HRCE's remdesivir is lost, VERO's polydatin is called; then polydatin is toxic, and flagged in one cell type."""
    screened = pd.read_parquet(folder / "screened.parquet")
    place = screened["cell_type"] + ":" + screened["compound"]
    flags = place.map({"VERO:Polydatin": "toxic"})
    changed = screened.assign(hit=place.isin(["VERO:Remdesivir", "VERO:Polydatin"]), flags=flags)
    changed.to_parquet(tmp_path / "screened.parquet")
    outputs = calibrate(folder, tmp_path, screened=tmp_path / "screened.parquet")
    everything = read_table(outputs["output"], NUMBERS).set_index(["split", "metric"]).loc["leave_plate_out:all"]
    assert everything.loc["hit_recall", ["value", "n"]].tolist() == [0.5, 2]
    assert everything.loc["hit_false_positive_rate", ["value", "n"]].tolist() == [0.5, 2]
    assert everything.loc["toxic_flagged", "n"] == 0
    assert np.isnan(everything.loc["toxic_flagged", "value"])
    truth = pd.read_parquet(folder / "truth.parquet").replace({"kind": {"inactive": "toxic"}})
    truth.to_parquet(tmp_path / "truth.parquet")
    outputs = calibrate(folder, tmp_path, screened=tmp_path / "screened.parquet", truth=tmp_path / "truth.parquet")
    everything = read_table(outputs["output"], NUMBERS).set_index(["split", "metric"]).loc["leave_plate_out:all"]
    assert everything.loc["toxic_as_hits", ["value", "n"]].tolist() == [0.5, 2]
    assert everything.loc["toxic_flagged", ["value", "n"]].tolist() == [0.5, 2]
    assert everything.loc["hit_false_positive_rate", "n"] == 0


def test_shares_of_compounds_count_what_they_say(folder: Path, tmp_path: Path) -> None:
    """VERO's remdesivir is lost, HRCE's interval misses, polydatin is found in VERO."""
    doses = read_table(folder / "doses.parquet", NUMBERS).set_index(["split", "metric"])
    columns = ["value", "low", "high"]
    doses.loc[("leave_plate_out:VERO:Remdesivir", "ec50_um"), columns] = np.nan
    doses.loc[("leave_plate_out:HRCE:Remdesivir", "ec50_um"), columns] = [1.0, 0.9, 1.1]
    doses.loc[("leave_plate_out:VERO:Polydatin", "ec50_um"), columns] = [1.0, 0.9, 1.1]
    doses.loc[("leave_plate_out:VERO:Polydatin", "hill_slope"), "value"] = 1.0
    doses.loc[("leave_plate_out:HRCE:Polydatin", "ec50_um"), columns] = [1.0, 0.9, 1.1]
    doses.loc[("leave_plate_out:HRCE:Polydatin", "hill_slope"), "value"] = -1.0  # it makes cells worse: no find
    write_table(doses.reset_index(), tmp_path / "doses.parquet", NUMBERS)
    outputs = calibrate(folder, tmp_path, doses=tmp_path / "doses.parquet")
    numbers = read_table(outputs["output"], NUMBERS).set_index(["split", "metric"])
    everything = numbers.loc["leave_plate_out:all"][["value", "n"]]
    assert everything.loc["ec50_found"].tolist() == [0.5, 2]
    assert everything.loc["false_positives"].tolist() == [0.5, 2]
    assert everything.loc["ec50_coverage"].tolist() == [0.0, 1]
    assert everything.loc["ec50_log10_error"].tolist() == [pytest.approx(1.0), 1]
    vero = numbers.loc["leave_plate_out:VERO"]
    assert vero.loc["ec50_found", "value"] == 0
    assert vero.loc["ec50_log10_error", ["value", "low", "high"]].isna().all()


def test_a_severity_that_never_varies_has_no_correlation(folder: Path, tmp_path: Path) -> None:
    truth = pd.read_parquet(folder / "truth.parquet")
    truth.assign(severity=0.0).to_parquet(tmp_path / "truth.parquet")
    outputs = calibrate(folder, tmp_path, truth=tmp_path / "truth.parquet")
    numbers = read_table(outputs["output"], NUMBERS).set_index(["split", "metric"])
    assert numbers.loc[("leave_plate_out:HRCE", "spearman_severity"), ["value", "low", "high"]].isna().all()
    assert numbers.loc[("leave_plate_out:HRCE", "rmse_severity"), "value"] > 0


def test_a_well_without_truth_and_a_compound_without_fit_are_named(folder: Path, tmp_path: Path) -> None:
    truth = pd.read_parquet(folder / "truth.parquet")
    truth[truth["well_id"] != "VERO-1_1_A01"].to_parquet(tmp_path / "truth.parquet")
    with pytest.raises(CalibrationError, match=r"truth\.parquet lacks 1 well of .*: VERO-1_1_A01"):
        calibrate(folder, tmp_path, truth=tmp_path / "truth.parquet")
    doses = read_table(folder / "doses.parquet", NUMBERS)
    kept = doses[~doses["split"].str.endswith("HRCE:Polydatin")]
    write_table(kept, tmp_path / "doses.parquet", NUMBERS)
    with pytest.raises(CalibrationError, match="no row of the split leave_plate_out:HRCE:Polydatin"):
        calibrate(folder, tmp_path, doses=tmp_path / "doses.parquet")
    screened = pd.read_parquet(folder / "screened.parquet")
    screened[screened["compound"] != "Polydatin"].to_parquet(tmp_path / "screened.parquet")
    with pytest.raises(CalibrationError, match=r"screened\.parquet has no row of HRCE:Polydatin"):
        calibrate(folder, tmp_path, screened=tmp_path / "screened.parquet")


def test_no_other_stage_reads_the_truth(repository: Path) -> None:
    """The simulator writes it; of all others only the calibration may name it, and only its rule takes it as input."""
    package = repository / "src/gandl"
    named = {path for path in package.rglob("*.py") if "truth.parquet" in path.read_text(encoding="utf-8")}
    simulator = set((package / "source/simulator").glob("*.py"))
    assert named - simulator == {package / "evaluation/calibration.py"}
    scripts = {
        path.name for path in (repository / "workflow/scripts").glob("*.py") if "input.truth" in path.read_text()
    }
    assert scripts <= {"calibration.py"}
    for path in (repository / "rules").rglob("*.smk"):
        for name, rule in re.findall(r"^rule (\w+):\n((?:    .*\n|\n)+)", path.read_text(), re.MULTILINE):
            inputs = re.search(r"    input:\n((?: {8}.*\n)+)", rule)
            assert inputs is None or "truth" not in inputs[1] or name == "calibration"


def test_scores_of_no_strict_scheme_are_refused(folder: Path, tmp_path: Path) -> None:
    scores = read_table(folder / "scores.parquet", WELL_SCORES)
    write_table(scores[scores["scheme"] == "probe"], tmp_path / "scores.parquet", WELL_SCORES)
    with pytest.raises(CalibrationError, match="no held-out scores to compare with the truth"):
        calibrate(folder, tmp_path, scores=tmp_path / "scores.parquet")
