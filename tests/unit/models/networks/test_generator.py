"""The generator: shapes, sizes, styles, noise, and gradients."""

from __future__ import annotations

import pytest
import torch

from gandl.config import GeneratorKind, NetworkSettings
from gandl.models.networks.discriminator import Discriminator
from gandl.models.networks.generator import Generator, Latents
from model_inputs import NETWORK, draw, network, networks

KINDS = list(GeneratorKind)


def millions(module: torch.nn.Module) -> float:
    return sum(parameter.numel() for parameter in module.parameters()) / 1e6


@pytest.mark.parametrize(
    ("crop", "base", "generator", "discriminator"), [(256, 16384, 23.46, 24.00), (512, 32768, 28.97, 28.98)]
)
def test_full_size_networks_have_the_published_numbers_of_parameters(
    crop: int, base: int, generator: float, discriminator: float
) -> None:
    settings = NetworkSettings(crop=crop, channel_base=base, channel_max=512, mapping_layers=3)
    with torch.device("meta"):
        assert millions(Generator(settings, 5)) == pytest.approx(generator, abs=0.005)
        assert millions(Discriminator(settings, 5)) == pytest.approx(discriminator, abs=0.005)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("crop", [8, 32])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_images_have_any_number_of_channels_and_the_side_of_the_crop(
    channels: int, crop: int, kind: GeneratorKind
) -> None:
    generator, discriminator = networks(network(kind, crop=crop), channels)
    images = generator(draw(generator, 4))
    assert images.shape == (4, channels, crop, crop)
    logits, deviation, _ = discriminator(images)
    assert logits.shape == (4,)
    assert deviation.shape == ()


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_depends_on_its_own_latents_only(kind: GeneratorKind) -> None:
    generator, _ = networks(network(kind))
    latents = draw(generator, 4)
    some = generator(latents.take(torch.tensor([2, 0])))
    torch.testing.assert_close(some, generator(latents)[[2, 0]], rtol=1e-9, atol=1e-11)


def test_latents_are_decided_by_their_generator_alone() -> None:
    generator, _ = networks()
    torch.manual_seed(1)
    one = draw(generator, 4, seed=7)
    torch.manual_seed(2)
    two = draw(generator, 4, seed=7)
    assert torch.equal(one.z, two.z)
    assert torch.equal(one.cut, two.cut)
    assert all(torch.equal(a, b) for a, b in zip(one.noise, two.noise, strict=True))


def test_the_length_of_z_does_not_matter() -> None:
    generator, _ = networks()
    z = torch.randn(3, 12, dtype=torch.float64)
    torch.testing.assert_close(generator.mapping(z), generator.mapping(100 * z), rtol=1e-6, atol=1e-8)


def test_layers_below_the_cut_follow_the_first_style_and_the_others_the_second() -> None:
    generator, _ = networks()
    latents = draw(generator, 3)
    latents = Latents(latents.z, torch.tensor([1, 4, generator.layers]), latents.noise)
    styles, w = generator.styles(latents), generator.mapping(latents.z)
    for i, cut in enumerate(latents.cut.tolist()):
        for layer in range(generator.layers):
            assert torch.equal(styles[i, layer], w[i, 0 if layer < cut else 1])


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0.0), (0.9, 0.9), (1.0, 1.0)])
def test_the_share_of_images_with_two_styles_is_as_requested(share: float, expected: float) -> None:
    generator, _ = networks(network(crop=8))
    cut = generator.draw(2000, torch.Generator().manual_seed(0), share).cut
    assert (cut < generator.layers).float().mean().item() == pytest.approx(expected, abs=0.03)
    assert cut.min() >= 1


def test_noise_changes_nothing_until_its_strength_is_learnt() -> None:
    generator = Generator(NETWORK, 2)
    latents, others = (generator.draw(2, torch.Generator().manual_seed(seed)) for seed in (0, 1))
    other_noise = Latents(latents.z, latents.cut, others.noise)
    assert torch.equal(generator(latents), generator(other_noise))
    generator.start.strength.data.fill_(0.5)
    assert not torch.allclose(generator(latents), generator(other_noise))


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_reach_every_parameter(kind: GeneratorKind) -> None:
    generator, discriminator = networks(network(kind))
    discriminator(generator(draw(generator, 4)))[0].square().sum().backward()
    dead = [
        name
        for part in (generator, discriminator)
        for name, parameter in part.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    assert dead == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_agrees_with_finite_differences(kind: GeneratorKind) -> None:
    generator, _ = networks(network(kind, crop=8))
    latents = draw(generator, 1, mixing=0)
    styles = generator.styles(latents).detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda w: generator.synthesize(w, latents.noise).sum(dim=(2, 3)), styles)


@pytest.mark.parametrize("kind", KINDS)
def test_untrained_networks_keep_about_unit_variance(kind: GeneratorKind) -> None:
    """Equalised layers: neither features nor images explode or vanish with depth."""
    settings = NetworkSettings(generator=kind, channel_base=1024, channel_max=64)
    torch.manual_seed(0)
    generator, discriminator = Generator(settings, 3), Discriminator(settings, 3)
    images = generator(generator.draw(8, torch.Generator().manual_seed(0)))
    assert 0.3 < images.std().item() < 3
    stds = [block.std().item() for block in discriminator.describe(torch.randn(8, 3, 64, 64)).blocks]
    assert min(stds) > 0.1  # white noise loses half its deviation at the first filter
    assert max(stds) < 3
