"""The audit's siRNA accuracy: takes every number and the settings, makes the rows and sentences of the page.

The task that the baseline was trained for, in experiments that it has not seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from gandl.config import ChosenWeights
from gandl.evaluation.terms import ALL, RECOGNITION_QUESTION
from gandl.figures.common.labels import featurizer_label
from gandl.report.numbers import Value
from gandl.workflow.words import counted

COLUMNS = {
    "accuracy": ("siRNAs", "chance"),
    "accuracy_in_groups": ("siRNAs, plate’s group known", "chance_in_groups"),
    "accuracy_in_guessed_groups": ("siRNAs, plate’s group guessed", ""),
    "accuracy_of_controls": ("controls", "chance_of_controls"),
}
"""Metric: its words, and the metric of its chance."""
UNITS = {"site": "image", "well": "well"}
CHOSEN = {
    ChosenWeights.LAST: "The last weights are used: no held-out image chose them.",
    ChosenWeights.BEST_QUALITY: "Weights chosen on the same sites: those with the lowest loss of the held-out siRNAs are used, "
    "so that these accuracies are somewhat too high.",
}
UNBOUND = (
    "Intervals draw wells within their experiment (images of a well together): they say nothing of further experiments, whose "
    "differences the rows of single experiments show."
)
GUESSED = (
    "Guessed: the plates of an experiment are dealt to the groups so that their images together are most likely, without any "
    "label; a wrong guess makes all of a plate wrong, so that it has no interval."
)


@dataclass(frozen=True)
class Recognition:
    """The section of the page.

    Attributes
    ----------
    columns : words, unit and chance of each column. rows : who, and a value (None where there is none) per column.
    findings : sentences for the top of the page. notes : what the table rests on.
    """

    columns: list[tuple[str, str, str]] = field(default_factory=list)
    rows: list[tuple[str, list[Value | None]]] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def recognition_story(numbers: pd.DataFrame, settings: Mapping[str, Any]) -> Recognition | None:
    """What the page shows; None where no baseline was trained.

    Parameters
    ----------
    numbers : table of `gandl.tables.NUMBERS`. settings : configuration of the run, as the provenance holds it.
    """
    table = numbers[numbers["question"] == RECOGNITION_QUESTION]
    if table.empty:
        return None
    values = {
        (str(row["split"]).partition(":")[2], str(row["unit"]), str(row["metric"])): Value(
            float(row["value"]), float(row["low"]), float(row["high"]), int(row["n"]), str(row["unit"])
        )
        for row in table.to_dict("records")
    }
    share, label = values[ALL, "site", "share_held_out"], featurizer_label(str(table["featurizer"].iloc[0]))
    if not share.value:
        nothing = "No site is held out (counterparts.baseline.held_out is 0), so that the accuracy is not known."
        return Recognition(notes=[nothing])
    found = [(metric, unit) for metric in COLUMNS for unit in UNITS if (ALL, unit, metric) in values]
    columns = [
        (COLUMNS[metric][0], f"by {UNITS[unit]}", _chance(values, unit, COLUMNS[metric][1])) for metric, unit in found
    ]
    experiments = sorted({who for who, _, _ in values} - {ALL})
    rows = [
        ("all" if who == ALL else who, [values.get((who, unit, metric)) for metric, unit in found])
        for who in (ALL, *experiments)
    ]
    unit_held_out = str(table["split"].iloc[0]).partition(":")[0].removeprefix("held_out_")
    weights = CHOSEN[ChosenWeights(settings["counterparts"]["baseline"]["weights"])]
    guessed = ("accuracy_in_guessed_groups", "site") in found
    notes = [
        _held_out(share, unit_held_out, experiments),
        f"{weights} Controls are apart: a siRNA is chosen among siRNAs alone, a control among controls.",
        f"{UNBOUND} {GUESSED}" if guessed else UNBOUND,
    ]
    return Recognition(columns, rows, _finding(values, label, unit_held_out, experiments), notes)


def _chance(values: Mapping[tuple[str, str, str], Value], unit: str, metric: str) -> str:
    """Chance of guessing right, in words; empty where it is not defined."""
    chance = values.get((ALL, unit, metric))
    return f"chance {_percent(chance.value)}" if chance else ""


def _held_out(share: Value, unit: str, experiments: list[str]) -> str:
    """What was held out: which experiments, how many images."""
    whole = f"the experiments {', '.join(experiments)}" if unit == "experiments" else f"whole {unit}"
    images = f"{round(share.value * share.n):,} of {counted(share.n, 'labelled image')}"
    return f"Held out from its training: {whole}; {images} ({_percent(share.value)})."


def _finding(values: Mapping[tuple[str, str, str], Value], label: str, unit: str, experiments: list[str]) -> list[str]:
    """The sentence for the top of the page."""
    images, wells = values.get((ALL, "site", "accuracy")), values.get((ALL, "well", "accuracy"))
    if images is None or wells is None:
        return []
    where = f"{len(experiments)} experiments" if unit == "experiments" and len(experiments) > 1 else f"whole {unit}"
    text = (
        f"{label} recognises the siRNA of {_with_interval(images)} of {counted(images.n, 'image')} ({counted(wells.n, 'well')}) "
        f"of {where} held out from its training ({_chance(values, 'site', 'chance')})"
    )
    within = values.get((ALL, "site", "accuracy_in_groups"))
    if within is not None:
        known = _chance(values, "site", "chance_in_groups")
        text += f", and of {_with_interval(within)} where the plate’s group of siRNAs is known ({known})"
    return [f"{text}."]


def _with_interval(value: Value) -> str:
    return f"{_percent(value.value)} [{100 * value.low:.1f}, {100 * value.high:.1f}]"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
