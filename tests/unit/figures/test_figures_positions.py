"""Places on the plate: medians of wells by position, where controls stand, and the question's numbers as they are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from figure_inputs import outputs, write_scores
from gandl.config import FiguresSettings
from gandl.embeddings.metadata import write_features
from gandl.figures.common.style import FigureError, style
from gandl.figures.positions import draw_positions, positions_figure, verdict
from gandl.tables import NUMBERS, WELL_PROFILES, WELL_SCORES, read_table, write_table
from table_rows import number_row, well_row

SETTINGS = FiguresSettings(dpi=50)


def write_layout_numbers(path: Path, cell_type: str = "U2OS", places: tuple[str, ...] = ("row", "edge")) -> Path:
    rows = []
    for method in ("none", "unlabelled"):
        for place in places:
            metric = {"edge": "leak_auc", "same_position": "leak_map"}.get(place, "leak_accuracy")
            values = {
                metric: 0.7,
                f"{metric}_chance": 0.4,
                f"{metric}_p": 0.002,
                "leak_p": 0.3,
                "leak_confounded_p": 0.04,
            }
            for name, value in values.items():
                ends = {"low": 0.3, "high": 0.5} if name.endswith("chance") else {"low": np.nan, "high": np.nan}
                about = {"question": "layout", "split": f"{place}:{cell_type}", "normalization": method}
                rows.append(number_row(**about, metric=name, value=value, **ends, featurizer="gandl"))
    write_table(pd.DataFrame(rows, columns=NUMBERS.names), path, NUMBERS)
    return path


def drawn(folder: Path, **changes: object) -> pd.DataFrame:
    paths = outputs(folder, "figure_s_layout")
    scores = write_scores(folder)
    numbers = write_layout_numbers(folder / "layout.parquet")
    about = {"featurizer": "gandl", "scheme": "leave_row_out", "confidence": 0.95} | changes
    draw_positions(scores, numbers, **about, settings=SETTINGS, word="simulated", **paths)  # type: ignore[arg-type]
    return pd.read_csv(paths["csv"], float_precision="round_trip")


def test_a_position_shows_its_well_unless_that_is_a_control(tmp_path: Path) -> None:
    data = drawn(tmp_path)
    scores = read_table(tmp_path / "scores.parquet", WELL_SCORES)
    joined = data[data["panel"] == "on"].merge(scores, on=["row", "column"], suffixes=("", "_scored"))
    assert len(joined) == 96
    treated = joined["control"] == "none"
    assert (joined.loc[treated, "value"] == joined.loc[treated, "on"]).all()
    assert joined.loc[~treated, "value"].isna().all()
    for kind in ("positive", "negative"):
        assert (joined[kind] == (joined["control"] == kind)).all()
        with style(SETTINGS):
            panel = positions_figure(data, confidence=0.95).axes[0]
        (marks,) = [line for line in panel.lines if line.get_gid() == kind]
        assert len(marks.get_xdata()) == (scores["control"] == kind).sum()


def test_nuclei_are_medians_over_plates_of_all_wells(tmp_path: Path) -> None:
    rows = []
    for plate in (1, 2):
        for row in "ABCDEFGH":
            rows += [well_row("BBBC013", plate, f"{row}{column:02d}", cell_type="U2OS") for column in range(1, 13)]
    wells = pd.DataFrame(rows).assign(feature_0=1.0, feature_1=[10.0] * 96 + [30.0] * 96)
    path = tmp_path / "cell_count.parquet"
    write_features(wells, path, WELL_PROFILES, {"feature_names": json.dumps(["other", "nucleus_count"])})
    data = drawn(tmp_path, nuclei=[path])
    nuclei = data[data["panel"] == "nuclei"]
    assert len(nuclei) == 96
    assert (nuclei["value"] == 20.0).all()
    assert (nuclei["wells"] == 2).all()


def test_places_are_the_numbers_of_the_question_with_chance_beside(tmp_path: Path) -> None:
    data = drawn(tmp_path)
    places = data[data["panel"] == "place predicted"]
    assert set(zip(places["place"], places["normalization"], strict=True)) == {
        (place, method) for place in ("row", "edge") for method in ("none", "unlabelled")
    }
    assert (places[["value", "chance", "low", "high"]] == [0.7, 0.4, 0.3, 0.5]).all(axis=None)
    with style(SETTINGS):
        axes = positions_figure(data, confidence=0.95).axes
    texts = [text.get_text() for one in axes for text in one.texts]
    assert texts.count("predicts the label") == 4


@pytest.mark.parametrize(
    ("leak", "confounded", "p", "words"),
    [
        (0.04, 0.001, 0.001, "leaks the label"),
        (0.06, 0.05, 0.001, "predicts the label"),
        (0.06, 0.06, 0.0004, "p < 0.001"),
        (np.nan, np.nan, 0.25, "p = 0.250"),
        (np.nan, np.nan, np.nan, "not tested"),
    ],
)
def test_a_place_is_called_by_its_adjusted_p(leak: float, confounded: float, p: float, words: str) -> None:
    assert verdict(pd.Series({"leak_p": leak, "leak_confounded_p": confounded, "p": p}), 0.05) == words


def test_a_question_without_any_place_gives_one_sentence(tmp_path: Path) -> None:
    numbers = write_layout_numbers(tmp_path / "empty.parquet", places=("same_position",))
    with pytest.raises(FigureError, match="tested no place"):
        draw_positions(
            write_scores(tmp_path),
            numbers,
            featurizer="gandl",
            scheme="leave_row_out",
            confidence=0.95,
            settings=SETTINGS,
            **outputs(tmp_path, "x"),
        )
