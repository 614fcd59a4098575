"""Samples: takes a model and real crops, makes the picture and the arrays that show what the generator has learnt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from gandl.files import atomic
from gandl.models.weights import TrainedModel

COUNT = 16
GAP = 2


def write_samples(
    model: TrainedModel, real: npt.NDArray[np.unsignedinteger], picture: Path, arrays: Path, seed: int
) -> None:
    """Write real and generated crops.

    Parameters
    ----------
    model : its averaged generator makes as many crops as `real` has.
    real : (n, c, y, x) stored pixel values (of a typical image, where each image is standardised by itself).
    picture : PNG: for every channel, a row of real crops above a row of generated ones, on one grey scale.
    arrays : NPZ with `real`, `fake` (n, c, y, x) in stored pixel values, `channels`, `pixel_size_um` (NaN where unknown).
    seed : of the generated crops.
    """
    fake = generate(model, len(real), seed)
    both = np.stack([real.astype(np.float32), fake])
    with atomic(arrays) as partial, partial.open("wb") as file:
        np.savez_compressed(
            file,
            real=both[0],
            fake=both[1],
            channels=np.array(model.channels),
            pixel_size_um=np.float64(np.nan if model.pixel_size_um is None else model.pixel_size_um),
        )
    low, high = (limit[None, None, :, None, None] for limit in model.scale.limits())
    grey = (np.clip((both - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    rows = [grey[kind, :, channel] for channel in range(grey.shape[2]) for kind in range(2)]
    padded = np.pad(np.stack(rows), ((0, 0), (0, 0), (0, GAP), (0, GAP)), constant_values=255)
    r, n, h, w = padded.shape
    with atomic(picture) as partial:
        Image.fromarray(padded.transpose(0, 2, 1, 3).reshape(r * h, n * w)).save(partial, format="png")


@torch.inference_mode()
def generate(model: TrainedModel, n: int, seed: int) -> npt.NDArray[np.float32]:
    """n generated crops (n, c, y, x) in stored pixel values, from the averaged generator."""
    generator = model.generator_ema
    return model.scale.invert(generator(generator.draw(n, torch.Generator().manual_seed(seed))))
