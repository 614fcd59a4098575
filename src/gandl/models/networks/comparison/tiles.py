"""The networks of Dmitrenko et al. (2022): takes tiles (n, channels, y, x) of [0, 1], makes codes; decoder and heads take codes.

For tiles of 64 px and one channel the encoder has 24,888 parameters and makes 2048 numbers, the decoder has 58,337, the head for
two classes 525,058, as published (`facts/profiling.md`, section 1.2). No layer mixes the tiles of a batch. Weights start as
PyTorch draws them, as in the paper: with weights that keep a signal's variance the classifier learned later
(`RepresentationRecipe`).
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gandl.config.representations import TileNetworkSettings

MAPS = (64, 32, 16, 8)
"""Feature maps of the encoder's convolutions; behind the first two the sides are halved."""
MAPS_BACK = (32, 64, 64)
"""Of the decoder's, before the last; behind the first two the sides are doubled."""
HALVINGS = 2
SLOPE = 0.01
"""Of the leaky ReLU in the classifier's head; the published code has 1, by a mistake, so that two linear layers are one."""


class TileEncoder(nn.Module):
    """Four 3 x 3 convolutions, ReLU and pooling between them, the last one linear.

    Attributes
    ----------
    code_dim : numbers in the code of a tile.
    """

    def __init__(self, settings: TileNetworkSettings, channels: int) -> None:
        super().__init__()
        sizes = [channels, *MAPS]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1) for before, after in zip(sizes, MAPS, strict=False)
        )
        self.code_dim = MAPS[-1] * (settings.crop >> HALVINGS) ** 2

    def forward(self, tiles: Tensor) -> Tensor:
        """(n, channels, y, x) -> code maps (n, 8, y / 4, x / 4)."""
        x = tiles
        for number, convolution in enumerate(self.convolutions):
            x = convolution(x)
            if number < len(MAPS) - 1:
                # A maximum commutes with ReLU, which then takes a quarter of the pixels.
                x = F.relu(F.max_pool2d(x, 2) if number < HALVINGS else x)
        return x


class TileDecoder(nn.Module):
    """Four transposed 3 x 3 convolutions, the sides doubled (nearest neighbours) behind the first two."""

    def __init__(self, settings: TileNetworkSettings, channels: int) -> None:
        super().__init__()
        sizes = [MAPS[-1], *MAPS_BACK, channels]
        self.convolutions = nn.ModuleList(
            nn.ConvTranspose2d(before, after, 3, padding=1) for before, after in pairwise(sizes)
        )

    def forward(self, codes: Tensor) -> Tensor:
        """Code maps (n, 8, y, x) -> logits of pixels (n, channels, 4 y, 4 x); their sigmoid is the image."""
        x = codes
        for number, convolution in enumerate(self.convolutions):
            behind_doubling = 1 <= number <= HALVINGS
            x = doubled_convolution(x, *convolution.parameters()) if behind_doubling else convolution(x)
            x = x if number == len(MAPS_BACK) else F.relu(x)
        return x


class TileHead(nn.Module):
    """The classifier: two linear layers on the flattened code.

    Parameters
    ----------
    linear : the slope of the leaky ReLU between them is 1 (switch `linear_head`).
    double_softmax : scores are a softmax, of which cross-entropy takes the softmax again (switch `double_softmax`).
    """

    def __init__(
        self,
        settings: TileNetworkSettings,
        code_dim: int,
        classes: int,
        linear: bool = False,
        double_softmax: bool = False,
    ) -> None:
        super().__init__()
        self.hidden = nn.Linear(code_dim, settings.hidden)
        self.scores = nn.Linear(settings.hidden, classes)
        self.slope, self.double_softmax = 1.0 if linear else SLOPE, double_softmax

    def forward(self, codes: Tensor) -> Tensor:
        """Code maps (n, 8, y, x) or codes (n, code_dim) -> (n, classes), what cross-entropy is taken of."""
        scores = self.scores(F.leaky_relu(self.hidden(codes.flatten(1)), self.slope))
        return scores.softmax(dim=1) if self.double_softmax else scores


def doubled_convolution(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Nearest-neighbour doubling and then a transposed 3 x 3 convolution, as one transposed convolution of stride 2.

    Doubling is a transposed convolution with a 2 x 2 kernel of ones; the two kernels, convolved, are 4 x 4. It takes 4/9 of the
    operations, and gives the same up to rounding.

    Parameters
    ----------
    x : (n, inputs, y, x). weight : (inputs, outputs, 3, 3), as `nn.ConvTranspose2d` holds it.

    Returns
    -------
    (n, outputs, 2 y, 2 x).
    """
    shifted = [F.pad(weight, (left, 1 - left, top, 1 - top)) for top in (0, 1) for left in (0, 1)]
    return F.conv_transpose2d(x, torch.stack(shifted).sum(dim=0), bias, stride=2, padding=1)
