"""A store becomes a table of embeddings. Takes an image store and a featurizer, makes `<store_id>.parquet`: one row per site."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.config import EmbeddingsSettings
from gandl.embeddings.errors import EmbeddingError
from gandl.embeddings.featurizers import Featurizer
from gandl.embeddings.metadata import FEATURE_NAMES, write_features
from gandl.images.store import ImageStore
from gandl.tables import EMBEDDINGS

SITES_PER_READ = 8
"""Sites held in memory at a time; it changes neither the embeddings nor, noticeably, the speed."""

PIXEL_SIZE_TOLERANCE = 0.01
"""Pixel sizes within 1 % are the same: what microscopes report is rounded."""


log = logging.getLogger(__name__)


def embed_store(
    store: Path,
    featurizer: Featurizer,
    output: Path,
    settings: EmbeddingsSettings,
    *,
    sites_per_read: int = SITES_PER_READ,
) -> None:
    """Embed every site of a store, in the store's order, and write the table.

    Memory holds `sites_per_read` sites and the vectors, whatever the size of the store.

    Parameters
    ----------
    store : `<store_id>.zarr`.
    featurizer : what embeds.
    output : parquet (`gandl.tables.EMBEDDINGS`); its metadata hold `feature_names` (JSON), `featurizer` and `settings`.
    settings : those the featurizer was built with, to be written down.

    Raises
    ------
    EmbeddingError : other channels, another pixel size, no images at the featurizer's resolution, or vectors of a wrong shape.
    """
    images = ImageStore(store)
    check_fit(images, featurizer)
    vectors = np.empty((len(images), featurizer.dim), np.float32)
    for indices, batch in images.batches(sites_per_read, featurizer.resolution):
        vectors[indices] = _checked(featurizer.embed(batch), len(batch), featurizer)
        _tell(images, featurizer, int(indices[0]), int(indices[-1]) + 1)
    write_features(
        pd.concat([images.index["site_id"], _as_columns(vectors)], axis="columns"),
        output,
        EMBEDDINGS,
        {
            FEATURE_NAMES: json.dumps(featurizer.feature_names),
            "featurizer": featurizer.name,
            "settings": settings.model_dump_json(),
        },
    )


def check_fit(images: ImageStore, featurizer: Featurizer) -> None:
    """Raise `EmbeddingError` where the images are not of the kind that the featurizer was made for."""
    if images.channels != featurizer.channels:
        raise EmbeddingError(
            f"{images.path} holds the channels {', '.join(images.channels)}, but the featurizer {featurizer.name} "
            f"was made for {', '.join(featurizer.channels)}: the names and their order must be the same"
        )
    resolution = featurizer.resolution
    if resolution is not None and resolution not in images.resolutions:
        stored = ", ".join(str(size) for size in images.resolutions)
        raise EmbeddingError(
            f"{images.path} holds images of {stored} px, but the featurizer {featurizer.name} was made for {resolution} px: "
            f"add {resolution} to images.resolutions and pack the store again"
        )
    wanted, given = featurizer.pixel_size_um, images.pixel_size_at(resolution or images.resolutions[0])
    if wanted is not None and given is not None and abs(given - wanted) > PIXEL_SIZE_TOLERANCE * wanted:
        raise EmbeddingError(
            f"a pixel of {images.path} at {resolution or images.resolutions[0]} px is {given:.4g} um wide, but the featurizer "
            f"{featurizer.name} was made for {wanted:.4g} um: store the images at a resolution where a pixel is as wide"
        )


def _checked(vectors: npt.NDArray[np.float32], sites: int, featurizer: Featurizer) -> npt.NDArray[np.float32]:
    if vectors.shape != (sites, featurizer.dim):
        raise EmbeddingError(
            f"the featurizer {featurizer.name} made an array of shape {vectors.shape} from {sites} site(s), "
            f"not {(sites, featurizer.dim)}"
        )
    return vectors


def _tell(images: ImageStore, featurizer: Featurizer, before: int, done: int) -> None:
    """A line whenever another tenth of the store is embedded."""
    if 10 * done // len(images) > 10 * before // len(images):
        log.info("%s: %d of %d sites embedded by %s", images.store_id, done, len(images), featurizer.name)


def _as_columns(vectors: npt.NDArray[np.float32]) -> pd.DataFrame:
    return pd.DataFrame(vectors, columns=[f"feature_{i}" for i in range(vectors.shape[1])])
