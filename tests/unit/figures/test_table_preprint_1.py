"""Table 1 of the preprint: its four tasks by its three columns, ours beside each value."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from gandl.config import FiguresSettings
from gandl.figures.common.style import FigureError
from gandl.figures.tables.preprint_table_1 import OF_PREPRINT, cells, write_preprint_table_1
from gandl.tables import NUMBERS, write_table
from table_rows import number_row

FEATURIZERS = ["gandl", "gandl_blocks", "densenet161_arcface", "imagenet_collapsed", "intensity"]
PRINTED = {
    "GAN-DL": ["91.40", "100.00", "92.44", "99.93"],
    "Baseline": ["95.81", "100.00", "99.28", "100.00"],
    "ImageNet pre-trained CNN": ["65.31", "85.52", "84.09", "84.53"],
}
"""As the preprint prints them, by column, from above downwards."""


def written(
    folder: Path, repository: Path, tasks: slice = slice(None), metric: str = "accuracy"
) -> tuple[str, pd.DataFrame]:
    rows = [
        number_row(
            question=task.question,
            split=task.split,
            normalization="unlabelled" if task.question == "controls" else "none",
            featurizer=name,
            unit=unit,
            metric=metric,
            value=0.9 - 0.1 * place,
            low=0.3,
            high=0.99,
        )
        for place, name in enumerate(FEATURIZERS)
        for task in OF_PREPRINT[tasks]
        for unit in ("site", "well")
    ]
    write_table(pd.DataFrame(rows, columns=NUMBERS.names), folder / "numbers.parquet", NUMBERS)
    html, csv = folder / "table.html", folder / "table.csv"
    write_preprint_table_1(
        [folder / "numbers.parquet"],
        repository / "resources/paper_values.csv",
        featurizers=FEATURIZERS,
        drawn="gandl",
        normalization="unlabelled",
        settings=FiguresSettings(),
        html=html,
        csv=csv,
        word="simulated",
    )
    return html.read_text(encoding="utf-8"), pd.read_csv(csv, keep_default_na=False, na_values=[""])


def test_every_value_that_the_preprint_prints_stands_beside_ours(tmp_path: Path, repository: Path) -> None:
    page, data = written(tmp_path, repository)
    table = cells(data.fillna({"reason": ""}))
    assert len(table) == 4
    for column, values in PRINTED.items():
        assert list(table[f"{column}:paper"]) == values
    ours = data[data["source"] == "this run"]
    assert set(ours["featurizer"]) == {"gandl", "densenet161_arcface", "imagenet_collapsed"}
    assert (ours["images"] == "simulated").all()
    assert data.loc[data["source"] == "paper", "images"].isna().all()
    assert "not comparable with the preprint" in page
    assert "GAN-DL, 512-d layer" in page
    assert "blocks" not in page


def test_a_task_that_was_not_evaluated_is_empty_with_its_reason(tmp_path: Path, repository: Path) -> None:
    page, data = written(tmp_path, repository, slice(0, 2))
    assert "task not evaluated in this run" in page
    empty = data[(data["source"] == "this run") & data["value"].isna()]
    assert set(empty["task"]) == {task.label for task in OF_PREPRINT[2:]}


def test_nothing_to_show_is_one_sentence(tmp_path: Path, repository: Path) -> None:
    with pytest.raises(FigureError, match="no number answers any of"):
        written(tmp_path, repository, metric="auc")
