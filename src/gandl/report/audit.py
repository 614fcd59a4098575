"""The audit page: takes every number, the reference values and the provenance; makes one HTML file and a summary in plain text.

The page needs no script and no other file, so that it opens from anywhere and can be kept beside the numbers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from gandl.config import TRAINED, FeaturizerName, Normalization
from gandl.evaluation.terms import most_treated
from gandl.figures.common.comparisons import read_comparisons, sentences as paired_sentences, set_tables
from gandl.figures.common.labels import featurizer_label, named_with, network_of
from gandl.figures.common.layout import leak_sentences
from gandl.report import numbers, screen
from gandl.report.captions import (
    DOSES,
    FLOORS,
    SIMULATED_CONFIDENCE,
    coverage_note,
    features_in_words,
)
from gandl.report.caveats import COLUMNS, MOCK, caveats, not_evaluated
from gandl.report.costs import duration, stage_costs
from gandl.report.findings import Found, judged_row, score_curve_sentences, sentences, short_training, verdict_sentences
from gandl.report.order import order_of, rankings, references_in_words
from gandl.report.recognition import recognition_story
from gandl.report.reference.values import read_references
from gandl.report.reference.verdicts import Comparison, Verdict, compare, rule_of
from gandl.report.strips import strip
from gandl.report.training import few_images, training_story
from gandl.report.treatments import treatments_story
from gandl.source.schemes import Scheme
from gandl.tables import SITES, read_table
from gandl.workflow.files import atomic
from gandl.workflow.words import counted

METRICS = ("robust_z_prime", "ssmd", "robust_ssmd", "accuracy", "balanced_accuracy", "auc")
JUDGING = (Verdict.AGREES, Verdict.DIFFERS)
CLASSES = {
    Verdict.AGREES: ("good", "✓"),
    Verdict.DIFFERS: ("bad", "✗"),
    Verdict.NO_REFERENCE: ("none", "–"),
    Verdict.NOT_MEASURED: ("none", "–"),
    Verdict.NOT_COMPARABLE: ("none", "≁"),
}


@dataclass(frozen=True)
class AuditInputs:
    """Files that the audit is made from.

    numbers : tables of `gandl.tables.NUMBERS`.
    provenance : provenance.json of the run.
    references : `resources/paper_values.csv`.
    sites : sites table of the screen that is judged, with doses and controls.
    others : sites tables of the other screens of the run.
    curves : training curves (`seed_<n>/curve.parquet`) of the networks that embed; none where nothing was trained.
    treatments, compounds : `evaluation.terms.TREATMENTS` and `COMPOUNDS` of the featurizer that is drawn; None where the question
        was not requested.
    paired : `evaluation.terms.COMPARISONS`; none where no featurizer was compared with a floor.
    """

    numbers: Sequence[Path]
    provenance: Path
    references: Path
    sites: Path
    others: Sequence[Path] = ()
    curves: Sequence[Path] = ()
    treatments: Path | None = None
    compounds: Path | None = None
    paired: Sequence[Path] = ()


@dataclass(frozen=True)
class Column:
    """A column of the table of Z': a split, its plate rows, how its wells were held out, and its number of wells by control."""

    split: str
    rows: str
    how: str
    counts: dict[str, int]

    @property
    def named(self) -> str:
        return self.split.partition(":")[2]


def write_audit(inputs: AuditInputs, output: Path, summary: Path) -> None:
    """Write the audit page and the summary that `make reproduce` prints.

    Raises
    ------
    gandl.tables.TableError : a table breaks its schema.
    gandl.report.reference.values.ReferenceError : the table of reference values has a mistake.
    """
    settings = json.loads(Path(inputs.provenance).read_text(encoding="utf-8"))["configuration"]
    plate = settings["source"]["bbbc013"] is not None
    with named_with(network_of(settings["embeddings"])):
        context = audit_context(inputs) if plate else screen_context(inputs)
    template = "plate.html.jinja" if plate else "screen.html.jinja"
    page = _environment().get_template(template).render(context)
    with atomic(Path(output)) as partial:
        partial.write_text(page, encoding="utf-8")
    with atomic(Path(summary)) as partial:
        partial.write_text("\n".join(summary_lines(context)) + "\n", encoding="utf-8")


def summary_lines(context: dict[str, Any]) -> list[str]:
    """A few lines for the terminal on what was found."""
    kind = "simulated screen" if context["simulated"] else "real images"
    return [f"{context['run']}: {context['dataset']}, {kind}", *(f"- {line}" for line in context["findings"])]


def screen_context(inputs: AuditInputs) -> dict[str, Any]:
    """All that the page of a screen of several plates (or a lab's own) shows, as its template names it."""
    provenance = json.loads(Path(inputs.provenance).read_text(encoding="utf-8"))
    settings, simulated = provenance["configuration"], bool(provenance["simulated"])
    method, featurizers = settings["normalization"]["method"], settings["embeddings"]["featurizers"]
    table = numbers.read_numbers(inputs.numbers) if inputs.numbers else numbers.no_numbers()
    ranked = rankings(table, settings)
    judged = next((name for name in TRAINED if name in featurizers), featurizers[0])
    references = [row for name in settings["source"]["datasets"] for row in read_references(inputs.references, name)]
    compared = compare(references, table, method, simulated)
    drawn = FeaturizerName.GANDL_BLOCKS.value if FeaturizerName.GANDL_BLOCKS in featurizers else judged
    sections, series = screen.sections(table, settings), screen.dose_series(table, settings, drawn)
    story = training_story(inputs.curves, settings["training"])
    columns = table["split"].str.startswith(Scheme.LEAVE_COLUMN_OUT.value).any()
    treated, paired = treatments_story(inputs.treatments, table, settings, inputs.compounds), _paired(inputs, settings)
    recognised = recognition_story(table, settings)
    return {
        "run": provenance["run"],
        "dataset": " + ".join(name.upper() for name in settings["source"]["datasets"]),
        "simulated": simulated,
        "provenance": provenance,
        "settings": settings,
        "method": method,
        "confidence": f"{100 * float(settings['evaluation']['confidence']):g} %",
        "screens": screen.counts_in_words([inputs.sites, *inputs.others]),
        "findings": [
            *screen.findings(
                sections,
                series,
                verdict_sentences(compared),
                judged,
                simulated,
                drawn,
                order_of(ranked),
                treated,
                paired["sentences"],
            ),
            *(recognised.findings if recognised else []),
            *short_training(int(settings["training"]["images"]), simulated),
            *leak_sentences(table, float(settings["evaluation"]["confidence"])),
            *score_curve_sentences(table),
            *few_images(inputs.sites, settings["training"]),
            *(story.findings if story else []),
        ],
        "training": story,
        "comparisons": [_of_question(item) for item in compared],
        "sections": sections,
        "series": series,
        "rankings": ranked,
        "reference_wells": references_in_words(settings),
        "most_series": screen.MOST_SERIES,
        "scored": screen.scored_in_words(series),
        "judged": featurizer_label(drawn),
        "treatments": treated,
        "paired": paired,
        "recognition": recognised,
        "trained": bool(set(TRAINED) & set(featurizers)),
        "features": features_in_words(settings["embeddings"]["blocks"], settings["embeddings"]["block_statistics"]),
        "caveats": [
            *([COLUMNS] if columns else []),
            *not_evaluated(inputs.numbers, inputs.sites),
            *caveats(provenance, [], most_treated(read_table(inputs.sites, SITES).drop_duplicates("well_id")), table),
        ],
        "costs": stage_costs(provenance["jobs"]),
        "numbers": numbers.every_number(table),
    }


def audit_context(inputs: AuditInputs) -> dict[str, Any]:
    """All that the page of a single plate with development rows shows, as its template names it."""
    provenance = json.loads(Path(inputs.provenance).read_text(encoding="utf-8"))
    settings, simulated = provenance["configuration"], bool(provenance["simulated"])
    method, featurizers = settings["normalization"]["method"], settings["embeddings"]["featurizers"]
    table = numbers.read_numbers(inputs.numbers)
    series, counts = numbers.tested_doses(inputs.sites), numbers.control_counts(inputs.sites)
    splits = _held_out(table, settings["source"]["bbbc013"]["development_rows"])
    ranked = rankings(table, settings, splits[:1]) if splits else []
    found = Found(
        controls=numbers.controls_rows(table, method, featurizers),
        doses=numbers.dose_rows(table, method, featurizers, series),
        comparisons=compare(read_references(inputs.references, provenance["dataset"]), table, method, simulated),
        series=series,
        splits=splits,
        confidence=float(settings["evaluation"]["confidence"]),
        simulated=simulated,
        images=int(settings["training"]["images"]),
        order=order_of(ranked),
        paired=_paired(inputs, settings)["sentences"],
    )
    columns = _columns(table, settings["source"]["bbbc013"]["development_rows"], inputs.sites)
    story = training_story(inputs.curves, settings["training"])
    treated, paired = treatments_story(inputs.treatments, table, settings, inputs.compounds), _paired(inputs, settings)
    return {
        "run": provenance["run"],
        "dataset": provenance["dataset"].upper(),
        "simulated": simulated,
        "provenance": provenance,
        "settings": settings,
        "method": method,
        "counts": counts,
        "wells": sum(counts.values()),
        "confidence": f"{100 * found.confidence:g} %",
        "findings": [
            *sentences(found),
            *(treated.findings if treated else []),
            *leak_sentences(table, found.confidence),
            *few_images(inputs.sites, settings["training"]),
            *(story.findings if story else []),
        ],
        "training": story,
        "comparisons": [_comparison(item) for item in found.comparisons],
        "columns": columns,
        "coverage_note": _coverage(columns[: len(found.splits)], found.confidence),
        "metrics": {name: numbers.metric_label(name) for name in METRICS if (table["metric"] == name).any()},
        "controls": found.controls,
        "reasons": numbers.reasons(found.controls, found.splits),
        "strips": {row.featurizer: _strip(row, found.splits) for row in found.controls},
        "judged": judged_row(found),
        "treatments": treated,
        "paired": paired,
        "trained": bool(set(TRAINED) & set(featurizers)),
        "held_out": found.splits[0] if found.splits else None,
        "doses": numbers.by_featurizer(found.doses),
        "series": series,
        "dose_note": DOSES.get(provenance["dataset"], ""),
        "rankings": ranked,
        "reference_wells": references_in_words(settings),
        "features": features_in_words(settings["embeddings"]["blocks"], settings["embeddings"]["block_statistics"]),
        "floor_choice": FLOORS.get(provenance["dataset"], "") if FeaturizerName.SEGMENTATION in featurizers else "",
        "mock": MOCK if Normalization.MOCK in settings["normalization"]["methods"] else "",
        "caveats": not_evaluated(inputs.numbers, inputs.sites)
        + caveats(
            provenance,
            list({column.named: column.counts for column in columns}.items()),
            most_treated(read_table(inputs.sites, SITES).drop_duplicates("well_id")),
            table,
        ),
        "costs": stage_costs(provenance["jobs"]),
        "numbers": numbers.every_number(table),
    }


def _paired(inputs: AuditInputs, settings: dict[str, Any]) -> dict[str, Any]:
    """Featurizers against floors: sentences, and a table per set of wells."""
    table, confidence = read_comparisons(inputs.paired), float(settings["evaluation"]["confidence"])
    return {"sentences": paired_sentences(table, confidence), "tables": set_tables(table, confidence)}


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("gandl.report", "templates"),
        autoescape=select_autoescape(["html.jinja"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["duration"] = duration
    environment.filters["counted"] = counted
    return environment


def _comparison(item: Comparison) -> dict[str, Any]:
    reference, ours = item.reference, item.measured
    css, sign = CLASSES[item.verdict]
    value = numbers.Value(ours.value, ours.low, ours.high, ours.n, ours.unit) if ours else None
    orders = reference.metric.endswith("_um")
    return {
        "what": f"{numbers.metric_label(reference.metric)}{' of images' if reference.unit == 'site' else ''}",
        "who": featurizer_label(reference.featurizer),
        "split": reference.split.replace("_", " ").replace("-", "–").replace(":", ": "),
        "reference": "–" if reference.value is None else f"{reference.value:g}",
        "accepted": _range(reference.low, reference.high),
        "ours": (value.precise if orders else value.text) if value else "–",
        "interval": (value.precise_interval if orders else value.interval) if value else "",
        "n": counted(value.n, value.unit) if value else "–",
        "verdict": item.verdict.value,
        "rule": rule_of(reference).value if item.verdict in JUDGING else "",
        "class": css,
        "sign": sign,
        "source": reference.source,
        "place": reference.place,
        "note": reference.note,
    }


def _of_question(item: Comparison) -> dict[str, Any]:
    """The same, with the question in front of the split: on a page of several questions their splits go by the same names."""
    row, title = _comparison(item), screen.TITLES.get(item.reference.question, "")
    return row | {"split": f"{title}, {row['split']}" if title else row["split"]}


def _range(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    if high is None or low is None:
        return f"≥ {low:g}" if low is not None else f"≤ {high:g}"
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _held_out(table: pd.DataFrame, development_rows: Sequence[str]) -> list[str]:
    """Held-out splits that are reported first: over all plate rows, then over the rows that chose nothing."""
    splits = numbers.splits_of(table, numbers.HELD_OUT)
    return [
        split for position, split in enumerate(splits) if position == 0 or numbers.untouched(split, development_rows)
    ]


def _columns(table: pd.DataFrame, development_rows: Sequence[str], sites: Path) -> list[Column]:
    """Splits of the controls that are shown: what was held out first, then the checks beside it."""
    held_out = [(split, "one plate row left out") for split in _held_out(table, development_rows)]
    confirmed = [(split, "trained on the other rows alone") for split in numbers.splits_of(table, Scheme.CONFIRMATION)]
    probed = [(split, "here settings were chosen") for split in numbers.splits_of(table, Scheme.PROBE)]
    columns = []
    for split, how in [*held_out, *confirmed[:1], *probed[:1]]:
        counts = numbers.control_counts(sites, split.partition(":")[2])
        columns.append(Column(split, numbers.rows_of_split(split), how, counts))
    return columns


def _coverage(columns: Sequence[Column], confidence: float) -> str:
    """What the intervals of these columns are worth; empty if it was not simulated."""
    if confidence != SIMULATED_CONFIDENCE:
        return ""
    return coverage_note([(column.counts.get("positive", 0), column.counts.get("negative", 0)) for column in columns])


def _strip(row: numbers.ControlsRow, splits: Sequence[str]) -> str:
    values = [row.values.get((split, "z_prime")) for split in splits[:2]]
    return strip([value for value in values if value is not None and value.known])
