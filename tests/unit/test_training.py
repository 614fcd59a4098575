"""Training: what it makes, what it does not touch, what it refuses, and that nothing is lost when it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from gandl.config import TrainingSettings
from gandl.images.store import ImageStore
from gandl.locks import LockedError, exclusive
from gandl.models.crops import CropError
from gandl.models.discriminator import Discriminator
from gandl.models.ema import MovingAverage
from gandl.models.intensity import IntensityScale, measure_scale
from gandl.models.trainer import Probe, Trainer, TrainingError
from gandl.models.training import train
from gandl.models.weights import load, untrained
from gandl.tables import CURVE, read_table
from model_inputs import NETWORK, TRAINING, write_store

SEED = 1


def run(
    store: Path,
    folder: Path,
    settings: TrainingSettings = TRAINING,
    probe: Probe | None = None,
    probe_id: str = "",
) -> Path:
    """Train into a folder; gives the weights' path."""
    weights = folder / "weights.safetensors"
    train(
        [store],
        settings,
        SEED,
        weights,
        folder / "curve.parquet",
        folder / "samples.png",
        folder / "checkpoints",
        probe,
        probe_id,
    )
    return weights


def tensors(weights: Path) -> dict[str, torch.Tensor]:
    model = load(weights)
    return {f"{name}.{key}": t for name, part in model.networks.items() for key, t in part.state_dict().items()}


def assert_same(one: Path, two: Path) -> None:
    first, second = tensors(one), tensors(two)
    assert first.keys() == second.keys()
    different = [name for name in first if not torch.equal(first[name], second[name])]
    assert different == []


def losses(folder: Path) -> list[tuple]:
    curve = read_table(folder / "curve.parquet", CURVE)
    return list(curve[curve["metric"] != "images_per_second"].itertuples(index=False, name=None))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def unbroken(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a training of 20 steps that nothing disturbed."""
    folder = tmp_path_factory.mktemp("unbroken")
    run(store, folder)
    return folder


@pytest.fixture
def trainer(store: Path) -> Trainer:
    return Trainer([ImageStore(store)], TRAINING, SEED)


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


def test_training_again_gives_the_same_bits_whatever_the_global_generators_hold(
    store: Path, unbroken: Path, tmp_path: Path
) -> None:
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002 (the global generator is what must not matter)
    assert_same(run(store, tmp_path), unbroken / "weights.safetensors")
    assert losses(tmp_path) == losses(unbroken)


def test_another_seed_gives_another_model(store: Path, unbroken: Path, tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    train([store], TRAINING, SEED + 1, weights, tmp_path / "c.parquet", tmp_path / "s.png", tmp_path / "checkpoints")
    ours, others = tensors(weights), tensors(unbroken / "weights.safetensors")
    assert not torch.equal(ours["discriminator_ema.logit.weight"], others["discriminator_ema.logit.weight"])


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from model_inputs import TRAINING
from gandl.models import checkpoint, training

def at_step():
    step = training.Trainer.step
    def killed(self):
        step(self)
        if self.step_number == 13:
            os.kill(os.getpid(), signal.SIGKILL)
    training.Trainer.step = killed

def in_checkpoint():
    check, calls = checkpoint.sha256_of, []
    def killed(path):
        calls.append(path)
        if len(calls) == 2:
            os.truncate(path, 1000)
            os.kill(os.getpid(), signal.SIGKILL)
        return check(path)
    checkpoint.sha256_of = killed

def before_weights():
    training.save = lambda *a: os.kill(os.getpid(), signal.SIGKILL)

locals()[sys.argv[4]]()
folder = Path(sys.argv[2])
training.train([Path(sys.argv[1])], TRAINING, 1, folder / "weights.safetensors", folder / "curve.parquet",
               folder / "samples.png", folder / "checkpoints")
"""


@pytest.mark.parametrize("moment", ["at_step", "in_checkpoint", "before_weights"])
def test_a_killed_training_goes_on_to_the_same_bits(store: Path, unbroken: Path, tmp_path: Path, moment: str) -> None:
    helpers = str(Path(__file__).parents[1])
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(store), str(tmp_path), helpers, moment], capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert not (tmp_path / "weights.safetensors").exists()
    assert len(list(tmp_path.glob("checkpoints/*/*.pt"))) >= 1
    assert_same(run(store, tmp_path), unbroken / "weights.safetensors")
    assert losses(tmp_path) == losses(unbroken)
    assert list(tmp_path.glob("checkpoints/**/.*partial")) == []


def test_a_finished_training_ends_at_once_by_its_checkpoint(
    store: Path, unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(store, tmp_path)
    (tmp_path / "weights.safetensors").unlink()
    monkeypatch.setattr(Trainer, "step", lambda self: pytest.fail("it trained again"))
    assert_same(run(store, tmp_path), unbroken / "weights.safetensors")


def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    store: Path, unbroken: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(store, tmp_path)
    first, last = sorted(tmp_path.glob("checkpoints/*/*.pt"))
    damaged = bytearray(last.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    last.write_bytes(damaged)
    with caplog.at_level("INFO", logger="gandl"):
        assert_same(run(store, tmp_path), unbroken / "weights.safetensors")
    assert f"{last} is damaged" in caplog.text
    assert f"step {int(first.name.split('-')[0])}" in caplog.text


def test_two_checkpoints_are_kept(store: Path, tmp_path: Path) -> None:
    run(store, tmp_path, TRAINING.model_copy(update={"checkpoint_images": 16, "images": 80}))
    assert [int(path.name.split("-")[0]) for path in sorted(tmp_path.glob("checkpoints/*/*.pt"))] == [8, 10]


def test_checkpoints_of_other_settings_are_not_taken_over(store: Path, tmp_path: Path) -> None:
    run(store, tmp_path, TRAINING.model_copy(update={"images": 16}))
    run(store, tmp_path, TRAINING.model_copy(update={"images": 16, "r1_gamma": 5.0}))
    assert len(list(tmp_path.glob("checkpoints/*/training.json"))) == 2


def test_the_same_training_twice_at_once_is_refused(store: Path, tmp_path: Path) -> None:
    settings = TRAINING.model_copy(update={"images": 16})
    run(store, tmp_path, settings)
    (folder,) = (path.parent for path in tmp_path.glob("checkpoints/*/training.json"))
    with exclusive(folder), pytest.raises(LockedError, match="another process"):
        run(store, tmp_path, settings)


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_a_weight_that_is_not_a_number_stops_training_and_leaves_a_good_checkpoint(
    store: Path, unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: str
) -> None:
    step = Trainer.step

    def poisoned(self: Trainer) -> None:
        step(self)
        if self.step_number == 14:
            next(getattr(self, network).parameters()).data.fill_(float("nan"))

    monkeypatch.setattr(Trainer, "step", poisoned)
    with pytest.raises(TrainingError, match=r"step 15 \(112 images\): loss_\w+ is nan\. Lower training\.learning_rate"):
        run(store, tmp_path)
    assert not (tmp_path / "weights.safetensors").exists()
    monkeypatch.setattr(Trainer, "step", step)
    assert_same(run(store, tmp_path), unbroken / "weights.safetensors")


def test_a_state_with_a_weight_that_is_not_a_number_never_becomes_a_checkpoint(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Trainer.step

    def poisoned(self: Trainer) -> None:
        step(self)
        if self.step_number == 10:
            self.generator.blocks[0].first.bias.data[0] = float("inf")

    monkeypatch.setattr(Trainer, "step", poisoned)
    with pytest.raises(TrainingError, match=r"weights blocks\.0\.first\.bias of the generator are not finite"):
        run(store, tmp_path)
    assert list(tmp_path.glob("checkpoints/*/*.pt")) == []


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
    monkeypatch.setattr(Trainer, "step", lambda self: pytest.fail("it trained again"))
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


def test_r1_and_path_length_are_lazy(trainer: Trainer) -> None:
    for _ in range(9):
        trainer.step()
    assert len(trainer.curve.tick["r1"]) == 3  # steps 0, 4, 8
    assert len(trainer.curve.tick["path_length"]) == 3
    assert len(trainer.curve.tick["loss_generator"]) == 9


def test_adam_is_slowed_where_penalties_add_steps(trainer: Trainer) -> None:
    settings = TRAINING
    for optimizer, interval in (
        (trainer.generator_optimizer, settings.path_length_interval),
        (trainer.discriminator_optimizer, settings.r1_interval),
    ):
        c = interval / (interval + 1)
        group = optimizer.param_groups[0]
        assert group["lr"] == pytest.approx(settings.learning_rate * c)
        assert group["betas"] == pytest.approx((0.0, settings.beta2**c))


def test_penalties_of_no_weight_are_never_computed(store: Path) -> None:
    settings = TRAINING.model_copy(update={"r1_gamma": 0.0, "path_length_weight": 0.0})
    trainer = Trainer([ImageStore(store)], settings, SEED)
    trainer.step()
    assert not {"r1", "path_length"} & trainer.curve.tick.keys()
    assert trainer.generator_optimizer.param_groups[0]["lr"] == settings.learning_rate


def test_a_step_of_one_network_leaves_the_other_alone(trainer: Trainer) -> None:
    def copy(network: nn.Module) -> list[torch.Tensor]:
        return [parameter.detach().clone() for parameter in network.parameters()]

    for method, moving, still in (
        (trainer._train_generator, trainer.generator, trainer.discriminator),
        (trainer._penalise_path_length, trainer.generator, trainer.discriminator),
        (lambda: trainer._train_discriminator(trainer._reals()), trainer.discriminator, trainer.generator),
        (lambda: trainer._penalise_gradient(trainer._reals()), trainer.discriminator, trainer.generator),
    ):
        before, before_still = copy(moving), copy(still)
        method()
        assert not all(torch.equal(a, b) for a, b in zip(before, moving.parameters(), strict=True))
        assert all(torch.equal(a, b) for a, b in zip(before_still, still.parameters(), strict=True))


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
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, calls = Path.write_bytes, []

    def full(self: Path, data: bytes) -> int:
        calls.append(self)
        if len(calls) == 2:
            write(self, data[: len(data) // 2])
            raise OSError(28, os.strerror(28))
        return write(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        run(store, tmp_path)
    assert [int(path.name.split("-")[0]) for path in tmp_path.glob("checkpoints/*/*.pt")] == [10]
    assert list(tmp_path.glob("checkpoints/**/.*partial")) == []
