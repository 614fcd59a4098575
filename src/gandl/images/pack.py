"""Packing: takes a plan and a function that decodes one site, makes an image store, its parquet index and its manifest.

Written shard by shard, by one process, into `<store>.partial`, which is renamed when it is whole. The array "sha256" is the
journal: a shard's digests are written after its pixels, so that a packing that was killed goes on behind its last whole shard.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import zarr
from zarr.codecs import ZstdCodec

from gandl.files import sha256_of, sync, write_json
from gandl.images.area_mean import area_mean
from gandl.images.plan import PackError, StorePlan
from gandl.images.store import DIGESTS, FORMAT, shard_files
from gandl.locks import exclusive
from gandl.tables import INDEX, write_table

AXES = ("site", "channel", "y", "x")

log = logging.getLogger(__name__)

__all__ = ["Decode", "PackError", "StorePlan", "pack_store"]

Decode = Callable[[int], np.ndarray]
"""Position of a site in the plan -> its pixels (channel, y, x) at full resolution."""


def pack_store(
    plan: StorePlan,
    decode: Decode,
    store: Path,
    index: Path,
    manifest: Path,
    report: Callable[[str], None] = log.info,
) -> None:
    """Pack a store, or finish one that was begun, or keep one that is there and whole.

    Parameters
    ----------
    plan : what to pack.
    decode : called once for every site that is not packed yet, in order.
    store, index, manifest : written; the manifest comes last.
    report : told one line per shard.

    Raises
    ------
    PackError : decoded pixels do not fit the plan, or the disk is full.
    gandl.locks.LockedError : another process packs this store.
    """
    store = Path(store)
    partial = store.with_name(f"{store.name}.partial")
    with exclusive(store):
        try:
            if not _is_whole(plan, store):
                if not _begun(plan, partial):
                    _create(plan, partial)
                _fill(plan, decode, partial, report)
                _put_in_place(partial, store, (manifest, index))
            _write_index(plan, store, Path(index))
            write_json(_manifest(plan, store, Path(index)), Path(manifest))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise PackError(
                    f"no space left on the disk while packing {store}; finished shards are kept in {partial}: "
                    "free some space and run again"
                ) from error
            raise


def _is_whole(plan: StorePlan, store: Path) -> bool:
    """A finished store of this very plan is kept after reading every pixel of it; a damaged one is finished again."""
    if not _begun(plan, store):
        return False
    group = zarr.open_group(store, mode="r")
    whole = all(_is_finished(plan, group, store, number) for number in range(len(plan.blocks)))
    partial = store.with_name(f"{store.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    if not whole:
        store.rename(partial)
    return whole


def _begun(plan: StorePlan, path: Path) -> bool:
    try:
        return zarr.open_group(path, mode="r").attrs.get("fingerprint") == plan.fingerprint
    except Exception:  # nothing there, or nothing that Zarr can read: either way it is not this plan's store
        return False


def _create(plan: StorePlan, partial: Path) -> None:
    shutil.rmtree(partial, ignore_errors=True)
    group = zarr.open_group(partial, mode="w", zarr_format=3)
    n, per_shard, channels = len(plan.site_ids), plan.sites_per_shard, len(plan.channels)
    for size in plan.resolutions:
        group.create_array(
            str(size),
            shape=(n, channels, size, size),
            chunks=(1, 1, size, size),
            shards=(per_shard, channels, size, size),
            dtype=plan.dtype,
            compressors=ZstdCodec(level=plan.compression_level, checksum=True),
            fill_value=0,
            dimension_names=AXES,
            # black images are written too: a shard that is not there is then a fault, never a black image
            config={"write_empty_chunks": True},
        )
    group.create_array(DIGESTS, shape=(n, 32), chunks=(per_shard, 32), dtype="uint8", fill_value=0, compressors=None)
    group.attrs.update(
        {
            "format": FORMAT,
            "store_id": plan.store_id,
            "channels": list(plan.channels),
            "resolutions": list(plan.resolutions),
            "pixel_size_um": plan.pixel_size_um,
            "code": plan.code,
            "fingerprint": plan.fingerprint,  # comes with the last write: a store that bears it has all its arrays
        }
    )


def _fill(plan: StorePlan, decode: Decode, partial: Path, report: Callable[[str], None]) -> None:
    group = zarr.open_group(partial, mode="r+")
    for number, block in enumerate(plan.blocks):
        name = f"{plan.store_id}: shard {number + 1} of {len(plan.blocks)}"
        if _is_finished(plan, group, partial, number):
            report(f"{name} is there already")
            continue
        _write_block(plan, decode, group, partial, number)
        report(f"{name} packed ({block.stop} of {len(plan.site_ids)} sites)")
    for stray in partial.rglob("*.partial"):  # what a killed process left half written
        stray.unlink()


def _write_block(plan: StorePlan, decode: Decode, group: zarr.Group, partial: Path, number: int) -> None:
    block = plan.blocks[number]
    pixels = _decode_block(plan, decode, block)
    digests = np.stack([_digest(site) for site in pixels])
    for size in plan.resolutions:
        array = _array(group, str(size))
        array[block.start : block.stop] = pixels if size == plan.resolutions[0] else _reduced(plan, pixels, size)
        sync(shard_files(partial, array)[number])
    _array(group, DIGESTS)[block.start : block.stop] = digests
    sync(_digest_file(partial, number))


def _decode_block(plan: StorePlan, decode: Decode, block: range) -> np.ndarray:
    shape = (len(plan.channels), plan.resolutions[0], plan.resolutions[0])
    pixels = np.empty((len(block), *shape), dtype=plan.dtype)
    for row, i in enumerate(block):
        site = decode(i)
        if site.shape != shape or site.dtype != plan.dtype:
            raise PackError(
                f"site {plan.site_ids[i]} was decoded to {site.shape} {site.dtype}; {plan.store_id} holds {shape} {plan.dtype}"
            )
        pixels[row] = site
    return pixels


def _reduced(plan: StorePlan, pixels: np.ndarray, size: int) -> np.ndarray:
    small = np.empty((*pixels.shape[:2], size, size), dtype=pixels.dtype)
    for row, site in enumerate(pixels):  # one at a time: the sums need four times the room
        small[row] = area_mean(site, plan.resolutions[0] // size)
    return small


def _is_finished(plan: StorePlan, group: zarr.Group, path: Path, number: int) -> bool:
    """Whether a shard is there, and holds the very pixels whose digests were written down, at every resolution."""
    block = plan.blocks[number]
    files = [shard_files(path, _array(group, str(size)))[number] for size in plan.resolutions]
    if not all(file.is_file() for file in [*files, _digest_file(path, number)]):
        return False
    try:
        pixels = np.asarray(_array(group, str(plan.resolutions[0]))[block.start : block.stop])
        digests = np.asarray(_array(group, DIGESTS)[block.start : block.stop])
        if not all(np.array_equal(_digest(site), digest) for site, digest in zip(pixels, digests, strict=True)):
            return False
        return all(
            np.array_equal(_array(group, str(size))[block.start : block.stop], _reduced(plan, pixels, size))
            for size in plan.resolutions[1:]
        )
    except Exception as error:  # whatever a damaged shard makes Zarr raise, it is packed again
        log.warning("%s: shard %d is damaged and will be packed again (%s)", path, number + 1, error)
        return False


def _array(group: zarr.Group, name: str) -> zarr.Array:
    array = group[name]
    assert isinstance(array, zarr.Array)
    return array.with_config({"write_empty_chunks": True})


def _digest(site: np.ndarray) -> np.ndarray:
    """SHA-256 of a site's (channel, y, x) pixels, little-endian: (32,) uint8."""
    little = np.ascontiguousarray(site, dtype=site.dtype.newbyteorder("<"))
    return np.frombuffer(hashlib.sha256(little.data).digest(), dtype=np.uint8)


def _digest_file(path: Path, number: int) -> Path:
    return path / DIGESTS / "c" / str(number) / "0"


def _put_in_place(partial: Path, store: Path, outdated: tuple[Path, ...]) -> None:
    for file in outdated:  # they describe a store that is about to go
        Path(file).unlink(missing_ok=True)
    if store.exists():
        shutil.rmtree(store)
    partial.rename(store)
    sync(store.parent)


def _write_index(plan: StorePlan, store: Path, index: Path) -> None:
    digests = np.asarray(_array(zarr.open_group(store, mode="r"), DIGESTS)[:])
    frame = pd.DataFrame(
        {"site_id": plan.site_ids, "well_id": plan.well_ids, "sha256": [bytes(digest).hex() for digest in digests]}
    )
    write_table(frame, index, INDEX)


def _manifest(plan: StorePlan, store: Path, index: Path) -> dict[str, Any]:
    """What Snakemake tracks in the store's place: the same store gives the same bytes."""
    group = zarr.open_group(store, mode="r")
    arrays = {str(size): _array(group, str(size)) for size in plan.resolutions}
    files = {file.relative_to(store).as_posix(): _described(file) for file in _files(store)}
    return {
        "format": FORMAT,
        "store_id": plan.store_id,
        "code": plan.code,
        "fingerprint": plan.fingerprint,
        "channels": list(plan.channels),
        "pixel_size_um": plan.pixel_size_um,
        "dtype": plan.dtype,
        "sites": len(plan.site_ids),
        "arrays": {
            name: {"shape": list(array.shape), "chunk": list(array.chunks), "shard": list(array.shards or ())}
            for name, array in arrays.items()
        },
        "sources": dict(plan.sources),
        "index": _described(index),
        "bytes": sum(file["bytes"] for file in files.values()),
        "files": files,
    }


def _files(store: Path) -> Iterator[Path]:
    yield from sorted(file for file in store.rglob("*") if file.is_file())


def _described(file: Path) -> dict[str, Any]:
    return {"bytes": file.stat().st_size, "sha256": sha256_of(file)}
