"""Samples: takes a model and real crops, makes the pictures and the arrays that show what it has learned.

`gandl.models.looks.frames` shows samples during training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch import Tensor

from gandl.models.networks.trained import TrainedModel
from gandl.workflow.files import atomic

COUNT = 16
GAP = 2


def write_samples(
    model: TrainedModel,
    real: npt.NDArray[np.unsignedinteger] | npt.NDArray[np.float32],
    picture: Path,
    arrays: Path,
    seed: int,
    more: Mapping[str, npt.NDArray[Any]] | None = None,
    seen: Tensor | None = None,
) -> None:
    """Write real and generated crops.

    Parameters
    ----------
    model : its averaged generator makes as many crops as `real` has; another model makes them of `seen`.
    real : (n, c, y, x) stored pixel values (of a typical image, where each image is standardised by itself).
    picture : PNG: for every channel, a row of real crops above a row of generated ones, on one grey scale.
    arrays : NPZ with `real`, `fake` (n, c, y, x) in stored pixel values, `channels`, `pixel_size_um` (NaN if unknown), `low`,
        `high` (c,) the stored values that are black and white in pictures, and `interpolation` (m, c, y, x).
    seed : of the generated crops.
    more : arrays to be kept with them, such as `Frames.arrays()`.
    seen : the real crops on the networks' scale; by default scaled as if they were whole images.
    """
    seen = model.scale.apply(real) if seen is None else seen
    fake = model.scale.invert(model.beside(seen, seed))
    both = np.stack([real.astype(np.float32), fake])
    low, high = model.scale.limits()
    with atomic(arrays) as partial, partial.open("wb") as file:
        np.savez_compressed(
            file,
            allow_pickle=False,
            real=both[0],
            fake=both[1],
            channels=np.array(model.channels),
            pixel_size_um=np.float64(np.nan if model.pixel_size_um is None else model.pixel_size_um),
            low=low,
            high=high,
            interpolation=model.scale.invert(model.way(seen, seed)),
            **(more or {}),
        )
    shown = grey(both, low, high)
    rows = [shown[kind, :, channel] for channel in range(shown.shape[2]) for kind in range(2)]
    save_picture(mosaic(rows), picture)


def write_interpolation(model: TrainedModel, seen: Tensor, picture: Path, seed: int) -> None:
    """Write the strip of `TrainedModel.way` as a PNG: one row per channel.

    Parameters
    ----------
    seen : real crops (n, c, y, x) on the networks' scale, for models that start from such.
    """
    strip = grey(model.scale.invert(model.way(seen, seed)), *model.scale.limits())
    save_picture(mosaic(list(strip.swapaxes(0, 1))), picture)


def grey(
    images: npt.NDArray[np.float32], low: npt.NDArray[np.float32], high: npt.NDArray[np.float32]
) -> npt.NDArray[np.uint8]:
    """Stored values (..., c, y, x) as grey levels: `low` (c,) is black, `high` (c,) is white."""
    low, high = low[:, None, None], high[:, None, None]
    return (np.clip((images - low) / (high - low), 0, 1) * 255).astype(np.uint8)


def mosaic(rows: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
    """Rows of images, (n, y, x) each, as one picture, a white gap after each of them."""
    padded = np.pad(np.stack(rows), ((0, 0), (0, 0), (0, GAP), (0, GAP)), constant_values=255)
    r, n, h, w = padded.shape
    return padded.transpose(0, 2, 1, 3).reshape(r * h, n * w)


def save_picture(pixels: npt.NDArray[np.uint8], path: Path) -> None:
    """Write grey levels (y, x) as a PNG."""
    with atomic(path) as partial:
        Image.fromarray(pixels).save(partial, format="png")
