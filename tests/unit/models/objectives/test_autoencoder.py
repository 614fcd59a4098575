"""The autoencoder: one step against a descent written out, its arithmetic against PyTorch's counter, and that it learns."""

from __future__ import annotations

import copy

import pytest
import torch

from gandl.config import AutoencoderSettings
from gandl.models.looks.reconstruction import Reconstruction
from gandl.models.networks.autoencoder import Autoencoder, TrainedAutoencoder
from gandl.models.objectives.autoencoder import PASSES, Autoencoding
from gandl.models.objectives.objective import Objective
from model_inputs import AUTOENCODER as TRAINING, Crops, counted

CHANNELS = 2


def autoencoding(settings: AutoencoderSettings = TRAINING, dtype: torch.dtype = torch.float64) -> Autoencoding:
    return Autoencoding(Crops(settings), settings, 1, dtype=dtype)


class Blobs(Crops):
    """Crops that four numbers describe: a Gaussian spot in each channel, somewhere."""

    def batch(self, step: int, course: int) -> list[torch.Tensor]:
        rng = torch.Generator().manual_seed(step)
        x, y = torch.rand(2, self.settings.batch, CHANNELS, 1, 1, generator=rng) * 16
        at = torch.arange(16.0)
        return [2 * torch.exp(-((at - x) ** 2 + (at[:, None] - y) ** 2) / 18) - 1]


def test_one_step_is_adam_on_the_mean_squared_error() -> None:
    """Weights before and after, against Kingma and Ba (2015), algorithm 1, from gradients of plain tensors."""
    objective = autoencoding()
    twin = copy.deepcopy(objective.autoencoder)
    crops = objective.loader.batch(0, 0)[0].double()
    gradients = torch.autograd.grad(((twin(crops) - crops) ** 2).sum() / crops.numel(), list(twin.parameters()))
    objective.step()
    # in the first step both moments are the gradient's, so that Adam goes by the learning rate along each gradient's sign
    for before, after, gradient in zip(twin.parameters(), objective.autoencoder.parameters(), gradients, strict=True):
        expected = before - TRAINING.learning_rate * gradient / (gradient.abs() + 1e-8)
        assert torch.allclose(after, expected, rtol=0, atol=1e-12)


def test_microbatches_make_the_step_of_the_whole_batch() -> None:
    whole, parts = autoencoding(), autoencoding(TRAINING.changed(engine={"microbatch": 4}))
    for objective in (whole, parts):
        for _ in range(3):
            objective.step()
    for one, other in zip(whole.autoencoder.parameters(), parts.autoencoder.parameters(), strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-10)
    (_, one), (_, other) = whole.drain()[0], parts.drain()[0]
    assert one["loss_reconstruction"] == pytest.approx(other["loss_reconstruction"], rel=1e-10)


def test_a_code_is_of_its_image_alone_and_an_image_of_its_code() -> None:
    model = Autoencoder(TRAINING.network, CHANNELS).double()
    images = torch.randn(5, CHANNELS, 16, 16, dtype=torch.float64)
    codes = model.encode(images)
    assert codes.shape == (5, TRAINING.network.code_dim)
    assert torch.allclose(codes[2:3], model.encode(images[2:3]))
    assert torch.allclose(model.decode(codes)[4:], model.decode(codes[4:]))


@pytest.mark.parametrize("crop", [16, 64])
def test_its_work_is_what_pytorch_counts(crop: int) -> None:
    settings = TRAINING.changed(network={"crop": crop})
    model = Autoencoder(settings.network, CHANNELS)
    image = torch.zeros(1, CHANNELS, crop, crop)
    assert Autoencoding.work(settings, CHANNELS) == PASSES * counted(lambda: model(image))


def test_it_learns_what_a_short_code_can_hold() -> None:
    settings = TRAINING.changed(batch=16, learning_rate=0.02, ema_half_life=200.0)
    objective = Autoencoding(Blobs(settings), settings, 1)
    held_out = Blobs(settings).batch(10**6, 0)[0]
    before = quality(objective, held_out)
    for _ in range(600):
        objective.step()
    after = quality(objective, held_out)
    assert before > 0.9, "an untrained one knows no more than the mean"
    assert after < 0.15, "a trained one explains most of what varies between crops it never saw"


def quality(objective: Objective, held_out: torch.Tensor) -> float:
    model = objective.model()
    assert isinstance(model, TrainedAutoencoder)
    return Reconstruction(held_out).measure(model)["quality"]


def test_the_quality_of_the_mean_is_one_and_of_the_truth_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    model = autoencoding().model()
    held_out = torch.randn(8, CHANNELS, 16, 16)
    mean = held_out.mean(dim=(0, 2, 3), keepdim=True).expand_as(held_out)
    for made, expected in ((held_out, 0.0), (mean, 1.0)):
        monkeypatch.setattr(TrainedAutoencoder, "beside", lambda *_, made=made: made)
        assert Reconstruction(held_out).measure(model)["quality"] == pytest.approx(expected)


def test_what_is_drawn_of_it_are_reconstructions_and_ways_between_them() -> None:
    objective = autoencoding()
    model, real = objective.model(), objective.loader.batch(0, 0)[0].double()
    assert torch.allclose(model.beside(real, 0), model.autoencoder_ema(real))
    way = model.way(real, 0)
    ends = model.autoencoder_ema(real[:3])
    assert torch.allclose(way[0], ends[0])
    assert len(way) > 3
    steps = (way[1:] - way[:-1]).square().mean(dim=(1, 2, 3))
    assert float(steps.max()) < float((ends[1:] - ends[:-1]).square().mean(dim=(1, 2, 3)).max())
