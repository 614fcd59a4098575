"""A store becomes tables of embeddings. Takes an image store and featurizers; makes one table each, `<store_id>.parquet`.

Pixels are read ahead while networks compute; what a killed embedding had finished is reused (`gandl.embeddings.resume`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.config import Dataset, EmbeddingsSettings
from gandl.embeddings.bit_depth import check_bit_depth
from gandl.embeddings.errors import EmbeddingError
from gandl.embeddings.featurizers import Featurizer, OnDevice, SharesLook
from gandl.embeddings.metadata import FEATURE_NAMES, FeatureWriter
from gandl.embeddings.reading import BlockReader, read_ahead
from gandl.embeddings.resume import Parts, Vectors, key_of, plan
from gandl.embeddings.view import View, view_of
from gandl.images.store_reader import ImageStore
from gandl.tables import EMBEDDINGS
from gandl.workflow.progress import Progress
from gandl.workflow.words import counted

SITES_PER_READ = 8
"""Sites that are read and computed together where no network requests another number."""
BYTES_PER_READ = 2**28
"""At most this many bytes of pixels are read together (and at least one site); memory holds three or four times as many."""
SITES_PER_GROUP = 1024
"""Sites of a row group of the tables."""

log = logging.getLogger(__name__)


def embed_store(
    store: Path,
    featurizers: Sequence[Featurizer],
    outputs: Sequence[Path],
    settings: EmbeddingsSettings,
    dataset: Dataset,
    *,
    device: str = "cpu",
    readers: int = 1,
    sites_per_read: int | None = None,
) -> None:
    """Embed every site of a store with every featurizer, in one pass in the store's order, and write a table each.

    Tables are the same, bit for bit, whether it ran through or was killed and called again; then it resumes where it was.
    Memory holds the pixels of a few blocks of sites and the vectors of a few thousand sites, whatever the size of the store.

    Parameters
    ----------
    store : `<store_id>.zarr`.
    featurizers : what embeds; those that share a network share its work.
    outputs : parquet (`gandl.tables.EMBEDDINGS`), one per featurizer; their metadata hold `feature_names` (JSON), `featurizer`,
        `dataset` and `settings`.
    settings : those the featurizers were built with, to be recorded (where some keys were given, these); `resolutions`, `rescale`
        and `drop_channels` say what is seen of the images.
    dataset : of the store.
    device : where networks compute: "cpu", "cuda", "cuda:1".
    readers : threads that read; one keeps up with a CPU, a GPU wants several.
    sites_per_read : sites that are read and computed together; by default what fills the networks' passes.

    Raises
    ------
    EmbeddingError : other channels, another pixel size or bit depth, no images of the size requested, vectors of a wrong shape or
        with a number that is not finite, or a GPU whose memory is too small.
    gandl.models.compute.device.DeviceError : a GPU that does not exist.
    """
    images = ImageStore(store)
    placed = [featurizer.on(device) if isinstance(featurizer, OnDevice) else featurizer for featurizer in featurizers]
    views = [view_of(images, featurizer, settings, dataset) for featurizer in placed]
    for featurizer, view in zip(placed, views, strict=True):
        check_bit_depth(images, featurizer, view)
    block = sites_per_read or _sites_per_read(images, placed, views)
    metadata = [_metadata(featurizer, settings, dataset) for featurizer in placed]
    parts = Parts(
        Path(outputs[0]), key_of(images, placed, json.dumps(metadata), block), [featurizer.dim for featurizer in placed]
    )
    site_ids = images.index["site_id"].to_numpy()
    with ExitStack() as stack:
        writers = [
            stack.enter_context(FeatureWriter(Path(output), EMBEDDINGS, of_one))
            for output, of_one in zip(outputs, metadata, strict=True)
        ]
        reader = stack.enter_context(BlockReader(images, _stages(placed, views), readers))
        vectors = stack.enter_context(closing(_vectors(images, reader, placed, views, parts, block)))
        for start, tables in zip(
            range(0, len(images), SITES_PER_GROUP), regrouped(vectors, SITES_PER_GROUP), strict=True
        ):
            for writer, table in zip(writers, tables, strict=True):
                writer.write(_as_frame(site_ids[start : start + len(table)], table))
    parts.clear()


def _vectors(
    images: ImageStore,
    reader: BlockReader,
    featurizers: Sequence[Featurizer],
    views: Sequence[View],
    parts: Parts,
    block: int,
) -> Generator[Vectors, None, None]:
    """Vectors of all sites in order, some consecutive ones at a time: those of kept parts, and the others computed."""
    kept = parts.found()
    spans = plan(len(images), block, kept)
    missing = [span for span in spans if kept.get(span.start) != span.stop]
    known = len(images) - sum(map(len, missing))
    if known:
        log.info(
            "%s: %d of %d sites were embedded before, by a job that was stopped; resuming",
            images.store_id,
            known,
            len(images),
        )
    site_ids = images.index["site_id"].to_numpy()
    with (
        closing(read_ahead(reader, missing)) as pixels,
        Progress(f"embedding {images.store_id}", len(images), "sites", known) as progress,
    ):
        for span in spans:
            if kept.get(span.start) == span.stop:
                yield parts.load(span)
                continue
            computed = [
                checked(vectors, site_ids[span.start : span.stop], featurizer)
                for vectors, featurizer in zip(_embed(next(pixels), featurizers, views), featurizers, strict=True)
            ]
            parts.add(span, computed)
            known += len(span)
            progress.update(known)
            yield computed


def _embed(
    pixels: Mapping[View, npt.NDArray[Any]], featurizers: Sequence[Featurizer], views: Sequence[View]
) -> Vectors:
    """Vectors (n, dim) of n sites, per featurizer; each network looks once."""
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


def _stages(featurizers: Sequence[Featurizer], views: Sequence[View]) -> dict[View, Any]:
    """How each view's pixels are put away by the thread that reads them: as the device of a network wants it."""
    stages: dict[View, Any] = dict.fromkeys(views)
    for featurizer, view in zip(featurizers, views, strict=True):
        if isinstance(featurizer, OnDevice):
            stages[view] = featurizer.stage
    return stages


def _sites_per_read(images: ImageStore, featurizers: Sequence[Featurizer], views: Sequence[View]) -> int:
    """What the first network embeds best at a time, within `BYTES_PER_READ`."""
    limit = max(1, BYTES_PER_READ // sum(view.bytes_per_site(images) for view in set(views)))
    for featurizer, view in zip(featurizers, views, strict=True):
        if isinstance(featurizer, OnDevice):
            return featurizer.sites_at_once(*view.sides(images), limit)
    return min(SITES_PER_READ, limit)


def regrouped(pieces: Iterable[Vectors], size: int) -> Iterator[Vectors]:
    """The same rows in the same order, `size` at a time; the last group may be shorter."""
    waiting: list[Vectors] = []
    count = 0
    for piece in pieces:
        waiting.append(piece)
        count += len(piece[0])
        if count >= size:
            tables = [np.concatenate(of_one) for of_one in zip(*waiting, strict=True)]
            whole = count - count % size
            for start in range(0, whole, size):
                yield [table[start : start + size] for table in tables]
            waiting, count = [[table[whole:] for table in tables]], count - whole
    if count:
        yield [np.concatenate(of_one) for of_one in zip(*waiting, strict=True)]


def checked(
    vectors: npt.NDArray[np.float32], site_ids: npt.NDArray[np.object_], featurizer: Featurizer
) -> npt.NDArray[np.float32]:
    """The vectors of some sites, if their shape is right and every number is finite.

    Raises
    ------
    EmbeddingError : names the featurizer and what is wrong.
    """
    if vectors.shape != (len(site_ids), featurizer.dim):
        raise EmbeddingError(
            f"the featurizer {featurizer.name} made an array of shape {vectors.shape} from {counted(len(site_ids), 'site')}, "
            f"not {(len(site_ids), featurizer.dim)}"
        )
    undefined = np.argwhere(~np.isfinite(vectors))
    if len(undefined):
        site, feature = undefined[0]
        raise EmbeddingError(
            f"the featurizer {featurizer.name} gave site {site_ids[site]} a {featurizer.feature_names[feature]} of "
            f"{vectors[site, feature]}, which is not a finite number"
        )
    return vectors


def _metadata(featurizer: Featurizer, settings: EmbeddingsSettings, dataset: Dataset) -> dict[str, str]:
    return {
        FEATURE_NAMES: json.dumps(list(featurizer.feature_names)),
        "featurizer": featurizer.name,
        "dataset": dataset,
        "settings": settings.model_dump_json(include=settings.model_fields_set or None),
    }


def _as_frame(site_ids: npt.NDArray[np.object_], vectors: npt.NDArray[np.float32]) -> pd.DataFrame:
    frame = pd.DataFrame(vectors, columns=[f"feature_{i}" for i in range(vectors.shape[1])], copy=False)
    frame.insert(0, "site_id", site_ids)
    return frame
