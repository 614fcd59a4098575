"""The strict protocol beside the paper's split: every featurizer on wells of left-out plates, experiments or cell types, floors
marked, and its differences from floors on the same wells.

Takes the numbers of the questions `controls`, `cell_model` and `cell_type` and the paired comparisons (`evaluation/comparisons`);
makes table_s_strict: a page for people and a tidy CSV.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from gandl.config import FiguresSettings, Normalization, floors_among
from gandl.evaluation.terms import ALL
from gandl.figures.common.comparisons import QUESTIONS, WHOLE, read_comparisons, sentences, set_in_words, set_tables
from gandl.figures.common.labels import SCHEMES, featurizer_label, fixed, normalization_label, not_scored
from gandl.figures.common.style import FigureError, write_csv
from gandl.figures.tables.pages import page
from gandl.source.schemes import Scheme
from gandl.tables import NUMBERS, read_table
from gandl.workflow.files import atomic
from gandl.workflow.words import counted

VALUE, DIFFERENCE = "value", "difference"
RAW = Normalization.NONE.value
METRICS = ("auc", "accuracy", "balanced_accuracy", "z_prime")
PERMUTED = "permutation_p"
COLUMNS = [
    *("part", "question", "normalization", "split", "unit", "metric", "featurizer", "floor", "against"),
    *("value", "low", "high", "n", "drawn", "units", "p", "p_holm", "reason"),
]
PAPER = (Scheme.QUARTER.value, Scheme.QUARTER_BY_CELL_TYPE.value)
"""The paper's split, which stands first; all other schemes leave out something whole."""
STRICT = (*WHOLE, "cross_cell_type", "unseen_plates", "seen_plates")
"""Schemes of the table, after the paper's, in their order."""
HEADINGS = {"auc": "AUC", "accuracy": "accuracy"}


@dataclass(frozen=True)
class Matrix:
    """A question: its title and how profiles are normalised; headings (text, note) of the sets; rows of the featurizers.

    Attributes
    ----------
    rows : name, whether a floor, and of every set (value, interval, whether the best) or a reason.
    """

    title: str
    note: str
    headings: list[tuple[str, str]]
    rows: list[tuple[str, bool, list[tuple[str, str, bool]]]]


def write_table_s_strict(
    numbers: Iterable[Path],
    comparisons: Sequence[Path],
    templates: Sequence[Path],
    *,
    featurizers: Sequence[str],
    normalization: str,
    confidence: float,
    settings: FiguresSettings,
    html: Path,
    csv: Path,
    word: str = "",
) -> None:
    """Write the table as one HTML file that needs nothing else, and as CSV.

    Parameters
    ----------
    numbers : tables of `tables.NUMBERS` of the three questions. comparisons : `terms.COMPARISONS`, or none.
    templates : the page's, and those that it includes.
    featurizers : of the run, in the order of the rows. normalization : of C+ against C-; cell types take raw profiles.
    confidence : coverage of the intervals, as evaluated; a difference is called where Holm's p is at most 1 less this.
    html, csv : files to write; the CSV has a row per number (part `value`) and per comparison (part `difference`).
    word : such as "simulated"; it stands in the title and a column of the CSV.

    Raises
    ------
    FigureError : no number is of a scheme that leaves out something whole.
    """
    found = pd.concat([read_table(Path(path), NUMBERS) for path in numbers], ignore_index=True)
    values = strict_numbers(found, featurizers, normalization)
    paired = read_comparisons(comparisons)
    data = pd.concat([values, _differences(paired)], ignore_index=True) if len(paired) else values
    whole = paired[~paired["split"].str.partition(":")[0].isin(PAPER)] if len(paired) else paired
    text = page(
        templates,
        title="Strict protocol",
        word=word,
        font_px=settings.font_size * 1.7,
        confidence=f"{100 * confidence:g} %",
        matrices=matrices(values, featurizers),
        permuted=permuted(values),
        sentences=sentences(whole, confidence, family=len(paired)),
        tables=set_tables(paired, confidence),
    )
    with atomic(Path(html)) as partial:
        partial.write_text(text, encoding="utf-8")
    write_csv(data.assign(images=word) if word else data, csv)


def strict_numbers(numbers: pd.DataFrame, featurizers: Sequence[str], normalization: str) -> pd.DataFrame:
    """The numbers of the paper's split and of all that leave out something whole, with `COLUMNS`, set by set.

    Where a featurizer has none of a set that others have, a row gives the reason.
    """
    scheme = numbers["split"].str.partition(":")[0]
    methods = numbers["question"].map({"controls": normalization}).fillna(RAW)
    chosen = numbers["question"].isin(list(QUESTIONS)) & scheme.isin([*PAPER, *STRICT])
    chosen &= (numbers["normalization"] == methods) & numbers["metric"].isin([*METRICS, PERMUTED])
    chosen &= numbers["featurizer"].isin(list(featurizers))
    table = numbers[chosen].assign(scheme=scheme[chosen])
    if not table["scheme"].isin(STRICT).any():
        raise FigureError(f"no number is of wells that were left out as a whole ({', '.join(STRICT)})")
    orders = {
        "question": {name: i for i, name in enumerate(QUESTIONS)},
        "scheme": {name: i for i, name in enumerate([*PAPER, *STRICT])},
        "featurizer": {name: i for i, name in enumerate(featurizers)},
    }
    table = table.sort_values(
        ["question", "scheme", "split", "unit", "featurizer"],
        key=lambda column: column.map(orders[str(column.name)]) if column.name in orders else column,
        kind="stable",
    )
    absent = []
    for (question, split, unit), mine in table.groupby(["question", "split", "unit"], sort=False):
        for name in featurizers:
            if name not in set(mine["featurizer"]):
                reason = not_scored(name, str(split).partition(":")[0])
                about = {"question": question, "split": split, "unit": unit, "featurizer": name, "reason": reason}
                absent.append(about | {"normalization": mine["normalization"].iloc[0]})
    parts = [table.assign(reason=""), *([pd.DataFrame(absent)] if absent else [])]
    every = pd.concat(parts, ignore_index=True)
    floors = floors_among(featurizers)
    return every.assign(part=VALUE, floor=every["featurizer"].isin(floors)).reindex(columns=COLUMNS)


def _differences(paired: pd.DataFrame) -> pd.DataFrame:
    """The comparisons with `COLUMNS`."""
    floor = paired["featurizer"].isin(floors_among(paired["featurizer"]))
    return paired.assign(part=DIFFERENCE, floor=floor, reason="").reindex(columns=COLUMNS)


def matrices(values: pd.DataFrame, featurizers: Sequence[str]) -> list[Matrix]:
    """A matrix per question: a row per featurizer, a column per set of wells, by AUC (of images and cell types: accuracy)."""
    found = []
    for question, mine in values.groupby("question", sort=False):
        sets = [part for _, part in mine.groupby(["split", "unit"], sort=False) if _shown(part)]
        rows: list[tuple[str, bool, list[tuple[str, str, bool]]]] = []
        best = [_metric_of(part)["value"].max() for part in sets]
        for name in featurizers:
            cells = [_cell(part, name, top) for part, top in zip(sets, best, strict=True)]
            rows.append((featurizer_label(name), name in floors_among(featurizers), cells))
        method = str(mine["normalization"].iloc[0])
        method = "none (raw profiles)" if method == RAW else normalization_label(method).lower()
        headings = [_heading(part) for part in sets]
        title = QUESTIONS[str(question)]
        found.append(Matrix(title[0].upper() + title[1:], method, headings, rows))
    return found


def _shown(part: pd.DataFrame) -> bool:
    """Images in the paper's split; wells wherever something whole was left out."""
    paper = str(part["split"].iloc[0]).partition(":")[0] in PAPER
    return bool(part["unit"].iloc[0] == ("site" if paper else "well") and part["value"].notna().any())


def _metric_of(part: pd.DataFrame) -> pd.DataFrame:
    """The rows of the metric by which a set is shown."""
    by_auc = part["unit"].iloc[0] == "well" and (part["metric"] == "auc").any()
    return part[part["metric"] == ("auc" if by_auc else "accuracy")]


def _heading(part: pd.DataFrame) -> tuple[str, str]:
    shown = _metric_of(part)
    split, unit = shown[["split", "unit"]].iloc[0]
    scheme, _, group = str(split).partition(":")
    how = SCHEMES[scheme] if scheme not in WHOLE else WHOLE[scheme]
    how = {"quarter": "paper’s split", "quarter_by_cell_type": "paper’s split, within the cell type"}.get(scheme, how)
    n = counted(int(shown["n"].max()), "image" if unit == "site" else "well")
    units = _units(shown)
    group = "" if group in ("", ALL) else f"{group.replace('-', '–')}: "
    return f"{group}{how}", f"{HEADINGS[str(shown['metric'].iloc[0])]}, n = {n}{units}"


def _units(shown: pd.DataFrame) -> str:
    """How many plates (rows, experiments) an interval leaves out or draws, where it is not wells."""
    if not {"drawn", "units"} <= set(shown.columns):
        return ""
    known = shown[shown["drawn"].notna() & (shown["drawn"] != "well")]
    if known.empty:
        return ""
    what = str(known["drawn"].iloc[0])
    first, blank, rest = what.partition(" ")
    several = {"plate within experiment": "plates within experiments"}.get(what, f"{first}s{blank}{rest}")
    return f", {counted(int(known['units'].max()), what, several)}"


def _cell(part: pd.DataFrame, featurizer: str, best: float) -> tuple[str, str, bool]:
    row = _metric_of(part)
    row = row[row["featurizer"] == featurizer]
    if row.empty or pd.isna(row["value"].iloc[0]):
        reasons = part.loc[(part["featurizer"] == featurizer) & part["reason"].ne(""), "reason"]
        return "–", str(reasons.iloc[0]) if len(reasons) else "", False
    value, low, high = row.iloc[0][["value", "low", "high"]]
    interval = "" if pd.isna(low) else f"[{fixed(low, 3)}, {fixed(high, 3)}]"
    return fixed(value, 3), interval, bool(value == best)


def permuted(values: pd.DataFrame) -> dict[str, Any]:
    """p of permuted labels: the sets of wells in words, and a row per featurizer with p of each."""
    rows = values[values["metric"] == PERMUTED]
    sets = list(rows[["question", "split", "unit"]].drop_duplicates().itertuples(index=False, name=None))
    known = {
        (row["featurizer"], row["question"], row["split"], row["unit"]): row["value"] for _, row in rows.iterrows()
    }
    of_featurizers = [
        (featurizer_label(name), [_p(known.get((name, *held), float("nan"))) for held in sets])
        for name in dict.fromkeys(rows["featurizer"])
    ]
    return {"sets": [set_in_words(*held) for held in sets], "rows": of_featurizers}


def _p(value: float) -> str:
    return "–" if pd.isna(value) else fixed(value, 3 if value < 0.1 else 2)
