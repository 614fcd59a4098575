"""Features of whole sites: takes a network and images larger than its crop, makes one vector per site (and layer).

A site is the mean over a grid of crops that covers the image, its border included. Crops of several sites share a pass, and
every pass holds equally many, the last one filled up: kernels are chosen by the size of a batch, so a site's vector is the same,
bit for bit, whatever else is embedded with it and wherever in a batch its crops lie.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gandl.config import Intensity, Precision
from gandl.models.compute.device import autocast
from gandl.models.crops.intensity import IntensityScale, Pixels
from gandl.models.networks.discriminator import Discriminator
from gandl.models.networks.passes import crops_per_pass, filled, moments_on_device, on_device, steady, unsigned

PASSES = 4
"""Passes that one call should make: between calls a GPU waits a little."""


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


def sites_at_once(crops: int, batch: int, limit: int) -> int:
    """How many sites to describe in one call: a few passes' worth, at most `limit`, with the least filling; as many as can be.

    Parameters
    ----------
    crops : of one site.
    batch : as in `site_features`.
    """
    size = crops_per_pass(batch)
    enough = -(-PASSES * size // crops)
    return min(range(1, min(limit, enough) + 1), key=lambda sites: (-sites * crops % size / sites, -sites))


def site_features(
    discriminator: Discriminator,
    scale: IntensityScale,
    images: Pixels,
    crop: int,
    stride: int,
    batch: int,
    precision: Precision = Precision.FLOAT32,
) -> SiteFeatures:
    """Describe sites, on the device where the discriminator is.

    Parameters
    ----------
    discriminator, scale : of one model.
    images, crop, stride, batch, precision : as for `site_vectors`; statistics of feature maps are float32 always.

    Raises
    ------
    SiteError : the images are smaller than the crop, or the discriminator takes crops of another size.
    torch.OutOfMemoryError : so many crops do not fit on the GPU.
    """
    if crop != discriminator.crop:
        raise SiteError(f"this discriminator takes crops of {discriminator.crop} px, not {crop}")
    names = block_features(discriminator)
    width = discriminator.feature_dim
    device = next(discriminator.parameters()).device

    def describe(crops: Tensor) -> Tensor:
        return _describe(discriminator, crops, precision)

    rows = site_vectors(describe, 2 * width + len(names), scale, images, crop, stride, batch, device, precision)
    return SiteFeatures(rows[:, :width], rows[:, width : 2 * width], rows[:, 2 * width :], names)


@torch.inference_mode()
def site_vectors(
    describe: Callable[[Tensor], Tensor],
    width: int,
    scale: IntensityScale,
    images: Pixels,
    crop: int,
    stride: int,
    batch: int,
    device: torch.device,
    precision: Precision = Precision.FLOAT32,
) -> npt.NDArray[np.float32]:
    """Vectors (n, width) of sites: the means over a grid of crops of what a network makes of each crop.

    Parameters
    ----------
    describe : crops (m, c, crop, crop) on the networks' scale -> vectors (m, width) float32, each of its crop alone.
    scale : of the network's training.
    images : (n, c, y, x) stored pixels (float32 where they were resized), at least `crop` px a side; from pinned memory a GPU
        fetches them without waiting.
    crop : side (px) that the network takes.
    stride : distance (px) of the crops that are averaged.
    batch : crops per forward pass, rounded up to a multiple of 16; it changes the speed, and on some devices the last digits.
    device : where the network is.
    precision : of the network's layers; means over crops are float32 always.

    Raises
    ------
    SiteError : the images are smaller than the crop.
    torch.OutOfMemoryError : so many crops do not fit on the GPU.
    """
    tops, lefts = (crop_corners(side, crop, stride) for side in images.shape[2:])
    places = [(i, top, left) for i in range(len(images)) for top in tops for left in lefts]
    described = []
    with steady(device, precision):
        sites = on_device(images, device)
        moments = moments_on_device(sites) if scale.kind is Intensity.SITE else None
        size = crops_per_pass(batch)
        for start in range(0, len(places), size):
            part = places[start : start + size]
            crops = torch.stack([sites[i, :, top : top + crop, left : left + crop] for i, top, left in part])
            whole = None if moments is None else moments[[i for i, _, _ in part]]
            seen = filled(scale.apply(unsigned(crops, images), whole), size)
            described.append(describe(seen)[: len(part)])
        table = _mean_over_crops(described, len(tops) * len(lefts)) if described else torch.empty(0, width)
    return table.cpu().numpy()


def _describe(discriminator: Discriminator, crops: Tensor, precision: Precision) -> Tensor:
    """(n, 2 feature_dim + d) float32: pre, post, and the pooled blocks."""
    with autocast(crops.device, precision):
        description = discriminator.describe(crops)
    pooled = [statistic for block in description.blocks for statistic in _pool(block.float())]
    return torch.cat([description.pre.float(), description.post.float(), *pooled], dim=1)


def _pool(block: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and (population) standard deviation over space: (n, c, y, x) -> (n, c) each."""
    if block.device.type == "cuda":  # one pass over memory, which is what counts there; on the CPU it is slower
        variance, mean = torch.var_mean(block, dim=(2, 3), correction=0)
        return mean, variance.sqrt()
    mean = block.mean(dim=(2, 3))
    return mean, (block - mean[:, :, None, None]).square_().mean(dim=(2, 3)).sqrt()


def _mean_over_crops(described: list[Tensor], crops: int) -> Tensor:
    """Mean over the crops of each site, added up in the order of the grid, whatever the number of sites."""
    rows = torch.cat(described).unflatten(0, (-1, crops))
    total = rows[:, 0].clone()
    for i in range(1, crops):
        total += rows[:, i]
    return total / crops
