"""Variance fractions: takes wells of one cell type, makes the share of their profiles' variance that each factor explains.

Analysis of variance with sums of squares pooled over features, which come standardised. Each factor is fitted after the others
(type II), and its share is omega squared, (SS - df MSE) / (SST + MSE): unbiased, so that many small groups are no effect (Hays
1963; Olejnik and Algina 2003). Below 0 means: nothing found.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.linalg import qr

from gandl.evaluation.layout.wells import Wells, centred

FEWEST_FREEDOM = 5
"""Degrees of freedom of the error below which no share is given."""
DEPENDENT = 1e-8

Floats = npt.NDArray[np.float64]

FACTORS = ("plate", "experiment", "row", "column", "edge", "treatment")


def variance_fractions(wells: Wells) -> dict[str, float]:
    """Omega squared by factor.

    Plates (with what their experiments share), experiments, rows and columns are each fitted after kinds of wells and the others
    of these (plates and experiments not after one another); the edge, which rows and columns contain, after kinds and plates;
    the treatment, which is the kind (control or treatment, and dose), after plates.

    Parameters
    ----------
    wells : of one cell type, with centred features (`gandl.evaluation.layout.wells.standardised`).

    Returns
    -------
    NaN for a factor that does not vary, and for all where fewer than 5 degrees of freedom are left or no feature varies.
    """
    nothing = dict.fromkeys(FACTORS, np.nan)
    values = wells.values
    kinds = wells.codes("kind")
    n, k = len(values), kinds.max(initial=-1) + 1
    if n == 0 or not np.abs(values).max(initial=0.0) > 0:
        return nothing
    within = centred(values, kinds)
    dummies = {name: centred(_dummies(wells, name), kinds) for name in FACTORS[:-1]}

    def fitted(*names: str) -> tuple[float, int]:
        """Sum of squares within kinds that some factors explain together, and their degrees of freedom."""
        basis = _basis(np.concatenate([np.empty((n, 0)), *(dummies[name] for name in names)], axis=1))
        return float(np.square(basis.T @ within).sum()), basis.shape[1]

    whole, rank = fitted("plate", "row", "column", "edge")
    total, left = float(np.square(values).sum()), float(np.square(within).sum())
    freedom = n - k - rank
    if freedom < FEWEST_FREEDOM:
        return nothing
    error = (left - whole) / freedom
    pairs = {
        "plate": (fitted("plate", "row", "column"), fitted("row", "column")),
        "experiment": (fitted("experiment", "row", "column"), fitted("row", "column")),
        "row": (fitted("plate", "row", "column"), fitted("plate", "column")),
        "column": (fitted("plate", "row", "column"), fitted("plate", "row")),
        "edge": (fitted("plate", "edge"), fitted("plate")),
    }
    plates = _basis(centred(_dummies(wells, "plate"), np.zeros(n, int)))
    of_plates, plate_rank = float(np.square(plates.T @ values).sum()), plates.shape[1]
    after, after_rank = fitted("plate")
    explained = total - of_plates - (left - after), (n - 1 - plate_rank) - (n - k - after_rank)
    found = {name: (more[0] - less[0], more[1] - less[1]) for name, (more, less) in pairs.items()}
    return {
        name: float((squares - df * error) / (total + error)) if df > 0 else np.nan
        for name, (squares, df) in {**found, "treatment": explained}.items()
    }


def _dummies(wells: Wells, factor: str) -> Floats:
    """(n, k) a column per level."""
    column = {"plate": "plate_id", "row": "row_number"}.get(factor, factor)
    return np.asarray(wells.codes(column)[:, None] == np.arange(wells.about[column].nunique()), float)


def _basis(columns: Floats) -> Floats:
    """Orthonormal columns that span (n, k) columns."""
    if columns.shape[1] == 0 or not np.abs(columns).max() > DEPENDENT:
        return np.empty((len(columns), 0))
    q, r, _ = qr(columns, mode="economic", pivoting=True)
    size = np.abs(np.diag(r))
    return np.asarray(q[:, : int((size > DEPENDENT * size[0]).sum())])
