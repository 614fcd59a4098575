"""Table 1 of the paper: accuracy on the downstream tasks, ours and the paper's, image by image and well by well.

Takes the numbers of the questions `controls`, `cell_model` and `cell_type` of every featurizer and the reference values; makes
table_1 (Mascolini et al. 2022, Table 1; its last row is the zero-shot accuracy of their Fig. 5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from great_tables import GT, html as markup, loc, style

from gandl.config import FiguresSettings
from gandl.figures.common.labels import featurizer_label, fixed
from gandl.figures.common.style import FigureError, write_csv
from gandl.tables import NUMBERS, read_table
from gandl.workflow.files import atomic

MISSING = "–"
PAPER = "Paper"


@dataclass(frozen=True)
class Task:
    """One row of the table: what is distinguished, and where its number is found."""

    label: str
    dataset: str
    question: str
    split: str


TASKS = (
    Task("C+ versus C−", "rxrx19a", "controls", "quarter:all"),
    Task("HRCE versus VERO", "rxrx19a", "cell_model", "quarter:all"),
    Task("C+ versus C− (HRCE only)", "rxrx19a", "controls", "quarter_by_cell_type:HRCE"),
    Task("C+ versus C− (VERO only)", "rxrx19a", "controls", "quarter_by_cell_type:VERO"),
    Task("Four cell types of RxRx1, zero-shot", "rxrx1", "cell_type", "quarter:all"),
)
UNITS = {"site": "by image", "well": "by well"}
COLUMNS = ["task", "dataset", "question", "split", "featurizer", "unit", "value", "low", "high", "n", "source"]


def write_table_1(
    numbers: Iterable[Path],
    reference: Path,
    *,
    featurizers: Sequence[str],
    normalization: str,
    settings: FiguresSettings,
    html: Path,
    csv: Path,
    word: str = "",
    confidence: float = 0.95,
) -> None:
    """Write the table as one HTML file that needs nothing else, and as CSV.

    Parameters
    ----------
    numbers : tables of `tables.NUMBERS` that hold the tasks.
    reference : `resources/paper_values.csv`.
    featurizers : in the order of the columns.
    normalization : under which C+ is held against C-; cell types take raw profiles.
    word : such as "simulated"; it stands in the title, the notes and, beside this run's numbers, a column of the CSV.
    confidence : coverage of the intervals, as evaluated.
    html, csv : files to write; the CSV is tidy and at full precision.

    Raises
    ------
    FigureError : no number answers any of the tasks.
    """
    ours = pd.concat([read_table(Path(path), NUMBERS) for path in numbers], ignore_index=True)
    data = table_data(ours, pd.read_csv(reference), featurizers, normalization)
    with atomic(Path(html)) as partial:
        partial.write_text(table_page(data, settings, word, confidence), encoding="utf-8")
    write_csv(data.assign(images=np.where(data["source"] == "this run", word, "")) if word else data, csv)


def table_data(
    ours: pd.DataFrame, reference: pd.DataFrame, featurizers: Sequence[str], normalization: str
) -> pd.DataFrame:
    """The tidy table: ours (source `this run`) by task, featurizer and unit, and the paper's (source `paper`)."""
    rows: list[dict[str, Any]] = []
    for task in TASKS:
        method = normalization if task.question == "controls" else "none"
        mine = ours[
            (ours["question"] == task.question)
            & (ours["split"] == task.split)
            & (ours["metric"] == "accuracy")
            & (ours["normalization"] == method)
        ]
        rows += [_row(task, row, "this run") for row in mine.to_dict("records") if row["featurizer"] in featurizers]
        known = reference[
            (reference["dataset"] == task.dataset)
            & (reference["question"] == task.question)
            & (reference["split"] == task.split)
            & (reference["metric"] == "accuracy")
        ]
        rows += [_row(task, row, "paper") for row in known.to_dict("records")]
    table = pd.DataFrame(rows, columns=COLUMNS)
    if not (table["source"] == "this run").any():
        raise FigureError(f"no number answers any of {', '.join(task.label for task in TASKS)}")
    return table


def _row(task: Task, row: Mapping[Any, Any], source: str) -> dict[str, Any]:
    values = {name: row.get(name) for name in ("featurizer", "unit", "value", "low", "high", "n")}
    return {
        "task": task.label,
        **{k: getattr(task, k) for k in ("dataset", "question", "split")},
        **values,
        "source": source,
    }


def table_page(data: pd.DataFrame, settings: FiguresSettings, word: str, confidence: float) -> str:
    """A whole HTML page of the tidy table; the same bytes for the same table."""
    ours, paper = data[data["source"] == "this run"], data[data["source"] == "paper"]
    featurizers = list(dict.fromkeys(ours["featurizer"]))
    rows = []
    for task in dict.fromkeys(data["task"]):
        of_paper = paper[(paper["task"] == task) & (paper["featurizer"] == "gandl")]
        cells = {"task": task, PAPER: f"{100 * of_paper['value'].iloc[0]:.2f}" if len(of_paper) else MISSING}
        for featurizer in featurizers:
            for unit in UNITS:
                mine = ours[(ours["task"] == task) & (ours["featurizer"] == featurizer) & (ours["unit"] == unit)]
                cells[f"{featurizer}:{unit}"] = _cell(mine.iloc[0]) if len(mine) else MISSING
        rows.append(cells)
    wide = pd.DataFrame(rows)
    columns = [name for name in wide.columns if ":" in name]
    table = GT(wide, rowname_col="task", id="table_1")
    for featurizer in featurizers:
        inside = [column for column in columns if column.startswith(f"{featurizer}:")]
        table = table.tab_spanner(label=featurizer_label(featurizer), columns=inside)
    title = f"Accuracy on the downstream tasks (%){', ' + word if word else ''}"
    table = (
        table.tab_header(title=title)
        .cols_label({**{column: UNITS[column.rsplit(":", 1)[1]] for column in columns}, PAPER: "GAN-DL, paper"})
        .fmt_passthrough(columns=[*columns, PAPER], escape=False)
        .cols_align("center", columns=[*columns, PAPER])
        .tab_style(style.text(color="#666666", style="italic"), loc.body(columns=[PAPER]))
        .tab_source_note(markup(_notes(word, confidence)))
        .tab_options(
            table_font_size=f"{settings.font_size * 1.6:g}px",
            data_row_padding="5px",
            column_labels_font_weight="bold",
            table_border_top_color="#222222",
            table_border_bottom_color="#222222",
        )
    )
    return str(table.as_raw_html(make_page=True))


def _notes(word: str, confidence: float) -> str:
    simulated = f"All of our numbers: <b>{word}</b> images; they are not comparable with the paper's. " if word else ""
    return (
        f"{simulated}A quarter of the wells is tested, the classifier was trained on the others (the paper's split; it scores "
        "images). "
        f"Below each value its nominal {100 * confidence:g} % interval over wells, and n. "
        "The representation was trained on images of tested wells, too, without labels."
    )


def _cell(row: pd.Series) -> str:
    value = f"<strong>{fixed(100 * row['value'], 1)}</strong>"
    interval = (
        ""
        if pd.isna(row["low"])
        else f"<br><small>[{fixed(100 * row['low'], 1)},&nbsp;{fixed(100 * row['high'], 1)}]</small>"
    )
    return f"{value}{interval}<br><small>n = {int(row['n'])}</small>"
