"""CytoGAN's families learn what their crops have in common, and their work is what PyTorch counts."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from gandl.config import CYTOGAN
from gandl.models.looks.reconstruction import Reconstruction
from gandl.models.networks.cytogan.trained import TrainedCoding, TrainedGenerating
from gandl.models.objectives.kinds import OBJECTIVES
from model_inputs import Crops, counted, family

FAMILIES = [name.value for name in CYTOGAN]
CHANNELS = 2
STEPS, QUICK = 120, {"learning_rate": 0.004, "batch": 16}
GENERATING = [name for name in FAMILIES if name not in ("vae", "cytogan_autoencoder")]


class Spots(Crops):
    """Crops with a Gaussian spot in each channel, somewhere near the centre of a dark ground."""

    def batch(self, step: int, course: int) -> list[Tensor]:
        rng = torch.Generator().manual_seed(step)
        x, y = 5 + 6 * torch.rand(2, self.settings.batch, CHANNELS, 1, 1, generator=rng)
        at = torch.arange(16.0)
        return [1.8 * torch.exp(-((at - x) ** 2 + (at[:, None] - y) ** 2) / 18) - 0.9]


def learning(name: str, **changes: Any) -> Any:
    settings = family(name, **{**QUICK, "network": {"width": 0.1}, **changes})
    return OBJECTIVES[name](Spots(settings), settings, 1)


@pytest.mark.parametrize("name", GENERATING)
def test_generated_crops_come_to_look_on_average_as_real_ones_do(name: str) -> None:
    objective = learning(name, generator_learning_rate=0.004)
    real = torch.cat([objective.loader.batch(10**6 + i, 0)[0] for i in range(8)]).mean(dim=0)

    def distance() -> float:
        model = objective.model()
        assert isinstance(model, TrainedGenerating)
        return float((model.generate(model.latents(128, 7)).mean(dim=0) - real).square().mean().sqrt())

    before = distance()
    for _ in range(STEPS):
        objective.step()
    assert distance() < 0.6 * before


@pytest.mark.parametrize("name", ["vae", "cytogan_autoencoder"])
def test_a_short_code_comes_to_hold_where_the_spots_are(name: str) -> None:
    objective = learning(name, network={"width": 1.0 if name == "cytogan_autoencoder" else 0.1})
    held_out = Reconstruction(objective.loader.batch(10**6, 0)[0])

    def error() -> float:
        model = objective.model()
        assert isinstance(model, TrainedCoding)
        return held_out.measure(model)["quality"]

    before = error()
    for _ in range(2 * STEPS):
        objective.step()
    assert error() < 0.5 * before


@pytest.mark.parametrize("crop", [16, 32])
@pytest.mark.parametrize("name", FAMILIES)
def test_the_work_of_a_family_is_what_pytorch_counts(name: str, crop: int) -> None:
    """Of a whole step, per crop; of the critic's penalty, whose second derivatives depend on the kernels, nearly."""
    settings = family(name, network={"crop": crop, "width": 0.2}, batch=8)
    objective = OBJECTIVES[name](Large(settings, crop), settings, 1)
    found = counted(objective.step) / settings.batch
    work = OBJECTIVES[name].work(settings, CHANNELS)
    if name == "wgan":
        assert work == pytest.approx(found, rel=0.1)
        without = settings.changed(penalty_weight=0.0)
        unpenalised = OBJECTIVES[name](Large(without, crop), without, 1)
        dcgan = OBJECTIVES["dcgan"].work(family("dcgan", network={"crop": crop, "width": 0.2}, batch=8), CHANNELS)
        assert counted(unpenalised.step) / settings.batch == dcgan
    else:
        assert work == found


class Large(Crops):
    """Random crops of any side."""

    def __init__(self, settings: Any, side: int) -> None:
        super().__init__(settings)
        self.side = side

    def batch(self, step: int, course: int) -> list[Tensor]:
        return [torch.zeros(self.settings.batch, CHANNELS, self.side, self.side)]
