"""Parts of the tiles: takes wells with their labels, and decides which train, validate and are tested."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from gandl.config import TilesSettings
from gandl.tables.comparison import TEST, TRAIN, VALIDATION
from gandl.workflow.words import counted

logger = logging.getLogger(__name__)

GIVEN = "given_part"
"""Column of the sites table in which a source states the part of an image (`gandl.source.class_folders`)."""


def parts_of_wells(tiles: pd.DataFrame, settings: TilesSettings, rng: np.random.Generator) -> pd.Series:
    """The part of every tile: that of its well, but `test` where the source states so.

    Where a source states a test part (column `given_part`), that part alone is tested, whatever wells its images are of, and the
    validation part is held out of the wells of all others.

    Parameters
    ----------
    tiles : with the columns well_id, cell_type, label, control, treatment and concentration_um; and given_part, or not.

    Returns
    -------
    (tiles,) `train`, `validation` or `test`, of the index of `tiles`.
    """
    given = tiles[GIVEN] == TEST if GIVEN in tiles else pd.Series(False, index=tiles.index)
    test = settings.held_out
    if given.any():
        test = 0.0
        logger.info(
            "the source states the test part (given_part): %s of %s; validation is held out of the others",
            f"{int(given.sum()):,}",
            counted(len(tiles), "tile"),
        )
        if untested := sorted(set(tiles["cell_type"]) - set(tiles.loc[given, "cell_type"])):
            logger.warning("the source states no test part of %s: no task is tested on it", ", ".join(untested))
    wells = tiles[~given].drop_duplicates("well_id")
    parts = held_out(wells, test, settings.validation, rng).set_axis(wells["well_id"])
    return tiles["well_id"].map(parts.to_dict()).where(~given, TEST)


def held_out(units: pd.DataFrame, test: float, validation: float, rng: np.random.Generator) -> pd.Series:
    """The part of every unit: the given shares of each cell line and label, as evenly as can be over treatments and doses.

    Treatments and doses are taken in random order, and what rounding leaves over goes on to the next: of 30 treatments with two
    wells each, 12 wells are tested with a share of 0.2. At least one unit of each cell line and label is left to train on.

    Parameters
    ----------
    units : with the columns cell_type, label, control, treatment and concentration_um.
    test, validation : shares, in [0, 0.5].

    Returns
    -------
    (units,) `train`, `validation` or `test`, of the index of `units`.
    """
    parts = np.full(len(units), TRAIN, dtype=object)
    shares = {TEST: test, VALIDATION: validation}
    for _, alike in units.reset_index(drop=True).groupby(["cell_type", "label"], dropna=False, sort=True):
        doses = alike.groupby(["control", "treatment", "concentration_um"], dropna=False, sort=True)
        groups = [group.index.to_numpy() for _, group in doses]
        owed = dict.fromkeys(shares, 0.0)
        for place in rng.permutation(len(groups)):
            left = rng.permutation(groups[place])
            size = len(left)
            for part, share in shares.items():
                want = owed[part] + share * size
                taken = min(int(want + 0.5), len(left))
                owed[part] = want - taken
                parts[left[:taken]] = part
                left = left[taken:]
        _leave_one(parts, alike.index.to_numpy(), shares)
    return pd.Series(parts, index=units.index, dtype=object)


def _leave_one(parts: np.ndarray, places: np.ndarray, shares: dict[str, float]) -> None:
    """Where nothing is left to train on, one of the part that has the most above its share does."""
    if (parts[places] == TRAIN).any():
        return
    above = {part: np.sum(parts[places] == part) - share * len(places) for part, share in shares.items()}
    largest = max(above, key=lambda part: above[part])
    parts[places[parts[places] == largest][0]] = TRAIN


def dealt_by_tile(tiles: pd.DataFrame, rng: np.random.Generator) -> pd.Series:
    """The same tiles with their parts dealt anew within each cell line and label: a well's tiles are in several parts.

    Every part keeps its size, so that the split alone differs.
    """
    parts = tiles["part"].to_numpy(object).copy()
    for places in tiles.groupby(["cell_type", "label"], dropna=False, sort=True).indices.values():
        parts[places] = rng.permutation(parts[places])
    return pd.Series(parts, index=tiles.index, dtype=object)
