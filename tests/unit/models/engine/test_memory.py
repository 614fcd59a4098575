"""A device too small for a batch: how many images at a time would fit, and what is said."""

from __future__ import annotations

import pytest
import torch

from gandl.config import GanEngineSettings, Intensity, TrainingSettings
from gandl.models.compute.device import CPU
from gandl.models.compute.ranks import ALONE, Ranks
from gandl.models.crops.intensity import IntensityScale
from gandl.models.engine.memory import advice, fitting_microbatch, try_step
from gandl.models.objectives.gan import Gan
from gandl.models.objectives.objective import Objective
from model_inputs import TRAINING

SCALE = IntensityScale(("gfp", "dna"), (0.0, 0.0), (255.0, 255.0), Intensity.STORE)
SETTINGS = TRAINING.model_copy(update={"batch": 64})


class Device:
    """A device with room for so many images."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.tried: list[int] = []

    def __call__(
        self, objective: type[Objective], settings: TrainingSettings, scale: IntensityScale, device: torch.device
    ) -> None:
        size = settings.engine.microbatch
        assert settings.batch % size == 0
        assert settings.batch > size
        self.tried.append(size)
        if size > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")


@pytest.mark.parametrize(
    ("room", "ranks", "fits", "tried"),
    [
        (20, ALONE, 16, [32, 16]),
        (20, Ranks(0, 4), 8, [8]),
        (4, ALONE, 4, [32, 16, 8, 4]),
        (3, ALONE, None, [32, 16, 8, 4]),
    ],
)
def test_the_largest_part_that_fits_is_found(room: int, ranks: Ranks, fits: int | None, tried: list[int]) -> None:
    device = Device(room)
    assert fitting_microbatch(Gan, SETTINGS, SCALE, ranks, CPU, device) == fits
    assert device.tried == tried


@pytest.mark.parametrize(("batch", "fits", "tried"), [(24, 4, [12, 8, 4]), (36, 4, [12, 4]), (4, None, [])])
def test_no_size_is_left_out_that_divides_the_batch_in_whole_groups(
    batch: int, fits: int | None, tried: list[int]
) -> None:
    device = Device(5)
    settings = TRAINING.model_copy(update={"batch": batch})
    assert fitting_microbatch(Gan, settings, SCALE, ALONE, CPU, device) == fits
    assert device.tried == tried


def test_parts_smaller_than_what_was_set_are_tried() -> None:
    settings = SETTINGS.model_copy(update={"engine": GanEngineSettings(microbatch=16)})
    device = Device(8)
    assert fitting_microbatch(Gan, settings, SCALE, ALONE, CPU, device) == 8
    assert device.tried == [8]


def test_a_real_step_fits_here() -> None:
    try_step(Gan, TRAINING.model_copy(update={"engine": GanEngineSettings(microbatch=4)}), SCALE, CPU)


def test_the_advice_names_the_setting() -> None:
    assert "64 images at a time do not fit" in advice(SETTINGS, 16, CPU)
    assert "set training.engine.microbatch to 16. The batch size stays 64" in advice(SETTINGS, 16, CPU)
    assert "lower training.network.channel_base" in advice(SETTINGS, None, CPU)


def test_the_advice_counts_what_one_of_several_processes_computed() -> None:
    assert "16 images at a time do not fit" in advice(SETTINGS, 8, CPU, Ranks(0, 4))
