"""Training: takes image stores and settings, makes a model's weights, its training curve and samples. Without supervision no
label is used.

`train` does everything: an objective (`gandl.models.objectives`) makes a step, `gandl.models.engine.loop` makes all of them.
A killed training resumes from its last checkpoint and ends with the same weights, bit for bit.
"""

from __future__ import annotations

import hashlib
import logging
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gandl.config import Intensity, RecipeSettings
from gandl.images.store_reader import ImageStore
from gandl.models.compute.device import CPU, has_fast_bfloat16, prepare, resolved
from gandl.models.compute.ranks import ALONE, Ranks
from gandl.models.crops.crop_sampler import CropSampler, hold_out, open_stores
from gandl.models.crops.intensity import IntensityScale, measure_scale
from gandl.models.crops.loader import Loader
from gandl.models.crops.supervision import Labels, Supervision, SupervisionError
from gandl.models.crops.tiles import TileStore, drawn_by, shown_of
from gandl.models.engine.checkpoint import Checkpoints
from gandl.models.engine.looks import Looks
from gandl.models.engine.loop import Loop
from gandl.models.engine.memory import advice, fitting_microbatch
from gandl.models.looks.frames import write_animation
from gandl.models.looks.measures import Given, Measure, measures_of
from gandl.models.looks.probe import Probe
from gandl.models.looks.samples import COUNT, write_interpolation, write_samples
from gandl.models.looks.status import Status, machine_of
from gandl.models.objectives.kinds import DEFAULT, objective_of
from gandl.models.objectives.objective import Objective, TrainingError
from gandl.workflow.interruption import Interruption
from gandl.workflow.locks import exclusive, may_be_orphaned
from gandl.workflow.words import counted

logger = logging.getLogger(__name__)

NOT_DECIDING = frozenset({"weights", "roll_backs", "checkpoint_images", "live_csv"})
"""Settings that a healthy training's weights and curve do not depend on: a changed one resumes from the same checkpoints."""
NOT_DECIDING_OF_ENGINE = frozenset({"compile", "cuda_graphs", "microbatch"})
"""Settings that they depend on only by rounding, as on the device or number of ranks."""


def train(
    stores: Sequence[Path],
    settings: RecipeSettings,
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
    observer: Measure | None = None,
    objective: str = DEFAULT,
    supervision: Supervision | None = None,
    channels: Sequence[str] | None = None,
    pretrained: Path | None = None,
    tiles: TileStore | None = None,
) -> None:
    """Learn an objective on random crops, from the last checkpoint where there is one.

    Parameters
    ----------
    stores : image stores of the same channels, bit depth and sides.
    settings : recipe and shape of the networks, of the class that the objective takes.
    seed : of initial weights, crops and latents.
    weights, curve, samples : files to make: safetensors, parquet (`tables.CURVE`), PNG. Beside them are made `last.safetensors`
        and `best.safetensors` (`weights` is a copy of the one that `settings.weights` chooses), the samples' arrays (`.npz`) and
        animation (`.gif`), and `interpolation.png`. Weights come last.
    checkpoints : folder of checkpoints of all trainings.
    probe : looked at during training and written to the curve as `probe_z_prime`; it has no other effect.
    probe_id : what the probe's values depend on besides stores and settings (`gandl.models.looks.probe.probe_id`). A checkpoint
        holds values of the probe, so that another probe starts another training: its weights are the same, its curve is not.
    device, ranks : where, and with which other processes, this process computes its part of every batch; only the first rank
        writes files, needs the probe and looks at it.
    threads : that read images.
    live : where `settings.live_csv` writes status lines; by default beside `curve`.
    observer : called at every look with the model as it is then; its values are in the curve.
    objective : what is learned, by its name in `gandl.models.objectives.kinds`.
    supervision : labels of sites, for an objective that learns from them: those of the part `train` are drawn, the others
        validate.
    channels : that are trained on, by name and in this order; by default all.
    pretrained : published weights of the frozen network that the objective rests on, if it does; None: those that come with a
        package.
    tiles : what is shown instead of crops of the stores' sites, with its own parts and labels; `held_out`, `supervision` and
        `channels` are then of no use. Their classes are drawn equally often if the objective says so, whether or not it learns
        from them.

    Raises
    ------
    CropError, IntensityError : the stores cannot be trained on.
    SupervisionError : the labels cannot be trained on, or are missing, or not for this objective.
    gandl.models.engine.checkpoint.CheckpointError : a checkpoint cannot be written, or belongs to something else.
    gandl.workflow.interruption.Interrupted : SIGTERM or SIGUSR1 came; the same call resumes from where it stopped.
    gandl.models.networks.imagenet.weights.PretrainedError : the objective rests on a frozen network whose weights are missing,
        damaged or other ones.
    gandl.models.objectives.objective.TrainingError : it failed again after all roll-backs; or the GPU is too small.
    gandl.workflow.locks.LockedError : the same training runs elsewhere, or another one into the same weights (in a Slurm job,
        this one waits for its end).
    """
    settings = _with_precision(settings, device, ranks)
    prepare(device, settings.engine.precision)
    if tiles is not None:
        supervision = shown_of(tiles, settings.crop, settings.section, objective_of(objective).supervised)
    learned = _learned(objective, settings, supervision)
    opened = _open(stores, settings, channels, tiles)
    labels = None if supervision is None else supervision.of(opened)
    by_class = learned.by_class(settings)
    drawing = drawn_by(tiles) if tiles is not None and supervision is None and by_class else supervision
    drawn = labels if supervision is not None or drawing is None else drawing.of(opened)
    shown, held_out = _parts(opened, settings, labels, tiles)
    if drawn is not None:
        shown = drawn.training
    looked_at_by = probe_id if probe is not None or probe_id else None
    decides = what_decides(learned, opened, settings, seed, looked_at_by, drawing, pretrained)
    kept = Checkpoints(checkpoints, decides)
    with Interruption() as stop, ExitStack() as held:
        looks = new_status = None
        with stop.at_once():
            if ranks.writes:
                held.enter_context(_alone(kept.folder, weights))
            ranks.follow_first("alone")
            scale = measure_scale(opened, settings.resolution, settings.intensity)
            classes = drawn.of_site if drawn is not None and by_class else None
            sampler = CropSampler(opened, settings.resolution, settings.crop, shown, classes)
            others = learned.shows_held_out and len(held_out)
            seen = _seen(
                CropSampler(opened, settings.resolution, settings.crop, held_out) if others else sampler, scale, seed
            )
            if ranks.writes:
                given = Given(opened, held_out, scale, settings, device, probe, labels, pretrained)
                measures = measures_of(learned, given)
                looks = Looks(kept.folder, seed, seen, measures if observer is None else [*measures, observer])
                live = (live or curve.with_suffix(".csv")) if settings.live_csv else None
                machine = machine_of(learned, settings, len(scale.channels), device, ranks)
                new_status = partial(Status, learned, settings, machine=machine, live=live)
        with Loader(sampler, scale, settings, seed, ranks=ranks, device=device, threads=threads) as loader:
            size = opened[0].pixel_size_at(settings.resolution)
            make: Callable[..., Objective] = partial(learned, labels=labels, pretrained=pretrained)
            new = partial(make, loader, settings, seed, ranks=ranks, device=device, pixel_size_um=size)
            try:
                loop = _run(new, kept, stop, looks, new_status, ranks)
            except torch.OutOfMemoryError as error:
                traceback.clear_frames(error.__traceback__)  # they hold memory of what did not fit
                fits = fitting_microbatch(make, settings, scale, ranks, device)
                raise TrainingError(advice(settings, fits, device, ranks)) from None
        if looks is not None:
            with stop.at_once():
                _write(loop, looks, seen, curve, samples, weights)


def _open(
    stores: Sequence[Path], settings: RecipeSettings, channels: Sequence[str] | None, tiles: TileStore | None
) -> list[ImageStore]:
    """Where images are read: the stores, or the tiles, which are read in the same way."""
    if tiles is not None:
        return [tiles]  # type: ignore[list-item]
    return open_stores(stores, settings.resolution, settings.crop, settings.section, channels)


def _parts(
    opened: Sequence[ImageStore], settings: RecipeSettings, labels: Labels | None, tiles: TileStore | None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Positions of what is shown, and of what is held out."""
    if labels is not None:
        return labels.training, labels.validation
    if tiles is not None:
        return tiles.parts
    return hold_out(sum(len(store) for store in opened), settings.held_out)


def _learned(name: str, settings: RecipeSettings, supervision: Supervision | None) -> type[Objective]:
    """The objective of a name, if settings and labels are what it takes."""
    learned = objective_of(name)
    if not isinstance(settings, learned.settings_type):
        raise ValueError(f"the objective {name} takes {learned.settings_type.__name__}, not {type(settings).__name__}")
    if learned.supervised and supervision is None:
        raise SupervisionError(f"the objective {name} learns from labels, and none were given")
    if supervision is not None and not learned.supervised:
        raise SupervisionError(f"the objective {name} uses no labels: leave {supervision.source} out")
    return learned


def _with_precision(settings: RecipeSettings, device: torch.device, ranks: Ranks) -> RecipeSettings:
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
        logger.info("%s.engine.precision auto: %s (%s)", settings.section, precision, why)
    return settings.changed(engine={"precision": precision})


@contextmanager
def _alone(checkpoints: Path, weights: Path) -> Iterator[None]:
    """No other process trains the same meanwhile, nor anything else into the same files."""
    wait = may_be_orphaned()
    with exclusive(checkpoints, wait=wait, waiting=logger.info), exclusive(weights, wait=wait, waiting=logger.info):
        yield


def _run(
    new: Callable[[], Objective],
    kept: Checkpoints,
    stop: Interruption,
    looks: Looks | None,
    new_status: Callable[[int, int], Status] | None,
    ranks: Ranks,
) -> Loop:
    """A loop that has ended."""
    with stop.at_once():
        loop = Loop(new, kept, stop, looks, new_status, ranks)
    loop.run()
    return loop


def _write(loop: Loop, looks: Looks, seen: Tensor, curve: Path, samples: Path, weights: Path) -> None:
    """Write all that a training makes; weights come last."""
    model = loop.objective.model()
    loop.curve.write(curve)
    real, arrays = model.scale.invert(seen), samples.with_suffix(".npz")
    write_samples(model, real, samples, arrays, model.seed, looks.frames.arrays(), seen)
    write_animation(looks.frames, samples.with_suffix(".gif"))
    write_interpolation(model, seen, samples.with_name("interpolation.png"), model.seed)
    looks.best.finish(model, weights)
    logger.info(
        "%s shown, %s; %s holds the %s weights (%s.weights)",
        *(counted(model.images_seen, "image"), counted(loop.objective.course, "roll-back")),
        *(weights.name, model.settings.weights.replace("_", " by "), model.settings.section),
    )


def _seen(sampler: CropSampler, scale: IntensityScale, seed: int) -> Tensor:
    """Real crops to show beside a model's, on the networks' scale, independent of the training."""
    places = sampler.draw(COUNT, np.random.default_rng(seed))
    moments = sampler.moments(places) if scale.kind is Intensity.SITE else None
    return scale.apply(sampler.read(places), moments)


def what_decides(
    objective: type[Objective],
    stores: Sequence[ImageStore],
    settings: RecipeSettings,
    seed: int,
    looks: str | None,
    labels: Supervision | None = None,
    pretrained: Path | None = None,
) -> dict[str, object]:
    """What a training's weights and curve depend on: its checkpoints belong only to it."""
    deciding = settings.model_dump(mode="json", exclude=set(NOT_DECIDING))
    for key in NOT_DECIDING_OF_ENGINE:
        del deciding["engine"][key]
    numbered = enumerate(stores)  # sites are counted through all stores, in this order
    return {
        "objective": objective.name,
        "settings": deciding,
        "seed": seed,
        "code": objective.code(),
        "probe": looks,
        "labels": None if labels is None else labels.content,
        "pretrained": objective.rests_on(settings, pretrained),
        "channels": stores[0].channels,
        "data": {f"{i} {store.store_id}": _content(store) for i, store in numbered},
    }


def _content(store: ImageStore) -> str:
    """One digest of all a store's pixels, from those of its sites: a big screen's do not fit beside every checkpoint."""
    return hashlib.sha256("".join(store.index["sha256"]).encode()).hexdigest()
