"""The probe: takes controls of a screen, makes a callable that scores a discriminator by Z' along training.

It only looks: what it sees decides neither gradients nor when training stops. It uses the wells of the `probe` scheme alone
(`splits.parquet`), in which every control is scored by axes that never saw its plate row.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.config import TrainingSettings
from gandl.images.store import ImageStore
from gandl.models.discriminator import Discriminator
from gandl.models.intensity import IntensityScale
from gandl.models.sites import site_features
from gandl.models.training import Probe
from gandl.source.splits import Question, Scheme
from gandl.statistics import AxisError, Fold, held_out_scores, z_prime
from gandl.tables import SITES, SPLITS, read_table

CROPS_PER_PASS = 32
C_GRID = (0.01, 0.1, 1.0)
"""The probe's own candidates, so that a changed setting of the evaluation retrains nothing."""
LABELS = {"positive": 1, "negative": -1, "none": 0}


logger = logging.getLogger(__name__)


class ProbeError(ValueError):
    """The tables and stores do not allow a probe; the message says what is missing."""


def build_probe(
    stores: Sequence[Path], sites: Path, splits: Path, settings: TrainingSettings, c_grid: Sequence[float] = C_GRID
) -> Probe:
    """Make the probe of a training.

    Parameters
    ----------
    stores : image stores that hold the sites of the probe's wells.
    sites, splits : tables of the dataset.
    settings : resolution, crop and `probe_stride`.
    c_grid : candidates for the SVM's C, chosen inside each fold's training wells.

    Returns
    -------
    (discriminator, scale) -> pooled held-out Z' of the on axis, from all blocks' features; wells are standardised,
    plate by plate, on those that are no controls.

    Raises
    ------
    ProbeError : the splits have no `probe` scheme, or a site is in no store.
    """
    parts = read_table(splits, SPLITS)
    parts = parts[(parts["question"] == Question.CONTROLS) & (parts["scheme"] == Scheme.PROBE)]
    if parts.empty:
        raise ProbeError(f"{splits} has no scheme {Scheme.PROBE.value!r} for the question {Question.CONTROLS.value!r}")
    table = read_table(sites, SITES)
    table = table[table["well_id"].isin(parts["well_id"])].reset_index(drop=True)
    images = _images(table, [ImageStore(path) for path in stores], settings.resolution)
    wells = table.drop_duplicates("well_id").reset_index(drop=True)
    labels = np.array([LABELS[control] for control in wells["control"]])
    folds = [_fold(name, fold, wells["well_id"]) for name, fold in parts.groupby("fold", sort=True)]
    groups = _groups(folds, len(wells))

    def probe(discriminator: Discriminator, scale: IntensityScale) -> float:
        blocks = site_features(
            discriminator, scale, images, settings.network.crop, settings.probe_stride, CROPS_PER_PASS
        ).blocks
        means = pd.DataFrame(blocks.astype(float)).groupby(table["well_id"], sort=False).mean().to_numpy()
        features = _standardise(means, labels, wells["plate_id"].to_numpy())
        try:
            on = held_out_scores(features, labels, folds, groups, c_grid).on
        except AxisError as error:  # a collapsed discriminator: that is for the trainer to notice, the probe only looks
            logger.warning("the probe sees nothing: %s", error)
            return float("nan")
        scored = np.isfinite(on)
        return float(z_prime(on[scored & (labels > 0)], on[scored & (labels < 0)]))

    return probe


def _images(table: pd.DataFrame, stores: Sequence[ImageStore], resolution: int) -> npt.NDArray[np.unsignedinteger]:
    """Pixels of the table's sites, in its order."""
    places = {site: (store, i) for store in stores for i, site in enumerate(store.site_ids)}
    missing = [site for site in table["site_id"] if site not in places]
    if missing:
        raise ProbeError(
            f"{len(missing)} sites of the probe, the first is {missing[0]}, are in no store of "
            f"{', '.join(str(store.path) for store in stores)}"
        )
    return np.concatenate([places[site][0].sites([places[site][1]], resolution) for site in table["site_id"]])


def _fold(name: object, parts: pd.DataFrame, well_ids: pd.Series) -> Fold:
    train, test = (
        np.flatnonzero(well_ids.isin(parts.loc[parts["part"] == part, "well_id"])) for part in ("train", "test")
    )
    return Fold(str(name), train, test)


def _groups(folds: Sequence[Fold], n: int) -> npt.NDArray[np.object_]:
    """What is left out together (a plate row, or a plate): the fold that tests a well."""
    groups = np.full(n, "", dtype=object)
    for fold in folds:
        groups[fold.test] = fold.name
    return groups


def _standardise(
    features: npt.NDArray[np.float64], labels: npt.NDArray[np.int_], plates: npt.NDArray[np.object_]
) -> npt.NDArray[np.float64]:
    """Zero mean and unit deviation over each plate's wells that are no controls (over all where it has fewer than two)."""
    standardised = np.zeros_like(features)
    for plate in np.unique(plates):
        here = plates == plate
        reference = here & (labels == 0) if (here & (labels == 0)).sum() > 1 else here
        deviation = features[reference].std(axis=0)
        centred = features[here] - features[reference].mean(axis=0)
        standardised[here] = centred / np.where(deviation > 0, deviation, np.inf)
    return standardised
