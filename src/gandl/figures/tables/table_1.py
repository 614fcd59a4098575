"""Table 1 of the paper: accuracy on the downstream tasks, ours and the paper's, image by image and well by well.

Takes the numbers of the questions `controls`, `cell_model` and `cell_type` of every featurizer and the reference values; makes
table_1 (Mascolini et al. 2022, Table 1; its last task is that of their Fig. 5). The paper's five columns are
blocks of rows here, each with the paper's values and those of our featurizers below; then come floors, which the paper lacks.
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
from gandl.figures.common.comparisons import read_comparisons, sentences
from gandl.figures.common.labels import featurizer_label, fixed
from gandl.figures.common.style import FigureError, write_csv
from gandl.figures.tables.convergence import convergence_note
from gandl.tables import NUMBERS, read_table
from gandl.tables.printed import PAPER as PAPER_2022, printed_in
from gandl.workflow.files import atomic

MISSING = "–"
PAPER, OURS = "paper", "this run"
BELOW = "Not in the paper"
"""The heading of featurizers that no column of the paper has."""


@dataclass(frozen=True)
class Task:
    """What is distinguished, and where its number is found."""

    label: str
    dataset: str
    question: str
    split: str


TASKS = (
    Task("C+ versus C−", "rxrx19a", "controls", "quarter:all"),
    Task("HRCE versus VERO", "rxrx19a", "cell_model", "quarter:all"),
    Task("C+ versus C− (HRCE only)", "rxrx19a", "controls", "quarter_by_cell_type:HRCE"),
    Task("C+ versus C− (VERO only)", "rxrx19a", "controls", "quarter_by_cell_type:VERO"),
    Task("Four cell types of RxRx1", "rxrx1", "cell_type", "quarter:all"),
)


@dataclass(frozen=True)
class PaperColumn:
    """A column of the paper's table: its name, for which featurizer its values are stored, and which of ours answer it."""

    label: str
    reference: str
    ours: tuple[str, ...]


PAPER_COLUMNS = (
    PaperColumn("GAN-DL", "gandl", ("gandl", "gandl_blocks")),
    PaperColumn("Baseline", "released", ("released", "densenet161_arcface")),
    PaperColumn("ImageNet-collapsed", "imagenet_collapsed", ("imagenet_collapsed",)),
    PaperColumn("ImageNet-concatenated", "imagenet_concatenated", ("imagenet_concatenated",)),
    PaperColumn("ConvAE", "conv_ae", ("conv_ae",)),
)
UNITS = {"site": "by image", "well": "by well"}
COLUMNS = [
    *("column", "task", "dataset", "question", "split", "featurizer", "unit", "value", "low", "high", "n", "source"),
    "reason",
]


def write_table_1(
    numbers: Iterable[Path],
    reference: Path,
    *,
    featurizers: Sequence[str],
    normalization: str,
    settings: FiguresSettings,
    html: Path,
    csv: Path,
    comparisons: Sequence[Path] = (),
    folds: Sequence[Path] = (),
    zero_shot: str = "",
    word: str = "",
    confidence: float = 0.95,
) -> None:
    """Write the table as one HTML file that needs nothing else, and as CSV.

    Parameters
    ----------
    numbers : tables of `tables.NUMBERS` that hold the tasks.
    reference : `resources/paper_values.csv`.
    featurizers : of the run, in the order of the rows.
    normalization : under which C+ is held against C-; cell types take raw profiles.
    comparisons : `evaluation.terms.COMPARISONS`, where featurizers and floors were compared; sentences on images stand below.
    folds : manifests of models that were trained for every fold of a question (`gandl.models.folds`): the notes say how many
        of them were still improving at their end.
    zero_shot : which featurizers learned from the screen of the last task (`gandl.report.captions.zero_shot_note`).
    word : such as "simulated"; it stands in the title, the notes and, beside this run's numbers, a column of the CSV.
    confidence : coverage of the intervals, as evaluated.
    html, csv : files to write; the CSV is tidy and at full precision. An empty value has its `reason`.

    Raises
    ------
    FigureError : no number answers any of the tasks.
    """
    ours = pd.concat([read_table(Path(path), NUMBERS) for path in numbers], ignore_index=True)
    data = table_data(ours, printed_in(reference, PAPER_2022), featurizers, normalization)
    compared = read_comparisons(comparisons)
    said = sentences(compared[compared["unit"] == "site"], confidence, family=len(compared))
    with atomic(Path(html)) as partial:
        about = [zero_shot, convergence_note(folds)]
        page = table_page(data, settings, word, confidence, [*filter(None, about), *said])
        partial.write_text(page, encoding="utf-8")
    write_csv(data.assign(images=np.where(data["source"] == OURS, word, "")) if word else data, csv)


def table_data(
    ours: pd.DataFrame,
    reference: pd.DataFrame,
    featurizers: Sequence[str],
    normalization: str,
    columns: Sequence[PaperColumn] = PAPER_COLUMNS,
    tasks: Sequence[Task] = TASKS,
) -> pd.DataFrame:
    """The tidy table by column of the paper, task, featurizer and unit: ours (source `this run`) and the paper's (`paper`).

    A featurizer of the paper that the run lacks, and a task that was not evaluated, are rows without a value and with the reason.
    What no column of the paper has comes last; leave it out of `featurizers` to leave it out.
    """
    rows: list[dict[str, Any]] = []
    answering = {name for column in columns for name in column.ours}
    for column in columns:
        for task in tasks:
            rows += [_row(column.label, task, row, PAPER) for row in _of_task(reference, task, column.reference, "")]
        present = [name for name in column.ours if name in featurizers]
        rows += _ours(column.label, present or column.ours[:1], tasks, ours, featurizers, normalization)
    beside = [name for name in featurizers if name not in answering]
    rows += _ours(BELOW, beside, tasks, ours, featurizers, normalization)
    table = pd.DataFrame(rows, columns=COLUMNS)
    if not table.loc[table["source"] == OURS, "value"].notna().any():
        raise FigureError(f"no number answers any of {', '.join(task.label for task in tasks)}")
    return table


def _ours(
    column: str,
    names: Sequence[str],
    tasks: Sequence[Task],
    ours: pd.DataFrame,
    featurizers: Sequence[str],
    normalization: str,
) -> list[dict[str, Any]]:
    """Rows of some featurizers, each number that is absent with the reason."""
    rows = []
    for name in names:
        for task in tasks:
            method = normalization if task.question == "controls" else "none"
            found = {row["unit"]: row for row in _of_task(ours, task, name, method)}
            evaluated = bool(((ours["question"] == task.question) & (ours["split"] == task.split)).any())
            reason = "task not evaluated in this run" if not evaluated else "not evaluated for this featurizer"
            if name not in featurizers:
                reason = "not in this run (embeddings.featurizers)"
            for unit in UNITS:
                empty = {"featurizer": name, "unit": unit, "reason": reason}
                rows.append(_row(column, task, found.get(unit, empty), OURS))
    return rows


def _of_task(table: pd.DataFrame, task: Task, featurizer: str, method: str) -> list[dict[Any, Any]]:
    """Accuracies of one featurizer; of the reference values (no method) those of the task's screen."""
    mine = (table["question"] == task.question) & (table["split"] == task.split) & (table["metric"] == "accuracy")
    mine &= table["featurizer"] == featurizer
    mine &= (table["normalization"] == method) if method else (table["dataset"] == task.dataset)
    return list(table[mine].to_dict("records"))


def _row(column: str, task: Task, row: Mapping[Any, Any], source: str) -> dict[str, Any]:
    values = {name: row.get(name) for name in ("featurizer", "unit", "value", "low", "high", "n")}
    of_task = {"task": task.label, **{k: getattr(task, k) for k in ("dataset", "question", "split")}}
    return {"column": column, **of_task, **values, "source": source, "reason": row.get("reason", "")}


def table_page(
    data: pd.DataFrame, settings: FiguresSettings, word: str, confidence: float, said: Sequence[str] = ()
) -> str:
    """A whole HTML page of the tidy table; the same bytes for the same table."""
    wide = cells(data)
    tasks = list(dict.fromkeys(data["task"]))
    columns = [f"{task}:{unit}" for task in tasks for unit in UNITS]
    table = GT(wide, rowname_col="label", groupname_col="block", id="table_1")
    for task in tasks:
        table = table.tab_spanner(label=task, columns=[f"{task}:{unit}" for unit in UNITS])
    papers = [position for position, label in enumerate(wide["label"]) if label.startswith("Paper")]
    grey = style.text(color="#666666", style="italic")
    table = (
        table.tab_header(title=f"Accuracy on the downstream tasks (%){', ' + word if word else ''}")
        .tab_stubhead(label="Featurizer")
        .cols_label({column: UNITS[column.rsplit(":", 1)[1]] for column in columns})
        .fmt_passthrough(columns=columns, escape=False)
        .cols_align("center", columns=columns)
        .tab_style(grey, [loc.body(rows=papers), loc.stub(rows=papers)])
        .tab_source_note(markup(_notes(data, word, confidence)))
        .tab_options(
            table_font_size=f"{settings.font_size * 1.6:g}px",
            data_row_padding="4px",
            column_labels_font_weight="bold",
            row_group_font_weight="bold",
            table_border_top_color="#222222",
            table_border_bottom_color="#222222",
        )
    )
    for sentence in said:
        table = table.tab_source_note(sentence)
    return str(table.as_raw_html(make_page=True))


def cells(data: pd.DataFrame) -> pd.DataFrame:
    """The text of every cell: a block of rows per column of the paper, a column `<task>:<unit>` per task and unit."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for number in data.astype(object).to_dict("records"):
        label = "Paper" if number["source"] == PAPER else featurizer_label(number["featurizer"])
        cell = cell_text(number)
        row = rows.setdefault((number["column"], label), {"block": number["column"], "label": label})
        row[f"{number['task']}:{number['unit']}"] = cell
    tasks = dict.fromkeys(data["task"])
    columns = [f"{task}:{unit}" for task in tasks for unit in UNITS]
    return pd.DataFrame(rows.values()).reindex(columns=["block", "label", *columns]).fillna(MISSING)


def _notes(data: pd.DataFrame, word: str, confidence: float) -> str:
    simulated = f"All of our numbers: <b>{word}</b> images; they are not comparable with the paper's. " if word else ""
    return (
        f"{simulated}A quarter of the wells is tested, the classifier was trained on the others (the paper's split; the paper "
        "scores images and prints no values by well). An image or a well is C+ where its on score is above 0, midway between "
        "the means of the training controls: where scores are shifted, accuracy is low even at an AUC of 1. "
        f"Below each value its nominal {100 * confidence:g} % interval over wells, and n. "
        "Networks that were trained without labels saw images of tested wells, too. The paper's zero-shot values of its "
        f"counterparts are not printed: it says “at least 5 % lower” than GAN-DL's.{why_empty(data)}"
    )


def cell_text(row: Mapping[Any, Any]) -> str:
    """A number in per cent, below it its interval and n; of the paper's the value alone, or what it is said not to reach."""
    if pd.isna(row["value"]):
        return MISSING if row["source"] == OURS or pd.isna(row["high"]) else f"≤ {fixed(100 * row['high'], 2)}"
    if row["source"] == PAPER:
        return fixed(100 * row["value"], 2)
    value = f"<strong>{fixed(100 * row['value'], 1)}</strong>"
    interval = (
        ""
        if pd.isna(row["low"])
        else f"<br><small>[{fixed(100 * row['low'], 1)},&nbsp;{fixed(100 * row['high'], 1)}]</small>"
    )
    return f"{value}{interval}<br><small>n = {int(row['n'])}</small>"


def why_empty(data: pd.DataFrame) -> str:
    """Why cells of ours are empty, as the last sentence of a table's note; nothing where none is."""
    absent = data[(data["source"] == OURS) & (data["reason"] != "")]
    reasons = [
        f"{', '.join(dict.fromkeys(part['featurizer'].map(featurizer_label)))}: {reason}"
        for reason, part in absent.groupby("reason", sort=False)
    ]
    return f" Empty cells (–): {'; '.join(reasons)}." if reasons else ""
