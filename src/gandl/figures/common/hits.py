"""Treatments and hits in words: takes rows of `evaluation.terms.TREATMENTS` and `COMPOUNDS`, makes what figure, table, audit page
and summaries say of them alike."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pandas as pd

from gandl.evaluation.terms import (
    BIPHASIC,
    EC50_ABOVE,
    EC50_BELOW,
    FALLING,
    FEW_DOSES,
    NO_CELL_TYPE,
    NO_DOSE,
    OF_CONTROLS,
    OF_REPLICATES,
    ONE_DOSE,
    ONE_REPLICATE,
    OPEN,
    TOXIC,
    TOXICITY_UNKNOWN,
)
from gandl.figures.common.labels import dose_unit, number
from gandl.workflow.words import counted, named

TOWARDS, AWAY = "towards C+", "away from C+"
"""Which way a treatment differs from the negative controls."""
NAMED = 5
"""Plates that a sentence names at most."""
INTERVALS = {
    OF_REPLICATES: "bootstrap of wells, whose deviations from their treatment's mean are pooled",
    OF_CONTROLS: "Student's t by the spread of the negative controls within plates, since there are too few replicates to pool",
}
"""How intervals of treatments are made, by what their spread is of."""
FLAGGED = {
    EC50_BELOW: "EC50 below the doses",
    EC50_ABOVE: "EC50 above the doses",
    OPEN: "open interval of the EC50",
    BIPHASIC: "biphasic",
    FALLING: "falls with the dose",
    TOXIC: "toxic at some dose",
    TOXICITY_UNKNOWN: "toxicity not tested at some dose",
    NO_DOSE: "no dose",
    ONE_DOSE: "one dose",
    FEW_DOSES: "few doses",
    ONE_REPLICATE: "no replicates",
}
"""Flags of compounds (`evaluation.terms.FLAGS`) in few words; any other keeps its name, with blanks."""


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


def hits_of(compounds: pd.DataFrame) -> pd.DataFrame:
    """The hits among rows of `COMPOUNDS`, the most certain first, of equally certain ones the most effective."""
    order = {"q": True, "efficacy": False, "compound": True}
    return compounds[compounds["hit"]].sort_values(list(order), ascending=list(order.values()), kind="stable")


def flags_in_words(flags: object) -> str:
    """Flags of a compound, joined by |, in words; empty where it has none."""
    return (
        ", ".join(FLAGGED.get(flag, flag.replace("_", " ")) for flag in flags.split("|"))
        if isinstance(flags, str)
        else ""
    )


def ec50_in_words(value: float, low: float, high: float) -> str:
    """An EC50 (um) with its interval, in the unit in which it reads best: 57.8 nM [33.4, 84.8]; ? for an end that is unknown."""
    unit, factor = dose_unit(value)
    ends = [number(end * factor) if math.isfinite(end) else "?" for end in (low, high)]
    return f"{number(value * factor)} {unit} [{', '.join(ends)}]"


def toxic_in_words(hits: pd.DataFrame) -> str:
    """How many of some hits bear the flag toxic, being hits by other doses; empty without hits."""
    toxic = sum(TOXIC in str(flags).split("|") for flags in hits["flags"])
    if not toxic:
        return f"none of {counted(len(hits), 'hit')} bears the flag toxic" if len(hits) else ""
    verb, they, are = ("bears", "it", "is a hit") if toxic == 1 else ("bear", "they", "are hits")
    return f"{toxic:,} of {counted(len(hits), 'hit')} {verb} the flag toxic: {they} {are} by other doses"
