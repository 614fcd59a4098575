"""Profiles of folds: takes embeddings whose rows are (scheme, fold, site), makes site and well profiles of every fold.

Each fold's rows are standardised by themselves, plate by plate as in `gandl.normalization.profiles`: another fold's model has
other features.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from gandl.config import Normalization
from gandl.normalization.profiles import NormalizationError, common_metadata, normalized, wells_of
from gandl.normalization.writer import ProfileWriter
from gandl.tables import (
    FOLD_EMBEDDINGS,
    FOLD_SITE_PROFILES,
    FOLD_WELL_PROFILES,
    SITES,
    feature_columns,
    read_table,
)
from gandl.workflow.words import counted

OF_FOLD = ["scheme", "fold"]


def write_fold_profiles(
    embeddings: Sequence[Path], sites: Path, method: Normalization, output_sites: Path, output_wells: Path
) -> None:
    """Normalise the embeddings of a question's folds and write both profile tables.

    Parameters
    ----------
    embeddings : one table per store (`tables.FOLD_EMBEDDINGS`).
    sites : the sites table. method : which wells of a plate are its reference.
    output_sites, output_wells : parquet (`tables.FOLD_SITE_PROFILES`, `tables.FOLD_WELL_PROFILES`), a row group per store and
        fold.

    Raises
    ------
    NormalizationError : embeddings without site; a plate of which a fold lacks sites, unless the method is `none`; a plate
        with too few reference wells; no embedding at all.
    """
    paths = [Path(path) for path in embeddings]
    metadata = common_metadata(paths)
    known = read_table(Path(sites), SITES)
    like = known.assign(scheme="", fold="")
    size = known.groupby("plate_id").size()
    with (
        ProfileWriter(Path(output_sites), FOLD_SITE_PROFILES, metadata, like) as of_sites,
        ProfileWriter(
            Path(output_wells), FOLD_WELL_PROFILES, metadata, like.drop(columns=["site_id", "site"])
        ) as of_wells,
    ):
        count = 0
        for path in paths:
            table = read_table(path, FOLD_EMBEDDINGS)
            foreign = set(table["site_id"]) - set(known["site_id"])
            if foreign:
                raise NormalizationError(
                    f"{sites} lacks {counted(len(foreign), 'embedded site')}, the first: {min(foreign)}"
                )
            for (scheme, fold), rows in table.groupby(OF_FOLD, sort=False):
                here = known[known["site_id"].isin(rows["site_id"])].assign(scheme=str(scheme), fold=str(fold))
                if method is not Normalization.NONE:
                    _check_whole_plates(here, size, f"{path}: scheme {scheme}, fold {fold}")
                profiles = _profiles(rows.drop(columns=OF_FOLD), here, method)
                of_sites.write(profiles)
                of_wells.write(wells_of(profiles, feature_columns(profiles)))
                count += len(profiles)
        if not count:
            raise NormalizationError(f"{paths[0].parent} holds no embedding of any fold")


def _profiles(rows: pd.DataFrame, sites: pd.DataFrame, method: Normalization) -> pd.DataFrame:
    """Site profiles of one fold and store, in the order of the sites."""
    names = feature_columns(rows)
    profiles = sites.merge(rows, on="site_id", validate="one_to_one")
    values = normalized(profiles[names].to_numpy(np.float64), profiles, method).astype(np.float32)
    return pd.concat([profiles.drop(columns=names), pd.DataFrame(values, columns=names, copy=False)], axis=1)


def _check_whole_plates(sites: pd.DataFrame, size: pd.Series, where: str) -> None:
    """A plate of which sites are missing would have another reference."""
    found = sites.groupby("plate_id").size()
    short = found[found < size.loc[found.index]]
    if len(short):
        plate = short.index[0]
        raise NormalizationError(
            f"{where}: {counted(int(short.iloc[0]), 'site')} of plate {plate} are embedded, not all {size[plate]}; only the "
            "normalisation none takes some"
        )
