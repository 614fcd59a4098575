"""Where packing gets its pixels: the protocol of readers, and how a few threads decode, shrink and compress a block of sites."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest
from typing import Protocol

import numpy as np

from gandl.images.area_mean import area_mean
from gandl.images.plan import PackError, StorePlan
from gandl.images.shards import encode_chunk


class SiteReader(Protocol):
    """Reads the sites of a plan; both methods are called from threads."""

    def prefetch(self, block: range) -> None:
        """Get ready what the sites of a block are decoded from; called once before they are, while the block before is packed."""

    def decode(self, i: int) -> np.ndarray:
        """Pixels (channel, y, x) of site i of the plan, as in the original; sites are decoded once each, several at a time."""


class Decoded:
    """The reader for what needs no fetching: takes a function from the position of a site to its pixels."""

    def __init__(self, decode: Callable[[int], np.ndarray]) -> None:
        self._decode = decode

    def prefetch(self, block: range) -> None:
        """Nothing to get ready."""

    def decode(self, i: int) -> np.ndarray:
        """Pixels (channel, y, x) of site i."""
        return self._decode(i)


def fetched(reader: SiteReader, blocks: Sequence[range]) -> Generator[range]:
    """The blocks one by one, each as soon as it is prefetched; the next one is prefetched while the caller works on this one."""
    if not blocks:
        return
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(reader.prefetch, blocks[0])
        for block, following in zip_longest(blocks, blocks[1:]):
            coming.result()
            if following is not None:
                coming = pool.submit(reader.prefetch, following)
            yield block


@dataclass(frozen=True)
class PackedSite:
    """A site as it goes to the disk.

    digest : SHA-256 of its (channel, y, x) pixels at the first resolution, little-endian.
    chunks : for every stored size, one compressed image per channel.
    """

    digest: bytes
    chunks: dict[int, list[bytes]]


def pack_sites(plan: StorePlan, reader: SiteReader, block: range, pool: Executor) -> list[PackedSite]:
    """Decode the sites of one block, make them smaller and compress them at once: only a few are in memory as pixels.

    Raises
    ------
    PackError : decoded pixels do not fit the plan. What the reader raises comes through: the first site's in their order.
    """

    def pack(i: int) -> PackedSite:
        site = reader.decode(i)
        if site.shape != plan.original_shape or site.dtype != plan.dtype:
            raise PackError(
                f"site {plan.site_ids[i]} was decoded to {site.shape} {site.dtype}; the images of {plan.store_id} "
                f"are {plan.original_shape} {plan.dtype}"
            )
        stored = {size: area_mean(site, plan.factor(size)) for size in plan.resolutions}
        return PackedSite(
            digest_of(stored[plan.resolutions[0]]),
            {
                size: [encode_chunk(image, plan.compression_level) for image in images]
                for size, images in stored.items()
            },
        )

    return list(pool.map(pack, block))


def digest_of(site: np.ndarray) -> bytes:
    """SHA-256 of (channel, y, x) pixels, little-endian."""
    return hashlib.sha256(np.ascontiguousarray(site, dtype=site.dtype.newbyteorder("<")).data).digest()
