"""The normalisation that fits a lab's plates: takes their sites, makes the methods to compare, the proposed one first, and why.

Negative controls where every plate has enough of them, as the field does, and where they are scored, only if those that are
tested can be left out; else wells that are not controls, which are a plate's normal state only where most of them are inactive.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gandl.config import Normalization, QuestionName
from gandl.evaluation.terms import MOSTLY_TREATED, most_treated
from gandl.normalization.reference import reference_wells
from gandl.source.split_schemes import SplitError
from gandl.source.splits import make_splits
from gandl.statistics.fold_features import FEWEST_CROSS_FITTED, CrossFitted
from gandl.statistics.folds import folds_of, labels_of
from gandl.statistics.standardisation import FEWEST_WELLS
from gandl.workflow.words import counted

ENOUGH_NEGATIVE = 8
"""With so many negative control wells on every plate these are proposed; fewer make mean and deviation uncertain."""
TOO_GOOD = (
    "`negative` is shown for comparison alone: wells that are scored are among its reference, so scores of controls come out too "
    "good (on noise without any effect, one plate, 8 wells of each kind and 500 features: an AUC of 0.84, where 0.5 is right)."
)
"""Required where negative controls are scored and cannot be left out of their reference; measured in docs/decisions.md."""


@dataclass(frozen=True)
class NormalisationChoice:
    """Methods to make and to compare, the proposed one first; the reasons, a sentence or two each; and in a few words why it is
    the first."""

    methods: tuple[Normalization, ...]
    reasons: tuple[str, ...]
    why: str


def choose_normalisation(sites: pd.DataFrame, *, scored: bool) -> NormalisationChoice:
    """Methods that every plate has enough reference wells for.

    Parameters
    ----------
    sites : rows of the sites table. scored : controls are scored, so that those that are tested may not be the reference.
    """
    wells = sites.drop_duplicates("well_id")
    counts = _per_plate(wells, Normalization.NEGATIVE)
    methods = tuple(_methods(sites, wells, counts, scored=scored))
    why = _why(methods, counts)
    reasons = [_in_full(methods, why, scored=scored)]
    if methods[0] is Normalization.UNLABELLED:
        reasons += _warnings(wells, counts)
    return NormalisationChoice(methods, tuple(reasons), why)


def warnings_of(sites: pd.DataFrame) -> list[str]:
    """What to know of a screen whose reference would be wells that are not controls, if most of these are treated; else nothing.

    sites : rows of the sites table.
    """
    wells = sites.drop_duplicates("well_id")
    counts = _per_plate(wells, Normalization.NEGATIVE)
    found = _warnings(wells, counts)
    return [] if found and (counts >= ENOUGH_NEGATIVE).all() and _trains_in_every_fold(sites) else found


def _warnings(wells: pd.DataFrame, negative: pd.Series) -> list[str]:
    """Nothing where a kind of control is absent: then no featurizers are ranked."""
    plate, share = most_treated(wells)
    if share <= MOSTLY_TREATED or not {"positive", "negative"} <= set(wells["control"]):
        return []
    if negative.min() < ENOUGH_NEGATIVE:
        few = f"plate {negative.idxmin()} has {counted(int(negative.min()), 'negative control well')}"
        remedy = f"Put at least {ENOUGH_NEGATIVE} negative control wells on every plate"
    else:
        few = "negative controls that are tested cannot be left out of their reference"
        remedy = "Spread the controls over the rows and columns of every plate"
    return [
        f"{100 * share:.0f} % of the wells of plate {plate} that are not controls have a treatment, and {few}. Scores are then "
        "relative to treated wells (`unlabelled`): where most treatments change the cells, that change counts as normal, and the "
        f"featurizer that looks best may not be. {remedy}, or compare the normalisations in the report first."
    ]


def _per_plate(wells: pd.DataFrame, method: Normalization) -> pd.Series:
    """Number of reference wells of each plate."""
    reference = wells[reference_wells(wells, method)]
    return reference.groupby("plate_id")["well_id"].nunique().reindex(wells["plate_id"].unique(), fill_value=0)


def _methods(sites: pd.DataFrame, wells: pd.DataFrame, negative: pd.Series, *, scored: bool) -> Iterator[Normalization]:
    """Negative controls first only where their own scores stay honest; without any such reference, none."""
    unlabelled = (
        [Normalization.UNLABELLED] if (_per_plate(wells, Normalization.UNLABELLED) >= FEWEST_WELLS).all() else []
    )
    crossfit = scored and bool((negative >= FEWEST_CROSS_FITTED).all()) and _trains_in_every_fold(sites)
    negative_first = bool((negative >= ENOUGH_NEGATIVE).all()) and (crossfit or not scored)
    without = scored and not crossfit and not unlabelled
    if without:
        yield Normalization.NONE
    if not negative_first:
        yield from unlabelled
    if crossfit:
        yield Normalization.NEGATIVE_CROSSFIT
    if (negative >= FEWEST_WELLS).all():
        yield Normalization.NEGATIVE
    if negative_first:
        yield from unlabelled
    if (_per_plate(wells, Normalization.MOCK) >= FEWEST_WELLS).all() and not _mock_is_negative(wells):
        yield Normalization.MOCK
    if not without:
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


def _why(methods: Sequence[Normalization], negative: pd.Series) -> str:
    """What the first method does, and why it."""
    first, *others = methods
    least = f"(at least {negative.min()} on every plate)"
    enough = negative.min() >= ENOUGH_NEGATIVE
    not_negative = (
        "the negative controls are scored, and without those that are tested a fold has too few of them, or of both kinds to "
        "train on"
        if enough
        else f"plate {negative.idxmin()} has {counted(int(negative.min()), 'negative control well')} and {ENOUGH_NEGATIVE} are "
        "wanted for a reference"
    )
    return {
        Normalization.NEGATIVE_CROSSFIT: f"each plate in units of its negative control wells {least}, without those that "
        "are being scored",
        Normalization.NEGATIVE: f"each plate in units of its negative control wells {least}",
        Normalization.UNLABELLED: f"each plate in units of its wells that are not controls, since {not_negative}",
        Normalization.MOCK: "each plate in units of its untreated wells",
        Normalization.NONE: f"not at all, since {not_negative}, and wells that are not controls are too few"
        if others
        else f"not at all, since no kind of reference well is on every plate at least {FEWEST_WELLS} times",
    }[first]


def _in_full(methods: Sequence[Normalization], why: str, *, scored: bool) -> str:
    first, *others = methods
    beside = (
        f" For comparison the report also shows {', '.join(f'`{name}`' for name in others)}, and says whether the order of the "
        "featurizers depends on the choice."
        if others and scored
        else ""
    )
    honest = Normalization.NEGATIVE_CROSSFIT in methods or Normalization.NEGATIVE not in methods or not scored
    return f"Plate effects are removed by `{first}`: {why}.{beside}{'' if honest else f' {TOO_GOOD}'}"
