"""Table 1: each task's number of this run beside the paper's, and nothing that belongs elsewhere."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gandl.config import FiguresSettings
from gandl.figures.common.labels import named_with
from gandl.figures.common.style import FigureError
from gandl.figures.tables.table_1 import BELOW, TASKS, write_table_1
from gandl.models.folds.manifest import FoldModel, Folds
from gandl.report.captions import zero_shot_note
from gandl.source.schemes import Question
from gandl.tables import NUMBERS, write_table
from table_rows import number_row

SETTINGS = FiguresSettings(dpi=50)
FEATURIZERS = ("gandl", "intensity")


COUNTERPARTS = ("gandl", "densenet161_arcface", "imagenet_collapsed", "imagenet_concatenated", "conv_ae", "cell_count")


def write_numbers(folder: Path, tasks: slice = slice(None), featurizers: tuple[str, ...] = FEATURIZERS) -> list[Path]:
    """Accuracies by image and by well of every task; other normalisations and metrics hold what must not be shown."""
    paths = []
    for i, featurizer in enumerate(featurizers):
        rows = []
        for j, task in enumerate(TASKS[tasks]):
            method = "unlabelled" if task.question == "controls" else "none"
            for unit, n in (("site", 400), ("well", 100)):
                value = 0.9 - 0.1 * i - 0.01 * j
                about = {"question": task.question, "featurizer": featurizer, "split": task.split, "unit": unit, "n": n}
                right = {"metric": "accuracy", "value": value, "low": value - 0.04, "high": value + 0.03}
                rows.append(number_row(**about, **right, normalization=method))
                rows.append(number_row(**about, **right | {"metric": "auc", "value": 0.1111}, normalization=method))
                rows.append(number_row(**about, **right | {"value": 0.2222}, normalization="mock"))
        paths.append(folder / f"{featurizer}.parquet")
        write_table(pd.DataFrame(rows), paths[-1], NUMBERS)
    return paths


def table(
    numbers: list[Path],
    repository: Path,
    folder: Path,
    word: str = "simulated",
    featurizers: tuple[str, ...] = FEATURIZERS,
    folds: Sequence[Path] = (),
    zero_shot: str = "",
) -> tuple[str, pd.DataFrame]:
    html, csv = folder / "table_1.html", folder / "table_1.csv"
    write_table_1(
        numbers,
        repository / "resources/paper_values.csv",
        featurizers=featurizers,
        normalization="unlabelled",
        settings=SETTINGS,
        html=html,
        csv=csv,
        folds=folds,
        zero_shot=zero_shot,
        word=word,
    )
    return html.read_text(encoding="utf-8"), pd.read_csv(csv, float_precision="round_trip")


def test_csv_holds_every_accuracy_of_a_task_and_no_other_number(tmp_path: Path, repository: Path) -> None:
    _, csv = table(write_numbers(tmp_path), repository, tmp_path)
    ours = csv[(csv["source"] == "this run") & csv["featurizer"].isin(FEATURIZERS)]
    assert len(ours) == len(TASKS) * len(FEATURIZERS) * 2
    expected = [0.9 - 0.1 * i - 0.01 * j for i in range(2) for j in range(len(TASKS)) for _ in range(2)]
    np.testing.assert_array_equal(ours["value"], expected)
    assert set(ours["images"]) == {"simulated"}
    assert csv.loc[csv["source"] == "paper", "images"].isna().all()


def test_all_five_columns_of_the_paper_are_there_each_beside_ours(tmp_path: Path, repository: Path) -> None:
    numbers = write_numbers(tmp_path, featurizers=COUNTERPARTS)
    with named_with("efficientnet_lite0"):
        page, csv = table(numbers, repository, tmp_path, featurizers=COUNTERPARTS)
    paper = csv[(csv["source"] == "paper") & (csv["task"] != TASKS[-1].label)]
    expected = {
        "GAN-DL": [0.914, 1.0, 0.9244, 0.9993],
        "Baseline": [0.9581, 1.0, 0.9928, 1.0],
        "ImageNet-collapsed": [0.6531, 0.8552, 0.8409, 0.8453],
        "ImageNet-concatenated": [0.7961, 1.0, 0.9024, 0.998],
        "ConvAE": [0.645, 0.998, 0.6841, 0.8289],
    }
    assert {name: part["value"].tolist() for name, part in paper.groupby("column", sort=False)} == expected
    ours = csv[csv["source"] == "this run"]
    assert ours.groupby("column", sort=False)["featurizer"].unique().map(list).to_dict() == {
        "GAN-DL": ["gandl"],
        "Baseline": ["densenet161_arcface"],
        "ImageNet-collapsed": ["imagenet_collapsed"],
        "ImageNet-concatenated": ["imagenet_concatenated"],
        "ConvAE": ["conv_ae"],
        BELOW: ["cell_count"],
    }
    assert ours["value"].notna().all()
    assert ">ImageNet-concatenated (EfficientNet-Lite0)</th>" in page
    assert "Empty cells" not in page
    assert page.count("≤ 87.68") == 3


def test_a_featurizer_of_the_paper_that_is_not_in_the_run_is_empty_with_the_reason(
    tmp_path: Path, repository: Path
) -> None:
    page, csv = table(write_numbers(tmp_path), repository, tmp_path)
    absent = csv[csv["reason"].notna()]
    assert set(absent["featurizer"]) == {"released", *COUNTERPARTS[2:5]}
    assert absent["value"].isna().all()
    assert set(absent["reason"]) == {"not in this run (embeddings.featurizers)"}
    reason = "Published embeddings, ImageNet-collapsed, ImageNet-concatenated, ConvAE: not in this run"
    assert f"Empty cells (–): {reason}" in page


def test_the_papers_values_stand_beside_in_percent(tmp_path: Path, repository: Path) -> None:
    page, csv = table(write_numbers(tmp_path), repository, tmp_path)
    paper = csv[(csv["source"] == "paper") & (csv["featurizer"] == "gandl")]
    assert paper["value"].tolist() == [0.914, 1.0, 0.9244, 0.9993, 0.9268]
    for reported in ("91.40", "100.00", "92.44", "99.93", "92.68"):
        assert f">{reported}</td>" in page


def test_each_cell_reports_value_interval_and_n(tmp_path: Path, repository: Path) -> None:
    page, _ = table(write_numbers(tmp_path), repository, tmp_path)
    cell = "<strong>90.0</strong><br><small>[86.0,&nbsp;93.0]</small><br><small>n = {}</small>"
    assert cell.format(400) in page
    assert cell.format(100) in page
    stubs = re.findall(r'<th[^>]*class="gt_row gt_left gt_stub"[^>]*>([^<]*)</th>', page)
    absent = ["Paper", "Published embeddings", "Paper", "ImageNet-collapsed", "Paper", "ImageNet-concatenated"]
    assert stubs == ["Paper", "GAN-DL, 512-d layer", *absent, "Paper", "ConvAE", "Channel intensities"]
    assert "11.1" not in page
    assert "22.2" not in page


def test_simulated_stands_in_title_and_notes_and_not_on_real_screens(tmp_path: Path, repository: Path) -> None:
    numbers = write_numbers(tmp_path)
    page, _ = table(numbers, repository, tmp_path)
    assert "Accuracy on the downstream tasks (%), simulated" in page
    assert "<b>simulated</b> images; they are not comparable with the paper's" in page
    page, csv = table(numbers, repository, tmp_path, word="")
    assert "simulated" not in page
    assert "images" not in csv.columns


def test_notes_say_which_featurizers_are_not_zero_shot_and_how_many_models_did_not_converge(
    tmp_path: Path, repository: Path
) -> None:
    models = [
        FoldModel(
            **{"scheme": "quarter", "fold": str(i), "file": f"{i}.safetensors", "sha256": "", "key": "", "images": 640},
            **{"best_at_last_look": i < late, "validation_accuracy": 0.5, "training_wells": 8, "validation_wells": 2},
        )
        for late in (2, 0)
        for i in range(3)
    ]
    manifests = [tmp_path / "controls.json", tmp_path / "cell_type.json"]
    for path, question, part in zip(manifests, ("controls", "cell_type"), (models[:3], models[3:]), strict=True):
        Folds(question=Question(question), pretrained="", folds=tuple(part)).write(path)
    numbers = write_numbers(tmp_path, featurizers=COUNTERPARTS)
    zero_shot = zero_shot_note(COUNTERPARTS, "rxrx19a")
    page, _ = table(numbers, repository, tmp_path, featurizers=COUNTERPARTS, folds=manifests, zero_shot=zero_shot)
    assert "ImageNet-collapsed, not converged: 2 of 6 models were best at their last look" in page
    assert zero_shot in page
    page, _ = table(numbers, repository, tmp_path, featurizers=COUNTERPARTS, folds=manifests[1:])
    assert "converged" not in page
    assert ", zero-shot" not in page, "no task is called so for all featurizers"


def test_a_task_that_was_not_requested_is_a_dash(tmp_path: Path, repository: Path) -> None:
    page, csv = table(write_numbers(tmp_path, slice(0, 2)), repository, tmp_path)
    known = csv[(csv["source"] == "this run") & csv["value"].notna()]
    assert set(known["task"]) == {task.label for task in TASKS[:2]}
    assert set(csv.loc[csv["featurizer"].isin(FEATURIZERS), "reason"].dropna()) == {"task not evaluated in this run"}
    row = page[page.index(">Channel intensities</th>") :]
    assert row[: row.index("</tr>")].count(">–</td>") == 2 * len(TASKS[2:])


def test_page_loads_nothing_from_elsewhere_and_is_the_same_each_time(tmp_path: Path, repository: Path) -> None:
    numbers = write_numbers(tmp_path)
    page, _ = table(numbers, repository, tmp_path)
    assert not re.search(r"https?://|//[a-z]+\.|@import|url\(|<script|<link|<img|\bsrc=|\bhref=", page)
    assert page == table(numbers, repository, tmp_path)[0]


def test_numbers_that_answer_no_task_are_refused(tmp_path: Path, repository: Path) -> None:
    path = tmp_path / "numbers.parquet"
    write_table(pd.DataFrame([number_row(split="leave_plate_out:HRCE", metric="z_prime")]), path, NUMBERS)
    with pytest.raises(FigureError, match=r"no number answers any of C\+ versus C−"):
        table([path], repository, tmp_path)
