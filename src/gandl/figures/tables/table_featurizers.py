"""The table of featurizers by metric under every normalisation, floors included: a page for people, a tidy CSV for programs.

Takes the controls' numbers of every featurizer (`evaluation/controls/`) and the reference values; makes table_featurizers.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from great_tables import GT, html as markup, loc, style

from gandl.config import FiguresSettings
from gandl.figures.common.comparisons import read_comparisons, sentences
from gandl.figures.common.labels import METRICS, fixed, normalization_label
from gandl.figures.common.style import write_csv
from gandl.figures.tables.comparison import REFERENCE, groups_of, panels_of, schemes_in_words, with_references
from gandl.figures.tables.convergence import convergence_note
from gandl.source.splits import Question
from gandl.workflow.files import atomic

MISSING = "–"


def write_table_featurizers(
    numbers: Sequence[Path],
    reference: Path,
    *,
    methods: Sequence[str],
    dataset: str,
    settings: FiguresSettings,
    html: Path,
    csv: Path,
    comparisons: Sequence[Path] = (),
    folds: Sequence[Path] = (),
    confidence: float = 0.95,
    word: str = "",
) -> None:
    """Write the table as one HTML file that needs nothing else, and as CSV.

    Parameters
    ----------
    numbers : controls' numbers (`tables.NUMBERS`) of every featurizer and normalisation, in the order of the rows.
    reference : the reference values (`resources/paper_values.csv`), a last row of the table.
    methods : the normalisations, a block of rows each, the run's own first.
    dataset : the screen, as the reference values name it.
    comparisons : `evaluation.terms.COMPARISONS`, if featurizers and floors were compared; below stands what they say of wells.
    folds : manifests of models trained for every fold (`gandl.models.folds`): a note says how many were still improving.
    confidence : coverage of the intervals, as evaluated; it is written below the table.
    word : such as "simulated"; it stands in the title and a column of the CSV.
    html, csv : files to write; the CSV is tidy and at full precision: a row per featurizer, normalisation, split and metric.

    Raises
    ------
    FigureError : a featurizer has no numbers, or none has a Z'.
    """
    data = with_references(numbers, methods, reference, dataset)
    compared = read_comparisons(comparisons)
    of_wells = compared[(compared["question"] == Question.CONTROLS) & (compared["unit"] == "well")]
    said = [*filter(None, [convergence_note(folds)]), *sentences(of_wells, confidence, family=len(compared))]
    page = table_page(data, settings, confidence, word, said)
    with atomic(Path(html)) as partial:
        partial.write_text(page, encoding="utf-8")
    write_csv(data.assign(images=word) if word else data, csv)


def table_page(
    data: pd.DataFrame, settings: FiguresSettings, confidence: float, word: str = "", said: Sequence[str] = ()
) -> str:
    """A whole HTML page of the tidy table; the same bytes for the same table."""
    wide = cells(data)
    columns = list(wide.columns[2:])
    table = GT(wide, rowname_col="label", groupname_col="block", id="table_featurizers")
    for group in groups_of(data):
        inside = [column for column in columns if column.startswith(f"{group.label}:")]
        table = table.tab_spanner(label=spanner(data, group.label), columns=inside)
    table = (
        table.cols_label({column: METRICS[column.rsplit(":", 1)[1]] for column in columns})
        .tab_stubhead(label="Featurizer")
        .fmt_passthrough(columns=columns, escape=False)
        .cols_align("center", columns=columns)
        .tab_style(style.text(color="#666666", style="italic"), loc.body(rows=_rows(wide, REFERENCE)))
        .tab_style(style.text(color="#666666", style="italic"), loc.stub(rows=_rows(wide, REFERENCE)))
        .tab_source_note(
            markup(
                f"Below each value its nominal {100 * confidence:g} % interval; n: control wells; with so few wells an interval "
                "holds the true value less often. Z′ is 1 for a perfect assay. Blocks of rows: the normalisations. "
                f"How controls were held out: {schemes_in_words(data)}."
            )
        )
        .tab_options(
            table_font_size=f"{settings.font_size * 1.6:g}px",
            data_row_padding="5px",
            column_labels_font_weight="bold",
            table_border_top_color="#222222",
            table_border_bottom_color="#222222",
        )
    )
    for sentence in said:
        table = table.tab_source_note(sentence)
    if word:
        table = table.tab_header(title=f"Held-out controls by featurizer, {word}")
    return str(table.as_raw_html(make_page=True))


def cells(data: pd.DataFrame) -> pd.DataFrame:
    """The text of every cell: a row per normalisation (`block`) and featurizer, a column `<group>:<metric>` per group and metric
    that has any value."""
    blocks = {block_label(name, own=i == 0): part for i, (name, part) in enumerate(panels_of(data).items())}
    blocks["Reference value"] = data[data["label"] == REFERENCE]
    rows: list[dict[str, str]] = []
    for block, part in blocks.items():
        of_block = {label: {"block": block, "label": label} for label in dict.fromkeys(part["label"])}
        for number_of in part.astype(object).to_dict("records"):
            of_block[number_of["label"]][f"{number_of['group']}:{number_of['metric']}"] = _cell(number_of)
        rows += of_block.values()
    table = pd.DataFrame(rows)
    columns = [f"{group.label}:{metric}" for group in groups_of(data) for metric in METRICS]
    return table[["block", "label", *(column for column in columns if column in table.columns)]].fillna(MISSING)


def block_label(method: str, *, own: bool) -> str:
    """The heading of a normalisation's rows."""
    return f"{normalization_label(method)} ({method}{', this run’s own' if own else ''})"


def _cell(row: Mapping[Hashable, Any]) -> str:
    if pd.isna(row["value"]):
        return f"<small>{row['reason']}</small>" if row["reason"] else MISSING
    value = f"<strong>{_short(row['value'])}</strong>"
    if pd.isna(row["low"]) or pd.isna(row["high"]):
        return value
    return f"{value}<br><small>[{_short(row['low'])},&nbsp;{_short(row['high'])}]</small>"


def _short(value: float) -> str:
    """Two decimals below ten, one below a hundred, none above."""
    decimals = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
    return fixed(value, decimals)


def spanner(data: pd.DataFrame, group: str) -> str:
    """The heading of one group, with the number of wells it rests on when that is the same for all."""
    counts = data.loc[(data["group"] == group) & (data["label"] != REFERENCE), "n"].dropna().unique()
    return f"{group} (n = {int(counts[0])})" if len(counts) == 1 else group


def _rows(wide: pd.DataFrame, label: str) -> list[int]:
    return [position for position, name in enumerate(wide["label"]) if name == label]
