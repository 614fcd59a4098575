"""Training: what it makes, what it does not touch, what it refuses, and that nothing is lost when it is killed."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from gandl.images.store_reader import ImageStore
from gandl.models.compute.ema import MovingAverage
from gandl.models.crops.crop_sampler import CropError
from gandl.models.crops.intensity import IntensityScale, measure_scale
from gandl.models.engine import training
from gandl.models.engine.checkpoint import CheckpointError, fingerprint
from gandl.models.engine.looks import look_images
from gandl.models.engine.training import train
from gandl.models.networks.discriminator import Discriminator
from gandl.models.networks.gan import TrainedGan, untrained
from gandl.models.networks.weights import load
from gandl.models.objectives.gan import Gan
from gandl.tables import CURVE, read_table
from model_inputs import NETWORK, write_store
from training_runs import SEED, TRAINING, assert_same, no_peak, rows_of, steps_kept, tensors, train_into as run

__all__ = ["no_peak"]

pytestmark = pytest.mark.usefixtures("no_peak")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def unbroken(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a training of 20 steps that nothing disturbed."""
    folder = tmp_path_factory.mktemp("unbroken")
    run(store, folder)
    return folder


def test_training_makes_weights_a_curve_and_samples(store: Path, unbroken: Path) -> None:
    model = load(unbroken / "weights.safetensors")
    assert (model.images_seen, model.seed, model.channels) == (160, SEED, ["gfp", "dna"])
    assert model.pixel_size_um == 0.5
    assert model.settings == TRAINING
    metrics = set(read_table(unbroken / "curve.parquet", CURVE)["metric"])
    wanted = {
        "loss_generator",
        "loss_discriminator",
        "real_logit",
        "fake_logit",
        "r1",
        "path_length",
        "images_per_second",
    }
    assert wanted <= metrics
    assert (unbroken / "samples.png").read_bytes().startswith(b"\x89PNG")
    with np.load(unbroken / "samples.npz") as samples:
        assert samples["real"].shape == samples["fake"].shape == (16, 2, 16, 16)
        pixels = model.scale.invert(model.scale.apply(ImageStore(store).sites(slice(None), 32)))
        windows = np.lib.stride_tricks.sliding_window_view(pixels, (16, 16), axis=(2, 3))
        for real in samples["real"]:
            there = np.isclose(windows, real[None, :, None, None], rtol=1e-4, atol=0.01)
            assert there.all(axis=(1, 4, 5)).any(), "real crops are not the store's"
        assert samples["channels"].tolist() == ["gfp", "dna"]


def test_every_network_moves_and_the_average_is_not_the_raw_one(unbroken: Path, store: Path) -> None:
    model = load(unbroken / "weights.safetensors")
    start = untrained(TRAINING, measure_scale([ImageStore(store)], 32, TRAINING.intensity), SEED)
    for name, network in model.networks.items():
        first = start.networks[name].state_dict()
        still = [key for key, tensor in network.state_dict().items() if torch.equal(tensor, first[key])]
        assert still == [], f"{name} did not move"
    raw, ema = model.discriminator_raw.state_dict(), model.discriminator_ema.state_dict()
    assert not torch.equal(raw["last.weight"], ema["last.weight"])


def test_checkpoints_of_other_settings_are_not_taken_over_and_the_log_says_why(
    store: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(store, tmp_path, TRAINING.model_copy(update={"images": 16}))
    with caplog.at_level("INFO", logger="gandl"):
        run(store, tmp_path, TRAINING.model_copy(update={"images": 16, "r1_gamma": 5.0}))
    assert len(list(tmp_path.glob("checkpoints/*/training.json"))) == 2
    assert "another training (settings.r1_gamma: 50.0 there, 5.0 here): this one starts from scratch" in caplog.text


def test_checkpoints_know_the_order_of_the_stores_and_every_one_of_them(store: Path, tmp_path: Path) -> None:
    """Crops are drawn by numbers that count through all stores; and two stores of one name are still two."""
    (tmp_path / "other").mkdir()
    namesake = write_store(tmp_path / "other", name="S_1", seed=1)
    one, other = ImageStore(store), ImageStore(namesake)
    orders = [[one, other], [other, one], [one, one], [other, other], [one], [other]]
    names = {fingerprint(training.what_decides(Gan, stores, TRAINING, SEED, None)) for stores in orders}
    assert len(names) == len(orders)


@pytest.mark.parametrize("looks", [1, 2, 5])
def test_the_last_look_is_at_the_end(looks: int) -> None:
    at = look_images(TRAINING.model_copy(update={"looks": looks, "images": 157}))
    assert len(at) == looks
    assert at == sorted(at)
    assert at[-1] == 160


def test_a_planted_divergence_is_caught_and_rolled_back(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Gan.step

    def diverging(self: Gan) -> None:
        if self.course == 0 and self.step_number >= 12:
            self.adversaries.set_learning_rate(1000 * self.learning_rate)
        step(self)

    monkeypatch.setattr(Gan, "step", diverging)
    weights = run(store, tmp_path, TRAINING.model_copy(update={"images": 360}))
    ((caught, course),) = rows_of(tmp_path, "roll_back")
    assert course == 1
    assert 12 < caught <= 12 + 32
    assert all(bool(torch.isfinite(tensor).all()) for tensor in tensors(weights).values())


def test_the_probe_looks_at_logarithmic_intervals_and_touches_nothing(
    store: Path, unbroken: Path, tmp_path: Path
) -> None:
    def probe(discriminator: Discriminator, scale: IntensityScale) -> float:
        assert not discriminator.training
        assert scale.channels == ("gfp", "dna")
        return float(sum(parameter.abs().sum() for parameter in discriminator.parameters()))

    assert_same(run(store, tmp_path, probe=probe), unbroken / "weights.safetensors")
    curve = read_table(tmp_path / "curve.parquet", CURVE)
    looked = curve.loc[curve["metric"] == "probe_z_prime", "images"].tolist()
    assert looked[-1] == TRAINING.images
    assert looked == sorted(set(looked))
    gaps = np.diff(np.log(looked))
    assert 4 <= len(looked) <= TRAINING.looks
    assert gaps.max() < 3 * np.median(gaps)


def looked_at(folder: Path) -> list[float]:
    curve = read_table(folder / "curve.parquet", CURVE)
    return curve.loc[curve["metric"] == "probe_z_prime", "value"].tolist()


def test_another_probe_looks_again_and_leaves_the_weights_the_same(store: Path, tmp_path: Path) -> None:
    settings = TRAINING.model_copy(update={"images": 80})
    first = tensors(run(store, tmp_path, settings, lambda *_: 0.25, "splits of yesterday"))
    assert set(looked_at(tmp_path)) == {0.25}
    second = tensors(run(store, tmp_path, settings, lambda *_: 0.5, "splits of today"))
    assert all(torch.equal(second[name], first[name]) for name in first)
    assert set(looked_at(tmp_path)) == {0.5}
    run(store, tmp_path, settings)
    assert looked_at(tmp_path) == []


def test_the_same_probe_goes_on_from_its_checkpoint(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = TRAINING.model_copy(update={"images": 80})
    run(store, tmp_path, settings, lambda *_: 0.25, "one")
    monkeypatch.setattr(Gan, "step", lambda self: pytest.fail("it trained again"))
    run(store, tmp_path, settings, lambda *_: 0.25, "one")
    assert set(looked_at(tmp_path)) == {0.25}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: {"stores": []}, "at least one image store"),
        (lambda folder: {"resolution": 64}, r"holds no images of 64 px .* only of 32, 16 px"),
        (lambda folder: {"crop": 32, "resolution": 16}, "images of 16 x 16 px .* smaller than a crop of 32 px"),
        (
            lambda folder: {"extra": write_store(folder, name="B", channels=("dna", "gfp"))},
            r"B\.zarr holds the channels dna, gfp, but .*A\.zarr holds gfp, dna",
        ),
        (lambda folder: {"extra": write_store(folder, name="B", dtype="uint16")}, r"B\.zarr holds uint16 .* uint8"),
    ],
)
def test_stores_that_cannot_be_trained_on_are_refused_at_the_door(
    tmp_path: Path, change: Callable[[Path], dict], message: str
) -> None:
    stores = [write_store(tmp_path, name="A")]
    given = change(tmp_path)
    network = NETWORK.model_copy(update={"crop": given.get("crop", 16)})
    settings = TRAINING.model_copy(update={"network": network, "resolution": given.get("resolution", 32)})
    stores = given.get("stores", stores + ([given["extra"]] if "extra" in given else []))
    with pytest.raises(CropError, match=message):
        train(stores, settings, 0, *(tmp_path / name for name in ("w", "c", "s.png", "k")))
    assert not (tmp_path / "k").exists()


def test_an_average_forgets_half_in_its_half_life() -> None:
    network = nn.Linear(1, 1)
    network.register_buffer("level", torch.zeros(()))
    for tensor in [*network.parameters(), *network.buffers()]:
        tensor.data.zero_()
    average = MovingAverage(network, half_life=64, rampup=0)
    for tensor in [*network.parameters(), *network.buffers()]:
        tensor.data.fill_(1.0)
    for step in range(16):
        average.update(network, images_seen=8 * step, batch=8)
        expected = 1 - 0.5 ** ((step + 1) * 8 / 64)
        for tensor in [*average.average.parameters(), *average.average.buffers()]:
            assert tensor.mean().item() == pytest.approx(expected, rel=1e-5)


def test_the_half_life_ramps_up_with_the_images_seen() -> None:
    average = MovingAverage(nn.Linear(1, 1), half_life=100, rampup=0.05)
    assert average.decay(0, 16) == 0
    assert average.decay(400, 10) == pytest.approx(0.5 ** (10 / 20))
    assert average.decay(2_000, 10) == average.decay(10**9, 10) == pytest.approx(0.5 ** (10 / 100))


def test_a_full_disk_while_a_checkpoint_is_written_leaves_the_one_before(
    store: Path, unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, calls = Path.write_bytes, []

    def full(self: Path, data: bytes) -> int:
        calls.append(self)
        if len(calls) == 2:
            write(self, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(
        CheckpointError, match=r"No space left on device.*Free some space there .* that of step 10 is kept"
    ):
        run(store, tmp_path)
    assert steps_kept(tmp_path) == [(0, 10)]
    assert list(tmp_path.glob("checkpoints/**/.*partial")) == []
    assert not (tmp_path / "weights.safetensors").exists()
    monkeypatch.undo()
    assert_same(run(store, tmp_path), unbroken / "weights.safetensors")


@pytest.mark.parametrize("fast", [True, False])
def test_auto_names_the_precision_that_it_took_in_log_and_weights(
    store: Path, tmp_path: Path, fast: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(training, "has_fast_bfloat16", lambda: fast)
    monkeypatch.setattr("gandl.models.compute.device.has_fast_bfloat16", lambda: fast)
    settings = TRAINING.changed(images=16, looks=1, engine={"precision": "auto"})
    with caplog.at_level(logging.INFO):
        weights = run(store, tmp_path, settings)
    taken = "bfloat16" if fast else "float32"
    assert load(weights).settings.engine.precision == taken
    assert f"training.engine.precision auto: {taken}" in caplog.text


def test_an_observer_sees_every_look_and_what_it_says_stands_in_the_curve(
    store: Path, unbroken: Path, tmp_path: Path
) -> None:
    seen = []

    def observer(model: TrainedGan) -> dict[str, float]:
        seen.append(model.images_seen)
        return {"seen_by_observer": float(model.images_seen)}

    weights = tmp_path / "weights.safetensors"
    places = tmp_path / "curve.parquet", tmp_path / "samples.png", tmp_path / "checkpoints"
    train([store], TRAINING, SEED, weights, *places, observer=observer)
    curve = read_table(places[0], CURVE)
    assert curve.loc[curve["metric"] == "seen_by_observer", "value"].tolist() == [float(images) for images in seen]
    assert len(seen) == len(set(seen)) == TRAINING.looks
    assert_same(weights, unbroken / "weights.safetensors")


def test_a_contrastive_training_continues_where_it_was_killed(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = TRAINING.changed(contrast={"pairs": "well"}, images=96, checkpoint_images=32)
    whole = run(store, tmp_path / "whole", settings)
    step = Gan.step

    def killed(self: Gan) -> None:
        if self.step_number == 7:
            raise KeyboardInterrupt
        step(self)

    with monkeypatch.context() as patch:
        patch.setattr(Gan, "step", killed)
        with pytest.raises(KeyboardInterrupt):
            run(store, tmp_path / "parts", settings)
    assert_same(run(store, tmp_path / "parts", settings), whole)
