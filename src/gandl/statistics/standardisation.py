"""Standardisation: takes features of sites and each plate's reference wells, makes features in the reference's units.

The one place where a plate's mean and deviation are taken: profiles, the probe and benchmarks share it.

By hand: pycytominer takes sites for wells, and keeps what does not vary in the reference in raw units (docs/decisions.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.workflow.words import counted

FEWEST_WELLS = 3
"""Fewer reference wells than this give no standard deviation worth dividing by."""
ROUNDING = 1e-9
"""A feature that varies less than this, relative to its size, is constant but for rounding."""

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class StandardisationError(ValueError):
    """A plate cannot be standardised; the message names it."""


@dataclass(frozen=True)
class Units:
    """What features are measured in: mean and deviation of a reference, and where that varies beyond rounding; (d,) each."""

    mean: Floats
    deviation: Floats
    varies: Flags

    def apply(self, values: Floats) -> Floats:
        """(n, d) -> (n, d): (x - mean) / deviation; 0 where the reference does not vary."""
        return np.where(self.varies, (values - self.mean) / np.where(self.varies, self.deviation, 1.0), 0.0)


def standardise(
    values: Floats, plates: npt.ArrayLike, wells: npt.ArrayLike, reference: Flags, purpose: str = "standardising"
) -> Floats:
    """Standardise features plate by plate.

    Parameters
    ----------
    values : (n, d) features of sites (or of wells).
    plates, wells : (n,) each row's plate and well.
    reference : (n,) which rows are of reference wells.
    purpose : what the reference is for, as the message of the error says it.

    Returns
    -------
    (n, d): (x - mean) / sample standard deviation over the reference wells of the same plate, each well the mean of its sites;
    a feature that does not vary there is 0.

    Raises
    ------
    StandardisationError : a plate with fewer than 3 reference wells.
    """
    plates, wells = np.asarray(plates, dtype=object), np.asarray(wells, dtype=object)
    check_reference(plates, wells, reference, purpose)
    out = np.empty_like(values)
    for plate in dict.fromkeys(plates):
        here = plates == plate
        out[here] = units_of(well_means(values[here & reference], wells[here & reference])).apply(values[here])
    return out


def units_of(reference: Floats) -> Units:
    """Mean and sample deviation of (n, d) reference rows."""
    deviation = reference.std(axis=0, ddof=1) if len(reference) > 1 else np.zeros(reference.shape[1])
    return Units(reference.mean(axis=0), deviation, deviation > ROUNDING * np.abs(reference).max(axis=0))


def check_reference(
    plates: npt.ArrayLike, wells: npt.ArrayLike, reference: Flags, purpose: str = "standardising"
) -> None:
    """Raise `StandardisationError` where a plate has too few reference wells; parameters as in `standardise`."""
    plates, wells = np.asarray(plates, dtype=object), np.asarray(wells, dtype=object)
    for plate in dict.fromkeys(plates):
        found = len(set(wells[(plates == plate) & reference]))
        if found < FEWEST_WELLS:
            raise StandardisationError(
                f"plate {plate} has {counted(found, 'reference well')} for {purpose}; at least {FEWEST_WELLS} are needed"
            )


def well_means(values: Floats, wells: npt.NDArray[np.object_]) -> Floats:
    """(n, d) features of sites -> (m, d) of wells, each the mean of its sites, in the order of their first sites."""
    return pd.DataFrame(values).groupby(wells, sort=False).mean().to_numpy()
