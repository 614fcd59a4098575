"""Frames: takes what a model makes at some moments of its training, always of the same latents or crops, makes an animation.

Frames are part of a checkpoint, so they are few, small and grey: the same whether or not a training was killed meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont

from gandl.models.looks.samples import mosaic
from gandl.workflow.files import atomic

CROPS = 6
LARGEST = 128
"""Crops of more pixels a side are shown at this many: their area mean."""
MOST = 16
"""When there are more frames than this, every second one is dropped: six crops of 5 channels and 128 px then take 8 MB."""
LINE = 16
"""Height (px) of the line of text above a frame."""
SHOWN_MS, LAST_MS = 600, 2400
"""How long a frame of the animation is shown, and the last one."""


class Frames:
    """Images of fixed latents (or reconstructions of fixed crops) in the course of one training.

    Attributes
    ----------
    images : real images shown when each frame was made, ascending.
    crops : frame by frame, (CROPS, c, s, s) grey levels: -1 on the networks' scale is black, 1 is white.
    """

    def __init__(self) -> None:
        self.images: list[int] = []
        self.crops: list[torch.Tensor] = []

    def add(self, made: torch.Tensor, images: int) -> None:
        """Keep a frame after so many real images, (CROPS, c, s, s) on the networks' scale; one kept there before is replaced."""
        made = made.float()
        if made.shape[-1] > LARGEST:
            made = F.avg_pool2d(made, made.shape[-1] // LARGEST)
        if images in self.images:
            self.crops[self.images.index(images)] = _levels(made)
            return
        self.images.append(images)
        self.crops.append(_levels(made))
        if len(self.images) > MOST:  # the newest stays
            self.images, self.crops = self.images[::2], self.crops[::2]

    def state(self) -> dict[str, Any]:
        """Tensors and plain values, for a checkpoint."""
        return {"images": list(self.images), "crops": list(self.crops)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        self.images, self.crops = list(state["images"]), list(state["crops"])

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """`frames` (k, CROPS, c, s, s) uint8 and `frames_images` (k,): for `write_samples`; empty if there is no frame."""
        if not self.images:
            return {}
        return {"frames": torch.stack(self.crops).numpy(), "frames_images": np.array(self.images)}


def write_animation(frames: Frames, path: Path) -> bool:
    """Write the frames as an animated GIF that repeats: one row per channel, one column per latent, above it the images shown.

    Returns
    -------
    whether there was a frame; without one no file is written.
    """
    if not frames.images:
        return False
    pictures = [_picture(crops.numpy(), images) for crops, images in zip(frames.crops, frames.images, strict=True)]
    with atomic(path) as partial:
        pictures[0].save(
            partial,
            format="gif",
            save_all=True,
            append_images=pictures[1:],
            duration=[*[SHOWN_MS] * (len(pictures) - 1), LAST_MS],
            loop=0,
        )
    return True


def _levels(made: torch.Tensor) -> torch.Tensor:
    """Images on the networks' scale as grey levels, on the CPU; what is not a number is black."""
    return ((made.nan_to_num(nan=-1.0) + 1) / 2).clamp(0, 1).mul(255).to(torch.uint8).cpu().contiguous()


def _picture(crops: npt.NDArray[np.uint8], images: int) -> Image.Image:
    """One frame of the animation: (n, c, y, x) grey levels."""
    pixels = np.pad(mosaic(list(crops.swapaxes(0, 1))), ((LINE, 0), (0, 0)), constant_values=255)
    picture = Image.fromarray(pixels)
    ImageDraw.Draw(picture).text((2, 1), f"{images:,} images", fill=0, font=ImageFont.load_default(11))
    return picture
