"""Collapsed codes: takes `collapsed` (1 or 0) by seed and cell line, says which trainings count as collapsed, and in how many
lines.

One rule for table, notes and report: a training has collapsed where its codes have in at least half of its cell lines.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SHARE_OF_LINES = 0.5
"""Of the cell lines of a training, from which on it counts as collapsed."""

Floats = npt.NDArray[np.float64]


def has_collapsed(values: Floats) -> npt.NDArray[np.bool_]:
    """(seeds, lines) 1, 0 or not a number -> (seeds,) whether each training has collapsed; not where nothing is known."""
    known = np.isfinite(values).sum(axis=1)
    return np.asarray((known > 0) & (np.nansum(values, axis=1) >= SHARE_OF_LINES * known))


def lines_collapsed(values: Floats) -> str:
    """In how many cell lines codes have collapsed, in words: `7 of 7 cell lines`, over seeds `5 to 7 of 7`."""
    counts, lines = np.nansum(values, axis=1).astype(int), int(np.isfinite(values).sum(axis=1).max(initial=0))
    least, most = (int(of) for of in (counts.min(initial=lines), counts.max(initial=0)))
    return f"{most if least == most else f'{least} to {most}'} of {lines} cell lines"
