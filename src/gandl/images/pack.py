"""Packing: takes a plan and a reader of sites, makes an image store, its parquet index and its manifest.

Written shard by shard, by one process, into `<store>.partial`, which is renamed when it is whole. The array "sha256" is the
journal: a shard's digests are written after its pixels, so that a packing that was killed resumes after its last whole shard.
Where every site's files are known by a checksum (array "sources"), a file that was fixed packs its own shard again, no other.
In memory are one compressed shard and what the reader fetched for it and the next, however many sites there are.
"""

from __future__ import annotations

import errno
import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import zarr
from zarr.codecs import ZstdCodec

from gandl.images.plan import PackError, StorePlan
from gandl.images.shards import WHOLE, open_images, shard_file, write_shard
from gandl.images.site_reader import Decoded, PackedSite, SiteReader, digest_of, fetched, pack_sites
from gandl.images.store_reader import DIGESTS, FORMAT
from gandl.tables import INDEX, write_table
from gandl.workflow.files import sha256_of, sync, write_json
from gandl.workflow.locks import exclusive, may_be_orphaned

AXES = ("site", "channel", "y", "x")
SOURCES = "sources"
"""Array (site, 32): what the pixels of each site come from, if the plan states it."""

log = logging.getLogger(__name__)

__all__ = ["Decoded", "PackError", "SiteReader", "StorePlan", "pack_store"]


def pack_store(
    plan: StorePlan,
    reader: SiteReader,
    store: Path,
    index: Path,
    manifest: Path,
    report: Callable[[str], None] = log.info,
    threads: int = 1,
) -> None:
    """Pack a store, or finish one that was begun, or keep one that is complete.

    Parameters
    ----------
    plan : what to pack.
    reader : called, block by block, for every site that is not packed yet; `Decoded` makes one from a function.
    store, index, manifest : written; the manifest comes last.
    report : called with one line per shard.
    threads : that decode sites.

    Raises
    ------
    PackError : decoded pixels do not fit the plan, or the disk is full.
    gandl.workflow.locks.LockedError : another process packs this store.
    """
    store = Path(store)
    partial = store.with_name(f"{store.name}.partial")
    with exclusive(store, wait=may_be_orphaned(), waiting=report):
        try:
            if not _is_whole(plan, store):
                if not _begun(plan, partial):
                    _create(plan, partial)
                _fill(plan, reader, partial, report, threads)
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
    """A finished store of exactly this plan is kept after reading every pixel of it; a damaged one is finished again."""
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
    except Exception:  # nothing, or nothing that Zarr can read: either way not this plan's store
        return False


def _create(plan: StorePlan, partial: Path) -> None:
    shutil.rmtree(partial, ignore_errors=True)
    group = zarr.open_group(partial, mode="w", zarr_format=3)
    n, per_shard, channels = len(plan.site_ids), plan.sites_per_shard, len(plan.channels)
    for size in plan.resolutions:
        _, height, width = plan.shape_at(size)
        group.create_array(
            str(size),
            shape=(n, channels, height, width),
            chunks=(1, 1, height, width),
            shards=(per_shard, channels, height, width),
            dtype=plan.dtype,
            compressors=ZstdCodec(level=plan.compression_level, checksum=True),
            fill_value=0,
            dimension_names=AXES,
        )
    for name in _journals(plan):
        group.create_array(name, shape=(n, 32), chunks=(per_shard, 32), dtype="uint8", fill_value=0, compressors=None)
    group.attrs.update(
        {
            "format": FORMAT,
            "store_id": plan.store_id,
            "channels": list(plan.channels),
            "height": plan.height,
            "width": plan.width,
            "resolutions": list(plan.resolutions),
            "pixel_size_um": plan.pixel_size_um,
            "code": plan.code,
            **({"processing": dict(plan.processing)} if plan.processing else {}),
            "fingerprint": plan.fingerprint,  # comes with the last write: a store that bears it has all its arrays
        }
    )


def _fill(plan: StorePlan, reader: SiteReader, partial: Path, report: Callable[[str], None], threads: int) -> None:
    group = zarr.open_group(partial, mode="r+")
    shards, blocks = len(plan.blocks), plan.blocks
    finished = [_is_finished(plan, group, partial, number) for number in range(shards)]
    to_do = [number for number in range(shards) if not finished[number]]
    if any(finished):
        report(f"{plan.store_id}: {sum(finished)} of {shards} shards are there already")
    # closing: a fetch that is running when a site cannot be packed ends before its source is closed
    with ThreadPoolExecutor(threads) as pool, closing(fetched(reader, [blocks[number] for number in to_do])) as coming:
        for number, block in zip(to_do, coming, strict=True):
            _write_block(plan, number, pack_sites(plan, reader, block, pool), group, partial)
            report(
                f"{plan.store_id}: shard {number + 1} of {shards} packed ({block.stop} of {len(plan.site_ids)} sites)"
            )
    for stray in partial.rglob("*.partial"):  # what a killed process left half written
        stray.unlink()


def _write_block(plan: StorePlan, number: int, packed: Sequence[PackedSite], group: zarr.Group, partial: Path) -> None:
    block = plan.blocks[number]
    for size in plan.resolutions:
        file = shard_file(partial / str(size), number)
        write_shard(file, [site.chunks[size] for site in packed], plan.sites_per_shard)
    rows = {
        DIGESTS: np.stack([np.frombuffer(site.digest, np.uint8) for site in packed]),
        SOURCES: _sources(plan, block),
    }
    for name in _journals(plan):
        _array(group, name)[block.start : block.stop] = rows[name]
        sync(_journal_file(partial, name, number))


def _journals(plan: StorePlan) -> list[str]:
    """Arrays with a row per site, in the order in which they are written: a digest shows that all before it are complete."""
    return [SOURCES, DIGESTS] if plan.site_sources else [DIGESTS]


def _sources(plan: StorePlan, block: range) -> np.ndarray:
    """(n, 32): rows of the array "sources"; without any where the plan does not state them."""
    checksums = plan.site_sources[block.start : block.stop]
    return np.frombuffer(bytes.fromhex("".join(checksums)), np.uint8).reshape(len(checksums), 32)


def _is_finished(plan: StorePlan, group: zarr.Group, path: Path, number: int) -> bool:
    """Whether a shard is there, whole, of the plan's own files, and holds exactly the pixels whose digests were recorded.

    Digests are of the first resolution; what another one holds is protected by the checksum in each of its chunks.
    """
    block = plan.blocks[number]
    files = [shard_file(path / str(size), number) for size in plan.resolutions]
    files += [_journal_file(path, name, number) for name in _journals(plan)]
    if not all(file.is_file() for file in files):
        return False
    try:
        if plan.site_sources:
            stored = np.asarray(_array(group, SOURCES)[block.start : block.stop])
            if not np.array_equal(stored, _sources(plan, block)):
                return False
        digests = np.asarray(_array(group, DIGESTS)[block.start : block.stop])
        for size in plan.resolutions:
            images, site = open_images(path, str(size)), np.empty(plan.shape_at(size), plan.dtype)
            for i, digest in zip(block, digests, strict=True):
                images.read(i, WHOLE, site)
                if size == plan.resolutions[0] and digest_of(site) != digest.tobytes():
                    return False
    except Exception as error:  # whatever Zarr raises for a damaged shard, it is packed again
        log.warning("%s: shard %d is damaged and will be packed again (%s)", path, number + 1, error)
        return False
    return True


def _array(group: zarr.Group, name: str) -> zarr.Array:
    array = group[name]
    assert isinstance(array, zarr.Array)
    return array.with_config({"write_empty_chunks": True})


def _journal_file(path: Path, name: str, number: int) -> Path:
    return path / name / "c" / str(number) / "0"


def _put_in_place(partial: Path, store: Path, outdated: tuple[Path, ...]) -> None:
    for file in outdated:  # they describe a store that is about to be deleted
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
        "height": plan.height,
        "width": plan.width,
        "pixel_size_um": plan.pixel_size_um,
        "dtype": plan.dtype,
        "sites": len(plan.site_ids),
        "arrays": {
            name: {"shape": list(array.shape), "chunk": list(array.chunks), "shard": list(array.shards or ())}
            for name, array in arrays.items()
        },
        "sources": dict(plan.sources),
        **({"processing": dict(plan.processing)} if plan.processing else {}),
        "index": _described(index),
        "bytes": sum(file["bytes"] for file in files.values()),
        "files": files,
    }


def _files(store: Path) -> Iterator[Path]:
    yield from sorted(file for file in store.rglob("*") if file.is_file())


def _described(file: Path) -> dict[str, Any]:
    return {"bytes": file.stat().st_size, "sha256": sha256_of(file)}
