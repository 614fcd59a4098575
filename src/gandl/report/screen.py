"""The audit of a screen of several plates, or of a lab's own: takes numbers, sites and provenance; makes what its page shows.

One section per question and one table per scheme of holding out: a row per featurizer, a column per group, unit and metric.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from gandl.config import TRAINED, FeaturizerName, QuestionName, floors_among
from gandl.evaluation.mechanism.terms import PROTOCOLS
from gandl.evaluation.terms import ALL, NO_CELL_TYPE, RATIO, STRICTEST
from gandl.figures.common.labels import SCHEMES, featurizer_label, not_scored, wells_of
from gandl.report.numbers import Value, metric_label
from gandl.report.order import Order, apart
from gandl.report.treatments import Treatments
from gandl.source.schemes import WHOLE, Scheme
from gandl.statistics.hill import FEWEST_WELLS
from gandl.tables import SITES, read_table
from gandl.workflow.words import counted

SUMMARISED = (Scheme.QUARTER, *WHOLE, *PROTOCOLS)
"""Schemes whose first column is parts among the findings."""
MOST_SERIES = 60
"""Dose series listed on the page at most; all of them are in the table of every number."""

TITLES = {
    QuestionName.CONTROLS.value: "C+ against C− (E²)",
    QuestionName.CELL_MODEL.value: "HRCE against VERO (C²)",
    QuestionName.CELL_TYPE.value: "Cell types of RxRx1",
    QuestionName.LAYOUT.value: "Leakage and layout",
    QuestionName.CALIBRATION.value: "Against the simulation's truth",
    QuestionName.MECHANISM.value: "Mechanism of action",
}
NOTES = {
    QuestionName.CONTROLS.value: "C+ are uninfected Mock wells, C− infected and untreated ones. UV-inactivated wells train "
    "nothing: an AUC of 0.5 against Mock means that they look alike. LDA: by a shrinkage LDA, ours, instead of the paper’s SVM.",
    QuestionName.CELL_MODEL.value: "Raw profiles: standardising each plate would erase the difference, since a plate holds one "
    "cell model.",
    QuestionName.CELL_TYPE.value: "GAN-DL’s network was trained on the other screen alone (zero-shot); the caveats name the "
    "featurizers that learned from RxRx1. MitoTracker was left out by name. Raw profiles, as above.",
    QuestionName.LAYOUT.value: "How much of a well’s place its profile carries, by controls and untreated wells of one cell "
    "type, each less the mean of its kind. Chance: permutations within kinds (and plates); p is one-sided. A place leaks the "
    "label where it predicts the label and profiles carry it (p adjusted by Holm over places and cell types). Variance: omega "
    "squared. Raw profiles are listed under “Every number”.",
    QuestionName.CALIBRATION.value: "Only a simulated screen has a known truth. Nothing else of the workflow read it.",
    QuestionName.MECHANISM.value: "Whether the nearest treatment (cosine, among those of other compounds; NSCB: in other "
    "batches) has the same mechanism. Accuracy counts treatments, balanced accuracy is the mean over mechanisms. Intervals draw "
    "compounds, with the candidates as they are; chance: mechanisms exchanged between compounds, p is one-sided. Treatments "
    "that no candidate could match are not counted; evaluation/mechanism names them. Other normalisations: table_mechanism.",
}
OWN_CONTROLS = "C+ are the wells that the screen calls positive controls, C− those that it calls negative."
UNITS = {"site": "image", "well": "well", "treatment": "treatment"}
OF_PLACES = tuple(f"leak_{name}{end}" for name in ("accuracy", "auc", "map") for end in ("", "_chance", "_p"))
METRICS = (
    *(
        "accuracy",
        "compound_accuracy",
        "balanced_accuracy",
        "accuracy_chance",
        "accuracy_p",
        "auc",
        "auc_lda",
        "z_prime",
        "z_prime_lda",
        "ssmd",
        "auc_mock_uv",
        "permutation_p",
    ),
    *(*OF_PLACES, "leak_variance", "leak_label_auc", "leak_p"),
)


@dataclass(frozen=True)
class ColumnOfTable:
    """A column: group of wells, unit and metric, in words."""

    group: str
    unit: str
    metric: str


@dataclass(frozen=True)
class QuestionTable:
    """Numbers of one question under one scheme."""

    scheme: str
    title: str
    columns: list[ColumnOfTable]
    rows: list[tuple[str, bool, list[Value | None]]]
    """Featurizer in words, whether it is GAN-DL, and a value per column."""
    reasons: dict[str, str] = field(default_factory=dict)
    """Why a featurizer that the question was asked of has no value here, by its words."""


@dataclass(frozen=True)
class Section:
    """One question of the page."""

    anchor: str
    title: str
    note: str
    tables: list[QuestionTable] = field(default_factory=list)


@dataclass(frozen=True)
class Series:
    """The dose series of one compound in one cell type, as the judged featurizer sees it."""

    compound: str
    cell_type: str
    ec50: Value | None
    rises: Value | None
    scheme: str


def sections(numbers: pd.DataFrame, settings: Mapping[str, Any]) -> list[Section]:
    """A section per question that was evaluated."""
    found = []
    for question, title in TITLES.items():
        method = settings["normalization"]["method"]
        if question in (QuestionName.CELL_MODEL.value, QuestionName.CELL_TYPE.value):
            method = "none"
        mine = (numbers["normalization"] == method) | (numbers["featurizer"] == RATIO)
        table = numbers[(numbers["question"] == question) & mine]
        if not table.empty:
            tables = _tables(table, [*settings["embeddings"]["featurizers"], RATIO], question)
            note = NOTES[question]
            if question == QuestionName.CONTROLS.value and "rxrx19a" not in settings["source"]["datasets"]:
                note = OWN_CONTROLS
            found.append(Section(question, title, note, tables))
    return found


def _tables(table: pd.DataFrame, featurizers: Sequence[str], question: str) -> list[QuestionTable]:
    schemes = table["split"].str.partition(":")[0]
    tables = []
    for scheme in dict.fromkeys(schemes):
        part = table[schemes == scheme]
        keys = list(dict.fromkeys(zip(part["split"], part["unit"], part["metric"], strict=True)))
        if question != QuestionName.CALIBRATION.value:
            keys = sorted((key for key in keys if key[2] in METRICS), key=_by_metric)
        if not keys:
            continue
        groups = {split.partition(":")[2] for split, _, _ in keys}
        columns = [
            ColumnOfTable(_group(split, groups), f"by {UNITS.get(unit, unit)}", metric_label(metric))
            for split, unit, metric in keys
        ]
        rows: list[tuple[str, bool, list[Value | None]]] = []
        reasons: dict[str, str] = {}
        trained = RATIO not in set(part["featurizer"])
        asked = {name for name in table["featurizer"].unique() if trained and name != RATIO}
        for name in featurizers:
            mine = part[part["featurizer"] == name].set_index(["split", "unit", "metric"])
            if not mine.empty or name in asked:
                rows.append((featurizer_label(name), name in TRAINED, [_value(mine, key) for key in keys]))
            if mine.empty and name in asked:
                reasons[featurizer_label(name)] = not_scored(name, scheme)
        if rows:
            title = SCHEMES.get(scheme, scheme.replace("_", " "))
            tables.append(QuestionTable(scheme, title, columns, rows, reasons))
    return tables


def _group(split: str, groups: Collection[str]) -> str:
    """Whose wells a split reports, in words; `groups`: those of the table."""
    group = split.partition(":")[2]
    return "all cell types" if group in ("", ALL) else wells_of(group, groups)


def _by_metric(key: tuple[str, str, str]) -> tuple[int, str, str]:
    """Order of columns: metric by metric, then group by group, images before wells."""
    split, unit, metric = key
    return METRICS.index(metric), split, unit


def _value(table: pd.DataFrame, key: tuple[str, str, str]) -> Value | None:
    if key not in table.index:
        return None
    row = table.loc[[key]].iloc[0]
    return Value(float(row["value"]), float(row["low"]), float(row["high"]), int(row["n"]), key[1])


def dose_series(numbers: pd.DataFrame, settings: Mapping[str, Any], judged: str) -> list[Series]:
    """EC50 and rank correlation of every dose series by one featurizer, compounds in order of their names."""
    table = numbers[
        (numbers["question"] == QuestionName.DOSE_RESPONSE.value)
        & (numbers["featurizer"] == judged)
        & (numbers["normalization"] == settings["normalization"]["method"])
    ]
    found = []
    for split, part in table.groupby("split", sort=True):
        scheme, _, place = str(split).partition(":")
        cell_type, colon, compound = place.partition(":")
        mine = part.assign(split="", unit="well").set_index(["split", "unit", "metric"])
        ec50, rises = (_value(mine, ("", "well", metric)) for metric in ("ec50_um", "rises_with_dose"))
        cells = cell_type if colon and cell_type != NO_CELL_TYPE else ""
        found.append(Series(compound if colon else cell_type, cells, ec50, rises, scheme))
    return sorted(found, key=_by_compound)


def scored_in_words(series: Sequence[Series]) -> str:
    """How the wells of dose series were held out of what scores them."""
    schemes = [scheme for scheme in STRICTEST if scheme in {one.scheme for one in series}]
    return (
        f"each scored by a model that was not trained on it ({' or '.join(SCHEMES[scheme] for scheme in schemes)}). No value: a "
        f"constant fits as well, or fewer than {FEWEST_WELLS} wells, too few for any curve."
    )


def _by_compound(series: Series) -> tuple[str, str]:
    return series.compound, series.cell_type


def counts_in_words(sites: Sequence[Path]) -> list[str]:
    """What each screen holds: plates, wells, sites, and controls by cell type."""
    lines = []
    for path in sites:
        table = read_table(path, SITES)
        wells = table.drop_duplicates("well_id")
        types = wells["cell_type"].unique()
        kinds = []
        for cell_type, part in wells.groupby("cell_type", sort=True):
            counts = part["control"].value_counts()
            held = f"{counted(part['plate_id'].nunique(), 'plate')}, {counted(len(part), 'well')} "
            held += f"({counts.get('positive', 0)} C+, {counts.get('negative', 0)} C−)"
            kinds.append(held if list(types) == [NO_CELL_TYPE] else f"{wells_of(str(cell_type), types)}: {held}")
        images = f"{counted(len(table), 'image')} of {counted(len(wells), 'well')}"
        lines.append(f"{path.parent.name}: {images}; {'; '.join(kinds)}.")
    return lines


def findings(
    page: Sequence[Section],
    series: Sequence[Series],
    verdicts: Sequence[str],
    judged: str,
    simulated: bool,
    drawn: str | None = None,
    order: Order | None = None,
    treatments: Treatments | None = None,
    paired: Sequence[str] = (),
) -> list[str]:
    """What was found, in sentences: an order of featurizers that depends on the normalisation, the judged featurizer, then every
    floor that it loses to (where `paired`, sentences on the same wells, say it, those instead); and treatments."""
    lines = ["All images of this run are simulated: no number here describes real cells."] if simulated else []
    lines += order.depends if order else ()
    for section in page:
        if section.anchor == QuestionName.CALIBRATION.value:
            continue
        texts = [
            _summary_line(section, table, judged, floors=not paired)
            for table in section.tables
            if table.scheme in SUMMARISED
        ]
        lines += [text for text in texts if text]
    lines += paired
    lines += order.holds if order else ()
    found = [one for one in series if one.ec50 is not None and one.ec50.known]
    if series:
        few = sum(one.ec50 is not None and one.ec50.n < FEWEST_WELLS for one in series)
        lines.append(
            f"Dose response by {featurizer_label(drawn or judged)}: {len(found)} of {len(series)} series (compound by cell type) "
            f"have a curve that fits better than a constant; {sum(_rises(one) for one in found)} of these rise with dose."
            + (f" {few} have fewer than {FEWEST_WELLS} wells, too few for a curve." if few else "")
        )
    lines += treatments.findings if treatments else []
    if not page and not series:
        lines.append("No question about controls was evaluated: profiles of all wells are in normalization/.")
    return [*lines, *verdicts]


def _rises(series: Series) -> bool:
    return series.rises is not None and series.rises.known and series.rises.value > 0


def _summary_line(section: Section, table: QuestionTable, judged: str, *, floors: bool) -> str:
    """The judged featurizer's value in the first column of a table, on request beside the floors'; empty if it has none."""
    label, column = featurizer_label(judged), table.columns[0]
    by_label = {name: values for name, _, values in table.rows}
    mine = by_label.get(label, [None])[0]
    if mine is None or not mine.known:
        return ""
    place = f"{section.title}, {table.title}, {column.group}"
    return (
        f"{place}: {label} has {column.metric.lower() if column.metric.istitle() else column.metric} {mine.full} {column.unit} "
        f"(n = {mine.n}){_against_floors(by_label, mine) if floors else ''}.{_other_gandl(by_label, label)}"
    )


def _other_gandl(by_label: Mapping[str, Sequence[Value | None]], judged: str) -> str:
    """GAN-DL's other features in the same column: the figures draw its blocks."""
    others = [featurizer_label(name) for name in TRAINED if featurizer_label(name) != judged]
    values = {label: by_label.get(label, [None])[0] for label in others}
    return "".join(f" {label}: {value.full}." for label, value in values.items() if value is not None and value.known)


def _against_floors(by_label: Mapping[str, Sequence[Value | None]], mine: Value) -> str:
    """How the floors compare in the same column."""
    above: list[str] = []
    below: list[str] = []
    for name in floors_among(FeaturizerName):
        floor = by_label.get(featurizer_label(name), [None])[0]
        if floor is not None and floor.known:
            overlap = "" if apart(mine, floor) else ", intervals overlap"
            (below if floor.value < mine.value else above).append(f"{featurizer_label(name)} ({floor.text}{overlap})")
    parts = []
    if below:
        parts.append(f"above {'; '.join(below)}")
    if above:
        parts.append(f"not above these floors: {'; '.join(above)}")
    return f": {', and '.join(parts)}" if parts else ""
