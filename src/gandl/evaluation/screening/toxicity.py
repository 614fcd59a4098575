"""Toxicity: takes off-axis distances and numbers of nuclei of wells, makes which treatments and doses harm cells.

A compound that changes cells in a way that is neither infected nor healthy moves wells away from the axis, and one that kills
cells takes nuclei; either may raise the on score and look like a rescue. A treatment counts as toxic where it is farther off the
axis, or has fewer nuclei, than the negative controls of its plates **and** than the positive ones: what a real rescue shares with
healthy wells is no harm. Without positive controls beside it nobody knows what a rescue looks like, and toxicity stays unknown.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.evaluation import hits
from gandl.evaluation.terms import NEGATIVE, POSITIVE

NUCLEI = "nuclei"
"""Column of wells with the mean number of nuclei of a field, where a featurizer counts them."""
SMALLEST = 1e-9

Floats = npt.NDArray[np.float64]


def toxicity(
    wells: pd.DataFrame, treated: pd.DataFrame, groups: npt.NDArray[np.integer[Any]], false_discovery: float
) -> pd.DataFrame:
    """How far treatments are from the controls in what says how well cells are.

    Student's t against the controls of each kind on the same plates (`hits.compare`), one-sided, of the logarithm of the off-axis
    distance and of the square root of the number of nuclei; of the two kinds the larger p counts (an intersection-union test),
    and these are adjusted by Benjamini and Hochberg over all treatments. Wells on plates without controls of a kind do not count.

    Parameters
    ----------
    wells : all of a cell type: control, plate_id, off_norm, and `nuclei` where they were counted. treated : n of them.
    groups : (n,) their treatments 0 ... m - 1. false_discovery : share of false ones accepted among toxic treatments.

    Returns
    -------
    m rows: off_difference (logarithm) and off_q, nuclei_difference (square root) and nuclei_q, toxic. NaN where nothing could
    be tested, `toxic` (nullable boolean) too.
    """
    m = int(groups.max()) + 1
    toxic, tested = np.zeros((2, m), bool)
    found = pd.DataFrame(index=range(m))
    for name, column, above in (("off", "off_norm", True), ("nuclei", NUCLEI, False)):
        difference = q = np.full(m, np.nan)
        if column in wells:
            difference, p = _away(wells, treated, groups, column, above=above)
            q = hits.adjusted(p)
            toxic |= q <= false_discovery
            tested |= np.isfinite(q)
        found[f"{name}_difference"], found[f"{name}_q"] = difference, q
    known = pd.array(toxic, "boolean")
    known[~tested] = pd.NA
    return found.assign(toxic=known)


def _away(
    wells: pd.DataFrame, treated: pd.DataFrame, groups: npt.NDArray[np.integer[Any]], column: str, *, above: bool
) -> tuple[Floats, Floats]:
    """(m,) differences from the negative controls, and (m,) one-sided p of being beyond both kinds of controls."""
    values, blocks = _scaled(treated, column), treated["plate_id"].to_numpy(object)
    difference, p = np.full((2, int(groups.max()) + 1), np.nan)
    for kind in (NEGATIVE, POSITIVE):
        controls = wells[wells["control"] == kind]
        reference = hits.fit_reference(_scaled(controls, column), controls["plate_id"].to_numpy(object))
        away, both_sides = hits.compare(values, blocks, groups, reference)
        one_sided = np.where((away > 0) == above, both_sides / 2, 1 - both_sides / 2)
        if kind == NEGATIVE:
            difference, p = away, one_sided
        else:
            p = np.maximum(p, one_sided)
    return difference, p


def _scaled(wells: pd.DataFrame, column: str) -> Floats:
    """Off-axis distances are positive and multiply; counts have a variance that grows with them."""
    values = wells[column].to_numpy(float)
    return np.sqrt(values) if column == NUCLEI else np.log(np.maximum(values, SMALLEST))
