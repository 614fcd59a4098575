"""Reference wells: takes rows of a sites table, says on which of them a method is fitted, and refuses too few."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.config import Normalization


class NormalizationError(ValueError):
    """Embeddings cannot be normalised; the message names the plate or the file."""


def reference_wells(sites: pd.DataFrame, method: Normalization) -> npt.NDArray[np.bool_]:
    """Which rows of a sites table a method standardises on.

    `unlabelled`: wells that are not controls, so that no label of a test control leaks. `negative` and `negative_crossfit`:
    negative controls, by their label (a lab's vehicle wells, whatever their treatment is called; BBBC013: untreated wells;
    RxRx19a: infected, untreated wells, C-). `mock`: wells to which nothing was done, by their condition (`mock`, or `untreated`
    in screens without infection; BBBC013: C-, the same as `negative`; RxRx19a: uninfected Mock wells, C+; of a lab's plates also
    untreated wells that are no controls, and no vehicle well that names its treatment). What is standardised on controls knows
    of a tested well that it is such a control (`negative`, `mock`), unless the tested ones are left out (`negative_crossfit`).
    """
    if method is Normalization.UNLABELLED:
        return (sites["control"] == "none").to_numpy(bool)
    if method in (Normalization.NEGATIVE, Normalization.NEGATIVE_CROSSFIT):
        return (sites["control"] == "negative").to_numpy(bool)
    if method is Normalization.MOCK:
        return sites["condition"].isin(["mock", "untreated"]).to_numpy(bool)
    raise ValueError(f"the wells of the normalisation {method} are a setting")
