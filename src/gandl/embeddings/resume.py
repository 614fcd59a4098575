"""What a killed embedding had finished: takes vectors as they are made, keeps them in parts beside the table until it is whole.

A part belongs to one key: a digest of weights, settings, images, code and device. Parts of any other are deleted, never used.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import time
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gandl.embeddings.featurizers import Featurizer
from gandl.images.store_reader import ImageStore, read_attributes
from gandl.tables import INDEX, read_table
from gandl.workflow.code_version import code_version
from gandl.workflow.files import atomic

SECONDS = 10.0
"""Seconds between two parts: that, and one block of sites, is what a kill costs."""
SITES = 4096
"""... or when this many sites wait, which bounds memory."""

Vectors = list[npt.NDArray[np.float32]]
"""Of some consecutive sites: (n, dim) per featurizer."""

log = logging.getLogger(__name__)


class Parts:
    """Finished vectors of one store: files `<first site>-<after the last>.<key>.npz` in a hidden folder beside its first table.

    Parameters
    ----------
    output : the first table.
    key : what the vectors depend on (`key_of`); None keeps nothing and finds nothing.
    dims : length of the vectors, per featurizer.
    """

    def __init__(self, output: Path, key: str | None, dims: Sequence[int]) -> None:
        self.folder = Path(output).with_name(f".{Path(output).name}.parts")
        self.key, self.dims = key, list(dims)
        self._waiting: list[Vectors] = []
        self._start = self._stop = 0
        self._saved = time.monotonic()

    def found(self) -> dict[int, int]:
        """First site -> site after the last, of every part that is whole; all other files are deleted."""
        good: dict[int, int] = {}
        for file in sorted(self.folder.glob("*")) if self.folder.is_dir() else ():
            span = self._span(file)
            if span is None:
                log.info("%s was made with other weights, settings, images, code or device: it is deleted", file)
            elif (trouble := self._trouble(span)) is not None:
                log.warning("%s is damaged (%s): its sites are embedded again", file, trouble)
            else:
                good[span.start] = span.stop
                continue
            file.unlink(missing_ok=True)
        return good

    def load(self, span: range) -> Vectors:
        """The vectors of a part.

        Raises
        ------
        ValueError, OSError, zipfile.BadZipFile : it is not whole.
        """
        with np.load(self._file(span), allow_pickle=False) as arrays:
            vectors = [arrays[f"arr_{i}"] for i in range(len(self.dims))]
        wanted = [(len(span), dim) for dim in self.dims]
        if [array.shape for array in vectors] != wanted or any(array.dtype != np.float32 for array in vectors):
            raise ValueError(f"it holds arrays of {[array.shape for array in vectors]}, not {wanted}")
        return vectors

    def add(self, span: range, vectors: Vectors) -> None:
        """Take the vectors of the next sites that were computed; writes a part where it is time."""
        if self.key is None:
            return
        if span.start != self._stop:
            self.save()
            self._start = span.start
        self._waiting.append(vectors)
        self._stop = span.stop
        if time.monotonic() - self._saved >= SECONDS or self._stop - self._start >= SITES:
            self.save()

    def save(self) -> None:
        """Write the waiting vectors as a part."""
        if self._waiting:
            tables = [np.concatenate(tables) for tables in zip(*self._waiting, strict=True)]
            with atomic(self._file(range(self._start, self._stop))) as partial, partial.open("wb") as file:
                np.savez(file, *tables)
        self._waiting, self._start, self._saved = [], self._stop, time.monotonic()

    def clear(self) -> None:
        """Delete all parts: the tables are there."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, span: range) -> Path:
        return self.folder / f"{span.start:09d}-{span.stop:09d}.{self.key}.npz"

    def _span(self, file: Path) -> range | None:
        """The sites of a part, by its name; None if it has another key, or is not a part."""
        first, _, after = file.name.partition(".")[0].partition("-")
        if not (first.isdecimal() and after.isdecimal()):
            return None
        span = range(int(first), int(after))
        return span if len(span) and file.name == self._file(span).name else None

    def _trouble(self, span: range) -> str | None:
        try:
            self.load(span)
        except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            return str(error)
        return None


def key_of(images: ImageStore, featurizers: Sequence[Featurizer], settings: str, blocks: int) -> str | None:
    """Name (32 hexadecimal digits) of all that decides the vectors of a store, to the last bit.

    Parameters
    ----------
    settings : those of the tables, as text.
    blocks : sites that are computed together; parts end where such blocks do.

    Returns
    -------
    None if a featurizer is not of this package: its code is not known, so what it made before could be wrong by now.
    """
    modules = {type(featurizer).__module__ for featurizer in featurizers}
    if not all(module.startswith("gandl.") for module in modules):
        return None
    index = read_table(images.index_path, INDEX)
    pixels = hashlib.sha256(index[["site_id", "sha256"]].to_csv(index=False).encode()).hexdigest()
    identity = {
        "code": code_version("gandl.embeddings.embed", *modules),
        "settings": settings,
        "blocks": blocks,
        "store": read_attributes(images.path),
        "pixels": pixels,
        "featurizers": [
            [featurizer.name, featurizer.channels, featurizer.feature_names, getattr(featurizer, "content", "")]
            for featurizer in featurizers
        ],
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode()).hexdigest()[:32]


def plan(sites: int, block: int, kept: dict[int, int]) -> list[range]:
    """All sites in order, in consecutive ranges: parts that are kept, and blocks to compute between them."""
    spans, position = [], 0
    while position < sites:
        stop = kept.get(position, min(position + block, sites))
        spans.append(range(position, stop))
        position = stop
    return spans
