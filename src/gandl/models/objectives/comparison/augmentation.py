"""Crops and augmentation of the comparison: takes tiles, draws and cuts crops of them, flips and blurs these.

Everything that happens to a tile is linear along its rows and along its columns, so that one crop of it is left * tile * right^T
with two matrices of its own. A crop is cut and enlarged as `F.interpolate` would do it (bilinear, its border repeated), mirrored,
and blurred by three taps with mirrored borders, in this order, which is that of the augmentation of Dmitrenko et al. (2022;
`facts/profiling.md`, section 1.3). Views of BYOL are made in the same order; its own transform there flips and blurs before it
crops (`docs/decisions.md`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor

from gandl.config.representations import TileAugmentationSettings

Scales = tuple[float, float]
WHOLE: Scales = (1.0, 1.0)
ONE_CROP: tuple[Scales, ...] = (WHOLE,)
MULTI_CROP: tuple[Scales, ...] = (WHOLE, (0.5, 0.75), (0.5, 0.75), (0.25, 0.5), (0.25, 0.5))
"""Smallest and largest share of a tile's area that each crop shows."""
ASPECTS = (3 / 4, 4 / 3)
"""Limits of a crop's width over its height, uniform on a logarithmic scale."""
TRIES = 10
"""So often a crop is drawn before the whole tile is taken: one of a large share and an extreme aspect does not fit."""


@dataclass(frozen=True)
class CropDraws:
    """What happens to n tiles of a side.

    Attributes
    ----------
    top, left, height, width : (n,) the rectangle that is cut out and enlarged to the whole side, in px.
    flip : (n,) whether it is mirrored left to right.
    blur : (n,) standard deviation of the Gaussian in px; 0 where there is none.
    """

    top: Tensor
    left: Tensor
    height: Tensor
    width: Tensor
    flip: Tensor
    blur: Tensor

    def take(self, index: Tensor) -> CropDraws:
        """The draws of some of the tiles."""
        return CropDraws(*(getattr(self, field.name)[index] for field in fields(self)))


def draw_crops(
    n: int,
    side: int,
    scales: Scales,
    augmentation: TileAugmentationSettings | None,
    rng: torch.Generator,
    whole_batch: bool = False,
) -> CropDraws:
    """Draw a crop of each of n tiles; equally many numbers are drawn whatever comes out.

    Parameters
    ----------
    side : of the tiles (px).
    scales : smallest and largest share of the area.
    augmentation : chances of flip and blur; None: neither.
    whole_batch : all tiles get the same crop, flip and blur (the paper's code, switch `batch_augmentation`).
    """
    drawn = 1 if whole_batch else n

    def uniform(*shape: int) -> Tensor:
        return torch.rand((drawn, *shape), generator=rng, device=rng.device)

    low, high = scales
    area = side * side * (low + (high - low) * uniform(TRIES))
    least, most = (math.log(limit) for limit in ASPECTS)
    aspect = torch.exp(least + (most - least) * uniform(TRIES))
    width, height = (area * aspect).sqrt().round(), (area / aspect).sqrt().round()
    fits = (width <= side) & (height <= side)
    first = fits.float().argmax(dim=1, keepdim=True)  # the first that fits; 0 where none does
    height, width = (
        torch.where(fits.any(dim=1), size.gather(1, first)[:, 0], side).clamp(min=1) for size in (height, width)
    )
    corner = uniform(2)
    top, left = ((size_left + 1) * at for size_left, at in zip((side - height, side - width), corner.T, strict=True))
    flip, blur = torch.zeros(drawn, dtype=torch.bool, device=rng.device), torch.zeros(drawn, device=rng.device)
    if augmentation is not None:
        flip = uniform() < augmentation.flip
        deviation = augmentation.blur_least + (augmentation.blur_most - augmentation.blur_least) * uniform()
        blur = torch.where(uniform() < augmentation.blur, deviation, 0.0)
    draws = CropDraws(top.floor(), left.floor(), height, width, flip, blur)
    return draws.take(torch.zeros(n, dtype=torch.long, device=rng.device)) if whole_batch else draws


def cut(tiles: Tensor, draws: CropDraws) -> Tensor:
    """The crops (n, c, s, s) of square tiles (n, c, s, s), in channels-last memory."""
    side = tiles.shape[-1]
    rows = _matrix(draws.top, draws.height, draws.blur, side, tiles)
    columns = _matrix(draws.left, draws.width, draws.blur, side, tiles, draws.flip)
    crops = rows[:, None] @ tiles @ columns.transpose(1, 2)[:, None]
    return crops.contiguous(memory_format=torch.channels_last)


def crops_of(tiles: Tensor, draws: Sequence[CropDraws | None], part: Tensor) -> list[Tensor]:
    """The crops of one part of a batch, of every draw of the whole batch; None: the tiles as they are."""
    return [tiles if of_batch is None else cut(tiles, of_batch.take(part)) for of_batch in draws]


def _matrix(start: Tensor, length: Tensor, blur: Tensor, side: int, like: Tensor, flip: Tensor | None = None) -> Tensor:
    """(n, side, side): which pixels along one axis make each new one; rows sum to 1."""
    at = torch.arange(side, device=like.device, dtype=like.dtype)
    start, length = start.to(like.dtype)[:, None], length.to(like.dtype)[:, None]
    position = start + ((at + 0.5) * length / side - 0.5).clamp(min=0)
    position = torch.minimum(position, start + length - 1)
    if flip is not None:
        position = torch.where(flip[:, None], position.flip(1), position)
    weights = (1 - (position[:, :, None] - at).abs()).clamp(min=0)
    sigma = blur.to(like.dtype).clamp(min=1e-3)
    tap = torch.where(blur > 0, torch.exp(-0.5 / sigma.square()), torch.zeros_like(sigma))[:, None, None]
    mirrored = F.pad(weights, (0, 0, 1, 1), mode="reflect")
    return (weights + tap * (mirrored[:, :-2] + mirrored[:, 2:])) / (1 + 2 * tap)
