"""What the pixels of a sample show: takes images, decodes them, gives what is wrong with them and with whole channels.

A channel that is constant cannot be trained on, a saturated one has lost its brightest values, and values that are not whole
numbers need one scale for all images. Images are decoded two at a time, and none is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from gandl.check.nuclear_channel import FIELDS, Areas, areas_of_nuclei
from gandl.images.area_mean import area_mean
from gandl.images.files.kinds import ImageFileError, ImageInfo, Reading
from gandl.images.files.values import HIGHEST, stored
from gandl.images.plate_headers import Fetched, Pixels, addresses_of, info_of
from gandl.images.plate_reader import read_pixels
from gandl.source.remote.addresses import Addresses

DECODERS = 2
FETCHED = 32
"""Images whose addresses are fetched at a time."""
SIDE = 320
"""About the shorter side (px) of the images that are trained on: cells are then some 10 to 30 px wide, and a CPU keeps up."""
COARSEST = 4
"""The original is made smaller by at most this factor."""
CONSTANT = (0.001, 0.999)
"""Training refuses a channel whose pixels between these shares, ordered by value, are all the same."""
UNIT_SCALE = 65535.0
"""The scale that is proposed for fractional values from 0 to 1."""
MAXIMA = (255, 4095, 16383, 32767, 65535)
"""The largest values of 8, 12, 14 and 16 bit, and of signed 16 bit."""
FAINT = 256
"""Stored values below which the brightest of a scaled image (99.8th percentile) keep few grey levels."""
ROOM = 4
"""A scale that is named leaves room for images that are so many times as bright as the brightest that was decoded."""
SATURATED = 0.001
"""Share of a channel's pixels with the largest value above which they are reported."""


def training_side(original: int) -> int:
    """The stored size (px, shorter side) nearest to 320: the original made smaller by 1, 2 or 4, never below one crop."""
    sizes = [original // factor for factor in (1, 2, COARSEST) if factor == 1 or original // factor >= 128]
    return min(sizes, key=lambda size: abs(size / SIDE - 1) if size >= SIDE else abs(SIDE / size - 1))


@dataclass
class Channel:
    """What the images of one channel showed together.

    counts : pixels by stored value, at the size that is trained on. images : that were decoded.
    constant : how many of them are constant, and the first of these with its value.
    pixels, largest, of_largest : pixels at full size, the largest stored value, and how many have it.
    """

    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(HIGHEST + 1, np.int64))
    images: int = 0
    constant: int = 0
    first: tuple[Pixels, float] | None = None
    pixels: int = 0
    largest: int = -1
    of_largest: int = 0

    def add(self, image: Pixels, value: float | None, values: npt.NDArray[np.unsignedinteger]) -> None:
        """One image: as it is stored (y, x), and its value where it is constant."""
        side = min(values.shape)
        self.counts += np.bincount(area_mean(values, side // training_side(side)).ravel(), minlength=HIGHEST + 1)
        self.images += 1
        if value is not None:
            self.constant += 1
            self.first = self.first or (image, value)
        largest = int(values.max())
        if largest > self.largest:
            self.largest, self.of_largest = largest, 0
        self.of_largest += int((values == largest).sum()) if largest == self.largest else 0
        self.pixels += values.size

    @property
    def only_value(self) -> int | None:
        """The value of practically all pixels, so that nothing can be learned; None where they differ."""
        shares = np.cumsum(self.counts) / max(1, self.counts.sum())
        low, high = (int(np.searchsorted(shares, share)) for share in CONSTANT)
        return low if low == high and self.images else None


@dataclass
class Looks:
    """What a sample of images showed.

    problems : one line each. infos : headers of the images at addresses. received : bytes that came by network.
    decoded : images; middles, brightest (99.8th percentile) and largest of them, in the values of the files.
    fractional : images with values that are not whole, the first and the largest of their values.
    nuclei : by channel, of a few fields the areas of objects like nuclei.
    """

    channels: dict[str, Channel] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    infos: dict[Pixels, ImageInfo] = field(default_factory=dict)
    received: int = 0
    middles: list[float] = field(default_factory=list)
    brightest: float = 0.0
    largest: float = 0.0
    fractional: int = 0
    first_fractional: Pixels | None = None
    largest_fractional: float = 0.0
    nuclei: dict[str, list[Areas]] = field(default_factory=dict)

    @property
    def decoded(self) -> int:
        """Images."""
        return len(self.middles)


def look_at(images: Sequence[Pixels], reading: Reading, addresses: Addresses) -> Looks:
    """Decode images; of those at addresses, some are fetched at a time."""
    looks, searched = Looks(), _fields_searched(images)
    for start in range(0, len(images), FETCHED):
        part = images[start : start + FETCHED]
        fetched = addresses.fetch(address for image in part for address in addresses_of(image, reading))

        def read(image: Pixels, fetched: Fetched = fetched) -> tuple[ImageInfo | None, np.ndarray] | str:
            try:
                info = info_of(image.image, reading, fetched) if addresses_of(image, reading) else None
                return info, read_pixels([image], reading, fetched)[0]
            except ImageFileError as error:
                return f"{image.where}: {error}"

        with ThreadPoolExecutor(DECODERS) as threads:
            nuclei = []
            for image, found in zip(part, threads.map(read, part), strict=True):
                pixels = _add(looks, image, found, reading)
                if pixels is not None and image.where in searched:
                    nuclei.append((image.channel, threads.submit(areas_of_nuclei, pixels)))
        for channel, areas in nuclei:
            looks.nuclei.setdefault(channel, []).append(areas.result())
    looks.received = addresses.received
    return looks


def _fields_searched(images: Sequence[Pixels]) -> set[str]:
    """The fields in which nuclei are sought, evenly over those of the images, by what names them in messages."""
    fields = list(dict.fromkeys(image.where for image in images))
    return {fields[i] for i in np.linspace(0, len(fields) - 1, min(FIELDS, len(fields))).astype(int)}


def _add(
    looks: Looks, image: Pixels, found: tuple[ImageInfo | None, np.ndarray] | str, reading: Reading
) -> np.ndarray | None:
    """Take up what an image showed; gives its pixels as they would be stored, None where they cannot be."""
    if isinstance(found, str):
        looks.problems.append(found)
        return None
    info, values = found
    if info is not None:
        looks.infos[image] = info
    middle, high = np.percentile(values, (50, 99.8))
    looks.middles.append(float(middle))
    looks.brightest = max(looks.brightest, float(high))
    looks.largest = max(looks.largest, float(values.max()))
    fractional = reading.scale is None and values.dtype.kind == "f" and bool((values != np.rint(values)).any())
    if fractional:
        looks.fractional += 1
        looks.first_fractional = looks.first_fractional or image
        looks.largest_fractional = max(looks.largest_fractional, float(values.max()))
        if values.max() > 1:
            return None
    try:
        pixels, _ = stored(values, replace(reading, scale=UNIT_SCALE) if fractional else reading, str(image.path))
    except ImageFileError as error:
        looks.problems.append(f"{image.where}: {error}")
        return None
    value = float(values.flat[0]) if values.min() == values.max() else None
    looks.channels.setdefault(image.channel, Channel()).add(image, value, pixels)
    return pixels


def proposed_scale(looks: Looks) -> float | None:
    """The scale that makes whole numbers of all images; None where none is needed, or none suggests itself."""
    return UNIT_SCALE if looks.fractional and looks.largest_fractional <= 1 else None


def notes_of_faint_images(looks: Looks, scale: float | None) -> Iterator[str]:
    """A warning, where the one scale makes few grey levels of the brightest images, and a scale that makes more."""
    if scale is None or not 0 < looks.brightest * scale < FAINT:
        return
    better = HIGHEST / (ROOM * looks.largest)
    better = float(f"{better:.0e}") if float(f"{better:.0e}") * looks.largest * 2 <= HIGHEST else better / 2
    named = (
        f"; --scale {better:g} would use 16 bit better, if no image is more than twice as bright as those that were decoded"
        if better > scale
        else f"; the largest value, {looks.largest:g}, leaves no room for a larger one: is it a defective pixel?"
    )
    stored_as = f"{looks.brightest * scale:.0f} of 65,535"
    yield (
        f"warning: images are faint: their brightest pixels (99.8th percentile, {looks.brightest:.3g}) become {stored_as} "
        f"by the scale {scale:g}, so that few grey levels are left{named}"
    )


def problems_of_values(looks: Looks) -> Iterator[str]:
    """Fractional values for which no scale suggests itself."""
    if looks.fractional and proposed_scale(looks) is None and looks.first_fractional is not None:
        image = looks.first_fractional
        yield (
            f"{looks.fractional} of {looks.decoded} images that were decoded hold fractional values up to "
            f"{looks.largest_fractional:g}, the first is {image.where}: {image.path}; say which factor makes whole numbers up to "
            "65,535 of all images: --scale 1 rounds them (source.plates.scale)"
        )


def problems_of_channels(looks: Looks, sites: int) -> Iterator[str]:
    """Channels that are constant in all sites that were looked at."""
    for name, channel in looks.channels.items():
        value = channel.only_value
        if value is None:
            continue
        if channel.first is not None and channel.constant == channel.images:
            said = f"is {channel.first[1]:g} in every pixel of "
        else:
            said = f"is {value} in {channel.counts[value] / channel.counts.sum():.2%} of the pixels of "
        yield (
            f"channel {name} {said}{_sites(channel.images, sites)}: nothing can be learned from it; delete its column, "
            f"or leave it out (--leave-out {name}, which is source.plates.leave_out)"
        )


def notes_of_channels(looks: Looks) -> Iterator[str]:
    """Channels that are constant in some sites, or saturated."""
    for name, channel in looks.channels.items():
        if channel.only_value is not None:
            continue
        if channel.first is not None:
            image, value = channel.first
            yield (
                f"channel {name} is constant in {channel.constant} of the {channel.images} sites looked at, the first is "
                f"{image.where}: every pixel of {image.path} is {value:g}; is it an empty image?"
            )
        share = channel.of_largest / channel.pixels
        if channel.largest in MAXIMA and share > SATURATED:
            yield (
                f"channel {name} is saturated: {share:.1%} of its pixels have the largest value, {channel.largest:,}; brightness "
                "above it is lost"
            )


def _sites(images: int, sites: int) -> str:
    """How many sites were looked at, of so many."""
    return f"all {images} sites" if images == sites else f"the {images} sites looked at"
