"""Wherever a packing is interrupted, running it again makes the very bytes that an undisturbed packing makes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given, settings, strategies as st

from gandl.images import pack as packing
from gandl.images.pack import Decoded, pack_store
from gandl.images.store_reader import ImageStore
from plates import tiny_pixels, tiny_plan


class InterruptedByTestError(Exception):
    """What a test throws in the midst of packing."""


def pack(folder: Path, sites: int, shard_sites: int, *, by_site: bool) -> Path:
    sources = tuple(f"{i:064x}" for i in range(sites)) if by_site else ()
    plan = tiny_plan(sites, shard_sites=shard_sites, site_sources=sources)
    store = folder / f"{plan.store_id}.zarr"
    pack_store(plan, Decoded(tiny_pixels), store, store.with_suffix(".parquet"), store.with_suffix(".manifest.json"))
    return store


def everything(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@settings(deadline=None, max_examples=12)
@given(
    sites=st.integers(1, 9),
    shard_sites=st.integers(1, 10),
    interruptions=st.lists(st.integers(0, 16), max_size=3),
    by_site=st.booleans(),
)
def test_interrupted_packing_ends_like_an_undisturbed_one(
    sites: int, shard_sites: int, interruptions: list[int], by_site: bool
) -> None:
    write_pixels, write_digests = packing.write_shard, zarr.Array.__setitem__
    with tempfile.TemporaryDirectory() as disturbed, tempfile.TemporaryDirectory() as undisturbed:
        for after in interruptions:
            writes = 0

            def interrupted(write: Callable[..., None], after: int = after) -> Callable[..., None]:
                def counted(*arguments: object) -> None:
                    nonlocal writes
                    if writes == after:
                        raise InterruptedByTestError
                    writes += 1
                    write(*arguments)

                return counted

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(packing, "write_shard", interrupted(write_pixels))
                patch.setattr(zarr.Array, "__setitem__", interrupted(write_digests))
                try:
                    pack(Path(disturbed), sites, shard_sites, by_site=by_site)
                except InterruptedByTestError:
                    assert not (Path(disturbed) / "TINY_1.zarr").exists()
        store = ImageStore(pack(Path(disturbed), sites, shard_sites, by_site=by_site))
        pack(Path(undisturbed), sites, shard_sites, by_site=by_site)
        assert everything(Path(disturbed)) == everything(Path(undisturbed))
        np.testing.assert_array_equal(store.sites(slice(None)), np.stack([tiny_pixels(i) for i in range(sites)]))
