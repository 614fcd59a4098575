"""Adaptive augmentation (Karras et al. 2020a) for any number of channels. Takes images and draws, makes changed images.

With few images a discriminator memorises them. If all that it ever sees, real or generated, is randomly moved, turned,
scaled and recoloured, it cannot; and as long as each of these has a probability of less than about 0.8, the generator still
makes images without them. Every image has its own draws; each transformation happens to it with probability `strength`, which
`next_strength` steers by how confident the discriminator is on real images.

The paper's `bgc` set without what applies only to RGB (hue, saturation, luma flip) and without what `orient` does to every crop
anyway (flips, right angles); its contrast and brightness are a gain and an offset of every channel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor

from gandl.config.training import AugmentationSettings
from gandl.models.compute.device import wide

ADJUSTED_EVERY = 4
"""Steps between two moves of the strength (Karras et al. 2020a, section 3.1)."""
JUMP = 0.125
"""Largest shift by whole pixels, as a share of the side."""
SHIFT = 0.125
"""Standard deviation of the shift by fractions of pixels, as a share of the side."""
ZOOM = STRETCH = 0.2
"""Standard deviation of log2 of the factors of isotropic and of anisotropic scaling."""
GAIN = 0.5
"""Standard deviation of log2 of a channel's gain."""
OFFSET = 0.2
"""Standard deviation of a channel's offset (images are about [-1, 1])."""
CHANCES = 8
"""Transformations, each with a chance of its own: jump, zoom, turn, stretch, second turn, shift, gain, offset."""


@dataclass(frozen=True)
class AugmentationDraws:
    """What would happen to n images of c channels, each transformation where its chance is below the strength.

    Attributes
    ----------
    chance : (n, `CHANCES`) uniform in [0, 1).
    jump, shift : (n, 2) along x and y, as shares of the side: for whole pixels and for fractions.
    zoom, stretch : (n,) factors: of both sides; of x, its inverse of y.
    turn : (n, 2, 2) two angles, of a turn before and one after the stretch: cosine and sine of each.
    gain, offset : (n, c).
    """

    chance: Tensor
    jump: Tensor
    zoom: Tensor
    turn: Tensor
    stretch: Tensor
    shift: Tensor
    gain: Tensor
    offset: Tensor

    def take(self, index: Tensor) -> AugmentationDraws:
        """The draws of some of the images."""
        return AugmentationDraws(*(getattr(self, field.name)[index] for field in fields(self)))


def draw(n: int, channels: int, rng: torch.Generator) -> AugmentationDraws:
    """Draw for n images, on the generator's device; how much is drawn does not depend on the strength."""

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=rng, device=rng.device)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=rng, device=rng.device)

    angle = 2 * math.pi * uniform(n, 2)
    return AugmentationDraws(
        chance=uniform(n, CHANCES),
        jump=JUMP * (2 * uniform(n, 2) - 1),
        zoom=torch.exp2(ZOOM * normal(n)),
        turn=torch.stack([angle.cos(), angle.sin()], dim=2),
        stretch=torch.exp2(STRETCH * normal(n)),
        shift=SHIFT * normal(n, 2),
        gain=torch.exp2(GAIN * normal(n, channels)),
        offset=OFFSET * normal(n, channels),
    )


def augment(images: Tensor, strength: Tensor | float, draws: AugmentationDraws) -> Tensor:
    """Move, turn, scale and recolour square images (n, c, s, s), in the memory format they have.

    Once differentiable with respect to images: take R1 of the augmented images themselves. At strength 0 nothing changes by a
    single bit, nor does an image that none of its chances picks. Nothing here waits for the device, shapes are constant, and
    nothing is a matrix product, which autocast or TF32 would round to a tenth of a pixel.

    Parameters
    ----------
    strength : probability of each transformation, 0 to 1; as a tensor () on the device, it may change without compiling anew.
    """
    layout = torch.channels_last if images.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format
    images = wide(images)
    matrix, back, moved = _where_from(strength, draws, images.shape[3])
    warped = _warp(images, matrix.to(images.dtype), back.to(images.dtype))
    images = torch.where(moved[:, None, None, None], warped, images)
    gained, raised = (draws.chance[:, i, None] < strength for i in (6, 7))
    gain = torch.where(gained, draws.gain, 1.0).to(images.dtype)
    offset = torch.where(raised, draws.offset, -0.0).to(images.dtype)  # x + -0.0 is x, for -0.0 as well
    images = images * gain[:, :, None, None] + offset[:, :, None, None]
    return images.contiguous(memory_format=layout)


def next_strength(strength: float, real_sign: float, images: int, settings: AugmentationSettings) -> float:
    """The strength after a move towards the target (Karras et al. 2020a, section 3.1; every `ADJUSTED_EVERY` steps).

    Parameters
    ----------
    real_sign : mean sign of the discriminator's logits of real images since the last move: near 1 it overfits, and the strength
        rises; below `target` it falls. NaN leaves it.
    images : real images that the discriminator saw since the last move; `ramp_images` of them are worth a strength of 1.
    """
    direction = (real_sign > settings.target) - (real_sign < settings.target)
    return min(max(strength + direction * images / settings.ramp_images, 0.0), settings.maximum)


def _where_from(strength: Tensor | float, draws: AugmentationDraws, side: int) -> tuple[Tensor, Tensor, Tensor]:
    """Where the pixel p' of the output comes from, p = matrix p' - back, and which images move: (n, 2, 2), (n, 2), (n,).

    Content jumps, is zoomed, turned by a, stretched, turned by b, and shifted (x before y, from the centre, in half sides):
    p' = R(b) A R(a) z (p + jump) + shift, so p = R(-a) A^-1 R(-b) (p' - shift) / z - jump. Two turns, since a stretch along the
    axes alone would be no random stretch; each with probability 1 - sqrt(1 - strength), so that an image is turned at all with
    probability `strength` (Karras et al. 2020a, appendix B).
    """
    turning = 1 - (1 - strength) ** 0.5
    chances = (strength, strength, turning, strength, turning, strength)
    jumps, zooms, turns, stretches, turns_again, shifts = (draws.chance[:, i] < p for i, p in enumerate(chances))
    one, none = torch.ones_like(draws.zoom), torch.zeros_like(draws.zoom)
    zoom, stretch = torch.where(zooms, draws.zoom, one), torch.where(stretches, draws.stretch, one)
    x, y = 1 / (zoom * stretch), stretch / zoom
    cos_a, cos_b = (torch.where(t, draws.turn[:, i, 0], one) for i, t in enumerate((turns, turns_again)))
    sin_a, sin_b = (torch.where(t, draws.turn[:, i, 1], none) for i, t in enumerate((turns, turns_again)))
    entries = [
        cos_a * x * cos_b - sin_a * y * sin_b,
        cos_a * x * sin_b + sin_a * y * cos_b,
        -sin_a * x * cos_b - cos_a * y * sin_b,
        -sin_a * x * sin_b + cos_a * y * cos_b,
    ]
    matrix = torch.stack(entries, dim=1).reshape(-1, 2, 2)
    shift = 2 * draws.shift * shifts[:, None]
    jump = (draws.jump * side).round() * (2 / side) * jumps[:, None]
    back = (matrix * shift[:, None]).sum(dim=2) + jump
    return matrix, back, jumps | zooms | turns | stretches | turns_again | shifts


def _warp(images: Tensor, matrix: Tensor, back: Tensor) -> Tensor:
    """Every pixel p' from matrix p' - back: bilinear, mirrored at the borders.

    Plainly bilinear, where the paper resamples through wavelet filters at twice the resolution: an axis shrinks by more than a
    factor 1.5 in 2 % of the images that are both zoomed and stretched, and what aliases there, or is blurred between two
    pixels, is so in real and generated images alike.
    """
    side = images.shape[3]
    centre = (torch.arange(side, device=images.device, dtype=images.dtype) * 2 + 1) / side - 1
    entries, back = matrix[..., None, None], back[..., None, None]
    grid = entries[:, :, 0] * centre + entries[:, :, 1] * centre[:, None] - back  # (n, 2, s, s)
    return F.grid_sample(images, grid.permute(0, 2, 3, 1), "bilinear", "reflection", align_corners=False)
