"""What the screening promises, measured on simulated scores: coverage of EC50s, false hits, look-alikes, power."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from gandl.config import EvaluationSettings
from gandl.evaluation.screening.score_curves import _drawn, write_score_curves
from gandl.statistics.bootstrap import wilson_interval
from gandl.tables import NUMBERS, read_table

ALL = "score_curves:all"


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """A sixth of what a run takes."""
    path = tmp_path_factory.mktemp("calibration") / "score_curves.parquet"
    write_score_curves(EvaluationSettings(score_curves=240, bootstrap=200), seed=0, output=path)
    return read_table(path, NUMBERS).set_index(["split", "metric"])


def value(numbers: pd.DataFrame, split: str, metric: str) -> float:
    return float(numbers.loc[(split, metric), "value"])


def test_intervals_of_ec50s_hold_the_truth_as_often_as_they_say(numbers: pd.DataFrame) -> None:
    row = numbers.loc[(ALL, "ec50_interval_coverage")]
    assert 0.92 <= row["value"] <= 0.99
    assert row["n"] > 120
    assert value(numbers, ALL, "ec50_log10_error") < 0.25
    assert abs(value(numbers, ALL, "ec50_log10_bias")) < 0.05


def test_coverage_says_how_much_of_it_is_of_open_intervals(numbers: pd.DataFrame) -> None:
    """Of all found ones: the closed and the open ones together are the coverage that stands first."""
    of_all = numbers.loc[ALL]
    found, is_open = of_all.loc["ec50_interval_coverage"], of_all.loc["ec50_interval_open_share"]
    closed = of_all.loc["ec50_closed_interval_coverage"]
    assert found["n"] == is_open["n"] == closed["n"] + round(is_open["value"] * is_open["n"])
    assert closed["value"] * closed["n"] <= found["value"] * found["n"]
    assert closed["value"] == pytest.approx(0.93, abs=0.07), "docs/decisions.md"
    assert is_open["value"] == pytest.approx(0.71, abs=0.1), "docs/decisions.md"
    assert 0.2 < of_all.loc["ec50_interval_decades", "value"] < 2
    assert of_all.loc["ec50_interval_decades", "n"] == closed["n"]


@pytest.mark.parametrize("noise", ["", "treated noise 1.5", "tails of t with 5 degrees of freedom"])
def test_inactive_compounds_are_hardly_called_whatever_the_noise(numbers: pd.DataFrame, noise: str) -> None:
    null = numbers.loc["score_curves:nothing active" + (f", {noise}" if noise else "")]
    assert null.loc["hit_false_positive_rate", "n"] == 480
    assert null.loc["hit_false_positive_rate", "high"] <= 0.07
    assert value(numbers, f"score_curves:{noise or 'all'}", "hit_false_discovery_rate") <= 0.07


def test_where_nothing_is_active_hardly_a_screen_has_a_hit(numbers: pd.DataFrame) -> None:
    """12 screens: two hits are 5 % within chance; heavy tails have more, as docs/decisions.md says."""
    for noise in ("", ", treated noise 1.5"):
        assert value(numbers, f"score_curves:nothing active{noise}", "screens_with_hit") <= 2 / 12
    assert value(numbers, ALL, "null_p_below") == pytest.approx(0.05, abs=0.015)
    assert value(numbers, "score_curves:treated noise 1.5", "null_p_below") == pytest.approx(0.05, abs=0.02)


def test_look_alikes_would_be_hits_without_the_test_of_toxicity(numbers: pd.DataFrame) -> None:
    of_all = numbers.loc[ALL, "value"]
    assert of_all["look_alikes_above_controls"] > 0.97
    assert of_all["look_alikes_as_hits_unflagged"] == pytest.approx(0.20, abs=0.1), "docs/decisions.md"
    assert of_all["look_alikes_flagged"] == pytest.approx(0.80, abs=0.1), "docs/decisions.md"
    assert of_all["rescues_flagged_toxic"] < 0.02
    assert of_all["rescues_flagged_biphasic"] < 0.02


def test_the_farther_look_alikes_go_the_more_are_flagged(numbers: pd.DataFrame) -> None:
    shares = [
        value(numbers, f"score_curves:harm of {low} to {high} deviations", "look_alikes_flagged")
        for low, high in ((1, 2), (2, 4), (4, 6))
    ]
    assert shares[0] < shares[1] < shares[2]
    assert shares == pytest.approx([0.46, 0.78, 0.96], abs=0.2), "docs/decisions.md"
    counts = [
        numbers.loc[(f"score_curves:harm of {name} deviations", "look_alikes_flagged"), "n"]
        for name in ("1 to 2", "2 to 4", "4 to 6")
    ]
    assert sum(counts) == numbers.loc[(ALL, "look_alikes_flagged"), "n"]


def test_intervals_of_shares_draw_screens_whose_compounds_share_controls() -> None:
    """Half of the screens have all their doses below, the others none: the interval is not that of independent doses."""
    of_screens = [pd.Series([place % 2 == 0] * 100) for place in range(10)]
    row = _drawn("split", "treatment", "null_p_below", of_screens, EvaluationSettings(bootstrap=500), 0)
    assert (row["value"], row["n"]) == (0.5, 1000)
    assert row["high"] - row["low"] > 0.5
    alike = _drawn("split", "treatment", "null_p_below", [pd.Series([True, False])] * 10, EvaluationSettings(), 0)
    assert (alike["low"], alike["high"]) == wilson_interval(10, 20, 0.95)


def test_power_grows_with_replicates_and_with_the_effect(numbers: pd.DataFrame) -> None:
    def recall(replicates: int, effect: int) -> float:
        return float(
            numbers.loc[(f"score_curves:power, {replicates} replicates, {effect} deviations", "recall"), "value"]
        )

    assert recall(1, 2) < recall(2, 2) < recall(4, 2) < recall(8, 2)
    assert recall(4, 1) < recall(4, 2) < recall(4, 3)
    assert recall(8, 3) > 0.99
    assert recall(4, 2) == pytest.approx(0.72, abs=0.12), "docs/decisions.md"


def test_numbers_depend_on_the_seed_alone(tmp_path: Path) -> None:
    settings = EvaluationSettings(score_curves=40, bootstrap=50)
    for name, seed in (("first", 1), ("again", 1), ("other", 2)):
        write_score_curves(settings, seed=seed, output=tmp_path / name)
    first, again, other = (read_table(tmp_path / name, NUMBERS) for name in ("first", "again", "other"))
    pd.testing.assert_frame_equal(first, again)
    assert not first["value"].equals(other["value"])
