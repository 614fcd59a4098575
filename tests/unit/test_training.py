"""Training: what it makes, what it does not touch, what it refuses, and that nothing is lost when it is killed."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from gandl.config import ChosenWeights, EngineSettings, TrainingSettings
from gandl.images.store import ImageStore
from gandl.locks import LockedError, exclusive
from gandl.models import training
from gandl.models.checkpoint import CheckpointError, Checkpoints, fingerprint
from gandl.models.crops import CropError
from gandl.models.discriminator import Discriminator
from gandl.models.ema import MovingAverage
from gandl.models.guard import Guard
from gandl.models.intensity import IntensityScale, measure_scale
from gandl.models.looks import look_images
from gandl.models.status import Machine
from gandl.models.trainer import Probe, Trainer, TrainingError
from gandl.models.training import train
from gandl.models.weights import TrainedModel, load, untrained
from gandl.tables import CURVE, read_table
from model_inputs import NETWORK, write_store
from model_inputs import TRAINING as DEFAULTS

TRAINING = DEFAULTS.model_copy(update={"quality_crops": 8, "looks": 5})
SEED = 1
UNTIMED = ("images_per_second",)
"""What of a curve depends on the clock."""


@pytest.fixture(scope="module", autouse=True)
def _no_peak() -> Iterator[None]:
    """Measuring the device's peak takes a while, and changes nothing here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "machine_of", lambda *_: Machine())
        yield


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
    return list(curve[~curve["metric"].isin(UNTIMED)].itertuples(index=False, name=None))


def steps_kept(folder: Path) -> list[tuple[int, int]]:
    """(course, step) of all checkpoints in all folders."""
    names = sorted(path.name for path in folder.glob("checkpoints/*/*.pt"))
    return [(int(course), int(step)) for course, step, _ in (name.split("-") for name in names)]


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
    _, last = sorted(tmp_path.glob("checkpoints/*/*.pt"))
    damaged = bytearray(last.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    last.write_bytes(damaged)
    with caplog.at_level("INFO", logger="gandl"):
        assert_same(run(store, tmp_path), unbroken / "weights.safetensors")
    assert f"{last} is damaged" in caplog.text
    assert "going on from the checkpoint of step 10" in caplog.text


def test_two_checkpoints_are_kept(store: Path, tmp_path: Path) -> None:
    run(store, tmp_path, TRAINING.model_copy(update={"checkpoint_images": 16, "images": 80}))
    assert steps_kept(tmp_path) == [(0, 8), (0, 10)]


def test_checkpoints_of_other_settings_are_not_taken_over_and_the_log_says_why(
    store: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(store, tmp_path, TRAINING.model_copy(update={"images": 16}))
    with caplog.at_level("INFO", logger="gandl"):
        run(store, tmp_path, TRAINING.model_copy(update={"images": 16, "r1_gamma": 5.0}))
    assert len(list(tmp_path.glob("checkpoints/*/training.json"))) == 2
    assert "another training (settings.r1_gamma: 50.0 there, 5.0 here): this one starts anew" in caplog.text


def test_settings_that_change_no_result_go_on_from_the_same_checkpoints(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = TRAINING.model_copy(update={"images": 16})
    run(store, tmp_path, settings)
    monkeypatch.setattr(Trainer, "step", lambda self: pytest.fail("it trained again"))
    engine = EngineSettings(microbatch=4)
    changed = {
        "checkpoint_images": 8,
        "roll_backs": 9,
        "live_csv": True,
        "weights": ChosenWeights.BEST_QUALITY,
        "engine": engine,
    }
    run(store, tmp_path, settings.model_copy(update=changed))
    assert len(list(tmp_path.glob("checkpoints/*/training.json"))) == 1


def test_the_same_training_twice_at_once_is_refused(store: Path, tmp_path: Path) -> None:
    settings = TRAINING.model_copy(update={"images": 16})
    run(store, tmp_path, settings)
    (folder,) = (path.parent for path in tmp_path.glob("checkpoints/*/training.json"))
    with exclusive(folder), pytest.raises(LockedError, match="another process"):
        run(store, tmp_path, settings)


def test_two_trainings_into_the_same_weights_are_refused(store: Path, tmp_path: Path) -> None:
    with (
        exclusive(tmp_path / "weights.safetensors"),
        pytest.raises(LockedError, match=r"weights\.safetensors is being"),
    ):
        run(store, tmp_path, TRAINING.model_copy(update={"images": 16}))


def test_checkpoints_know_the_order_of_the_stores_and_every_one_of_them(store: Path, tmp_path: Path) -> None:
    """Crops are drawn by numbers that count through all stores; and two stores of one name are still two."""
    (tmp_path / "other").mkdir()
    namesake = write_store(tmp_path / "other", name="S_1", seed=1)
    one, other = ImageStore(store), ImageStore(namesake)
    orders = [[one, other], [other, one], [one, one], [other, other], [one], [other]]
    names = {fingerprint(training._what_decides(stores, TRAINING, SEED, None)) for stores in orders}
    assert len(names) == len(orders)


@pytest.mark.parametrize("looks", [1, 2, 5])
def test_the_last_look_is_at_the_end(looks: int) -> None:
    at = look_images(TRAINING.model_copy(update={"looks": looks, "images": 157}))
    assert len(at) == looks
    assert at == sorted(at)
    assert at[-1] == 160


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_a_weight_that_is_not_a_number_stops_a_training_that_may_not_go_back_and_leaves_a_good_checkpoint(
    store: Path, unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: str
) -> None:
    plant(monkeypatch, lambda trainer: trainer.step_number == 14, network)
    with pytest.raises(
        TrainingError, match=r"step 15 \(112 images\): \w+ is nan\. Lower training\.learning_rate \(now 0\.001\)"
    ):
        run(store, tmp_path, TRAINING.model_copy(update={"roll_backs": 0}))
    assert not (tmp_path / "weights.safetensors").exists()
    assert steps_kept(tmp_path) == [(0, 10)]
    monkeypatch.undo()
    assert_same(run(store, tmp_path), unbroken / "weights.safetensors")


def test_a_state_with_a_weight_that_is_not_a_number_never_becomes_a_checkpoint(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Guard, "judge", lambda self, numbers: None)
    plant(monkeypatch, lambda trainer: trainer.step_number == 10, "generator")
    with pytest.raises(TrainingError, match=r"the weight \S+ of the generator is not finite"):
        run(store, tmp_path, TRAINING.model_copy(update={"roll_backs": 0}))
    assert steps_kept(tmp_path) == []


def plant(monkeypatch: pytest.MonkeyPatch, when: Callable[[Trainer], bool], network: str = "generator") -> None:
    """After certain steps, one weight is no number."""
    step = Trainer.step

    def poisoned(self: Trainer) -> None:
        step(self)
        if when(self):
            next(getattr(self, network).parameters()).data.fill_(float("nan"))

    monkeypatch.setattr(Trainer, "step", poisoned)


def rows_of(folder: Path, metric: str) -> list[tuple[int, float]]:
    """(step, value) of a metric."""
    return [(step, value) for _, step, name, value in losses(folder) if name == metric]


def test_a_planted_nan_is_rolled_back_and_told(
    store: Path, unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    plant(monkeypatch, lambda trainer: trainer.course == 0 and trainer.step_number == 14)
    with caplog.at_level("INFO", logger="gandl"):
        weights = run(store, tmp_path)
    assert "Going back to step 10, on with learning rate 0.0005" in caplog.text
    assert rows_of(tmp_path, "roll_back") == [(15, 1.0)]
    assert rows_of(tmp_path, "learning_rate") == [(15, 0.0005)]
    assert rows_of(tmp_path, "r1_gamma") == [(15, 50.0)]
    assert all(bool(torch.isfinite(tensor).all()) for tensor in tensors(weights).values())
    before = {row for row in losses(unbroken) if row[1] <= 10}
    assert before <= set(losses(tmp_path))
    assert rows_of(tmp_path, "loss_generator")[-1] != rows_of(unbroken, "loss_generator")[-1]
    assert steps_kept(tmp_path) == [(1, 10), (1, 20)]


def test_a_planted_divergence_is_caught_and_rolled_back(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Trainer.step

    def diverging(self: Trainer) -> None:
        if self.course == 0 and self.step_number >= 12:
            self.adversaries.set_learning_rate(1000 * self.learning_rate)
        step(self)

    monkeypatch.setattr(Trainer, "step", diverging)
    weights = run(store, tmp_path, TRAINING.model_copy(update={"images": 360}))
    ((caught, course),) = rows_of(tmp_path, "roll_back")
    assert course == 1
    assert 12 < caught <= 12 + 32
    assert all(bool(torch.isfinite(tensor).all()) for tensor in tensors(weights).values())


@pytest.mark.parametrize(
    ("fails_at", "begins"), [(14, [(0, 0), (1, 10), (2, 5), (3, 5)]), (3, [(0, 0), (1, 0), (2, 0), (3, 0)])]
)
def test_what_fails_again_goes_further_back_and_in_the_end_stops_and_says_what_to_change(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int, begins: list[tuple[int, int]]
) -> None:
    begun = []
    step = Trainer.step

    def noted(self: Trainer) -> None:
        if not begun or begun[-1][0] != self.course:
            begun.append((self.course, self.step_number))
        step(self)

    monkeypatch.setattr(Trainer, "step", noted)
    plant(monkeypatch, lambda trainer: trainer.step_number == fails_at)
    settings = TRAINING.model_copy(update={"checkpoint_images": 40})
    with pytest.raises(TrainingError, match=r"went back 3 time\(s\) before \(training\.roll_backs\), in vain\. Lower"):
        run(store, tmp_path, settings)
    assert begun == begins
    assert not (tmp_path / "weights.safetensors").exists()
    monkeypatch.undo()
    run(store, tmp_path, settings)  # it goes on gently from what the last course left
    assert rows_of(tmp_path, "roll_back") == [(fails_at + 1, 3.0)]
    assert rows_of(tmp_path, "learning_rate") == [(fails_at + 1, 0.000125)]


def test_a_training_killed_after_a_roll_back_remembers_it(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, lambda trainer: trainer.course == 0 and trainer.step_number == 14)
    run(store, tmp_path / "unbroken")
    step = Trainer.step

    def killed(self: Trainer) -> None:
        if self.course == 1 and self.step_number == 13:
            raise KeyboardInterrupt
        step(self)

    monkeypatch.setattr(Trainer, "step", killed)
    with pytest.raises(KeyboardInterrupt):
        run(store, tmp_path / "killed")
    monkeypatch.setattr(Trainer, "step", step)
    assert_same(run(store, tmp_path / "killed"), tmp_path / "unbroken/weights.safetensors")
    assert losses(tmp_path / "killed") == losses(tmp_path / "unbroken")


def test_a_state_that_looks_bad_is_kept_later_but_not_for_ever_later(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm = [True] * 4 + [False] * 4
    monkeypatch.setattr(Guard, "calm", property(lambda self: calm.pop(0) if calm else True))
    kept = []
    save = Checkpoints.save

    def noted(self: Checkpoints, state: dict, step: int, course: int = 0) -> Path:
        kept.append(step)
        return save(self, state, step, course)

    monkeypatch.setattr(Checkpoints, "save", noted)
    run(store, tmp_path, TRAINING.model_copy(update={"images": 80, "checkpoint_images": 8}))
    assert kept == [1, 2, 3, 4, 6, 8, 9, 10]


def test_a_device_that_is_too_small_is_told_with_what_fits(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Trainer.step

    def too_small(self: Trainer) -> None:
        if len(self.loader.batch(self.step_number, 0)[0]) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        step(self)

    monkeypatch.setattr(Trainer, "step", too_small)
    with pytest.raises(TrainingError, match=r"8 images at a time do not fit .* set training\.engine\.microbatch to 4"):
        run(store, tmp_path)


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
    with pytest.raises(CheckpointError, match=r"No space left on device.*Make room there .* that of step 10 is kept"):
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
    monkeypatch.setattr("gandl.models.device.has_fast_bfloat16", lambda: fast)
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

    def observer(model: TrainedModel) -> dict[str, float]:
        seen.append(model.images_seen)
        return {"seen_by_observer": float(model.images_seen)}

    weights = tmp_path / "weights.safetensors"
    places = tmp_path / "curve.parquet", tmp_path / "samples.png", tmp_path / "checkpoints"
    train([store], TRAINING, SEED, weights, *places, observer=observer)
    curve = read_table(places[0], CURVE)
    assert curve.loc[curve["metric"] == "seen_by_observer", "value"].tolist() == [float(images) for images in seen]
    assert len(seen) == len(set(seen)) == TRAINING.looks
    assert_same(weights, unbroken / "weights.safetensors")


def test_a_contrastive_training_goes_on_where_it_was_killed(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = TRAINING.changed(contrast={"pairs": "well"}, images=96, checkpoint_images=32)
    whole = run(store, tmp_path / "whole", settings)
    step = Trainer.step

    def killed(self: Trainer) -> None:
        if self.step_number == 7:
            raise KeyboardInterrupt
        step(self)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", killed)
        with pytest.raises(KeyboardInterrupt):
            run(store, tmp_path / "parts", settings)
    assert_same(run(store, tmp_path / "parts", settings), whole)
