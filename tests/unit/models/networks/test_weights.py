"""Weights files: what is written is what is read, and nothing else is opened."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from gandl.config import ChosenWeights
from gandl.models.crops.intensity import IntensityScale
from gandl.models.networks import weights
from gandl.models.networks.gan import untrained
from gandl.models.networks.weights import WeightsError, load, save
from model_inputs import TRAINING

SCALE = IntensityScale(("gfp", "dna"), (1.5, 0.0), (200.0, 255.0))


def test_a_model_is_read_as_it_was_written(tmp_path: Path) -> None:
    model, other = (untrained(TRAINING, SCALE, seed, pixel_size_um=0.8) for seed in (3, 4))
    model = replace(model, discriminator_raw=other.discriminator_ema, images_seen=320, code_version="abc")
    model = replace(model, chosen_by=ChosenWeights.BEST_PROBE)
    model.discriminator_ema.deviation.mean.fill_(0.25)
    save(model, tmp_path / "weights.safetensors")
    read = load(tmp_path / "weights.safetensors")
    for (name, network), (_, same) in zip(model.networks.items(), read.networks.items(), strict=True):
        for key, tensor in network.state_dict().items():
            assert torch.equal(tensor, same.state_dict()[key]), f"{name}.{key}"
        assert not same.training
        assert not any(parameter.requires_grad for parameter in same.parameters())
    for field in (
        "scale",
        "settings",
        "seed",
        "pixel_size_um",
        "images_seen",
        "code_version",
        "chosen_by",
        "channels",
        "resolution",
    ):
        assert getattr(read, field) == getattr(model, field), field


def test_the_same_model_is_the_same_bytes(tmp_path: Path) -> None:
    files = [tmp_path / f"{i}.safetensors" for i in range(4)]
    for file in files:
        save(untrained(TRAINING, SCALE, 0, pixel_size_um=0.8), file)
    assert len({file.read_bytes() for file in files}) == 1


def test_weights_from_before_there_was_a_choice_are_the_last(tmp_path: Path) -> None:
    from safetensors import safe_open

    path = tmp_path / "weights.safetensors"
    save(untrained(TRAINING, SCALE, 0), path)
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    del metadata["chosen_by"]
    save_file(load_file(path), path, metadata)
    assert load(path).chosen_by is ChosenWeights.LAST


def test_an_unknown_pixel_size_stays_unknown(tmp_path: Path) -> None:
    save(untrained(TRAINING, SCALE, 0), tmp_path / "weights.safetensors")
    assert load(tmp_path / "weights.safetensors").pixel_size_um is None


def test_the_seed_decides_an_untrained_model_and_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(11)
    state = torch.get_rng_state()
    one = untrained(TRAINING, SCALE, 5).discriminator_ema.state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(12)
    two = untrained(TRAINING, SCALE, 5).discriminator_ema.state_dict()
    other = untrained(TRAINING, SCALE, 6).discriminator_ema.state_dict()
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert not torch.equal(one["last.weight"], other["last.weight"])


@pytest.mark.parametrize("writer", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))])
def test_a_pickle_is_refused_unopened(tmp_path: Path, writer: object) -> None:
    class Trap:
        def __reduce__(self) -> tuple:
            return Path.touch, (tmp_path / "sprung",)

    path = tmp_path / "weights.safetensors"
    writer(Trap(), path)  # type: ignore[operator]
    with pytest.raises(WeightsError, match=r"is a pickle.*safetensors"):
        load(path)
    assert not (tmp_path / "sprung").exists()


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save(untrained(TRAINING, SCALE, 0), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WeightsError, match="damaged or foreign"):
        load(path)


def test_a_foreign_safetensors_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({"a": torch.zeros(2)}, path)
    with pytest.raises(WeightsError, match="of format None"):
        load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"settings": '{"a_setting_of_tomorrow": 1}'}, "of another version of gandl .*a_setting_of_tomorrow"),
        ({"seed": None}, "of another version of gandl .*seed"),
    ],
)
def test_weights_of_another_version_are_refused_in_one_sentence(tmp_path: Path, change: dict, message: str) -> None:
    from safetensors import safe_open

    path = tmp_path / "weights.safetensors"
    save(untrained(TRAINING, SCALE, 0), path)
    with safe_open(path, "pt") as file:
        metadata = {**file.metadata(), **change}
    save_file(load_file(path), path, {name: text for name, text in metadata.items() if text is not None})
    with pytest.raises(WeightsError, match=message) as reported:
        load(path)
    assert "\n" not in str(reported.value)


def test_a_full_disk_is_reported_and_leaves_no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(weights, "save_file", full)
    with pytest.raises(
        WeightsError, match=r"weights\.safetensors cannot be written \(.*No space left.*free some space"
    ):
        save(untrained(TRAINING, SCALE, 0), tmp_path / "weights.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_tensors_that_do_not_fit_their_settings_are_refused(tmp_path: Path) -> None:
    from safetensors import safe_open

    path = tmp_path / "weights.safetensors"
    save(untrained(TRAINING, SCALE, 0), path)
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    tensors["discriminator_ema.logit.bias"] = torch.zeros(7)
    save_file(tensors, path, metadata)
    with pytest.raises(WeightsError, match="the tensors of discriminator_ema do not fit"):
        load(path)


def test_missing_weights_are_reported(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="does not exist: train the model first"):
        load(tmp_path / "weights.safetensors")


def test_others_may_read_what_they_may_read_of_any_new_file(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    save(untrained(TRAINING, SCALE, seed=0), tmp_path / "weights.safetensors")
    assert (tmp_path / "weights.safetensors").stat().st_mode == plain.stat().st_mode
