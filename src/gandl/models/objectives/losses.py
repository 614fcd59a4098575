"""Losses of the two networks and their penalties. Takes logits, images and styles; makes scalars to minimise.

All are means over the images given, so that the parts of a batch may be computed one by one and averaged. Half-precision
numbers are widened first: they cannot hold a mean of squares.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from gandl.config.training import Loss
from gandl.models.compute.device import wide

DIFFERENCE_STEP = 0.01
"""Step of `finite_difference_penalty`, in units of the networks' scale (images are about [-1, 1])."""


def generator_loss(kind: Loss, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
    """What the generator minimises.

    - `logistic`: mean -log sigmoid(D(fake)), non-saturating (Goodfellow et al. 2014, section 3).
    - `wgan`: -mean D(fake) (Arjovsky et al. 2017, algorithm 1).
    - `relativistic`: mean -log sigmoid(D(fake) - D(real)), image i against image i
      (Jolicoeur-Martineau 2019; R3GAN: Huang et al. 2024).

    Parameters
    ----------
    fake_logits : (n,).
    real_logits : (n,) of as many real images; only `relativistic` needs them (no gradient has to reach them).

    Raises
    ------
    ValueError : `relativistic` without the logits of as many real images.
    """
    fake_logits = wide(fake_logits)
    if kind is Loss.WGAN:
        return -fake_logits.mean()
    if kind is Loss.RELATIVISTIC:
        return F.softplus(-_difference(fake_logits, real_logits)).mean()
    return F.softplus(-fake_logits).mean()


def discriminator_loss(kind: Loss, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """What the discriminator minimises: the mirror image of `generator_loss`, which gives the sources.

    - `logistic`: mean -log sigmoid(D(real)) + mean -log(1 - sigmoid(D(fake))).
    - `wgan`: mean D(fake) - mean D(real).
    - `relativistic`: mean -log sigmoid(D(real) - D(fake)), image i against image i.

    Parameters
    ----------
    real_logits, fake_logits : (n,) each.

    Raises
    ------
    ValueError : `relativistic` with other numbers of real and generated images.
    """
    real_logits, fake_logits = wide(real_logits), wide(fake_logits)
    if kind is Loss.WGAN:
        return fake_logits.mean() - real_logits.mean()
    if kind is Loss.RELATIVISTIC:
        return F.softplus(-_difference(real_logits, fake_logits)).mean()
    return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()


def gradient_penalty(logits: Tensor, images: Tensor) -> Tensor:
    """Mean over images of ||d S / d x_i||^2, S the sum of the logits; R1 on real images, R2 on generated ones.

    The loss is gamma / 2 times this (Mescheder et al. 2018, equation 9). S and not the image's own logit, because the minibatch
    deviation lets an image act on the logits of its group; that is what every implementation of StyleGAN2 differentiates.

    Parameters
    ----------
    logits : (n,) of `images` (n, c, y, x), which must require gradients.
    """
    return _squared_gradients(logits, images).mean()


def finite_difference_penalty(
    logits_of: Callable[[Tensor], Tensor], images: Tensor, direction: Tensor, group: int, step: float = DIFFERENCE_STEP
) -> Tensor:
    """Estimate `gradient_penalty` without a second derivative: along one random direction, by a central difference.

    For every group B of images that see each other through the minibatch deviation, T_B the sum of its logits and e ~ N(0, I):
    E[((T_B(x + s e) - T_B(x - s e)) / 2 s)^2] = sum over i in B of ||d T_B / d x_i||^2, up to terms of s^2. Logits of other
    groups do not depend on x_B, so the mean over groups, divided by their size, is `gradient_penalty` in expectation. Its
    relative standard deviation is sqrt(2 / groups) where gradients are alike. With `group` 1 it would be sqrt(2 / n), but of
    another quantity: mean over i and sum over j of ||d D_i / d x_j||^2, which counts what one image does to several logits
    as if it did it to each alone.

    The step must be large against rounding, which adds about (2^-24 |T| / s)^2 in float32, and small against the distance over
    which a network of leaky ReLUs bends. With 0.01, 64-px discriminators underestimate by 2 % untrained and by 4 % trained
    (with 0.1, by 23 %), and float32 differs from float64 by less than 0.1 %. In bfloat16 rounding is all there is: no autocast.

    Its gradient is noisier than its value by far: units whose sign differs between the two ends add to the variance in
    proportion to 1 / s (exact derivatives never see them). With 16 images and 0.01, one gradient's noise is some 100 times the
    gradient of `gradient_penalty` (0.1: 30 times; a derivative along the same directions: 3 times).

    Parameters
    ----------
    logits_of : (n, c, y, x) -> (n,) logits; called twice.
    images : (n, c, y, x); no gradient has to reach them.
    direction : (n, c, y, x) of independent N(0, 1).
    group : images per group of the minibatch deviation (all n where n is smaller): i, i + n / group ... are one group.
    """
    moved = step * direction
    change = wide(logits_of(images + moved)) - wide(logits_of(images - moved))
    size = min(group, len(change))
    slopes = change.reshape(size, -1).sum(dim=0) / (2 * step)
    return slopes.square().mean() / size


def interpolate(reals: Tensor, fakes: Tensor, share: Tensor) -> Tensor:
    """Images (n, c, y, x) between real and generated ones, without history, ready for `lipschitz_penalty`.

    Parameters
    ----------
    share : (n,) where between: 0 gives the real image, 1 the generated one; or of every pixel, as `reals`.
    """
    between = share if share.ndim == reals.ndim else share[:, None, None, None]
    return torch.lerp(reals.detach(), fakes.detach(), between.to(reals.dtype)).requires_grad_()


def lipschitz_penalty(logits: Tensor, interpolates: Tensor) -> Tensor:
    """Mean over images of max(0, ||d S / d x_i|| - 1), S the sum of the logits: only slopes of more than 1 cost.

    One-sided as the LP penalty of Petzka et al. 2018 (section 4). Theirs squares the excess; ours is linear in it, which is how
    the preprint's name "Lipschitz L1 penalty" reads.

    Parameters
    ----------
    logits : (n,) of `interpolates` (n, c, y, x), as `interpolate` makes them.
    """
    # Clamped below the root, not after it: the root's slope is infinite at zero, and infinite times zero is not a number.
    return (_squared_gradients(logits, interpolates).clamp_min(1.0).sqrt() - 1).mean()


def slope_penalty(logits: Tensor, interpolates: Tensor) -> Tensor:
    """Mean over images of (||d S / d x_i|| - 1)^2, S the sum of the logits (WGAN-GP; Gulrajani et al. 2017, equation 3).

    Slopes below a millionth have no gradient, since the root's own slope is infinite at zero.

    Parameters
    ----------
    logits : (n,) of `interpolates` (n, c, y, x), as `interpolate` makes them.
    """
    return (_squared_gradients(logits, interpolates).clamp_min(1e-12).sqrt() - 1).square().mean()


def contrastive_loss(projections: Tensor, temperature: float) -> Tensor:
    """How hard it is to find each image's partner among all other images of the batch (NT-Xent; Chen et al. 2020, equation 1).

    Mean over images of -log softmax of cosine similarity / temperature, at the partner; log(n - 1) where nothing is learned.

    Parameters
    ----------
    projections : (n, d) of n images, of which 2 i and 2 i + 1 belong together; n is even and at least 4.
    """
    z = F.normalize(wide(projections), dim=1)
    similarities = (z @ z.T / temperature).fill_diagonal_(-torch.inf)
    partner = torch.arange(len(z), device=z.device) ^ 1
    return F.cross_entropy(similarities, partner)


def path_lengths(images: Tensor, styles: Tensor, direction: Tensor) -> Tensor:
    """Length (n,) of J^T y, averaged over layers: how far an image moves along y when its styles move.

    Karras et al. 2020, section 3.2. A length of zero (an image that does not follow its styles at all) has a gradient of zero.

    Parameters
    ----------
    images : (n, c, y, x) synthesised from `styles` (n, layers, style_dim), which must require gradients.
    direction : (n, c, y, x) normal noise; divided by sqrt(y x), so that the length does not depend on the side.
    """
    weighted = (wide(images) * direction).sum() / math.sqrt(images.shape[2] * images.shape[3])
    (gradient,) = torch.autograd.grad(weighted, styles, create_graph=True)
    squares = wide(gradient).square().sum(dim=2).mean(dim=1)
    positive = squares > 0
    return torch.where(positive, torch.where(positive, squares, 1.0).sqrt(), 0.0)


def path_length_penalty(lengths: Tensor, mean: Tensor) -> Tensor:
    """Mean (length - a)^2 (Karras et al. 2020, section 3.2).

    Parameters
    ----------
    lengths : (n,) from `path_lengths`.
    mean : () a, the running mean of lengths, the whole of this batch included; no gradient reaches it.
    """
    return (lengths - mean.detach()).square().mean()


def _squared_gradients(logits: Tensor, images: Tensor) -> Tensor:
    """||d sum(logits) / d x_i||^2 (n,), which can be differentiated again."""
    (gradient,) = torch.autograd.grad(wide(logits).sum(), images, create_graph=True)
    return wide(gradient).square().sum(dim=(1, 2, 3))


def _difference(of: Tensor, against: Tensor | None) -> Tensor:
    """Logits (n,) of one kind less those of the other, image by image."""
    if against is None or against.shape != of.shape:
        given = "none" if against is None else f"{tuple(against.shape)} against {tuple(of.shape)}"
        raise ValueError(f"the relativistic loss needs logits of as many real as generated images, not {given}")
    return of - wide(against)
