"""Where places leak labels: takes the numbers of the question `layout`, makes a row per place and cell type.

A place leaks the label where it predicts by itself which control a well is, while profiles carry the place: then what separates
the controls can be the place. p values are those of the evaluation, adjusted by Holm within a featurizer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from gandl.config import Normalization, QuestionName
from gandl.evaluation.terms import ALL, NO_CELL_TYPE
from gandl.figures.common.labels import featurizer_label, fixed
from gandl.figures.common.layout import CONFOUNDED, LEAK, PLACES

LEAKS, CONFOUNDS, CLEAR = "leaks", "cannot be separated", "no sign"
WORDS = {
    LEAKS: "leaks the label",
    CONFOUNDS: "predicts the label; no profile was found to carry it",
    CLEAR: "does not predict the label",
}
RAW = Normalization.NONE.value


@dataclass(frozen=True)
class Place:
    """A place in a cell type. `label`: how well it alone predicts which control a well is, beside chance; `before`, `after`: by
    which featurizers' profiles a leak was found, without and under the run's normalisation."""

    place: str
    cell_type: str
    label: str
    chance: str
    verdict: str
    words: str
    before: str
    after: str


def places(numbers: pd.DataFrame, settings: Mapping[str, Any]) -> list[Place]:
    """A row per place and cell type, those that leak first.

    Parameters
    ----------
    numbers : table of `gandl.tables.NUMBERS`. settings : the configuration; alpha is 1 less its confidence.
    """
    alpha = 1 - float(settings["evaluation"]["confidence"]) + 1e-12
    method = settings["normalization"]["method"]
    table = numbers[numbers["question"] == QuestionName.LAYOUT.value]
    found = []
    for split, mine in table.groupby("split", sort=False):
        place, _, group = str(split).partition(":")
        if place not in PLACES:
            continue
        leaking, confounded = (_small(mine, metric, alpha) for metric in (LEAK, CONFOUNDED))
        verdict = LEAKS if leaking else CONFOUNDS if confounded else CLEAR
        asked = set(mine["normalization"])
        found.append(
            Place(
                place=PLACES[place][0].upper() + PLACES[place][1:],
                cell_type="" if group in ("", ALL, NO_CELL_TYPE) else group,
                label=_value(mine, "leak_label_auc"),
                chance=_value(mine, "leak_label_auc_chance"),
                verdict=verdict,
                words=WORDS[verdict],
                before=_who(leaking, RAW) if RAW in asked else "–",
                after=_who(leaking, method) if method in asked else "–",
            )
        )
    return sorted(found, key=lambda row: (LEAKS, CONFOUNDS, CLEAR).index(row.verdict))


def _small(mine: pd.DataFrame, metric: str, alpha: float) -> list[tuple[str, str]]:
    small = mine[(mine["metric"] == metric) & (mine["value"] <= alpha)]
    return list(small[["featurizer", "normalization"]].itertuples(index=False, name=None))


def _value(mine: pd.DataFrame, metric: str) -> str:
    values = mine.loc[mine["metric"] == metric, "value"].dropna()
    return "–" if values.empty else fixed(float(values.iloc[0]), 2)


def _who(leaking: list[tuple[str, str]], method: str) -> str:
    return ", ".join(featurizer_label(name) for name, under in leaking if under == method) or "none"
