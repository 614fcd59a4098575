"""The plan of an image store: everything that decides its bytes. Takes values, gives shapes, shards and a fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from gandl.config import ImagesSettings
from gandl.images.store_reader import FORMAT, factor_of

MEBIBYTE = 2**20


class PackError(RuntimeError):
    """A store cannot be packed; the message says why, and what is kept."""


@dataclass(frozen=True)
class StorePlan:
    """Everything that decides the bytes of a store.

    A stored size is named by its shorter side: `shorter side of the original // factor`, for a whole factor. Such images are the
    area mean over complete squares of factor x factor pixels; where a side is not a multiple of the factor, the last pixels at
    the right or lower border (at most factor - 1) belong to no square and are left out. Factor 1 stores the original, which need
    not be among the stored sizes.

    Parameters
    ----------
    site_ids, well_ids : of every site, in the order of the store.
    channels : their names, in order.
    dtype : `uint8` or `uint16`.
    height, width : of the original images (px).
    resolutions : stored sizes (px, the shorter side). Digests are taken of the first one's pixels.
    pixel_size_um : of the original; None if the screen does not state it.
    shard_sites, shard_mebibytes : limits of a shard, in sites and in MiB of raw pixels at the largest stored size.
    compression_level : of zstd.
    sources : name -> sha256 of what the pixels come from.
    code : version of the code that decodes and packs.
    site_sources : of every site, the SHA-256 (hexadecimal) of what identifies its own files; where they are given, only the
        shards of sites with other files are packed again. (): only `sources` counts, for all sites together.
    processing : what was done to pixels before they are stored, by name; {}: nothing.

    Raises
    ------
    PackError : no sites, another type of pixels, or sizes that are not whole fractions of the original.
    """

    store_id: str
    site_ids: tuple[str, ...]
    well_ids: tuple[str, ...]
    channels: tuple[str, ...]
    dtype: str
    height: int
    width: int
    resolutions: tuple[int, ...]
    pixel_size_um: float | None
    shard_sites: int
    shard_mebibytes: int
    compression_level: int
    sources: Mapping[str, str]
    code: str = FORMAT
    site_sources: tuple[str, ...] = ()
    processing: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.site_ids or len(self.site_ids) != len(self.well_ids):
            raise PackError(f"{self.store_id}: {len(self.site_ids)} sites and {len(self.well_ids)} wells to pack")
        if self.site_sources and len(self.site_sources) != len(self.site_ids):
            raise PackError(f"{self.store_id}: {len(self.site_ids)} sites and the sources of {len(self.site_sources)}")
        if self.dtype not in ("uint8", "uint16"):
            raise PackError(f"{self.store_id}: pixels must be uint8 or uint16, not {self.dtype}")
        shorter = min(self.height, self.width)
        bad = [size for size in self.resolutions if not 1 <= size <= shorter or shorter // self.factor(size) != size]
        if not self.resolutions or bad or len(set(self.resolutions)) != len(self.resolutions):
            examples = ", ".join(
                str(size) for size in dict.fromkeys(shorter // factor for factor in (1, 2, 3, 4)) if size
            )
            raise PackError(
                f"{self.store_id}: images of {self.height} x {self.width} px can be stored at whole fractions of their "
                f"shorter side ({examples}, ...), each once, not at {', '.join(map(str, self.resolutions)) or 'none'} px"
            )

    @classmethod
    def of_sites(
        cls,
        sites: pd.DataFrame,
        store_id: str,
        settings: ImagesSettings,
        *,
        channels: tuple[str, ...],
        dtype: str,
        size: tuple[int, int],
        resolutions: Sequence[int],
        pixel_size_um: float | None,
        source: str,
        site_sources: tuple[str, ...] = (),
        sha256: str | None = None,
        code: str = FORMAT,
        processing: Mapping[str, Any] | None = None,
    ) -> StorePlan:
        """The plan of a store of these rows of a sites table, in their order; shards and compression are those of the settings.

        Parameters
        ----------
        size : (height, width) of the original images (px).
        source : name of what the pixels come from. sha256 : of it; None: of its `site_sources`, one behind the other.

        Raises
        ------
        PackError : as of `StorePlan`.
        """
        return cls(
            store_id=store_id,
            site_ids=tuple(sites["site_id"]),
            well_ids=tuple(sites["well_id"]),
            channels=channels,
            dtype=dtype,
            height=size[0],
            width=size[1],
            resolutions=tuple(resolutions),
            pixel_size_um=pixel_size_um,
            shard_sites=settings.shard_sites,
            shard_mebibytes=settings.shard_mebibytes,
            compression_level=settings.compression_level,
            sources={source: sha256 or hashlib.sha256("".join(site_sources).encode()).hexdigest()},
            code=code,
            site_sources=site_sources,
            processing=processing or {},
        )

    def factor(self, resolution: int) -> int:
        """How many pixels of the original make the side of one at `resolution`."""
        return factor_of(self.height, self.width, resolution)

    def shape_at(self, resolution: int) -> tuple[int, int, int]:
        """(channel, y, x) of a site at `resolution`."""
        factor = self.factor(resolution)
        return len(self.channels), self.height // factor, self.width // factor

    @property
    def original_shape(self) -> tuple[int, int, int]:
        """(channel, y, x) of a site as it is decoded."""
        return len(self.channels), self.height, self.width

    @property
    def sites_per_shard(self) -> int:
        raw = int(np.prod(self.shape_at(max(self.resolutions)))) * np.dtype(self.dtype).itemsize
        fitting = max(1, self.shard_mebibytes * MEBIBYTE // raw)
        return min(self.shard_sites, fitting, len(self.site_ids))

    @property
    def blocks(self) -> list[range]:
        """The sites of every shard."""
        n, step = len(self.site_ids), self.sites_per_shard
        return [range(start, min(start + step, n)) for start in range(0, n, step)]

    @property
    def fingerprint(self) -> str:
        """Two plans with one fingerprint make the same store, but for sites whose `site_sources` differ."""
        values = asdict(self)
        if values.pop("site_sources"):
            values["sources"] = "by site"
        if not values["processing"]:
            del values["processing"]
        return hashlib.sha256(json.dumps([FORMAT, values], sort_keys=True).encode()).hexdigest()
