"""Folds: positions in the table of wells at hand, whatever the order of the splits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gandl.statistics.folds import FoldError, folds_of, labels_of

WELLS = ["c", "a", "d", "b"]
SPLITS = pd.DataFrame(
    [("y", "train", "a"), ("y", "train", "c"), ("y", "test", "b"), ("x", "test", "a"), ("x", "train", "d")],
    columns=["fold", "part", "well_id"],
)


@pytest.mark.parametrize("seed", range(3))
def test_positions_are_those_of_the_wells_at_hand(seed: int) -> None:
    shuffled = SPLITS.iloc[np.random.default_rng(seed).permutation(len(SPLITS))]
    folds = folds_of(shuffled, WELLS)
    assert [(fold.name, fold.train.tolist(), fold.test.tolist()) for fold in folds] == [
        ("x", [2], [1]),
        ("y", [0, 1], [3]),
    ]


def test_a_well_that_is_not_at_hand_is_named() -> None:
    with pytest.raises(FoldError, match=r"wells\.parquet lacks 1 well of the splits, the first: d"):
        folds_of(SPLITS, ["c", "a", "b"], "wells.parquet")


def test_positive_controls_are_plus_one_and_other_wells_zero() -> None:
    assert labels_of(["negative", "none", "positive"]).tolist() == [-1, 0, 1]
