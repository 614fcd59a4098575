"""Held-out scores: takes profiles and splits, makes on- and off-perturbation scores of wells, and of images in the paper's split.

Each well is scored by axes fitted on the training wells of its fold; C is chosen inside those (nested). Images are scored by axes
fitted on images of the same training wells, with the C that was chosen for wells: the paper trains and counts by image. Profiles
come standardised, but for cross-fitting, which standardises raw ones fold by fold (`gandl.statistics.fold_features`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq

from gandl.config import Normalization
from gandl.evaluation.strict.permutations import PERMUTATIONS, permuted_aucs
from gandl.evaluation.strict.refits import REFITS, REFITTED, left_out_of, merged, refitted
from gandl.evaluation.well_profiles import OF_FOLD, ScoresError, WellProfiles, has_folds
from gandl.source.schemes import LINES, WHOLE
from gandl.source.splits import Question, Scheme
from gandl.statistics.fold_features import CrossFitted, Fixed, FoldFeatures
from gandl.statistics.folds import folds_of
from gandl.statistics.held_out import Fold, held_out_scores, score_by
from gandl.statistics.standardisation import StandardisationError
from gandl.tables import (
    SITE_PROFILES,
    SPLITS,
    WELL_SCORES,
    Schema,
    feature_columns,
    read_table,
)
from gandl.tables.features import read_features
from gandl.workflow.words import counted

SCORED_BY_IMAGE = (Scheme.QUARTER, Scheme.QUARTER_BY_CELL_TYPE)
"""The paper's split, in which images are counted."""
REMEDY = f"take {Normalization.NEGATIVE_CROSSFIT.value} out of normalization.methods"
SCORES = ("scheme", "fold", "on", "off", "off_norm")
SITE_SCORES = Schema(
    "site scores",
    (*SITE_PROFILES.columns, *(column for column in WELL_SCORES.columns if column.name in SCORES)),
    key=("scheme", "site_id"),
)
"""The same of images: control wells of the schemes `quarter*` alone."""

Integers = npt.NDArray[np.int_]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class HeldOut:
    """Scores of wells (`tables.WELL_SCORES`) and of images (`SITE_SCORES`), one block of rows per scheme; and what `Strict`
    requests."""

    wells: pd.DataFrame
    sites: pd.DataFrame
    refits: pd.DataFrame
    permutations: pd.DataFrame


@dataclass(frozen=True)
class Strict:
    """What is computed where plates (rows, experiments, a cell type) are left out, beside the scores.

    Attributes
    ----------
    part_of : a tested well (row of the wells) -> part of the screen that a number is of, such as its cell type.
    refits : so many groups of plates at most are left out in turn, for intervals (`strict.refits`); 0: none.
    permutations : of the labels within plates (`strict.permutations`). seed : of them.
    """

    part_of: Callable[[pd.Series], str]
    refits: int
    permutations: int = 0
    seed: int = 0


def held_out(
    wells: Path,
    sites: Path,
    splits: Path,
    question: Question,
    labels_of: Callable[[pd.DataFrame], Integers],
    c_grid: Sequence[float],
    *,
    raw: bool,
    crossfit: bool = False,
    by_range: bool = False,
    strict: Strict | None = None,
    seed: int = 0,
) -> HeldOut:
    """Score one featurizer under every scheme of a question.

    Parameters
    ----------
    wells, sites : profiles under one normalisation; without any where they are cross-fitted here. Those of folds
        (`tables.FOLD_WELL_PROFILES`) are taken fold by fold; schemes that they lack are left out.
    labels_of : rows of profiles -> (n,) +1, -1, or 0 where a row is never trained on.
    c_grid : candidates for the SVM's C.
    raw : no plate effect was removed: features are first put in units of the training wells.
    crossfit : standardise each fold on negative controls that are not tested with what they standardise.
    by_range : the scale of the scores, as in `gandl.statistics.axes.fit_on_axis`.
    strict : what else is computed; nothing without it.
    seed : of the wells on which C is chosen, where there are very many.

    Raises
    ------
    ScoresError : there is no split of the question, wells of the splits have no images, or negative controls are too few for
        cross-fitting.
    gandl.statistics.folds.FoldError : a split names a well without profile.
    gandl.statistics.axes.AxisError : a fold's training wells lack one of the labels.
    """
    profiles = WellProfiles.read(Path(wells))
    about = profiles.about
    labels = labels_of(about)
    by_well, by_site = [], []
    refits, permutations = [pd.DataFrame(columns=REFITS.names)], [pd.DataFrame(columns=PERMUTATIONS.names)]
    for scheme, of_scheme in profiles.schemes_among(schemes_of(splits, question)):
        folds = folds_of(of_scheme, about["well_id"].tolist(), str(wells))
        features = profiles.features(scheme, folds, partial(features_of, wells=about, crossfit=crossfit))
        for fold in folds:
            check_trains(features, labels, fold, scheme)
        groups = groups_of(about, folds, labels)
        scores = held_out_scores(features, labels, folds, groups, c_grid, raw=raw, by_range=by_range, seed=seed)
        logger.info("%s: C by fold %s", scheme, scores.c)
        scored = np.isfinite(scores.on)
        values = (scores.on[scored], scores.off[scored], scores.off_norm[scored])
        wells_scored = _scored(about[scored], scheme, scores.fold[scored], values)
        by_well.append(wells_scored.assign(on_lda=scores.on_lda[scored]))
        if scheme in SCORED_BY_IMAGE:
            by_site += [
                _fold_by_site(about, features, sites, fold, labels_of, scores.c[fold.name], scheme, raw, by_range)
                for fold in folds
            ]
        if strict and scheme in REFITTED:
            beside = _strictly(strict, features, about, labels, folds, scores.c, scheme, raw=raw, by_range=by_range)
            refits += [of_part for of_part, _ in beside]
            permutations += [of_part for _, of_part in beside]
    if not by_well:
        raise ScoresError(f"{wells} has profiles of none of the schemes in which {splits} splits {question.value}")
    if not by_site:
        by_site = [_no_sites(sites)]
    return HeldOut(*(_stacked(tables) for tables in (by_well, by_site, refits, permutations)))


def _strictly(
    strict: Strict,
    features: FoldFeatures,
    wells: pd.DataFrame,
    labels: Integers,
    folds: Sequence[Fold],
    c: dict[str, float],
    scheme: Scheme,
    *,
    raw: bool,
    by_range: bool,
) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    """`REFITS` and `PERMUTATIONS` of the controls in one scheme, part by part."""
    labels = np.where(wells["control"] != "none", labels, 0)
    parts: dict[str, list[Fold]] = {}
    for fold in folds:
        parts.setdefault(strict.part_of(wells.iloc[fold.test[0]]), []).append(fold)
    found = []
    for part, mine in parts.items():
        left_out = left_out_of(wells, labels, mine, scheme, strict.refits)
        rows = refitted(features, wells, labels, mine, c, left_out, raw=raw, by_range=by_range)
        aucs = np.empty(0)
        if strict.permutations and scheme in WHOLE and isinstance(features, Fixed):
            line = wells["plate_id"] if scheme not in LINES else wells["plate_id"] + wells[LINES[scheme]].astype(str)
            together = list(merged(mine, left_out.of))
            aucs = permuted_aucs(features, labels, together, line, strict.permutations, strict.seed)
        about = {"scheme": scheme.value, "group": part, "controls": rows["well_id"].nunique()}
        permuted = pd.DataFrame({"permutation": np.arange(len(aucs)), "auc": aucs}).assign(**about)
        found.append((rows.assign(scheme=scheme.value)[REFITS.names], permuted[PERMUTATIONS.names]))
    return found


def _stacked(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Tables of the same columns one after another; the first, if none has rows."""
    return pd.concat([table for table in tables if len(table)] or [tables[0]], ignore_index=True)


def features_of(values: npt.NDArray[np.float64], wells: pd.DataFrame, *, crossfit: bool) -> FoldFeatures:
    """(n, d) features of wells as folds see them: as they are, or cross-fitted on the negative controls.

    Raises
    ------
    ScoresError : a plate has too few negative controls.
    """
    if not crossfit:
        return Fixed(values)
    try:
        return CrossFitted(values, wells["plate_id"], wells["well_id"], wells["control"])
    except StandardisationError as error:
        raise ScoresError(f"{error}; {REMEDY}") from error


def check_trains(features: FoldFeatures, labels: Integers, fold: Fold, scheme: str) -> None:
    """Refuse a fold that cross-fitting leaves without one of its classes.

    Raises
    ------
    ScoresError : names scheme and fold.
    """
    left = features.usable(fold.train, fold.test)
    if set(labels[left]) != set(labels[fold.train]):
        raise ScoresError(
            f"scheme {scheme}, fold {fold.name}: too few of the negative controls are not tested to standardise what would be "
            f"trained on; {REMEDY}"
        )


def schemes_of(splits: Path, question: Question) -> Iterator[tuple[Scheme, pd.DataFrame]]:
    """The splits of a question, scheme by scheme.

    Raises
    ------
    ScoresError : there are none.
    """
    table = read_table(Path(splits), SPLITS)
    table = table[table["question"] == question.value]
    if table.empty:
        raise ScoresError(f"{splits} has no split of the question {question.value}")
    for scheme, of_scheme in table.groupby("scheme", sort=False):
        yield Scheme(str(scheme)), of_scheme


def groups_of(wells: pd.DataFrame, folds: Sequence[Fold], labels: Integers | None = None) -> npt.NDArray[np.object_]:
    """(n,) what is left out together while C is chosen: plates where every fold trains on several, else plate rows; or plate
    columns, where only these leave both labels (n,) to train on."""
    plates = wells["plate_id"].to_numpy(object)
    if all(len(set(plates[fold.train])) > 1 for fold in folds):
        return plates
    rows, columns = ((wells["plate_id"] + ":" + wells[line].astype(str)).to_numpy(object) for line in ("row", "column"))
    if labels is None or _can_be_left_out(rows, labels, folds) or not _can_be_left_out(columns, labels, folds):
        return rows
    return columns


def _can_be_left_out(groups: npt.NDArray[np.object_], labels: Integers, folds: Sequence[Fold]) -> bool:
    """Whether in every fold both labels remain to train on while one group is left out, for two groups at least."""
    return all(
        sum(len(set(labels[fold.train[groups[fold.train] != name]])) > 1 for name in set(groups[fold.train])) > 1
        for fold in folds
    )


def read_sites_of(
    sites: Path, well_ids: Iterable[str], scheme: str = "", fold: str = ""
) -> tuple[pd.DataFrame, npt.NDArray[Any]]:
    """Site profiles of some wells: columns of the sites, and (n, d) features; where each fold has its own, those of one.

    Raises
    ------
    ScoresError : one of the wells has no site.
    gandl.tables.TableError : the rows break the schema of site profiles.
    """
    wanted = set(well_ids)
    of_folds = has_folds(sites)

    def chosen(about: pd.DataFrame) -> npt.NDArray[np.bool_]:
        rows = about["well_id"].isin(wanted)
        if of_folds:
            rows &= (about["scheme"] == scheme) & (about["fold"] == fold)
        return rows.to_numpy(bool)

    about, values = read_features(sites, SITE_PROFILES, chosen)
    if missing := wanted - set(about["well_id"]):
        raise ScoresError(f"{sites} lacks {counted(len(missing), 'well')} of the splits, the first: {min(missing)}")
    return about.drop(columns=list(OF_FOLD), errors="ignore"), values


def _fold_by_site(
    wells: pd.DataFrame,
    of_folds: FoldFeatures,
    sites: Path,
    fold: Fold,
    labels_of: Callable[[pd.DataFrame], Integers],
    c: float,
    scheme: Scheme,
    raw: bool,
    by_range: bool,
) -> pd.DataFrame:
    """Scores of the images of a fold's control wells."""
    tested = wells.iloc[fold.test]
    tested = tested[(tested["control"] != "none").to_numpy() & (labels_of(tested) != 0)]
    trained = wells["well_id"].iloc[of_folds.usable(fold.train, fold.test)]
    about, values = read_sites_of(sites, [*trained, *tested["well_id"]], scheme.value, fold.name)
    train = about["well_id"].isin(trained).to_numpy()
    features = of_folds.of(pd.Index(wells["well_id"]).get_indexer(about["well_id"]), fold.test, values)
    values = score_by(features[train], labels_of(about)[train], features[~train], c, raw=raw, by_range=by_range)
    return _scored(about[~train], scheme, np.full((~train).sum(), fold.name, object), values)


def _scored(
    about: pd.DataFrame, scheme: Scheme, fold: npt.NDArray[np.object_], values: Iterable[npt.NDArray[np.float64]]
) -> pd.DataFrame:
    on, off, norm = values
    return about.assign(scheme=scheme.value, fold=fold.astype(str), on=on, off=off, off_norm=norm)


def _no_sites(sites: Path) -> pd.DataFrame:
    """A table of no images, with all its columns."""
    images: pd.DataFrame = pq.read_schema(sites).empty_table().to_pandas()
    none = np.empty(0)
    return _scored(images.drop(columns=feature_columns(images)), Scheme.QUARTER, none.astype(object), [none] * 3)
