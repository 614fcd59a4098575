"""Convolutions that are quick to differentiate twice: takes maps and a weight, makes maps.

`convolve` and `convolve_transposed` are torch's conv2d and conv_transpose2d. PyTorch differentiates those a second time (as R1
and the path-length penalty do) by convolutions of one channel each: all of them on a CPU, depthwise ones on a GPU. Here the
derivatives are written out: with y = x * w, the gradient of x is a transposed convolution, that of w a correlation
of x and y's gradient, and each of the three is linear in each of its two arguments, with the other two for gradients. So three
functions are closed under differentiation, to any order.

That takes a little more of Python's time, so it is done within `quick_second_derivatives` only, for the penalties; and never
under autocast, which they do without.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable


def convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: int = 1,
    padding: int = 0,
    groups: int = 1,
) -> Tensor:
    """(n, i, y, x), (o, i / groups, k, k) -> (n, o, (y + 2 padding - k) // stride + 1, ...), as conv2d."""
    if not _written_out(x):
        return F.conv2d(x, weight, bias, stride, padding, groups=groups)
    return _Convolution.apply(x, weight, bias, stride, padding, groups)


def convolve_transposed(x: Tensor, weight: Tensor, *, stride: int, padding: int = 0, groups: int = 1) -> Tensor:
    """(n, o, y, x), (o, i / groups, k, k) -> (n, i, (y - 1) stride - 2 padding + k, ...), as conv_transpose2d."""
    if not _written_out(x):
        return F.conv_transpose2d(x, weight, stride=stride, padding=padding, groups=groups)
    sides = tuple((side - 1) * stride - 2 * padding + weight.shape[2] for side in x.shape[2:])
    return _Transposed.apply(x, weight, stride, padding, groups, sides)


def halve(x: Tensor, kernel: Tensor) -> Tensor:
    """(n, c, 2 y, 2 x) -> (n, c, y, x): blur with [1, 3, 3, 1] along both sides, and take every second pixel.

    To be differentiated once. A strided depthwise convolution, whose derivative is bilinear enlargement, but for its border,
    where zeros lie around the image and enlargement repeats the last pixel. For bfloat16 on a CPU; no gradient reaches the
    kernel.

    Parameters
    ----------
    kernel : (c, 1, 4, 4), outer product of [1, 3, 3, 1] / 8 with itself.
    """
    return _Halve.apply(x, kernel)


@contextmanager
def quick_second_derivatives() -> Iterator[None]:
    """What is convolved in the block is quick to differentiate twice; elsewhere it is quicker to differentiate once."""
    _twice.append(True)
    try:
        yield
    finally:
        _twice.pop()


_twice: list[bool] = []


def _written_out(x: Tensor) -> bool:
    return bool(_twice) and not torch.is_autocast_enabled(x.device.type)


class _Convolution(Function):
    """y = x * w + b."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, b: Tensor | None, stride: int, padding: int, groups: int) -> Tensor:
        ctx.save_for_backward(x, w)
        ctx.how = stride, padding, groups
        return F.conv2d(x, w, b, stride, padding, groups=groups)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        x, w = ctx.saved_tensors
        gx = _Transposed.apply(g, w, *ctx.how, tuple(x.shape[2:])) if _wanted(ctx, 0) else None
        gw = _WeightGradient.apply(x, g, *ctx.how, w.shape[2]) if _wanted(ctx, 1) else None
        gb = g.sum(dim=(0, 2, 3)) if _wanted(ctx, 2) else None
        return gx, gw, gb, None, None, None


class _Transposed(Function):
    """The gradient of x (sides (y, x)), from y's gradient and w."""

    @staticmethod
    def forward(
        ctx: Any, g: Tensor, w: Tensor, stride: int, padding: int, groups: int, sides: tuple[int, int]
    ) -> Tensor:
        ctx.save_for_backward(g, w)
        ctx.how = stride, padding, groups
        missed = [
            side + 2 * padding - w.shape[2] - (out - 1) * stride for side, out in zip(sides, g.shape[2:], strict=True)
        ]
        return F.conv_transpose2d(g, w, None, stride, padding, missed, groups)

    @staticmethod
    def backward(ctx: Any, h: Tensor) -> tuple[Tensor | None, ...]:
        g, w = ctx.saved_tensors
        hg = _Convolution.apply(h, w, None, *ctx.how) if _wanted(ctx, 0) else None
        hw = _WeightGradient.apply(h, g, *ctx.how, w.shape[2]) if _wanted(ctx, 1) else None
        return hg, hw, None, None, None, None


class _WeightGradient(Function):
    """The gradient of w (k x k), from x and y's gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, g: Tensor, stride: int, padding: int, groups: int, kernel: int) -> Tensor:
        ctx.save_for_backward(x, g)
        ctx.how = stride, padding, groups
        like = g.new_empty(g.shape[1], x.shape[1] // groups, kernel, kernel)
        only_weight = [False, True, False]
        return torch.ops.aten.convolution_backward(
            g, x, like, [0], [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], groups, only_weight
        )[1]

    @staticmethod
    def backward(ctx: Any, h: Tensor) -> tuple[Tensor | None, ...]:
        x, g = ctx.saved_tensors
        hx = _Transposed.apply(g, h, *ctx.how, tuple(x.shape[2:])) if _wanted(ctx, 0) else None
        hg = _Convolution.apply(x, h, None, *ctx.how) if _wanted(ctx, 1) else None
        return hx, hg, None, None, None, None


class _Halve(Function):
    """y = x * blur, every second pixel."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor) -> Tensor:
        return F.conv2d(x, kernel, stride=2, padding=1, groups=x.shape[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None]:
        gx = F.interpolate(g, scale_factor=2, mode="bilinear", align_corners=False)
        return gx.mul_(_quarter(gx.shape[2], gx.shape[3], gx.dtype)), None


@lru_cache(maxsize=32)
def _quarter(height: int, width: int, dtype: torch.dtype) -> Tensor:
    """What turns bilinear enlargement by 2 into `halve`'s derivative: a quarter, and three quarters of it along the border."""
    with torch.inference_mode(False):  # kept tensors must serve training, too
        along = [torch.ones(side) for side in (height, width)]
        for line in along:
            line[0] = line[-1] = 0.75
        return (torch.outer(*along) / 4).to(dtype)


def _wanted(ctx: Any, i: int) -> bool:
    """Whether this backward pass continues through input i.

    `ctx.needs_input_grad` says only that some pass could: then R1, which needs the gradient of images, would pay for those of
    weights. (A leaf is always served: the engine does not say whether it is requested.)
    """
    if not ctx.needs_input_grad[i]:
        return False
    node = ctx.next_functions[i][0]
    return "AccumulateGrad" in node.name() or torch._C._will_engine_execute_node(node)
