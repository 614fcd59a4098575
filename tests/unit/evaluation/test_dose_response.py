"""Dose response: the known EC50s of a synthetic plate are found; a flat treatment has none; figures get all they draw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from evaluation_inputs import (
    EC50,
    SETTINGS,
    SLOPE,
    write_scores_with_ratio,
)
from gandl.config import EvaluationSettings
from gandl.evaluation import dose_response as question
from gandl.evaluation.dose_response import METRICS, DoseResponseError, Response, write_dose_response
from gandl.statistics.hill import Hill, HillFit, bootstrap_hill
from gandl.tables import NUMBERS, WELL_SCORES, read_table, write_table

NAMES = {"featurizer": "segmentation", "normalization": "unlabelled", "seed": 0, "training_seed": 7}


def outputs(folder: Path) -> dict[str, Path]:
    return {name: folder / f"dose_{name}.parquet" for name in ("output", "curves", "points")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("screen")
    scores, raw = write_scores_with_ratio(folder)
    write_dose_response(scores, raw, SETTINGS, **NAMES, **outputs(folder))
    return folder


@pytest.fixture(scope="module")
def numbers(folder: Path) -> pd.DataFrame:
    return read_table(outputs(folder)["output"], NUMBERS).set_index(["split", "metric"])


def series(response: np.ndarray, replicates: int = 4) -> pd.DataFrame:
    doses = np.repeat(np.geomspace(1, 256, 9), replicates)
    return pd.DataFrame({"concentration_um": doses, "on": response})


def dose_response(wells: pd.DataFrame, settings: EvaluationSettings, seed: int) -> Response:
    (fit,) = question.fits_of([wells])
    return question.dose_response(wells, settings, seed, fit)


@pytest.mark.parametrize("treatment", list(EC50))
@pytest.mark.parametrize("scheme", ["leave_row_out", "no_training"])
def test_the_ec50_of_the_plate_is_found(numbers: pd.DataFrame, scheme: str, treatment: str) -> None:
    of_treatment = numbers.loc[f"{scheme}:{treatment}"]
    assert set(of_treatment.index) == set(METRICS)
    ec50, slope = of_treatment.loc["ec50_um"], of_treatment.loc["hill_slope"]
    assert ec50["value"] == pytest.approx(EC50[treatment], rel=0.15)
    assert ec50["low"] < ec50["value"] < ec50["high"]
    assert slope["value"] == pytest.approx(SLOPE, rel=0.15)
    assert (of_treatment["n"] == 36).all()
    assert (of_treatment["seed"] == NAMES["training_seed"]).all()


def test_controls_are_no_part_of_a_series(folder: Path) -> None:
    points = pd.read_parquet(outputs(folder)["points"])
    scores = read_table(folder / "scores.parquet", WELL_SCORES)
    scores = scores[scores["scheme"] == "leave_row_out"].set_index("well_id")
    assert points.columns.tolist() == ["cell_type", "treatment", "concentration_um", "well_id", "on"]
    assert len(points) == 72
    assert set(scores.loc[points["well_id"], "control"]) == {"none"}
    np.testing.assert_array_equal(points["on"], scores.loc[points["well_id"], "on"])


def test_the_plain_column_stands_beside_in_the_numbers_alone(folder: Path, numbers: pd.DataFrame) -> None:
    plain = numbers.loc["no_training:Wortmannin"]
    assert set(plain["featurizer"]) == {"nuclear_over_ring"}
    assert plain.loc["top", "value"] == pytest.approx(6, abs=0.2)
    assert plain.loc["bottom", "value"] == pytest.approx(1, abs=0.2)
    curves = pd.read_parquet(outputs(folder)["curves"])
    assert not curves.duplicated(["treatment", "concentration_um"]).any()


def test_curves_span_the_tested_doses_with_a_band_around_the_fit(folder: Path, numbers: pd.DataFrame) -> None:
    points = pd.read_parquet(outputs(folder)["points"])
    for treatment, curve in pd.read_parquet(outputs(folder)["curves"]).groupby("treatment"):
        tested = points.loc[points["treatment"] == treatment, "concentration_um"]
        assert (curve["concentration_um"].min(), curve["concentration_um"].max()) == pytest.approx(
            (tested.min(), tested.max())
        )
        assert (curve["low"] <= curve["high"]).all()
        assert ((curve["low"] <= curve["fit"]) & (curve["fit"] <= curve["high"])).mean() > 0.95
        ec50 = numbers.loc[(f"leave_row_out:{treatment}", "ec50_um"), "value"]
        halfway = np.interp(np.log(ec50), np.log(curve["concentration_um"]), curve["fit"])
        ends = [numbers.loc[(f"leave_row_out:{treatment}", name), "value"] for name in ("bottom", "top")]
        assert halfway == pytest.approx(np.mean(ends), abs=0.02)


def test_rises_with_dose_is_spearmans_correlation(folder: Path, numbers: pd.DataFrame) -> None:
    points = pd.read_parquet(outputs(folder)["points"])
    mine = points[points["treatment"] == "LY294002"]
    rises = numbers.loc[("leave_row_out:LY294002", "rises_with_dose")]
    assert rises["value"] == pytest.approx(spearmanr(mine["concentration_um"], mine["on"]).statistic)
    assert 0 < rises["low"] <= rises["value"]


def test_a_treatment_without_effect_has_no_ec50_and_a_flat_line() -> None:
    response = dose_response(series(np.random.default_rng(0).standard_normal(36)), SETTINGS, seed=0)
    assert not response.has_curve
    for metric in ("ec50_um", "hill_slope", "bottom", "top"):
        assert np.isnan(response.numbers[metric].value)
    assert response.numbers["p_constant"].value > 0.05
    assert response.numbers["rises_with_dose"].low < 0 < response.numbers["rises_with_dose"].high


@pytest.mark.parametrize(
    ("delta_aicc", "p_constant", "expected"),
    [(3.0, 0.001, True), (-0.1, 0.001, False), (3.0, 0.051, False), (np.nan, 0.001, False)],
)
def test_a_curve_needs_both_aicc_and_the_f_test(delta_aicc: float, p_constant: float, expected: bool) -> None:
    fit = HillFit(Hill(ec50=1, slope=1, bottom=0, top=1), 36, delta_aicc, p_constant)
    assert Response({}, fit, None).has_curve is expected


@pytest.mark.parametrize("confidence", [0.5, 0.95])
def test_intervals_of_a_curve_have_the_confidence_of_the_settings(confidence: float) -> None:
    doses = np.repeat(np.geomspace(1, 256, 9), 4)
    wells = series(1 / (1 + 16 / doses) + 0.05 * np.random.default_rng(0).standard_normal(36))
    settings = SETTINGS.model_copy(update={"confidence": confidence})
    numbers = dose_response(wells, settings, seed=4).numbers
    draws = bootstrap_hill(doses, wells["on"].to_numpy(), draws=settings.bootstrap, seed=4)
    assert draws is not None
    for metric, drawn in (("bottom", draws.bottom), ("hill_slope", draws.slope), ("top", draws.top)):
        assert np.mean(drawn < numbers[metric].low) == pytest.approx((1 - confidence) / 2, abs=0.01)
        assert np.mean(drawn <= numbers[metric].high) == pytest.approx((1 + confidence) / 2, abs=0.01)


def test_the_interval_of_an_ec50_widens_with_its_confidence_around_its_value() -> None:
    doses = np.repeat(np.geomspace(1, 256, 9), 4)
    wells = series(1 / (1 + 16 / doses) + 0.05 * np.random.default_rng(0).standard_normal(36))
    half, most = (
        dose_response(wells, SETTINGS.model_copy(update={"confidence": confidence}), seed=4).numbers["ec50_um"]
        for confidence in (0.5, 0.95)
    )
    assert most.low < half.low < half.value == most.value < half.high < most.high


def test_a_falling_response_has_a_slope_below_zero() -> None:
    doses = np.repeat(np.geomspace(1, 256, 9), 4)
    noise = 0.05 * np.random.default_rng(0).standard_normal(36)
    response = dose_response(series(1 / (1 + doses / 16) + noise), SETTINGS, seed=0)
    assert response.numbers["hill_slope"].high < 0
    assert response.numbers["rises_with_dose"].high < 0
    assert response.numbers["ec50_um"].value == pytest.approx(16, rel=0.2)


def test_single_wells_have_an_interval_of_the_ec50_alone() -> None:
    """It comes from the residuals; draws of wells within a dose need more than one."""
    doses = np.geomspace(1, 256, 9)
    response = dose_response(series(1 / (1 + 16 / doses) + 0.01 * np.cos(doses), replicates=1), SETTINGS, seed=0)
    ec50 = response.numbers["ec50_um"]
    assert ec50.value == pytest.approx(16, rel=0.2)
    assert ec50.low < ec50.value < ec50.high
    assert np.isnan([response.numbers["top"].low, response.numbers["top"].high]).all()


def test_three_doses_have_no_curve_and_still_a_trend() -> None:
    wells = pd.DataFrame({"concentration_um": np.repeat([1.0, 2.0, 4.0], 3), "on": np.arange(9.0)})
    response = dose_response(wells, SETTINGS, seed=0)
    assert response.fit is None
    assert np.isnan(response.numbers["delta_aicc_constant"].value)
    assert response.numbers["rises_with_dose"].value > 0.9


def test_numbers_depend_on_the_seed_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    for name in ("again", "other"):
        (tmp_path / name).mkdir()
        names = NAMES | {"seed": {"again": 0, "other": 1}[name]}
        write_dose_response(
            folder / "scores.parquet", folder / "raw.parquet", SETTINGS, **names, **outputs(tmp_path / name)
        )
    first, again, other = (
        read_table(outputs(path)["output"], NUMBERS) for path in (folder, tmp_path / "again", tmp_path / "other")
    )
    pd.testing.assert_frame_equal(first, again)
    pd.testing.assert_series_equal(first["value"], other["value"])
    assert not first["low"].equals(other["low"])


def test_a_screen_without_dose_series_says_so(folder: Path, tmp_path: Path) -> None:
    scores = read_table(folder / "scores.parquet", WELL_SCORES)
    write_table(scores[scores["control"] != "none"], tmp_path / "scores.parquet", WELL_SCORES)
    with pytest.raises(DoseResponseError, match="there is no dose series to fit"):
        write_dose_response(tmp_path / "scores.parquet", folder / "raw.parquet", SETTINGS, **NAMES, **outputs(tmp_path))
