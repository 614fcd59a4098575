"""The pixels of a lab's own plates: takes images and how they are read, gives the sites as they are stored.

`gandl.images.plates` packs with it, and `gandl check` looks with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from threading import Lock

import numpy as np

from gandl.images.files.illumination import read_function
from gandl.images.files.image_files import read_images
from gandl.images.files.kinds import AS_IT_IS, ImageFileError, ImageInfo, Reading
from gandl.images.files.planes import maximum
from gandl.images.files.values import stored
from gandl.images.plate_headers import Fetched, Pixels, addresses_of, data_of, parts_of
from gandl.source.plates.references import Address, Place, Selector
from gandl.source.remote.addresses import Addresses

FUNCTIONS = 64
"""Illumination functions that are kept in memory."""


class PlateImagesError(ValueError):
    """Images of a lab's plates are missing, damaged, or differ in kind; the message lists them with file and row."""


class PlateReader:
    """Decodes the sites of a plate, a file that holds several channels of a site being opened once.

    Parameters
    ----------
    images : of every site, site by site, channel by channel. channels : how many a site has. source : what messages begin with.
    reading : how pixels are read. addresses : fetches images at addresses; needed only where there are such.
    kind : size and type that all images must have; None: only those of one site must agree.

    Attributes
    ----------
    clipped : channel -> pixels that division by an illumination function made too large.
    """

    def __init__(
        self,
        images: Sequence[Pixels],
        channels: int,
        source: str,
        reading: Reading = AS_IT_IS,
        addresses: Addresses | None = None,
        kind: ImageInfo | None = None,
    ) -> None:
        self._images, self._channels, self._source = images, channels, source
        self._reading, self._addresses, self._kind = reading, addresses, kind
        self._fetched: dict[int, Fetched] = {}
        self._functions: dict[Place, np.ndarray] = {}
        self._lock = Lock()
        self.clipped: Counter[str] = Counter()

    def prefetch(self, block: range) -> None:
        """Fetch the images of a block that are at addresses, once each; other files are on this machine."""
        wanted = {i: [place for image in self._site(i) for place in addresses_of(image, self._reading)] for i in block}
        if not any(wanted.values()):
            return
        assert self._addresses is not None
        data = self._addresses.fetch(place for places in wanted.values() for place in places)
        self._fetched.update({i: {place: data[place] for place in places} for i, places in wanted.items()})

    def decode(self, i: int) -> np.ndarray:
        """Pixels (channel, y, x) of site i, as they are stored; what was fetched for it is released.

        Raises
        ------
        PlateImagesError : a file cannot be decoded; the message names it and its row.
        """
        images = self._site(i)
        try:
            raw = read_pixels(images, self._reading, self._fetched.pop(i, {}))
            planes = [self._stored(image, pixels) for image, pixels in zip(images, raw, strict=True)]
        except ImageFileError as error:
            raise PlateImagesError(f"{self._source}, {images[0].where}: {error}") from error
        if len({(plane.shape, str(plane.dtype)) for plane in planes}) > 1:
            raise PlateImagesError(f"{self._source}, {images[0].where}: its images are not of one size and type")
        return np.stack(planes)

    def _site(self, i: int) -> Sequence[Pixels]:
        return self._images[i * self._channels : (i + 1) * self._channels]

    def _stored(self, image: Pixels, raw: np.ndarray) -> np.ndarray:
        function = None
        height, width = raw.shape
        found = ImageInfo(height, width, raw.dtype.name, 1)
        if self._kind is not None and found[:3] != self._kind[:3]:
            raise ImageFileError(f"{image.path} is {found.words} (height x width), the others are {self._kind.words}")
        if self._reading.illumination and image.illumination is not None:
            function = self._function(image.illumination, (height, width))
        pixels, clipped = stored(raw, self._reading, str(image.path), function)
        if clipped:
            with self._lock:
                self.clipped[image.channel] += clipped
        return pixels

    def _function(self, place: Place, size: tuple[int, int]) -> np.ndarray:
        """An illumination function, read once."""
        with self._lock:
            if place not in self._functions:
                if len(self._functions) >= FUNCTIONS:
                    self._functions.pop(next(iter(self._functions)))
                data = None
                if isinstance(place, Address):
                    assert self._addresses is not None
                    data = data_of(place, self._addresses.fetch([place]))
                self._functions[place] = read_function(place, size, data)
            return self._functions[place]


def read_pixels(images: Sequence[Pixels], reading: Reading, fetched: Fetched) -> list[np.ndarray]:
    """Grey values (y, x) of images as they are in their files, each file being opened once.

    Raises
    ------
    ImageFileError : a file cannot be read, or z planes of an image differ.
    """
    parts = [parts_of(image.image, reading) for image in images]
    wanted: dict[Place, list[Selector]] = {}
    for place, selector in (part for of_image in parts for part in of_image):
        wanted.setdefault(place, []).append(selector)
    read = {
        place: iter(read_images(place, selectors, reading, data_of(place, fetched)))
        for place, selectors in wanted.items()
    }
    pixels = []
    for of_image in parts:
        planes = [next(read[place]) for place, _ in of_image]
        if len({(plane.shape, plane.dtype) for plane in planes}) > 1:
            raise ImageFileError(f"{of_image[0][0]} and the other z planes of its image are not of one size and type")
        pixels.append(maximum(planes))
    return pixels
