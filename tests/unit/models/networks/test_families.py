"""CytoGAN's networks: their size counted by hand, codes of single crops without noise, and ways between latent vectors."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import special_ortho_group
from torch.nn import functional as F

from gandl.config import CYTOGAN, CytoganSettings, Intensity
from gandl.models.crops.intensity import IntensityScale
from gandl.models.networks.cytogan.interpolation import slerp, ways_between
from gandl.models.networks.cytogan.layers import Disturbance, scaled
from gandl.models.networks.cytogan.trained import KINDS, TrainedCoding, TrainedFamily, TrainedGenerating
from gandl.models.networks.trained import BETWEEN, STOPS
from model_inputs import family

FAMILIES = [name.value for name in CYTOGAN]
SCALE = IntensityScale(("dna", "actin"), (0.0, 0.0), (255.0, 255.0), Intensity.STORE)
THREE = IntensityScale(("dna", "tubulin", "actin"), (0.0,) * 3, (255.0,) * 3, Intensity.STORE)

GENERATOR = 100 * 144 * 256 + 25 * (256 * 128 + 128 * 64 + 64 * 32 + 32 * 3) + 3 + 2 * (256 + 128 + 64 + 32)
"""Dense to 12 x 12 x 256, 5 x 5 convolutions to 128, 64, 32 and 3 channels; of each normalisation a factor and an offset."""
DISCRIMINATOR = 25 * (3 * 32 + 32 * 64 + 64 * 128 + 128 * 256) + 32 + 64 + 128 + 256 + 144 * 256 * 100 + 100 + 101
BACK = 100 * 144 * 128 + 144 * 128 + 8 * (9 * 128 * 128 + 128) + 9 * 128 * 3 + 3
"""Dense to 12 x 12 x 128, four stages of two 3 x 3 convolutions, and the image."""
DOWN = sum(9 * (a + 2 * b) * b + 3 * b for a, b in ((3, 64), (64, 128), (128, 256), (256, 384)))
BRANCH = 25 * (3 * 128 + 128 * 64 + 64 * 32 + 32 * 16) + 128 + 64 + 32 + 16
CODE = 12 * 12 * 16
SIZES = {
    "dcgan": {"generator": GENERATOR, "discriminator": DISCRIMINATOR},
    "lsgan": {"generator": GENERATOR, "discriminator": DISCRIMINATOR},
    "wgan": {"generator": GENERATOR, "discriminator": DISCRIMINATOR - 101},
    "began": {"generator": BACK, "discriminator": DOWN + 6 * 6 * 384 * 100 + 100 + BACK},
    "bigan": {
        "generator": 100 * 144 * 128 + 25 * (128 * 64 + 64 * 32 + 32 * 16 + 16 * 3) + 3 + 2 * (128 + 64 + 32 + 16),
        "encoder": BRANCH + CODE * 100 + 100,
        "discriminator": BRANCH + (CODE + 101) * 1024 + 1025 * 1024 + 1025 * 256 + 257,
    },
    "vae": {
        "autoencoder": 9 * (3 * 128 + 128 * 64 + 64 * 32) + 128 + 64 + 32  # to 12 x 12 x 32
        + 2 * (4608 * 256 + 256) + 256 * 4608 + 4608
        + 9 * (32 * 32 + 32 * 64 + 64 * 128 + 128 * 3) + 32 + 64 + 128 + 3
    },
    "cytogan_autoencoder": {
        "autoencoder": 9 * (3 * 8 + 8 * 8) + 16 + 24 * 24 * 8 * 32 + 32
        + 32 * 24 * 24 * 8 + 24 * 24 * 8 + 9 * (8 * 8 + 8 * 8 + 8 * 3) + 8 + 8 + 3
    },
}  # fmt: skip
CODES = {**dict.fromkeys(FAMILIES, 100), "vae": 256, "cytogan_autoencoder": 32}


def trained(name: str) -> TrainedFamily:
    return KINDS[name].new(family(name), SCALE, 1)


def crops(count: int) -> torch.Tensor:
    return torch.randn(count, 2, 16, 16, generator=torch.Generator().manual_seed(count))


@pytest.mark.parametrize("name", FAMILIES)
def test_networks_have_the_size_of_the_paper_s(name: str) -> None:
    recipe = CytoganSettings().of(name)
    with torch.device("meta"):
        networks = KINDS[name].untrained(recipe, 3)
    assert {part: sum(w.numel() for w in network.parameters()) for part, network in networks.items()} == SIZES[name]
    assert recipe.network.code_dim == CODES[name]
    assert recipe.crop == 96


@pytest.mark.parametrize("name", FAMILIES)
def test_an_encoding_is_deterministic_and_of_its_crop_alone_in_training_too(name: str) -> None:
    model = trained(name)
    for network in model.networks.values():
        network.train()
    images = crops(9)
    codes = model.codes(images)
    assert codes.shape == (9, 6)
    assert torch.equal(model.codes(images), codes), "no noise"
    torch.testing.assert_close(torch.cat([model.codes(image[None]) for image in images]), codes, rtol=1e-5, atol=1e-6)
    assert torch.equal(model.codes(images.clamp(-1, 1)), codes), "what is beyond black and white is not seen"


@pytest.mark.parametrize("name", FAMILIES)
def test_a_generated_crop_is_of_its_latent_vector_alone(name: str) -> None:
    model = trained(name)
    assert isinstance(model, TrainedGenerating | TrainedCoding)
    latents = torch.randn(5, 6, generator=torch.Generator().manual_seed(2))
    made = model.generate(latents)
    assert made.shape == (5, 2, 16, 16)
    torch.testing.assert_close(model.generate(latents[3:4]), made[3:4], rtol=1e-5, atol=1e-6)
    if name != "began":  # whose images are linear
        assert made.abs().max() <= 1


@pytest.mark.parametrize("name", FAMILIES)
def test_pictures_are_decided_by_the_seed_or_the_real_crops(name: str) -> None:
    model, real = trained(name), crops(4)
    assert model.way(real, 3).shape == ((STOPS - 1) * (BETWEEN + 1) + 1, 2, 16, 16)
    assert torch.equal(model.beside(real, 3), model.beside(real, 3))
    generates = isinstance(model, TrainedGenerating)
    assert torch.equal(model.beside(real, 3), model.beside(real, 4)) is not generates
    assert torch.equal(model.beside(real, 3), model.beside(real.flip(0), 3)) is generates


def test_bigan_s_latent_vectors_are_uniform_and_the_others_normal() -> None:
    for name in ("dcgan", "began", "bigan"):
        model = trained(name)
        assert isinstance(model, TrainedGenerating)
        latents = model.latents(2000, 0)
        deviation = math.sqrt(1 / 3) if name == "bigan" else 1.0
        assert float(latents.std()) == pytest.approx(deviation, rel=0.03)
        assert bool((latents.abs() <= 1).all()) is (name == "bigan")


def test_widths_are_scaled_and_never_nothing() -> None:
    assert scaled([64, 128, 3], 0.5) == [32, 64, 2]
    assert scaled([64, 8], 0.01) == [1, 1]


def test_what_disturbs_a_crop_does_not_depend_on_the_part_of_the_batch_that_it_is_in() -> None:
    def draws(part: torch.Tensor) -> list[torch.Tensor]:
        disturbance = Disturbance(6, part, torch.Generator().manual_seed(4))
        zeros, ones = torch.zeros(len(part), 3, 2), torch.ones(len(part), 400)
        return [disturbance.noisy(zeros, 0.1), disturbance.dropped(ones, 0.25), disturbance.uniform(zeros, 0.8)]

    whole = draws(torch.arange(6))
    for part in (torch.tensor([0, 3]), torch.tensor([5]), torch.tensor([4, 1, 2])):
        assert all(torch.equal(some, every[part]) for some, every in zip(draws(part), whole, strict=True))
    _, dropped, labels = whole
    assert dropped.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert float(dropped.mean()) == pytest.approx(1, abs=0.05)
    assert float(labels.min()) >= 0.8
    assert float(labels.max()) <= 1


def test_slerp_keeps_the_length_and_turns_at_a_constant_speed() -> None:
    """Against rotation by a share of the angle, in planes that are turned at random."""
    for seed in range(5):
        axes = torch.from_numpy(special_ortho_group.rvs(7, random_state=seed))
        angle = math.pi * (seed + 0.5) / 5
        start = 3 * axes[0]
        end = 3 * (math.cos(angle) * axes[0] + math.sin(angle) * axes[1])
        shares = torch.linspace(0, 1, 9, dtype=torch.float64)
        found = slerp(start.expand(9, 7), end.expand(9, 7), shares)
        expected = 3 * (torch.cos(shares * angle)[:, None] * axes[0] + torch.sin(shares * angle)[:, None] * axes[1])
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
        torch.testing.assert_close(found.norm(dim=1), torch.full((9,), 3.0, dtype=torch.float64))


def test_slerp_of_unlike_lengths_is_white_s_in_direction_where_these_are_alike() -> None:
    rng = torch.Generator().manual_seed(3)
    start, end = (F.normalize(torch.randn(20, 100, generator=rng, dtype=torch.float64), dim=1) for _ in range(2))
    angle = torch.arccos((start * end).sum(dim=1, keepdim=True))
    white = (torch.sin(0.7 * angle) * start + torch.sin(0.3 * angle) * end) / torch.sin(angle)
    torch.testing.assert_close(slerp(start, end, torch.tensor(0.3)), white)
    longer = slerp(2 * start, 4 * end, torch.tensor(0.3))
    torch.testing.assert_close(longer, 2.6 * white)


def test_slerp_between_equal_opposite_and_no_directions() -> None:
    point = torch.tensor([0.0, 3.0, 4.0], dtype=torch.float64)
    shares = torch.tensor([0.0, 0.25, 0.5, 1.0], dtype=torch.float64)
    stays = slerp(point.expand(4, 3), point.expand(4, 3), shares)
    torch.testing.assert_close(stays, point.expand(4, 3))
    over = slerp(point.expand(4, 3), -point.expand(4, 3), shares)
    torch.testing.assert_close(over.norm(dim=1), torch.full((4,), 5.0, dtype=torch.float64))
    torch.testing.assert_close(over @ point / 25, torch.cos(math.pi * shares))
    torch.testing.assert_close(over[[0, 3]], torch.stack([point, -point]))
    from_nothing = slerp(torch.zeros(4, 3, dtype=torch.float64), point.expand(4, 3), shares)
    torch.testing.assert_close(from_nothing, shares[:, None] * point)


def test_ways_go_through_all_stops() -> None:
    stops = torch.from_numpy(np.random.default_rng(0).normal(size=(3, 5)))
    way = ways_between(stops, 4)
    assert way.shape == (11, 5)
    torch.testing.assert_close(way[[0, 5, 10]], stops)
    torch.testing.assert_close(way[2], slerp(stops[0], stops[1], torch.tensor(0.4)))
    torch.testing.assert_close(way[9], slerp(stops[1], stops[2], torch.tensor(0.8)))
    assert ways_between(stops[:1], 4).shape == (1, 5)
