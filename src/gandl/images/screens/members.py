"""Images of a screen of grey files, one per channel: takes sites, keys of their files, and a source of members; makes a store.

Files are fetched shard by shard, and no raw copy is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from gandl.config import ImagesSettings
from gandl.images.files.png import decode_png
from gandl.images.pack import StorePlan, pack_store
from gandl.images.store_reader import FORMAT
from gandl.source.remote.member_source import MemberSource
from gandl.tables import SITES, check
from gandl.workflow.words import counted

log = logging.getLogger(__name__)

Decoder = Callable[[bytes, str, tuple[int, int], str], np.ndarray]
"""Takes a file's bytes, its name, and the (height, width) and type that its pixels must have; makes (y, x)."""


class ScreenImagesError(ValueError):
    """Images of a screen are missing or not what they should be; the message counts them and names the first."""


def pack_members(
    table: pd.DataFrame,
    sites: Path,
    store_id: str,
    members: MemberSource,
    keys: Sequence[Sequence[str]],
    *,
    channels: tuple[str, ...],
    dtype: str,
    source: str,
    size: tuple[int, int],
    pixel_size_um: float | None,
    resolutions: Sequence[int],
    store: Path,
    index: Path,
    manifest: Path,
    settings: ImagesSettings,
    code: str = FORMAT,
    threads: int = 1,
    decode: Decoder = decode_png,
    report: Callable[[str], None] = log.info,
) -> None:
    """Pack one store.

    Parameters
    ----------
    table : the store's sites, in their order (`sites_of_store`). sites : where they are from, for messages.
    store_id : which store.
    members : where the image files come from, open.
    keys : of every site, one per channel: the last three parts of a file's path, `experiment/Plate1/AA01_s1_w1.png`.
    channels : their names, in order. dtype : `uint8` or `uint16`. source : name of what the pixels come from.
    size : (height, width) of the images (px); another size is refused.
    pixel_size_um : of the images as they come; None if unknown.
    resolutions : stored sizes (px, the shorter side), whole fractions of the original.
    store, index, manifest : written, see `gandl.images.pack.pack_store`.
    settings : section `images` of the configuration.
    code : version of the code; another one packs again.
    threads : that decode. decode : makes the pixels of a file: of a grey PNG, or `gandl.images.files.tiff.decode_tiff`.
    report : called with one line per shard.

    Raises
    ------
    ScreenImagesError : sites of the table without (all of) their images.
    gandl.images.files.png.ImageError : a file is damaged, or no grey image of this format, size and depth.
    gandl.source.members.MemberError : a file cannot be fetched, or is not the one that its archive names.
    gandl.images.pack.PackError : the resolutions do not fit the images, or the disk is full.
    """
    _check_images(members, table["site_id"].tolist(), keys, store_id, Path(sites))
    plan = StorePlan.of_sites(
        table,
        store_id,
        settings,
        channels=channels,
        dtype=dtype,
        size=size,
        resolutions=resolutions,
        pixel_size_um=pixel_size_um,
        source=source,
        site_sources=tuple(members.signature(of_site) for of_site in keys),
        code=code,
    )
    pack_store(plan, ScreenReader(members, keys, size, dtype, decode), store, index, manifest, report, threads)


class ScreenReader:
    """Fetches the files of a block of sites at once, and decodes them site by site.

    Parameters
    ----------
    members : where the files come from.
    keys : of every site, one per channel. size : (height, width) of the images. dtype : `uint8` or `uint16`. decode : of a file.
    """

    def __init__(
        self,
        members: MemberSource,
        keys: Sequence[Sequence[str]],
        size: tuple[int, int],
        dtype: str = "uint8",
        decode: Decoder = decode_png,
    ) -> None:
        self._members, self._keys, self._size, self._dtype, self._decode = members, keys, size, dtype, decode
        self._data: dict[str, bytes] = {}

    def prefetch(self, block: range) -> None:
        """Fetch every file of the sites of a block."""
        self._data.update(self._members.fetch([key for i in block for key in self._keys[i]]))

    def decode(self, i: int) -> np.ndarray:
        """Pixels (channel, y, x) of site i; its files are released.

        Raises
        ------
        gandl.images.files.png.ImageError : a file is damaged, or no grey image of the right format, size and depth.
        """
        return np.stack([self._decode(self._data.pop(key), key, self._size, self._dtype) for key in self._keys[i]])


def sites_of_store(sites: Path, store_id: str) -> pd.DataFrame:
    """The rows of one store in a sites table; the others are never held in memory.

    Raises
    ------
    ScreenImagesError : there are none.
    """
    table = pd.read_parquet(sites, filters=[("store_id", "==", store_id)]).reset_index(drop=True)
    check(table, SITES, sites)
    if table.empty:
        raise ScreenImagesError(f"{sites} has no site of the store {store_id}; take the stores that it names")
    return table


def _check_images(
    members: MemberSource, site_ids: Sequence[str], keys: Sequence[Sequence[str]], store_id: str, sites: Path
) -> None:
    """Every site must have all of its images, as far as the source knows beforehand; images of no site are only logged."""
    names = [key for of_site in keys for key in of_site]
    missing = set(members.missing(names))
    others = members.others(names)
    if others:
        log.warning(
            "%s: %s images beside those of its sites belong to no site in %s; they are not packed; the first is %s",
            store_id,
            f"{len(others):,}",
            sites,
            others[0],
        )
    if not missing:
        return
    lacking = [len(missing.intersection(of_site)) for of_site in keys]
    without = sum(count == len(of_site) for count, of_site in zip(lacking, keys, strict=True))
    incomplete = sum(bool(count) for count in lacking) - without
    first = next(i for i, count in enumerate(lacking) if count)
    present = len(keys[first]) - lacking[first]
    raise ScreenImagesError(
        f"{store_id}: of {len(keys)} sites in {sites}, {without} without images and {incomplete} with only some "
        f"(missing: {counted(len(missing), 'file')}); the first is {site_ids[first]}, which has {present} of its "
        f"{counted(len(keys[first]), 'file')}: {next(key for key in keys[first] if key in missing)} is missing; complete the "
        "images, or leave such sites out"
    )
