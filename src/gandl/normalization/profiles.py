"""Profiles: takes the embeddings of a data set's stores and its sites table, makes one row per site and one per well.

A method is fitted first, on the wells that `reference_wells` names, then applied (`gandl.normalization.fitting`, `.fitted`); a
well is the mean of its sites. What takes each plate by itself also removes whatever is constant on a plate, so a question about
such a label uses `none` or `global`. Plates lie within a store, so that one store is held at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.config import Normalization, NormalizationSettings
from gandl.embeddings.metadata import FEATURE_NAMES, feature_metadata
from gandl.normalization.fitted import Fitted, joined, write_fitted
from gandl.normalization.fitting import OF_SCREEN, ScreenFit, fit_plates
from gandl.normalization.reference import NormalizationError as NormalizationError
from gandl.normalization.writer import ProfileWriter
from gandl.tables import EMBEDDINGS, SITE_PROFILES, SITES, WELL_PROFILES, feature_columns, read_table
from gandl.workflow.words import counted

ROWS_OF_GROUP = 2_048
"""Rows of a row group, at least, where there are as many."""
DEFAULTS = NormalizationSettings()
Block = tuple[npt.NDArray[np.float64], pd.DataFrame]
"""(n, d) features of sites, and their rows of the sites table."""


def write_profiles(
    embeddings: Sequence[Path],
    sites: Path,
    method: Normalization,
    output_sites: Path,
    output_wells: Path,
    output_fitted: Path | None = None,
    *,
    settings: NormalizationSettings = DEFAULTS,
    code: str = "",
) -> None:
    """Normalise one featurizer's embeddings and write both profile tables.

    Parameters
    ----------
    embeddings : one table per store, all of one featurizer.
    sites : the sites table; every site must have been embedded, the sites of a plate in one table.
    method, settings : how plate effects are removed.
    output_sites, output_wells : parquet (`tables.SITE_PROFILES`, `tables.WELL_PROFILES`), small stores together in
        one row group.
    output_fitted : what was fitted (`fitted.read_fitted`), by the name ""; None: it is not kept. code : its hash, kept there.

    Raises
    ------
    NormalizationError : sites without embedding, embeddings without site, or a plate with too few reference wells.
    """
    paths = [Path(path) for path in embeddings]
    metadata = common_metadata(paths)
    about = about_features(metadata, code)
    known = read_table(Path(sites), SITES)
    stores = _sites_by_store(paths, known, Path(sites))
    like = known.drop(columns=["site_id", "site"])
    whole = _fit_screen(stores, known, method, settings, about) if method in OF_SCREEN else None
    parts = []
    with (
        ProfileWriter(Path(output_sites), SITE_PROFILES, metadata, known, ROWS_OF_GROUP) as of_sites,
        ProfileWriter(Path(output_wells), WELL_PROFILES, metadata, like, ROWS_OF_GROUP) as of_wells,
    ):
        for values, here in _blocks(stores):
            fitted = whole or fit_plates(values, here, method, settings, about)
            parts.append(fitted)
            profiles = with_features(here, fitted.apply(values, here))
            of_sites.write(profiles)
            of_wells.write(wells_of(profiles, feature_columns(profiles)))
    if output_fitted is not None:
        write_fitted({"": whole or joined(parts)}, Path(output_fitted))


def about_features(metadata: Mapping[str, str], code: str) -> dict[str, Any]:
    """What a fitted normalisation keeps of the features that it was fitted on, and of the code."""
    kept = {name: metadata[name] for name in ("featurizer", "dataset", FEATURE_NAMES) if name in metadata}
    return {**kept, "code": code}


def _blocks(stores: Sequence[tuple[Path, pd.DataFrame]]) -> Iterator[Block]:
    """Features of one store after the other, in the order of its sites."""
    for path, sites in stores:
        yield merged(read_table(path, EMBEDDINGS), sites)


def merged(embeddings: pd.DataFrame, sites: pd.DataFrame) -> Block:
    """Features of embedded sites in the order of the sites."""
    at = pd.Index(embeddings["site_id"]).get_indexer(pd.Index(sites["site_id"]))
    assert (at >= 0).all(), "every site has an embedding"
    values = embeddings[feature_columns(embeddings)].to_numpy()[at]
    return values.astype(np.float64), sites.reset_index(drop=True)


def with_features(sites: pd.DataFrame, values: npt.NDArray[np.float64]) -> pd.DataFrame:
    """Rows of a sites table with their (n, d) features, in single precision."""
    # one block, not column by column, which takes pandas a millisecond for each of thousands
    names = [f"feature_{i}" for i in range(values.shape[1])]
    return pd.concat([sites, pd.DataFrame(values.astype(np.float32), columns=names, copy=False)], axis=1)


def _fit_screen(
    stores: Sequence[tuple[Path, pd.DataFrame]],
    sites: pd.DataFrame,
    method: Normalization,
    settings: NormalizationSettings,
    about: Mapping[str, Any],
) -> Fitted:
    fit = ScreenFit(sites, method, settings, about)
    while fit.unfinished:
        for values, here in _blocks(stores):
            fit.add(values, here)
        fit.end_pass()
    return fit.fitted()


def normalized(
    values: npt.NDArray[np.float64],
    sites: pd.DataFrame,
    method: Normalization,
    settings: NormalizationSettings = DEFAULTS,
) -> npt.NDArray[np.float64]:
    """Fit a method on all rows, and apply it to them.

    Parameters
    ----------
    values : (n, d). sites : n rows of the sites table, in the same order, all those of a plate. method, settings : how.

    Returns
    -------
    (n, d). By plate: (x - mean) / standard deviation over the reference wells of the same plate; a feature that does not vary
    there is 0. `negative_crossfit`: a negative control by those outside its own part of the plate
    (`gandl.statistics.fold_features`), every other well by all of them, so that parts leave no pattern among treated wells.
    Scores come from elsewhere: the evaluation standardises raw profiles fold by fold, positive and treated wells like the
    negative ones that they are compared with.

    Raises
    ------
    NormalizationError : a plate with fewer than 3 reference wells (`negative_crossfit`: 4).
    """
    return fitted_on(values, sites, method, settings).apply(values, sites)


def fitted_on(
    values: npt.NDArray[np.float64],
    sites: pd.DataFrame,
    method: Normalization,
    settings: NormalizationSettings = DEFAULTS,
) -> Fitted:
    """A method fitted on all rows; parameters and errors as of `normalized`."""
    if method not in OF_SCREEN:
        return fit_plates(values, sites, method, settings)
    fit = ScreenFit(sites, method, settings)
    while fit.unfinished:
        fit.add(values, sites)
        fit.end_pass()
    return fit.fitted()


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
