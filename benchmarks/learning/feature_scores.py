"""What features of a simulated pair of screens are worth: takes a discriminator, makes scores of every well.

Every question is posed as the evaluation poses it: profiles standardised plate by plate on unlabelled wells, C+ against C- on
whole plates left out within a cell type, the same axes on all wells against the true severity, and the cell type of RxRx1
(zero-shot, raw) on whole experiments left out. Two classifiers: the paper's linear SVM with a fixed C, and a shrinkage LDA, ours.

Experiments named in `HALVES` are for choosing recipes, the others for reporting; no well of the latter chooses anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from gandl.config import Precision
from gandl.images.store_reader import ImageStore
from gandl.models.networks.discriminator import Discriminator
from gandl.models.networks.gan import TrainedGan
from gandl.models.networks.site_features import block_features, site_features
from gandl.statistics.axes import fit_lda_axis, fit_on_axis
from gandl.statistics.folds import labels_of
from gandl.statistics.multiclass import PairwiseSvm
from gandl.statistics.separation import auc, z_prime
from gandl.statistics.standardisation import standardise

HALVES = {"HRCE-1": "choice", "VERO-1": "choice", "HRCE-2": "report", "VERO-2": "report"}
"""Which half the wells of an experiment belong to; axes are fitted on all other plates of the cell type, of both halves."""
CLASSIFIERS = ("svm", "lda")
SVM_C = 100.0
"""A hard margin, in the units of `gandl.statistics.axes`; fixed, so that curves do not jump with a choice."""
CELL_TYPE_C = 1.0
SITES_AT_ONCE = 64

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """A finished run of the simulated pair of screens.

    Attributes
    ----------
    folder : `results/<run>`.
    """

    trained_on: ClassVar[str] = "rxrx19a"
    """The screen whose images networks are trained on."""
    folder: Path

    def stores(self, dataset: str) -> list[Path]:
        """Image stores of one screen."""
        return sorted((self.folder / "images" / dataset).glob("*.zarr"))

    def sites(self, dataset: str) -> pd.DataFrame:
        """Its sites table, by `site_id`."""
        return pd.read_parquet(self.folder / "source" / dataset / "sites.parquet").set_index("site_id")

    @cached_property
    def severity(self) -> pd.Series:
        """The true severity of every well of the first screen; empty where nobody knows it, as of real images."""
        path = self.folder / "source/rxrx19a/truth.parquet"
        if not path.exists():
            return pd.Series(dtype=float)
        return pd.read_parquet(path).set_index("well_id")["severity"]


def embedded(
    pair: Pair, dataset: str, model: TrainedGan, discriminator: Discriminator, stride: int
) -> tuple[dict[str, Floats], npt.NDArray[np.str_]]:
    """Features of all sites of a screen: by layer (`pre`, `post`, `blocks`, each block's name), and the sites' ids.

    Parameters
    ----------
    discriminator : of the model: its average, or the raw one. stride : distance (px) of the crops that are averaged.
    """
    parts: dict[str, list[npt.NDArray[np.float32]]] = {"pre": [], "post": [], "blocks": []}
    ids: list[str] = []
    resolution, crop = model.settings.resolution, model.settings.network.crop
    for path in pair.stores(dataset):
        store = ImageStore(path)
        channels = [store.channels.index(name) for name in model.channels]
        for first in range(0, len(store), SITES_AT_ONCE):
            images = store.sites(slice(first, first + SITES_AT_ONCE), resolution)[:, channels]
            seen = site_features(discriminator, model.scale, images, crop, stride, 64, Precision.FLOAT32)
            for layer in parts:
                parts[layer].append(getattr(seen, layer))
        ids += list(store.site_ids)
    layers = {layer: np.concatenate(of_layer).astype(np.float64) for layer, of_layer in parts.items()}
    names = np.array([name.rpartition("_")[0].rpartition("_")[0] for name in block_features(discriminator)])
    blocks = {str(block): layers["blocks"][:, names == block] for block in dict.fromkeys(names)}
    return {**layers, **blocks}, np.array(ids)


def well_profiles(features: Floats, sites: pd.DataFrame) -> tuple[Floats, Floats, pd.DataFrame]:
    """Standardise features (n, d) of sites, plate by plate on the wells that are not controls, and average them by well.

    Returns
    -------
    standardised features (n, d); profiles (m, d) of the wells; and the m wells, the first row of each, by `well_id`.
    """
    standard = standardise(features, sites["plate_id"], sites["well_id"], (sites["control"] == "none").to_numpy())
    wells = sites.drop_duplicates("well_id").set_index("well_id")
    means = pd.DataFrame(standard).groupby(sites["well_id"].to_numpy(), sort=False).mean()
    return standard, means.loc[wells.index].to_numpy(), wells


def well_scores(pair: Pair, features: Floats, ids: npt.NDArray[np.str_], classifiers: tuple[str, ...]) -> pd.DataFrame:
    """Held-out on scores of every well of the first screen.

    Returns
    -------
    a row per well and classifier: classifier, well_id, plate_id, cell_type, half, label, severity (NaN where unknown), on (NaN
    where no other plate of the cell type has both kinds of controls), and of controls the share of its images on their own side
    (`right_images`; NaN of other wells).
    """
    sites = pair.sites(pair.trained_on).loc[ids]
    standard, profiles, wells = well_profiles(features, sites)
    labels = labels_of(wells["control"])
    about = pd.DataFrame(
        {
            "well_id": wells.index,
            "plate_id": wells["plate_id"].to_numpy(),
            "cell_type": wells["cell_type"].to_numpy(),
            "half": wells["experiment"].map(HALVES).to_numpy(),
            "label": labels,
            "severity": pair.severity.reindex(wells.index).to_numpy(),
        }
    )
    tables = []
    for classifier in classifiers:
        on, right = np.full(len(wells), np.nan), np.full(len(wells), np.nan)
        for plate, cell_type in about[["plate_id", "cell_type"]].drop_duplicates().itertuples(index=False):
            test = (about["plate_id"] == plate).to_numpy()
            train = (about["cell_type"] == cell_type).to_numpy() & ~test & (labels != 0)
            images = (sites["plate_id"] == plate).to_numpy() & (sites["control"] != "none").to_numpy()
            on[test], of_images = scored_by(
                classifier, profiles[train], labels[train], profiles[test], standard[images]
            )
            own = labels_of(sites.loc[images, "control"])
            on_own_side = np.where(np.isfinite(of_images), of_images * own > 0, np.nan)
            shares = pd.Series(on_own_side).groupby(sites["well_id"].to_numpy()[images]).mean()
            right[wells.index.get_indexer(shares.index)] = shares.to_numpy()
        tables.append(about.assign(classifier=classifier, on=on, right_images=right))
    return pd.concat(tables, ignore_index=True)


def scored_by(classifier: str, train: Floats, labels: npt.NDArray[np.int_], *others: Floats) -> list[Floats]:
    """On scores of rows: training C+ average +1, C- average -1; NaN where one kind of controls is missing."""
    if len(set(labels[labels != 0])) < 2:
        return [np.full(len(rows), np.nan) for rows in others]
    axis = fit_lda_axis(train, labels) if classifier == "lda" else fit_on_axis(train, labels, SVM_C)
    return [axis.on_score(rows) for rows in others]


def cell_types(pair: Pair, features: Floats, ids: npt.NDArray[np.str_]) -> pd.DataFrame:
    """Which of the cell types of RxRx1 the images of each well were taken for, whole experiments left out.

    The k-th experiment of every type is left out together. Returns a row per well: well_id, experiment, right_images (the share
    of its images that were right).
    """
    sites = pair.sites("rxrx1").loc[ids]
    _, classes = np.unique(sites["cell_type"].to_numpy(str), return_inverse=True)
    fold = sites.groupby("cell_type")["experiment"].transform(_ranked).to_numpy(int)
    right = np.full(len(sites), np.nan)
    for left_out in np.unique(fold):
        test = fold == left_out
        machine = PairwiseSvm(features[~test], classes[~test])
        right[test] = machine.predict(features[test], CELL_TYPE_C) == classes[test]
    shares = pd.Series(right).groupby(sites["well_id"].to_numpy(), sort=False).mean()
    experiments = sites.drop_duplicates("well_id").set_index("well_id")["experiment"]
    return pd.DataFrame(
        {
            "well_id": shares.index,
            "experiment": experiments.loc[shares.index].to_numpy(),
            "right_images": shares.to_numpy(),
        }
    )


def _ranked(experiments: pd.Series) -> npt.NDArray[np.float64]:
    """Which of its cell type's experiments each is, by name: 1, 2 ..."""
    return rankdata(experiments.to_numpy(str), method="dense")


Wells = Mapping[str, npt.NDArray[np.generic]]
"""Columns of a table of scores."""
Positions = npt.NDArray[np.intp] | Sequence[int]
"""(..., n) wells by position: all of them, or draws of them, whose labels are the same in every draw."""


def separation(wells: Wells, at: Positions) -> Floats:
    """AUC of C+ over C- among the wells at these positions: (..., n) -> (...)."""
    return auc(*_by_label(wells, "on", at))


def z_prime_of(wells: Wells, at: Positions) -> Floats:
    """Z' between C+ and C- among the wells at these positions: (..., n) -> (...)."""
    return z_prime(*_by_label(wells, "on", at))


def severity_correlation(wells: Wells, at: Positions) -> Floats:
    """Rank correlation of the severity that the scores say, (1 - on) / 2, with the true one: (..., n) -> (...)."""
    says, true = (
        rankdata(sign * np.asarray(wells[name], float)[np.asarray(at)], axis=-1)
        for name, sign in (("on", -1.0), ("severity", 1.0))
    )
    says, true = (ranks - ranks.mean(axis=-1, keepdims=True) for ranks in (says, true))
    spread = np.sqrt(np.square(says).sum(axis=-1) * np.square(true).sum(axis=-1))
    with np.errstate(invalid="ignore"):  # all alike: no correlation is defined
        return np.asarray((says * true).sum(axis=-1) / spread)


def share_right(wells: Wells, at: Positions) -> Floats:
    """Balanced share of right images: mean over C+ and C- (where labels are given) of the wells' shares: (..., n) -> (...)."""
    if "label" not in wells:
        return np.asarray(np.asarray(wells["right_images"], float)[np.asarray(at)].mean(axis=-1))
    positive, negative = _by_label(wells, "right_images", at)
    return np.asarray((positive.mean(axis=-1) + negative.mean(axis=-1)) / 2)


def _by_label(wells: Wells, column: str, at: Positions) -> tuple[Floats, Floats]:
    """Values (..., n) of C+ and of C-."""
    at = np.asarray(at)
    label = np.asarray(wells["label"], int)[at.reshape(-1, at.shape[-1])[0]]
    values = np.asarray(wells[column], float)
    return values[at[..., label > 0]], values[at[..., label < 0]]
