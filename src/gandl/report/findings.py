"""What was found, in sentences: takes the rows of the audit's tables, makes plain text. Every word depends on the data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from gandl.config import COUNTERPARTS, TRAINED, Config, QuestionName
from gandl.evaluation.screening.score_curves import SCORE_CURVES
from gandl.evaluation.terms import ALL
from gandl.figures.common.labels import featurizer_label
from gandl.report import numbers, screen
from gandl.report.made.printed import SIGNS, UNJUDGED
from gandl.report.numbers import JUDGED_FIRST, ControlsRow, DoseRow, DoseSeries, rows_of_split
from gandl.report.order import Order, apart
from gandl.report.reference.verdicts import JUDGED, Comparison, Verdict, rule_of
from gandl.workflow.words import counted


@dataclass(frozen=True)
class Found:
    """Everything that the sentences are made from; `splits`: held out over all rows, then over rows that chose nothing."""

    controls: Sequence[ControlsRow]
    doses: Sequence[DoseRow]
    comparisons: Sequence[Comparison]
    series: Sequence[DoseSeries]
    splits: Sequence[str]
    confidence: float
    simulated: bool
    images: int
    """Images that the training showed."""
    order: Order = field(default_factory=Order)
    """Whether the order of featurizers depends on the normalisation."""
    paired: Sequence[str] = ()
    """Which featurizers are above which floors on the same wells."""


def sentences(found: Found) -> list[str]:
    """The findings, most important first, each a plain sentence."""
    judged = judged_row(found)
    parts = [
        *found.order.depends,
        *_separation(found, judged),
        *_floors(found, judged),
        *found.paired,
        *found.order.holds,
        *_doses(found, judged),
        *verdict_sentences(found.comparisons),
    ]
    warning = ["All images of this run are simulated: no number here describes real cells."] if found.simulated else []
    warning += short_training(found.images, found.simulated)
    return warning + parts


def short_training(images: int, simulated: bool) -> list[str]:
    """A warning where a training was cut short; the simulated pair is drawn small, and trains on half as many images."""
    meant = Config().training.images // 2 if simulated else Config().training.images
    if images >= meant:
        return []
    return [
        f"A short training: {images:,} images where {meant:,} are intended. "
        "Numbers of this run are for trying the workflow, not for quoting."
    ]


def judged_row(found: Found) -> ControlsRow | None:
    """The featurizer that the run is judged by: GAN-DL's blocks, else its 512-d layer, else the first."""
    by_name = {row.featurizer: row for row in found.controls}
    for name in JUDGED_FIRST:
        if name in by_name:
            return by_name[name]
    return found.controls[0] if found.controls else None


def _separation(found: Found, judged: ControlsRow | None) -> list[str]:
    if judged is None or not found.splits:
        return []
    values = [(split, judged.values.get((split, "z_prime"))) for split in found.splits]
    known = [(split, value) for split, value in values if value is not None and value.known]
    if not known:
        return [f"{judged.label}: no Z′ could be computed."]
    (first, pooled), rest = known[0], known[1:]
    text = f"{judged.label}: held-out Z′ {pooled.full} over rows {rows_of_split(first)} (n = {counted(pooled.n, 'control well')})"
    others = "".join(
        f"; {value.full} over rows {rows_of_split(split)} alone, which chose no setting (n = {value.n})"
        for split, value in rest
    )
    return [f"{text}{others}."]


def _floors(found: Found, judged: ControlsRow | None) -> list[str]:
    """The judged featurizer against every other that learned nothing from the images."""
    if judged is None or not found.splits or judged.featurizer not in TRAINED:
        return []
    ours = judged.values.get((found.splits[0], "z_prime"))
    if ours is None or not ours.known:
        return []
    lines: dict[bool, list[str]] = {True: [], False: []}
    for row in found.controls:
        floor = row.values.get((found.splits[0], "z_prime"))
        if row.featurizer not in (*TRAINED, *COUNTERPARTS) and floor is not None and floor.known:
            overlap = "" if apart(ours, floor) else ", intervals overlap"
            lines[ours.value > floor.value].append(f"{row.label} ({floor.text}{overlap})")
    texts = []
    if lines[True]:
        texts.append(f"By this Z′ its value is above those of these floors: {'; '.join(lines[True])}.")
    if lines[False]:
        texts.append(f"By this Z′ its value is below those of these floors: {'; '.join(lines[False])}.")
    return texts


def _doses(found: Found, judged: ControlsRow | None) -> list[str]:
    if judged is None:
        return []
    mine = [row for row in found.doses if row.featurizer == judged.featurizer]
    if not mine:
        return []
    parts = [
        f"{row.treatment} {row.text} ({row.place}, n = {counted(row.ec50.n, 'well')})"
        if row.ec50.known
        else f"{row.treatment}: {row.place}"
        for row in mine
    ]
    texts = [f"EC50 by {judged.label}: {'; '.join(parts)}."]
    rising = [row.treatment for row in mine if row.rising]
    level = [row.treatment for row in mine if row.rising is False]
    if rising:
        texts.append(f"Its on score rises with the dose of {' and '.join(rising)}.")
    if level:
        texts.append(f"Its on score does not clearly rise with the dose of {' and '.join(level)}.")
    return texts


def verdict_sentences(comparisons: Sequence[Comparison]) -> list[str]:
    """How many reference values got which verdict."""
    if not comparisons:
        return ["There is no reference value to compare with."]
    counts = Counter(comparison.verdict for comparison in comparisons)
    verdicts = "; ".join(f"{verdict.value}: {counts[verdict]}" for verdict in Verdict if counts[verdict])
    return [f"Verdicts on {counted(len(comparisons), 'reference value')}: {verdicts}."]


def score_curve_sentences(numbers: pd.DataFrame) -> list[str]:
    """What the run's check on simulated scores with a known truth says of its own EC50s and hits; nothing without it."""
    mine = numbers[(numbers["question"] == QuestionName.CALIBRATION) & (numbers["split"] == f"{SCORE_CURVES}:{ALL}")]
    rows = mine.set_index("metric")
    of_ec50s = ("ec50_found", "ec50_interval_coverage", "ec50_interval_open_share", "hit_false_positive_rate")
    if not set(of_ec50s) <= set(rows.index):
        return []
    found, holds, is_open, false = (_in_percent(rows.loc[[name]].iloc[0]) for name in of_ec50s)
    return [
        "Checked on simulated scores with a known truth (no images; normal noise, equal in treated and control wells): of the "
        f"rescues {found} have a curve that rises; the interval of its EC50 holds the true one in {holds}, and in {is_open} it "
        f"is open at an end, so that it can err on the other alone; {false} of the inactive compounds are called hits."
    ]


def _in_percent(row: pd.Series) -> str:
    return f"{100 * row['value']:.1f} % [{100 * row['low']:.1f}, {100 * row['high']:.1f}] (n = {int(row['n']):,})"


def reference_row(item: Comparison) -> dict[str, Any]:
    """What, by whom, reference and ours with interval, verdict and the rule that decided, as text."""
    reference, ours = item.reference, item.measured
    css, sign = SIGNS.get(item.verdict, UNJUDGED)
    value = numbers.Value(ours.value, ours.low, ours.high, ours.n, ours.unit) if ours else None
    orders = reference.metric.endswith("_um")
    return {
        "what": f"{numbers.metric_label(reference.metric)}{' of images' if reference.unit == 'site' else ''}",
        "who": featurizer_label(reference.featurizer),
        "split": numbers.split_in_words(reference.split, reference.question),
        "reference": "–" if reference.value is None else f"{reference.value:g}",
        "accepted": _range(reference.low, reference.high),
        "ours": (value.precise if orders else value.text) if value else "–",
        "interval": (value.precise_interval if orders else value.interval) if value else "",
        "beside": ours.text if ours else "",
        "n": counted(value.n, value.unit) if value else "–",
        "verdict": item.verdict.value,
        "rule": rule_of(reference).value if item.verdict in JUDGED else "",
        "class": css,
        "sign": sign,
        "source": reference.source,
        "place": reference.place,
        "note": reference.note,
        "target": reference.target,
    }


def question_row(item: Comparison) -> dict[str, Any]:
    """The same, with the question in front of the split: on a page of several questions their splits go by the same names."""
    row, title = reference_row(item), screen.TITLES.get(item.reference.question, "")
    return row | {"split": f"{title}, {row['split']}" if title else row["split"]}


def _range(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    if high is None or low is None:
        return f"≥ {low:g}" if low is not None else f"≤ {high:g}"
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
