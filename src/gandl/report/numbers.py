"""Our numbers as readers see them: takes the tables that evaluation wrote, makes the rows of the audit's tables."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from gandl.config import TRAINED
from gandl.evaluation.terms import ALL, DOSE_RESPONSE, NO_CELL_TYPE, RATIO, dose_series
from gandl.figures.common.labels import (
    METRICS,
    SCHEMES,
    dose_unit,
    featurizer_label,
    nominal,
    normalization_label,
    not_scored,
    number,
)
from gandl.source.splits import Question, Scheme, in_span
from gandl.tables import NUMBERS, SITES, read_table

JUDGED_FIRST = tuple(name.value for name in reversed(TRAINED))
"""Featurizers that a network learned without labels, the one that is judged first."""
KINDS: dict[str, str | type[object]] = {"string": object, "integer": "int64", "float": "float64", "boolean": bool}
HELD_OUT = Scheme.LEAVE_ROW_OUT.value
MOST_NUMBERS = 1000
"""Numbers on the page at most: Snakemake's report holds the page in an address, and browsers open none of over 2 MB."""
QUESTIONS = {"controls": "C+ against C−", "cell_model": "HRCE against VERO", "layout": "leakage and layout"}
"""Questions whose name does not say for readers what they ask."""
LABELS = {
    **METRICS,
    "robust_ssmd": "Robust SSMD",
    "balanced_accuracy": "Balanced accuracy",
    "auc": "AUC",
    "auc_lda": "AUC, LDA",
    "balanced_accuracy_lda": "Balanced accuracy, LDA",
    "spearman_severity_lda": "spearman severity, LDA",
    "auc_mock_uv": "AUC, Mock against UV",
    "permutation_p": "p, labels permuted",
    "ec50_um": "EC50 (µM)",
    "rises_with_dose": "Rank correlation with dose",
    "nuclei_per_field": "Nuclei per field",
    "leak_accuracy": "Balanced accuracy",
    "leak_accuracy_chance": "By chance",
    "leak_accuracy_p": "p",
    "leak_auc": "AUC",
    "leak_auc_chance": "By chance",
    "leak_auc_p": "p",
    "leak_map": "Mean average precision",
    "leak_map_chance": "By chance",
    "leak_map_p": "p",
    "leak_variance": "Share of variance",
    "leak_label_auc": "AUC of the label by place",
    "leak_p": "p of a leak",
}


@dataclass(frozen=True)
class Value:
    """One number with its interval (NaN if there is none) and the n units that it rests on."""

    value: float
    low: float
    high: float
    n: int
    unit: str = "well"

    @property
    def known(self) -> bool:
        return not math.isnan(self.value)

    @property
    def text(self) -> str:
        return plain(self.value) if self.known else "–"

    @property
    def interval(self) -> str:
        return "" if math.isnan(self.low) or math.isnan(self.high) else f"[{plain(self.low)}, {plain(self.high)}]"

    @property
    def precise(self) -> str:
        """Three significant digits, for what spans orders of magnitude."""
        return _digits(self.value) if self.known else "–"

    @property
    def precise_interval(self) -> str:
        return "" if math.isnan(self.low) or math.isnan(self.high) else f"[{_digits(self.low)}, {_digits(self.high)}]"

    @property
    def full(self) -> str:
        return f"{self.text} {self.interval}".strip()


@dataclass(frozen=True)
class ControlsRow:
    """One featurizer's control numbers: values by (split, metric)."""

    featurizer: str
    label: str
    normalization: str
    values: dict[tuple[str, str], Value]


@dataclass(frozen=True)
class DoseRow:
    """One featurizer's EC50 of one treatment, in the unit its doses read best in; `rises`: rank correlation with the dose."""

    featurizer: str
    label: str
    treatment: str
    ec50: Value
    unit: str
    rises: Value | None
    place: str
    """Where the EC50 lies: within the tested doses, above or below them, or that none was found."""

    @property
    def text(self) -> str:
        """EC50 with unit and interval: 12 nM [8, 18]."""
        return f"{self.ec50.precise} {self.unit} {self.ec50.precise_interval}".strip() if self.ec50.known else "–"

    @property
    def rising(self) -> bool | None:
        """Whether the score rises with the dose: the interval of their rank correlation lies above 0. None if unknown."""
        if self.rises is None or not self.rises.known:
            return None
        return (self.rises.value if math.isnan(self.rises.low) else self.rises.low) > 0


@dataclass(frozen=True)
class DoseSeries:
    """The doses of one treatment that were tested (um), and the number of wells."""

    treatment: str
    lowest: float
    highest: float
    wells: int

    @property
    def unit(self) -> str:
        return dose_unit(self.highest)[0]

    @property
    def factor(self) -> float:
        return dose_unit(self.highest)[1]

    @property
    def range(self) -> str:
        return f"{nominal(self.lowest * self.factor)}–{nominal(self.highest * self.factor)} {self.unit}"


def metric_label(name: str) -> str:
    """A metric's name for readers; an unknown one keeps its own name, its underscores as spaces."""
    return LABELS.get(name, name.replace("_", " "))


def split_in_words(split: str, question: str) -> str:
    """How wells were held out, and which ones, for readers: `leave_plate_out:HRCE` -> `whole plates held out: HRCE`.

    The last part of a dose series is its compound, whatever that is called.
    """
    parts = split.split(":", 2)
    last = len(parts) - 1 if question == DOSE_RESPONSE else len(parts)
    named = [part for i, part in enumerate(parts) if not (part in (NO_CELL_TYPE, ALL) and 0 < i < last)]
    named[0] = SCHEMES.get(named[0], named[0].replace("_", " "))
    return ": ".join(map(plain_rows, named) if question == Question.CONTROLS else named)


def plain(value: float) -> str:
    """Two decimals below ten, three digits above, a true minus sign."""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return number(value) if abs(value) >= 10 else f"{value:.2f}".replace("-", "−")


def _digits(value: float) -> str:
    return plain(value) if math.isinf(value) else number(value)


def read_numbers(paths: Iterable[Path]) -> pd.DataFrame:
    """All numbers in one table (`gandl.tables.NUMBERS`, and `file`, which holds it); one that two files repeat is kept once."""
    tables = [read_table(Path(path), NUMBERS)[NUMBERS.names].assign(file=_in_run(Path(path))) for path in paths]
    if not tables:
        return no_numbers().assign(file="")
    return pd.concat(tables, ignore_index=True).drop_duplicates(list(NUMBERS.key), ignore_index=True)


def _in_run(path: Path) -> str:
    """A table's path below the folder of its run."""
    parts = path.parts
    return "/".join(parts[parts.index("evaluation") :]) if "evaluation" in parts else path.name


def no_numbers() -> pd.DataFrame:
    """An empty table of numbers, for a run without questions."""
    return pd.DataFrame(columns=NUMBERS.names).astype({column.name: KINDS[column.kind] for column in NUMBERS.columns})


def tested_doses(sites: Path) -> list[DoseSeries]:
    """The dose series of a screen, in the order of the plate."""
    table = read_table(sites, SITES).drop_duplicates("well_id").sort_values("well_id")
    found = dose_series(table).groupby("treatment", sort=False)["concentration_um"].agg(["min", "max", "size"])
    return [
        DoseSeries(str(name), float(row["min"]), float(row["max"]), int(row["size"])) for name, row in found.iterrows()
    ]


def control_counts(sites: Path, named: str = "") -> dict[str, int]:
    """Number of wells by control (positive, negative, none): of the plate rows that `span` named, else of all."""
    wells = read_table(sites, SITES).drop_duplicates("well_id")
    if named:
        wells = wells[[in_span(row, named) for row in wells["row"]]]
    return {str(name): int(count) for name, count in wells["control"].value_counts().items()}


def splits_of(numbers: pd.DataFrame, scheme: str) -> list[str]:
    """Splits of a scheme among the controls' numbers, the one that rests on most wells first: `leave_row_out:A-H`, ..."""
    table = numbers[(numbers["question"] == Question.CONTROLS) & (numbers["split"].str.split(":").str[0] == scheme)]
    return list(table.groupby("split")["n"].max().sort_values(ascending=False, kind="stable").index)


def rows_of_split(split: str) -> str:
    """The plate rows in a split's name: `leave_row_out:A-H` -> `A–H`."""
    return plain_rows(split.partition(":")[2])


def plain_rows(named: str) -> str:
    """Plate rows as a reader sees them: `A-H` -> `A–H`, `B+D` -> `B, D`."""
    return named.replace("-", "–").replace("+", ", ")


def untouched(split: str, development_rows: Sequence[str]) -> bool:
    """Whether a split holds none of the rows on which settings were chosen."""
    return not any(in_span(row, split.partition(":")[2]) for row in development_rows)


def controls_rows(numbers: pd.DataFrame, method: str, featurizers: Sequence[str]) -> list[ControlsRow]:
    """Control numbers under one normalisation, a row per featurizer; the segmentation's ratio by itself comes last.

    The ratio is not a trained score, so nothing had to be held out: its values are in the columns of the held-out splits.
    """
    table = numbers[numbers["question"] == Question.CONTROLS]
    rows = []
    for name in featurizers:
        mine = table[(table["featurizer"] == name) & (table["normalization"] == method)]
        if not mine.empty:
            rows.append(ControlsRow(name, featurizer_label(name), method, _values(mine, "")))
    ratio = table[table["featurizer"] == RATIO]
    if not ratio.empty:
        rows.append(
            ControlsRow(RATIO, featurizer_label(RATIO), str(ratio["normalization"].iloc[0]), _values(ratio, HELD_OUT))
        )
    return rows


def reasons(rows: Sequence[ControlsRow], splits: Sequence[str]) -> dict[str, str]:
    """Why featurizers have no Z' of any of these splits (of `HELD_OUT`), by featurizer; those that have one are not named."""
    lacking = [
        row.featurizer for row in rows if splits and not any((split, "z_prime") in row.values for split in splits)
    ]
    return {name: not_scored(name, HELD_OUT) for name in lacking}


def _values(table: pd.DataFrame, scheme: str) -> dict[tuple[str, str], Value]:
    """Values by (split, metric); a given scheme takes the place of the one in the split's name."""
    found = {}
    for row in table.to_dict("records"):
        split = f"{scheme}:{row['split'].partition(':')[2]}" if scheme else str(row["split"])
        found[split, str(row["metric"])] = _value(row)
    return found


def dose_rows(
    numbers: pd.DataFrame, method: str, featurizers: Sequence[str], series: Sequence[DoseSeries]
) -> list[DoseRow]:
    """EC50 of every treatment by every featurizer under one normalisation, featurizers in the order given."""
    table = numbers[(numbers["question"] == DOSE_RESPONSE) & numbers["split"].str.startswith(f"{HELD_OUT}:")]
    unheld = numbers[(numbers["question"] == DOSE_RESPONSE) & (numbers["featurizer"] == RATIO)]
    rows = []
    for name in [*featurizers, RATIO]:
        mine = unheld if name == RATIO else table[(table["featurizer"] == name) & (table["normalization"] == method)]
        for doses in series:
            drug = mine[mine["split"].str.split(":").str[-1] == doses.treatment]
            values = {str(row["metric"]): _value(row) for row in drug.to_dict("records")}
            if "ec50_um" in values:
                rows.append(_dose_row(name, doses, values))
    return rows


def _dose_row(featurizer: str, doses: DoseSeries, values: dict[str, Value]) -> DoseRow:
    raw = values["ec50_um"]
    scaled = Value(raw.value * doses.factor, raw.low * doses.factor, raw.high * doses.factor, raw.n, raw.unit)
    if not raw.known:
        place = "none found: a constant fits as well"
    elif raw.value > doses.highest:
        place = "above the tested doses"
    elif raw.value < doses.lowest:
        place = "below the tested doses"
    elif raw.low < doses.lowest or raw.high > doses.highest:
        place = "within; its interval reaches beyond the tested doses"
    else:
        place = "within the tested doses"
    return DoseRow(
        featurizer,
        featurizer_label(featurizer),
        doses.treatment,
        scaled,
        doses.unit,
        values.get("rises_with_dose"),
        place,
    )


def by_featurizer(rows: Sequence[DoseRow]) -> dict[str, dict[str, DoseRow]]:
    """Dose rows by featurizer, then by treatment."""
    table: dict[str, dict[str, DoseRow]] = {}
    for row in rows:
        table.setdefault(row.featurizer, {})[row.treatment] = row
    return table


def _value(row: Mapping[Hashable, Any]) -> Value:
    return Value(float(row["value"]), float(row["low"]), float(row["high"]), int(row["n"]), str(row["unit"]))


def every_number(table: pd.DataFrame, most: int = MOST_NUMBERS) -> list[dict[str, Any]]:
    """The table in words, for the page's last section; at most so many rows, dose series last."""
    last = (table["question"] == DOSE_RESPONSE).rename("last")
    order = ["question", "featurizer", "normalization", "split", "metric"]
    ordered = table.assign(last=last).sort_values(["last", *order], kind="stable").head(most)
    return [
        {
            "question": QUESTIONS.get(str(row["question"]), str(row["question"]).replace("_", " ")),
            "featurizer": featurizer_label(str(row["featurizer"])),
            "normalization": normalization_label(str(row["normalization"])),
            "split": split_in_words(str(row["split"]), str(row["question"])),
            "metric": metric_label(str(row["metric"])),
            "unit": str(row["unit"]),
            "file": str(row.get("file", "")),
            "value": Value(float(row["value"]), float(row["low"]), float(row["high"]), int(row["n"])),
        }
        for row in ordered.to_dict("records")
    ]
