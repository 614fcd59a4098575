"""Spread of codes: takes codes of tiles, says how much of them differs between tiles, and in how many directions.

Both are free of the codes' scale, so that one limit tells a collapsed network from a working one, whatever it was trained on.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def feature_spread(values: npt.ArrayLike) -> float:
    """Share of the size of (n, d) codes that differs between tiles: sqrt(variance / mean square), summed over features.

    0: all tiles have one code, whatever it is (a collapsed network); 1: the codes' mean is 0. Unlike the features' standard
    deviations, which a collapsed network may have larger than another one, it stays when codes are multiplied by a factor.
    """
    codes = np.asarray(values, np.float64)
    square = float((codes**2).mean(axis=0).sum()) if len(codes) else 0.0
    return float(np.sqrt(codes.var(axis=0).sum() / square)) if square else 0.0


def effective_rank(values: npt.ArrayLike) -> float:
    """In how many directions (n, d) codes differ: (sum of variances of components)^2 / sum of their squares, 0 where they do not.

    The participation ratio: r for codes that vary alike in r directions.
    """
    codes = np.asarray(values, np.float64)
    if len(codes) < 2:
        return 0.0
    centred = codes - codes.mean(axis=0)
    gram = centred @ centred.T if len(codes) <= codes.shape[1] else centred.T @ centred
    total = float(np.trace(gram))
    return total**2 / float((gram**2).sum()) if total else 0.0
