"""Table 1 of the preprint: accuracy on its four tasks, a row each, by GAN-DL, the baseline and a network trained on ImageNet.

Takes the numbers of the questions `controls` and `cell_model` and the reference values; makes preprint_table_1 (Mascolini et al.
2021, Table 1), in the preprint's own layout, ours beside each of its values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from great_tables import GT, html as markup

from gandl.config import FeaturizerName, FiguresSettings
from gandl.figures.common.labels import featurizer_label
from gandl.figures.common.style import write_csv
from gandl.figures.tables.table_1 import (
    MISSING,
    OURS,
    PAPER,
    TASKS,
    UNITS,
    PaperColumn,
    cell_text,
    table_data,
    why_empty,
)
from gandl.tables import NUMBERS, read_table
from gandl.tables.printed import PREPRINT, printed_in
from gandl.workflow.files import atomic

BASELINES = (FeaturizerName.RELEASED.value, FeaturizerName.DENSENET161_ARCFACE.value)
COLLAPSED = FeaturizerName.IMAGENET_COLLAPSED.value
OF_PREPRINT = TASKS[:4]


def write_preprint_table_1(
    numbers: Iterable[Path],
    reference: Path,
    *,
    featurizers: Sequence[str],
    drawn: str,
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
    numbers : tables of `tables.NUMBERS` that hold the tasks. reference : `resources/paper_values.csv`.
    featurizers : of the run. drawn : of them the one that answers the preprint's column GAN-DL.
    normalization : under which C+ is held against C-; cell models take raw profiles.
    html, csv : files to write; the CSV is tidy and at full precision. An empty value has its `reason`.
    word : such as "simulated"; it stands in the title, the notes and, beside this run's numbers, a column of the CSV.
    confidence : coverage of the intervals, as evaluated.

    Raises
    ------
    FigureError : no number answers any of the tasks.
    """
    ours = pd.concat([read_table(Path(path), NUMBERS) for path in numbers], ignore_index=True)
    columns = (
        PaperColumn("GAN-DL", FeaturizerName.GANDL.value, (drawn,)),
        PaperColumn("Baseline", BASELINES[0], BASELINES),
        PaperColumn("ImageNet pre-trained CNN", COLLAPSED, (COLLAPSED,)),
    )
    answering = [name for name in featurizers if any(name in column.ours for column in columns)]
    known = printed_in(reference, PREPRINT)
    data = table_data(ours, known, answering, normalization, columns, OF_PREPRINT)
    with atomic(Path(html)) as partial:
        partial.write_text(table_page(data, settings, word, confidence), encoding="utf-8")
    write_csv(data.assign(images=np.where(data["source"] == OURS, word, "")) if word else data, csv)


def table_page(data: pd.DataFrame, settings: FiguresSettings, word: str, confidence: float) -> str:
    """A whole HTML page of the tidy table; the same bytes for the same table."""
    wide = cells(data)
    table = GT(wide, rowname_col="task", id="preprint_table_1")
    labels: dict[str, Any] = {}
    for column, part in data.groupby("column", sort=False):
        names = [name for name in wide.columns if name.partition(":")[0] == column]
        table = table.tab_spanner(label=str(column), columns=names)
        labels |= {f"{column}:{PAPER}": "Preprint"}
        for name in part.loc[part["source"] == OURS, "featurizer"].unique():
            labels |= {
                f"{column}:{name}:{unit}": markup(f"{featurizer_label(name)},<br>{UNITS[unit]}") for unit in UNITS
            }
    columns = [name for name in wide.columns if name != "task"]
    table = (
        table.tab_header(title=f"Table 1 of the preprint: accuracy (%){', ' + word if word else ''}")
        .tab_stubhead(label="Task")
        .cols_label({name: labels[name] for name in columns})
        .fmt_passthrough(columns=columns, escape=False)
        .cols_align("center", columns=columns)
        .tab_source_note(markup(_notes(data, word, confidence)))
        .tab_options(
            table_font_size=f"{settings.font_size * 1.6:g}px",
            data_row_padding="4px",
            column_labels_font_weight="bold",
            table_border_top_color="#222222",
            table_border_bottom_color="#222222",
        )
    )
    return str(table.as_raw_html(make_page=True))


def cells(data: pd.DataFrame) -> pd.DataFrame:
    """The text of every cell: a row per task, columns `<column>:paper` and `<column>:<featurizer>:<unit>`."""
    rows: dict[str, dict[str, str]] = {}
    for number in data.astype(object).to_dict("records"):
        row = rows.setdefault(number["task"], {"task": number["task"]})
        source = PAPER if number["source"] == PAPER else f"{number['featurizer']}:{number['unit']}"
        row[f"{number['column']}:{source}"] = cell_text(number)
    columns = []
    for column, part in data.groupby("column", sort=False):
        ours = part.loc[part["source"] == OURS, "featurizer"].unique()
        columns += [f"{column}:{PAPER}", *(f"{column}:{name}:{unit}" for name in ours for unit in UNITS)]
    return pd.DataFrame(rows.values()).reindex(columns=["task", *columns]).fillna(MISSING)


def _notes(data: pd.DataFrame, word: str, confidence: float) -> str:
    simulated = (
        f"All of our numbers: <b>{word}</b> images; they are not comparable with the preprint's. " if word else ""
    )
    return (
        f"{simulated}The preprint scores images. Ours: a quarter of the wells is tested, the classifier was trained on the "
        f"others; below each value its nominal {100 * confidence:g} % interval over wells, and n. Baseline: the preprint's are "
        "the embeddings published with RxRx19a. ImageNet pre-trained CNN: the preprint's is fine-tuned behind a convolution to "
        f"three channels; ours trains that convolution and a linear head.{why_empty(data)}"
    )
