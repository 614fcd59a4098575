"""Ways between latent vectors: takes vectors, makes those between them, along great circles (White 2016).

Latent vectors of a normal distribution lie near a sphere, whose inside a straight line would cross: there hardly any of those
lie that the generator was trained on.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

PARALLEL = 1e-6
"""Sine of an angle below which two vectors have one direction, or opposite ones."""


def slerp(start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    """Vectors between two: their direction goes along the great circle at a constant speed, their length along a straight line.

    Vectors of one length stay on their sphere. White (2016) adds up the vectors with the sphere's weights, which is the same
    for those. Between opposite vectors no great circle is the shortest: one is chosen, always the same. A vector of length zero
    has no direction: the way from or to it is straight.

    Parameters
    ----------
    start, end : (..., d). share : (...) or (): 0 gives the start, 1 the end.

    Returns
    -------
    (..., d).
    """
    share = torch.as_tensor(share, dtype=start.dtype, device=start.device)[..., None]
    from_length, to_length = (v.norm(dim=-1, keepdim=True) for v in (start, end))
    a, b = (v / torch.where(length > 0, length, 1.0) for v, length in ((start, from_length), (end, to_length)))
    cosine = (a * b).sum(dim=-1, keepdim=True).clamp(-1, 1)
    across = b - cosine * a  # the part of b that is perpendicular to a: its length is the sine
    sine = across.norm(dim=-1, keepdim=True)
    parallel = sine < PARALLEL
    sideways = torch.where(parallel, _perpendicular(a), across / torch.where(parallel, 1.0, sine))
    angle = share * torch.where(parallel, math.pi * (cosine < 0).to(cosine), torch.atan2(sine, cosine))
    direction = torch.cos(angle) * a + torch.sin(angle) * sideways
    round_ = torch.lerp(from_length, to_length, share) * direction
    straight = torch.lerp(start, end, share)
    return torch.where((from_length > 0) & (to_length > 0), round_, straight)


def _perpendicular(unit: Tensor) -> Tensor:
    """Of each vector (..., d) of length 1 one that is perpendicular to it: from the axis that it lies farthest from."""
    axis = torch.nn.functional.one_hot(unit.abs().argmin(dim=-1), unit.shape[-1]).to(unit)
    beside = axis - (axis * unit).sum(dim=-1, keepdim=True) * unit
    return beside / beside.norm(dim=-1, keepdim=True).clamp(min=PARALLEL)


def ways_between(stops: Tensor, between: int) -> Tensor:
    """Stops (k, d) and `between` vectors on the way from each to the next by `slerp`: ((k - 1) (between + 1) + 1, d)."""
    position = torch.arange((len(stops) - 1) * (between + 1) + 1, device=stops.device)
    start = (position // (between + 1)).clamp(max=max(len(stops) - 2, 0))
    following = (start + 1).clamp(max=len(stops) - 1)
    return slerp(stops[start], stops[following], (position - start * (between + 1)) / (between + 1))
