"""What holds for the layers and networks whatever their sizes, styles and images."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from gandl.config import GeneratorKind
from gandl.models.crops.crop_sampler import orient
from gandl.models.crops.intensity import IntensityScale
from gandl.models.networks.layers import Blur, MinibatchDeviation, ModulatedConv2d, Upsample
from model_inputs import draw, draw_images, network, networks

SEEDS = st.integers(0, 2**31 - 1)
FEW = settings(max_examples=20, deadline=None)


def normal(*shape: int, seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


@FEW
@given(SEEDS, st.floats(0.01, 100.0))
def test_demodulation_undoes_any_scaling_of_the_style(seed: int, factor: float) -> None:
    """Scaling by f leaves y / sqrt(energy + e) as y / sqrt(energy + e / f^2), with e the 1e-8 of the paper's equation 3."""
    layer = ModulatedConv2d(4, 3, 3, 5).double()
    x, w = normal(2, 4, 6, 6, seed=seed), normal(2, 5, seed=seed + 1)

    def output() -> torch.Tensor:
        y, demodulation = layer(x, w)
        assert demodulation is not None
        return y * demodulation[:, :, None, None]

    before = output()
    energy = (layer.affine(w)[:, None, :] ** 2 * (layer.weight * layer.scale).square().sum(dim=(2, 3))).sum(dim=2)
    expected = before * ((energy + 1e-8) / (energy + 1e-8 / factor**2)).sqrt()[:, :, None, None]
    layer.affine.weight.data *= factor
    layer.affine.bias.data *= factor
    torch.testing.assert_close(output(), expected)


@FEW
@given(SEEDS, st.integers(1, 4), st.integers(2, 9), st.integers(2, 9))
def test_up_and_down_sampling_are_adjoint(seed: int, channels: int, height: int, width: int) -> None:
    """<up(x), y> = 4 <x, down(y)>: the two filters are one."""
    x = normal(1, channels, height, width, seed=seed)
    y = normal(1, channels, 2 * height, 2 * width, seed=seed + 1)
    up, down = Upsample(channels).double()(x), Blur(channels).double()(y, padding=1, stride=2)
    torch.testing.assert_close((up * y).sum(), 4 * (x * down).sum())


@FEW
@given(st.floats(-10, 10, allow_subnormal=False), st.integers(3, 8))
def test_resampling_keeps_a_constant_away_from_the_border(value: float, side: int) -> None:
    x = torch.full((1, 2, 2 * side, 2 * side), value, dtype=torch.float64)
    for resampled in (Upsample(2).double()(x), Blur(2).double()(x, padding=1, stride=2)):
        inner = resampled[:, :, 1:-1, 1:-1]
        torch.testing.assert_close(inner, torch.full_like(inner, value))


@FEW
@given(SEEDS, st.sampled_from([1, 2, 4]), st.integers(1, 3))
def test_minibatch_deviation_is_the_same_for_all_of_a_group_in_any_order(seed: int, group: int, groups: int) -> None:
    x = normal(group * groups, 3, 4, 4, seed=seed)
    channel = MinibatchDeviation(group)(x)[0][:, -1]
    order = np.random.default_rng(seed).permutation(group)
    shuffled = x.reshape(group, groups, 3, 4, 4)[order].reshape(x.shape)
    torch.testing.assert_close(MinibatchDeviation(group)(shuffled)[0][:, -1], channel)
    assert (channel.reshape(group, groups, 16) == channel.reshape(group, groups, 16)[:1, :, :1]).all()
    if group == 1:
        torch.testing.assert_close(channel, torch.full_like(channel, 1e-4))


@pytest.mark.parametrize("kind", list(GeneratorKind))
@settings(max_examples=5, deadline=None)
@given(seed=SEEDS)
def test_networks_keep_the_order_of_their_images(kind: GeneratorKind, seed: int) -> None:
    generator, discriminator = networks(network(kind, crop=8), seed=seed % 1000)
    order = torch.from_numpy(np.random.default_rng(seed).permutation(4))
    latents = draw(generator, 4, seed)
    torch.testing.assert_close(generator(latents.take(order)), generator(latents)[order])
    images = draw_images(4, seed=seed, size=8)
    torch.testing.assert_close(discriminator.describe(images[order]).pre, discriminator.describe(images).pre[order])


@FEW
@given(SEEDS, st.integers(1, 9))
def test_turning_moves_pixels_and_loses_none(seed: int, side: int) -> None:
    rng = np.random.default_rng(seed)
    images = torch.from_numpy(rng.normal(size=(8, 2, side, side)))
    turned = orient(images, torch.from_numpy(rng.integers(0, 8, 8)))
    torch.testing.assert_close(turned.flatten(2).sort(dim=2).values, images.flatten(2).sort(dim=2).values)


@FEW
@given(st.integers(0, 200), st.integers(1, 60_000), st.lists(st.integers(0, 65_535), min_size=2, max_size=20))
def test_the_intensity_scale_keeps_the_order_of_pixels(low: int, span: int, values: list[int]) -> None:
    scale = IntensityScale(("dna",), (float(low),), (float(low + span),))
    pixels = np.sort(np.array(values, np.uint16)).reshape(1, 1, 1, -1)
    assert (scale.apply(pixels).diff() >= 0).all()
