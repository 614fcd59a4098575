"""The probe: takes controls of a screen, makes a callable that scores a discriminator by Z' during training.

It only observes: its result affects neither gradients nor when training stops. It uses the wells of the `probe` scheme alone
(`splits.parquet`), in which every control is scored by axes that never saw its plate (of one plate: its row or column). It
standardises as the normalisation `unlabelled` does, but on some of its scheme's wells (the evaluation: on the whole plate's),
so that few other images are embedded. Images are read again at every look, a few at a time.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.config import TrainingSettings
from gandl.images.store_reader import ImageStore
from gandl.models.crops.intensity import IntensityScale
from gandl.models.networks.discriminator import Discriminator
from gandl.models.networks.site_features import site_features
from gandl.source.splits import Question, Scheme
from gandl.statistics.axes import AxisError
from gandl.statistics.folds import folds_of, labels_of
from gandl.statistics.held_out import Fold, held_out_scores
from gandl.statistics.separation import z_prime
from gandl.statistics.standardisation import StandardisationError, check_reference, standardise
from gandl.tables import SITES, SPLITS, read_table
from gandl.workflow.code_version import code_version

CROPS_PER_PASS = 32
SITES_AT_ONCE = 32
"""Number of sites whose images are held."""
UNLABELLED_WELLS = 48
"""Number of wells per plate that are not controls and are used, drawn once; they only give its mean and deviation."""
C_GRID = (0.01, 0.1, 1.0)
"""The probe's own candidates, so that a changed setting of the evaluation retrains nothing."""
SITE_COLUMNS = ["site_id", "well_id", "plate_id", "control"]
SPLIT_COLUMNS = ["fold", "part", "well_id"]

logger = logging.getLogger(__name__)


Probe = Callable[[Discriminator, IntensityScale], float]
"""Scores a discriminator while it trains; must not change it, nor any random generator."""


class ProbeError(ValueError):
    """The tables and stores do not allow a probe; the message says what is missing."""


def build_probe(
    stores: Sequence[Path], sites: Path, splits: Path, settings: TrainingSettings, c_grid: Sequence[float] = C_GRID
) -> Probe:
    """Make the probe of a training.

    It uses the controls of the scheme's wells and, for each plate, up to 48 wells that are not controls.

    Parameters
    ----------
    stores : image stores that hold the sites of the probe's wells.
    sites, splits : tables of the dataset.
    settings : resolution, crop and `probe_stride`.
    c_grid : candidates for the SVM's C, chosen inside each fold's training wells.

    Returns
    -------
    (discriminator, scale) -> pooled held-out Z' of the on axis, from all blocks' features; wells are standardised,
    plate by plate, on those of the scheme that are not controls.

    Raises
    ------
    ProbeError : the splits have no `probe` scheme, or a site is in no store, or a plate has fewer than 3 wells in it
        that are not controls.
    """
    parts, table = _read(sites, splits)
    reference = (table["control"] == "none").to_numpy(bool)
    try:
        check_reference(table["plate_id"], table["well_id"], reference, "the probe")
    except StandardisationError as error:
        raise ProbeError(str(error)) from error
    places = _places(table, [ImageStore(path) for path in stores])
    wells = table.drop_duplicates("well_id")
    labels = labels_of(wells["control"])
    folds = folds_of(parts, wells["well_id"].tolist(), str(sites))
    groups = _groups(folds, len(wells))

    def probe(discriminator: Discriminator, scale: IntensityScale) -> float:
        blocks = _blocks(discriminator, scale, places, len(table), settings)
        standard = standardise(blocks, table["plate_id"], table["well_id"], reference, "the probe")
        features = pd.DataFrame(standard).groupby(table["well_id"], sort=False).mean().to_numpy()
        try:
            on = held_out_scores(features, labels, folds, groups, c_grid).on
        except AxisError as error:  # a collapsed discriminator: the guard notices that, the probe only observes
            logger.warning("the probe is off: %s", error)
            return float("nan")
        scored = np.isfinite(on)
        return float(z_prime(on[scored & (labels > 0)], on[scored & (labels < 0)]))

    return probe


def probe_id(sites: Path, splits: Path) -> str:
    """Name (16 hexadecimal digits) of what a probe's values depend on besides stores and settings: its wells, and its code.

    Parameters
    ----------
    sites, splits : as in `build_probe`; only what the probe reads of them counts, in any order.

    Raises
    ------
    ProbeError : the splits have no `probe` scheme.
    """
    digest = hashlib.sha256(code_version("gandl.models.looks.probe").encode())
    for table in _read(sites, splits):
        digest.update(table.to_csv(index=False).encode())
    return digest.hexdigest()[:16]


def _read(sites: Path, splits: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Splits of the probe's scheme, and the sites of its wells; of both only what the probe looks at, in one order."""
    parts = read_table(splits, SPLITS)
    parts = parts[(parts["question"] == Question.CONTROLS) & (parts["scheme"] == Scheme.PROBE)]
    if parts.empty:
        raise ProbeError(f"{splits} has no scheme {Scheme.PROBE.value!r} for the question {Question.CONTROLS.value!r}")
    table = read_table(sites, SITES)
    table = table[table["well_id"].isin(parts["well_id"])]
    table = table[table["well_id"].isin(_looked_at(table))]
    parts = parts[parts["well_id"].isin(table["well_id"])]
    return (
        parts[SPLIT_COLUMNS].sort_values(SPLIT_COLUMNS).reset_index(drop=True),
        table[SITE_COLUMNS].sort_values("site_id").reset_index(drop=True),
    )


def _looked_at(sites: pd.DataFrame) -> pd.Series:
    """Controls, and for each plate some wells that are not; drawn independently of the order of the table."""
    wells = sites.drop_duplicates("well_id").sort_values("well_id")
    shuffled = wells.iloc[np.random.default_rng(0).permutation(len(wells))]
    control = shuffled["control"] != "none"
    rank = shuffled.groupby(["plate_id", control]).cumcount()
    return shuffled.loc[control | (rank < UNLABELLED_WELLS), "well_id"]


@dataclass(frozen=True)
class _Place:
    """Some sites of a store: their positions in it, and the rows of the probe's table that they are."""

    store: ImageStore
    positions: list[int]
    rows: list[int]


def _places(table: pd.DataFrame, stores: Sequence[ImageStore]) -> list[_Place]:
    """Where the table's sites are, store by store and a few at a time."""
    row_of = {site: row for row, site in enumerate(table["site_id"])}
    places: list[_Place] = []
    found: set[int] = set()
    for store in stores:
        here = [(position, row_of[site]) for position, site in enumerate(store.site_ids) if site in row_of]
        found.update(row for _, row in here)
        for first in range(0, len(here), SITES_AT_ONCE):
            positions, rows = zip(*here[first : first + SITES_AT_ONCE], strict=True)
            places.append(_Place(store, list(positions), list(rows)))
    missing = [site for site, row in row_of.items() if row not in found]
    if missing:
        raise ProbeError(
            f"{len(missing)} sites of the probe, the first is {missing[0]}, are in no store of "
            f"{', '.join(str(store.path) for store in stores)}"
        )
    return places


def _blocks(
    discriminator: Discriminator, scale: IntensityScale, places: Sequence[_Place], n: int, settings: TrainingSettings
) -> npt.NDArray[np.float64]:
    """All blocks' features (n, d) of the table's sites."""
    parts = [
        site_features(
            discriminator,
            scale,
            place.store.sites(place.positions, settings.resolution),
            settings.network.crop,
            settings.probe_stride,
            CROPS_PER_PASS,
        ).blocks
        for place in places
    ]
    blocks = np.empty((n, parts[0].shape[1]))
    blocks[[row for place in places for row in place.rows]] = np.concatenate(parts)
    return blocks


def _groups(folds: Sequence[Fold], n: int) -> npt.NDArray[np.object_]:
    """What is left out together (a plate, or a row or column of one): the fold that tests a well."""
    groups = np.full(n, "", dtype=object)
    for fold in folds:
        groups[fold.test] = fold.name
    return groups
