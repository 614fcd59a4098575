"""Profiles: takes the embeddings of a data set's stores and its sites table, makes one row per site and one per well.

Each plate is standardised by itself, on the wells that `reference_wells` names; a well is the mean of its sites. Removing plate
effects this way also removes whatever is constant on a plate, so a question about such a label uses `none`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.config import Normalization
from gandl.embeddings.metadata import FEATURE_NAMES, feature_metadata, write_features
from gandl.statistics.standardisation import StandardisationError, standardise
from gandl.tables import EMBEDDINGS, SITE_PROFILES, SITES, WELL_PROFILES, feature_columns, read_table


class NormalizationError(ValueError):
    """Embeddings cannot be normalised; the message names the plate or the file."""


def write_profiles(
    embeddings: Sequence[Path], sites: Path, method: Normalization, output_sites: Path, output_wells: Path
) -> None:
    """Normalise one featurizer's embeddings and write both profile tables.

    Parameters
    ----------
    embeddings : one table per store, all of one featurizer.
    sites : the sites table; every site must have been embedded.
    method : which wells of a plate are its reference.

    Raises
    ------
    NormalizationError : sites without embedding, embeddings without site, or a plate with too few reference wells.
    """
    metadata = _common_metadata([Path(path) for path in embeddings])
    table = pd.concat([read_table(Path(path), EMBEDDINGS) for path in embeddings], ignore_index=True)
    known = read_table(Path(sites), SITES)
    _check_same_sites(table, known, Path(sites))
    names = feature_columns(table)
    profiles = known.merge(table, on="site_id", validate="one_to_one")
    values = normalized(profiles[names].to_numpy(np.float64), profiles, method)
    profiles[names] = values.astype(np.float32)
    write_features(profiles, Path(output_sites), SITE_PROFILES, metadata)
    write_features(wells_of(profiles, names), Path(output_wells), WELL_PROFILES, metadata)


def normalized(values: npt.NDArray[np.float64], sites: pd.DataFrame, method: Normalization) -> npt.NDArray[np.float64]:
    """Standardise features plate by plate.

    Parameters
    ----------
    values : (n, d). sites : n rows of the sites table, in the same order. method : which wells are the reference.

    Returns
    -------
    (n, d): (x - mean) / standard deviation over the reference wells of the same plate; a feature that does not vary there is 0.

    Raises
    ------
    NormalizationError : a plate with fewer than 3 reference wells.
    """
    if method is Normalization.NONE:
        return values
    reference = reference_wells(sites, method)
    try:
        return standardise(values, sites["plate_id"], sites["well_id"], reference, f"the normalisation '{method}'")
    except StandardisationError as error:
        raise NormalizationError(str(error)) from error


def reference_wells(sites: pd.DataFrame, method: Normalization) -> npt.NDArray[np.bool_]:
    """Which rows of a sites table a method standardises on.

    `unlabelled`: wells that are no controls, so that no label of a test control leaks. `mock`: wells to which nothing was done,
    by their condition (`mock`, or `untreated` in screens without infection). Those are controls (BBBC013: C-, RxRx19a: C+), so
    a held-out score after `mock` knows one thing of its test row: which of its wells those are.
    """
    if method is Normalization.UNLABELLED:
        return (sites["control"] == "none").to_numpy(bool)
    return sites["condition"].isin(["mock", "untreated"]).to_numpy(bool)


def wells_of(profiles: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """One row per well: the mean of its sites' features; all other columns are a well's own."""
    wells = profiles.drop_duplicates("well_id").drop(columns=["site_id", "site"]).set_index("well_id")
    wells[list(names)] = profiles.groupby("well_id", sort=False)[list(names)].mean().astype(np.float32)
    return wells.reset_index()


def _common_metadata(embeddings: Sequence[Path]) -> dict[str, str]:
    """What all stores' tables say of their features; they must name the same ones."""
    first, *others = [feature_metadata(path) for path in embeddings]
    for path, other in zip(embeddings[1:], others, strict=True):
        if other.get(FEATURE_NAMES) != first.get(FEATURE_NAMES):
            raise NormalizationError(f"{path} and {embeddings[0]} hold different features; one featurizer makes both")
    return first


def _check_same_sites(embedded: pd.DataFrame, known: pd.DataFrame, sites: Path) -> None:
    twice = embedded.loc[embedded["site_id"].duplicated(), "site_id"]
    if len(twice):
        raise NormalizationError(f"{len(twice)} site(s) were embedded twice, the first: {twice.iloc[0]}")
    missing = set(known["site_id"]) - set(embedded["site_id"])
    foreign = set(embedded["site_id"]) - set(known["site_id"])
    if missing:
        raise NormalizationError(f"{len(missing)} site(s) of {sites} were not embedded, the first: {min(missing)}")
    if foreign:
        raise NormalizationError(f"{len(foreign)} embedded site(s) are not in {sites}, the first: {min(foreign)}")
