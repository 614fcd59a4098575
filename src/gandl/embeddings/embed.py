"""A store becomes tables of embeddings. Takes an image store and featurizers; makes one table each, `<store_id>.parquet`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.config import Dataset, EmbeddingsSettings
from gandl.embeddings.errors import EmbeddingError
from gandl.embeddings.featurizers import Featurizer, SharesLook
from gandl.embeddings.metadata import FEATURE_NAMES, FeatureWriter
from gandl.embeddings.view import View, view_of
from gandl.images.store import ImageStore
from gandl.progress import Progress
from gandl.tables import EMBEDDINGS

SITES_PER_READ = 8
"""Sites whose pixels are in memory at a time; it changes neither the embeddings nor, noticeably, the speed."""

SITES_PER_GROUP = 1024
"""Sites whose vectors are in memory at a time: a row group of the tables."""


def embed_store(
    store: Path,
    featurizers: Sequence[Featurizer],
    outputs: Sequence[Path],
    settings: EmbeddingsSettings,
    dataset: Dataset,
    *,
    sites_per_read: int = SITES_PER_READ,
) -> None:
    """Embed every site of a store with every featurizer, in one pass in the store's order, and write a table each.

    Memory holds the pixels of `sites_per_read` sites and the vectors of `SITES_PER_GROUP`, whatever the size of the store.

    Parameters
    ----------
    store : `<store_id>.zarr`.
    featurizers : what embeds; those that share a network share its work.
    outputs : parquet (`gandl.tables.EMBEDDINGS`), one per featurizer; their metadata hold `feature_names` (JSON), `featurizer`,
        `dataset` and `settings`.
    settings : those the featurizers were built with, to be written down; `resolutions`, `rescale` and `drop_channels` say what of
        the images is seen.
    dataset : of the store.

    Raises
    ------
    EmbeddingError : other channels, another pixel size, no images of the size asked for, or vectors of a wrong shape or with a
        number that is not finite.
    """
    images = ImageStore(store)
    views = [view_of(images, featurizer, settings, dataset) for featurizer in featurizers]
    site_ids = images.index["site_id"].to_numpy()
    with ExitStack() as stack:
        writers = [
            stack.enter_context(FeatureWriter(Path(output), EMBEDDINGS, _metadata(featurizer, settings, dataset)))
            for featurizer, output in zip(featurizers, outputs, strict=True)
        ]
        progress = stack.enter_context(Progress(f"embedding {images.store_id}", len(images), "sites"))
        for group in _parts(range(len(images)), SITES_PER_GROUP):
            tables = [np.empty((len(group), featurizer.dim), np.float32) for featurizer in featurizers]
            for part in _parts(group, sites_per_read):
                rows = slice(part.start - group.start, part.stop - group.start)
                vectors = _embed(images, np.arange(part.start, part.stop), featurizers, views)
                for table, featurizer, rows_of_one in zip(tables, featurizers, vectors, strict=True):
                    table[rows] = _checked(rows_of_one, site_ids[part.start : part.stop], featurizer)
                progress.update(part.stop)
            for writer, table in zip(writers, tables, strict=True):
                writer.write(_as_frame(site_ids[group.start : group.stop], table))


def _embed(
    images: ImageStore, indices: npt.NDArray[np.int64], featurizers: Sequence[Featurizer], views: Sequence[View]
) -> list[npt.NDArray[np.float32]]:
    """Vectors (n, dim) of n sites, per featurizer; a stored size is read once, and each network looks once."""
    stored = {
        resolution: images.sites(indices, resolution) for resolution in sorted({view.resolution for view in views})
    }
    pixels = {view: view.of(stored[view.resolution]) for view in views}
    looks: dict[tuple[object, View], Any] = {}
    vectors = []
    for featurizer, view in zip(featurizers, views, strict=True):
        if isinstance(featurizer, SharesLook):
            key = featurizer.look, view
            if key not in looks:
                looks[key] = featurizer.look(pixels[view])
            vectors.append(featurizer.choose(looks[key]))
        else:
            vectors.append(featurizer.embed(pixels[view]))
    return vectors


def _checked(
    vectors: npt.NDArray[np.float32], site_ids: npt.NDArray[np.object_], featurizer: Featurizer
) -> npt.NDArray[np.float32]:
    if vectors.shape != (len(site_ids), featurizer.dim):
        raise EmbeddingError(
            f"the featurizer {featurizer.name} made an array of shape {vectors.shape} from {len(site_ids)} site(s), "
            f"not {(len(site_ids), featurizer.dim)}"
        )
    undefined = np.argwhere(~np.isfinite(vectors))
    if len(undefined):
        site, feature = undefined[0]
        raise EmbeddingError(
            f"the featurizer {featurizer.name} gave site {site_ids[site]} a {featurizer.feature_names[feature]} of "
            f"{vectors[site, feature]}, which is no finite number"
        )
    return vectors


def _metadata(featurizer: Featurizer, settings: EmbeddingsSettings, dataset: Dataset) -> dict[str, str]:
    return {
        FEATURE_NAMES: json.dumps(list(featurizer.feature_names)),
        "featurizer": featurizer.name,
        "dataset": dataset,
        "settings": settings.model_dump_json(),
    }


def _as_frame(site_ids: npt.NDArray[np.object_], vectors: npt.NDArray[np.float32]) -> pd.DataFrame:
    frame = pd.DataFrame(vectors, columns=[f"feature_{i}" for i in range(vectors.shape[1])], copy=False)
    frame.insert(0, "site_id", site_ids)
    return frame


def _parts(whole: range, size: int) -> Iterator[range]:
    """Consecutive parts of a range, `size` long; the last may be shorter."""
    for start in range(whole.start, whole.stop, size):
        yield range(start, min(start + size, whole.stop))
