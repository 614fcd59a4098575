"""Images of a lab's own plates: takes the sites table and the files that it names, makes the image store of one plate.

All images of all plates must be of one size and depth, which is checked by their headers before anything is packed. Nothing is
scaled: 12-bit values in 16-bit files stay as they are.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gandl.config import ImagesSettings
from gandl.images.image_files import ImageInfo, image_info
from gandl.images.pack import StorePlan, pack_store
from gandl.images.plate_reader import (
    READERS,
    Pixels,
    PlateImagesError,
    PlateReader,
    images_of,
    inspect,
    mistakes_of_sizes,
    usual_kind,
)
from gandl.images.store_reader import FORMAT
from gandl.source.plates.sites import channels_of, source_of
from gandl.source.plates.stores import listed
from gandl.tables import SITES, read_table
from gandl.workflow.files import sha256_of

log = logging.getLogger(__name__)

__all__ = ["PlateImagesError", "image_info", "pack_plates"]


def pack_plates(
    sites: Path,
    store_id: str,
    *,
    resolutions: Sequence[int],
    pixel_size_um: float | None,
    store: Path,
    index: Path,
    manifest: Path,
    settings: ImagesSettings,
    code: str = FORMAT,
    threads: int = 1,
    report: Callable[[str], None] = log.info,
) -> None:
    """Pack one plate.

    Parameters
    ----------
    sites : sites table that `gandl.source.plates.sites.write_sites` made; its rows of this store, in their order, are its sites.
    store_id : the plate.
    resolutions : stored sizes (px, the shorter side).
    pixel_size_um : of the original images; None if unknown.
    store, index, manifest : written, see `gandl.images.pack.pack_store`.
    settings : section `images` of the configuration.
    code : version of the code; another one packs again.
    threads : that decode.
    report : called with one line per shard.

    Raises
    ------
    PlateImagesError : a file is missing, damaged, no grey image of 8 or 16 bit, or of another size or depth than the others.
    gandl.images.pack.PackError : the resolutions do not fit the images, or the disk is full.
    """
    table = read_table(Path(sites), SITES)
    channels, source = channels_of(Path(sites)), source_of(Path(sites))
    plate = table[table["store_id"] == store_id]
    if plate.empty:
        raise PlateImagesError(f"{sites} has no site of the plate {store_id}")
    images = images_of(plate, channels)
    kind = _one_kind(images, images_of(table.iloc[:1], channels), source)
    plan = StorePlan.of_sites(
        plate,
        store_id,
        settings,
        channels=channels,
        dtype=kind.dtype,
        size=(kind.height, kind.width),
        resolutions=resolutions,
        pixel_size_um=pixel_size_um,
        source=source,
        site_sources=_checksums(images, len(channels)),
        code=code,
    )
    reader = PlateReader(images, len(channels), source)
    pack_store(plan, reader, store, index, manifest, threads=threads, report=report)


def _one_kind(images: Sequence[Pixels], first: Sequence[Pixels], source: str) -> ImageInfo:
    """Size and depth of a plate's images, which all have those of the first image of all plates."""
    infos, mistakes = inspect(images)
    mistakes += mistakes_of_sizes(images, infos)
    if mistakes:
        raise PlateImagesError(listed(f"images of {source} cannot be used", mistakes))
    kind = usual_kind(infos.values())
    screen = inspect(first[:1])[0].get(0, kind)  # if damaged, it is reported when its own plate is packed
    if screen[:3] != kind[:3]:
        raise PlateImagesError(
            f"{source}, {images[0].where}: {images[0].path} is {kind.words} (height x width), but "
            f"{first[0].where}: {first[0].path}, of another plate, is {screen.words}; "
            "all plates of a run must have images of one kind"
        )
    return kind


def _checksums(images: Sequence[Pixels], channels: int) -> tuple[str, ...]:
    """Of every site, SHA-256 over the checksums of its files and the pages of its images, in order; each file is read once."""
    with ThreadPoolExecutor(READERS) as threads:
        paths = list(dict.fromkeys(image.path for image in images))
        sums = dict(zip(paths, threads.map(sha256_of, paths), strict=True))
    lines = [f"{sums[image.path]} {image.page or 1}\n" for image in images]
    sites = ("".join(lines[first : first + channels]) for first in range(0, len(lines), channels))
    return tuple(hashlib.sha256(site.encode()).hexdigest() for site in sites)
