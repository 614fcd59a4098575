"""The normalisation that fits a lab's plates: takes their sites, makes the methods to compare, the proposed one first, and why.

Negative controls where every plate has enough of them, as the field does; else wells that are not controls, which are a plate's
normal state only where most of them are inactive.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gandl.config import Normalization, QuestionName
from gandl.normalization.profiles import reference_wells
from gandl.source.split_schemes import SplitError
from gandl.source.splits import make_splits
from gandl.statistics.fold_features import FEWEST_CROSS_FITTED, CrossFitted
from gandl.statistics.folds import folds_of, labels_of
from gandl.statistics.standardisation import FEWEST_WELLS
from gandl.workflow.words import counted

ENOUGH_NEGATIVE = 8
"""With so many negative control wells on every plate these are proposed; fewer make mean and deviation uncertain."""
MOST = 0.5
"""Above this share of treated wells among those that are not controls, these need not be a plate's normal state."""


@dataclass(frozen=True)
class NormalisationChoice:
    """Methods to make and to compare, the proposed one first; and the reasons, a sentence or two each."""

    methods: tuple[Normalization, ...]
    reasons: tuple[str, ...]


def choose_normalisation(sites: pd.DataFrame, *, scored: bool) -> NormalisationChoice:
    """Methods that every plate has enough reference wells for.

    Parameters
    ----------
    sites : rows of the sites table. scored : controls are scored, so that those that are tested may not be the reference.
    """
    wells = sites.drop_duplicates("well_id")
    counts = _per_plate(wells, Normalization.NEGATIVE)
    methods = tuple(_methods(sites, wells, counts, scored=scored))
    reasons = [_why(methods, counts, scored=scored)]
    if methods[0] is Normalization.UNLABELLED:
        reasons += warnings_of(wells)
    return NormalisationChoice(methods, tuple(reasons))


def warnings_of(wells: pd.DataFrame) -> list[str]:
    """What to know where wells that are not controls would be the reference of a screen with both kinds of controls, and most of
    them are treated; else nothing."""
    counts = _per_plate(wells, Normalization.NEGATIVE)
    others = wells[wells["control"] == "none"]
    treated = others["treatment"].notna().groupby(others["plate_id"]).mean()
    ranked = {"positive", "negative"} <= set(wells["control"])
    if not ranked or (counts >= ENOUGH_NEGATIVE).all() or treated.empty or treated.max() <= MOST:
        return []
    return [
        f"{100 * treated.max():.0f} % of the wells of plate {treated.idxmax()} that are not controls have a treatment, and "
        f"plate {counts.idxmin()} has {counted(int(counts.min()), 'negative control well')}. Standardised on wells that are "
        "not controls (`unlabelled`), a plate on which most treatments change the cells has that change as its normal "
        "state, and the order of featurizers can be reversed. Put at least "
        f"{ENOUGH_NEGATIVE} negative control wells on every plate, or look at the other normalisations of the report first."
    ]


def _per_plate(wells: pd.DataFrame, method: Normalization) -> pd.Series:
    """Number of reference wells of each plate."""
    reference = wells[reference_wells(wells, method)]
    return reference.groupby("plate_id")["well_id"].nunique().reindex(wells["plate_id"].unique(), fill_value=0)


def _methods(sites: pd.DataFrame, wells: pd.DataFrame, negative: pd.Series, *, scored: bool) -> Iterator[Normalization]:
    unlabelled = (
        [Normalization.UNLABELLED] if (_per_plate(wells, Normalization.UNLABELLED) >= FEWEST_WELLS).all() else []
    )
    enough = bool((negative >= ENOUGH_NEGATIVE).all())
    if not enough:
        yield from unlabelled
    if scored and (negative >= FEWEST_CROSS_FITTED).all() and _trains_in_every_fold(sites):
        yield Normalization.NEGATIVE_CROSSFIT
    if (negative >= FEWEST_WELLS).all():
        yield Normalization.NEGATIVE
    if enough:
        yield from unlabelled
    if (_per_plate(wells, Normalization.MOCK) >= FEWEST_WELLS).all() and not _mock_is_negative(wells):
        yield Normalization.MOCK
    yield Normalization.NONE


def _mock_is_negative(wells: pd.DataFrame) -> bool:
    """Whether the untreated wells are the negative controls, so that `mock` would only repeat `negative`."""
    mock, negative = (reference_wells(wells, method) for method in (Normalization.MOCK, Normalization.NEGATIVE))
    return bool(np.array_equal(mock, negative))


def _trains_in_every_fold(sites: pd.DataFrame) -> bool:
    """Whether cross-fitting leaves both kinds of controls to train on, whatever is tested."""
    try:
        splits = make_splits(sites, questions=[QuestionName.CONTROLS.value])
    except SplitError:
        return False
    wells = sites.drop_duplicates("well_id")
    features = CrossFitted(np.zeros((len(wells), 1)), wells["plate_id"], wells["well_id"], wells["control"])
    labels = labels_of(wells["control"])
    folds = [
        fold
        for _, of_scheme in splits.groupby("scheme", sort=False)
        for fold in folds_of(of_scheme, wells["well_id"].tolist())
    ]
    return bool(folds) and all({-1, 1} <= set(labels[features.usable(fold.train, fold.test)]) for fold in folds)


def _why(methods: Sequence[Normalization], negative: pd.Series, *, scored: bool) -> str:
    first, *others = methods
    least = f"(at least {negative.min()} on every plate)"
    why = {
        Normalization.NEGATIVE_CROSSFIT: f"each plate in units of its negative control wells {least}, without those that "
        "are being scored",
        Normalization.NEGATIVE: f"each plate in units of its negative control wells {least}"
        + ("; wells that are scored are among them, so scores of controls are somewhat too good" if scored else ""),
        Normalization.UNLABELLED: "each plate in units of its wells that are not controls, since plate "
        f"{negative.idxmin()} has {counted(int(negative.min()), 'negative control well')} and {ENOUGH_NEGATIVE} are wanted "
        "for a reference",
        Normalization.MOCK: "each plate in units of its untreated wells",
        Normalization.NONE: f"not at all, since no kind of reference well is on every plate at least {FEWEST_WELLS} times",
    }[first]
    beside = (
        f" For comparison the report also shows {', '.join(f'`{name}`' for name in others)}, and says whether the order of the "
        "featurizers depends on the choice."
        if others and scored
        else ""
    )
    return f"Plate effects are removed by `{first}`: {why}.{beside}"
