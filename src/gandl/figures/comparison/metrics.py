"""All metrics of all setups: Table 2 of the paper, ours with its interval over seeds and the paper's value in each cell; what it
lacks, floors among it, in a second table below.

Takes the comparison's table, the numbers it was made of and the paper's values; makes comparison_table_2, a page and a CSV.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from great_tables import GT, html as markup

from gandl.config import FiguresSettings
from gandl.config.comparison_terms import setups
from gandl.figures.common.labels import fixed
from gandl.figures.common.style import FigureError, write_csv
from gandl.figures.comparison.notes import floor_sentences, notes
from gandl.figures.comparison.setups import (
    NOT_IN_PAPER,
    ORDER,
    SETTINGS,
    in_order,
    paradigm_of,
    rows_of,
    setup_label,
    short_label,
)
from gandl.figures.comparison.terms import METRICS, OF_PAIR, PAPER, is_paper_pair, metric_label
from gandl.tables.printed import printed_in
from gandl.workflow.files import atomic

COLUMNS = [
    "setup",
    "label",
    "paradigm",
    "metric",
    "centre",
    "value",
    "spread",
    "low",
    "high",
    "seeds",
    "cell_types",
    "best",
]
COLUMNS += ["paper_value", "paper_spread"]
"""A row per setup and metric: the centre that the paper gives (`median`, or `mean` of clusters) with its spread (median absolute,
or standard deviation) and the interval over seeds, and what the paper prints, in the same units."""
MISSING = "–"
SPREAD = re.compile(r"±\s*([\d.]+)")


def write_metrics(
    table: Path,
    reference: Path,
    numbers: Sequence[Path],
    *,
    asked: Sequence[str],
    seeds: Sequence[int],
    similar: Sequence[str],
    settings: FiguresSettings,
    html: Path,
    csv: Path,
    collapsed_below: float,
    confidence: float = 0.95,
    word: str = "",
) -> None:
    """Write the table as one HTML file that needs nothing else, and as CSV.

    Parameters
    ----------
    table : the comparison's table: setup, metric, median, mad, mean, deviation, centre, low, high, seeds, cell_types, best.
    reference : `resources/paper_values.csv`.
    numbers : of the task of similarity (`gandl.tables.NUMBERS`), which say what collapsed.
    asked, seeds : the setups and seeds that the configuration asks for; those that are missing are named in the notes.
    similar : names of the drugs known to be similar; where they are not the paper's, its distances are left out.
    collapsed_below : share of the codes' size that differs between tiles, below which they have collapsed.
    confidence : coverage of the intervals over seeds.
    word : such as "simulated"; it stands in the title, the notes and, beside this run's numbers, a column of the CSV.
    html, csv : files to write; the CSV has the columns `COLUMNS` at full precision.

    Raises
    ------
    FigureError : the table is absent, or has none of the metrics.
    """
    data = metric_table(Path(table), reference, similar)
    limits = {"confidence": confidence, "collapsed_below": collapsed_below}
    said = [*notes(data, numbers, asked, seeds, similar, **limits), *floor_sentences(data, list(similar))]
    page = table_page(data, settings, list(similar), said, word)
    with atomic(Path(html)) as partial:
        partial.write_text(page, encoding="utf-8")
    write_csv(data.assign(images=np.where(data["value"].notna(), word, "")) if word else data, csv)


def metric_table(path: Path, reference: Path, similar: Sequence[str]) -> pd.DataFrame:
    """The table with `COLUMNS`: setups in the order of the paper, of each the metrics in the order of `METRICS`; a setup of the
    paper that the run lacks is there with the paper's values alone. Distances of other drugs than the paper's have none of it."""
    if not path.is_file():
        raise FigureError(f"{path} does not exist: no metrics to show; run the comparison's table first")
    ours = pd.read_parquet(path)
    ours = ours[ours["metric"].isin(list(METRICS)) & ours["setup"].isin(list(ORDER))]
    if ours.empty:
        raise FigureError(f"{path}: no setup has any of {', '.join(METRICS)}")
    as_mean = ours["centre"] == "mean"
    ours = ours.assign(
        value=ours["mean"].where(as_mean, ours["median"]), spread=ours["deviation"].where(as_mean, ours["mad"])
    )
    known = paper_values(reference)
    if not is_paper_pair(similar):
        known = known[~known["metric"].isin(OF_PAIR)]
    data = ours.merge(known, on=["setup", "metric"], how="outer")
    places = {name: place for place, name in enumerate(METRICS)}
    data = data.sort_values("metric", key=lambda column: column.map(places), kind="stable")
    data = data.sort_values("setup", key=in_order, kind="stable", ignore_index=True)
    data["best"] = data["best"].astype("boolean").fillna(False).astype(bool)
    data = data.assign(label=data["setup"].map(setup_label), paradigm=data["setup"].map(paradigm_of))
    return data[COLUMNS].astype({"seeds": "Int64", "cell_types": "Int64"})


def paper_values(reference: Path) -> pd.DataFrame:
    """Value and spread that the paper's Table 2 prints of each setup and metric, in our units (shares, not per cent)."""
    known = printed_in(reference, PAPER)
    known = known[(known["place"] == "Table 2") & known["metric"].isin(list(METRICS))]
    factor = known["metric"].map({name: metric.factor for name, metric in METRICS.items()})
    spread = known["printed"].str.extract(SPREAD)[0].astype(float)
    found = {"setup": known["featurizer"], "metric": known["metric"]}
    return pd.DataFrame(found | {"paper_value": known["value"] / factor, "paper_spread": spread / factor})


def table_page(
    data: pd.DataFrame, settings: FiguresSettings, similar: Sequence[str], said: Sequence[str], word: str = ""
) -> str:
    """A whole HTML page: the paper's table, below it what the paper lacks, then the notes; the same bytes for the same table."""
    names = [name for name in data["setup"].unique() if name in setups()]
    title = f"Table 2 of the comparison: all metrics{f', {word}' if word else ''}"
    parts = []
    rows = rows_of(names)
    of_paper = [row for row in rows if row[0] != NOT_IN_PAPER]
    if of_paper:
        columns = {setting.value: f"{label[0].upper()}{label[1:]}" for setting, label in SETTINGS.items()}
        columns = {
            key: label for key, label in columns.items() if any(name.endswith(f".{key}") for name in of_paper[0][1])
        }
        wide = pd.concat([_block(data, label, names, similar) for label, names in of_paper], ignore_index=True)
        parts.append(_table(wide, columns, settings, title, "comparison_table_2"))
    for label, beyond in rows[len(of_paper) :]:
        own = data[data["setup"].isin(beyond) & data["value"].notna()]
        wide = pd.concat(
            [
                _block(own[own["metric"].map(lambda name: METRICS[name].task) == task], task, beyond, similar)
                for task in _tasks(own)
            ]
        )
        heads = {name: short_label(name) for name in beyond}
        parts.append(_table(wide.reset_index(drop=True), heads, settings, label, "comparison_table_2_beyond"))
    lines = "\n".join(f"<p>{sentence}</p>" for sentence in said)
    mark = (
        f"<p><b>All numbers of this run are of {word} images; they are not comparable with the paper’s.</b></p>"
        if word
        else ""
    )
    style = f"font: {settings.font_size * 1.6:g}px/1.4 sans-serif; max-width: 62em; margin: 1em auto; color: #222222;"
    head = f"<!doctype html>\n<html lang='en'><head><meta charset='utf-8'><title>{title}</title></head>"
    return f"{head}\n<body style='{style}'>\n{'<br>'.join(parts)}\n{mark}\n{lines}\n</body></html>\n"


def _tasks(data: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(METRICS[name].task for name in METRICS if name in set(data["metric"])))


def _block(data: pd.DataFrame, label: str, names: Sequence[str], similar: Sequence[str]) -> pd.DataFrame:
    """Rows of one block: a row per metric that any of some setups has, a column per setup (named by its setting)."""
    mine = data[data["setup"].isin(names)]
    rows = []
    for metric in METRICS:
        of_metric = mine[mine["metric"] == metric]
        if of_metric[["value", "paper_value"]].notna().any(axis=None):
            row = {"block": label, "label": metric_label(metric, similar)}
            for name in names:
                found = of_metric[of_metric["setup"] == name]
                text = cell(found.iloc[0]) if len(found) else MISSING
                row[name.partition(".")[2] or name] = text
            rows.append(row)
    return pd.DataFrame(rows)


def cell(row: pd.Series) -> str:
    """Ours with spread and, below it, the interval over seeds; below that the paper's value, in grey."""
    metric = METRICS[row["metric"]]

    def text(value: float) -> str:
        return fixed(value * metric.factor, metric.decimals)

    parts = []
    if pd.notna(row["value"]):
        spread = f" ± {text(row['spread'])}" if pd.notna(row["spread"]) else ""
        value = f"{text(row['value'])}{spread}"
        parts.append(f"<strong>{value}</strong>" if row["best"] else value)
        if pd.notna(row["low"]):
            parts.append(f"<small>[{text(row['low'])}, {text(row['high'])}]</small>")
    else:
        parts.append(MISSING)
    if pd.notna(row["paper_value"]):
        spread = f" ± {text(row['paper_spread'])}" if pd.notna(row["paper_spread"]) else ""
        parts.append(f"<small style='color:#666666'><i>{text(row['paper_value'])}{spread}</i></small>")
    return "<br>".join(parts)


def _table(wide: pd.DataFrame, heads: dict[str, str], settings: FiguresSettings, title: str, name: str) -> str:
    """One table as a fragment of HTML."""
    columns = [column for column in wide.columns if column not in ("block", "label")]
    table = (
        GT(wide, rowname_col="label", groupname_col="block", id=name)
        .tab_header(title=title)
        .tab_stubhead(label="Metric")
        .cols_label({column: markup(heads[column].replace(", ", ",<br>")) for column in columns})
        .fmt_passthrough(columns=columns, escape=False)
        .cols_align("center", columns=columns)
        .tab_options(
            table_font_size=f"{settings.font_size * 1.6:g}px",
            data_row_padding="3px",
            column_labels_font_weight="bold",
            row_group_font_weight="bold",
            table_border_top_color="#222222",
            table_border_bottom_color="#222222",
        )
    )
    return str(table.as_raw_html())
