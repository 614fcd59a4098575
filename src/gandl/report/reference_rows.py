"""Reference values on the audit page: takes a reference compared with ours, makes its row as text."""

from __future__ import annotations

from typing import Any

from gandl.figures.common.labels import featurizer_label
from gandl.report import numbers, screen
from gandl.report.made.printed import SIGNS, UNJUDGED
from gandl.report.reference.verdicts import JUDGED, Comparison, rule_of
from gandl.workflow.words import counted


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
