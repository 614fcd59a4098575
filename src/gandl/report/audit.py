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

from gandl.config import TRAINED, FeaturizerName, Normalization
from gandl.evaluation.terms import most_treated
from gandl.figures.common.comparisons import read_comparisons, sentences as paired_sentences, set_tables
from gandl.figures.common.labels import featurizer_label, named_with, network_of
from gandl.figures.common.layout import leak_sentences
from gandl.report import numbers, screen
from gandl.report.captions import DOSES, FLOORS, features_in_words
from gandl.report.caveats import COLUMNS, MOCK, SIMULATED, caveats, not_evaluated
from gandl.report.findings import (
    Found,
    judged_row,
    question_row,
    reference_row,
    score_curve_sentences,
    sentences,
    short_training,
    verdict_sentences,
)
from gandl.report.made.beside import write_beside
from gandl.report.made.costs import stage_costs
from gandl.report.made.landing import write_landing
from gandl.report.made.page import environment
from gandl.report.made.printed import of_whole_paper, printed_rows
from gandl.report.order import Ranking, order_of, rankings, references_in_words
from gandl.report.overview.leaks import places
from gandl.report.overview.questions import overview
from gandl.report.overview.screened import screened
from gandl.report.plate import columns_of, coverage, held_out, strip_of
from gandl.report.recognition import recognition_story
from gandl.report.reference.compounds import under_paper_names
from gandl.report.reference.values import read_references
from gandl.report.reference.verdicts import Comparison, compare, parts_of
from gandl.report.setups import rests_on, setups_story
from gandl.report.training import few_images, training_story
from gandl.report.treatments import treatments_story
from gandl.source.schemes import Scheme
from gandl.tables import SITES, read_table
from gandl.workflow.files import atomic

METRICS = ("robust_z_prime", "ssmd", "robust_ssmd", "accuracy", "balanced_accuracy", "auc")


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
    setups : the table of setups and that of the ranking's stability (`evaluation.comparison`); none where none were compared.
    similarity : numbers of the task of similarity, of every setup and seed. tiles : those that setups are trained on.
    paired : `evaluation.terms.COMPARISONS`; none where no featurizer was compared with a floor.
    printed : `audit.csv` (`gandl.report.audit_table`), where every value that the papers print stands beside ours.
    landing : the project's text on the landing page of Snakemake's report (a template), where that page is made.
    """

    numbers: Sequence[Path]
    provenance: Path
    references: Path
    sites: Path
    others: Sequence[Path] = ()
    curves: Sequence[Path] = ()
    treatments: Path | None = None
    compounds: Path | None = None
    setups: Sequence[Path] = ()
    similarity: Sequence[Path] = ()
    tiles: Path | None = None
    paired: Sequence[Path] = ()
    printed: Path | None = None
    landing: Path | None = None


@dataclass(frozen=True)
class AuditOutputs:
    """What Snakemake's report takes from the audit: a sentence per figure or table on what the paper states, the landing page."""

    beside: Path
    landing: Path


def write_audit(inputs: AuditInputs, output: Path, summary: Path, further: AuditOutputs | None = None) -> None:
    """Write the audit page, the summary that `make reproduce` prints, and on request what Snakemake's report takes from them.

    Raises
    ------
    gandl.tables.TableError : a table breaks its schema.
    gandl.report.reference.values.ReferenceError : the table of reference values has a mistake.
    """
    settings = json.loads(Path(inputs.provenance).read_text(encoding="utf-8"))["configuration"]
    kind, context_of = "screen", screen_context
    if not settings["embeddings"]["featurizers"]:
        kind, context_of = "comparison", comparison_context
    elif settings["source"]["bbbc013"] is not None:
        kind, context_of = "plate", audit_context
    with named_with(network_of(settings["embeddings"])):
        context = context_of(inputs)
    template = f"{kind}.html.jinja"
    page = environment().get_template(template).render(context)
    with atomic(Path(output)) as partial:
        partial.write_text(page, encoding="utf-8")
    with atomic(Path(summary)) as partial:
        partial.write_text("\n".join(summary_lines(context)) + "\n", encoding="utf-8")
    if further is not None and inputs.landing is not None:
        write_beside(context["comparisons"], further.beside, inputs.printed)
        found = [*(context["overview"].sentences if context["overview"] else []), *context["top"]]
        write_landing(further.landing, inputs.landing, context["provenance"], context["screens"], found)


def summary_lines(context: dict[str, Any]) -> list[str]:
    """A few lines for the terminal on what was found."""
    kind = "simulated screen" if context["simulated"] else "real images"
    return [f"{context['run']}: {context['dataset']}, {kind}", *(f"- {line}" for line in context["findings"])]


def screen_context(inputs: AuditInputs) -> dict[str, Any]:
    """All that the page of a screen of several plates (or a lab's own) shows, as its template names it."""
    run = _run(inputs)
    settings, table, featurizers = run.settings, run.table, run.settings["embeddings"]["featurizers"]
    ranked = rankings(table, settings)
    judged = next((name for name in TRAINED if name in featurizers), featurizers[0])
    references = [row for name in settings["source"]["datasets"] for row in read_references(inputs.references, name)]
    ours = under_paper_names(table, references)
    compared = compare(references, ours, run.method, run.simulated, parts_of(settings))
    drawn = FeaturizerName.GANDL_BLOCKS.value if FeaturizerName.GANDL_BLOCKS in featurizers else judged
    sections, series = screen.sections(table, settings), screen.dose_series(table, settings, drawn)
    columns = table["split"].str.startswith(Scheme.LEAVE_COLUMN_OUT.value).any()
    common = _common(inputs, run, ranked, compared, drawn)
    recognised = recognition_story(table, settings)
    return {
        **common,
        "dataset": " + ".join(name.upper() for name in settings["source"]["datasets"]),
        "findings": [
            *screen.findings(
                sections,
                series,
                verdict_sentences(compared),
                judged,
                run.simulated,
                drawn,
                order_of(ranked),
                common["treatments"],
                common["paired"]["sentences"],
            ),
            *(recognised.findings if recognised else []),
            *short_training(int(settings["training"]["images"]), run.simulated),
            *common["further"],
        ],
        "comparisons": [question_row(item) for item in compared],
        "sections": sections,
        "series": series,
        "most_series": screen.MOST_SERIES,
        "scored": screen.scored_in_words(series),
        "judged": featurizer_label(drawn),
        "recognition": recognised,
        "caveats": [
            *([COLUMNS] if columns else []),
            *not_evaluated(inputs.numbers, inputs.sites),
            *caveats(
                run.provenance, [], most_treated(read_table(inputs.sites, SITES).drop_duplicates("well_id")), table
            ),
        ],
    }


def audit_context(inputs: AuditInputs) -> dict[str, Any]:
    """All that the page of a single plate with development rows shows, as its template names it."""
    run = _run(inputs)
    settings, table, provenance = run.settings, run.table, run.provenance
    method, featurizers = run.method, settings["embeddings"]["featurizers"]
    series, counts = numbers.tested_doses(inputs.sites), numbers.control_counts(inputs.sites)
    splits = held_out(table, settings["source"]["bbbc013"]["development_rows"])
    ranked = rankings(table, settings, splits[:1]) if splits else []
    compared = compare(read_references(inputs.references, provenance["dataset"]), table, method, run.simulated)
    drawn = next((name for name in numbers.JUDGED_FIRST if name in featurizers), featurizers[0])
    common = _common(inputs, run, ranked, compared, drawn, splits)
    found = Found(
        controls=numbers.controls_rows(table, method, featurizers),
        doses=numbers.dose_rows(table, method, featurizers, series),
        comparisons=compared,
        series=series,
        splits=splits,
        confidence=float(settings["evaluation"]["confidence"]),
        simulated=run.simulated,
        images=int(settings["training"]["images"]),
        order=order_of(ranked),
        paired=common["paired"]["sentences"],
    )
    columns = columns_of(table, settings["source"]["bbbc013"]["development_rows"], inputs.sites)
    treated = common["treatments"]
    return {
        **common,
        "dataset": provenance["dataset"].upper(),
        "counts": counts,
        "wells": sum(counts.values()),
        "findings": [*sentences(found), *(treated.findings if treated else []), *common["further"]],
        "comparisons": [reference_row(item) for item in found.comparisons],
        "columns": columns,
        "coverage_note": coverage(columns[: len(found.splits)], found.confidence),
        "metrics": {name: numbers.metric_label(name) for name in METRICS if (table["metric"] == name).any()},
        "controls": found.controls,
        "reasons": numbers.reasons(found.controls, found.splits),
        "strips": {row.featurizer: strip_of(row, found.splits) for row in found.controls},
        "judged": judged_row(found),
        "held_out": found.splits[0] if found.splits else None,
        "doses": numbers.by_featurizer(found.doses),
        "series": series,
        "dose_note": DOSES.get(provenance["dataset"], ""),
        "floor_choice": FLOORS.get(provenance["dataset"], "") if FeaturizerName.SEGMENTATION in featurizers else "",
        "mock": MOCK if Normalization.MOCK in settings["normalization"]["methods"] else "",
        "caveats": not_evaluated(inputs.numbers, inputs.sites)
        + caveats(
            provenance,
            list({column.named: column.counts for column in columns}.items()),
            most_treated(read_table(inputs.sites, SITES).drop_duplicates("well_id")),
            table,
        ),
    }


def comparison_context(inputs: AuditInputs) -> dict[str, Any]:
    """All that the page of a run shows which compares setups alone, as its template names it."""
    run = _run(inputs)
    story = setups_story(inputs.setups, inputs.similarity, run.settings, inputs.tiles)
    found = story.sentences if story else []
    return {
        **_made(inputs, run),
        "dataset": " + ".join(name.upper() for name in run.settings["source"]["datasets"]),
        "findings": found,
        "comparisons": [],
        "overview": None,
        "top": found,
        "training": None,
        "setups": story,
        "rests_on": rests_on(run.settings, inputs.sites),
        "caveats": [*(SIMULATED if run.simulated else []), *not_evaluated(inputs.numbers, inputs.sites)],
    }


@dataclass(frozen=True)
class _Run:
    """What both pages are made from: the provenance and its configuration, and every number."""

    provenance: dict[str, Any]
    settings: dict[str, Any]
    table: pd.DataFrame

    @property
    def method(self) -> str:
        return str(self.settings["normalization"]["method"])

    @property
    def simulated(self) -> bool:
        return bool(self.provenance["simulated"])


def _run(inputs: AuditInputs) -> _Run:
    provenance = json.loads(Path(inputs.provenance).read_text(encoding="utf-8"))
    table = numbers.read_numbers(inputs.numbers)
    return _Run(provenance, provenance["configuration"], table)


def _common(
    inputs: AuditInputs,
    run: _Run,
    ranked: Sequence[Ranking],
    compared: Sequence[Comparison],
    drawn: str,
    splits: Sequence[str] = (),
) -> dict[str, Any]:
    """What both pages show. `top`: the sentences above everything; `further`: findings that both report last."""
    settings, table, confidence = run.settings, run.table, float(run.settings["evaluation"]["confidence"])
    story, setups = (
        training_story(inputs.curves, settings["training"]),
        setups_story(inputs.setups, inputs.similarity, settings, inputs.tiles),
    )
    few, rolled_back = few_images(inputs.sites, settings["training"]), story.findings if story else []
    return {
        **_made(inputs, run),
        "overview": overview(table, settings, splits),
        "screened": screened(table, settings, drawn),
        "places": places(table, settings),
        "top": [
            *short_training(int(settings["training"]["images"]), run.simulated),
            *few,
            *rolled_back,
            *verdict_sentences(compared),
        ],
        "setups": setups,
        "further": [
            *(setups.sentences if setups else []),
            *leak_sentences(table, confidence),
            *score_curve_sentences(table),
            *few,
            *rolled_back,
        ],
        "training": story,
        "treatments": treatments_story(inputs.treatments, table, settings, inputs.compounds),
        "paired": _paired(inputs, settings),
        "rankings": ranked,
        "reference_wells": references_in_words(settings),
        "trained": bool(set(TRAINED) & set(settings["embeddings"]["featurizers"])),
        "features": features_in_words(settings["embeddings"]["blocks"], settings["embeddings"]["block_statistics"]),
    }


def _made(inputs: AuditInputs, run: _Run) -> dict[str, Any]:
    """What every page shows, whatever was asked: the run, its screens, what papers print, costs, every number."""
    printed = printed_rows(inputs.printed)
    return {
        "run": run.provenance["run"],
        "screens": screen.counts_in_words([inputs.sites, *inputs.others]),
        "simulated": run.simulated,
        "provenance": run.provenance,
        "settings": run.settings,
        "method": run.method,
        "confidence": f"{100 * float(run.settings['evaluation']['confidence']):g} %",
        "printed": printed,
        "of_whole_paper": of_whole_paper(printed),
        "costs": stage_costs(run.provenance["jobs"]),
        "numbers": numbers.every_number(run.table),
        "number_count": len(run.table),
    }


def _paired(inputs: AuditInputs, settings: dict[str, Any]) -> dict[str, Any]:
    """Featurizers against floors: sentences, and a table per set of wells."""
    table, confidence = read_comparisons(inputs.paired), float(settings["evaluation"]["confidence"])
    return {"sentences": paired_sentences(table, confidence), "tables": set_tables(table, confidence)}
