"""Pixels of one array of a store: takes its folder, gives windows of sites; and the shard files themselves, written and read.

A shard is what the Zarr v3 specification calls one (codec `sharding_indexed` 1.0): compressed chunks, here a channel image
each, site by site, and behind them an index of (offset, length) pairs with its CRC-32C. Written by hand, it takes no more room
than its compressed bytes, and a site lies in one piece. Read by hand, a site costs one `pread` and a decompression per channel;
no file stays open and no thread is started, so that reading is safe in forked and spawned processes. Any Zarr library reads the
same files. Arrays of another layout (written again with other tools) are read through zarr-python.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import google_crc32c
import imagecodecs
import numpy as np
from numcodecs.zstd import Zstd  # type: ignore[import-untyped]

from gandl.workflow.files import atomic

ABSENT = 2**64 - 1
"""Offset of a chunk that was never written. Packing writes black images too, so one that does not exist is a fault."""
WHOLE = (slice(None), slice(None))
"""The window that is the whole image."""
INDICES_KEPT = 128
"""Shards per array whose index stays in memory: 16 bytes per channel image."""


class DamagedError(ValueError):
    """Pixels cannot be read; the message names the file and what is wrong with it."""


class Images(Protocol):
    """One array of a store: (site, channel, y, x) uint8 or uint16."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def missing(self) -> list[Path]:
        """Files with pixels that are missing."""

    def read(self, i: int, window: tuple[slice, slice], out: np.ndarray) -> None:
        """Fill `out` (channel, y, x) with the window (y, x) of site i."""


def open_images(store: Path, name: str) -> Images:
    """Open one array of a store: read directly where it has the layout that packing gives it, else through zarr-python.

    Raises
    ------
    DamagedError : no array, or one of other than four axes or another type.
    """
    folder = Path(store) / name
    try:
        metadata = json.loads((folder / "zarr.json").read_bytes())
        direct = sys.byteorder == "little" and _is_ours(metadata)
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise DamagedError(f"{folder} is not a readable Zarr array ({error})") from error
    images: Images = ShardedImages(folder, metadata) if direct else ZarrImages(folder)
    if len(images.shape) != 4 or images.dtype not in (np.uint8, np.uint16):
        raise DamagedError(f"{folder} holds {images.dtype} of shape {images.shape}, not images (site, channel, y, x)")
    return images


def shard_file(array: Path, number: int) -> Path:
    """The file of one shard of an array's folder; it spans all channels and whole images."""
    return array / "c" / str(number) / "0" / "0" / "0"


def encode_chunk(image: np.ndarray, level: int) -> bytes:
    """One channel image (y, x), compressed with zstd and its checksum, as a chunk of a shard."""
    little = np.ascontiguousarray(image, dtype=image.dtype.newbyteorder("<"))
    return bytes(Zstd(level=level, checksum=True).encode(little))


def write_shard(file: Path, sites: Sequence[Sequence[bytes]], sites_per_shard: int) -> None:
    """Write one shard, atomically: the chunks of its sites, and the index of a full shard.

    Parameters
    ----------
    sites : compressed channel images of every site.
    sites_per_shard : of a full shard; the last of an array may hold fewer.
    """
    index = np.full((sites_per_shard, len(sites[0]), 2), ABSENT, "<u8")
    end = 0
    for place, channel in np.ndindex(len(sites), len(sites[0])):
        length = len(sites[place][channel])
        index[place, channel] = end, length
        end += length
    footer = index.tobytes()
    with atomic(file) as partial, partial.open("wb") as target:
        for site in sites:
            target.writelines(site)
        target.write(footer)
        target.write(google_crc32c.value(footer).to_bytes(4, "little"))


def _is_ours(metadata: dict[str, Any]) -> bool:
    """Whether an array is laid out as `gandl.images.pack` does it."""
    chunk = [1, 1, *metadata["shape"][2:]]
    shard = metadata["chunk_grid"]["configuration"].get("chunk_shape", [0])
    sharding = metadata["codecs"][0].get("configuration", {})
    inner = [
        (codec["name"], codec.get("configuration", {}).get("endian", "little")) for codec in sharding.get("codecs", [])
    ]
    return (
        metadata["data_type"] in ("uint8", "uint16")
        and metadata["chunk_grid"]["name"] == "regular"
        and metadata["chunk_key_encoding"] == {"name": "default", "configuration": {"separator": "/"}}
        and [codec["name"] for codec in metadata["codecs"]] == ["sharding_indexed"]
        and shard == [shard[0], *metadata["shape"][1:]]
        and sharding["chunk_shape"] == chunk
        and inner == [("bytes", "little"), ("zstd", "little")]
        and [codec["name"] for codec in sharding["index_codecs"]] == ["bytes", "crc32c"]
        and sharding["index_codecs"][0]["configuration"]["endian"] == "little"
        and sharding.get("index_location", "end") == "end"
    )


class ShardedImages:
    """The layout that packing writes, read directly.

    Only the indices of the shards read last are kept. A pickled one reopens itself.
    """

    def __init__(self, folder: Path, metadata: dict[str, Any]) -> None:
        self._folder, self._metadata = folder, metadata
        self.shape: tuple[int, ...] = tuple(metadata["shape"])
        self.dtype: np.dtype[Any] = np.dtype(metadata["data_type"])
        self._per_shard: int = metadata["chunk_grid"]["configuration"]["chunk_shape"][0]
        self._index = lru_cache(maxsize=INDICES_KEPT)(self._read_index)

    def __reduce__(self) -> tuple[type[ShardedImages], tuple[Path, dict[str, Any]]]:
        return ShardedImages, (self._folder, self._metadata)

    def missing(self) -> list[Path]:
        """Shards that are missing."""
        files = (shard_file(self._folder, number) for number in range(-(-self.shape[0] // self._per_shard)))
        return [file for file in files if not file.is_file()]

    def read(self, i: int, window: tuple[slice, slice], out: np.ndarray) -> None:
        """Fill `out` (channel, y, x) with the window (y, x) of site i.

        Raises
        ------
        DamagedError : the shard is missing or cut short, or its index or a channel image has another checksum.
        """
        number, place = divmod(i, self._per_shard)
        file = shard_file(self._folder, number)
        whole = out.flags.c_contiguous and out.shape[1:] == self.shape[2:]
        image = np.empty(self.shape[2:], self.dtype)
        try:
            descriptor = os.open(file, os.O_RDONLY)
            try:
                chunks = _read_chunks(descriptor, self._index(number)[place])
            finally:
                os.close(descriptor)
            for channel, chunk in enumerate(chunks):
                target = out[channel] if whole else image
                pixels = imagecodecs.zstd_decode(chunk, out=target.data.cast("B"))
                if len(pixels) != target.nbytes:
                    raise ValueError(f"the image of channel {channel + 1} of site {i} is not whole")
                if not whole:
                    out[channel] = image[window]
        except (OSError, imagecodecs.ZstdError, ValueError) as error:
            raise DamagedError(f"{file}: {error}") from error

    def _read_index(self, number: int) -> np.ndarray:
        """(site, channel, 2): offset and length of every chunk of a shard."""
        shape = (self._per_shard, self.shape[1], 2)
        size = 8 * shape[0] * shape[1] * shape[2]
        with shard_file(self._folder, number).open("rb") as file:
            file.seek(-(size + 4), os.SEEK_END)
            data = file.read()
        if google_crc32c.value(data[:-4]) != int.from_bytes(data[-4:], "little"):
            raise ValueError("the index of the shard has the wrong checksum")
        return np.frombuffer(data[:-4], "<u8").reshape(shape)


def _read_chunks(descriptor: int, entries: np.ndarray) -> list[bytes]:
    """The compressed chunks of a site, whose offset and length `entries` (channel, 2) gives: in one read if they adjoin."""
    if (entries[:, 0] == ABSENT).any():
        raise ValueError("an image was never written")
    starts, stops = entries[:, 0], entries[:, 0] + entries[:, 1]
    if not np.array_equal(starts[1:], stops[:-1]):
        return [os.pread(descriptor, length, start) for start, length in entries.tolist()]
    data = os.pread(descriptor, int(stops[-1] - starts[0]), int(starts[0]))
    return [data[start:stop] for start, stop in (np.stack([starts, stops], 1) - starts[0]).tolist()]


class ZarrImages:
    """Any other layout, read through zarr-python. A pickled one opens itself again."""

    def __init__(self, folder: Path) -> None:
        import zarr  # only here: a process that reads our own layout need not load it

        self._folder = folder
        try:
            self._array = zarr.open_array(folder, mode="r")
        except Exception as error:
            raise DamagedError(f"{folder} is not a readable Zarr array ({error})") from error
        self.shape: tuple[int, ...] = self._array.shape
        self.dtype: np.dtype[Any] = np.dtype(self._array.dtype)

    def __reduce__(self) -> tuple[type[ZarrImages], tuple[Path]]:
        return ZarrImages, (self._folder,)

    def missing(self) -> list[Path]:
        """The array's folder, where a chunk of it is missing, for instance because a tool left out black ones."""
        return [] if self._array.nchunks_initialized >= self._array.nchunks else [self._folder]

    def read(self, i: int, window: tuple[slice, slice], out: np.ndarray) -> None:
        """Fill `out` (channel, y, x) with the window (y, x) of site i.

        Raises
        ------
        DamagedError : anything that makes zarr-python fail.
        """
        try:
            out[...] = np.asarray(self._array[(i, slice(None), *window)])
        except Exception as error:
            raise DamagedError(f"{self._folder}: {error}") from error
