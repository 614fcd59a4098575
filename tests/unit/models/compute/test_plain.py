"""The plain variant that training is measured against computes the same, networks and whole steps of the schedule: in float64."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from benchmarks.speed.plain import PlainDiscriminator, PlainGenerator, PlainTraining
from gandl.config import Intensity, NetworkSettings, TrainingSettings
from gandl.models.compute.device import CPU
from gandl.models.compute.randomness import Purpose, torch_rng
from gandl.models.crops.intensity import IntensityScale
from gandl.models.objectives.gan import Gan
from model_inputs import draw, draw_images, networks

NETWORK = NetworkSettings(crop=32, channel_base=1024, channel_max=64, style_dim=16, feature_dim=12, mapping_layers=2)
SETTINGS = TrainingSettings(
    network=NETWORK, batch=8, r1_gamma=5.0, r1_interval=2, path_length_interval=2, ema_rampup=0.0, learning_rate=0.01
)
SEED = 3


@dataclass
class Crops:
    scale: IntensityScale

    def batch(self, step: int, course: int) -> list[Tensor]:
        images = torch.randn(8, 2, 32, 32, generator=torch.Generator().manual_seed(step), dtype=torch.float64)
        return [images.contiguous(memory_format=torch.channels_last)]


def test_networks_of_one_state_make_and_judge_the_same_images() -> None:
    """Maps of 32 and 64 channels: both ways that ours convolve."""
    generator, discriminator = networks(NETWORK)
    plain_generator, plain_discriminator = PlainGenerator(NETWORK, 2).double(), PlainDiscriminator(NETWORK, 2).double()
    plain_generator.load_state_dict(generator.state_dict())
    plain_discriminator.load_state_dict(discriminator.state_dict())
    latents = draw(generator, 8)
    made = generator(latents)
    theirs = plain_generator.synthesize(plain_generator.styles(latents.z, latents.cut), latents.noise)
    torch.testing.assert_close(made, theirs, rtol=0, atol=1e-11)
    images = draw_images(8, size=32)
    torch.testing.assert_close(discriminator(images)[0], plain_discriminator(images), rtol=0, atol=1e-11)


@pytest.fixture
def schedule(monkeypatch: pytest.MonkeyPatch) -> tuple[Gan, PlainTraining]:
    """Ours and the plain one, of the same weights, drawing the same numbers."""
    scale = IntensityScale(("gfp", "dna"), (0.0, 0.0), (255.0, 255.0), Intensity.STORE)
    ours = Gan(Crops(scale), SETTINGS, SEED, dtype=torch.float64)
    plain = PlainTraining(SETTINGS, 2, SEED, CPU)
    plain.mean_path_length = plain.mean_path_length.double()
    for network, theirs, average in zip(
        (ours.generator, ours.discriminator), (plain.generator, plain.discriminator), plain.averages, strict=True
    ):
        theirs.double().load_state_dict(network.state_dict())
        average.double().load_state_dict(network.state_dict())

    def drawn() -> Iterator[tuple[Tensor, Tensor, list[Tensor]]]:
        for step in range(100):
            for purpose in (Purpose.GENERATOR, Purpose.PATH_LENGTH, Purpose.DISCRIMINATOR):
                if purpose is Purpose.PATH_LENGTH and step % SETTINGS.path_length_interval:
                    continue
                rng = torch_rng(CPU, SEED, 0, step, purpose)
                n = 4 if purpose is Purpose.PATH_LENGTH else 8
                latents = ours.generator.draw(n, rng, SETTINGS.style_mixing)
                if purpose is Purpose.PATH_LENGTH:
                    direction = torch.randn(4, 2, 32, 32, generator=rng).double()
                    monkeypatch.setattr(torch, "randn_like", lambda _, direction=direction: direction)
                yield latents.z.double(), latents.cut, [noise.double() for noise in latents.noise]

    numbers = drawn()
    monkeypatch.setattr(plain.generator, "draw", lambda *_: next(numbers))
    return ours, plain


def test_steps_of_the_schedule_are_the_plain_ones(schedule: tuple[Gan, PlainTraining]) -> None:
    ours, plain = schedule
    for step in range(4):
        ours.step()
        plain.step(ours.loader.batch(step, 0)[0].contiguous())
    torch.testing.assert_close(ours.adversaries.mean_path_length, plain.mean_path_length, rtol=1e-9, atol=0)
    for network, theirs in ((ours.generator, plain.generator), (ours.discriminator, plain.discriminator)):
        expected = dict(theirs.named_parameters())
        for name, parameter in network.named_parameters():
            torch.testing.assert_close(parameter, expected[name], rtol=0, atol=1e-8, msg=name)
    averages = dict(plain.averages[1].named_parameters())
    for name, parameter in ours.discriminator_ema.named_parameters():
        torch.testing.assert_close(parameter, averages[name], rtol=0, atol=1e-8, msg=name)
