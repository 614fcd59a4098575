"""Cell types: takes raw profiles and splits, makes how often a linear SVM names the cell type of a held-out well or image.

The zero-shot question of Mascolini et al. 2022 (Fig. 5): four cell types of RxRx1, of which the network saw none. A plate holds
one cell type, so raw profiles are taken, in units of each fold's training rows, or profiles in the units of a whole screen
(`global`) as they are; the classifier is `gandl.statistics.multiclass`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq

from gandl.config import EvaluationSettings, Normalization
from gandl.evaluation.held_out import SCORED_BY_IMAGE, groups_of, read_sites_of, schemes_of
from gandl.evaluation.numbers import Row, accuracy_rows, write_numbers
from gandl.evaluation.terms import ALL
from gandl.evaluation.well_profiles import WellProfiles
from gandl.source.splits import Question, Scheme
from gandl.statistics.fold_features import Fixed
from gandl.statistics.folds import folds_of
from gandl.statistics.held_out import Fold
from gandl.statistics.multiclass import PairwiseSvm, choose_c
from gandl.tables import Column, Schema, write_table
from gandl.workflow.files import atomic
from gandl.workflow.words import counted

TRAINED_VALUES = 2**26
"""Values of the wells, and of the images, that a fold trains on, at most (double precision: 512 MB, held about three times): all
images of RxRx1 with some 700 features, all its wells with twice as many. Of wider features wells are drawn."""
CONFUSION_COLUMNS = ["scheme", "unit", "true", "predicted", "count"]
ANSWERS = Schema(
    "answers",
    (
        Column("scheme", "string"),
        Column("unit", "string", allowed=("well", "site")),
        Column("well_id", "string"),
        Column("site_id", "string", nullable=True),
        Column("drawn", "string"),
        Column("true", "string"),
        Column("predicted", "string"),
        Column("training_wells", "integer"),
    ),
    key=("scheme", "unit", "well_id", "site_id"),
)
"""The held-out answer of every well and image; `drawn`: what intervals draw, the well or the experiment that was left out;
`training_wells`: on how many wells, or on the images of how many, the model of the answer was trained."""

Floats = npt.NDArray[np.float64]

logger = logging.getLogger(__name__)


def write_cell_type(
    wells: Path,
    sites: Path,
    splits: Path,
    settings: EvaluationSettings,
    *,
    featurizer: str,
    normalization: str,
    seed: int,
    training_seed: int,
    output: Path,
    confusion: Path,
    answers: Path,
) -> None:
    """Write the numbers, answers and confusion counts of the question `cell_type` for one featurizer.

    Parameters
    ----------
    wells, sites : its profiles, without normalisation or by one that keeps what a plate has one of (`normalization`).
    splits : of the screen.
    seed : of the bootstrap, and of the wells on which C is chosen. training_seed : of the network, for the table.
        Of features so wide that the training images would not fit in memory, the wells whose images train are drawn; those of
        the models of wells only where they themselves would not fit. `answers` says how many trained.
    output : `tables.NUMBERS`; accuracy and balanced accuracy (mean over cell types) of each split `<scheme>:all`; unit `well`,
        and `site` in the paper's split, where images are trained on and classified. Intervals draw wells; where whole experiments
        are left out, experiments.
    confusion : scheme, unit, true, predicted, count: every pair of cell types, also those that never happened.
    answers : `ANSWERS`, of which both are made.

    Raises
    ------
    gandl.evaluation.held_out.ScoresError : there is no split of the question, or its wells have no images.
    gandl.statistics.folds.FoldError : a split names a well without profile.
    gandl.statistics.multiclass.ClassError : a fold trains on one cell type.
    """
    profiles = WellProfiles.read(Path(wells))
    raw = normalization == Normalization.NONE
    found = _answers(profiles, Path(wells), Path(sites), Path(splits), settings, seed, raw=raw)
    told = pd.concat(found, ignore_index=True)
    rows: list[Row] = []
    for scheme, unit, reported in _by_unit(told):
        right = reported["true"] == reported["predicted"]
        rows += accuracy_rows(reported["drawn"], right, reported["true"], f"{scheme}:{ALL}", unit, settings, seed)
    names = {"question": Question.CELL_TYPE.value, "featurizer": featurizer, "normalization": normalization}
    write_numbers(rows, output, training_seed=training_seed, **names)
    with atomic(Path(confusion)) as partial:
        _counts(told).to_parquet(partial, index=False, compression="zstd")
    write_table(told[ANSWERS.names], Path(answers), ANSWERS)


def _answers(
    profiles: WellProfiles,
    wells: Path,
    sites: Path,
    splits: Path,
    settings: EvaluationSettings,
    seed: int,
    *,
    raw: bool,
) -> Iterator[pd.DataFrame]:
    """Held-out answers of every fold, with the columns of `ANSWERS`."""
    about = profiles.about
    for scheme, of_scheme in profiles.schemes_among(schemes_of(splits, Question.CELL_TYPE)):
        folds = folds_of(of_scheme, about["well_id"].tolist(), str(wells))
        features = profiles.features(scheme, folds, Fixed)
        groups = _groups(about, folds)
        most = TRAINED_VALUES // features.values.shape[1]
        for fold in (_bounded(fold, most, seed, "wells") for fold in folds):
            known = about.iloc[fold.train]
            types, classes = np.unique(known["cell_type"].to_numpy(str), return_inverse=True)
            trained = features.of(fold.train, fold.test)
            c = choose_c(trained, classes, groups[fold.train], settings.svm_c, seed, raw=raw)
            logger.info("%s, fold %s: C = %g", scheme, fold.name, c)
            predicted = PairwiseSvm(trained, classes, raw=raw).predict(features.of(fold.test, fold.test), c)
            yield _answered(about.iloc[fold.test], types[predicted], scheme, "well", len(fold.train))
            if scheme in SCORED_BY_IMAGE:
                of_images = _bounded(fold, int(most / _images_per_well(sites, wells)), seed, "images")
                yield _images_told(about, sites, of_images, c, scheme, raw=raw)


def _images_per_well(sites: Path, wells: Path) -> float:
    """Of two tables of profiles of the same wells."""
    return pq.read_metadata(sites).num_rows / max(1, pq.read_metadata(wells).num_rows)


def _bounded(fold: Fold, most: int, seed: int, what: str) -> Fold:
    """A fold that trains on so many wells at most, drawn from its own; what it tests stays. `what` : trains, for the log."""
    if len(fold.train) <= most:
        return fold
    drawn = np.random.default_rng(seed).permutation(len(fold.train))[:most]
    of = f"{len(fold.train):,}"
    logger.info("fold %s, by %s: trains on %s of %s, drawn", fold.name, what, counted(most, "well"), of)
    return replace(fold, train=fold.train[np.sort(drawn)])


def _groups(wells: pd.DataFrame, folds: Sequence[Fold]) -> npt.NDArray[np.object_]:
    """(n,) what is left out together while C is chosen: experiments, where folds train on several of every type, else plates."""
    for fold in folds:
        if wells.iloc[fold.train].groupby("cell_type")["experiment"].nunique().min() < 2:
            return groups_of(wells, folds)
    return wells["experiment"].to_numpy(object)


def _images_told(wells: pd.DataFrame, sites: Path, fold: Fold, c: float, scheme: Scheme, *, raw: bool) -> pd.DataFrame:
    """The images of a fold's test wells, answered by those of its training wells."""
    trained = wells["well_id"].iloc[fold.train]
    about, features = read_sites_of(sites, [*trained, *wells["well_id"].iloc[fold.test]], scheme.value, fold.name)
    train = about["well_id"].isin(trained).to_numpy()
    types, classes = np.unique(about.loc[train, "cell_type"].to_numpy(str), return_inverse=True)
    predicted = PairwiseSvm(features[train], classes, raw=raw).predict(features[~train], c)
    return _answered(about[~train], types[predicted], scheme, "site", len(trained))


def _answered(
    rows: pd.DataFrame, predicted: npt.NDArray[np.str_], scheme: Scheme, unit: str, training_wells: int
) -> pd.DataFrame:
    drawn = rows["experiment"] if scheme is Scheme.LEAVE_EXPERIMENT_OUT else rows["well_id"]
    of_site = rows["site_id"] if unit == "site" else None
    told = {"drawn": drawn, "true": rows["cell_type"], "predicted": predicted.astype(object)}
    told["training_wells"] = training_wells
    return pd.DataFrame(told).assign(scheme=scheme.value, unit=unit, well_id=rows["well_id"], site_id=of_site)


def _by_unit(answers: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    for (scheme, unit), answered in answers.groupby(["scheme", "unit"], sort=False):
        yield str(scheme), str(unit), answered


def _counts(answers: pd.DataFrame) -> pd.DataFrame:
    types = sorted(set(answers["true"]) | set(answers["predicted"]))
    pairs = pd.MultiIndex.from_product([types, types], names=["true", "predicted"])
    tables = [
        answered.value_counts(["true", "predicted"])
        .reindex(pairs, fill_value=0)
        .rename("count")
        .reset_index()
        .assign(scheme=scheme, unit=unit)
        for scheme, unit, answered in _by_unit(answers)
    ]
    return pd.concat(tables, ignore_index=True)[CONFUSION_COLUMNS]
