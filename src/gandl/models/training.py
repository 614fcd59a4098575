"""Training: takes image stores and settings, makes a model's weights, its training curve and samples. No label is used.

`train` is the whole story; `gandl.models.trainer` makes its steps. A killed training goes on from its last checkpoint and ends
with the same weights, bit for bit.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gandl.config import TrainingSettings
from gandl.images.store import ImageStore
from gandl.locks import exclusive
from gandl.models.checkpoint import Checkpoints
from gandl.models.cpu import prepare_cpu
from gandl.models.crops import open_stores
from gandl.models.samples import write_samples
from gandl.models.trainer import Probe, Trainer
from gandl.models.weights import save
from gandl.progress import Progress

STATUS_LINES = 100
"""A status line and a point of the curve at least so many times along training."""
EARLIEST_PROBE = 1 / 32
"""The probe's first look, as a share of the training."""

logger = logging.getLogger(__name__)


def train(
    stores: Sequence[Path],
    settings: TrainingSettings,
    seed: int,
    weights: Path,
    curve: Path,
    samples: Path,
    checkpoints: Path,
    probe: Probe | None = None,
    probe_id: str = "",
) -> None:
    """Train a GAN on random crops, from the last checkpoint where there is one.

    Parameters
    ----------
    stores : image stores of the same channels, bit depth and sides.
    settings : recipe and shape of the networks.
    seed : of initial weights, crops and latents.
    weights, curve, samples : files to make: safetensors, parquet (`tables.CURVE`), PNG (and the same name as `.npz`: the arrays).
        Weights come last.
    checkpoints : folder of checkpoints of all trainings.
    probe : looked at along training and written to the curve as `probe_z_prime`; it decides nothing but that.
    probe_id : what the probe's values depend on besides stores and settings (`gandl.models.probe.probe_id`). A checkpoint holds
        values of the probe, so that another probe starts another training: its weights come out the same, its curve does not.

    Raises
    ------
    CropError, IntensityError : the stores cannot be trained on.
    gandl.models.trainer.TrainingError : a loss or a weight is no longer finite.
    gandl.locks.LockedError : the same training runs elsewhere.
    """
    prepare_cpu()
    opened = open_stores(stores, settings.resolution, settings.network.crop)
    trainer = Trainer(opened, settings, seed)
    looks = None if probe is None else probe_id
    kept = Checkpoints(checkpoints, _what_decides(opened, settings, seed, trainer.code, looks))
    with exclusive(kept.folder):
        state = kept.load()
        if state is not None:
            trainer.restore(state)
            logger.info("going on from the checkpoint of step %d in %s", trainer.step_number, kept.folder)
        _run(trainer, kept, probe)
        model = trainer.model()
        trainer.curve.write(curve)
        write_samples(model, trainer.real_samples(), samples, samples.with_suffix(".npz"), seed)
        save(model, weights)


def _run(trainer: Trainer, kept: Checkpoints, probe: Probe | None) -> None:
    """Step until all images were shown; on the way tell, look and keep."""
    settings = trainer.settings
    probe_at = _probe_images(settings) if probe is not None else []
    every = max(1, settings.images // STATUS_LINES)
    with Progress("training", settings.images, "images", done=trainer.images) as progress:
        while trainer.images < settings.images:
            trainer.step()
            ended = trainer.images >= settings.images
            if ended or trainer.passed(every):
                trainer.end_tick(progress)
            if probe is not None and any(trainer.images - settings.batch < at <= trainer.images for at in probe_at):
                trainer.look(probe)
            if ended or trainer.passed(settings.checkpoint_images):
                trainer.check_weights()
                kept.save(trainer.state(), trainer.step_number)


def _probe_images(settings: TrainingSettings) -> list[float]:
    """Numbers of images at which the probe looks: evenly spaced on a logarithmic scale, the last at the end."""
    last = -(-settings.images // settings.batch) * settings.batch
    return np.geomspace(last * EARLIEST_PROBE, last, settings.looks).tolist()


def _what_decides(
    stores: Sequence[ImageStore], settings: TrainingSettings, seed: int, code: str, probe: str | None
) -> dict[str, object]:
    """What a training's weights and curve depend on: its checkpoints belong to nothing else."""
    return {
        "settings": settings.model_dump(mode="json"),
        "seed": seed,
        "code": code,
        "probe": probe,
        "data": {store.store_id: _content(store) for store in stores},
    }


def _content(store: ImageStore) -> str:
    """One digest of all a store's pixels, from those of its sites: a big screen's do not fit beside every checkpoint."""
    return hashlib.sha256("".join(store.index["sha256"]).encode()).hexdigest()
