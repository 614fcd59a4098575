"""The losses of CytoGAN's families: takes scores, crops, means and variances, makes numbers to minimise.

All but `balanced` are means over the crops given, so that the parts of a batch may be computed one by one and averaged.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from gandl.models.compute.device import wide


def cross_entropy(logits: Tensor, labels: Tensor | float) -> Tensor:
    """-y log s - (1 - y) log(1 - s), s the sigmoid of logits (n,), y labels (n,) or one for all; the mean (DCGAN, BiGAN)."""
    logits = wide(logits)
    return F.binary_cross_entropy_with_logits(logits, logits.new_zeros(logits.shape) + labels)


def least_squares(scores: Tensor, labels: Tensor | float) -> Tensor:
    """(score - label)^2 of scores (n,); the mean (LSGAN; Mao et al. 2017, equation 2, whose halves are left out)."""
    return (wide(scores) - labels).square().mean()


def absolute_error(made: Tensor, wanted: Tensor) -> Tensor:
    """|made - wanted| of images (n, c, y, x); the mean over pixels and images (BEGAN's L, eta 1)."""
    return (wide(made) - wide(wanted)).abs().mean()


def squared_error(made: Tensor, wanted: Tensor) -> Tensor:
    """Sum over pixels of (made - wanted)^2 of images (n, c, y, x); the mean over images."""
    return (wide(made) - wide(wanted)).square().flatten(1).sum(dim=1).mean()


def divergence_from_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL divergence of N(mean, variance) from N(0, 1), summed over the latent vector; the mean over images.

    -1/2 sum(1 + log s^2 - m^2 - s^2) (Kingma & Welling 2014, appendix B).

    Parameters
    ----------
    mean, log_variance : (n, d).
    """
    mean, log_variance = wide(mean), wide(log_variance)
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(dim=1).mean()


def balanced(balance: Tensor, real_error: Tensor, fake_error: Tensor, gamma: float, rate: float) -> Tensor:
    """BEGAN's k after a step: k + rate (gamma L(real) - L(fake)), within 0 and 1 (Berthelot et al. 2017, section 3.4)."""
    return (balance + rate * (gamma * real_error - fake_error)).clamp(0, 1)


def convergence(real_error: Tensor, fake_error: Tensor, gamma: float) -> Tensor:
    """BEGAN's measure of convergence, L(real) + |gamma L(real) - L(fake)| (section 3.4.1): lower is better."""
    return real_error + (gamma * real_error - fake_error).abs()
