"""Profiles of folds: takes embeddings whose rows are (scheme, fold, site), makes site and well profiles of every fold.

Each fold's rows are normalised by themselves, as in `gandl.normalization.profiles`: another fold's model has other features.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from gandl.config import Normalization, NormalizationSettings
from gandl.normalization.fitted import Fitted, joined, write_fitted
from gandl.normalization.fitting import OF_SCREEN, ScreenFit, fit_plates
from gandl.normalization.profiles import (
    DEFAULTS,
    NormalizationError,
    about_features,
    common_metadata,
    merged,
    wells_of,
    with_features,
)
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

Fold = tuple[str, str]
"""Its scheme and name."""


def write_fold_profiles(
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
    """Normalise the embeddings of a question's folds and write both profile tables.

    Parameters
    ----------
    embeddings : one table per store (`tables.FOLD_EMBEDDINGS`).
    sites : the sites table. method, settings : how plate effects are removed.
    output_sites, output_wells : parquet (`tables.FOLD_SITE_PROFILES`, `tables.FOLD_WELL_PROFILES`), a row group per store and
        fold.
    output_fitted : what was fitted (`fitted.read_fitted`), by the name `<scheme>/<fold>`; None: it is not kept. code : its hash,
        kept there.

    Raises
    ------
    NormalizationError : embeddings without site; a plate of which a fold lacks sites, unless the method is `none`; a plate
        with too few reference wells; no embedding at all.
    """
    paths = [Path(path) for path in embeddings]
    metadata = common_metadata(paths)
    about = about_features(metadata, code)
    known = read_table(Path(sites), SITES)
    of_folds = _sites_of_folds(paths, known, Path(sites), whole_plates=method is not Normalization.NONE)
    if not of_folds:
        raise NormalizationError(f"{paths[0].parent} holds no embedding of any fold")
    whole = _fit_screens(paths, of_folds, method, settings, about) if method in OF_SCREEN else {}
    parts: dict[Fold, list[Fitted]] = {fold: [] for fold in of_folds}
    like = known.assign(scheme="", fold="")
    with (
        ProfileWriter(Path(output_sites), FOLD_SITE_PROFILES, metadata, like) as of_sites,
        ProfileWriter(
            Path(output_wells), FOLD_WELL_PROFILES, metadata, like.drop(columns=["site_id", "site"])
        ) as of_wells,
    ):
        for fold, rows in _of_folds(paths):
            values, here = merged(rows, _embedded(of_folds[fold], rows))
            fitted = whole.get(fold) or fit_plates(values, here, method, settings, about)
            parts[fold].append(fitted)
            named = here.assign(scheme=fold[0], fold=fold[1])
            profiles = with_features(named, fitted.apply(values, here))
            of_sites.write(profiles)
            of_wells.write(wells_of(profiles, feature_columns(profiles)))
    if output_fitted is not None:
        found = {fold: whole.get(fold) or joined(fitted) for fold, fitted in parts.items()}
        write_fitted({"/".join(fold): fitted for fold, fitted in found.items()}, Path(output_fitted))


def _of_folds(paths: Sequence[Path], columns: Sequence[str] | None = None) -> Iterator[tuple[Fold, pd.DataFrame]]:
    """The rows of every fold, store by store."""
    for path in paths:
        table = read_table(path, FOLD_EMBEDDINGS, columns)
        for (scheme, fold), rows in table.groupby(OF_FOLD, sort=False):
            yield (str(scheme), str(fold)), rows.drop(columns=OF_FOLD)


def _embedded(sites: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Those of some sites that have an embedding among the rows."""
    return sites[sites["site_id"].isin(rows["site_id"])]


def _sites_of_folds(
    paths: Sequence[Path], known: pd.DataFrame, where: Path, *, whole_plates: bool
) -> dict[Fold, pd.DataFrame]:
    """Rows of the sites table that each fold embeds; checked."""
    size = known.groupby("plate_id").size()
    found: dict[Fold, list[pd.DataFrame]] = {}
    for fold, rows in _of_folds(paths, [*OF_FOLD, "site_id"]):
        foreign = set(rows["site_id"]) - set(known["site_id"])
        if foreign:
            raise NormalizationError(
                f"{where} lacks {counted(len(foreign), 'embedded site')}, the first: {min(foreign)}"
            )
        here = _embedded(known, rows)
        if whole_plates:
            _check_whole_plates(here, size, f"scheme {fold[0]}, fold {fold[1]}")
        found.setdefault(fold, []).append(here)
    return {fold: pd.concat(parts) for fold, parts in found.items()}


def _fit_screens(
    paths: Sequence[Path],
    of_folds: Mapping[Fold, pd.DataFrame],
    method: Normalization,
    settings: NormalizationSettings,
    about: Mapping[str, Any],
) -> dict[Fold, Fitted]:
    """What is fitted on a whole screen, for all folds at once: every store is read once per pass."""
    fits = {fold: ScreenFit(sites, method, settings, about) for fold, sites in of_folds.items()}
    while any(fit.unfinished for fit in fits.values()):
        for fold, rows in _of_folds(paths):
            fits[fold].add(*merged(rows, _embedded(of_folds[fold], rows)))
        for fit in fits.values():
            fit.end_pass()
    return {fold: fit.fitted() for fold, fit in fits.items()}


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
