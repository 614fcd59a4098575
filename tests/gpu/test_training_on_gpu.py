"""Training on a CUDA device: what only such a device can show. Skipped where there is none."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from gandl.config import GanEngineSettings, Intensity, Precision, TrainingSettings
from gandl.models.compute.device import CPU, choose_device, peak_flops, prepare
from gandl.models.crops.intensity import IntensityScale
from gandl.models.objectives.gan import Gan
from model_inputs import TRAINING

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device"),
]

NETWORK = TRAINING.network.model_copy(update={"crop": 64, "channel_base": 2048, "channel_max": 64, "style_dim": 64})
SETTINGS = TRAINING.model_copy(update={"network": NETWORK, "batch": 16})
SCALE = IntensityScale(("gfp", "dna"), (0.0, 0.0), (255.0, 255.0), Intensity.STORE)


@dataclass
class Crops:
    """The same random images on every device."""

    settings: TrainingSettings
    device: torch.device
    scale: IntensityScale = SCALE

    def batch(self, step: int, course: int) -> list[Tensor]:
        rng = torch.Generator().manual_seed(step)
        images = torch.randn(self.settings.batch, 2, 64, 64, generator=rng).to(self.device)
        return list(images.to(memory_format=torch.channels_last).split(self.settings.engine.microbatch or 16))


def trainer_of(device: torch.device | None = None, dtype: torch.dtype = torch.float32, **engine: Any) -> Gan:
    device = choose_device(1) if device is None else device
    settings = SETTINGS.model_copy(update={"engine": GanEngineSettings(**engine)})
    prepare(device, settings.engine.precision)
    return Gan(Crops(settings, device), settings, 1, device=device, dtype=dtype)


def losses_of(trainer: Gan, steps: int = 1) -> list[dict[str, float]]:
    for _ in range(steps):
        trainer.step()
    return [numbers for _, numbers in trainer.drain()]


def first_weights(trainer: Gan) -> dict[str, Tensor]:
    networks = trainer.generator, trainer.discriminator
    return {
        f"{i}.{name}": weight.cpu()
        for i, network in enumerate(networks)
        for name, weight in network.state_dict().items()
    }


def test_a_network_judges_on_the_gpu_as_on_the_cpu() -> None:
    """Random draws differ between devices, so the same images and latents are given to both."""
    there, here = trainer_of(), trainer_of(CPU)
    images = here.loader.batch(0, 0)[0]
    torch.testing.assert_close(
        there.discriminator(images.cuda())[0].cpu(), here.discriminator(images)[0], rtol=1e-3, atol=1e-4
    )


def test_the_gradient_penalty_has_the_gradient_that_it_has_on_the_cpu() -> None:
    """Differentiated twice, by what is written out for it: in float64."""
    there, here = trainer_of(dtype=torch.float64), trainer_of(CPU, torch.float64)
    images, part = here.loader.batch(0, 0)[0].double(), torch.arange(16)
    for trainer in (there, here):
        trainer._gradient_penalty(images.to(trainer.device), part.to(trainer.device), 0).backward()
    expected = dict(here.discriminator.named_parameters())
    for name, weight in there.discriminator.named_parameters():
        if expected[name].grad is not None:
            torch.testing.assert_close(weight.grad.cpu(), expected[name].grad, rtol=1e-6, atol=1e-9, msg=name)


def test_bfloat16_agrees_with_float32() -> None:
    (exact,), (mixed,) = losses_of(trainer_of()), losses_of(trainer_of(precision=Precision.BFLOAT16))
    for name in ("loss_generator", "loss_discriminator", "r1", "path_length"):
        assert mixed[name] == pytest.approx(exact[name], rel=0.05, abs=0.02), name


def test_tf32_agrees_with_float32() -> None:
    (exact,), (fast,) = losses_of(trainer_of()), losses_of(trainer_of(precision=Precision.TF32))
    for name in ("loss_generator", "loss_discriminator", "r1", "path_length"):
        assert fast[name] == pytest.approx(exact[name], rel=0.01, abs=0.005), name


@pytest.mark.parametrize("graphs", [False, True])
def test_compiled_agrees_with_eager(graphs: bool, caplog: pytest.LogCaptureFixture) -> None:
    eager, compiled = trainer_of(), trainer_of(compile=True, cuda_graphs=graphs)
    assert "torch.compile failed" not in caplog.text
    for one, other in zip(losses_of(eager, 5), losses_of(compiled, 5), strict=True):
        for name in ("loss_generator", "loss_discriminator"):
            assert other[name] == pytest.approx(one[name], rel=0.01), name


def test_microbatches_make_the_step_of_the_whole_batch() -> None:
    whole, parts = (trainer_of(dtype=torch.float64, microbatch=size) for size in (0, 4))
    for trainer in (whole, parts):
        losses_of(trainer, 5)
    for name, weight in first_weights(whole).items():
        torch.testing.assert_close(first_weights(parts)[name], weight, rtol=0, atol=1e-9, msg=name)


def test_a_state_continues_to_the_same_losses() -> None:
    unbroken = trainer_of()
    early = losses_of(unbroken, 4)
    state = copy.deepcopy(unbroken.state())
    rest = losses_of(unbroken, 4)
    resumed = trainer_of()
    resumed.restore(state)
    for one, other in zip(rest, losses_of(resumed, 4), strict=True):
        assert other["loss_discriminator"] == pytest.approx(one["loss_discriminator"], rel=1e-3)
    assert len(early) == 4


def test_a_state_of_the_cpu_goes_on_on_the_gpu() -> None:
    here = trainer_of(CPU)
    losses_of(here, 2)
    there = trainer_of()
    there.restore(copy.deepcopy(here.state()))
    assert there.step_number == 2
    torch.testing.assert_close(there.discriminator.logit.weight.cpu(), here.discriminator.logit.weight)
    assert all(weight.is_cuda for weight in there.generator.parameters())
    losses_of(there, 1)


def test_a_matrix_product_is_faster_than_on_any_cpu() -> None:
    assert peak_flops(choose_device(1), Precision.BFLOAT16) > 1e13
