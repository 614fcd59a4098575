"""Intensity scale: takes the pixels of the image stores, makes the map from stored values to about [-1, 1], a line per channel.

The scale is part of a model: it is kept with its weights, and images are embedded on the scale that the network was trained on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gandl.config import Intensity
from gandl.images.store_reader import ImageStore
from gandl.models.compute.device import CPU

LOW, HIGH = 0.1, 99.9
"""Percentiles of a channel's pixels that become -1 and 1."""
CEILING = 3.0
"""Brighter pixels stay brighter, but not beyond this: one saturated speck must not rule a gradient."""
SITES_MEASURED = 1024
"""At most this many sites are measured: all of them, or else one out of each of so many equal stretches of the stores."""

Pixels = npt.NDArray[np.unsignedinteger] | npt.NDArray[np.float32]
"""Stored pixels; float32 where images were resized."""


class IntensityError(ValueError):
    """The pixels allow no scale; the message names store and channel."""


@dataclass(frozen=True)
class IntensityScale:
    """x = 2 (u - low) / (high - low) - 1 per channel, at most `CEILING`.

    u is the stored value (`kind` store), or the stored value standardised by its own image's mean and deviation (`kind` site):
    then neither staining nor exposure of an image reaches the networks.

    Attributes
    ----------
    channels : names, in the order of all that follows.
    low, high : of u.
    kind : what u is.
    mean, deviation : typical (mean over images) moments of an image, by which u is turned back into stored values; for `kind`
        store they are 0 and 1.
    """

    channels: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    kind: Intensity = Intensity.STORE
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()

    def apply(self, images: Pixels | Tensor, moments: npt.NDArray[np.float32] | Tensor | None = None) -> Tensor:
        """Stored pixels (n, c, y, x) -> float32 (n, c, y, x) in channels-last memory, on the device where the pixels are.

        Parameters
        ----------
        images : an array, or a tensor of any device.
        moments : (n, c, 2) mean and deviation of the whole images that these are cut from (`moments_of`); by default the images
            are whole themselves. They count for `kind` site only.
        """
        if images.shape[1] != len(self.channels):
            raise IntensityError(
                f"images of {images.shape[1]} channels do not fit a scale of {len(self.channels)}: {', '.join(self.channels)}"
            )
        if isinstance(images, Tensor):
            pixels = images.to(torch.float32)
        else:
            pixels = torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32))
        gain, offset = self._line(pixels.device)
        if self.kind is Intensity.SITE:
            if moments is None:
                moments = moments_of(images.cpu().numpy() if isinstance(images, Tensor) else images)
            given = torch.as_tensor(moments, device=pixels.device)
            gain = gain / given[:, :, 1, None, None]
            offset = offset - given[:, :, 0, None, None] * gain
        scaled = torch.addcmul(offset, pixels, gain).clamp_(max=CEILING)
        return scaled.contiguous(memory_format=torch.channels_last)

    def invert(self, images: Tensor) -> npt.NDArray[np.float32]:
        """About [-1, 1] (n, c, y, x) -> stored pixel values, at least 0; for `kind` site those of a typical image."""
        gain, offset = self._line(CPU)
        values = ((images.detach().float().cpu() - offset) / gain).contiguous().numpy()
        if self.kind is Intensity.SITE:
            mean, deviation = (np.array(of, np.float32)[:, None, None] for of in (self.mean, self.deviation))
            values = values * deviation + mean
        return np.maximum(values, 0)

    def limits(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Stored values (c,) that become -1 and 1, for a typical image."""
        ends = torch.tensor([-1.0, 1.0]).reshape(2, 1, 1, 1).expand(2, len(self.channels), 1, 1)
        low, high = self.invert(ends)[..., 0, 0]
        return low, high

    def _line(self, device: torch.device) -> tuple[Tensor, Tensor]:
        return _gain_and_offset(self.low, self.high, device)


@lru_cache(maxsize=16)
def _gain_and_offset(low: tuple[float, ...], high: tuple[float, ...], device: torch.device) -> tuple[Tensor, Tensor]:
    """(c, 1, 1) each, kept: copying them again for every batch would make the processor wait for the GPU."""
    with torch.inference_mode(False):  # kept tensors must serve training, too
        lower, upper = (torch.tensor(values, dtype=torch.float32)[:, None, None] for values in (low, high))
        gain = 2 / (upper - lower)
        return gain.to(device), (-lower * gain - 1).to(device)


def moments_of(images: Pixels) -> npt.NDArray[np.float32]:
    """Mean and standard deviation of each channel of whole images: (n, c, y, x) -> (n, c, 2); a constant one has deviation 1."""
    values = images.reshape(*images.shape[:2], -1)
    mean, deviation = values.mean(axis=2, dtype=np.float64), values.std(axis=2, dtype=np.float64)
    return np.stack([mean, np.where(deviation > 0, deviation, 1.0)], axis=2).astype(np.float32)


def measure_scale(stores: Sequence[ImageStore], resolution: int, kind: Intensity = Intensity.STORE) -> IntensityScale:
    """The scale of a set of stores: percentiles of each channel, exact over the sites measured (`SITES_MEASURED`).

    Memory holds one image and the pixels beyond the percentiles, whatever the number of stores.

    Raises
    ------
    IntensityError : a channel is constant.
    """
    channels = stores[0].channels
    places = _places([len(store) for store in stores])
    pixels = sum(math.prod(stores[store].shape_at(resolution)) for store, _ in places)
    percentiles = [_Percentiles(pixels) for _ in channels]
    moments = np.stack(
        [_measure(stores[store].sites([site], resolution)[0], percentiles, kind) for store, site in places]
    )
    bounds = np.array([of_channel.bounds() for of_channel in percentiles])
    for channel, (value, other) in zip(channels, bounds, strict=True):
        if value == other:
            raise IntensityError(
                f"channel {channel} of {_names([store.path for store in stores])} is constant (value {value:g}) in "
                f"{HIGH - LOW:.1f} % of its pixels: nothing can be learned from it; leave the channel out "
                "(of your own plates: source.plates.leave_out)"
            )
    typical = moments.mean(axis=0) if kind is Intensity.SITE else np.tile([0.0, 1.0], (len(channels), 1))
    low, high, mean, deviation = (tuple(values) for values in (*bounds.T.tolist(), *typical.T.tolist()))
    return IntensityScale(tuple(channels), low, high, kind, mean, deviation)


def _measure(
    image: npt.NDArray[np.unsignedinteger], percentiles: Sequence[_Percentiles], kind: Intensity
) -> npt.NDArray[np.float32]:
    """Add an image (c, y, x) to its channels' percentiles; gives its moments (c, 2)."""
    moments = moments_of(image[None])[0]
    shifts = moments.astype(np.float64) if kind is Intensity.SITE else np.tile([0.0, 1.0], (len(image), 1))
    for channel, of_channel, (shift, unit) in zip(image, percentiles, shifts, strict=True):
        counts = np.bincount(channel.ravel())
        values = np.flatnonzero(counts)
        of_channel.add((values - shift) / unit, counts[values])
    return moments


def _places(sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Which sites are measured, as (store, site): all, or one at a random place in each stretch (no period of a plate shows)."""
    total = sum(sizes)
    positions = np.arange(total)
    if total > SITES_MEASURED:
        edges = np.linspace(0, total, SITES_MEASURED + 1)
        within = np.random.default_rng(0).random(SITES_MEASURED)
        positions = np.unique((edges[:-1] + within * np.diff(edges)).astype(int))
    first = np.cumsum([0, *sizes])
    store = np.searchsorted(first, positions, side="right") - 1
    return list(zip(store.tolist(), (positions - first[store]).tolist(), strict=True))


class _Percentiles:
    """Percentiles `LOW` and `HIGH` of values that come in parts: only what lies beyond them is kept.

    Parameters
    ----------
    pixels : how many values will come.
    """

    def __init__(self, pixels: int) -> None:
        self._pixels = pixels
        beyond = int(pixels * max(LOW, 100 - HIGH) / 100) + 2
        self._below, self._above = _Lowest(beyond), _Lowest(beyond)

    def add(self, values: npt.NDArray[np.float64], counts: npt.NDArray[np.int64]) -> None:
        """Take a part: different values, and how often each occurs."""
        self._below.add(values, counts)
        self._above.add(-values, counts)

    def bounds(self) -> tuple[float, float]:
        """The smallest values that are not below `LOW` and `HIGH` percent of all (the inverse of the distribution function)."""
        low, high = self._pixels * np.array([LOW, HIGH]) / 100
        values, counts = self._below.kept()
        first = values[np.searchsorted(np.cumsum(counts), low)]
        values, counts = self._above.kept()
        before = self._pixels - counts.sum()
        return float(first), float(-values[::-1][np.searchsorted(before + np.cumsum(counts[::-1]), high)])


class _Lowest:
    """The lowest `wanted` of all values that come; they are merged whenever `PENDING` of them wait."""

    PENDING = 2**18

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._limit = np.inf
        self._values: list[npt.NDArray[np.float64]] = []
        self._counts: list[npt.NDArray[np.int64]] = []
        self._waiting = 0

    def add(self, values: npt.NDArray[np.float64], counts: npt.NDArray[np.int64]) -> None:
        low = values <= self._limit
        self._values.append(values[low])
        self._counts.append(counts[low])
        self._waiting += int(low.sum())
        if self._waiting > self.PENDING:
            self.kept()

    def kept(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """The lowest values, ascending, and how often each occurs: `wanted` in all, or a few more of the highest of them."""
        values, position = np.unique(np.concatenate(self._values), return_inverse=True)
        counts = np.bincount(position, np.concatenate(self._counts)).astype(np.int64)
        end = int(np.searchsorted(np.cumsum(counts), self._wanted)) + 1
        if end <= len(values):
            values, counts = values[:end], counts[:end]
            self._limit = float(values[-1])
        self._values, self._counts, self._waiting = [values], [counts], 0
        return values, counts


def _names(paths: Sequence[Path]) -> str:
    return ", ".join(str(path) for path in paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
