"""How much a training computes: against PyTorch's counter, and against published arithmetic."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from gandl.config import GeneratorKind, NetworkSettings, TrainingSettings
from gandl.models.networks.discriminator import Discriminator
from gandl.models.networks.generator import Generator
from gandl.models.objectives.gan_work import forward_work, work_per_image
from model_inputs import counted, network

PAPER = {
    "256 px, base 16384": (NetworkSettings(crop=256, channel_base=16384, channel_max=512), 64, 30.0, 31.0, 402.0),
    "512 px, base 32768": (NetworkSettings(crop=512, channel_base=32768, channel_max=512), 32, 120.0, 124.0, 1611.0),
}
"""Networks, batch; GFLOP of a forward pass of G and of D, and of a training per image, with five channels."""


@pytest.mark.parametrize("channels", [1, 5])
@pytest.mark.parametrize("kind", list(GeneratorKind))
@pytest.mark.parametrize("crop", [16, 64])
def test_forward_passes_cost_what_pytorch_counts(crop: int, kind: GeneratorKind, channels: int) -> None:
    settings = network(kind, crop=crop, minibatch_std_group=1)
    generator, discriminator = Generator(settings, channels), Discriminator(settings, channels)
    latents = generator.draw(1, torch.Generator().manual_seed(0))
    work = forward_work(settings, channels)
    assert work.generator == counted(lambda: generator(latents))
    assert work.discriminator == counted(lambda: discriminator(torch.zeros(1, channels, crop, crop)))


@pytest.mark.parametrize(("shape", "batch", "generator", "discriminator", "training"), PAPER.values(), ids=PAPER)
def test_the_full_sizes_cost_what_is_published_of_them(
    shape: NetworkSettings, batch: int, generator: float, discriminator: float, training: float
) -> None:
    work = forward_work(shape, 5)
    assert work.generator / 1e9 == pytest.approx(generator, rel=0.01)
    assert work.discriminator / 1e9 == pytest.approx(discriminator, rel=0.01)
    settings = TrainingSettings(network=shape, batch=batch, resolution=shape.crop)
    assert work_per_image(settings, 5) / 1e9 == pytest.approx(training, rel=0.01)


def in_passes(**changes: Any) -> tuple[float, float]:
    """A schedule's cost per image in forward passes of G and of D, by solving for both on two sizes of networks."""
    costs, rows = [], []
    for base in (64, 128):
        settings = TrainingSettings.model_validate({"network": {"crop": 32, "channel_base": base}, **changes})
        forward = forward_work(settings.network, 3)
        rows.append([forward.generator, forward.discriminator])
        costs.append([work_per_image(settings, 3)])
    solved = torch.linalg.solve(torch.tensor(rows, dtype=torch.float64), torch.tensor(costs, dtype=torch.float64))
    return float(solved[0]), float(solved[1])


FREE = {"path_length_weight": 0.0, "r1_gamma": 0.0}


@pytest.mark.parametrize(
    ("changes", "generator", "discriminator"),
    [
        (FREE, 4, 8),
        ({"r1_gamma": 0.0}, 4 + 6 / 2 / 4, 8),
        ({"path_length_weight": 0.0}, 4, 8 + 6 / 16),
        ({**FREE, "engine": {"shared_forward": True}}, 3, 8),
        ({**FREE, "loss": "relativistic"}, 4, 9),
        ({**FREE, "r1_gamma": 1.0, "r2_gamma": 1.0, "r1_interval": 1}, 4, 8 + 12),
        ({**FREE, "loss": "wgan", "lipschitz_weight": 1.0, "r1_interval": 2}, 4, 8 + 3),
    ],
)
def test_every_pass_of_a_schedule_counts(changes: dict[str, Any], generator: float, discriminator: float) -> None:
    assert in_passes(**changes) == (pytest.approx(generator), pytest.approx(discriminator))
