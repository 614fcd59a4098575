"""The table of mechanisms of action: every featurizer under every normalisation, NSC and NSCB, and what is published of the real
screen in a column of its own.

Takes the numbers of the question `mechanism` and the reference values; makes table_mechanism: a page for people and a tidy CSV.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from great_tables import GT, html as markup, loc, style

from gandl.config import FiguresSettings, Normalization, QuestionName
from gandl.evaluation.mechanism.terms import NSC, NSCB
from gandl.figures.common.labels import featurizer_label, fixed, normalization_label, wells_of
from gandl.figures.common.style import FigureError, write_csv
from gandl.figures.tables.table_featurizers import block_label
from gandl.tables import NUMBERS, read_table
from gandl.workflow.files import atomic
from gandl.workflow.words import counted

METRICS = {
    "accuracy": "treatments",
    "compound_accuracy": "mean over compounds",
    "balanced_accuracy": "mean over mechanisms",
    "accuracy_chance": "by chance",
    "accuracy_p": "p",
}
SPANNERS = {NSC: "NSC: not the same compound", NSCB: "NSCB: nor the same batch"}
PUBLISHED, COMPARABLE = "published", "compound_accuracy"
SCREEN = "bbbc021"
"""The screen whose published values are shown, as the reference values name it; they are means over compounds, under NSC."""
ELSEWHERE = "Published for the real BBBC021, not in this run"
WHITENED = (Normalization.SPHERIZE, Normalization.TVN)
MISSING = "–"
SOFT = "#666666"


def write_table_mechanism(
    numbers: Sequence[Path],
    reference: Path,
    *,
    methods: Sequence[str],
    featurizers: Sequence[str],
    settings: FiguresSettings,
    html: Path,
    csv: Path,
    confidence: float = 0.95,
    word: str = "",
) -> None:
    """Write the table as one HTML file that needs nothing else, and as CSV.

    Parameters
    ----------
    numbers : of the question `mechanism` (`tables.NUMBERS`), of every featurizer and normalisation.
    reference : the reference values (`resources/paper_values.csv`); those of the question `mechanism` are shown as published.
    methods : normalisations, a block of rows each, the run's own first. featurizers : in the order of the rows.
    confidence : coverage of the intervals, as evaluated.
    word : such as "simulated"; it stands in the title and a column of the CSV. What is published is of real images nevertheless.
    html, csv : files to write; the CSV is tidy: a row per number, `published` where one is known of the same featurizer and
        normalisation, and a row per published value that the run has no counterpart of.

    Raises
    ------
    FigureError : no featurizer has a number.
    """
    found = [table for table in (read_table(Path(path), NUMBERS) for path in numbers) if len(table)]
    if not found:
        raise FigureError("no featurizer has treatments that were matched by mechanism; see evaluation/mechanism")
    data = with_published(pd.concat(found, ignore_index=True), published(reference))
    text = table_page(data, methods, featurizers, settings, confidence, word)
    with atomic(Path(html)) as partial:
        partial.write_text(text, encoding="utf-8")
    write_csv(data.assign(images=word) if word else data, csv)


def published(reference: Path) -> pd.DataFrame:
    """What is published: featurizer, normalization, published (share), note."""
    table = pd.read_csv(reference)
    mine = table[
        (table["dataset"] == SCREEN)
        & (table["question"] == QuestionName.MECHANISM.value)
        & (table["metric"] == COMPARABLE)
        & table["value"].notna()
    ]
    return mine.rename(columns={"value": PUBLISHED})[["featurizer", "normalization", PUBLISHED, "what"]]


def with_published(numbers: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Numbers with a column `published` beside the mean over compounds under NSC, and rows of published values without any."""
    parts = numbers["split"].str.partition(":")
    numbers = numbers.assign(scheme=parts[0], cell_type=parts[2])
    names = ["featurizer", "normalization"]
    data = numbers.merge(known.drop(columns="what"), on=names, how="left")
    beside = (data["scheme"] == NSC) & (data["metric"] == COMPARABLE)
    data[PUBLISHED] = data[PUBLISHED].where(beside)
    held = set(numbers[names].itertuples(index=False, name=None))
    absent = known[[key not in held for key in known[names].itertuples(index=False, name=None)]]
    rows = absent.assign(question=QuestionName.MECHANISM.value, scheme=NSC, metric=COMPARABLE)
    columns = ["question", *names, "scheme", "cell_type", "metric", "value", "low", "high", "n", PUBLISHED, "what"]
    return pd.concat([data.reindex(columns=columns), rows.reindex(columns=columns)], ignore_index=True)


def table_page(
    data: pd.DataFrame,
    methods: Sequence[str],
    featurizers: Sequence[str],
    settings: FiguresSettings,
    confidence: float,
    word: str = "",
) -> str:
    """A whole HTML page of the tidy table; the same bytes for the same table."""
    wide = cells(data, methods, featurizers)
    columns = [str(name) for name in wide.columns[2:]]
    table = GT(wide, rowname_col="label", groupname_col="block", id="table_mechanism")
    for scheme, heading in SPANNERS.items():
        if inside := [name for name in columns if name.startswith(f"{scheme}:")]:
            table = table.tab_spanner(label=heading, columns=inside)
    labels: dict[str, Any] = {name: METRICS.get(name.partition(":")[2], name) for name in columns}
    labels[PUBLISHED] = markup("Published,<br>real BBBC021<br><small>NSC, mean over compounds</small>")
    grey = style.text(color=SOFT, style="italic")
    table = (
        table.cols_label(labels)
        .tab_stubhead(label="Featurizer")
        .fmt_passthrough(columns=columns, escape=False)
        .cols_align("center", columns=columns)
        .tab_style([grey, style.borders(sides="left", color=SOFT, weight="2px")], loc.body(columns=[PUBLISHED]))
        .tab_style(grey, loc.column_labels(columns=[PUBLISHED]))
        .tab_options(
            table_font_size=f"{settings.font_size * 1.6:g}px",
            data_row_padding="5px",
            column_labels_font_weight="bold",
            table_border_top_color="#222222",
            table_border_bottom_color="#222222",
        )
    )
    for note in notes(data, confidence, word):
        table = table.tab_source_note(note)
    title = "Mechanism of action by the nearest treatment"
    return str(table.tab_header(title=f"{title}, {word}" if word else title).as_raw_html(make_page=True))


def cells(data: pd.DataFrame, methods: Sequence[str], featurizers: Sequence[str]) -> pd.DataFrame:
    """The text of every cell: a row per normalisation (`block`) and featurizer (of several cell types, for each), a column
    `<scheme>:<metric>` for each, and `published`."""
    ours = data[data["value"].notna()]
    types = list(dict.fromkeys(ours["cell_type"]))
    rows: list[dict[str, str]] = []
    for i, method in enumerate(methods):
        for name in featurizers:
            for cell_type in types:
                mine = ours[(ours["normalization"] == method) & (ours["featurizer"] == name)]
                mine = mine[mine["cell_type"] == cell_type]
                if mine.empty:
                    continue
                of = f" ({wells_of(cell_type, types)})" if len(types) > 1 else ""
                row = {"block": block_label(method, own=i == 0), "label": f"{featurizer_label(name)}{of}"}
                for number_of in mine.astype(object).to_dict("records"):
                    row[f"{number_of['scheme']}:{number_of['metric']}"] = _cell(number_of)
                known = mine[PUBLISHED].dropna()
                rows.append({**row, **({PUBLISHED: _percent(known.iloc[0])} if len(known) else {})})
    for absent in data[data["value"].isna() & data[PUBLISHED].notna()].astype(object).to_dict("records"):
        method = str(absent["what"]).rpartition(": ")[2]
        rows.append({"block": ELSEWHERE, "label": method, PUBLISHED: _percent(absent[PUBLISHED])})
    table = pd.DataFrame(rows)
    columns = [f"{scheme}:{metric}" for scheme in SPANNERS for metric in METRICS]
    held = [name for name in columns if name in table.columns]
    return table.reindex(columns=["block", "label", *held, PUBLISHED]).fillna(MISSING)


def _cell(row: Mapping[Hashable, Any]) -> str:
    if row["metric"] == "accuracy_p":
        return f"{row['value']:.2g}"
    value = _percent(row["value"])
    if row["metric"] == "accuracy_chance":
        return value
    size = f"<br><small>of {int(row['n'])}</small>" if row["metric"] == "accuracy" else ""
    ends = "" if pd.isna(row["low"]) else f"<br><small>[{_short(row['low'])},&nbsp;{_short(row['high'])}]</small>"
    return f"<strong>{value}</strong>{ends}{size}"


def _percent(share: float) -> str:
    return f"{_short(share)} %"


def _short(share: float) -> str:
    return fixed(100 * share, 1)


def notes(data: pd.DataFrame, confidence: float, word: str = "") -> Iterator[str]:
    """Sentences below the table: what stands in it, whether whitening helped, and what the published column is."""
    yield (
        f"Share of treatments (compound and dose) whose nearest treatment by cosine has the same mechanism. In brackets nominal "
        f"{100 * confidence:g} % intervals: compounds are drawn, candidates stay. By chance: mechanisms exchanged between "
        "compounds. Treatments that cannot be right (no other compound of their mechanism; under NSCB none in another batch) are "
        "not counted; the tables of treatments name them."
    )
    yield from whitening_sentences(data)
    of = f"This run’s images are {word}: the two cannot be compared. " if word else ""
    yield (
        f"Published: CytoGAN (Goldsborough et al. 2017) and what it quotes, on real images of BBBC021, without NSCB. {of}Methods "
        "of the same name need not be the same network, crops or training."
    )


def whitening_sentences(data: pd.DataFrame) -> Iterator[str]:
    """For each whitening that was made: for how many featurizers more treatments were right with it than raw."""
    table = data[(data["metric"] == "accuracy") & data["value"].notna()]
    wide = table.pivot(index=["scheme", "cell_type", "featurizer"], columns="normalization", values="value")
    for method in WHITENED:
        if method not in wide or Normalization.NONE not in wide:
            continue
        said = []
        for scheme, rows in wide.groupby(level="scheme", sort=False):
            more = (rows[method] - rows[Normalization.NONE]).dropna()
            if len(more):
                higher = f"higher for {int((more > 0).sum())} of {counted(len(more), 'featurizer')}"
                said.append(f"{str(scheme).upper()} {higher}, by {fixed(100 * more.median(), 1)} points in the median")
        if said:
            yield f"{normalization_label(method)} against no normalisation: {'; '.join(said)}."
