"""Features of whole sites: takes a discriminator and images larger than its crop, makes one vector per site and layer.

A site is the mean over a grid of crops that covers the image, its border included. Sites are computed one by one, so that a
site's vector is the same, bit for bit, whatever else is embedded with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gandl.models.cpu import prepare_cpu
from gandl.models.discriminator import Discriminator
from gandl.models.intensity import IntensityScale


class SiteError(ValueError):
    """Sites cannot be described; the message says which sizes do not fit."""


@dataclass(frozen=True)
class SiteFeatures:
    """Features of n sites, float32.

    Attributes
    ----------
    pre, post : (n, feature_dim), the layer before the logit, before and after its leaky ReLU.
    blocks : (n, d), mean and standard deviation over space of every feature map, one per name in `block_features`.
    block_features : names: `<block>_mean_<map>`, `<block>_std_<map>`, block by block.
    """

    pre: npt.NDArray[np.float32]
    post: npt.NDArray[np.float32]
    blocks: npt.NDArray[np.float32]
    block_features: list[str]


def block_features(discriminator: Discriminator) -> list[str]:
    """Names of the columns of `SiteFeatures.blocks`."""
    return [
        f"{name}_{statistic}_{i}"
        for name, count in zip(discriminator.block_names, discriminator.block_channels, strict=True)
        for statistic in ("mean", "std")
        for i in range(count)
    ]


def crop_corners(side: int, crop: int, stride: int) -> list[int]:
    """Where crops start along one side: every `stride` px, and one that ends at the border.

    Raises
    ------
    SiteError : the crop is larger than the side.
    """
    if crop > side:
        raise SiteError(
            f"a crop of {crop} px does not fit in images of {side} px; embed at a larger resolution (embeddings.resolutions)"
        )
    corners = list(range(0, side - crop + 1, stride))
    return corners if corners[-1] == side - crop else [*corners, side - crop]


@torch.inference_mode()
def site_features(
    discriminator: Discriminator,
    scale: IntensityScale,
    images: npt.NDArray[np.unsignedinteger] | npt.NDArray[np.float32],
    crop: int,
    stride: int,
    batch: int,
) -> SiteFeatures:
    """Describe sites.

    Parameters
    ----------
    discriminator, scale : of one model.
    images : (n, c, y, x) stored pixels (float32 where they were resized), at least `crop` px a side.
    crop : side (px) that the discriminator takes.
    stride : distance (px) of the crops that are averaged.
    batch : crops per forward pass; it changes the speed only.

    Raises
    ------
    SiteError : the images are smaller than the crop, or the discriminator takes crops of another size.
    """
    if crop != discriminator.crop:
        raise SiteError(f"this discriminator takes crops of {discriminator.crop} px, not {crop}")
    prepare_cpu()
    tops, lefts = (crop_corners(side, crop, stride) for side in images.shape[2:])
    corners = [(top, left) for top in tops for left in lefts]
    rows = []
    for image in images:
        pixels = scale.apply(image[None])[0]
        crops = torch.stack([pixels[:, top : top + crop, left : left + crop] for top, left in corners])
        crops = crops.contiguous(memory_format=torch.channels_last)
        rows.append(torch.cat([_describe(discriminator, part) for part in crops.split(batch)]).mean(dim=0))
    width = discriminator.feature_dim
    names = block_features(discriminator)
    table = torch.stack(rows).numpy() if rows else np.empty((0, 2 * width + len(names)), np.float32)
    return SiteFeatures(table[:, :width], table[:, width : 2 * width], table[:, 2 * width :], names)


def _describe(discriminator: Discriminator, crops: Tensor) -> Tensor:
    """(n, 2 feature_dim + d) float32: pre, post, and the pooled blocks."""
    description = discriminator.describe(crops)
    pooled = []
    for block in description.blocks:
        mean = block.mean(dim=(2, 3))
        deviation = (block - mean[:, :, None, None]).square().mean(dim=(2, 3)).sqrt()
        pooled += [mean, deviation]
    return torch.cat([description.pre, description.post, *pooled], dim=1)
