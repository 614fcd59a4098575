"""Every compound in every cell type: efficacy by dose, fit and EC50 with its interval, flags, hit.

Takes compounds and doses of the question `screening` of every featurizer; makes compounds: a page to search, sort and filter
(one featurizer), and a row per compound, cell type and featurizer as CSV and parquet.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from gandl.config import FiguresSettings, Scaling
from gandl.evaluation.screening.terms import DOSES
from gandl.evaluation.terms import COMPOUNDS, FLAGS, NO_CELL_TYPE
from gandl.figures.common.hits import FLAGGED
from gandl.figures.common.labels import SCHEMES, featurizer_label, normalization_label
from gandl.figures.common.style import existing, write_csv
from gandl.figures.tables.pages import as_json, page
from gandl.tables import read_table
from gandl.workflow.files import atomic

KEY = ["featurizer", "cell_type", "compound"]
NOT_NAMED = "not named"
"""The cell type of wells that name none, for readers."""
OF_DOSE = ("efficacy", "efficacy_low", "efficacy_high", "wells", "toxic", "hit")
"""What is given of every dose, in columns `<name>_<number of the dose>`; `dose_<number>_um` is the dose itself."""
SHOWN = (
    *("efficacy", "efficacy_low", "efficacy_high", "efficacy_dose_um", "q", "ec50_um", "ec50_low_um", "ec50_high_um"),
    *("hill_slope", "bottom", "top", "wells", "plates", "hit_doses", "toxic_dose_um"),
)
"""Numbers of a compound on the page."""
DIGITS = 4
"""Significant digits on the page; the files have all."""


def write_compounds(
    compounds: Mapping[str, Path],
    doses: Mapping[str, Path],
    templates: Sequence[Path],
    *,
    featurizer: str,
    confidence: float,
    false_discovery: float,
    settings: FiguresSettings,
    html: Path,
    csv: Path,
    parquet: Path,
    word: str = "",
    scaling: str = Scaling.PAPER.value,
) -> None:
    """Write the table as one HTML file that needs nothing else, as CSV and as parquet.

    Parameters
    ----------
    compounds, doses : `terms.COMPOUNDS` and `screening.terms.DOSES` by featurizer.
    templates : the page's, and those that it includes. settings : font size.
    featurizer : whose compounds the page shows. confidence, false_discovery : as evaluated; they are written above the table.
    html, csv, parquet : files to write; CSV and parquet hold the rows of all featurizers at full precision, the doses of a
        compound in ascending order (`dose_1_um`, `efficacy_1` ...).
    word : such as "simulated"; it stands in the title and a column of the files, also of those that the page saves.
    scaling : `evaluation.scaling`: what −1 and +1 are.

    Raises
    ------
    FigureError : a featurizer has no compounds or no doses.
    """
    tables = {name: read_table(path, COMPOUNDS) for name, path in existing(compounds, "compounds").items()}
    by_dose = {name: read_table(path, DOSES) for name, path in existing(doses, "doses of compounds").items()}
    every = pd.concat(tables.values(), ignore_index=True)
    wide = every.merge(side_by_side(pd.concat(by_dose.values(), ignore_index=True)), on=KEY, how="left")
    named = wide.assign(images=word) if word else wide
    text = page(
        templates,
        title="Compounds",
        word=word,
        font_px=settings.font_size * 1.7,
        featurizer=featurizer_label(featurizer),
        normalization=normalization_label(str(tables[featurizer]["normalization"].iloc[0])),
        schemes=[SCHEMES.get(name, name.replace("_", " ")) for name in tables[featurizer]["scheme"].unique()],
        confidence=f"{100 * confidence:g} %",
        false_discovery=f"{100 * false_discovery:g} %",
        featurizers=len(tables),
        halfway=Scaling(scaling) is Scaling.PAPER,
        flags={name: (FLAGGED.get(name, name.replace("_", " ")), what) for name, what in FLAGS.items()},
        data=as_json(page_data(tables, by_dose[featurizer], featurizer, word)),
    )
    with atomic(Path(html)) as partial:
        partial.write_text(text, encoding="utf-8")
    with atomic(Path(parquet)) as partial:
        named.to_parquet(partial, index=False, compression="zstd")
    write_csv(named, csv)


def side_by_side(doses: pd.DataFrame) -> pd.DataFrame:
    """A row per featurizer, cell type and compound, with the columns of its doses one after the other, ascending."""
    ordered = doses.sort_values([*KEY, "concentration_um"], kind="stable", na_position="last")
    ordered = ordered.assign(number=ordered.groupby(KEY, sort=False).cumcount() + 1)
    ordered = ordered.astype({"toxic": "boolean", "hit": "boolean", "wells": "Int64"})
    wide = ordered.rename(columns={"concentration_um": "dose"}).pivot(
        index=KEY, columns="number", values=["dose", *OF_DOSE]
    )
    columns = [(name, number) for number in sorted(ordered["number"].unique()) for name in ("dose", *OF_DOSE)]
    wide = wide[columns]
    wide.columns = [f"dose_{number}_um" if name == "dose" else f"{name}_{number}" for name, number in columns]
    kinds = {"wells": "Int64", "toxic": "boolean", "hit": "boolean"}
    kind_of = {column: kinds.get(name, "float64") for column, (name, _) in zip(wide.columns, columns, strict=True)}
    return wide.astype(kind_of).reset_index()


def page_data(
    tables: Mapping[str, pd.DataFrame], doses: pd.DataFrame, featurizer: str, word: str = ""
) -> dict[str, Any]:
    """What the page's script shows and saves: lists, numbers with `DIGITS` significant digits, null for what is unknown."""
    mine = tables[featurizer]
    hits = pd.concat([table.loc[table["hit"], KEY[1:]] for table in tables.values()], ignore_index=True)
    called = hits.value_counts().to_dict()
    types, reasons = sorted(mine["cell_type"].unique()), sorted(mine["no_curve"].dropna().unique())
    flags = list(FLAGS)
    of_compounds = dict(iter(doses.sort_values("concentration_um", kind="stable").groupby(KEY[1:], sort=False)))
    rows = []
    for row in mine.sort_values(["compound", "cell_type"], kind="stable").to_dict("records"):
        key = (row["cell_type"], row["compound"])
        series = of_compounds.get(key)
        rows.append(
            [
                row["compound"],
                types.index(row["cell_type"]),
                int(row["hit"]),
                int(called.get(key, 0)),
                [flags.index(flag) for flag in _flags(row["flags"])],
                reasons.index(row["no_curve"]) if isinstance(row["no_curve"], str) else None,
                [_short(row[name]) for name in SHOWN],
                [] if series is None else _doses(series),
            ]
        )
    names = {"featurizer": featurizer, "images": word}
    return {
        **names,
        "types": [NOT_NAMED if name == NO_CELL_TYPE else name for name in types],
        "flags": flags,
        "reasons": reasons,
        "shown": list(SHOWN),
        "rows": rows,
    }


def _flags(flags: object) -> list[str]:
    return [flag for flag in flags.split("|") if flag in FLAGS] if isinstance(flags, str) else []


def _doses(series: pd.DataFrame) -> list[list[float | int | None]]:
    """Of every dose: dose, efficacy with its interval, wells, toxic, hit."""
    columns = [series[name] for name in ("concentration_um", "efficacy", "efficacy_low", "efficacy_high", "wells")]
    numbers = zip(*columns, strict=True)
    flags = zip(series["toxic"], series["hit"], strict=True)
    return [
        [*map(_short, of_dose), None if pd.isna(toxic) else int(toxic), int(hit)]
        for of_dose, (toxic, hit) in zip(numbers, flags, strict=True)
    ]


def _short(value: float) -> float | int | None:
    """A number with few digits, whole ones as such; None where it is not known."""
    if value is None or not math.isfinite(value):
        return None
    short = float(f"{value:.{DIGITS}g}")
    return int(short) if short == int(short) else short
