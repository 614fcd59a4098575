"""Training: takes image stores and settings, makes a model's weights, its training curve and samples. No label is used.

`train` is the whole story: `gandl.models.trainer` makes a step, `gandl.models.loop` makes all of them. A killed training goes on
from its last checkpoint and ends with the same weights, bit for bit.
"""

from __future__ import annotations

import hashlib
import logging
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from gandl.code_version import code_version
from gandl.config import Intensity, TrainingSettings
from gandl.images.store import ImageStore
from gandl.interruption import Interruption
from gandl.locks import exclusive
from gandl.models.checkpoint import Checkpoints
from gandl.models.crops import CropSampler, hold_out, open_stores
from gandl.models.device import CPU, has_fast_bfloat16, prepare, resolved
from gandl.models.frames import write_animation
from gandl.models.intensity import IntensityScale, measure_scale
from gandl.models.loader import Loader
from gandl.models.looks import Looks, Observer
from gandl.models.loop import Loop
from gandl.models.memory import advice, fitting_microbatch
from gandl.models.parallel import ALONE, Ranks
from gandl.models.quality import build_quality
from gandl.models.readouts import build_readouts
from gandl.models.samples import COUNT, write_interpolation, write_samples
from gandl.models.status import Status, machine_of
from gandl.models.trainer import Probe, Trainer, TrainingError

logger = logging.getLogger(__name__)

NOT_DECIDING = frozenset({"weights", "roll_backs", "checkpoint_images", "live_csv"})
"""Settings that a healthy training's weights and curve do not depend on: a changed one goes on from the same checkpoints."""
NOT_DECIDING_OF_ENGINE = frozenset({"compile", "cuda_graphs", "microbatch"})
"""Likewise, up to rounding, as with another device or number of ranks."""


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
    *,
    device: torch.device = CPU,
    ranks: Ranks = ALONE,
    threads: int = 1,
    live: Path | None = None,
    observer: Observer | None = None,
) -> None:
    """Train a GAN on random crops, from the last checkpoint where there is one.

    Parameters
    ----------
    stores : image stores of the same channels, bit depth and sides.
    settings : recipe and shape of the networks.
    seed : of initial weights, crops and latents.
    weights, curve, samples : files to make: safetensors, parquet (`tables.CURVE`), PNG. Beside them are made `last.safetensors`
        and `best.safetensors` (`weights` is a copy of the one that `settings.weights` chooses), the samples' arrays (`.npz`) and
        animation (`.gif`), and `interpolation.png`. Weights come last.
    checkpoints : folder of checkpoints of all trainings.
    probe : looked at along training and written to the curve as `probe_z_prime`; it decides nothing but that.
    probe_id : what the probe's values depend on besides stores and settings (`gandl.models.probe.probe_id`). A checkpoint holds
        values of the probe, so that another probe starts another training: its weights come out the same, its curve does not.
    device, ranks : where, and with whom, this process computes its part of every batch; the first rank alone writes files, needs
        the probe and looks at it.
    threads : that read images.
    live : where `settings.live_csv` writes status lines; by default beside `curve`.
    observer : called at every look with the model as it is then; its values stand in the curve.

    Raises
    ------
    CropError, IntensityError : the stores cannot be trained on.
    gandl.models.checkpoint.CheckpointError : a checkpoint cannot be written, or belongs to something else.
    gandl.interruption.Interrupted : SIGTERM or SIGUSR1 came; the same call goes on from where it stopped.
    gandl.models.trainer.TrainingError : it failed, and failed again after all roll-backs; or the GPU is too small.
    gandl.locks.LockedError : the same training runs elsewhere, or another one into the same weights.
    """
    settings = _with_precision(settings, device, ranks)
    prepare(device, settings.engine.precision)
    opened = open_stores(stores, settings.resolution, settings.network.crop)
    shown, held_out = hold_out(sum(len(store) for store in opened), settings.held_out)
    looked_at_by = probe_id if probe is not None or probe_id else None
    kept = Checkpoints(checkpoints, _what_decides(opened, settings, seed, looked_at_by))
    with Interruption() as stop, _alone(kept.folder, weights) if ranks.writes else nullcontext():
        looks = tell = None
        with stop.at_once():
            scale = measure_scale(opened, settings.resolution, settings.intensity)
            sampler = CropSampler(opened, settings.resolution, settings.network.crop, shown)
            if ranks.writes:
                quality = build_quality(opened, held_out, scale, settings, device) if len(held_out) else None
                readouts = build_readouts(opened, held_out, scale, settings) if len(held_out) else None
                looks = Looks(kept.folder, seed, quality, probe, readouts, observer)
                live = (live or curve.with_suffix(".csv")) if settings.live_csv else None
                tell = partial(
                    Status, settings, machine=machine_of(settings, len(scale.channels), device, ranks), live=live
                )
        with Loader(sampler, scale, settings, seed, ranks=ranks, device=device, threads=threads) as loader:
            size = opened[0].pixel_size_at(settings.resolution)
            new = partial(Trainer, loader, settings, seed, ranks=ranks, device=device, pixel_size_um=size)
            try:
                loop = _run(new, kept, stop, looks, tell, ranks)
            except torch.OutOfMemoryError as error:
                traceback.clear_frames(error.__traceback__)  # they hold what did not fit
                fits = fitting_microbatch(settings, scale, ranks, device)
                raise TrainingError(advice(settings, fits, device, ranks)) from None
        if looks is not None:
            with stop.at_once():
                _write(loop, looks, sampler, curve, samples, weights)


def _with_precision(settings: TrainingSettings, device: torch.device, ranks: Ranks) -> TrainingSettings:
    """Settings that name the precision that `auto` takes here: weights and checkpoints then say how they were computed."""
    precision = resolved(settings.engine.precision, device)
    if precision is settings.engine.precision:
        return settings
    if ranks.writes:
        why = (
            "a GPU"
            if device.type == "cuda"
            else f"this CPU has {'' if has_fast_bfloat16() else 'no '}bfloat16 instructions"
        )
        logger.info("training.engine.precision auto: %s (%s)", precision, why)
    return settings.changed(engine={"precision": precision})


@contextmanager
def _alone(checkpoints: Path, weights: Path) -> Iterator[None]:
    """No other process trains the same meanwhile, nor anything else into the same files."""
    with exclusive(checkpoints), exclusive(weights):
        yield


def _run(
    new: Callable[[], Trainer],
    kept: Checkpoints,
    stop: Interruption,
    looks: Looks | None,
    tell: Callable[[int, int], Status] | None,
    ranks: Ranks,
) -> Loop:
    """A loop that has ended."""
    with stop.at_once():
        loop = Loop(new, kept, stop, looks, tell, ranks)
    loop.run()
    return loop


def _write(loop: Loop, looks: Looks, sampler: CropSampler, curve: Path, samples: Path, weights: Path) -> None:
    """Write all that a training makes; weights come last."""
    model = loop.trainer.model()
    loop.curve.write(curve)
    real = _real(sampler, model.scale, model.seed)
    write_samples(model, real, samples, samples.with_suffix(".npz"), model.seed, looks.frames.arrays())
    write_animation(looks.frames, samples.with_suffix(".gif"))
    write_interpolation(model, samples.with_name("interpolation.png"), model.seed)
    looks.best.finish(model, weights)
    logger.info(
        "%s images shown, %d roll-back(s); %s holds the %s weights (training.weights)",
        *(f"{model.images_seen:,}", loop.trainer.course, weights.name, model.settings.weights.replace("_", " by ")),
    )


def _real(sampler: CropSampler, scale: IntensityScale, seed: int) -> npt.NDArray[np.float32]:
    """Real crops to show beside generated ones, the same however training went."""
    places = sampler.draw(COUNT, np.random.default_rng(seed))
    moments = sampler.moments(places) if scale.kind is Intensity.SITE else None
    return scale.invert(scale.apply(sampler.read(places), moments))


def _what_decides(
    stores: Sequence[ImageStore], settings: TrainingSettings, seed: int, looks: str | None
) -> dict[str, object]:
    """What a training's weights and curve depend on: its checkpoints belong to nothing else."""
    deciding = settings.model_dump(mode="json", exclude=set(NOT_DECIDING))
    for key in NOT_DECIDING_OF_ENGINE:
        del deciding["engine"][key]
    numbered = enumerate(stores)  # sites are counted through all stores, in this order
    return {
        "settings": deciding,
        "seed": seed,
        "code": code_version("gandl.models.training"),
        "probe": looks,
        "data": {f"{i} {store.store_id}": _content(store) for i, store in numbered},
    }


def _content(store: ImageStore) -> str:
    """One digest of all a store's pixels, from those of its sites: a big screen's do not fit beside every checkpoint."""
    return hashlib.sha256("".join(store.index["sha256"]).encode()).hexdigest()
