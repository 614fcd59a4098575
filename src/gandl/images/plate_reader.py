"""The images of a lab's own plates, before they are packed: takes the sites table, reads headers, compares them, decodes sites.

`gandl.images.screens.plates` packs with it, and `gandl check` looks with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gandl.images.image_files import ImageFileError, ImageInfo, image_info, read_images

SMALLEST = 64
"""Shorter side (px) that an image must have: one crop of the smallest network."""
READERS = 8
"""Files whose headers are read at a time: they wait for the disk or the network, not for a processor."""


class PlateImagesError(ValueError):
    """Images of a lab's plates are missing, damaged, or differ in kind; the message lists them with file and row."""


@dataclass(frozen=True)
class Pixels:
    """One image to look at: what names it in messages (`row 7`), its file and its page."""

    where: str
    path: Path
    page: int | None


def inspect(images: Sequence[Pixels]) -> tuple[dict[int, ImageInfo], list[str]]:
    """Read the headers of images.

    Returns
    -------
    Position -> header of every image that can be read, and a sentence for every other one, with file and row.
    """
    with ThreadPoolExecutor(READERS) as threads:
        found = list(threads.map(_look, images))
    infos = {i: info for i, info in enumerate(found) if isinstance(info, ImageInfo)}
    return infos, [text for text in found if isinstance(text, str)]


def _look(image: Pixels) -> ImageInfo | str:
    try:
        return image_info(image.path, image.page)
    except ImageFileError as error:
        return f"{image.where}: {error}"


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


def usual_kind(infos: Iterable[ImageInfo]) -> ImageInfo:
    """The size and depth that most images have (of several, the first)."""
    (height, width, dtype), _ = Counter(info[:3] for info in infos).most_common(1)[0]
    return ImageInfo(height, width, dtype, 1)


def images_of(sites: pd.DataFrame, channels: Sequence[str]) -> list[Pixels]:
    """The images of sites, site by site, in the order of the channels."""
    columns = [(sites[f"file_{channel}"], sites[f"path_{channel}"], sites[f"page_{channel}"]) for channel in channels]
    rows = zip(sites["table_row"], *(zip(*column, strict=True) for column in columns), strict=True)
    return [
        Pixels(given if pd.isna(row) else f"row {row}", Path(path), None if pd.isna(page) else int(page))
        for row, *files in rows
        for given, path, page in files
    ]


class PlateReader:
    """Decodes the sites of a plate, a file that holds several channels of a site being opened once.

    Parameters
    ----------
    images : of every site, site by site, channel by channel. channels : how many a site has. source : what messages begin with.
    """

    def __init__(self, images: Sequence[Pixels], channels: int, source: str) -> None:
        self._images, self._channels, self._source = images, channels, source

    def prefetch(self, block: range) -> None:
        """Nothing is fetched beforehand: the files are on this machine."""

    def decode(self, i: int) -> np.ndarray:
        """Pixels (channel, y, x) of site i.

        Raises
        ------
        PlateImagesError : a file cannot be decoded; the message names it and its row.
        """
        images = self._images[i * self._channels : (i + 1) * self._channels]
        pages: dict[Path, list[int | None]] = {}
        for image in images:
            pages.setdefault(image.path, []).append(image.page)
        try:
            decoded = {path: iter(read_images(path, of_file)) for path, of_file in pages.items()}
        except ImageFileError as error:
            raise PlateImagesError(f"{self._source}, {images[0].where}: {error}") from error
        planes = [next(decoded[image.path]) for image in images]
        if len({(plane.shape, str(plane.dtype)) for plane in planes}) > 1:
            raise PlateImagesError(f"{self._source}, {images[0].where}: its images changed while they were read")
        return np.stack(planes)
