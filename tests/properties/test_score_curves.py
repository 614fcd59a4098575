"""What the screening promises, measured on simulated scores: coverage of EC50s, false hits, look-alikes, power."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from gandl.config import EvaluationSettings
from gandl.evaluation.screening.score_curves import write_score_curves
from gandl.tables import NUMBERS, read_table

ALL = "score_curves:all"


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """A sixth of what a run takes."""
    path = tmp_path_factory.mktemp("calibration") / "score_curves.parquet"
    write_score_curves(EvaluationSettings(score_curves=240, bootstrap=200), seed=0, output=path)
    return read_table(path, NUMBERS).set_index(["split", "metric"])


def test_intervals_of_ec50s_hold_the_truth_as_often_as_they_say(numbers: pd.DataFrame) -> None:
    row = numbers.loc[(ALL, "ec50_interval_coverage")]
    assert 0.92 <= row["value"] <= 0.98
    assert row["n"] > 120
    assert numbers.loc[(ALL, "ec50_log10_error"), "value"] < 0.25
    assert abs(numbers.loc[(ALL, "ec50_log10_bias"), "value"]) < 0.05


def test_inactive_compounds_are_hardly_called_and_the_share_of_false_hits_is_as_stated(numbers: pd.DataFrame) -> None:
    for split in (ALL, "score_curves:nothing active"):
        row = numbers.loc[(split, "hit_false_positive_rate")]
        assert row["high"] <= 0.07
        assert row["n"] >= 480
    assert numbers.loc[(ALL, "hit_false_discovery_rate"), "value"] <= 0.06
    assert numbers.loc[("score_curves:nothing active", "screens_with_hit"), "low"] <= 0.05
    assert numbers.loc[(ALL, "null_p_below"), "value"] == pytest.approx(0.05, abs=0.02)


def test_look_alikes_would_be_hits_without_the_test_of_toxicity(numbers: pd.DataFrame) -> None:
    of_all = numbers.loc[ALL, "value"]
    assert of_all["look_alikes_above_controls"] > 0.6
    assert of_all["look_alikes_as_hits"] < of_all["look_alikes_above_controls"] / 2
    assert of_all["look_alikes_flagged"] > 0.6
    assert of_all["rescues_flagged_toxic"] < 0.1
    assert of_all["rescues_flagged_biphasic"] < 0.02


def test_power_grows_with_replicates_and_with_the_effect(numbers: pd.DataFrame) -> None:
    def recall(replicates: int, effect: int) -> float:
        return float(
            numbers.loc[(f"score_curves:power, {replicates} replicates, {effect} deviations", "recall"), "value"]
        )

    assert recall(1, 2) < recall(2, 2) < recall(4, 2) < recall(8, 2)
    assert recall(4, 1) < recall(4, 2) < recall(4, 3)
    assert recall(8, 3) > 0.99


def test_numbers_depend_on_the_seed_alone(tmp_path: Path) -> None:
    settings = EvaluationSettings(score_curves=40, bootstrap=50)
    for name, seed in (("first", 1), ("again", 1), ("other", 2)):
        write_score_curves(settings, seed=seed, output=tmp_path / name)
    first, again, other = (read_table(tmp_path / name, NUMBERS) for name in ("first", "again", "other"))
    pd.testing.assert_frame_equal(first, again)
    assert not first["value"].equals(other["value"])
