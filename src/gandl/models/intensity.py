"""Intensity scale: takes the pixels of the image stores, makes the map from stored values to about [-1, 1], a line per channel.

The scale is part of a model: it is kept with its weights, and images are embedded on the scale that the network was trained on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gandl.config import Intensity
from gandl.images.store import ImageStore

LOW, HIGH = 0.1, 99.9
"""Percentiles of a channel's pixels that become -1 and 1."""
CEILING = 3.0
"""Brighter pixels stay brighter, but not beyond this: one saturated speck must not rule a gradient."""
SITES_PER_STORE = 96
"""At most so many sites of a store, evenly spaced, are measured."""


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

    def apply(self, images: npt.NDArray[np.unsignedinteger], moments: npt.NDArray[np.float32] | None = None) -> Tensor:
        """Stored pixels (n, c, y, x) -> float32 (n, c, y, x) in channels-last memory.

        Parameters
        ----------
        moments : (n, c, 2) mean and deviation of the whole images that these are cut from (`moments_of`); by default the images
            are whole themselves. They count for `kind` site only.
        """
        if images.shape[1] != len(self.channels):
            raise IntensityError(
                f"images of {images.shape[1]} channels do not fit a scale of {len(self.channels)}: {', '.join(self.channels)}"
            )
        pixels = torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32))
        gain, offset = self._line()
        if self.kind is Intensity.SITE:
            given = torch.from_numpy(moments_of(images) if moments is None else moments)
            gain = gain / given[:, :, 1, None, None]
            offset = offset - given[:, :, 0, None, None] * gain
        scaled = torch.addcmul(offset, pixels, gain).clamp_(max=CEILING)
        return scaled.contiguous(memory_format=torch.channels_last)

    def invert(self, images: Tensor) -> npt.NDArray[np.float32]:
        """About [-1, 1] (n, c, y, x) -> stored pixel values, at least 0; for `kind` site those of a typical image."""
        gain, offset = self._line()
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

    def _line(self) -> tuple[Tensor, Tensor]:
        low, high = (torch.tensor(values, dtype=torch.float32)[:, None, None] for values in (self.low, self.high))
        gain = 2 / (high - low)
        return gain, -low * gain - 1


def moments_of(images: npt.NDArray[np.unsignedinteger]) -> npt.NDArray[np.float32]:
    """Mean and standard deviation of each channel of whole images: (n, c, y, x) -> (n, c, 2); a constant one has deviation 1."""
    values = images.reshape(*images.shape[:2], -1)
    mean, deviation = values.mean(axis=2, dtype=np.float64), values.std(axis=2, dtype=np.float64)
    return np.stack([mean, np.where(deviation > 0, deviation, 1.0)], axis=2).astype(np.float32)


def measure_scale(stores: Sequence[ImageStore], resolution: int, kind: Intensity = Intensity.STORE) -> IntensityScale:
    """The scale of a set of stores: percentiles of each channel over evenly spaced sites (exact, from counts of values).

    Raises
    ------
    IntensityError : a channel is constant.
    """
    channels = stores[0].channels
    measured = [_measure(image) for store in stores for image in _evenly_spaced(store, resolution)]
    moments = np.stack([image.moments for image in measured])
    low, high = [], []
    for position, channel in enumerate(channels):
        values, counts = _merged(
            [image.histograms[position] for image in measured], moments[:, position] if kind is Intensity.SITE else None
        )
        bounds = values[np.searchsorted(np.cumsum(counts), counts.sum() * np.array([LOW, HIGH]) / 100)]
        if bounds[0] == bounds[1]:
            raise IntensityError(
                f"channel {channel} of {_names([store.path for store in stores])} is constant (value {bounds[0]:g}) in "
                f"{HIGH - LOW:.1f} % of its pixels: nothing can be learnt from it; leave it out when packing the store"
            )
        low.append(float(bounds[0]))
        high.append(float(bounds[1]))
    typical = moments.mean(axis=0) if kind is Intensity.SITE else np.tile([0.0, 1.0], (len(channels), 1))
    mean, deviation = (tuple(float(value) for value in column) for column in typical.T)
    return IntensityScale(tuple(channels), tuple(low), tuple(high), kind, mean, deviation)


@dataclass(frozen=True)
class _Measured:
    """What is kept of one image, so that no pixels of many stores stay in memory: moments (c, 2), a histogram per channel."""

    moments: npt.NDArray[np.float32]
    histograms: list[tuple[npt.NDArray[np.unsignedinteger], npt.NDArray[np.int64]]]


def _measure(image: npt.NDArray[np.unsignedinteger]) -> _Measured:
    return _Measured(moments_of(image[None])[0], [np.unique(channel, return_counts=True) for channel in image])


def _evenly_spaced(store: ImageStore, resolution: int) -> Iterator[npt.NDArray[np.unsignedinteger]]:
    for site in np.unique(np.linspace(0, len(store) - 1, min(SITES_PER_STORE, len(store))).astype(int)):
        yield store.sites([int(site)], resolution)[0]


def _merged(
    histograms: Sequence[tuple[npt.NDArray[np.unsignedinteger], npt.NDArray[np.int64]]],
    moments: npt.NDArray[np.float32] | None,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Values of many images, ascending, and how often each occurs; standardised where moments (n, 2) are given."""
    counts = np.concatenate([count for _, count in histograms])
    shifts = np.tile([0.0, 1.0], (len(histograms), 1)) if moments is None else moments.astype(np.float64)
    values = np.concatenate([(value - m) / d for (value, _), (m, d) in zip(histograms, shifts, strict=True)])
    order = np.argsort(values, kind="stable")
    return values[order], counts[order]


def _names(paths: Sequence[Path]) -> str:
    return ", ".join(str(path) for path in paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
