"""Places from profiles: takes wells of one cell type, makes how well plate, experiment, row, column and edge are predicted.

Known wells alone (controls, and untreated wells of known condition), each less the mean of its kind, so that no treatment and no
control explains what is found. Plates: half of each plate's wells are predicted from the other half, over all plates of the cell
type. Experiments: whole plates are left out, one of each at a time. Rows, columns and edge: less the plate's mean too, and plates
are left out, so that an effect counts that is the same on several plates; on a single plate, parts of its wells. Chance comes
from permutations: of plates within kinds and halves, of experiments over the plates left out together, of places within kinds
and plates.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.evaluation.layout.permutations import (
    Integers,
    Permuted,
    held_out_accuracy,
    held_out_auc,
    shuffles,
    tested,
    whitened,
)
from gandl.evaluation.layout.wells import MOST_BANDS, Wells, bands, centred

FEWEST = 8
"""Known wells below which nothing is tested."""
MOST_CLASSES = 64
"""Plates of a cell type that are told apart at most, the first by name."""
DEALT = 5
"""Groups of plates that are left out in turn, where there are more plates."""
PARTS = 4
"""Parts of a single plate of which each is predicted from the others."""
WELLS_OF_A_BAND = 8
"""Rows (columns) are joined to at most 8 bands of neighbours, with so many wells each on a plate: a few wells of a line teach no
classifier, and most effects of places are smooth."""
LINES = {"row": "row_number", "column": "column"}


class UntestableError(ValueError):
    """A place cannot be tested; the message says what is missing."""


def place_tests(wells: Wells, draws: int, confidence: float, seed: int) -> dict[str, Permuted | str]:
    """Test every place.

    Parameters
    ----------
    wells : known ones of one cell type. draws : permutations. confidence : of the interval of chance.

    Returns
    -------
    By place (plate, experiment, row, column: balanced accuracy; edge: AUC), or why it cannot be tested.
    """
    tests: dict[str, Callable[[Wells, int, int], tuple[npt.NDArray[np.floating], int]]] = {
        "plate": _plate,
        "experiment": _experiment,
        "row": lambda *given: _line("row", *given),
        "column": lambda *given: _line("column", *given),
        "edge": _edge,
    }
    found: dict[str, Permuted | str] = {}
    for place, test in tests.items():
        try:
            if len(wells.about) < FEWEST:
                raise UntestableError(f"fewer than {FEWEST} controls and untreated wells")
            found[place] = tested(*test(wells, draws, seed), confidence)
        except UntestableError as error:
            found[place] = str(error)
    return found


def _plate(wells: Wells, draws: int, seed: int) -> tuple[npt.NDArray[np.floating], int]:
    kept = sorted(wells.about["plate_id"].unique())[:MOST_CLASSES]
    wells = wells.where(wells.about["plate_id"].isin(kept))
    plates, kinds = wells.codes("plate_id"), wells.codes("kind")
    if len(kept) < 2:
        raise UntestableError("the cell type has one plate")
    halves = _dealt(wells.about, ["plate_id", "kind"], 2, seed)
    moved = shuffles(2 * kinds + halves, draws, seed)
    _check_varies(plates[moved])
    values = _whitened(centred(wells.values, kinds))
    return held_out_accuracy(values, plates[moved], halves), len(plates)


def _experiment(wells: Wells, draws: int, seed: int) -> tuple[npt.NDArray[np.floating], int]:
    plates = wells.about.drop_duplicates("plate_id").groupby("experiment")["plate_id"].size()
    wells = wells.where(wells.about["experiment"].isin(plates.index[plates > 1]))
    if (plates > 1).sum() < 2:
        raise UntestableError("the cell type has no two experiments of several plates")
    plate = wells.codes("plate_id")
    of_plate = pd.Series(wells.codes("experiment")).groupby(plate).first()
    turn = np.asarray(of_plate.groupby(of_plate).cumcount(), int) % DEALT
    moved = shuffles(turn, draws, seed)
    labels, folds = of_plate.to_numpy()[moved][:, plate], turn[plate]
    values = _whitened(centred(wells.values, wells.codes("kind")))
    return held_out_accuracy(values, labels, folds), len(plate)


def _line(line: str, wells: Wells, draws: int, seed: int) -> tuple[npt.NDArray[np.floating], int]:
    on_a_plate = len(wells.about) // wells.about["plate_id"].nunique()
    labels = bands(wells.about[LINES[line]], max(2, min(MOST_BANDS, on_a_plate // WELLS_OF_A_BAND)))
    if labels.max() == 0:
        raise UntestableError(f"the controls and untreated wells stand in one {line}")
    moved, values, folds = _within_plates(wells, draws, seed)
    _check_varies(labels[moved])
    return held_out_accuracy(values, labels[moved], folds), len(labels)


def _edge(wells: Wells, draws: int, seed: int) -> tuple[npt.NDArray[np.floating], int]:
    labels = wells.about["edge"].to_numpy(int)
    if labels.min() == labels.max():
        raise UntestableError("the controls and untreated wells stand all on the edge, or none does")
    moved, values, folds = _within_plates(wells, draws, seed)
    _check_varies(labels[moved])
    return held_out_auc(values, labels[moved], folds), len(labels)


def _within_plates(wells: Wells, draws: int, seed: int) -> tuple[Integers, npt.NDArray[np.float32], Integers]:
    """Permutations within plates and kinds, features less both means, and folds: plates, or parts of a single one."""
    plates, kinds = wells.codes("plate_id"), wells.codes("kind")
    values = _whitened(centred(wells.values, kinds, plates))
    if plates.max() == 0:
        folds = _dealt(wells.about, ["kind"], PARTS, seed)
    else:
        few = plates.max() < DEALT
        folds = plates if few else np.random.default_rng(seed).permutation(plates.max() + 1)[plates] % DEALT
    return shuffles(plates * (kinds.max() + 1) + kinds, draws, seed), values, folds


def _dealt(about: pd.DataFrame, strata: list[str], parts: int, seed: int) -> Integers:
    """(n,) parts 0 to k - 1, dealt at random within strata, the first part of each drawn too."""
    rng = np.random.default_rng(seed)
    order = pd.Series(rng.permutation(len(about)), index=about.index)
    shuffled = about.loc[order.sort_values().index].groupby(strata, sort=False)
    start = rng.integers(0, parts, shuffled.ngroups)
    part = (shuffled.cumcount() + start[shuffled.ngroup()]) % parts
    return np.asarray(part.reindex(about.index), int)


def _whitened(residuals: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    values = whitened(residuals)
    if values.shape[1] == 0:
        raise UntestableError("no feature varies within kinds of wells")
    return values


def _check_varies(labels: Integers) -> None:
    if (labels == labels[0]).all():
        raise UntestableError("no two wells of one kind that may be exchanged differ in it")
