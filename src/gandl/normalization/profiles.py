"""Profiles: takes the embeddings of a data set's stores and its sites table, makes one row per site and one per well.

Each plate is standardised by itself, on the wells that `reference_wells` names; a well is the mean of its sites. Removing plate
effects this way also removes whatever is constant on a plate, so a question about such a label uses `none`. Plates lie within a
store, so that one store is held at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.config import Normalization
from gandl.embeddings.metadata import FEATURE_NAMES, feature_metadata
from gandl.normalization.writer import ProfileWriter
from gandl.statistics.fold_features import CrossFitted
from gandl.statistics.standardisation import StandardisationError, standardise, well_means
from gandl.tables import EMBEDDINGS, SITE_PROFILES, SITES, WELL_PROFILES, feature_columns, read_table
from gandl.workflow.words import counted

ROWS_OF_GROUP = 2_048
"""Rows of a row group, at least, where there are as many."""


class NormalizationError(ValueError):
    """Embeddings cannot be normalised; the message names the plate or the file."""


def write_profiles(
    embeddings: Sequence[Path], sites: Path, method: Normalization, output_sites: Path, output_wells: Path
) -> None:
    """Normalise one featurizer's embeddings and write both profile tables.

    Parameters
    ----------
    embeddings : one table per store, all of one featurizer.
    sites : the sites table; every site must have been embedded, the sites of a plate in one table.
    method : which wells of a plate are its reference.
    output_sites, output_wells : parquet (`tables.SITE_PROFILES`, `tables.WELL_PROFILES`), small stores together in
        one row group.

    Raises
    ------
    NormalizationError : sites without embedding, embeddings without site, or a plate with too few reference wells.
    """
    paths = [Path(path) for path in embeddings]
    metadata = common_metadata(paths)
    known = read_table(Path(sites), SITES)
    stores = _sites_by_store(paths, known, Path(sites))
    like = known.drop(columns=["site_id", "site"])
    with (
        ProfileWriter(Path(output_sites), SITE_PROFILES, metadata, known, ROWS_OF_GROUP) as of_sites,
        ProfileWriter(Path(output_wells), WELL_PROFILES, metadata, like, ROWS_OF_GROUP) as of_wells,
    ):
        for path, here in stores:
            profiles = _profiles(path, here, method)
            of_sites.write(profiles)
            of_wells.write(wells_of(profiles, feature_columns(profiles)))


def _profiles(embeddings: Path, sites: pd.DataFrame, method: Normalization) -> pd.DataFrame:
    """Site profiles of one store, in the order of its sites."""
    table = read_table(embeddings, EMBEDDINGS)
    names = feature_columns(table)
    profiles = sites.merge(table, on="site_id", validate="one_to_one")
    values = normalized(profiles[names].to_numpy(np.float64), profiles, method).astype(np.float32)
    # one block, not column by column, which takes pandas a millisecond for each of thousands
    return pd.concat([profiles.drop(columns=names), pd.DataFrame(values, columns=names, copy=False)], axis=1)


def normalized(values: npt.NDArray[np.float64], sites: pd.DataFrame, method: Normalization) -> npt.NDArray[np.float64]:
    """Standardise features plate by plate.

    Parameters
    ----------
    values : (n, d). sites : n rows of the sites table, in the same order. method : which wells are the reference.

    Returns
    -------
    (n, d): (x - mean) / standard deviation over the reference wells of the same plate; a feature that does not vary there is 0.
    `negative_crossfit`: a negative control by those outside its own part of the plate (`gandl.statistics.fold_features`), every
    other well by all of them, so that parts leave no pattern among treated wells. Scores come from elsewhere: the evaluation
    standardises raw profiles fold by fold, positive and treated wells like the negative ones that they are compared with.

    Raises
    ------
    NormalizationError : a plate with fewer than 3 reference wells (`negative_crossfit`: 4).
    """
    if method is Normalization.NONE:
        return values
    reference = reference_wells(sites, method)
    try:
        if method is Normalization.NEGATIVE_CROSSFIT:
            return _crossfit(values, sites, reference)
        return standardise(values, sites["plate_id"], sites["well_id"], reference, f"the normalisation '{method}'")
    except StandardisationError as error:
        raise NormalizationError(str(error)) from error


def _crossfit(
    values: npt.NDArray[np.float64], sites: pd.DataFrame, negative: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Each site of a negative control by those outside its well's part of the plate, each other site by all of them."""
    wells = sites.drop_duplicates("well_id")
    means = well_means(values, sites["well_id"].to_numpy(object))
    features = CrossFitted(means, wells["plate_id"], wells["well_id"], wells["control"])
    own = pd.Index(wells["well_id"]).get_indexer(sites["well_id"][negative])
    out = standardise(values, sites["plate_id"], sites["well_id"], negative)
    out[negative] = features.of(own, np.arange(len(wells)), values[negative])
    return out


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
    return sites["condition"].isin(["mock", "untreated"]).to_numpy(bool)


def wells_of(profiles: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """One row per well: the mean of its sites' features; all other columns are a well's own."""
    about = profiles.drop(columns=["site_id", "site", *names]).drop_duplicates("well_id").set_index("well_id")
    means = profiles.groupby("well_id", sort=False)[list(names)].mean().astype(np.float32)
    return pd.concat([about, means], axis=1).reset_index()


def common_metadata(embeddings: Sequence[Path]) -> dict[str, str]:
    """What all stores' tables say of their features; they must name the same ones."""
    first, *others = [feature_metadata(path) for path in embeddings]
    for path, other in zip(embeddings[1:], others, strict=True):
        if other.get(FEATURE_NAMES) != first.get(FEATURE_NAMES):
            raise NormalizationError(
                f"{path} and {embeddings[0]} hold different features; they must come from one featurizer"
            )
    return first


def _sites_by_store(embeddings: Sequence[Path], known: pd.DataFrame, sites: Path) -> list[tuple[Path, pd.DataFrame]]:
    """Which sites each table of embeddings holds; tables and sites in the order of the sites table."""
    ids = [read_table(path, EMBEDDINGS, ["site_id"])["site_id"] for path in embeddings]
    embedded = pd.concat(ids, ignore_index=True)
    _check_same_sites(embedded, known["site_id"], sites)
    number = pd.Series(np.repeat(np.arange(len(ids)), [len(each) for each in ids]), index=embedded)
    store = known["site_id"].map(number)
    _check_whole_plates(known["plate_id"], store, embeddings)
    return [(embeddings[i], known[store == i]) for i in store.unique()]


def _check_same_sites(embedded: pd.Series, known: pd.Series, sites: Path) -> None:
    twice = embedded[embedded.duplicated()]
    if len(twice):
        raise NormalizationError(f"the embeddings hold {counted(len(twice), 'site')} twice, the first: {twice.iloc[0]}")
    missing = set(known) - set(embedded)
    foreign = set(embedded) - set(known)
    if missing:
        raise NormalizationError(
            f"the embeddings lack {counted(len(missing), 'site')} of {sites}, the first: {min(missing)}"
        )
    if foreign:
        raise NormalizationError(f"{sites} lacks {counted(len(foreign), 'embedded site')}, the first: {min(foreign)}")


def _check_whole_plates(plates: pd.Series, store: pd.Series, embeddings: Sequence[Path]) -> None:
    """A plate in two stores could not be standardised store by store."""
    stores = store.groupby(plates, sort=False).agg(["min", "max"])
    split = stores[stores["min"] != stores["max"]]
    if len(split):
        files = " and ".join(str(embeddings[int(i)]) for i in split.iloc[0])
        raise NormalizationError(f"plate {split.index[0]} is embedded in {files}; a plate belongs in one store")
