"""Batch normalisation whose statistics are of groups of a fixed size: takes features, makes normalised ones.

Plain batch statistics (Ioffe & Szegedy 2015) depend on how many images are computed at a time. Here the images of a group share
them (positions i, i + n/g, i + 2 n/g ... of n in groups of g, as `Ranks.deal` lays them out), so that any number of microbatches
and of ranks makes the same step; and the running statistics move once per step, by the mean over all groups of the batch.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gandl.models.compute.ranks import ALONE, Ranks

EPSILON = 1e-5


class GroupedBatchNorm(nn.Module):
    """Normalises each feature by the mean and the variance of its group; in evaluation mode by their running means.

    Parameters
    ----------
    features : number of them.
    group : images that share statistics.
    momentum : step of the running means.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, features: int, group: int, momentum: float) -> None:
        super().__init__()
        self.group, self.momentum = group, momentum
        self.weight, self.bias = nn.Parameter(torch.ones(features)), nn.Parameter(torch.zeros(features))
        self.register_buffer("running_mean", torch.zeros(features))
        self.register_buffer("running_var", torch.ones(features))
        self.seen: list[tuple[Tensor, Tensor]] = []
        """Mean and variance (unbiased) of groups since the last `settle`, (features,) each."""

    def forward(self, x: Tensor) -> Tensor:
        """(n, features) or (n, features, y, x) -> the same; while training n is a multiple of the group."""
        if not self.training:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, EPSILON)
        size = min(self.group, len(x))
        groups, features = len(x) // size, x.shape[1]
        side_by_side = x if groups == 1 else x.reshape(size, groups * features, *x.shape[2:])
        mean = torch.zeros(groups * features, device=x.device, dtype=self.running_mean.dtype)
        variance = torch.zeros_like(mean)
        weight, bias = (
            (self.weight, self.bias) if groups == 1 else (self.weight.repeat(groups), self.bias.repeat(groups))
        )
        # A step of 1 leaves the statistics of this pass in the two tensors.
        normal = F.batch_norm(side_by_side, mean, variance, weight, bias, True, 1.0, EPSILON)
        self.seen += zip(mean.split(features), variance.split(features), strict=True)
        return normal.reshape(x.shape)


@torch.no_grad()
def settle(network: nn.Module, ranks: Ranks = ALONE) -> None:
    """Move the running means of a network by what its groups were since the last call, of all ranks."""
    layers = [layer for layer in network.modules() if isinstance(layer, GroupedBatchNorm) and layer.seen]
    if not layers:
        return
    running = [tensor for layer in layers for tensor in (layer.running_mean, layer.running_var)]
    found = [torch.stack(of_groups).mean(dim=0) for layer in layers for of_groups in zip(*layer.seen, strict=True)]
    ranks.average_(found)
    torch._foreach_lerp_(running, found, layers[0].momentum)
    for layer in layers:
        layer.seen.clear()
