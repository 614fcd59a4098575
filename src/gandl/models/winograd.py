"""3x3 convolutions with half the multiplications: takes maps and a 3x3 weight, makes conv2d(x, weight, padding=1).

Four rows of the output need six rows of the input. Winograd's F(4, 3) along y (Lavin & Gray 2016, section 4.2) mixes these six into
six others, convolves each of those with a 1x3 kernel that mixes the weight's rows, and mixes the results into the four: 6 x 3
multiplications where 4 x 9 were. Along x nothing changes, so that every mixing is a sum of whole rows. Both mixings are
linear: each one's gradient is its transpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from gandl.models.convolution import convolve

FROM_INPUT = (
    (-0.8, 0.0, 1.0, 0.0, -0.2, 0.0),
    (0.0, -4.0, -4.0, 1.0, 1.0, 0.0),
    (0.0, 4.0, -4.0, -1.0, 1.0, 0.0),
    (0.0, -2.0, -1.0, 2.0, 1.0, 0.0),
    (0.0, 2.0, -1.0, -2.0, 1.0, 0.0),
    (0.0, 1.0, 0.0, -1.25, 0.0, 0.25),
)
"""Rows: what is convolved; columns: rows 4 t - 1 to 4 t + 4 of the input."""
FROM_WEIGHT = (
    (-5 / 4, 0.0, 0.0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0.0, 0.0, 4.0),
)
TO_OUTPUT = (
    (1.0, 1.0, 1.0, 1.0, 1.0, 0.0),
    (0.0, 1.0, -1.0, 2.0, -2.0, 0.0),
    (0.0, 1.0, 1.0, 4.0, 4.0, 0.0),
    (0.0, 1.0, -1.0, 8.0, -8.0, 1.0),
)
"""Rows: rows 4 t to 4 t + 3 of the output. The three tables are Lavin & Gray's, but for the scale of the first and last row, which
gives every sum below a term of factor 1."""


def convolve_3x3(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """(n, i, y, x) with y a multiple of 4, (o, i, 3, 3) -> (n, o, y, x)."""
    outputs, inputs = weight.shape[:2]
    rows = weight.permute(2, 0, 3, 1).reshape(3, -1)
    mixed = (rows.new_tensor(FROM_WEIGHT) @ rows).view(6, outputs, 1, 3, inputs).permute(0, 1, 4, 2, 3)
    planes = _Split.apply(x)
    convolved = [convolve(plane, kernel, padding=(0, 1)) for plane, kernel in zip(planes, mixed.unbind(), strict=True)]
    y = _Join.apply(*convolved)
    return y if bias is None else y.add_(bias[:, None, None])


class _Split(Function):
    """(n, c, 4 t, x) -> six (n, c, t, x)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, ...]:
        n, channels, height, width = x.shape
        planes = x.new_empty(6, n, height // 4, width, channels).permute(0, 1, 4, 2, 3).unbind()
        _mix([row[1:5] for row in FROM_INPUT], [x[:, :, i::4] for i in range(4)], planes)
        planes[0][:, :, 1:].add_(x[:, :, 3:-1:4], alpha=FROM_INPUT[0][0])
        planes[5][:, :, :-1].add_(x[:, :, 4::4], alpha=FROM_INPUT[5][5])
        return planes

    @staticmethod
    def backward(ctx: Any, *g: Tensor) -> Tensor:
        return _SplitTransposed.apply(*g)


class _SplitTransposed(Function):
    """Six (n, c, t, x) -> (n, c, 4 t, x)."""

    @staticmethod
    def forward(ctx: Any, *g: Tensor) -> Tensor:
        x = _interleaved(g[0])
        _mix(list(zip(*FROM_INPUT, strict=True))[1:5], g, [x[:, :, i::4] for i in range(4)])
        x[:, :, 3:-1:4].add_(g[0][:, :, 1:], alpha=FROM_INPUT[0][0])
        x[:, :, 4::4].add_(g[5][:, :, :-1], alpha=FROM_INPUT[5][5])
        return x

    @staticmethod
    def backward(ctx: Any, h: Tensor) -> tuple[Tensor, ...]:
        return _Split.apply(h)


class _Join(Function):
    """Six (n, c, t, x) -> (n, c, 4 t, x)."""

    @staticmethod
    def forward(ctx: Any, *planes: Tensor) -> Tensor:
        y = _interleaved(planes[0])
        _mix(TO_OUTPUT, planes, [y[:, :, i::4] for i in range(4)])
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, ...]:
        return _JoinTransposed.apply(g)


class _JoinTransposed(Function):
    """(n, c, 4 t, x) -> six (n, c, t, x)."""

    @staticmethod
    def forward(ctx: Any, g: Tensor) -> tuple[Tensor, ...]:
        n, channels, height, width = g.shape
        planes = g.new_empty(6, n, height // 4, width, channels).permute(0, 1, 4, 2, 3).unbind()
        _mix(list(zip(*TO_OUTPUT, strict=True)), [g[:, :, i::4] for i in range(4)], planes)
        return planes

    @staticmethod
    def backward(ctx: Any, *h: Tensor) -> Tensor:
        return _Join.apply(*h)


def _interleaved(plane: Tensor) -> Tensor:
    """Room for maps of four times the rows, channels last."""
    n, channels, quarter, width = plane.shape
    like = {"dtype": plane.dtype, "device": plane.device, "memory_format": torch.channels_last}
    return torch.empty(n, channels, 4 * quarter, width, **like)


def _mix(matrix: Sequence[Sequence[float]], inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    """outputs[i] = sum over j of matrix[i][j] inputs[j]; every row has a 1, which is where its sum begins."""
    for row, out in zip(matrix, outputs, strict=True):
        (_, first), *terms = sorted(
            ((factor, x) for factor, x in zip(row, inputs, strict=True) if factor), key=lambda term: term[0] != 1
        )
        if not terms:
            out.copy_(first)
        for factor, x in terms:
            first = torch.add(first, x, alpha=factor, out=out)
