"""Groups: takes plates (or rows, or experiments) of wells and their labels, makes few groups to be left out in turn."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

FEW_GROUPS = 8
"""Most groups that are left out one by one; more are merged."""
DEALT = 5


def dealt(groups: npt.ArrayLike, labels: npt.ArrayLike) -> npt.NDArray[np.generic]:
    """Groups as they are where there are at most 8; else those merged into 5, those of like labels to different ones.

    Parameters
    ----------
    groups, labels : (n,) of each well; wells of a group stay together.

    Returns
    -------
    (n,) groups, or numbers 0 to 4.
    """
    groups = np.asarray(groups)
    table = pd.DataFrame({"group": groups, "label": np.asarray(labels)})
    shares = pd.crosstab(table["group"], table["label"], normalize="index")
    if len(shares) <= FEW_GROUPS:
        return groups
    order = shares.reset_index().sort_values([*shares.columns, "group"]).reset_index(drop=True)
    number = pd.Series(np.arange(len(order)) % DEALT, index=order["group"])
    return table["group"].map(number).to_numpy()
