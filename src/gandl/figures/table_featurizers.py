"""The table of featurizers by metric, floors included: a page for people, a tidy CSV for programs.

Takes the controls' numbers of every featurizer (`evaluation/controls/`) and the reference values; makes table_featurizers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from great_tables import GT, loc, style
from great_tables import html as markup

from gandl.config import FiguresSettings
from gandl.figures.comparison import REFERENCE, SPLITS, compared, references
from gandl.figures.labels import METRICS, number
from gandl.figures.style import write_csv
from gandl.files import atomic

MISSING = "–"


def write_table_featurizers(
    numbers: Mapping[str, Path], reference: Path, *, settings: FiguresSettings, html: Path, csv: Path
) -> None:
    """Write the table as one HTML file that needs nothing else, and as CSV.

    Parameters
    ----------
    numbers : controls' numbers (`tables.NUMBERS`) by featurizer, in the order of the rows.
    reference : the reference values (`resources/paper_values.csv`), a last row of the table.
    html, csv : files to write; the CSV is tidy and at full precision: a row per featurizer, split and metric.

    Raises
    ------
    FigureError : a featurizer has no numbers, or none of Z'.
    """
    data = pd.concat([compared(numbers), references(reference)], ignore_index=True)
    page = table_page(data, settings)
    with atomic(Path(html)) as partial:
        partial.write_text(page, encoding="utf-8")
    write_csv(data, csv)


def table_page(data: pd.DataFrame, settings: FiguresSettings) -> str:
    """A whole HTML page of the tidy table; the same bytes for the same table."""
    wide = cells(data)
    columns = list(wide.columns[1:])
    table = GT(wide, rowname_col="label", id="table_featurizers")
    for split in SPLITS:
        inside = [column for column in columns if column.startswith(f"{split.name}:")]
        if inside:
            table = table.tab_spanner(label=spanner(data, split.name, split.label), columns=inside)
    table = (
        table.cols_label({column: METRICS[column.rsplit(":", 1)[1]] for column in columns})
        .tab_stubhead(label="Featurizer")
        .fmt_passthrough(columns=columns, escape=False)
        .cols_align("center", columns=columns)
        .tab_style(style.text(color="#666666", style="italic"), loc.body(rows=_rows(wide, REFERENCE)))
        .tab_style(style.text(color="#666666", style="italic"), loc.stub(rows=_rows(wide, REFERENCE)))
        .tab_source_note(markup("Below each value its 95 % interval. A perfect assay has Z′ = 1; above 0.5 is called excellent."))
        .tab_options(
            table_font_size=f"{settings.font_size * 1.6:g}px",
            data_row_padding="5px",
            column_labels_font_weight="bold",
            table_border_top_color="#222222",
            table_border_bottom_color="#222222",
        )
    )
    return str(table.as_raw_html(make_page=True))


def cells(data: pd.DataFrame) -> pd.DataFrame:
    """The text of every cell: a row per featurizer, a column `<split>:<metric>` per split and metric that has any value."""
    rows = {label: {"label": label} for label in dict.fromkeys(data["label"])}
    columns = [f"{split.name}:{metric}" for split in SPLITS for metric in METRICS]
    for number_of in data.to_dict("records"):
        rows[number_of["label"]][f"{number_of['split']}:{number_of['metric']}"] = _cell(number_of)
    table = pd.DataFrame(list(rows.values()))
    return table[["label", *(column for column in columns if column in table.columns)]].fillna(MISSING)


def _cell(row: Mapping[str, float]) -> str:
    if pd.isna(row["value"]):
        return MISSING
    value = f"<strong>{_two(row['value'])}</strong>"
    if pd.isna(row["low"]) or pd.isna(row["high"]):
        return value
    return f"{value}<br><small>[{_two(row['low'])},&nbsp;{_two(row['high'])}]</small>"


def _two(value: float) -> str:
    """Two decimals below ten, three digits above."""
    return number(value) if abs(value) >= 10 else f"{value:.2f}".replace("-", "−")


def spanner(data: pd.DataFrame, split: str, label: str) -> str:
    """The heading of one split, with the number of wells it rests on when that is the same for all."""
    counts = data.loc[(data["split"] == split) & (data["label"] != REFERENCE), "n"].dropna().unique()
    return f"{label} (n = {int(counts[0])} control wells)" if len(counts) == 1 else label


def _rows(wide: pd.DataFrame, label: str) -> list[int]:
    return [position for position, name in enumerate(wide["label"]) if name == label]
