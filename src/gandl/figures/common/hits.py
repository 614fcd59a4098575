"""Hits in words: takes rows of `evaluation.terms.TREATMENTS`, makes what figure, table and audit page say of them alike."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from gandl.evaluation.terms import NO_CELL_TYPE, OF_CONTROLS, OF_REPLICATES
from gandl.workflow.words import named

TOWARDS, AWAY = "towards C+", "away from C+"
"""Which way a hit differs from the negative controls."""
NAMED = 5
"""Plates that a sentence names at most."""
INTERVALS = {
    OF_REPLICATES: "bootstrap of wells, whose deviations from their treatment's mean are pooled",
    OF_CONTROLS: "Student's t by the spread of the negative controls within plates, since there are too few replicates to pool",
}
"""How intervals of treatments are made, by what their spread is of."""


def direction(difference: float) -> str:
    """Which way a treatment differs from the negative controls."""
    return TOWARDS if difference > 0 else AWAY


def intervals_in_words(treated: pd.DataFrame) -> str:
    """How the intervals of treatments are made, by cell type where these differ; empty if there are none."""
    of = treated.dropna(subset="interval").groupby("cell_type", sort=False)["interval"].first()
    if of.nunique() < 2:
        return "".join(INTERVALS[name] for name in of.unique())
    return "; ".join(f"{cell_type}: {INTERVALS[name]}" for cell_type, name in of.items())


def untested(treated: pd.DataFrame) -> list[str]:
    """Sentences on the cell types, and on the plates, of which treatments were scored and not tested.

    Parameters
    ----------
    treated : treatments and doses of all cell types.
    """
    too_few, sentences = [], []
    for cell_type, part in treated.groupby("cell_type", sort=False):
        plates = part["plates_without_negative"]
        if part["p"].isna().all() and plates.isna().any():
            too_few.append(str(cell_type))
        elif plates.notna().any():
            names = sorted({name for joined in plates.dropna() for name in joined.split("|")})
            verb, their = ("has", "its") if len(names) == 1 else ("have", "their")
            which = named("Plate", _first(names))
            sentences.append(
                f"{which} {verb} no negative control{_in([str(cell_type)])}: {their} wells were scored, not tested."
            )
    if too_few:
        sentences.insert(0, f"None of the treatments{_in(too_few)} was tested: too few negative control wells.")
    return sentences


def _in(cell_types: Iterable[str]) -> str:
    """In which cell types; nothing where these are not known."""
    known = [name for name in cell_types if name != NO_CELL_TYPE]
    return f" in {', '.join(known)}" if known else ""


def _first(names: list[str]) -> list[str]:
    """The first names, and how many more there are."""
    return (
        names if len(names) <= NAMED else [*names[: NAMED - 1], f"{names[NAMED - 1]} and {len(names) - NAMED:,} more"]
    )
