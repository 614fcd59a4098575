"""The image files of a lab's own plates: takes the sites table, finds the files of each image, reads and compares their headers.

Nothing is decoded. `gandl.images.screens.plates` and `gandl check` look with it before they read pixels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from gandl.images.files.illumination import read_function
from gandl.images.files.image_files import image_info
from gandl.images.files.kinds import AS_IT_IS, ImageFileError, ImageInfo, Reading
from gandl.images.files.ome_zarr import chunks_of
from gandl.images.files.planes import planes_taken
from gandl.source.plates.references import Address, ImageFile, Place, Selector
from gandl.source.plates.sites import images_in
from gandl.source.remote.retries import DownloadError
from gandl.workflow.words import counted

SMALLEST = 64
"""Shorter side (px) that an image must have: one crop of the smallest network."""
SHOWN = 3
"""Images that a note names."""
READERS = 8
"""Files whose headers are read at a time: they wait for the disk or the network, not for a processor."""
Fetched = Mapping[str, bytes | DownloadError]
"""Bytes of addresses, or why there are none."""


@dataclass(frozen=True)
class Pixels:
    """One image to look at: what names it in messages (`row 7`), where it is, its channel, and its illumination function."""

    where: str
    image: ImageFile
    channel: str
    illumination: Place | None = None

    @property
    def path(self) -> Place:
        """The file, or the first of several."""
        return self.image.path


def parts_of(image: ImageFile, reading: Reading) -> list[tuple[Place, Selector]]:
    """The files that make an image, and what is taken of each: one, or those of its z planes that are used.

    Raises
    ------
    ImageFileError : neither the cell nor the settings say what is taken of several planes.
    """
    if not image.further:
        return [(image.path, image.selector)]
    z, count = image.selector.z or reading.z, len(image.planes)
    if z is None:
        raise ImageFileError(
            f"{image.path} is the first of {count} z planes; say what is taken of them: #z=max, #z=middle or #z=1 to #z={count} "
            "in the table, or source.plates.z for all images"
        )
    selector = replace(image.selector, z=None)
    return [(image.planes[place], selector) for place in planes_taken(z, count, str(image.path))]


def info_of(image: ImageFile, reading: Reading, fetched: Fetched) -> ImageInfo:
    """Size and type of an image, from the headers of its files.

    Raises
    ------
    ImageFileError : as `gandl.images.files.image_files.image_info`, and z planes that differ.
    """
    parts = parts_of(image, reading)
    infos = [image_info(place, selector, reading, data_of(place, fetched)) for place, selector in parts]
    first = infos[0]
    if not image.further:
        return first
    for (place, _), info in zip(parts, infos, strict=True):
        if info.planes > 1 or info[:3] != first[:3]:
            said = (
                f"has {info.planes} z planes itself" if info.planes > 1 else f"is {info.words}, the first {first.words}"
            )
            raise ImageFileError(f"{place} is one of several z planes of an image, but {said}")
    return first._replace(planes=len(parts), by_setting=image.selector.z is None)


def addresses_of(image: Pixels, reading: Reading) -> list[Address]:
    """The addresses that are read for an image, less its illumination function, which is fetched once for all images."""
    try:
        parts = parts_of(image.image, reading)
    except ImageFileError:  # reported when the image is looked at
        return []
    return [place for place, _ in parts if isinstance(place, Address)]


def data_of(place: Place, fetched: Fetched) -> bytes | None:
    """The bytes of an address; None for a file on this machine.

    Raises
    ------
    ImageFileError : they could not be fetched.
    """
    if not isinstance(place, Address):
        return None
    data = fetched.get(place)
    if isinstance(data, bytes):
        return data
    raise ImageFileError(str(data) if data is not None else f"{place} was not fetched")


def inspect(
    images: Sequence[Pixels], reading: Reading = AS_IT_IS, fetched: Fetched | None = None
) -> tuple[dict[int, ImageInfo], list[str]]:
    """Read the headers of images; those at addresses that were not fetched are passed over.

    Returns
    -------
    Position -> header of every image that can be read, and a sentence for every other one, with file and row.
    """
    there = fetched or {}

    def look(image: Pixels) -> ImageInfo | str | None:
        if any(address not in there for address in addresses_of(image, reading)):
            return None
        try:
            return info_of(image.image, reading, there)
        except ImageFileError as error:
            return f"{image.where}: {error}"

    with ThreadPoolExecutor(READERS) as threads:
        found = list(threads.map(look, images))
    infos = {i: info for i, info in enumerate(found) if isinstance(info, ImageInfo)}
    return infos, [text for text in found if isinstance(text, str)]


def mistakes_of_sizes(images: Sequence[Pixels], infos: dict[int, ImageInfo]) -> Iterator[str]:
    """Images that are too small, or of another size or depth than most."""
    if not infos:
        return
    usual = usual_kind(infos.values())
    for i, info in infos.items():
        if min(info.height, info.width) < SMALLEST:
            yield f"{images[i].where}: {images[i].path} is {info.words}; both sides must be at least {SMALLEST} px"
        elif info[:3] != usual[:3]:
            yield (
                f"{images[i].where}: {images[i].path} is {info.words} (height x width), the others are {usual.words}; "
                "all images of all plates must be of one kind"
            )


def mistakes_of_repeats(images: Sequence[Pixels], infos: Mapping[int, ImageInfo]) -> Iterator[str]:
    """Images that are another's, as only the files show: a channel that is named once by its name and once by its number."""
    seen: dict[tuple[Place, tuple[int, ...]], Pixels] = {}
    for i, info in infos.items():
        image = images[i]
        if info.places and not image.image.further:
            first = seen.setdefault((image.path, info.places), image)
            if first is not image and first.image.selector != image.image.selector:
                known = f"{first.where}, channel {first.channel}"
                yield f"{image.where}: {image.image.given}, channel {image.channel}, is the image of {known} already"


def usual_kind(infos: Iterable[ImageInfo]) -> ImageInfo:
    """The size and type that most images have (of several, the first); `planes` is the most that make one of them."""
    known = list(infos)
    (height, width, dtype), _ = Counter(info[:3] for info in known).most_common(1)[0]
    return ImageInfo(height, width, dtype, 1, max(info.planes for info in known))


def pixel_sizes(images: Sequence[Pixels], infos: Mapping[int, ImageInfo]) -> dict[float, Pixels]:
    """The sizes of a pixel (um) that files state, and the first image of each; sizes that differ by rounding are one."""
    found: dict[float, Pixels] = {}
    for i, info in infos.items():
        size = info.pixel_size_um
        if size is not None and not any(np.isclose(size, other, rtol=1e-3, atol=0) for other in found):
            found[size] = images[i]
    return found


def mistake_of_pixel_sizes(sizes: Mapping[float, Pixels]) -> list[str]:
    """A sentence, where files disagree about the size of a pixel."""
    if len(sizes) < 2:
        return []
    words = ", ".join(f"{size:g} um in {image.path} ({image.where})" for size, image in list(sizes.items())[:3])
    return [f"the files state different sizes of a pixel: {words}; name the right one in source.plates.pixel_size_um"]


def mistakes_of_functions(images: Sequence[Pixels], size: tuple[int, int]) -> list[str]:
    """Illumination functions that cannot be used for images of this size (height, width); those at addresses are passed over."""
    mistakes, seen = [], set()
    for image in images:
        place = image.illumination
        if place is not None and place not in seen and not isinstance(place, Address):
            seen.add(place)
            try:
                read_function(place, size)
            except ImageFileError as error:
                mistakes.append(f"{image.where}: {error}")
    return mistakes


def notes_of_chunks(images: Iterable[Pixels]) -> list[str]:
    """A warning, where OME-Zarr images lack files of pixels, which are read as the fill value: 0."""
    folders = {place for image in images for place in image.image.planes if isinstance(place, Path) and place.is_dir()}
    with ThreadPoolExecutor(READERS) as threads:
        ordered = sorted(folders)
        counts = zip(ordered, threads.map(_chunks, ordered), strict=True)
        lacking = [f"{folder} has {there} of {whole}" for folder, (there, whole) in counts if there < whole]
    if not lacking:
        return []
    more = f" and {len(lacking) - SHOWN:,} more" if len(lacking) > SHOWN else ""
    return [
        f"warning: {counted(len(lacking), 'OME-Zarr image')} without all files of pixels (chunks), which are read as 0: "
        f"{', '.join(lacking[:SHOWN])}{more}; copy them again, unless the writer left out chunks in which all is 0"
    ]


def _chunks(folder: Path) -> tuple[int, int]:
    try:
        return chunks_of(folder)
    except (ImageFileError, OSError, ValueError, KeyError, TypeError):  # reported when the image is looked at
        return 0, 0


def images_of(sites: pd.DataFrame, channels: Sequence[str]) -> list[Pixels]:
    """The images of sites, site by site, in the order of the channels."""
    columns = [images_in(sites, channel) for channel in channels]
    rows = zip(sites["table_row"], *columns, strict=True)
    return [
        Pixels(image.given if pd.isna(row) else f"row {row}", image, channel, function)
        for row, *of_site in rows
        for channel, (image, function) in zip(channels, of_site, strict=True)
    ]
