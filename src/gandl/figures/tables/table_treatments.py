"""The table of treatments: every treatment and dose with its score, and which differ; and the scores of all wells.

Takes the treatments of every featurizer (`evaluation/treatments/`) and the well scores of the one that is drawn; makes
table_treatments: a page for people, tidy CSV files for programs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from great_tables import GT, html as markup, loc, style

from gandl.config import FiguresSettings
from gandl.evaluation.terms import NEGATIVE, POSITIVE, TREATMENT, TREATMENTS, by_strictest_scheme
from gandl.figures.common.hits import direction, intervals_in_words, untested
from gandl.figures.common.labels import SCHEMES, featurizer_label, fixed, nominal, wells_of
from gandl.figures.common.palette import CONTROLS
from gandl.figures.common.style import existing, write_csv
from gandl.tables import WELL_SCORES, read_table
from gandl.workflow.files import atomic

MOST_ROWS = 1000
"""Treatments and doses on the page at most; all are in the CSV."""
MISSING = "–"
KEY = ["cell_type", "treatment", "concentration_um"]
WELL_COLUMNS = [
    *("plate_id", "well", "row", "column", "cell_type", "condition", "control", "treatment", "compound"),
    *("concentration_um", "scheme", "fold", "on", "off", "off_norm"),
]
HEADINGS = {
    "treatment": "Treatment",
    "dose": "Dose (µM)",
    "score": "On score",
    "difference": "From C−",
    "wells": "Wells",
    "plates": "Plates",
    "p": "p",
    "q": "q",
    "differs": "Differs",
    "called": "Called by",
}


def write_table_treatments(
    treatments: Mapping[str, Path],
    scores: Path,
    *,
    featurizer: str,
    confidence: float,
    false_discovery: float,
    settings: FiguresSettings,
    html: Path,
    csv: Path,
    wells: Path,
    word: str = "",
    warning: str = "",
) -> None:
    """Write the table as one HTML file that needs nothing else, and as CSV; and every well that was scored, as CSV.

    Parameters
    ----------
    treatments : `evaluation.terms.TREATMENTS` by featurizer. scores : well scores of the one that the page shows.
    featurizer : that one. confidence, false_discovery : as evaluated; they are written below the table.
    html, csv, wells : files to write. The CSV holds the rows of all featurizers at full precision; `wells` a row per well by the
        strictest scheme of its cell type, controls and untreated wells, too.
    word : such as "simulated"; it stands in the title and a column of the CSV files.
    warning : a sentence on what the normalisation does to such calls; it stands below the table.

    Raises
    ------
    FigureError : a featurizer has no treatments.
    """
    tables = {name: read_table(path, TREATMENTS) for name, path in existing(treatments, "treatments").items()}
    page = table_page(tables, featurizer, settings, confidence, false_discovery, word, warning)
    with atomic(Path(html)) as partial:
        partial.write_text(page, encoding="utf-8")
    scored = [part for *_, part in by_strictest_scheme(read_table(Path(scores), WELL_SCORES))]
    of_wells = pd.concat(scored, ignore_index=True)[WELL_COLUMNS].assign(featurizer=featurizer)
    for data, path in ((pd.concat(tables.values(), ignore_index=True), csv), (of_wells, wells)):
        write_csv(data.assign(images=word) if word else data, path)


def table_page(
    tables: Mapping[str, pd.DataFrame],
    featurizer: str,
    settings: FiguresSettings,
    confidence: float,
    false_discovery: float,
    word: str = "",
    warning: str = "",
) -> str:
    """A whole HTML page of one featurizer's treatments; the same bytes for the same tables."""
    data = ranked(tables[featurizer]).assign(called=called_by(tables, ranked(tables[featurizer])))
    shown = data.head(MOST_ROWS)
    wide = cells(shown, len(tables))
    columns = [name for name in HEADINGS if name != "called" or len(tables) > 1]
    cell_types = set(data["cell_type"])
    several = len(cell_types) > 1
    wide["cell_type"] = [wells_of(name, cell_types) for name in wide["cell_type"]]
    table = GT(wide[[*columns, "cell_type"]], groupname_col="cell_type" if several else None, id="table_treatments")
    table = (
        (table if several else table.cols_hide("cell_type"))
        .cols_label({name: HEADINGS[name] for name in columns})
        .fmt_passthrough(columns=columns, escape=False)
        .cols_align("center", columns=columns[1:])
        .cols_align("left", columns=["treatment"])
        .tab_style(style.text(weight="bold"), loc.body(rows=np.flatnonzero(shown["differs"]).tolist()))
        .tab_style(
            style.text(color="#666666", style="italic"),
            loc.body(rows=np.flatnonzero(shown["kind"] != TREATMENT).tolist()),
        )
        .tab_header(title=f"Treatments by {featurizer_label(featurizer)}{f', {word}' if word else ''}")
        .tab_source_note(markup(_note(data, confidence, false_discovery, warning)))
        .tab_options(
            table_font_size=f"{settings.font_size * 1.6:g}px",
            data_row_padding="3px",
            column_labels_font_weight="bold",
            table_border_top_color="#222222",
            table_border_bottom_color="#222222",
        )
    )
    return str(table.as_raw_html(make_page=True))


def ranked(table: pd.DataFrame) -> pd.DataFrame:
    """Cell type by cell type: both kinds of controls, those that differ, then the others, the most certain first."""
    kinds = table["kind"].map({POSITIVE: 0, NEGATIVE: 1, TREATMENT: 2})
    order = table.assign(kinds=kinds, other=~table["differs"], away=-table["difference"].abs())
    order = order.sort_values(["cell_type", "kinds", "other", "p", "away", *KEY], kind="stable", na_position="last")
    return order[table.columns].reset_index(drop=True)


def called_by(tables: Mapping[str, pd.DataFrame], rows: pd.DataFrame) -> list[int]:
    """By how many featurizers each of the rows differs from the negative controls."""
    called = pd.concat([table.loc[table["differs"], KEY] for table in tables.values()], ignore_index=True)
    counts = called.value_counts(dropna=False).to_dict()
    known = {_key(key if isinstance(key, tuple) else (key,)): int(count) for key, count in counts.items()}
    return [known.get(_key(key), 0) for key in rows[KEY].itertuples(index=False, name=None)]


def _key(key: tuple[object, ...]) -> tuple[str, ...]:
    """A key in which an absent dose equals itself."""
    return tuple(str(part) for part in key)


def cells(rows: pd.DataFrame, featurizers: int) -> pd.DataFrame:
    """The text of every cell."""
    treated = rows["kind"] == TREATMENT
    names = rows["treatment"].where(treated, rows["kind"].map({kind: group.label for kind, group in CONTROLS.items()}))
    return pd.DataFrame(
        {
            "cell_type": rows["cell_type"],
            "treatment": names.map(_escaped),
            "dose": rows["concentration_um"].map(lambda dose: MISSING if pd.isna(dose) else nominal(dose)),
            "score": [_score(*ends) for ends in rows[["mean", "low", "high"]].itertuples(index=False, name=None)],
            "difference": rows["difference"].map(lambda value: MISSING if pd.isna(value) else fixed(value, 2)),
            "wells": rows["wells"].astype(str),
            "plates": rows["plates"].astype(str),
            "p": rows["p"].map(p_text),
            "q": rows["q"].map(p_text),
            "differs": rows["difference"].map(direction).where(rows["differs"], ""),
            "called": [
                f"{count} of {featurizers}" if of else MISSING
                for count, of in zip(rows["called"], treated, strict=True)
            ],
        }
    )


def p_text(p: float) -> str:
    """A p value: 0.23, 0.004, below 0.001."""
    if pd.isna(p):
        return MISSING
    return "&lt;&nbsp;0.001" if p < 0.001 else fixed(p, 3 if p < 0.1 else 2)


def _score(mean: float, low: float, high: float) -> str:
    interval = "" if pd.isna(low) else f" <small>[{fixed(low, 2)},&nbsp;{fixed(high, 2)}]</small>"
    return f"{fixed(mean, 2)}{interval}"


def _escaped(name: str) -> str:
    return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _note(data: pd.DataFrame, confidence: float, false_discovery: float, warning: str) -> str:
    """What the numbers are, and what is not on the page."""
    schemes = "; ".join(dict.fromkeys(SCHEMES.get(scheme, scheme.replace("_", " ")) for scheme in data["scheme"]))
    left = f" The first {MOST_ROWS:,} of {len(data):,} rows; all are in the CSV." if len(data) > MOST_ROWS else ""
    treated = data[data["kind"] == TREATMENT]
    beside = " ".join(_escaped(sentence) for sentence in (*untested(treated), warning) if sentence)
    made = intervals_in_words(treated)
    return (
        f"On score: mean of a treatment's wells by held-out axes ({schemes}), −1 the mean of negative (C−) and +1 of positive "
        f"(C+) training controls; in brackets its {100 * confidence:g} % interval{f' ({made})' if made else ''}; of controls, "
        "Student's t by their own wells. From C−: difference from "
        "the negative controls of the same plates; p by Student's t with plates as blocks, q by Benjamini and Hochberg (1995) "
        f"over all treatments and doses of a cell type. Differs: q ≤ {false_discovery:g}. Called by: featurizers by which it "
        f"differs.{f' {beside}' if beside else ''}{left}"
    )
