"""Terms that evaluation shares with the readers of its tables: questions, what needs no classifier, the dose series."""

from __future__ import annotations

import pandas as pd

DOSE_RESPONSE = "dose_response"
"""Question: how a score follows the dose."""
IMAGES = "images"
"""Question: what the images hold, whatever was done to the wells."""
RATIO = "nuclear_over_ring"
"""The one column of a featurizer that is scored by itself, without an SVM; also the name of this floor."""
NO_TRAINING = "no_training"
"""Stands in a split for the scheme where nothing was trained, so that nothing had to be held out."""
NUCLEUS_COUNT = "nucleus_count"
"""The column with the nuclei of a field."""


def dose_series(wells: pd.DataFrame) -> pd.DataFrame:
    """The wells of the dose series: treated, with a dose, and no controls."""
    chosen = (wells["control"] == "none") & wells["treatment"].notna() & wells["concentration_um"].notna()
    return wells[chosen]
