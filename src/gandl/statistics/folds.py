"""Folds: takes a splits table and the wells at hand, makes positions to train on and to test; and controls as numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.statistics.held_out import Fold
from gandl.workflow.words import counted

LABELS = {"positive": 1, "negative": -1, "none": 0}
"""What `held_out_scores` calls a control of the sites table."""


class FoldError(ValueError):
    """Splits and wells do not fit; the message names the well."""


def labels_of(controls: Iterable[str]) -> npt.NDArray[np.int_]:
    """(n,) +1 for positive controls, -1 for negative ones, 0 for any other well."""
    return np.array([LABELS[control] for control in controls], dtype=int)


def folds_of(splits: pd.DataFrame, well_ids: Sequence[str], where: str = "the table of wells") -> list[Fold]:
    """Positions of the training and test wells of every fold, both in ascending order, whatever the order of the splits.

    Parameters
    ----------
    splits : rows of one question and scheme (columns fold, part, well_id).
    well_ids : (n,) the wells at hand, each once.
    where : what holds those wells, as the message of the error says it.

    Raises
    ------
    FoldError : a well of the splits is not at hand.
    """
    position = {well: number for number, well in enumerate(well_ids)}
    unknown = set(splits["well_id"]) - set(position)
    if unknown:
        raise FoldError(f"{where} lacks {counted(len(unknown), 'well')} of the splits, the first: {min(unknown)}")
    return [
        Fold(str(fold), *(_positions(of_fold, part, position) for part in ("train", "test")))
        for fold, of_fold in splits.groupby("fold", sort=True)
    ]


def _positions(splits: pd.DataFrame, part: str, position: dict[str, int]) -> npt.NDArray[np.int_]:
    return np.array(sorted(position[well] for well in splits.loc[splits["part"] == part, "well_id"]), dtype=int)
