"""The strict protocol's table: every number of left-out wells beside the paper's split, and differences as they were compared."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gandl.config import FiguresSettings
from gandl.evaluation.terms import COMPARISONS
from gandl.figures.common.style import FigureError
from gandl.figures.tables.table_s_strict import matrices, strict_numbers, write_table_s_strict
from gandl.tables import NUMBERS, write_table
from table_rows import number_row

SETTINGS = FiguresSettings(dpi=50)
FEATURIZERS = ["gandl", "imagenet_collapsed", "intensity"]
TEMPLATES = Path(__file__).resolve().parents[3] / "src/gandl/figures/tables/templates"
SPLITS = [
    ("quarter:all", "site"),
    ("leave_plate_out:HRCE", "well"),
    ("leave_plate_out:VERO", "well"),
    ("cross_cell_type:VERO", "well"),
]


def numbers() -> pd.DataFrame:
    """AUC and accuracy of every featurizer; `imagenet_collapsed` has none across cell types."""
    rows = []
    for place, name in enumerate(FEATURIZERS):
        for split, unit in SPLITS:
            if name != "imagenet_collapsed" or split != "cross_cell_type:VERO":
                for metric, value in (("auc", 0.9), ("accuracy", 0.8), ("z_prime_lda", 0.1), ("permutation_p", 0.012)):
                    about = {"featurizer": name, "split": split, "unit": unit, "metric": metric}
                    rows.append(number_row(**about, value=value - 0.1 * place, low=0.5, high=0.95))
        rows.append(
            number_row(featurizer=name, split="leave_plate_out:HRCE", metric="auc", normalization="mock", value=0.01)
        )
    rows.append(number_row(featurizer="nuclear_over_ring", split="leave_plate_out:HRCE", metric="auc"))
    return pd.DataFrame(rows)


def comparisons(path: Path) -> Path:
    rows = []
    for name, p in (("gandl", 0.001), ("imagenet_collapsed", 0.9)):
        about = {"question": "controls", "split": "leave_plate_out:HRCE", "unit": "well", "metric": "auc_difference"}
        ends = {"value": 0.21, "low": 0.11, "high": 0.31, "p": p, "p_holm": p, "drawn": "plate", "units": 6}
        rows.append(number_row(**about, featurizer=name) | ends | {"against": "intensity"})
    write_table(pd.DataFrame(rows)[COMPARISONS.names], path, COMPARISONS)
    return path


def written(folder: Path, table: pd.DataFrame, paired: bool = True) -> tuple[str, pd.DataFrame]:
    write_table(table, folder / "numbers.parquet", NUMBERS)
    html, csv = folder / "table.html", folder / "table.csv"
    write_table_s_strict(
        [folder / "numbers.parquet"],
        [comparisons(folder / "floors.parquet")] if paired else [],
        [TEMPLATES / "strict.html.jinja", TEMPLATES / "page.css.jinja"],
        featurizers=FEATURIZERS,
        normalization="unlabelled",
        confidence=0.95,
        settings=SETTINGS,
        html=html,
        csv=csv,
        word="simulated",
    )
    return html.read_text(encoding="utf-8"), pd.read_csv(csv)


def test_the_page_shows_every_set_with_floors_marked_and_needs_nothing_else(tmp_path: Path) -> None:
    page, data = written(tmp_path, numbers())
    assert not re.search(r"""\b(?:src|href)=|url\(|<script|https?://""", page)
    assert '<span class="badge">simulated</span>' in page
    assert page.count("<small>floor</small>") == 1
    for words in (
        "HRCE: plates left out",
        "VERO: plates left out",
        "paper’s split",
        "VERO: a whole cell type held out",
    ):
        assert words in page, words
    assert "0.010" not in page, "another normalisation than the run's own"
    assert (data["images"] == "simulated").all()
    assert set(data["metric"].dropna()) == {"auc", "accuracy", "permutation_p", "auc_difference"}


def test_a_cell_without_a_number_says_why(tmp_path: Path) -> None:
    page, data = written(tmp_path, numbers())
    reason = "not trained for a left-out cell type"
    assert reason in page
    assert list(data.loc[data["reason"] == reason, "featurizer"]) == ["imagenet_collapsed"]


def test_the_highest_of_a_column_is_marked(tmp_path: Path) -> None:
    table = strict_numbers(numbers(), FEATURIZERS, "unlabelled")
    (matrix,) = matrices(table, FEATURIZERS)
    assert len(matrix.headings) == len(SPLITS)
    assert [heading.partition(",")[0] for _, heading in matrix.headings] == ["accuracy", "AUC", "AUC", "AUC"]
    for name, floor, cells in matrix.rows:
        assert floor is (name == "Channel intensities")
        assert all(best is (name == "GAN-DL, 512-d layer") for value, _, best in cells if value != "–")
    assert matrix.rows[0][2][1][:2] == ("0.900", "[0.500, 0.950]")


def test_differences_are_called_by_holms_p(tmp_path: Path) -> None:
    page, data = written(tmp_path, numbers())
    assert page.count('<span class="good">above</span></td>') == 1
    differences = data[data["part"] == "difference"]
    assert list(differences["p_holm"]) == [0.001, 0.9]
    assert (differences["against"] == "intensity").all()
    without, _ = written(tmp_path, numbers(), paired=False)
    assert "Paired differences" not in without


def test_numbers_of_the_papers_split_alone_are_refused(tmp_path: Path) -> None:
    table = numbers()
    with pytest.raises(FigureError, match="no number is of wells that were left out as a whole"):
        written(tmp_path, table[table["split"] == "quarter:all"])


def test_values_of_permuted_labels_stand_in_a_table_of_their_own(tmp_path: Path) -> None:
    table = numbers()
    table.loc[table["metric"] == "permutation_p", "value"] = [0.2, np.nan, 0.03] + [0.5] * (
        (table["metric"] == "permutation_p").sum() - 3
    )
    page, _ = written(tmp_path, table)
    part = page.partition("Permuted labels</h2>")[2].partition("</table>")[0]
    assert re.findall(r"<td>(.*?)</td>", part)[:4] == ["0.20", "–", "0.030", "0.50"]
