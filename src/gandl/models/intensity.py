"""Intensity scale: takes the pixels of the image stores, makes the map from stored values to about [-1, 1], a line per channel.

The scale is part of a model: it is kept with its weights, and images are embedded on the scale that the network was trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

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
    """x = 2 (v - low) / (high - low) - 1 per channel, at most `CEILING`.

    Attributes
    ----------
    channels : names, in the order of `low` and `high` (stored pixel values).
    """

    channels: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def apply(self, images: npt.NDArray[np.unsignedinteger]) -> Tensor:
        """Stored pixels (n, c, y, x) -> float32 (n, c, y, x) in channels-last memory."""
        if images.shape[1] != len(self.channels):
            raise IntensityError(
                f"images of {images.shape[1]} channels do not fit a scale of {len(self.channels)}: {', '.join(self.channels)}"
            )
        pixels = torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32))
        gain, offset = self._line()
        scaled = torch.addcmul(offset, pixels, gain).clamp_(max=CEILING)
        return scaled.contiguous(memory_format=torch.channels_last)

    def invert(self, images: Tensor) -> npt.NDArray[np.float32]:
        """About [-1, 1] (n, c, y, x) -> stored pixel values, at least 0."""
        gain, offset = self._line()
        return ((images.detach().float().cpu() - offset) / gain).clamp_(min=0).contiguous().numpy()

    def _line(self) -> tuple[Tensor, Tensor]:
        low, high = (torch.tensor(values, dtype=torch.float32)[:, None, None] for values in (self.low, self.high))
        gain = 2 / (high - low)
        return gain, -low * gain - 1


def measure_scale(stores: Sequence[ImageStore], resolution: int) -> IntensityScale:
    """The scale of a set of stores: percentiles of each channel over evenly spaced sites (exact, from counts of values).

    Raises
    ------
    IntensityError : a channel is constant.
    """
    channels = stores[0].channels
    counts = np.zeros((len(channels), 2 ** stores[0].bit_depth), dtype=np.int64)
    for store in stores:
        for site in np.unique(np.linspace(0, len(store) - 1, min(SITES_PER_STORE, len(store))).astype(int)):
            for row, image in enumerate(store.sites([int(site)], resolution)[0]):
                counts[row] += np.bincount(image.ravel(), minlength=counts.shape[1])
    low, high = [], []
    for channel, count in zip(channels, counts, strict=True):
        bounds = np.searchsorted(np.cumsum(count), count.sum() * np.array([LOW, HIGH]) / 100)
        if bounds[0] == bounds[1]:
            raise IntensityError(
                f"channel {channel} of {_names([store.path for store in stores])} is constant (value {bounds[0]}) in "
                f"{HIGH - LOW:.1f} % of its pixels: nothing can be learnt from it; leave it out when packing the store"
            )
        low.append(float(bounds[0]))
        high.append(float(bounds[1]))
    return IntensityScale(tuple(channels), tuple(low), tuple(high))


def _names(paths: Sequence[Path]) -> str:
    return ", ".join(str(path) for path in paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
