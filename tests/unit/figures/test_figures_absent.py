"""A figure whose answer is missing says so on its page; any other error of drawing is one, as ever."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from gandl.config import FiguresSettings
from gandl.evaluation.missing.answers import Missing, write_missing
from gandl.evaluation.terms import TREATMENTS
from gandl.figures.common.absent import draw_or_say
from gandl.figures.common.style import FigureError
from gandl.figures.plate import draw_plate
from gandl.figures.tables.table_treatments import write_table_treatments
from gandl.tables import WELL_SCORES

SETTINGS = FiguresSettings()
ABOUT = Missing("scores", "gandl", "unlabelled", "feature_2 in row 4 is not a finite number")


def test_a_figure_without_scores_says_why(tmp_path: Path) -> None:
    scores = tmp_path / "scores.parquet"
    write_missing(scores, WELL_SCORES, ABOUT)
    files = {name: tmp_path / f"figure.{name}" for name in ("svg", "png", "csv")}
    call = partial(
        draw_plate, scores, featurizer="gandl", scheme="leave_plate_out", settings=SETTINGS, word="simulated", **files
    )
    with pytest.raises(FigureError):
        call()
    draw_or_say(call, [scores], files, SETTINGS, "simulated")
    said = pd.read_csv(files["csv"])
    assert said["missing"].tolist() == [
        "Not drawn, since this was not evaluated: feature_2 in row 4 is not a finite number"
    ]
    assert said["images"].tolist() == ["simulated"]
    assert files["png"].stat().st_size > 1000
    assert "not a finite" in files["svg"].read_text(encoding="utf-8") or files["svg"].stat().st_size > 1000


def test_a_table_without_treatments_says_why(tmp_path: Path) -> None:
    scores, treatments = tmp_path / "scores.parquet", tmp_path / "treatments.parquet"
    write_missing(scores, WELL_SCORES, ABOUT)
    write_missing(treatments, TREATMENTS, ABOUT)
    files = {"html": tmp_path / "t.html", "csv": tmp_path / "t.csv", "wells": tmp_path / "wells.csv"}
    call = partial(
        write_table_treatments,
        {"gandl": treatments},
        scores,
        featurizer="gandl",
        confidence=0.95,
        false_discovery=0.05,
        settings=SETTINGS,
        **files,
    )
    draw_or_say(call, [[treatments], scores], files, SETTINGS)
    assert all(path.is_file() for path in files.values())


def test_an_error_of_drawing_is_one_where_no_answer_is_missing(tmp_path: Path) -> None:
    def fails() -> None:
        raise KeyError("a defect")

    with pytest.raises(KeyError, match="a defect"):
        draw_or_say(partial(fails), [tmp_path / "a.csv"], {}, SETTINGS)


def test_featurizers_without_an_answer_are_left_out_where_others_have_one(tmp_path: Path) -> None:
    lost, good = tmp_path / "lost.parquet", tmp_path / "good.parquet"
    write_missing(lost, WELL_SCORES, ABOUT)
    pd.DataFrame({"a": [1]}).to_parquet(good)
    drawn: list[list[str]] = []

    def draws(files: dict[str, Path]) -> None:
        drawn.append(list(files))

    draw_or_say(partial(draws, files={"gandl": good, "intensity": lost}), [[good, lost]], {}, SETTINGS)
    draw_or_say(partial(draws, files={"intensity": lost}), [[lost]], {}, SETTINGS)
    assert drawn == [["gandl"], ["intensity"]]
