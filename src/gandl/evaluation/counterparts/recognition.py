"""siRNA accuracy: takes what the baseline took held-out sites and wells of RxRx1 for, makes numbers with intervals.

Of siRNAs alone, with and without knowledge of which group of siRNAs a plate holds; controls apart. Beside each accuracy the
chance of guessing among the labels that came into question.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from gandl.config import EvaluationSettings
from gandl.evaluation.numbers import Row, number, write_numbers
from gandl.evaluation.terms import ALL, RECOGNITION_QUESTION
from gandl.source.labels import COLUMNS, Unit
from gandl.statistics.shares import accuracies
from gandl.tables import LABELS, RECOGNITION, SITES, read_table

OF_SIRNAS = {
    "accuracy": ("predicted", "chance"),
    "accuracy_in_groups": ("predicted_in_groups", "chance_in_groups"),
    "accuracy_in_guessed_groups": ("predicted_in_guessed_groups", None),
}
"""Accuracies of siRNAs: the column of answers, and of their chance."""
NO_INTERVAL = "accuracy_in_guessed_groups"
"""The plates of an experiment are guessed together, and its wells are right or wrong together: draws of wells say too little."""
NONE = (np.nan, np.nan)


def write_recognition(
    recognition: Path,
    labels: Path,
    sites: Path,
    settings: EvaluationSettings,
    *,
    featurizer: str,
    seed: int,
    training_seed: int,
    output: Path,
) -> None:
    """Write the siRNA accuracy of a network.

    Parameters
    ----------
    recognition : `tables.RECOGNITION`. labels : `tables.LABELS` of its training. sites : of the screen.
    seed : of the bootstrap. training_seed : of the network, for the table.
    output : `tables.NUMBERS`, question `recognition`; splits `held_out_<experiments|plates|wells>:<all|an experiment>`, units
        `site` and `well`; `accuracy`, `accuracy_in_groups`, `accuracy_in_guessed_groups` of siRNAs with `chance` and
        `chance_in_groups`, `accuracy_of_controls` with `chance_of_controls`; `share_held_out` of the labelled sites. Intervals
        draw wells within their experiment; where nothing is held out, the share alone is written.
    """
    about = read_table(Path(labels), LABELS).merge(
        read_table(Path(sites), SITES)[["site_id", "experiment", "plate_id", "well_id"]],
        on="site_id",
        validate="1:1",
        suffixes=("", "_of_site"),
    )
    answers = read_table(Path(recognition), RECOGNITION)
    split = f"held_out_{held_out_unit(about)}"
    share = float((about["part"] == "validation").mean())
    rows = [number(f"{split}:{ALL}", "site", "share_held_out", share, NONE, len(about))]
    for unit, told in answers.groupby("unit", sort=True):
        of_experiments = told.groupby("experiment", sort=True)
        for name, mine in [(ALL, told), *of_experiments]:
            rows += _accuracies(mine, f"{split}:{name}", str(unit), settings, seed)
    names = {"question": RECOGNITION_QUESTION, "featurizer": featurizer, "normalization": "none"}
    write_numbers(rows, output, training_seed=training_seed, **names)


def held_out_unit(labels: pd.DataFrame) -> Unit:
    """What no two parts of a table of labels share: experiments, else plates, else wells.

    Parameters
    ----------
    labels : `part`, `experiment`, `plate_id` of each site.
    """
    for unit, column in COLUMNS.items():
        if labels.groupby(column)["part"].nunique().max() == 1:
            return unit
    return Unit.WELLS


def _accuracies(answers: pd.DataFrame, split: str, unit: str, settings: EvaluationSettings, seed: int) -> Iterator[Row]:
    sirnas, controls = answers[~answers["control"]], answers[answers["control"]]
    for metric, (column, chance) in OF_SIRNAS.items():
        if sirnas[column].isna().any() or sirnas.empty:
            continue
        yield _accuracy(sirnas, column, metric, split, unit, settings, seed)
        if chance is not None:
            yield number(split, unit, chance, float(sirnas[chance].mean()), NONE, len(sirnas))
    if not controls.empty:
        yield _accuracy(controls, "predicted", "accuracy_of_controls", split, unit, settings, seed)
        yield number(split, unit, "chance_of_controls", float(controls["chance"].mean()), NONE, len(controls))


def _accuracy(
    answers: pd.DataFrame, column: str, metric: str, split: str, unit: str, settings: EvaluationSettings, seed: int
) -> Row:
    right = answers[column] == answers["label"]
    of_wells = right.groupby([answers["experiment"], answers["well_id"]], sort=True).agg(["sum", "size"]).reset_index()
    found = accuracies(
        of_wells["sum"],
        of_wells["size"],
        of_wells["experiment"],
        draws=settings.bootstrap,
        confidence=settings.confidence,
        seed=seed,
    ).accuracy
    ends = NONE if metric == NO_INTERVAL else (found.low, found.high)
    return number(split, unit, metric, found.value, ends, len(answers))
