"""The audit's treatments: takes the treatments of one featurizer and every number, makes the rows and sentences of the page.

The page lists the first of them, hits before others; all are in the CSV of table_treatments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from gandl.config import QuestionName
from gandl.evaluation.terms import NO_CELL_TYPE, TREATMENT, TREATMENTS
from gandl.figures.common.hits import AWAY, TOWARDS, direction, intervals_in_words, untested
from gandl.figures.common.labels import dose_text, featurizer_label, fixed
from gandl.figures.tables.table_treatments import p_text, ranked
from gandl.report.captions import hits_note
from gandl.report.numbers import Value
from gandl.report.order import reference_of
from gandl.tables import read_table
from gandl.workflow.words import counted

MOST_TREATMENTS = 40
"""Treatments and doses of a cell type that the page lists at most."""
NAMED = 5
"""Hits that a sentence names."""
MANY = 3
"""Cell types above which their sentences are one."""


@dataclass(frozen=True)
class TreatmentRow:
    """A treatment and dose, as text; `hit`: which way it differs, empty if it is none."""

    treatment: str
    dose: str
    score: Value
    plates: int
    difference: str
    p: str
    q: str
    hit: str


@dataclass(frozen=True)
class Calls:
    """How many of what a featurizer calls a hit, in a cell type: treatments, negative and positive control wells; as text, empty
    where none could be tested."""

    featurizer: str
    drawn: bool
    cell_type: str
    treatments: str
    negatives: str
    positives: str


@dataclass(frozen=True)
class Treatments:
    """The section of the page: the first rows of every cell type with the number of all, calls of every featurizer, sentences.

    `intervals`: how these are made. `warning`: what the normalisation does to hits; empty if nothing.
    """

    featurizer: str
    groups: list[tuple[str, int, list[TreatmentRow]]]
    calls: list[Calls]
    findings: list[str]
    untested: list[str]
    false_discovery: str
    intervals: str
    warning: str


def treatments_story(path: Path | None, numbers: pd.DataFrame, settings: Mapping[str, Any]) -> Treatments | None:
    """What the page shows; None where the run does not request the question, or that featurizer has no
    answer.

    Parameters
    ----------
    path : `evaluation.terms.TREATMENTS` of the featurizer that is drawn. numbers : every number. settings : the configuration.
    """
    if path is None:
        return None
    table = ranked(read_table(Path(path), TREATMENTS))
    if table.empty:
        return None
    drawn = str(table["featurizer"].iloc[0])
    treated = table[table["kind"] == TREATMENT]
    groups = [
        (_of(str(cell_type)), len(part), [_row(row) for row in part.head(MOST_TREATMENTS).to_dict("records")])
        for cell_type, part in treated.groupby("cell_type", sort=False)
    ]
    method = settings["normalization"]["method"]
    mine = numbers[(numbers["question"] == QuestionName.TREATMENTS.value) & (numbers["normalization"] == method)]
    calls = [
        _calls(name, name == drawn, str(split).partition(":")[2], part)
        for name in settings["embeddings"]["featurizers"]
        for split, part in mine[mine["featurizer"] == name].groupby("split", sort=False)
    ]
    rate = f"{100 * float(settings['evaluation']['false_discovery']):g} %"
    label = featurizer_label(drawn)
    missing = untested(treated)
    return Treatments(
        featurizer=label,
        groups=groups,
        calls=calls,
        findings=[*_sentences(treated, calls, label, rate), *missing],
        untested=missing,
        false_discovery=rate,
        intervals=intervals_in_words(treated),
        warning=hits_note(method, reference_of(settings)),
    )


def _row(row: Mapping[Any, Any]) -> TreatmentRow:
    return TreatmentRow(
        treatment=str(row["treatment"]),
        dose=dose_text(float(row["concentration_um"])),
        score=Value(float(row["mean"]), float(row["low"]), float(row["high"]), int(row["wells"])),
        plates=int(row["plates"]),
        difference="–" if pd.isna(row["difference"]) else fixed(row["difference"], 2),
        p=_plain(row["p"]),
        q=_plain(row["q"]),
        hit=direction(row["difference"]) if row["hit"] else "",
    )


def _plain(p: float) -> str:
    return p_text(p).replace("&lt;&nbsp;", "< ")


def _of(cell_type: str) -> str:
    """The cell type in words; nothing where it is unknown."""
    return "" if cell_type == NO_CELL_TYPE else cell_type


def _calls(featurizer: str, drawn: bool, cell_type: str, part: pd.DataFrame) -> Calls:
    by_metric = {row["metric"]: (round(row["value"] * row["n"]), int(row["n"])) for row in part.to_dict("records")}
    texts = [
        f"{by_metric[metric][0]:,} of {by_metric[metric][1]:,}" if metric in by_metric else ""
        for metric in ("hit_share", "negatives_as_hits", "positives_as_hits")
    ]
    return Calls(featurizer_label(featurizer), drawn, _of(cell_type), *texts)


def _sentences(treated: pd.DataFrame, calls: Sequence[Calls], label: str, rate: str) -> Iterator[str]:
    """What was found of each cell type in which something was tested; of many together."""
    tested = treated[treated["p"].notna()]
    groups = list(tested.groupby("cell_type", sort=False))
    if tested.empty:
        yield f"Treatments by {label}: {_treatments(len(treated))} scored, none tested."
    elif len(groups) > MANY:
        yield f"Treatments by {label}: {_share(tested, f' in {len(groups)} cell types')} (false discovery rate {rate})."
    else:
        for cell_type, part in groups:
            of = _of(str(cell_type))
            here = [one for one in calls if one.cell_type == of]
            beside = "".join(_of_controls(one) for one in here if one.drawn) + _of_others(here)
            yield (
                f"Treatments by {label}{f' in {of}' if of else ''}: {_share(part)} (false discovery rate {rate})"
                f"{_named(part[part['hit']])}.{beside}"
            )


def _treatments(number: int) -> str:
    return counted(number, "treatment and dose", "treatments and doses")


def _share(tested: pd.DataFrame, where: str = "") -> str:
    """How many of what was tested are hits."""
    found = "is a hit" if len(tested) == 1 else "are hits"
    return f"{int(tested['hit'].sum()):,} of {_treatments(len(tested))}{where} {found}"


def _of_controls(calls: Calls) -> str:
    """How single control wells fare by the same test, of those kinds that could be tested; empty if none could."""
    kinds = {"negative": calls.negatives, "positive": calls.positives}
    parts = [f"{share} {kind}" for kind, share in kinds.items() if share]
    return f" The same test calls {' and '.join(parts)} control wells hits." if parts else ""


def _of_others(calls: Sequence[Calls]) -> str:
    """How many hits the featurizers call that are not drawn; empty if there are none."""
    parts = [f"{one.featurizer} {one.treatments}" for one in calls if not one.drawn and one.treatments]
    return f" Hits by other featurizers: {', '.join(parts)}." if parts else ""


def _named(hits: pd.DataFrame) -> str:
    """The first hits by name, in both directions."""
    parts = []
    for way in (TOWARDS, AWAY):
        some = hits[hits["difference"].map(direction) == way]
        names = [
            f"{name}{dose_text(dose, before=' ')}"
            for name, dose in zip(some["treatment"].head(NAMED), some["concentration_um"].head(NAMED), strict=True)
        ]
        more = f" and {len(some) - NAMED:,} more" if len(some) > NAMED else ""
        if names:
            parts.append(f"{way} {', '.join(names)}{more}")
    return f": {'; '.join(parts)}" if parts else ""
