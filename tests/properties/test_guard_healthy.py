"""The guard on small real trainings: healthy ones are left alone, one that diverges is seen in a few steps."""

from __future__ import annotations

import pytest

from gandl.config import Loss, TrainingSettings
from gandl.images.store_reader import ImageStore
from gandl.models.crops.crop_sampler import CropSampler, hold_out
from gandl.models.crops.intensity import measure_scale
from gandl.models.crops.loader import Loader
from gandl.models.engine.guard import Guard
from gandl.models.objectives.gan import Gan
from gandl.models.objectives.gan_troubles import START_UP, gan_checks
from gandl.models.objectives.troubles import QUICK, SLOW, Trouble, TroubleKind
from model_inputs import TRAINING, write_store

BATCH = 32
LONG_ENOUGH = START_UP // BATCH + SLOW
"""Steps after which every check has judged."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ImageStore:
    return ImageStore(write_store(tmp_path_factory.mktemp("store")))


def first_trouble(store: ImageStore, settings: TrainingSettings, seed: int, steps: int) -> Trouble | None:
    """What the guard says to a training, step by step."""
    sites, _ = hold_out(len(store), 0.0)
    sampler = CropSampler([store], settings.resolution, settings.network.crop, sites)
    scale = measure_scale([store], settings.resolution, settings.intensity)
    guard = Guard(gan_checks(settings))
    with Loader(sampler, scale, settings, seed) as loader:
        trainer = Gan(loader, settings, seed)
        for _ in range(steps):
            trainer.step()
            trouble = guard.judge(trainer.drain())
            if trouble is not None:
                return trouble
    return None


@pytest.mark.parametrize("seed", range(3))
def test_a_healthy_training_is_left_alone(store: ImageStore, seed: int) -> None:
    settings = TRAINING.model_copy(update={"batch": BATCH, "r1_interval": 16})
    assert first_trouble(store, settings, seed, LONG_ENOUGH) is None


@pytest.mark.parametrize("loss", list(Loss))
def test_the_start_of_every_loss_is_left_alone(store: ImageStore, loss: Loss) -> None:
    settings = TRAINING.model_copy(update={"loss": loss, "lipschitz_weight": 1.0, "r2_gamma": 1.0})
    assert first_trouble(store, settings, 0, 2 * QUICK) is None


@pytest.mark.parametrize("loss", list(Loss))
def test_a_thousandfold_learning_rate_is_seen_within_16_steps(store: ImageStore, loss: Loss) -> None:
    settings = TRAINING.model_copy(update={"loss": loss, "learning_rate": 1_000 * TRAINING.learning_rate})
    trouble = first_trouble(store, settings, 0, 2 * QUICK)
    assert trouble is not None
    assert trouble.kind in (TroubleKind.EXPLODING, TroubleKind.NOT_FINITE)
