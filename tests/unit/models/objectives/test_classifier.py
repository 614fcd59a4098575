"""The classifier: ArcFace by its definition, steps of groups, its arithmetic against PyTorch's counter, and that it learns."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from gandl.config import ClassifierSettings, Schedule
from gandl.config.files import read_config
from gandl.embeddings.classifier import ClassifierFeaturizer
from gandl.models.compute.ranks import Ranks
from gandl.models.crops.intensity import IntensityScale
from gandl.models.crops.supervision import Labels, Supervision, SupervisionError
from gandl.models.networks import passes
from gandl.models.networks.batch_norm import GroupedBatchNorm, settle
from gandl.models.networks.classifier import Classifier, TrainedClassifier
from gandl.models.networks.trained import seeded
from gandl.models.objectives.arcface import arcface_logits, arcface_loss
from gandl.models.objectives.classifier import PASSES, Classifying
from model_inputs import CLASSIFIER, SITES, Crops, counted, write_store
from training_runs import train_into

CHANNELS = 2
LABELS = Labels(("a", "b", "c"), np.arange(SITES) % 3, np.arange(SITES), np.arange(0))


def classifying(
    settings: ClassifierSettings = CLASSIFIER, dtype: torch.dtype = torch.float64, **more: object
) -> Classifying:
    return Classifying(Crops(settings), settings, 1, labels=LABELS, dtype=dtype, **more)  # type: ignore[arg-type]


def naive_arcface(
    embedding: torch.Tensor, weight: torch.Tensor, label: int, scale: float, margin: float
) -> torch.Tensor:
    """One image's loss by angles and sums, as Deng et al. (2019) write it."""
    angles = [torch.arccos(embedding @ row / (embedding.norm() * row.norm())) for row in weight]
    assert angles[label].item() + margin < math.pi
    logits = [scale * torch.cos(angle + margin * (k == label)) for k, angle in enumerate(angles)]
    return -(logits[label] - torch.log(sum(torch.exp(logit) for logit in logits)))  # type: ignore[arg-type]


def test_arcface_loss_and_gradients_are_those_of_its_definition() -> None:
    rng = torch.Generator().manual_seed(0)
    embedding, weight = (torch.randn(n, 5, generator=rng, dtype=torch.float64, requires_grad=True) for n in (6, 4))
    labels = torch.tensor([0, 1, 2, 3, 1, 0])
    for scale, margin in ((30.0, 0.5), (4.0, 0.1), (1.0, 0.0)):
        losses = [
            naive_arcface(one, weight, int(label), scale, margin) for one, label in zip(embedding, labels, strict=True)
        ]
        expected = sum(losses) / len(losses)
        ours = arcface_loss(F.normalize(embedding) @ F.normalize(weight).T, labels, scale, margin)
        assert torch.allclose(ours, expected, rtol=1e-12)
        for one, other in zip(
            torch.autograd.grad(ours, (embedding, weight)),
            torch.autograd.grad(expected, (embedding, weight)),
            strict=True,
        ):
            assert torch.allclose(one, other, rtol=1e-9, atol=1e-12)


def test_a_larger_angle_is_always_a_smaller_logit_and_gradients_stay_finite() -> None:
    cosines = torch.linspace(1, -1, 4001, dtype=torch.float64)[:, None].requires_grad_()
    logits = arcface_logits(cosines, torch.zeros(4001, dtype=torch.long), 30.0, 0.5)
    assert bool((logits.diff(dim=0) < 0).all())
    logits.sum().backward()
    assert bool(torch.isfinite(cosines.grad).all())  # type: ignore[arg-type]


def test_groups_are_normalised_alone_and_running_statistics_are_those_of_all_groups() -> None:
    x = torch.randn(8, 3, 4, 5, dtype=torch.float64)
    grouped = GroupedBatchNorm(3, 4, 0.1).double()
    with torch.no_grad():
        grouped.weight.uniform_(0.5, 2)
        grouped.bias.normal_()
    plain = torch.nn.BatchNorm2d(3, momentum=1.0).double()
    plain.load_state_dict(grouped.state_dict(), strict=False)
    made, means, variances = grouped(x), [], []
    for first in range(2):
        assert torch.allclose(made[first::2], plain(x[first::2]))
        means.append(plain.running_mean.clone())  # type: ignore[union-attr]
        variances.append(plain.running_var.clone())  # type: ignore[union-attr]
    assert float(grouped.running_mean.abs().sum()) == 0, "nothing moves before the step is settled"
    settle(grouped)
    assert torch.allclose(grouped.running_mean, 0.1 * torch.stack(means).mean(dim=0))
    assert torch.allclose(grouped.running_var, 0.9 + 0.1 * torch.stack(variances).mean(dim=0))
    settle(grouped)
    assert torch.allclose(grouped.running_mean, 0.1 * torch.stack(means).mean(dim=0)), "each group counts once"


def test_microbatches_make_the_step_of_the_whole_batch() -> None:
    whole, parts = classifying(), classifying(CLASSIFIER.changed(engine={"microbatch": 4}))
    for objective in (whole, parts):
        for _ in range(3):
            objective.step()
    for one, other in zip(whole.classifier.state_dict().values(), parts.classifier.state_dict().values(), strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-9)
    (_, one), (_, other) = whole.drain()[0], parts.drain()[0]
    assert one == pytest.approx(other, rel=1e-9)


def test_the_first_step_is_adam_on_both_losses_by_the_labels_of_the_sites() -> None:
    settings = CLASSIFIER.changed(channel_noise=0.0, weight_decay=0.01, images=1600)
    objective, twin = classifying(settings), classifying(settings).classifier
    crops = objective.loader.batch(0, 0)[0].double()
    labels = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])
    judged = twin(crops)
    cosines = F.normalize(judged.embedding) @ F.normalize(twin.directions.weight).T
    arcface = F.cross_entropy(arcface_logits(cosines, labels, 30.0, 0.5), labels)
    loss = 0.8 * F.cross_entropy(twin.softmax(judged.embedding), labels) + 0.1 * arcface
    gradients = torch.autograd.grad(loss, list(twin.parameters()))
    objective.step()
    for before, after, gradient in zip(twin.parameters(), objective.classifier.parameters(), gradients, strict=True):
        decayed = gradient + 0.01 * before
        expected = before - settings.learning_rate * decayed / (decayed.abs() + 1e-8)
        # where the gradient is nothing but rounding, so is its sign
        sure = decayed.abs() > 1e-10
        assert torch.allclose(after[sure], expected[sure], rtol=0, atol=1e-9)


def test_the_learning_rate_rises_and_follows_half_a_cosine() -> None:
    objective = classifying(CLASSIFIER.changed(warmup_images=16, images=80))
    rates = []
    for _ in range(10):
        objective.step()
        rates.append(objective._optimizer.param_groups[0]["lr"] / CLASSIFIER.learning_rate)
    assert rates[0] == pytest.approx(0.5)
    assert rates[5] == pytest.approx((1 + math.cos(math.pi / 2)) / 2)
    assert rates[-1] < 0.05
    constant = classifying(CLASSIFIER.changed(schedule=Schedule.CONSTANT))
    constant.step()
    assert constant._optimizer.param_groups[0]["lr"] == CLASSIFIER.learning_rate


@pytest.mark.parametrize(("crop", "blocks"), [(16, [2, 1]), (64, [1, 3, 2])])
def test_its_work_is_what_pytorch_counts(crop: int, blocks: list[int]) -> None:
    settings = CLASSIFIER.changed(network={"crop": crop, "blocks": blocks, "init_features": 8, "growth": 4})
    model = Classifier(settings.network, CHANNELS, 3).eval()
    image = torch.zeros(1, CHANNELS, crop, crop)
    assert Classifying.work(settings, CHANNELS) == PASSES * counted(lambda: model.embed(image))


def test_scores_of_places_are_those_of_the_image_in_the_mean() -> None:
    with seeded(0):
        model = Classifier(CLASSIFIER.network, CHANNELS, 3).double()
        images = torch.randn(4, CHANNELS, 32, 32, dtype=torch.float64)
        model(images)
    settle(model)
    model.eval()
    judged = model(images)
    assert torch.allclose(model.places(images).mean(dim=(2, 3)), judged.logits)
    assert judged.cosines.abs().max() <= 1 + 1e-12
    assert torch.allclose(model.embed(images[2:3]), judged.embedding[2:3])


class Stripes(Crops):
    """Crops whose label is the direction of faint stripes under noise."""

    def batch(self, step: int, course: int) -> list[torch.Tensor]:
        rng = torch.Generator().manual_seed(step)
        wave = torch.sin(torch.arange(16.0) * 1.5)
        stripes = [wave[:, None].expand(16, 16), wave.expand(16, 16), torch.zeros(16, 16)]
        (sites,) = self.sites(step, course)
        kinds = sites % 3
        noise = torch.randn(self.settings.batch, 2, 16, 16, generator=rng)
        return [torch.stack([stripes[kind] for kind in kinds])[:, None] * 0.7 + noise]

    def sites(self, step: int, course: int) -> list[torch.Tensor]:
        """At random: images of one label must not be a group, or normalisation would hide it."""
        return [torch.randint(SITES, (self.settings.batch,), generator=torch.Generator().manual_seed(step + 1))]


def test_it_learns_what_crops_show() -> None:
    settings = CLASSIFIER.changed(batch=24, images=2400, learning_rate=0.01, ema_half_life=100.0)
    objective = Classifying(Stripes(settings), settings, 1, labels=LABELS)
    held_out, labels = Stripes(settings).batch(10**6, 0)[0], Stripes(settings).sites(10**6, 0)[0] % 3

    def accuracy() -> float:
        model = objective.model()
        assert isinstance(model, TrainedClassifier)
        judged = model.classifier_ema(held_out)
        both = torch.stack([judged.logits.argmax(dim=1) == labels, judged.cosines.argmax(dim=1) == labels])
        return float(both.float().mean(dim=1).min())

    before = accuracy()
    for _ in range(100):
        objective.step()
    assert before < 0.7
    assert accuracy() > 0.9, "by both heads, with running statistics"


def test_without_labels_it_does_not_begin(tmp_path: Path) -> None:
    with pytest.raises(SupervisionError, match="the objective classifier learns from labels, and none were given"):
        Classifying(Crops(CLASSIFIER), CLASSIFIER, 1)
    Supervision(pd.DataFrame({"site_id": ["x", "y"], "label": ["a", "b"], "part": "train"}))


def test_fewer_images_than_a_batch_are_reported_and_trained_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = write_store(tmp_path)
    with caplog.at_level("WARNING", logger="gandl"):
        train_into(store, tmp_path / "run", CLASSIFIER.changed(images=16, weights="last"), objective="classifier")
    assert "training on 4 images, fewer than a batch of 8 (counterparts.baseline.batch)" in caplog.text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": {"norm_group": 1}}, "norm_group\n.*greater than or equal to 2"),
        ({"learning_rate": math.inf}, "learning_rate\n.*finite number"),
        ({"batch": 10}, r"batch \(10\) must be a multiple of norm_group \(4\)"),
        ({"engine": {"microbatch": 2}}, "must be a multiple of norm_group"),
        ({"engine": {"compile": True}}, "engine.compile is not for this network"),
        ({"softmax_weight": 0.0, "arcface_weight": 0.0}, "nothing would be learned"),
        ({"weights": "best_probe"}, "best_probe needs probe"),
        ({"network": {"blocks": [1] * 4}}, r"crop \(16\) is too small for 4 blocks, which need 32 px"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CLASSIFIER.changed(**changes)


def test_the_full_size_trains_a_step_and_embeds(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipe of paper.yaml with two images at a time: DenseNet-161 at 512 px with five channels and 1,139 classes."""
    config = read_config(repository / "config/paper.yaml")
    recipe = config.counterparts.baseline
    settings = recipe.changed(batch=2, network={"norm_group": 2}, engine={"precision": "float32", "microbatch": 0})
    assert (settings.crop, settings.network.embedding_dim) == (512, 1024)
    names = tuple(str(number) for number in range(1139))
    labels = Labels(names, np.array([7, 1138]), np.arange(2), np.arange(0))

    class Images(Crops):
        scale = IntensityScale(("hoechst", "con_a", "phalloidin", "syto14", "wga"), (0.0,) * 5, (255.0,) * 5)

        def batch(self, step: int, course: int) -> list[torch.Tensor]:
            return [torch.randn(2, 5, 512, 512, generator=torch.Generator().manual_seed(step))]

    objective = Classifying(Images(settings, Ranks(), Images.scale), settings, 0, labels=labels)
    assert objective.classifier.pooled_dim == 2208
    densenet_161, heads = 28_681_000 - 2208 * 1000 - 1000, 2208 * 1024 + 2 * (2208 + 1024) + 1139 * (2 * 1024 + 1)
    more_channels = 2 * 7 * 7 * 96
    parameters = sum(parameter.numel() for parameter in objective.classifier.parameters())
    assert parameters == densenet_161 + more_channels + heads, "as published for ImageNet, 28,681,000"
    objective.step()
    ((_, numbers),) = objective.drain()
    assert math.isfinite(numbers["loss_softmax"])
    assert objective.not_finite() is None
    monkeypatch.setattr(passes, "TILE", 1)  # a pass of one image, not of sixteen: they do not depend on one another
    featurizer = ClassifierFeaturizer(objective.model(), config.embeddings.changed(batch=1))
    pixels = np.random.default_rng(0).integers(0, 256, (1, 5, 512, 512), dtype=np.uint8)
    embedding = featurizer.embed(pixels)
    assert embedding.shape == (1, 1024)
    assert np.isfinite(embedding).all()
    with torch.inference_mode():
        seen = Images.scale.apply(pixels)
        assert np.allclose(embedding, objective.classifier_ema.embed(seen).numpy(), rtol=1e-3, atol=1e-4)
