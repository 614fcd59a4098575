"""Compiled training steps agree with plain ones. Skipped where there is no C++ compiler, which `torch.compile` needs on a CPU."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

import pytest
import torch
import torch._inductor.config
from torch import Tensor

from gandl.config import GanEngineSettings, Intensity, TrainingSettings
from gandl.models.crops.intensity import IntensityScale
from gandl.models.objectives.gan import Gan
from model_inputs import TRAINING

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="this machine has no C++ compiler (g++)")

NETWORK = TRAINING.network.model_copy(update={"crop": 8, "channel_max": 4, "mapping_layers": 1})


@dataclass
class Crops:
    scale: IntensityScale

    def batch(self, step: int, course: int) -> list[Tensor]:
        images = torch.randn(8, 2, 8, 8, generator=torch.Generator().manual_seed(step))
        return [images.contiguous(memory_format=torch.channels_last)]


def trained(settings: TrainingSettings, steps: int) -> Gan:
    scale = IntensityScale(("gfp", "dna"), (0.0, 0.0), (255.0, 255.0), Intensity.STORE)
    trainer = Gan(Crops(scale), settings, 1, dtype=torch.float64)
    for _ in range(steps):
        trainer.step()
    return trainer


def test_compiled_steps_are_plain_steps(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """In scalar code, which g++ translates more than twice as fast as vectors; the graphs and their fusions are the same."""
    monkeypatch.setattr(torch._inductor.config.cpp, "simdlen", 1)
    settings = TRAINING.model_copy(update={"network": NETWORK})
    compiled = trained(settings.model_copy(update={"engine": GanEngineSettings(compile=True)}), 5)
    plain = trained(settings, 5)
    assert "torch.compile failed" not in caplog.text
    for network in ("generator", "discriminator"):
        ours, theirs = (getattr(trainer, network).state_dict() for trainer in (compiled, plain))
        for name in theirs:
            torch.testing.assert_close(ours[name], theirs[name], rtol=0, atol=1e-9, msg=f"{network}.{name}")
