"""Layers against their definitions: naive loops in float64, and scipy's resampling."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.signal import convolve2d, correlate2d, upfirdn

from gandl.models.networks.layers import (
    Blur,
    EqualConv2d,
    EqualLinear,
    MinibatchDeviation,
    ModulatedConv2d,
    StyledConv,
    Upsample,
    _between,
    _shifted_sums,
    feature_maps,
)

FIR = np.array([1.0, 3.0, 3.0, 1.0])
PLANE = np.outer(FIR, FIR) / 64


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def styled_weights(layer: ModulatedConv2d, w: torch.Tensor, demodulate: bool) -> np.ndarray:
    """(n, o, i, k, k): the weights of every image as the paper writes them."""
    style = (w.numpy() @ layer.affine.weight.detach().numpy().T) / np.sqrt(
        w.shape[1]
    ) + layer.affine.bias.detach().numpy()
    weight = layer.weight.detach().numpy()
    scaled = weight / np.sqrt(np.prod(weight.shape[1:])) * style[:, None, :, None, None]
    if demodulate:
        scaled = scaled / np.sqrt((scaled**2).sum(axis=(2, 3, 4), keepdims=True) + 1e-8)
    return scaled


@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize("kernel", [1, 3])
def test_modulated_convolution_is_each_images_own_convolution(kernel: int, demodulate: bool) -> None:
    torch.manual_seed(0)
    layer = ModulatedConv2d(5, 4, kernel, 6, demodulate=demodulate).double()
    x, w = normal(3, 5, 8, 8), normal(3, 6, seed=1)
    y, demodulation = layer(x, w)
    ours = (y if demodulation is None else y * demodulation[:, :, None, None]).detach().numpy()
    for image, weight, got in zip(x.numpy(), styled_weights(layer, w, demodulate), ours, strict=True):
        expected = [sum(correlate2d(image[i], kernels[i], "same") for i in range(5)) for kernels in weight]
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12)


def test_modulated_upsampling_is_zeros_between_pixels_then_convolution_then_the_filter() -> None:
    torch.manual_seed(0)
    layer = ModulatedConv2d(3, 2, 3, 6, up=True).double()
    x, w = normal(2, 3, 4, 4), normal(2, 6, seed=1)
    y, demodulation = layer(x, w)
    assert demodulation is not None
    ours = (y * demodulation[:, :, None, None]).detach().numpy()
    for image, weight, got in zip(x.numpy(), styled_weights(layer, w, True), ours, strict=True):
        sparse = np.zeros((3, 7, 7))
        sparse[:, ::2, ::2] = image
        full = [sum(convolve2d(sparse[i], kernels[i], "full") for i in range(3)) for kernels in weight]
        expected = [convolve2d(plane, PLANE * 4, "full")[2:-2, 2:-2] for plane in full]
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12)


def test_demodulation_gives_each_output_unit_variance_whatever_the_style() -> None:
    torch.manual_seed(0)
    layer = ModulatedConv2d(16, 8, 3, 4)
    y, demodulation = layer(torch.randn(64, 16, 20, 20), 50 * torch.randn(64, 4))
    assert demodulation is not None
    inner = (y * demodulation[:, :, None, None])[:, :, 1:-1, 1:-1]
    assert inner.std().item() == pytest.approx(1, abs=0.02)


def test_styled_convolution_adds_noise_and_bias_before_its_leaky_relu() -> None:
    torch.manual_seed(0)
    layer = StyledConv(3, 2, 6).double()
    layer.strength.data.fill_(0.7)
    layer.bias.data.copy_(torch.tensor([0.3, -0.4]))
    x, w, noise = normal(2, 3, 5, 5), normal(2, 6, seed=1), normal(2, 1, 5, 5, seed=2)
    y, demodulation = layer.convolution(x, w)
    assert demodulation is not None
    before = y * demodulation[:, :, None, None] + 0.7 * noise + layer.bias[:, None, None]
    torch.testing.assert_close(layer(x, w, noise), F.leaky_relu(before, 0.2) * np.sqrt(2), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("side", [4, 7])
def test_upsampling_agrees_with_scipy(side: int) -> None:
    x = normal(2, 3, side, side)
    expected = x.numpy()
    for axis in (2, 3):
        filtered = upfirdn(FIR / 4, expected, up=2, axis=axis)
        expected = filtered.take(range(1, 2 * side + 1), axis=axis)
    np.testing.assert_allclose(Upsample(3).double()(x).numpy(), expected, rtol=1e-12, atol=1e-14)


def test_upsampling_is_bilinear_away_from_the_border() -> None:
    x = normal(2, 3, 8, 8)
    bilinear = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(Upsample(3).double()(x)[:, :, 1:-1, 1:-1], bilinear[:, :, 1:-1, 1:-1])


def test_downsampling_agrees_with_scipy() -> None:
    x = normal(2, 3, 8, 8)
    expected = x.numpy()
    for axis in (2, 3):
        padded = np.pad(expected, [(1, 1) if axis == a else (0, 0) for a in range(4)])
        expected = upfirdn(FIR / 8, padded, axis=axis).take(range(3, 10, 2), axis=axis)
    ours = Blur(3).double()(x, padding=1, stride=2)
    np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("padding", "stride", "gain"), [(2, 1, 1.0), (1, 2, 1.0), (1, 1, 4.0)])
def test_what_a_compiler_sees_of_a_blur_is_the_blur(padding: int, stride: int, gain: float) -> None:
    """Its three uses: before a strided convolution, around it, and after a transposed one."""
    x = normal(2, 3, 9, 8)
    blurred = Blur(3).double()(x, padding=padding, stride=stride, gain=gain)
    torch.testing.assert_close(_shifted_sums(x, padding, stride, gain), blurred, rtol=1e-12, atol=1e-14)


def test_what_a_compiler_sees_of_upsampling_is_upsampling() -> None:
    x = normal(2, 3, 5, 4)
    torch.testing.assert_close(_between(_between(x, 2), 3), Upsample(3).double()(x), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("kernel", [1, 3])
def test_down_convolution_is_the_filter_then_every_second_pixel_of_a_convolution(kernel: int) -> None:
    torch.manual_seed(0)
    layer = EqualConv2d(3, 2, kernel, down=True).double()
    layer.bias.data.copy_(torch.tensor([0.5, -1.0]))
    x = normal(2, 3, 8, 8)
    weight = layer.weight.detach().numpy() / np.sqrt(3 * kernel**2)
    for image, got in zip(x.numpy(), layer(x).detach().numpy(), strict=True):
        filtered = np.stack([convolve2d(plane, PLANE, "full") for plane in image])  # 11 px: the filter's full reach
        blurred = filtered[:, 1:-1, 1:-1] if kernel == 3 else filtered[:, 2:-2, 2:-2]
        full = [sum(correlate2d(blurred[i], kernels[i], "valid") for i in range(3)) for kernels in weight]
        expected = np.stack([plane[::2, ::2] for plane in full]) + np.array([0.5, -1.0])[:, None, None]
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("rate", [1.0, 0.01])
def test_equalised_layers_keep_the_variance_at_any_width(rate: float) -> None:
    torch.manual_seed(0)
    for width in (8, 512):
        y = EqualLinear(width, 400, rate=rate)(torch.randn(300, width))
        assert y.std().item() == pytest.approx(1, abs=0.1)
    y = EqualConv2d(32, 64, 3)(torch.randn(8, 32, 16, 16))[:, :, 1:-1, 1:-1]
    assert y.std().item() == pytest.approx(1, abs=0.05)


def test_a_learning_rate_multiplier_slows_weight_and_bias_by_just_that() -> None:
    """One step of sign descent on the stored parameters moves the output `rate` times as far."""
    moved = []
    x = torch.ones(1, 4)
    for rate in (1.0, 0.01):
        layer = EqualLinear(4, 1, rate=rate, bias=1.0)
        assert layer(torch.zeros(1, 4)).item() == pytest.approx(1.0)
        before = layer(x)
        before.backward()
        for parameter in layer.parameters():
            parameter.data -= 0.1 * parameter.grad.sign()
        moved.append((before - layer(x)).item())
    assert moved[1] == pytest.approx(0.01 * moved[0], rel=1e-3)


def test_minibatch_deviation_agrees_with_a_naive_loop() -> None:
    x = normal(12, 3, 4, 4).numpy()
    appended, mean = MinibatchDeviation(4)(torch.from_numpy(x))
    got = appended.numpy()
    assert mean.item() == pytest.approx(got[:, 3].mean(), rel=1e-12)
    np.testing.assert_array_equal(got[:, :3], x)
    for i in range(12):
        group = [x[j] for j in range(12) if j % 3 == i % 3]
        deviations = [
            np.sqrt(np.var([image[c, y, z] for image in group]) + 1e-8)
            for c in range(3)
            for y in range(4)
            for z in range(4)
        ]
        np.testing.assert_allclose(got[i, 3], np.mean(deviations), rtol=1e-12)


def test_minibatch_deviation_refuses_a_batch_that_it_cannot_group() -> None:
    with pytest.raises(ValueError, match=r"6 images.*groups of 4"):
        MinibatchDeviation(4)(torch.zeros(6, 1, 4, 4))


def test_an_image_on_its_own_gets_the_mean_deviation() -> None:
    layer = MinibatchDeviation(2)
    layer.mean.fill_(0.3)
    x = torch.randn(4, 3, 4, 4)
    constant = layer.constant(x)
    assert torch.equal(constant[:, :3], x)
    assert (constant[:, 3] == layer.mean).all()


def test_feature_maps_halve_with_resolution_up_to_the_limit() -> None:
    assert [feature_maps(r, 16384, 512) for r in (4, 32, 64, 256)] == [512, 512, 256, 64]
    assert feature_maps(256, 64, 8) == 1


def test_styles_and_demodulation_never_compute_in_half_precision() -> None:
    convolution = ModulatedConv2d(4, 6, 3, style_dim=5)
    x, w = torch.randn(2, 4, 8, 8), torch.randn(2, 5)
    _, exact = convolution(x, w)
    with torch.autocast("cpu", torch.bfloat16):
        y, demodulation = convolution(x, w)
    assert y.dtype is torch.bfloat16
    assert demodulation is not None
    assert exact is not None
    torch.testing.assert_close(demodulation, exact)
