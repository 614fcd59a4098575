"""Whether places leak labels, in sentences: takes the numbers of the question `layout`, computes every word from them."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from gandl.config import Normalization, QuestionName
from gandl.figures.common.labels import featurizer_label, fixed, wells_of
from gandl.workflow.words import counted

PLACES = {
    "plate": "the plate",
    "row": "the plate row",
    "column": "the plate column",
    "edge": "the outer ring of wells",
}
LEAK, CONFOUNDED = "leak_p", "leak_confounded_p"
RAW = Normalization.NONE.value


def leak_sentences(numbers: pd.DataFrame, confidence: float) -> list[str]:
    """A sentence per place and cell type whose place predicts the label while profiles carry it.

    Parameters
    ----------
    numbers : all numbers of a run. confidence : alpha is 1 less this; p values are adjusted by Holm within a featurizer.
    """
    return [
        f"Leakage{_whose(cell_type, table)}: {PLACES[place]} alone predicts which control a well is ({_label(mine)}), and "
        f"profiles carry it {_carried(mine, leaking)}. What separates these controls is in part their place."
        for place, cell_type, mine, table in _places(numbers)
        if (leaking := _found(mine, LEAK, confidence))
    ]


def layout_caveats(numbers: pd.DataFrame, confidence: float) -> list[str]:
    """A sentence per place and cell type whose place predicts the label, though no profile was found to carry it."""
    return [
        f"Layout{_whose(cell_type, table)}: {PLACES[place]} alone predicts which control a well is ({_label(mine)}). "
        f"No profile of {counted(mine['featurizer'].nunique(), 'featurizer')} was found to carry it, but an effect of the place "
        "and the difference between these controls cannot be separated by them alone."
        for place, cell_type, mine, table in _places(numbers)
        if _found(mine, CONFOUNDED, confidence) and not _found(mine, LEAK, confidence)
    ]


def _places(numbers: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame, pd.DataFrame]]:
    """Place, cell type, their numbers, and those of the question."""
    table = numbers[numbers["question"] == QuestionName.LAYOUT.value]
    for split, mine in table.groupby("split", sort=False):
        place, _, cell_type = str(split).partition(":")
        if place in PLACES:
            yield place, cell_type, mine, table


def _whose(cell_type: str, table: pd.DataFrame) -> str:
    types = set(table["split"].str.partition(":")[2])
    return f" ({wells_of(cell_type, types)})" if len(types) > 1 else ""


def _found(mine: pd.DataFrame, metric: str, confidence: float) -> list[tuple[str, str]]:
    """Featurizer and normalisation of which the metric is at most alpha."""
    small = mine[(mine["metric"] == metric) & (mine["value"] <= 1 - confidence + 1e-12)]
    return list(small[["featurizer", "normalization"]].itertuples(index=False, name=None))


def _label(mine: pd.DataFrame) -> str:
    value, chance = (
        mine.loc[mine["metric"] == metric, "value"].iloc[0] for metric in ("leak_label_auc", "leak_label_auc_chance")
    )
    return f"AUC {fixed(value, 2)}, by chance {fixed(chance, 2)}"


def _carried(mine: pd.DataFrame, leaking: list[tuple[str, str]]) -> str:
    """Which profiles carry a place under which normalisation, with what its effect makes of the distance between controls."""
    shares = mine[mine["metric"] == "leak_share"].set_index(["featurizer", "normalization"])["value"]
    parts = []
    for method in dict.fromkeys([RAW, *mine["normalization"]]):
        names = [name for name, under in leaking if under == method]
        if method in set(mine["normalization"]):
            how = "without normalisation" if method == RAW else f"after the normalisation {method}"
            listed = ", ".join(f"{featurizer_label(name)}{_share(shares.get((name, method)))}" for name in names)
            parts.append(f"{how}: {listed or 'none was found to'}")
    return "; ".join(parts)


def _share(share: float | None) -> str:
    """In per cent of the distance between the controls; nothing where it was not fitted."""
    return (
        "" if share is None or pd.isna(share) else f" ({fixed(100 * share, 0)} % of the distance between the controls)"
    )
