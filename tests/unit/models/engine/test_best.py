"""The best weights: what is kept, that a kill at any moment changes nothing, and that nothing a checkpoint needs is removed."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gandl.config import ChosenWeights
from gandl.models.crops.intensity import IntensityScale
from gandl.models.engine.best import Best
from gandl.models.engine.checkpoint import CheckpointError, Checkpoints
from gandl.models.networks import weights
from gandl.models.networks.gan import TrainedGan, untrained
from gandl.models.networks.weights import load
from model_inputs import TRAINING

SCALE = IntensityScale(("gfp", "dna"), (1.5, 0.0), (200.0, 255.0))
QUALITIES = (5.0, 3.0, 4.0, 2.0, 2.5, 2.0)
PROBES = (0.1, float("nan"), 0.6, 0.2, 0.6, 0.3)
"""At six looks: the best by quality is the fourth (and the sixth, as good, comes later); by the probe the third."""


def model(look: int, weights: ChosenWeights = ChosenWeights.LAST) -> TrainedGan:
    """A model that differs from look to look."""
    settings = TRAINING.model_copy(update={"weights": weights})
    return replace(untrained(settings, SCALE, seed=look), images_seen=100 * (look + 1))


def values(look: int) -> dict[str, float]:
    return {"quality": QUALITIES[look], "quality_floor": 0.0, "probe_z_prime": PROBES[look]}


class KilledError(Exception):
    """The process ends here."""


def train(folder: Path, weights: Path, chosen: ChosenWeights, kill_at: int = -1, looks: int = 6) -> ChosenWeights:
    """A training that only looks, then keeps, six times; it continues where its checkpoint is. Killed at one of its moments."""
    kept, moment = Checkpoints(folder, {"a": 1}), itertools.count()

    def passing() -> None:
        if next(moment) == kill_at:
            raise KilledError

    best, state = Best(kept.folder), kept.load()
    first = 0 if state is None else state["look"] + 1
    if state is not None:
        best.restore(state["best"])
    moments = [] if state is None else [(0, state["look"])]
    for look in range(first, looks):
        best.offer(model(look, chosen), values(look))
        passing()
        kept.save({"look": look, "best": best.state((0, look))}, look)
        passing()
        moments = [*moments, (0, look)][-2:]
        best.sweep(moments)
        passing()
    return best.finish(model(looks - 1, chosen), weights)


def same(one: TrainedGan, other: TrainedGan) -> bool:
    pairs = zip(one.networks.values(), other.networks.values(), strict=True)
    return one.images_seen == other.images_seen and all(
        torch.equal(tensor, b.state_dict()[key]) for a, b in pairs for key, tensor in a.state_dict().items()
    )


@pytest.mark.parametrize(
    ("chosen", "look_of_weights", "look_of_best", "best_by"),
    [
        (ChosenWeights.LAST, 5, 3, ChosenWeights.BEST_QUALITY),
        (ChosenWeights.BEST_QUALITY, 3, 3, ChosenWeights.BEST_QUALITY),
        (ChosenWeights.BEST_PROBE, 2, 2, ChosenWeights.BEST_PROBE),
    ],
)
def test_the_settings_choose_the_weights_and_every_file_says_how_it_was_chosen(
    tmp_path: Path, chosen: ChosenWeights, look_of_weights: int, look_of_best: int, best_by: ChosenWeights
) -> None:
    weights = tmp_path / "weights.safetensors"
    assert train(tmp_path / "checkpoints", weights, chosen) is chosen
    files = {name: load(tmp_path / f"{name}.safetensors") for name in ("weights", "last", "best")}
    assert same(files["last"], model(5))
    assert same(files["best"], model(look_of_best))
    assert same(files["weights"], model(look_of_weights))
    assert [files[name].chosen_by for name in ("weights", "last", "best")] == [chosen, ChosenWeights.LAST, best_by]
    assert all(file.settings.weights is chosen for file in files.values())


@pytest.mark.parametrize("kill_at", range(18))
def test_a_kill_at_any_moment_changes_no_byte(tmp_path: Path, kill_at: int) -> None:
    unbroken, killed = tmp_path / "unbroken", tmp_path / "killed"
    train(unbroken / "checkpoints", unbroken / "weights.safetensors", ChosenWeights.BEST_QUALITY)
    with pytest.raises(KilledError):
        train(killed / "checkpoints", killed / "weights.safetensors", ChosenWeights.BEST_QUALITY, kill_at)
    assert not (killed / "weights.safetensors").exists()
    train(killed / "checkpoints", killed / "weights.safetensors", ChosenWeights.BEST_QUALITY)
    for name in ("weights", "last", "best"):
        file = f"{name}.safetensors"
        assert (killed / file).read_bytes() == (unbroken / file).read_bytes(), name


def test_another_choice_goes_on_from_the_same_checkpoints(tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    with pytest.raises(KilledError):
        train(tmp_path / "checkpoints", weights, ChosenWeights.LAST, kill_at=14)
    train(tmp_path / "checkpoints", weights, ChosenWeights.BEST_PROBE)
    assert same(load(weights), model(2))
    assert load(weights).chosen_by is ChosenWeights.BEST_PROBE


def test_what_any_checkpoint_refers_to_stays_and_nothing_else(tmp_path: Path) -> None:
    best = Best(tmp_path)
    states, moments = {}, []
    # an older checkpoint may outlive many newer ones: (0, 0) does here, as after a roll-back
    for look, there in enumerate([[(0, 0)], [(0, 0), (0, 1)], [(0, 0), (1, 2)], [(0, 0), (1, 3)]]):
        best.offer(model(look), {"quality": 5.0 - look})
        moment = (0 if look < 2 else 1, look)
        states[moment] = best.state(moment)
        best.sweep(there)
        moments = there
    (tmp_path / ".best-000000000900.safetensors").write_bytes(b"half written")
    best.sweep(moments)
    needed = {file for moment in moments for _, _, file in states[moment]["kept"].values()}
    assert {path.name for path in tmp_path.iterdir()} == needed
    for moment in moments:
        older = Best(tmp_path)
        older.restore(states[moment])
        assert older.state(moment)["kept"] == states[moment]["kept"]


def test_a_training_that_goes_back_forgets_what_was_best_since(tmp_path: Path) -> None:
    best = Best(tmp_path)
    best.offer(model(0), {"quality": 3.0})
    state = best.state((0, 0))
    best.offer(model(1), {"quality": 1.0})
    best.restore(state)
    best.offer(model(2), {"quality": 2.0})
    best.finish(model(3), tmp_path / "weights.safetensors")
    assert same(load(tmp_path / "best.safetensors"), model(2))


def test_where_nothing_was_measured_the_best_is_the_last_and_says_so(tmp_path: Path) -> None:
    best = Best(tmp_path)
    best.offer(model(0), {})
    best.offer(model(1), {"quality": float("nan")})
    assert best.finish(model(2, ChosenWeights.BEST_QUALITY), tmp_path / "weights.safetensors") is ChosenWeights.LAST
    assert load(tmp_path / "best.safetensors").chosen_by is ChosenWeights.LAST
    assert same(load(tmp_path / "best.safetensors"), model(2))


def test_without_held_out_sites_the_best_beside_the_last_is_the_probes(tmp_path: Path) -> None:
    best = Best(tmp_path)
    for look in (0, 1):
        best.offer(model(look), {"probe_z_prime": -float(look)})
    best.finish(model(2), tmp_path / "weights.safetensors")
    assert load(tmp_path / "best.safetensors").chosen_by is ChosenWeights.BEST_PROBE
    assert same(load(tmp_path / "weights.safetensors"), model(2))


def test_a_lost_or_damaged_best_file_is_reported_and_the_best_of_what_follows_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    best = Best(tmp_path)
    best.offer(model(0), {"quality": 1.0})
    state = best.state((0, 0))
    (path,) = tmp_path.glob("best-*")
    path.write_bytes(path.read_bytes()[:-1])
    again = Best(tmp_path)
    again.restore(state)
    assert "the best weights by quality so far, is missing or damaged" in caplog.text
    again.offer(model(1), {"quality": 2.0})
    again.finish(model(2), tmp_path / "weights.safetensors")
    assert same(load(tmp_path / "best.safetensors"), model(1))


def test_a_full_disk_is_reported_and_what_was_best_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    best = Best(tmp_path)
    best.offer(model(0), {"quality": 1.0})
    state = best.state((0, 0))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(weights, "save_file", full)
    with pytest.raises(
        CheckpointError, match=r"after 200 images.*No space left on device.*free some space.*from its last checkpoint"
    ):
        best.offer(model(1), {"quality": 0.5})
    assert best.state((0, 0))["kept"] == state["kept"]
