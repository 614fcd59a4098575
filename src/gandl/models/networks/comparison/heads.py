"""Heads of what learns without labels and without a decoder: takes codes, makes projections, predictions and DINO's outputs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gandl.models.networks.batch_norm import GroupedBatchNorm
from gandl.models.networks.comparison.tiles import TileEncoder

MOMENTUM = 0.1
"""Step of running statistics, by which nothing is embedded."""


class Projector(nn.Sequential):
    """BYOL's projector and predictor: linear, batch normalisation, ReLU, linear (Grill et al. 2020, section 3.2).

    Parameters
    ----------
    group : tiles whose batch statistics are computed together.
    """

    def __init__(self, inputs: int, hidden: int, outputs: int, group: int) -> None:
        super().__init__(
            nn.Linear(inputs, hidden), GroupedBatchNorm(hidden, group, MOMENTUM), nn.ReLU(), nn.Linear(hidden, outputs)
        )


class DinoHead(nn.Module):
    """Two linear layers, a vector of length 1, and its cosines with one direction per output (Caron et al. 2021).

    The hidden layer is normalised by the batch, as DINO's can be for convolutional networks: the codes of this encoder, which
    has no normalisation, are mostly what all tiles share, and without it the outputs became uniform within 32 steps.

    Parameters
    ----------
    group : tiles whose batch statistics are computed together.
    """

    def __init__(self, inputs: int, hidden: int, bottleneck: int, outputs: int, group: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(inputs, hidden), nn.Linear(hidden, bottleneck)
        self.norm = GroupedBatchNorm(hidden, group, MOMENTUM)
        self.directions = nn.Linear(bottleneck, outputs, bias=False)

    def forward(self, codes: Tensor) -> Tensor:
        """(n, inputs) -> (n, outputs) in [-1, 1]."""
        narrow = F.normalize(self.second(F.gelu(self.norm(self.first(codes)))), dim=1)
        return F.linear(narrow, F.normalize(self.directions.weight, dim=1))


class HeadedEncoder(nn.Module):
    """An encoder and a head on its flattened code, which are averaged together."""

    def __init__(self, encoder: TileEncoder, head: nn.Module) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head

    def forward(self, tiles: Tensor, crops: int = 1) -> tuple[Tensor, Tensor]:
        """(n, c, y, x) as the encoder sees them -> codes (n, code_dim) and what the head makes of them.

        Parameters
        ----------
        crops : how many of each tile, one of all after the other; the head normalises each of them by itself.
        """
        codes = self.encoder(tiles).flatten(1)
        return codes, torch.cat([self.head(of_crop) for of_crop in codes.chunk(crops)])


def normalized_distance(predicted: Tensor, target: Tensor) -> Tensor:
    """2 - 2 cos of vectors (n, d): (n,), the squared distance of the two directions (Grill et al. 2020, equation 2)."""
    return 2 - 2 * F.cosine_similarity(predicted, target, dim=1)


def cross_entropy_of_views(student: Tensor, teacher: Tensor, centre: Tensor, sharp: float, soft: float) -> Tensor:
    """DINO's loss (): mean of -sum p_teacher log p_student over all pairs of different views (Caron et al. 2021, equation 3).

    Parameters
    ----------
    student : (v, n, k) outputs for all views. teacher : (u, n, k) for the first u of them.
    centre : (k,) that is taken from the teacher's. sharp, soft : temperatures of teacher and student.
    """
    wanted = ((teacher - centre) / sharp).softmax(dim=2)
    found = (student / soft).log_softmax(dim=2)
    pairs = -torch.einsum("unk,vnk->uv", wanted, found) / student.shape[1]
    different = torch.ones_like(pairs).fill_diagonal_(0)
    return (pairs * different).sum() / different.sum()
