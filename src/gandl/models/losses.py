"""Losses of the two networks and their penalties. Takes logits, images and styles; makes scalars to minimise.

Non-saturating logistic loss (Goodfellow et al. 2014), R1 (Mescheder et al. 2018), path length (Karras et al. 2020, section 3.2).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def generator_loss(fake_logits: Tensor) -> Tensor:
    """mean softplus(-D(fake)) = -mean log sigmoid(D(fake))."""
    return F.softplus(-fake_logits).mean()


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """mean softplus(-D(real)) + mean softplus(D(fake))."""
    return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()


def r1_penalty(real_logits: Tensor, reals: Tensor) -> Tensor:
    """Mean over images of ||d D(x) / d x||^2; the loss is gamma / 2 times this (Mescheder et al. 2018, equation 9).

    Parameters
    ----------
    real_logits : (n,) of `reals`, which must require gradients.
    """
    (gradient,) = torch.autograd.grad(real_logits.sum(), reals, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean()


def path_lengths(images: Tensor, styles: Tensor, direction: Tensor) -> Tensor:
    """Length (n,) of J^T y, averaged over layers: how far an image moves along y when its styles move.

    Parameters
    ----------
    images : (n, c, y, x) synthesised from `styles` (n, layers, style_dim), which must require gradients.
    direction : (n, c, y, x) normal noise; divided by sqrt(y x), so that the length does not depend on the side.
    """
    weighted = (images * direction).sum() / math.sqrt(images.shape[2] * images.shape[3])
    (gradient,) = torch.autograd.grad(weighted, styles, create_graph=True)
    return gradient.square().sum(dim=2).mean(dim=1).sqrt()


def path_length_penalty(lengths: Tensor, mean: Tensor, decay: float) -> tuple[Tensor, Tensor]:
    """Mean (length - a)^2, and a: the running mean of lengths after a step of `decay` towards this batch (detached)."""
    mean = mean.lerp(lengths.detach().mean(), decay)
    return (lengths - mean).square().mean(), mean
