"""ArcFace (Deng et al. 2019): takes cosines between embeddings and classes, makes logits with an angular margin."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

LEAST_SINE = 1e-6
"""The derivative of an angle by its cosine is infinite at 0 and at pi."""


def arcface_logits(cosines: Tensor, labels: Tensor, scale: float, margin: float) -> Tensor:
    """Logits s cos(theta) of all classes, and s cos(theta + m) of the right one (Deng et al. 2019, equation 3).

    Where theta + m would exceed pi, the cosine would rise again; there it is s (cos(theta) - m sin(m)), as in the authors' code,
    so that a larger angle is a smaller logit everywhere.

    Parameters
    ----------
    cosines : (n, classes). labels : (n,) classes. scale, margin : s, and m in radians.
    """
    right = cosines.gather(1, labels[:, None])
    sine = (1 - right.square()).clamp(min=LEAST_SINE**2).sqrt()
    further = right * math.cos(margin) - sine * math.sin(margin)
    beyond = right - margin * math.sin(margin)
    moved = torch.where(right > math.cos(math.pi - margin), further, beyond)
    return scale * cosines.scatter(1, labels[:, None], moved)


def arcface_loss(cosines: Tensor, labels: Tensor, scale: float, margin: float) -> Tensor:
    """Mean cross-entropy () of `arcface_logits`."""
    return F.cross_entropy(arcface_logits(cosines, labels, scale, margin), labels)
