"""The audit's treatments: takes treatments and compounds of one featurizer and every number, makes the page's rows and sentences.

Hits are compounds (`evaluation.terms.COMPOUNDS`); a treatment and dose differs from the negative controls or does not, in either
direction. The page lists the first of these, those that differ before others; all are in the CSV of table_treatments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from gandl.config import QuestionName
from gandl.evaluation.terms import COMPOUNDS, NO_CELL_TYPE, TREATMENT, TREATMENTS
from gandl.figures.common.hits import (
    AWAY,
    TOWARDS,
    direction,
    ec50_in_words,
    flags_in_words,
    hits_of,
    intervals_in_words,
    toxic_in_words,
    untested,
)
from gandl.figures.common.labels import dose_text, featurizer_label, fixed
from gandl.figures.tables.table_treatments import p_text, ranked
from gandl.report.captions import hits_note
from gandl.report.numbers import Value
from gandl.report.order import reference_of
from gandl.tables import Schema, read_table
from gandl.workflow.words import counted

MOST_TREATMENTS = 40
"""Treatments and doses, and compounds, of a cell type that the page lists at most."""
NAMED = 5
"""Treatments, and hits, that a sentence names."""
MANY = 3
"""Cell types above which their sentences are one."""


@dataclass(frozen=True)
class TreatmentRow:
    """A treatment and dose, as text; `differs`: which way, empty if it does not."""

    treatment: str
    dose: str
    score: Value
    plates: int
    difference: str
    p: str
    q: str
    differs: str


@dataclass(frozen=True)
class CompoundRow:
    """A compound that is a hit, as text. `dose`: at which it has this efficacy; `flags`: what to beware of."""

    compound: str
    efficacy: Value
    dose: str
    ec50: str
    q: str
    flags: str


@dataclass(frozen=True)
class Calls:
    """How many of what differ by a featurizer, in a cell type: treatments, negative and positive control wells; as text, empty
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

    `hits`: by cell type, how many compounds were tested, how many are hits, the rows of the first, how many are flagged toxic.
    `intervals`: how these are made. `warning`: what the normalisation does to such calls; empty if nothing.
    """

    featurizer: str
    hits: list[tuple[str, int, int, list[CompoundRow], str]]
    groups: list[tuple[str, int, list[TreatmentRow]]]
    calls: list[Calls]
    findings: list[str]
    untested: list[str]
    false_discovery: str
    intervals: str
    warning: str


def treatments_story(
    path: Path | None, numbers: pd.DataFrame, settings: Mapping[str, Any], compounds: Path | None = None
) -> Treatments | None:
    """What the page shows; None where the run requests neither question, or that featurizer has no answer.

    Parameters
    ----------
    path : `evaluation.terms.TREATMENTS` of the featurizer that is drawn. numbers : every number. settings : the configuration.
    compounds : `evaluation.terms.COMPOUNDS` of the same featurizer.
    """
    table, screened = ranked(_read(path, TREATMENTS)), _read(compounds, COMPOUNDS)
    if table.empty and screened.empty:
        return None
    drawn = str((screened if table.empty else table)["featurizer"].iloc[0])
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
        hits=[_hits(_of(str(name)), part) for name, part in _tested_compounds(screened)],
        groups=groups,
        calls=calls,
        findings=[*_of_compounds(screened, label, rate), *_sentences(treated, calls, label, rate), *missing],
        untested=missing,
        false_discovery=rate,
        intervals=intervals_in_words(treated),
        warning=hits_note(method, reference_of(settings)),
    )


def _read(path: Path | None, schema: Schema) -> pd.DataFrame:
    """A table; without rows where it was not requested."""
    return pd.DataFrame(columns=schema.names) if path is None else read_table(Path(path), schema)


def _tested_compounds(screened: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The compounds of every cell type that could be tested."""
    tested = screened[screened["q"].notna()]
    return [(str(name), part) for name, part in tested.groupby("cell_type", sort=False)]


def _hits(cell_type: str, tested: pd.DataFrame) -> tuple[str, int, int, list[CompoundRow], str]:
    hits = hits_of(tested)
    rows = [
        CompoundRow(
            compound=str(row["compound"]),
            efficacy=Value(
                float(row["efficacy"]), float(row["efficacy_low"]), float(row["efficacy_high"]), int(row["wells"])
            ),
            dose=dose_text(float(row["efficacy_dose_um"])),
            ec50=_ec50(row),
            q=_plain(row["q"]),
            flags=flags_in_words(row["flags"]),
        )
        for row in hits.head(MOST_TREATMENTS).to_dict("records")
    ]
    return cell_type, len(tested), len(hits), rows, toxic_in_words(hits)


def _ec50(row: Mapping[Any, Any]) -> str:
    ends = [float(row[name]) for name in ("ec50_um", "ec50_low_um", "ec50_high_um")]
    return "" if pd.isna(ends[0]) else ec50_in_words(*ends)


def _of_compounds(screened: pd.DataFrame, label: str, rate: str) -> Iterator[str]:
    """How many compounds are hits in each cell type, and the first of them with EC50 and flags; of many cell types together."""
    groups = _tested_compounds(screened)
    if len(groups) > MANY:
        every = pd.concat([part for _, part in groups])
        groups = [(f"{len(groups)} cell types", every)]
    for cell_type, tested in groups:
        hits, of = hits_of(tested), _of(cell_type)
        first = [_named_hit(row) for row in hits.head(NAMED).to_dict("records")]
        more = f" and {len(hits) - NAMED:,} more" if len(hits) > NAMED else ""
        names = f": {'; '.join(first)}{more}" if first else ""
        toxic = f" {toxic[0].upper()}{toxic[1:]}." if (toxic := toxic_in_words(hits)) else ""
        yield (
            f"Hits by {label}{f' in {of}' if of else ''}, above the negative controls at doses not found toxic: {len(hits):,} of "
            f"{counted(len(tested), 'compound')} (false discovery rate {rate}){names}.{toxic}"
        )


def _named_hit(row: Mapping[Any, Any]) -> str:
    """A hit by name, with EC50 and flags: Remdesivir (EC50 57.8 nM [33.4, 84.8], biphasic)."""
    ec50 = _ec50(row)
    said = ", ".join(part for part in (f"EC50 {ec50}" if ec50 else "no EC50", flags_in_words(row["flags"])) if part)
    return f"{row['compound']} ({said})"


def _row(row: Mapping[Any, Any]) -> TreatmentRow:
    return TreatmentRow(
        treatment=str(row["treatment"]),
        dose=dose_text(float(row["concentration_um"])),
        score=Value(float(row["mean"]), float(row["low"]), float(row["high"]), int(row["wells"])),
        plates=int(row["plates"]),
        difference="–" if pd.isna(row["difference"]) else fixed(row["difference"], 2),
        p=_plain(row["p"]),
        q=_plain(row["q"]),
        differs=direction(row["difference"]) if row["differs"] else "",
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
        for metric in ("differing_share", "negatives_differing", "positives_differing")
    ]
    return Calls(featurizer_label(featurizer), drawn, _of(cell_type), *texts)


def _sentences(treated: pd.DataFrame, calls: Sequence[Calls], label: str, rate: str) -> Iterator[str]:
    """What was found of each cell type in which something was tested; of many together."""
    tested = treated[treated["p"].notna()]
    groups = list(tested.groupby("cell_type", sort=False))
    if treated.empty:
        return
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
                f"{_named(part[part['differs']])}.{beside}"
            )


def _treatments(number: int) -> str:
    return counted(number, "treatment and dose", "treatments and doses")


def _share(tested: pd.DataFrame, where: str = "") -> str:
    """How many of what was tested differ from the negative controls."""
    found = "differs" if len(tested) == 1 else "differ"
    return f"{int(tested['differs'].sum()):,} of {_treatments(len(tested))}{where} {found} from the negative controls"


def _of_controls(calls: Calls) -> str:
    """How single control wells fare by the same test, of those kinds that could be tested; empty if none could."""
    kinds = {"negative": calls.negatives, "positive": calls.positives}
    parts = [f"{share} {kind}" for kind, share in kinds.items() if share]
    return f" By the same test {' and '.join(parts)} control wells do." if parts else ""


def _of_others(calls: Sequence[Calls]) -> str:
    """How many differ by the featurizers that are not drawn; empty if there are none."""
    parts = [f"{one.featurizer} {one.treatments}" for one in calls if not one.drawn and one.treatments]
    return f" By other featurizers: {', '.join(parts)}." if parts else ""


def _named(differing: pd.DataFrame) -> str:
    """The first that differ by name, in both directions."""
    parts = []
    for way in (TOWARDS, AWAY):
        some = differing[differing["difference"].map(direction) == way]
        names = [
            f"{name}{dose_text(dose, before=' ')}"
            for name, dose in zip(some["treatment"].head(NAMED), some["concentration_um"].head(NAMED), strict=True)
        ]
        more = f" and {len(some) - NAMED:,} more" if len(some) > NAMED else ""
        if names:
            parts.append(f"{way} {', '.join(names)}{more}")
    return f": {'; '.join(parts)}" if parts else ""
