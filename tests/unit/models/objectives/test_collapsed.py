"""ImageNet-collapsed: one step against one written out, what is frozen, its arithmetic, and that it learns."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from gandl.config import CollapsedSettings, ImageNetNetwork, Precision
from gandl.images.store_reader import ImageStore
from gandl.models.crops.supervision import Labels, Supervision
from gandl.models.engine.training import train
from gandl.models.engine.worker import TrainingJob, work
from gandl.models.looks.collapsed import values_of
from gandl.models.networks.collapsed import TrainedCollapsed
from gandl.models.networks.imagenet.pretrained import load_pretrained
from gandl.models.networks.imagenet.weights import packaged
from gandl.models.networks.weights import load
from gandl.models.objectives.collapsed import Collapsing
from gandl.tables import CURVE, LABELS as LABEL_TABLE, read_table, write_table
from gandl.workflow.files import sha256_of
from imagenet_files import densenet121_file, other_lite0_file
from model_inputs import COLLAPSED, SITES, Crops, write_store
from training_runs import labels_of, no_peak

__all__ = ["no_peak"]

LABELS = Labels(("a", "b", "c"), np.arange(SITES) % 3, np.arange(SITES), np.arange(0))


def collapsing(settings: CollapsedSettings = COLLAPSED, dtype: torch.dtype = torch.float64) -> Collapsing:
    return Collapsing(Crops(settings), settings, 1, labels=LABELS, dtype=dtype)


def test_the_first_step_is_adam_on_the_cross_entropy_of_the_labels_of_the_sites() -> None:
    objective = collapsing()
    twin = copy.deepcopy(objective.collapsed)
    backbone = load_pretrained(COLLAPSED.imagenet).double()
    crops = objective.loader.batch(0, 0)[0].double()
    mixed = torch.einsum("dc,ncyx->ndyx", twin.collapse.weight[:, :, 0, 0], crops) + twin.collapse.bias[:, None, None]  # type: ignore[index]
    pooled = backbone.maps(1 / (1 + torch.exp(-2 * mixed)))[-1].mean(dim=(2, 3))
    logits = pooled @ twin.head.weight.T + twin.head.bias
    loss = F.cross_entropy(logits, torch.tensor([0, 1, 2, 0, 1, 2, 0, 1]))
    gradients = torch.autograd.grad(loss, list(twin.parameters()))
    objective.step()
    assert len(gradients) == 4
    for before, after, gradient in zip(twin.parameters(), objective.collapsed.parameters(), gradients, strict=True):
        expected = before - COLLAPSED.learning_rate * gradient / (gradient.abs() + 1e-8)
        sure = gradient.abs() > 1e-9  # where the gradient is nothing but rounding, so is its sign
        assert torch.allclose(after[sure], expected[sure], rtol=0, atol=1e-7)


def test_microbatches_make_the_step_of_the_whole_batch() -> None:
    whole, parts = collapsing(), collapsing(COLLAPSED.changed(engine={"microbatch": 4}))
    for objective in (whole, parts):
        for _ in range(3):
            objective.step()
    for one, other in zip(whole.collapsed.parameters(), parts.collapsed.parameters(), strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-8)


def test_the_network_of_imagenet_never_changes_and_is_not_in_the_weights() -> None:
    objective = collapsing(dtype=torch.float32)
    for _ in range(3):
        objective.step()
    published = load_pretrained(COLLAPSED.imagenet).state_dict()
    for name, tensor in objective.backbone.state_dict().items():
        assert torch.equal(tensor, published[name]), name
    held = sum(
        tensor.numel() for network in objective.model().networks.values() for tensor in network.state_dict().values()
    )
    assert held == 2 * (2 * 3 + 3 + 1280 * 3 + 3)


def test_colours_are_between_0_and_1_and_depend_on_their_pixel_alone() -> None:
    network = collapsing().collapsed
    images = 5 * torch.randn(2, 2, 8, 8, dtype=torch.float64)
    colours = network.colours(images)
    assert colours.shape == (2, 3, 8, 8)
    assert colours.min() >= 0
    assert colours.max() <= 1
    changed = images.clone()
    changed[0, :, 3, 4] += 1
    moved = (network.colours(changed) != colours).any(dim=1).nonzero()
    assert moved.tolist() == [[0, 3, 4]]


def test_what_three_colours_keep_of_two_channels_is_all_of_them() -> None:
    model = collapsing(dtype=torch.float32).model()
    real = torch.randn(3, 2, 8, 8)
    assert torch.allclose(model.beside(real, 0), real, atol=1e-4)
    assert model.way(real, 0).shape == (11, 2, 8, 8)


def test_its_work_is_what_pytorch_counts() -> None:
    settings = COLLAPSED.changed(network={"crop": 32})
    objective = collapsing(settings, torch.float32)
    counter = FlopCounterMode(display=False)
    with counter:
        F.cross_entropy(
            objective.collapsed.logits(torch.randn(1, 2, 32, 32), objective.backbone), torch.tensor([0])
        ).backward()
    # PyTorch counts the gradients of frozen weights as well only where they are computed: here they are not
    assert Collapsing.work(settings, 2) == pytest.approx(counter.get_total_flops(), rel=0.02)


def test_of_equally_accurate_weights_the_lower_loss_is_the_better_quality() -> None:
    right = np.array([0, 1, 1, 0])
    sure, unsure, worse = np.eye(2)[right] * 4, np.eye(2)[right] * 0.1, np.eye(2)[right] * 50
    worse[0] = worse[0, ::-1]
    qualities = []
    for logits in (sure, unsure, worse):
        found = values_of(logits, right)
        assert found["accuracy"] == (logits.argmax(axis=1) == right).mean()
        qualities.append(found["quality"])
        assert 0 <= found["quality"] - (1 - found["accuracy"]) < 1 / len(right), "a loss is less than a site"
    assert qualities == sorted(qualities)
    assert len(set(qualities)) == 3


def train_labelled(store: Path, into: Path, settings: CollapsedSettings, pretrained: Path | None = None) -> Path:
    files = into / "weights.safetensors", into / "curve.parquet", into / "samples.png", into / "checkpoints"
    train([store], settings, 1, *files, objective="collapsed", supervision=labels_of(store), pretrained=pretrained)
    return files[0]


@pytest.mark.usefixtures("no_peak")
def test_other_weights_of_its_network_make_another_training(tmp_path: Path) -> None:
    store, other = write_store(tmp_path), other_lite0_file(tmp_path / "other.pth")
    own = packaged(COLLAPSED.imagenet)
    settings = COLLAPSED.changed(images=16, looks=1)
    for pretrained in (None, own, other):
        train_labelled(store, tmp_path / "run", settings, pretrained)
    kept = [json.loads(path.read_text())["pretrained"] for path in tmp_path.glob("run/checkpoints/*/training.json")]
    assert sorted(kept) == sorted(sha256_of(path) for path in (own, other)), "the same file by its path is the same"


@pytest.mark.usefixtures("no_peak")
def test_settings_that_are_copied_keep_the_weights_of_its_network(tmp_path: Path) -> None:
    """`auto` makes copies of settings, a training of several processes is read from a file; DenseNet comes with no package."""
    store, weights = write_store(tmp_path), tmp_path / "densenet121.pth"
    torch.save(densenet121_file(), weights)
    labels, into = tmp_path / "labels.parquet", tmp_path / "run"
    write_table(labels_of(store).table, labels, LABEL_TABLE)
    job = TrainingJob(
        stores=(store,),
        settings=COLLAPSED.changed(
            network={"crop": 32}, images=8, looks=1, imagenet="densenet121", engine={"precision": "auto"}
        ),
        seed=1,
        weights=into / "weights.safetensors",
        curve=into / "curve.parquet",
        samples=into / "samples.png",
        checkpoints=into / "checkpoints",
        objective="collapsed",
        labels=labels,
        pretrained=weights,
    )
    work(TrainingJob.model_validate_json(job.model_dump_json()))
    model = load(job.weights, TrainedCollapsed)
    assert model.settings.imagenet is ImageNetNetwork.DENSENET121
    assert model.settings.engine.precision is not Precision.AUTO


def test_it_learns_to_tell_one_channel_from_the_other(tmp_path: Path) -> None:
    """Checks in one channel or in the other; the right weights are the ones with the best accuracy on unseen sites."""
    rng = np.random.default_rng(0)
    squares = np.kron(np.indices((8, 8)).sum(axis=0) % 2, np.ones((4, 4)))
    pixels = rng.integers(0, 60, size=(24, 2, 32, 32))
    for site in range(24):
        pixels[site, site % 2] += (150 * squares).astype(int)
    store = write_store(tmp_path, sites=24, pixels=pixels.astype(np.uint8))
    ids = list(ImageStore(store).site_ids)
    table = pd.DataFrame({"site_id": ids, "label": ["a", "b"] * 12, "part": ["train"] * 16 + ["validation"] * 8})
    settings = COLLAPSED.changed(network={"crop": 32}, images=320, learning_rate=0.003, intensity="store")
    weights = tmp_path / "weights.safetensors"
    train(
        [store],
        settings,
        0,
        weights,
        tmp_path / "curve.parquet",
        tmp_path / "samples.png",
        tmp_path / "checkpoints",
        objective="collapsed",
        supervision=Supervision(table),
    )
    curve = read_table(tmp_path / "curve.parquet", CURVE)
    accuracy = curve[curve["metric"] == "accuracy"].set_index("images")["value"]
    assert accuracy.max() == 1
    losses = curve[curve["metric"] == "validation_loss"].set_index("images")["value"]
    assert load(weights).images_seen == losses[accuracy == 1].idxmin(), "of the most accurate those of the lowest loss"
