"""3x3 convolutions with half the multiplications: takes maps and weights, makes what PyTorch's convolutions of padding 1 make.

Four rows of the output need six rows of the input. Winograd's F(4, 3) along y (Lavin & Gray 2016, section 4.2) mixes these six
into six others, convolves each of those with a 1x3 kernel that mixes the weight's rows, and mixes the results into the four:
6 x 3 multiplications where 4 x 9 were. Along x nothing changes, so that every mixing is a sum of whole rows. It pays where
channels are many: additions grow with their number, multiplications with its square.

These are plain computations; `gandl.models.convolution` differentiates them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

FROM_INPUT = (
    (-0.8, 0.0, 1.0, 0.0, -0.2, 0.0),
    (0.0, -4.0, -4.0, 1.0, 1.0, 0.0),
    (0.0, 4.0, -4.0, -1.0, 1.0, 0.0),
    (0.0, -2.0, -1.0, 2.0, 1.0, 0.0),
    (0.0, 2.0, -1.0, -2.0, 1.0, 0.0),
    (0.0, 1.0, 0.0, -1.25, 0.0, 0.25),
)
"""B of the paper, transposed. Rows: what is convolved; columns: rows 4 t - 1 to 4 t + 4 of the input."""
FROM_WEIGHT = (
    (-5 / 4, 0.0, 0.0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0.0, 0.0, 4.0),
)
"""G of the paper. Columns: rows of the weight. Its first and last row are scaled, and those of B unscaled, so that every sum of
rows has a term of factor 1."""
TO_OUTPUT = (
    (1.0, 1.0, 1.0, 1.0, 1.0, 0.0),
    (0.0, 1.0, -1.0, 2.0, -2.0, 0.0),
    (0.0, 1.0, 1.0, 4.0, 4.0, 0.0),
    (0.0, 1.0, -1.0, 8.0, -8.0, 1.0),
)
"""A of the paper, transposed. Rows: rows 4 t to 4 t + 3 of the output."""
CHANNELS, ROWS = 32, 16
"""From so many channels and rows on it is faster (two cores of an AMD EPYC 9004)."""
Planes = Sequence[Tensor]
"""Six tensors (n, c, t, x), channels last: t groups of four rows each, mixed."""


def pays(x: Tensor, weight: Tensor) -> bool:
    """Whether a convolution of padding 1 is faster this way (and whether it can be done)."""
    rows = x.shape[2]
    return weight.shape[2:] == (3, 3) and min(weight.shape[:2]) >= CHANNELS and rows >= ROWS and rows % 4 == 0


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> tuple[Tensor, Planes]:
    """(n, i, 4 t, x), (o, i, 3, 3) -> (n, o, 4 t, x); and the planes of x, which serve the gradient of the weight."""
    planes, kernels = split(x), _kernels(weight)
    y = join([F.conv2d(plane, kernel, padding=(0, 1)) for plane, kernel in zip(planes, kernels, strict=True)])
    return y if bias is None else y.add_(bias[:, None, None]), planes


def input_gradient(rows: Planes, weight: Tensor) -> Tensor:
    """The gradient of x, from `spread` of that of y."""
    kernels = _kernels(weight)
    return gather([F.conv_transpose2d(row, kernel, padding=(0, 1)) for row, kernel in zip(rows, kernels, strict=True)])


def weight_gradient(planes: Planes, rows: Planes) -> Tensor:
    """The gradient of the weight, (o, i, 3, 3), from `split` of x and `spread` of the gradient of y."""
    inputs, outputs = planes[0].shape[1], rows[0].shape[1]
    like, only_weight = rows[0].new_empty(outputs, inputs, 1, 3), [False, True, False]
    gradients = [
        torch.ops.aten.convolution_backward(
            row, plane, like, [0], [1, 1], [0, 1], [1, 1], False, [0, 0], 1, only_weight
        )[1].flatten()
        for row, plane in zip(rows, planes, strict=True)
    ]
    mixed = like.new_tensor(FROM_WEIGHT).T @ torch.stack(gradients)
    return mixed.view(3, outputs, inputs, 3).permute(1, 2, 0, 3)


def _kernels(weight: Tensor) -> Planes:
    """(o, i, 3, 3) -> six (o, i, 1, 3), channels last."""
    outputs, inputs = weight.shape[:2]
    rows = weight.permute(2, 0, 3, 1).reshape(3, -1)
    kernels = rows.new_tensor(FROM_WEIGHT) @ rows
    return kernels.view(6, outputs, 1, 3, inputs).permute(0, 1, 4, 2, 3).unbind()


def split(x: Tensor) -> Planes:
    """(n, c, 4 t, x) -> six (n, c, t, x): B's transpose times the rows; zeros lie around the image."""
    planes = _room(x)
    _mix(_SPLIT, [x[:, :, i::4] for i in range(4)], planes)
    planes[0][:, :, 1:].add_(x[:, :, 3:-1:4], alpha=FROM_INPUT[0][0])
    planes[5][:, :, :-1].add_(x[:, :, 4::4], alpha=FROM_INPUT[5][5])
    return planes


def gather(planes: Planes) -> Tensor:
    """The transpose of `split`: six (n, c, t, x) -> (n, c, 4 t, x)."""
    x = _maps(planes)
    _mix(_GATHER, planes, [x[:, :, i::4] for i in range(4)])
    x[:, :, 3:-1:4].add_(planes[0][:, :, 1:], alpha=FROM_INPUT[0][0])
    x[:, :, 4::4].add_(planes[5][:, :, :-1], alpha=FROM_INPUT[5][5])
    return x


def join(planes: Planes) -> Tensor:
    """Six (n, c, t, x) -> (n, c, 4 t, x): A's transpose times the planes."""
    y = _maps(planes)
    _mix(_JOIN, planes, [y[:, :, i::4] for i in range(4)])
    return y


def spread(g: Tensor) -> Planes:
    """The transpose of `join`: (n, c, 4 t, x) -> six (n, c, t, x)."""
    planes = _room(g)
    _mix(_SPREAD, [g[:, :, i::4] for i in range(4)], planes)
    return planes


def _room(x: Tensor) -> Planes:
    n, channels, height, width = x.shape
    return x.new_empty(6, n, height // 4, width, channels).permute(0, 1, 4, 2, 3).unbind()


def _maps(planes: Planes) -> Tensor:
    n, channels, quarter, width = planes[0].shape
    return torch.empty(n, channels, 4 * quarter, width, dtype=planes[0].dtype, memory_format=torch.channels_last)


Sums = Sequence[Sequence[tuple[int, float]]]
"""For every sum: the number and the factor of each of its terms; the first factor is 1."""


def _sums(matrix: Iterable[Sequence[float]]) -> Sums:
    return [sorted(((j, f) for j, f in enumerate(row) if f), key=lambda term: term[1] != 1) for row in matrix]


_SPLIT = _sums(row[1:5] for row in FROM_INPUT)
_GATHER = _sums(list(zip(*FROM_INPUT, strict=True))[1:5])
_JOIN = _sums(TO_OUTPUT)
_SPREAD = _sums(zip(*TO_OUTPUT, strict=True))


def _mix(sums: Sums, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    """outputs[i] = sum i of the inputs."""
    for ((first, _), *others), out in zip(sums, outputs, strict=True):
        total = inputs[first]
        if not others:
            out.copy_(total)
        for j, factor in others:
            total = torch.add(total, inputs[j], alpha=factor, out=out)
