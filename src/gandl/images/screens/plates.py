"""Images of a lab's own plates: takes the sites table and the files that it names, makes the image store of one plate.

All images of all plates must be of one size and depth, which is checked by their headers before anything is packed. Nothing is
scaled, unless the settings say so: 12-bit values in 16-bit files stay as they are.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gandl.config import ImagesSettings
from gandl.images.files.kinds import AS_IT_IS, ImageInfo, Reading
from gandl.images.pack import StorePlan, pack_store
from gandl.images.plate_headers import (
    READERS,
    Fetched,
    Pixels,
    addresses_of,
    images_of,
    inspect,
    mistake_of_pixel_sizes,
    mistakes_of_functions,
    mistakes_of_repeats,
    mistakes_of_sizes,
    notes_of_chunks,
    parts_of,
    pixel_sizes,
    usual_kind,
)
from gandl.images.plate_reader import PlateImagesError, PlateReader
from gandl.images.store_reader import FORMAT
from gandl.source.plates.references import Address, Place, files_below
from gandl.source.plates.sites import channels_of, source_of
from gandl.source.plates.tabular.mistakes import listed
from gandl.source.remote.addresses import Addresses
from gandl.tables import SITES, read_table
from gandl.workflow.files import sha256_of

log = logging.getLogger(__name__)

__all__ = ["PlateImagesError", "pack_plates"]


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
    reading: Reading = AS_IT_IS,
    mirror: str | None = None,
) -> None:
    """Pack one plate.

    Parameters
    ----------
    sites : sites table that `gandl.source.plates.sites.write_sites` made; its rows of this store, in their order, are its sites.
    store_id : the plate.
    resolutions : stored sizes (px, the shorter side).
    pixel_size_um : of the original images; None: what their own metadata state, if they do.
    store, index, manifest : written, see `gandl.images.pack.pack_store`.
    settings : section `images` of the configuration.
    code : version of the code; another one packs again.
    threads : that decode.
    report : called with one line per shard.
    reading : what is taken of z planes and time points, scale, and whether illumination functions are applied.
    mirror : folder or base URL that holds `<host>/<path>` of images at addresses; None: the addresses themselves.

    Raises
    ------
    PlateImagesError : a file is missing, damaged, no grey image, or of another size or type than the others, or holds pixels that
        cannot be stored as 8 or 16 bit.
    gandl.source.remote.retries.DownloadError : the mirror is no folder.
    gandl.images.pack.PackError : the resolutions do not fit the images, or the disk is full.
    """
    table = read_table(Path(sites), SITES)
    channels, source = channels_of(Path(sites)), source_of(Path(sites))
    plate = table[table["store_id"] == store_id]
    if plate.empty:
        raise PlateImagesError(f"{sites} has no site of the plate {store_id}")
    images = images_of(plate, channels)
    with Addresses(mirror, settings.connections, report=report) as addresses:
        first = [images[0], images_of(table.iloc[:1], channels)[0]]
        fetched = addresses.fetch(address for image in first for address in addresses_of(image, reading))
        kind, sizes = _one_kind(images, first[1], source, reading, fetched)
        if pixel_size_um is None:
            _refuse(f"images of {source} cannot be used", mistake_of_pixel_sizes(sizes))
            pixel_size_um = next(iter(sizes), None)
        for note in notes_of_chunks(images):
            report(f"{store_id}: {note}")
        _check_functions(images, kind, source, reading)
        plan = StorePlan.of_sites(
            plate,
            store_id,
            settings,
            channels=channels,
            dtype=reading.stored_type(kind.dtype),
            size=(kind.height, kind.width),
            resolutions=resolutions,
            pixel_size_um=pixel_size_um,
            source=source,
            site_sources=_checksums(images, len(channels), reading),
            code=code,
            processing=reading.described(kind.planes),
        )
        reader = PlateReader(images, len(channels), source, reading, addresses, kind)
        pack_store(plan, reader, store, index, manifest, threads=threads, report=report)
    for channel, pixels in sorted(reader.clipped.items()):
        report(
            f"{store_id}: {pixels:,} pixels of channel {channel} are set to the largest value, which they exceeded once divided "
            "by the illumination function"
        )


def _one_kind(
    images: Sequence[Pixels], first: Pixels, source: str, reading: Reading, fetched: Fetched
) -> tuple[ImageInfo, dict[float, Pixels]]:
    """Size and type of a plate's images, which all have those of the first image of all plates; and the pixel sizes they state.

    Of images at addresses only those that were fetched are looked at; another kind is noticed when it is decoded.
    """
    infos, mistakes = inspect(images, reading, fetched)
    _refuse(
        f"images of {source} cannot be used",
        [*mistakes, *mistakes_of_sizes(images, infos), *mistakes_of_repeats(images, infos)],
    )
    kind = usual_kind(infos.values())
    screen = inspect([first], reading, fetched)[0].get(
        0, kind
    )  # if damaged, it is reported when its own plate is packed
    if screen[:3] != kind[:3]:
        raise PlateImagesError(
            f"{source}, {images[0].where}: {images[0].path} is {kind.words} (height x width), but "
            f"{first.where}: {first.path}, of another plate, is {screen.words}; "
            "all plates of a run must have images of one kind"
        )
    return kind, pixel_sizes(images, infos)


def _refuse(what: str, mistakes: Sequence[str]) -> None:
    if mistakes:
        raise PlateImagesError(listed(what, mistakes))


def _check_functions(images: Sequence[Pixels], kind: ImageInfo, source: str, reading: Reading) -> None:
    """Illumination functions on this machine must be of the images' size, before anything is packed."""
    if not reading.illumination:
        return
    size = kind.height, kind.width
    _refuse(f"illumination functions of {source} cannot be used", mistakes_of_functions(images, size))


def _checksums(images: Sequence[Pixels], channels: int, reading: Reading) -> tuple[str, ...]:
    """Of every site, SHA-256 over the checksums of its files and what is taken of them, in order; each file is read once."""
    places = {image: [place for place, _ in parts_of(image.image, reading)] for image in images}
    if reading.illumination:
        places = {
            image: [*files, *([image.illumination] if image.illumination else [])] for image, files in places.items()
        }
    with ThreadPoolExecutor(READERS) as threads:
        paths = list(dict.fromkeys(place for files in places.values() for place in files))
        sums = dict(zip(paths, threads.map(_checksum, paths), strict=True))
    lines = [f"{' '.join(sums[place] for place in places[image])} {image.image.selector or 1}\n" for image in images]
    sites = ("".join(lines[first : first + channels]) for first in range(0, len(lines), channels))
    return tuple(hashlib.sha256(site.encode()).hexdigest() for site in sites)


def _checksum(place: Place) -> str:
    """SHA-256 of a file, or of every file of an OME-Zarr image; of an address itself."""
    if isinstance(place, Address):
        return hashlib.sha256(place.encode()).hexdigest()
    if not place.is_dir():
        return sha256_of(place)
    digest = hashlib.sha256()
    for file in files_below(place):
        digest.update(f"{file} {sha256_of(place / file)}\n".encode())
    return digest.hexdigest()
