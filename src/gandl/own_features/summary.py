"""The summary: takes the tables of numbers that the evaluation wrote, makes plain sentences: which questions were answered, with
their main numbers and intervals, and which were not, and why.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from gandl.config import Normalization, QuestionName
from gandl.evaluation.terms import (
    COMPARISONS as COMPARISONS_TABLE,
    COMPOUNDS,
    DOSE_RESPONSE,
    NO_CELL_TYPE,
    RATIO,
    TREATMENTS,
)
from gandl.figures.common.hits import direction, ec50_in_words, flags_in_words, hits_of, toxic_in_words
from gandl.figures.common.labels import SCHEMES, dose_text, number
from gandl.figures.common.layout import layout_caveats, leak_sentences
from gandl.own_features.mechanisms import of_mechanism
from gandl.own_features.questions import COMPARISONS, QUESTIONS, Question
from gandl.own_features.request import Findings
from gandl.source.schemes import Scheme
from gandl.statistics.hill import FEWEST_DOSES, FEWEST_WELLS
from gandl.tables import NUMBERS, read_table
from gandl.workflow.words import counted

MOST = 40
"""Lines of one question; the rest is counted."""
CONFIDENCE = 0.95
"""A place is named where p, after Holm over places and cell types, is at most 1 less this."""
HITS = 15
"""Hits, and treatments that differ, that are named."""
SHARES = (
    "accuracy",
    "balanced_accuracy",
    "differing_share",
    "negatives_differing",
    "positives_differing",
    "hit_share",
    "toxic_share",
    "negative_groups_as_hits",
    "ec50_coverage",
    "false_positives",
)
"""Metrics that are printed in percent."""
WORDS = {
    "z_prime": "Z'",
    "auc": "AUC",
    "ec50_um": "EC50",
    "hill_slope": "Hill slope",
    "differing_share": "differ from the negative controls",
    "negatives_differing": "negative control wells that differ by the same test",
    "positives_differing": "positive control wells that differ by it",
    "hit_share": "hits at doses not found toxic",
    "toxic_share": "toxic at some dose",
    "negative_groups_as_hits": "groups of negative control wells, each as large as a treatment, that the same test calls hits",
    "permutation_p": "p of labels permuted within plates",
    "average_precision": "mean average precision of replicates among negative controls",
    "spearman_severity": "rank correlation with the true severity",
    "ec50_log10_error": "median error of log10 EC50",
    "ec50_coverage": "true EC50s within their interval",
    "false_positives": "inactive compounds with a curve that rises",
}
"""Metrics in words; any other keeps its name, with blanks."""
HIDDEN = (Scheme.PROBE, Scheme.CONFIRMATION)
"""Schemes whose numbers are in the tables alone."""


def summary_lines(
    out: Path,
    sites: pd.DataFrame,
    featurizers: Sequence[str],
    methods: Sequence[Normalization],
    why: str,
    findings: Findings,
    notes: Sequence[str],
) -> list[str]:
    """The summary of an evaluation.

    Parameters
    ----------
    out : folder of results. sites : rows of the sites table. featurizers : those that were evaluated.
    methods : normalisations, the one of most questions first. why : it is the first. findings : what became of the questions.
    notes : of how tables were read, and of what is left out.
    """
    lines = [*_of_screen(sites, featurizers), *_of_methods(methods, why)]
    if notes:
        lines += ["", "Worth knowing", *(f"  {note}" for note in dict.fromkeys(notes))]
    by_image = sites["well_id"].nunique() < len(sites)
    for question in QUESTIONS:
        if paths := _in_order(findings.answered.get(question.name, ()), featurizers, methods):
            lines += [
                "",
                question.title,
                *(f"  {line}" for line in _capped(list(_of_question(question, paths, by_image=by_image)), paths)),
            ]
    for path in findings.answered.get(COMPARISONS, ()):
        lines += ["", "Paired comparisons, on the same held-out wells or images"]
        lines += [f"  {line}" for line in _capped(list(_of_comparisons(path)), [path])]
    if findings.failed:
        lines += ["", "Not evaluated", *(f"  {name}: {reason}" for name, reason in findings.failed.items())]
    if findings.reasons:
        lines += ["", "Not answered"]
        lines += [f"  {name}: {reason}" for name, said in findings.reasons.items() for reason in said]
    return [*lines, "", f"Tables of all numbers, scores and curves are below {out / 'evaluation'}; profiles of wells below "
            f"{out / 'normalization'}."]  # fmt: skip


def _of_screen(sites: pd.DataFrame, featurizers: Sequence[str]) -> Iterator[str]:
    wells = sites.drop_duplicates("well_id")
    kinds = wells["control"].value_counts()
    types = sorted(set(wells["cell_type"]) - {NO_CELL_TYPE})
    yield f"{counted(len(featurizers), 'featurizer')}: {', '.join(featurizers)}"
    yield (
        f"{counted(len(sites), 'row')} of {counted(len(wells), 'well')} on {counted(wells['plate_id'].nunique(), 'plate')}"
        + (f", {counted(len(types), 'cell type')} ({', '.join(types[:6])})" if types else "")
        + f"; {counted(int(kinds.get('positive', 0)), 'positive control well')}, "
        f"{counted(int(kinds.get('negative', 0)), 'negative control well')}"
    )


def _of_methods(methods: Sequence[Normalization], why: str) -> Iterator[str]:
    first, *others = [method.value for method in methods]
    beside = f"; for comparison {', '.join(others)}" if others else ""
    yield (
        f"normalisation: {first} ({why}){beside}. Z' and EC50 depend on it: numbers of another one, such as a run's own, need "
        "--normalization (docs/evaluate-your-embeddings.md says what they are)"
    )


def _in_order(paths: Sequence[Path], featurizers: Sequence[str], methods: Sequence[Normalization]) -> list[Path]:
    """Files of numbers (`<featurizer>.<method>.parquet`) by featurizer, the main normalisation first and `none` last."""
    order = sorted((method.value for method in methods), key=Normalization.NONE.value.__eq__)
    order = [methods[0].value, *(method for method in order if method != methods[0])]
    places = {f"{name}.{method}": (i, k) for i, name in enumerate(featurizers) for k, method in enumerate(order)}
    return sorted(paths, key=lambda path: places.get(path.stem, (len(featurizers), 0)))


def _capped(lines: list[str], paths: Sequence[Path]) -> list[str]:
    if len(lines) <= MOST:
        return lines
    return [*lines[:MOST], f"and {len(lines) - MOST:,} more lines, all in {paths[0]}"]


def _of_question(question: Question, paths: Sequence[Path], *, by_image: bool) -> Iterator[str]:
    """A line per featurizer and normalisation, and one of each split and unit; of wells with one image each, wells alone."""
    if question.name == QuestionName.LAYOUT:
        yield from _of_layout(pd.concat([read_table(path, NUMBERS) for path in paths], ignore_index=True))
        return
    floor = False
    for path in paths:
        numbers = read_table(path, NUMBERS)
        numbers = numbers[(numbers["question"] == question.name) & numbers["metric"].isin(question.shown)]
        plain = (numbers["featurizer"] == RATIO) & (path.stem.partition(".")[0] != RATIO)
        numbers, floor = numbers[~plain], floor | bool(plain.any())
        if question.name == DOSE_RESPONSE:
            yield from _of_doses(numbers, path.with_name(f"{path.stem}.points.parquet"))
            continue
        if question.name == QuestionName.MECHANISM:
            yield path.stem.replace(".", ", ")
            yield from of_mechanism(path)
            continue
        for (featurizer, normalization), mine in numbers.groupby(["featurizer", "normalization"], sort=False):
            yield f"{featurizer}, {normalization}"
            for (split, unit), rows in mine.groupby(["split", "unit"], sort=False):
                if str(split).partition(":")[0] not in HIDDEN and (by_image or unit != "site"):
                    yield f"  {_split(str(split))}: {_values(rows, question.shown, str(unit))}"
        if question.name == QuestionName.TREATMENTS:
            yield from _of_treatments(path.with_name(f"{path.stem}.treatments.parquet"))
        elif question.name == QuestionName.SCREENING:
            yield from _of_hits(path.with_name(f"{path.stem}.compounds.parquet"))
    if floor:
        yield f"(the tables also score the column {RATIO} of raw profiles by itself, without a classifier or normalisation)"


def _values(rows: pd.DataFrame, shown: Sequence[str], unit: str) -> str:
    """Metrics with their intervals, and of how many wells (images, treatments) they are."""
    by_metric = {str(row.metric): row for row in _rows(rows)}
    chosen = [by_metric[metric] for metric in shown if metric in by_metric]
    sizes = [f"({counted(int(row.n), _unit(unit))})" for row in chosen]
    if len(set(sizes)) == 1:
        return f"{'; '.join(map(_value, chosen))} {sizes[0]}"
    return "; ".join(f"{_value(row)} {size}" for row, size in zip(chosen, sizes, strict=True))


def _of_doses(numbers: pd.DataFrame, points: Path) -> Iterator[str]:
    """How many series have a curve, the EC50 of each, lowest first, and why others have none."""
    ec50 = numbers[numbers["metric"] == "ec50_um"]
    slopes = numbers[numbers["metric"] == "hill_slope"].set_index(["featurizer", "split"])["value"]
    for (featurizer, normalization), rows in ec50.groupby(["featurizer", "normalization"], sort=False):
        found = rows[rows["value"].notna()].sort_values("value")
        yield f"{featurizer}, {normalization}: {len(found)} of {counted(len(rows), 'series', 'series')} (compound by cell type)"
        for row in _rows(found):
            rises = "rises" if slopes.get((featurizer, row.split), math.nan) > 0 else "falls"
            _, _, of = str(row.split).partition(":")
            words = of.removeprefix(f"{NO_CELL_TYPE}:").replace(":", ", ")
            ec50_text = ec50_in_words(row.value, row.low, row.high)
            yield f"  {words}: EC50 {ec50_text}, {rises} with dose ({counted(int(row.n), 'well')})"
        without = [str(split).partition(":")[2] for split in rows.loc[rows["value"].isna(), "split"]]
        if without:
            yield f"  without a curve: {_why_no_curve(without, pd.read_parquet(points))}"


def _why_no_curve(series: Sequence[str], points: pd.DataFrame) -> str:
    """How many of these series (`<cell type>:<compound>`, or the compound of a screen of one cell type) lack a curve why."""
    known: dict[str, tuple[int, int]] = {}
    for (cell_type, compound), rows in points.groupby(["cell_type", "treatment"]):
        size = int(rows["concentration_um"].nunique()), len(rows)
        known |= {f"{cell_type}:{compound}": size, str(compound): size}
    doses = [known[name][0] for name in series if known[name][0] < FEWEST_DOSES]
    wells = [known[name][1] for name in series if known[name][0] >= FEWEST_DOSES and known[name][1] < FEWEST_WELLS]
    alike = len(series) - len(doses) - len(wells)
    said = [
        f"{len(few)} {'has' if len(few) == 1 else 'have'} too few {what} ({_span(few)}; {fewest} are needed)"
        for few, what, fewest in ((doses, "doses", FEWEST_DOSES), (wells, "wells", FEWEST_WELLS))
        if few
    ]
    return "; ".join(
        [*said, *([f"{alike} {'is' if alike == 1 else 'are'} described as well by a constant"] if alike else [])]
    )


def _span(values: Sequence[int]) -> str:
    return f"{min(values)}" if min(values) == max(values) else f"{min(values)} to {max(values)}"


def _of_layout(numbers: pd.DataFrame) -> Iterator[str]:
    """The places that leak the label, or predict it without a trace in the profiles; else that none was found."""
    if found := [*leak_sentences(numbers, CONFIDENCE), *layout_caveats(numbers, CONFIDENCE)]:
        yield from found
        return
    tests = numbers[numbers["metric"].isin(["leak_p", "leak_confounded_p"]) & numbers["value"].notna()]
    places = dict.fromkeys(str(split).partition(":")[0] for split in tests["split"])
    smallest = f"; smallest p (Holm) {tests['value'].min():.2g}" if len(tests) else ""
    yield f"no place was found to predict the label, or to leak it ({', '.join(places) or 'none could be tested'}{smallest})"


def _of_treatments(path: Path) -> Iterator[str]:
    """The treatments and doses that differ with the smallest p, and which way."""
    table = read_table(path, TREATMENTS)
    found = table[table["differs"]].sort_values("p")
    for row in _rows(found.head(HITS)):
        yield (
            f"  differs {direction(row.difference)}: {row.treatment}{dose_text(row.concentration_um, before=', ')}"
            f"{_in_type(row.cell_type)}: difference {number(row.difference)}, q {row.q:.2g}"
        )
    if len(found) > HITS:
        yield f"  and {len(found) - HITS:,} more that differ in {path.name}"


def _of_hits(path: Path) -> Iterator[str]:
    """The hits among compounds, the most certain first, with efficacy, EC50 and flags, and how many are flagged toxic."""
    hits = hits_of(read_table(path, COMPOUNDS))
    for row in _rows(hits.head(HITS)):
        ends = "" if math.isnan(row.efficacy_low) else f" [{number(row.efficacy_low)}, {number(row.efficacy_high)}]"
        ec50 = "no EC50"
        if not math.isnan(row.ec50_um):
            ec50 = f"EC50 {ec50_in_words(row.ec50_um, row.ec50_low_um, row.ec50_high_um)}"
        flags = flags_in_words(row.flags)
        yield (
            f"  hit: {row.compound}{_in_type(row.cell_type)}: {ec50}, efficacy {number(row.efficacy)}{ends}"
            f"{dose_text(row.efficacy_dose_um, before=' at ')}, q {row.q:.2g}{f'; {flags}' if flags else ''}"
        )
    if len(hits) > HITS:
        yield f"  and {counted(len(hits) - HITS, 'further hit')} in {path.name}"
    if said := toxic_in_words(hits):
        yield f"  {said}"


def _in_type(cell_type: str) -> str:
    """In which cell type; nothing where it is unknown."""
    return "" if cell_type == NO_CELL_TYPE else f" ({cell_type})"


def _of_comparisons(path: Path) -> Iterator[str]:
    table = read_table(path, COMPARISONS_TABLE)
    if table.empty:
        yield "nothing to compare: no held-out wells or images of both kinds were scored for two featurizers"
    for row in _rows(table):
        metric = str(row.metric).removesuffix("_difference")
        of = (
            f"{row.featurizer} minus {row.against}, {row.question}, {_split(str(row.split))}: {WORDS.get(metric, metric)} by "
            f"{_unit(str(row.unit))}"
        )
        if math.isnan(row.low):
            yield f"{of} {_without_interval(row, metric, path.parents[1])}: not apart"
            continue
        ends = f"{_signed(row.value)} [{_signed(row.low)}, {_signed(row.high)}]"
        sure = "apart" if row.p_holm < 0.05 else "not apart"
        yield f"{of} {ends}, p (Holm) {row.p_holm:.2g}: {sure}"


def _without_interval(row: Any, metric: str, evaluation: Path) -> str:
    """A difference that has no interval and no p: that both are identical, and what they are, where that is known."""
    if row.value:
        return f"{_signed(row.value)}, too few to draw for an interval"
    file = evaluation / str(row.question) / f"{row.featurizer}.{row.normalization}.parquet"
    found = read_table(file, NUMBERS) if file.is_file() else pd.DataFrame(columns=NUMBERS.names)
    asked = (found["split"] == row.split) & (found["unit"] == row.unit) & (found["metric"] == metric)
    values = found["value"][asked & (found["featurizer"] == row.featurizer)]
    return (
        f"identical{f' ({number(values.iloc[0])} both)' if len(values) == 1 else ''}, nothing to draw for an interval"
    )


def _rows(table: pd.DataFrame) -> Iterator[Any]:
    yield from table.itertuples()


def _signed(value: float) -> str:
    return f"{value:+.3f}"


def _value(row: Any) -> str:
    """A metric with its interval: Z' 0.61 [0.42, 0.74]."""
    share = row.metric in SHARES
    words = WORDS.get(row.metric, row.metric.replace("_", " "))
    if math.isnan(row.value):
        return f"{words} undefined"
    value, low, high = (f"{100 * end:.1f}" if share else number(end) for end in (row.value, row.low, row.high))
    ends = "" if math.isnan(row.low) or math.isnan(row.high) else f" [{low}, {high}]"
    return f"{words} {value}{' %' if share else ''}{ends}"


def _split(split: str) -> str:
    """A split in words: whole plates held out, HRCE."""
    scheme, _, group = split.partition(":")
    of = "" if group in ("", "all", NO_CELL_TYPE) else f", {group}"
    return f"{SCHEMES.get(scheme, scheme.replace('_', ' '))}{of}"


def _unit(unit: str) -> str:
    return {"site": "image"}.get(unit, unit)
