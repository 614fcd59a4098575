"""The autoencoder: one step against a descent written out, its arithmetic against PyTorch's counter, and that it learns.

Also that the network of its perceptual loss decides the training and is no part of what it keeps, and the full size.
"""

from __future__ import annotations

import copy
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from gandl.config import AutoencoderSettings, ImageNetNetwork
from gandl.config.files import read_config
from gandl.embeddings.conv_ae import AutoencoderFeaturizer
from gandl.models.crops.intensity import IntensityScale
from gandl.models.engine.training import train
from gandl.models.looks.reconstruction import Reconstruction
from gandl.models.networks import passes
from gandl.models.networks.autoencoder import Autoencoder, DoublingBlock, TrainedAutoencoder
from gandl.models.networks.imagenet.perceptual import load_perceptual, operations
from gandl.models.networks.imagenet.weights import PretrainedError, packaged
from gandl.models.objectives.autoencoder import PASSES, Autoencoding
from gandl.models.objectives.objective import Objective
from imagenet_files import other_lite0_file, resnet50_file
from model_inputs import AUTOENCODER as TRAINING, Crops, counted, write_store
from training_runs import no_peak, train_into

__all__ = ["no_peak"]

CHANNELS = 2
PIXELS = TRAINING.changed(perceptual={"weight": 0.0})
LITE = ImageNetNetwork.EFFICIENTNET_LITE0


def autoencoding(settings: AutoencoderSettings = TRAINING, dtype: torch.dtype = torch.float64) -> Autoencoding:
    return Autoencoding(Crops(settings), settings, 1, dtype=dtype)


class Blobs(Crops):
    """Crops that four numbers describe: a Gaussian spot in each channel, somewhere."""

    def batch(self, step: int, course: int) -> list[torch.Tensor]:
        rng = torch.Generator().manual_seed(step)
        x, y = torch.rand(2, self.settings.batch, CHANNELS, 1, 1, generator=rng) * 16
        at = torch.arange(16.0)
        return [2 * torch.exp(-((at - x) ** 2 + (at[:, None] - y) ** 2) / 18) - 1]


@pytest.mark.parametrize("weight", [0.0, 0.3])
def test_one_step_is_adam_on_both_distances(weight: float) -> None:
    """Weights before and after, against Kingma and Ba (2015), algorithm 1, from gradients of plain tensors."""
    objective = autoencoding(TRAINING.changed(perceptual={"weight": weight}))
    twin = copy.deepcopy(objective.autoencoder)
    crops = objective.loader.batch(0, 0)[0].double()
    made = twin(crops)
    error, seen = (
        ((made - crops) ** 2).sum() / crops.numel(),
        load_perceptual(TRAINING.perceptual).double()(made, crops),
    )
    gradients = torch.autograd.grad(error + weight * seen, list(twin.parameters()))
    objective.step()
    ((_, numbers),) = objective.drain()
    assert numbers["loss_reconstruction"] == pytest.approx(error.item(), rel=1e-6)
    assert ("loss_perceptual" in numbers) is (weight > 0)
    assert numbers.get("loss_perceptual", seen.item()) == pytest.approx(seen.item(), rel=1e-6)
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


def test_a_block_keeps_a_path_around_its_convolutions_and_the_variance() -> None:
    block = DoublingBlock(24, 16).double()
    x = torch.randn(8, 24, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    made = block(x)
    assert made.shape == (8, 16, 32, 32)
    assert 0.3 < float(made.var()) < 1.5, "of maps of variance 1"
    with torch.no_grad():
        block.second.weight.zero_()
        around = torch.einsum("oi,niyx->noyx", block.around.weight[:, :, 0, 0], x) / math.sqrt(24 * 2)
    # away from the border StyleGAN2's filter is bilinear enlargement
    expected = torch.nn.functional.interpolate(around, scale_factor=2, mode="bilinear")
    assert torch.allclose(block(x)[:, :, 2:-2, 2:-2], expected[:, :, 2:-2, 2:-2])


@pytest.mark.parametrize("crop", [16, 64])
def test_its_work_is_what_pytorch_counts(crop: int) -> None:
    settings = PIXELS.changed(network={"crop": crop})
    model = Autoencoder(settings.network, CHANNELS)
    image = torch.zeros(1, CHANNELS, crop, crop)
    own = PASSES * counted(lambda: model(image))
    assert Autoencoding.work(settings, CHANNELS) == own
    perceived = TRAINING.changed(network={"crop": crop})
    assert Autoencoding.work(perceived, CHANNELS) == own + 3 * CHANNELS * crop**2 * operations(LITE, 2)


def test_it_learns_what_a_short_code_can_hold() -> None:
    settings = TRAINING.changed(batch=16, learning_rate=0.01, ema_half_life=200.0, perceptual={"maps": 1})
    objective = Autoencoding(Blobs(settings), settings, 1)
    held_out = Blobs(settings).batch(10**6, 0)[0]
    before = quality(objective, held_out)
    for _ in range(400):
        objective.step()
    after = quality(objective, held_out)
    assert before > 0.9, "an untrained one knows no more than the mean"
    assert after < 0.15, "a trained one explains most of what varies between crops it never saw"
    seen = [numbers["loss_perceptual"] for _, numbers in objective.drain()]
    assert np.mean(seen[-50:]) < 0.5 * np.mean(seen[:50]), "and looks more like them"


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


def test_the_perceptual_network_is_no_part_of_what_is_kept() -> None:
    whole, without = autoencoding(), autoencoding(PIXELS)
    for objective in (whole, without):
        objective.step()
    assert whole.state()["autoencoder"].keys() == without.state()["autoencoder"].keys()
    assert (
        set(whole.state())
        == set(without.state())
        == {
            *("step", "course", "autoencoder", "autoencoder_ema", "optimizer"),
        }
    )
    assert set(whole.model().networks) == {"autoencoder_ema", "autoencoder_raw"}
    assert sum(p.numel() for network in whole.trained for p in network.parameters()) == sum(
        p.numel() for p in whole.autoencoder.parameters()
    )


@pytest.mark.usefixtures("no_peak")
def test_other_weights_of_the_perceptual_network_make_another_training(tmp_path: Path) -> None:
    store, other = write_store(tmp_path), other_lite0_file(tmp_path / "other.pth")
    for pretrained in (None, packaged(LITE), other):
        into = tmp_path / "run"
        files = into / "weights.safetensors", into / "curve.parquet", into / "samples.png", into / "checkpoints"
        train([store], TRAINING.changed(images=16), 1, *files, objective="autoencoder", pretrained=pretrained)
    assert len(list(into.glob("checkpoints/*/training.json"))) == 2, "the same file by its path is the same"
    train([store], PIXELS.changed(images=16), 1, *files, objective="autoencoder", pretrained=other)
    train([store], PIXELS.changed(images=16), 1, *files, objective="autoencoder")
    assert len(list(into.glob("checkpoints/*/training.json"))) == 3, "without perceptual loss no file decides"


def test_missing_weights_of_the_perceptual_network_are_one_sentence_before_anything_is_made(tmp_path: Path) -> None:
    store, into = write_store(tmp_path), tmp_path / "run"
    files = into / "weights.safetensors", into / "curve.parquet", into / "samples.png", into / "checkpoints"
    with pytest.raises(
        PretrainedError, match=r"absent\.pth, the ImageNet weights of efficientnet_lite0, does not exist"
    ):
        train([store], TRAINING, 1, *files, objective="autoencoder", pretrained=tmp_path / "absent.pth")
    assert not into.exists()


@pytest.mark.usefixtures("no_peak")
def test_its_samples_are_of_sites_that_it_never_saw(tmp_path: Path) -> None:
    """Every site has a grey value of its own (with what little varies, so that none is constant): samples are of one site."""
    values = np.arange(6, dtype=np.uint8)[:, None, None, None] * 40
    pixels = values + np.random.default_rng(0).integers(0, 3, (6, 2, 32, 32), dtype=np.uint8)
    store = write_store(tmp_path, pixels=pixels)
    settings = TRAINING.changed(images=16, held_out=0.2, intensity="store")
    train_into(store, tmp_path / "run", settings, objective="autoencoder")
    with np.load(tmp_path / "run/samples.npz") as samples:
        seen = {round(float(crop.mean()) / 40) for crop in samples["real"]}
    assert len(seen) == 1
    train_into(store, tmp_path / "all", settings.changed(held_out=0.0), objective="autoencoder")
    with np.load(tmp_path / "all/samples.npz") as samples:
        assert len({round(float(crop.mean()) / 40) for crop in samples["real"]}) > 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"perceptual": {"maps": 5}},
            r"network\.crop \(16\) is too small for perceptual\.maps \(5\), which need 32 px",
        ),
        ({"perceptual": {"maps": 6}}, "less than or equal to 5"),
        ({"perceptual": {"weight": -1.0}}, "greater than or equal to 0"),
        ({"perceptual": {"network": "vgg16"}}, "efficientnet_lite0"),
        ({"engine": {"compile": True}}, r"engine\.compile is not for this network"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TRAINING.changed(**changes)


def test_the_full_size_trains_a_step_and_embeds(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recipe of paper.yaml with one image at a time: five channels, crops of 256 px, ResNet-50, a code of 1024."""
    config = read_config(repository / "config/paper.yaml")
    recipe = config.counterparts.conv_ae
    settings = recipe.changed(batch=1, engine={"precision": "float32"})
    assert (settings.crop, settings.network.code_dim) == (256, 1024)
    assert settings.perceptual.network is ImageNetNetwork.RESNET50
    weights = tmp_path / "resnet50.pth"
    torch.save(resnet50_file(), weights)
    scale = IntensityScale(("hoechst", "con_a", "phalloidin", "syto14", "wga"), (0.0,) * 5, (255.0,) * 5)

    class Images(Crops):
        def batch(self, step: int, course: int) -> list[torch.Tensor]:
            return [torch.randn(1, 5, 256, 256, generator=torch.Generator().manual_seed(step))]

    objective = Autoencoding(Images(settings, scale=scale), settings, 0, pretrained=weights)
    objective.step()
    ((_, numbers),) = objective.drain()
    assert math.isfinite(numbers["loss_reconstruction"])
    assert 0 < numbers["loss_perceptual"] < 4
    assert objective.not_finite() is None
    monkeypatch.setattr(passes, "TILE", 1)  # passes of one crop, not of sixteen: they do not depend on one another
    featurizer = AutoencoderFeaturizer(objective.model(), config.embeddings.changed(batch=1))
    pixels = np.random.default_rng(0).integers(0, 256, (1, 5, 512, 512), dtype=np.uint8)
    code = featurizer.embed(pixels)
    assert code.shape == (1, 1024)
    assert np.isfinite(code).all()
    crops = scale.apply(pixels).unfold(2, 256, 256).unfold(3, 256, 256).permute(0, 2, 3, 1, 4, 5).flatten(0, 2)
    with torch.inference_mode():
        expected = objective.autoencoder_ema.encode(crops).mean(dim=0)
    assert np.allclose(code[0], expected.numpy(), rtol=1e-3, atol=1e-4)
