"""Wells and their places: takes well profiles of one featurizer, makes a draw of wells with kind, place and features.

A kind is what was done to a well: cell type, control, condition, treatment and dose. Wells of one kind differ by their place and
by chance, so every test of this package compares wells within kinds. `known` wells are controls, and wells without a treatment
whose condition is known (UV-inactivated ones, for one). All other wells are treated; of these, kinds of several wells are used
where a place effect is measured, never where a treatment could explain what is found.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq
from scipy.linalg import eigh

from gandl.evaluation.well_profiles import OF_FOLD, has_folds
from gandl.tables import feature_columns
from gandl.tables.row_letters import row_number
from gandl.workflow.words import counted

ABOUT = [
    *("well_id", "plate_id", "experiment", "row", "column", "cell_type"),
    *("condition", "control", "treatment", "concentration_um"),
]
KIND = ["cell_type", "control", "condition", "treatment", "concentration_um"]
UNKNOWN = "unknown"
"""A condition of which nobody knows what is in the well."""
MOST_KNOWN = 2000
MOST_TREATED = 2000
"""Wells of a cell type that are drawn at most: known ones in turn from every plate and kind; treated ones by whole kinds."""
MOST_BANDS = 8
ROUNDING = 1e-9

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int_]


class LayoutError(ValueError):
    """Profiles cannot be tested for places; the message names the table."""


@dataclass(frozen=True)
class Wells:
    """Some wells of one featurizer.

    Attributes
    ----------
    about : n rows of `placed`. values : (n, d) their features.
    """

    about: pd.DataFrame
    values: Floats

    def where(self, chosen: npt.ArrayLike) -> Wells:
        """Those that (n,) flags choose."""
        rows = np.flatnonzero(np.asarray(chosen, bool))
        return Wells(self.about.iloc[rows].reset_index(drop=True), self.values[rows])

    def codes(self, column: str) -> Integers:
        """(n,) a column as numbers 0 to k - 1, in the order of its values."""
        return np.asarray(np.unique(self.about[column].to_numpy(), return_inverse=True)[1], int)


def read_wells(path: Path, seed: int) -> Wells:
    """Draw wells from a table of well profiles and read their features alone.

    Parameters
    ----------
    path : `tables.WELL_PROFILES`; of `tables.FOLD_WELL_PROFILES` the fold with most wells, one model's features.
    seed : of the draw, which depends on the wells' names alone: the same under every normalisation.

    Raises
    ------
    LayoutError : features of drawn wells are not finite numbers.
    """
    folds = list(OF_FOLD) if has_folds(path) else []
    about = pd.read_parquet(path, columns=[*ABOUT, *folds])
    fold = about.value_counts(folds).index[0] if folds else ()
    about = about[(about[folds] == list(fold)).all(axis=1)].drop(columns=folds)
    about = drawn(placed(about), seed)
    names = feature_columns(pq.read_schema(path).empty_table().to_pandas())
    values = np.empty((len(about), len(names)))
    at = pd.Index(about["well_id"])
    file = pq.ParquetFile(path)
    for group in range(
        file.num_row_groups
    ):  # a store each; a filter of thousands of columns takes several times as long
        rows = file.read_row_group(group, ["well_id", *folds]).to_pandas()
        place = np.where((rows[folds] == list(fold)).all(axis=1), at.get_indexer(pd.Index(rows["well_id"])), -1)
        if (place >= 0).any():
            values[place[place >= 0]] = file.read_row_group(group, names).to_pandas().to_numpy()[place >= 0]
    broken = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(broken):
        first = about["well_id"].iloc[broken[0]]
        raise LayoutError(
            f"{path}: features of {counted(len(broken), 'well')} are not finite numbers, the first: {first}"
        )
    return Wells(about, values)


def standardised(values: Floats) -> Floats:
    """(n, d) -> those features that vary, centred, in units of their deviation; of more than n their n principal components.

    These are a rotation: distances between wells, and sums of squares over all features, stay as they are.
    """
    n = len(values)
    centre = values - values.mean(axis=0) if n else values
    spread = centre.std(axis=0) if n else np.zeros(values.shape[1])
    varies = spread > ROUNDING * np.maximum(np.abs(values).max(axis=0, initial=0.0), ROUNDING)
    standard = centre[:, varies] / spread[varies]
    if standard.shape[1] <= n:
        return np.asarray(standard)
    variances, vectors = eigh(standard @ standard.T)
    return np.asarray(vectors * np.sqrt(np.maximum(variances, 0)))


def placed(wells: pd.DataFrame) -> pd.DataFrame:
    """Wells (columns `ABOUT`), in the order of their names, with `kind`, `known`, `row_number` (1 for A) and `edge`.

    `edge`: in the first or last row or column of its plate that holds any well: the outer ring of what is in use, since screens
    leave out the rim of large plates.
    """
    wells = wells.sort_values("well_id", kind="stable", ignore_index=True)
    number = wells["row"].map({row: row_number(row) for row in wells["row"].unique()}).astype(int)
    edge = pd.Series(False, index=wells.index)
    for line in (number, wells["column"]):
        of_plate = line.groupby(wells["plate_id"])
        edge |= (line == of_plate.transform("min")) | (line == of_plate.transform("max"))
    kind = wells.groupby(KIND, dropna=False, sort=False).ngroup()
    untreated = wells["treatment"].isna() & (wells["condition"] != UNKNOWN)
    known = (wells["control"] != "none") | untreated
    return wells.assign(kind=kind, known=known, row_number=number, edge=edge)


def drawn(wells: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Of every cell type at most `MOST_KNOWN` known and `MOST_TREATED` treated wells; parameters as `placed` makes them.

    Known ones are taken in turn, one of each plate and kind, until there are enough. Of the treated ones whole kinds of several
    wells are taken; a kind of one well says nothing of places, and wells of unknown condition nothing at all.
    """
    rank = pd.Series(np.random.default_rng(seed).permutation(len(wells)), index=wells.index)
    order = wells.assign(rank=rank).sort_values("rank")
    turn = order.groupby(["plate_id", "kind"], sort=False).cumcount()
    known = order[order["known"]].assign(turn=turn).sort_values(["turn", "rank"])
    known = known[known.groupby("cell_type", sort=False).cumcount() < MOST_KNOWN]
    treated = order[~order["known"] & order["treatment"].notna()]
    size = treated.groupby("kind")["rank"].transform("size")
    treated = treated.assign(first=treated.groupby("kind")["rank"].transform("min"))[size > 1]
    treated = treated.sort_values(["first", "rank"])
    treated = treated[treated.groupby("cell_type", sort=False).cumcount() < MOST_TREATED]
    return wells.loc[np.sort(np.concatenate([known.index, treated.index])).astype(int)].reset_index(drop=True)


def bands(lines: npt.ArrayLike, most: int = MOST_BANDS) -> Integers:
    """(n,) rows or columns of wells -> numbers of their bands: neighbouring ones together, where there are more than `most`."""
    names, code = np.unique(np.asarray(lines), return_inverse=True)
    return np.asarray(code if len(names) <= most else code * most // len(names), int)


def centred(values: Floats, *groupings: Integers, sweeps: int = 12) -> Floats:
    """(n, d) less the means of groups, for several groupings in turn until both are (nearly) zero: residuals of their sum."""
    values = np.array(values, float)
    for _ in range(sweeps if len(groupings) > 1 else 1):
        for codes in groupings:
            size = np.maximum(np.bincount(codes), 1)
            order = np.argsort(codes, kind="stable")
            first = np.flatnonzero(np.diff(codes[order], prepend=-1))
            means = np.add.reduceat(values[order], first, axis=0) / size[codes[order][first], None]
            at = np.zeros(len(size), int)
            at[codes[order][first]] = np.arange(len(first))
            values -= means[at[codes]]
    return values
