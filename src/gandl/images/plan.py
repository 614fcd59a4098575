"""The plan of an image store: everything that decides its bytes. Takes values, gives shards and a fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from gandl.images.store import FORMAT

MEBIBYTE = 2**20


class PackError(RuntimeError):
    """A store cannot be packed; the message says why, and what is kept."""


@dataclass(frozen=True)
class StorePlan:
    """Everything that decides the bytes of a store.

    Parameters
    ----------
    site_ids, well_ids : of every site, in the order of the store.
    channels : their names, in order.
    dtype : `uint8` or `uint16`.
    resolutions : stored sizes (px) of the square images, the first is the original.
    pixel_size_um : of the original; None where the screen does not tell it.
    shard_sites, shard_mebibytes : limits of a shard, in sites and in MiB of raw pixels at full resolution.
    compression_level : of zstd.
    sources : name -> sha256 of what the pixels come from.
    code : version of the code that decodes and packs.
    """

    store_id: str
    site_ids: tuple[str, ...]
    well_ids: tuple[str, ...]
    channels: tuple[str, ...]
    dtype: str
    resolutions: tuple[int, ...]
    pixel_size_um: float | None
    shard_sites: int
    shard_mebibytes: int
    compression_level: int
    sources: Mapping[str, str]
    code: str = FORMAT

    def __post_init__(self) -> None:
        if not self.site_ids or len(self.site_ids) != len(self.well_ids):
            raise PackError(f"{self.store_id}: {len(self.site_ids)} sites and {len(self.well_ids)} wells to pack")
        if self.dtype not in ("uint8", "uint16"):
            raise PackError(f"{self.store_id}: pixels must be uint8 or uint16, not {self.dtype}")
        original = self.resolutions[0]
        bad = [size for size in self.resolutions if size > original or original % size]
        if bad or len(set(self.resolutions)) != len(self.resolutions):
            raise PackError(
                f"{self.store_id}: images of {original} px can be stored at whole fractions of it, each once, "
                f"not at {', '.join(str(size) for size in self.resolutions)} px"
            )

    @property
    def sites_per_shard(self) -> int:
        raw = len(self.channels) * self.resolutions[0] ** 2 * np.dtype(self.dtype).itemsize
        fitting = max(1, self.shard_mebibytes * MEBIBYTE // raw)
        return min(self.shard_sites, fitting, len(self.site_ids))

    @property
    def blocks(self) -> list[range]:
        """The sites of every shard."""
        n, step = len(self.site_ids), self.sites_per_shard
        return [range(start, min(start + step, n)) for start in range(0, n, step)]

    @property
    def fingerprint(self) -> str:
        """Two plans with one fingerprint make the same store."""
        return hashlib.sha256(json.dumps([FORMAT, asdict(self)], sort_keys=True).encode()).hexdigest()
