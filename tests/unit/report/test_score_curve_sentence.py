"""The sentence on the run's check of EC50s and hits: its numbers are those of the table, and it is absent where that is."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gandl.config import EvaluationSettings
from gandl.evaluation.screening.score_curves import write_score_curves
from gandl.report.findings import score_curve_sentences
from gandl.tables import NUMBERS, read_table


def test_the_sentence_says_what_the_table_says(tmp_path: Path) -> None:
    write_score_curves(EvaluationSettings(score_curves=40, bootstrap=50), seed=0, output=tmp_path / "curves.parquet")
    numbers = read_table(tmp_path / "curves.parquet", NUMBERS)
    (said,) = score_curve_sentences(numbers)
    assert "simulated scores" in said
    rows = numbers[numbers["split"] == "score_curves:all"].set_index("metric")
    assert "normal noise, equal in treated and control wells" in said
    for metric in ("ec50_found", "ec50_interval_coverage", "ec50_interval_open_share", "hit_false_positive_rate"):
        assert f"{100 * rows.loc[metric, 'value']:.1f} %" in said
        assert f"(n = {rows.loc[metric, 'n']:,})" in said


def test_without_the_check_nothing_is_said() -> None:
    assert score_curve_sentences(pd.DataFrame(columns=NUMBERS.names)) == []
