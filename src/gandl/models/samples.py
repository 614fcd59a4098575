"""Samples: takes a model and real crops, makes the pictures and the arrays that show what the generator has learnt.

`generate` and `interpolate` are one call each from a notebook; `gandl.models.frames` shows samples along training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from gandl.files import atomic
from gandl.models.generator import Generator, Latents
from gandl.models.weights import TrainedModel

COUNT = 16
GAP = 2
PER_PASS = 32
"""Crops generated at a time."""
STOPS, BETWEEN = 3, 4
"""The interpolation strip visits so many random styles, with so many steps between two of them."""


def write_samples(
    model: TrainedModel,
    real: npt.NDArray[np.unsignedinteger] | npt.NDArray[np.float32],
    picture: Path,
    arrays: Path,
    seed: int,
    more: Mapping[str, npt.NDArray[Any]] | None = None,
) -> None:
    """Write real and generated crops.

    Parameters
    ----------
    model : its averaged generator makes as many crops as `real` has.
    real : (n, c, y, x) stored pixel values (of a typical image, where each image is standardised by itself).
    picture : PNG: for every channel, a row of real crops above a row of generated ones, on one grey scale.
    arrays : NPZ with `real`, `fake` (n, c, y, x) in stored pixel values, `channels`, `pixel_size_um` (NaN where unknown), `low`,
        `high` (c,) the stored values that are black and white in pictures, and `interpolation` (m, c, y, x).
    seed : of the generated crops.
    more : arrays to be kept with them, such as `Frames.arrays()`.
    """
    fake = generate(model, len(real), seed)
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
            interpolation=interpolate(model, seed=seed),
            **(more or {}),
        )
    shown = grey(both, low, high)
    rows = [shown[kind, :, channel] for channel in range(shown.shape[2]) for kind in range(2)]
    save_picture(mosaic(rows), picture)


def write_interpolation(model: TrainedModel, picture: Path, seed: int) -> None:
    """Write the strip of `interpolate` as a PNG: one row per channel."""
    strip = grey(interpolate(model, seed=seed), *model.scale.limits())
    save_picture(mosaic(list(strip.swapaxes(0, 1))), picture)


def generate(model: TrainedModel, n: int, seed: int) -> npt.NDArray[np.float32]:
    """n generated crops (n, c, y, x) in stored pixel values, from the averaged generator."""
    latents = model.generator_ema.draw(n, torch.Generator().manual_seed(seed))
    return model.scale.invert(synthesize(model.generator_ema, latents))


@torch.no_grad()
def interpolate(
    model: TrainedModel, stops: int = STOPS, between: int = BETWEEN, seed: int = 0
) -> npt.NDArray[np.float32]:
    """Generated crops (n, c, y, x), in stored pixel values, on the way from style to style.

    Styles w are mixed linearly (Karras et al. 2019, section 4.1), and the noise of single pixels stays, so that what changes is
    what the styles say. A generator that knows images by heart jumps; one that knows what varies among them changes steadily.

    Parameters
    ----------
    stops, between : random styles that are visited, and steps between two of them: n = (stops - 1) (between + 1) + 1.
    seed : of the styles and of the noise.

    Raises
    ------
    ValueError : fewer than one stop, or a negative number of steps.
    """
    if stops < 1 or between < 0:
        raise ValueError(f"an interpolation needs at least one stop and no negative steps, not {stops} and {between}")
    generator = model.generator_ema
    latents = _beside(generator.draw(stops, torch.Generator().manual_seed(seed)), generator)
    styles = generator.styles(latents)
    position = torch.arange((stops - 1) * (between + 1) + 1, device=styles.device) / (between + 1)
    start = position.long().clamp(max=max(stops - 2, 0))
    following = (start + 1).clamp(max=stops - 1)
    way = torch.lerp(styles[start], styles[following], (position - start).to(styles.dtype)[:, None, None])
    noise = [of_layer[:1] for of_layer in latents.noise]
    images = [
        generator.synthesize(part, [one.expand(len(part), -1, -1, -1) for one in noise]) for part in way.split(PER_PASS)
    ]
    return model.scale.invert(torch.cat(images))


@torch.no_grad()
def synthesize(generator: Generator, latents: Latents) -> Tensor:
    """Images (n, c, y, x) of latents, wherever these were drawn, on the generator's device, some at a time."""
    parts = torch.arange(len(latents.z)).split(PER_PASS)
    return torch.cat([generator(_beside(latents.take(part), generator)) for part in parts])


def _beside(latents: Latents, generator: Generator) -> Latents:
    """The latents on the generator's device, in its precision."""
    like = generator.constant
    return Latents(latents.z.to(like), latents.cut.to(like.device), [noise.to(like) for noise in latents.noise])


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
