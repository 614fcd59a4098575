"""Learning curves: trains recipes on the simulated pair or on BBBC013; records on the way what generator and features are worth.

    python -m benchmarks.learning.recipes train "contrast" --seed 1 --images 80000
    python -m benchmarks.learning.recipes train "game: contrast.pairs=none" --seed 1 --images 80000 --seconds 1200
    python -m benchmarks.learning.recipes score "contrast" --seed 1 weights_80k.safetensors     a model trained elsewhere
    python -m benchmarks.learning.recipes train "longer: images=90000" --config config/bbbc013.yaml --run results/bbbc013
    python -m benchmarks.learning.recipes summary                                               the tables and the figure
    python -m benchmarks.learning.recipes figure                                                the figure again, from the tables

A recipe is the training section of `--config` with overrides. The stores of a finished run are used (`--run`). Looks are evenly
spaced on a logarithmic scale; a killed training resumes from its checkpoint, and a look that is recorded is not recorded again.
Scores of single wells lie in `results/learning/<recipe>/seed_<n>/`; `summary` makes of them benchmarks/results/learning.csv
(every look: value, interval, difference to the untrained twin of the same shape), benchmarks/results/recipes.csv (the last look,
over seeds), benchmarks/results/generators.csv (quality, read-outs and roll-backs), and docs/learning.svg and .png; of BBBC013
the same tables with `_bbbc013` in their names, without a figure.
"""

from __future__ import annotations

import argparse
import copy
import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault(
    "GOMP_SPINCOUNT", "10000"
)  # heard when torch is imported; `workflow/scripts/training.py` says why

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
import yaml

from benchmarks.learning.feature_scores import CLASSIFIERS, Floats, Pair, cell_types, embedded, well_scores
from benchmarks.learning.plate_scores import Plate, open_run, plate_scores
from benchmarks.learning.summary import STOPPED, draw_figure, write_summary
from gandl.config import TrainingSettings
from gandl.config.files import read_config
from gandl.models.compute.device import CPU, choose_device, prepare
from gandl.models.crops.crop_sampler import hold_out, open_stores
from gandl.models.engine.checkpoint import differences
from gandl.models.engine.training import train
from gandl.models.looks.curve import Curve
from gandl.models.looks.quality import build_quality
from gandl.models.looks.readouts import build_readouts
from gandl.models.looks.samples import grey, mosaic, save_picture
from gandl.models.networks.gan import TrainedGan, generate, untrained
from gandl.models.networks.weights import load
from gandl.models.objectives.objective import TrainingError
from gandl.tables import CURVE, read_table
from gandl.workflow.files import atomic, write_json
from gandl.workflow.interruption import Interrupted

FOLDER = Path("results/learning")
EARLY = ("post", "blocks")
"""Layers that are scored at every look; at the last one every block is."""
NOT_OF_A_RECIPE = {
    "images",
    "looks",
    "seed",
    "weights",
    "roll_backs",
    "checkpoint_images",
    "live_csv",
    "engine",
    "probe",
}
"""Settings in which trainings of one recipe may differ."""


def main() -> None:
    """Train, score or sum up, as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["train", "score", "summary", "figure"])
    parser.add_argument(
        "recipe", nargs="?", default="", help="`name` or `name: key=value key=value` (keys of `training`)"
    )
    parser.add_argument("weights", nargs="*", type=Path, help="for `score`")
    parser.add_argument("--config", type=Path, default=Path("config/config.yaml"))
    parser.add_argument("--run", type=Path, default=Path("results/simulated"), help="folder of a finished run")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, default=0, help="budget of images; by default the configuration's")
    parser.add_argument(
        "--seconds", type=float, default=0, help="stop in order after so long; the same command continues"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--looks", type=int, default=0, help="by default the configuration's")
    options = parser.parse_intermixed_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(options.threads)
    try:
        _do(options)
    except (ValueError, OSError, TrainingError) as error:
        sys.exit(f"learning: {error}")


def _do(options: argparse.Namespace) -> None:
    if options.what == "summary":
        write_summary(options.folder)
        return
    if options.what == "figure":
        draw_figure()
        return
    name, _, overrides = options.recipe.partition(":")
    if not name.strip():
        raise ValueError('name a recipe: python -m benchmarks.learning.recipes train "contrast"')
    target = options.folder / name.strip() / f"seed_{options.seed}"
    device = choose_device(int(options.device == "cuda"))
    recorder = Recorder(open_run(options.run), target, device)
    if options.what == "score":
        for path in options.weights:
            recorder(load(path))
        return
    settings = recipe(read_config(options.config).training, overrides.split(), options.images)
    settings = settings.changed(looks=options.looks) if options.looks else settings
    train_recipe(settings, options.seed, recorder, options.seconds, device=device, threads=options.threads)


def recipe(settings: TrainingSettings, overrides: list[str], images: int) -> TrainingSettings:
    """The settings with overrides `key=value` of `training`; a budget of images, where one is given.

    Raises
    ------
    ValueError : a budget that is smaller than one batch, so that nothing could be looked at.
    """
    changes: dict[str, Any] = {"probe": False}
    if images:
        changes["images"] = images
    for override in overrides:
        key, _, value = override.partition("=")
        *sections, last = key.removeprefix("training.").split(".")
        section = changes
        for part in sections:
            section = section.setdefault(part, {})
        section[last] = yaml.safe_load(value)
    changed = settings.changed(**changes)
    if changed.images < changed.batch:
        raise ValueError(
            f"a budget of {changed.images} images is less than one batch of {changed.batch}: there would be nothing to look at"
        )
    return changed


def train_recipe(
    settings: TrainingSettings,
    seed: int,
    recorder: Recorder,
    seconds: float = 0,
    *,
    device: torch.device = CPU,
    threads: int = 1,
) -> None:
    """Train with looks; roll-backs of a recipe that diverges are rows of its curve, which lies beside the scores.

    Raises
    ------
    TrainingError : it diverged after all roll-backs; the curve, with a row `STOPPED`, is there all the same.
    ValueError : another recipe is recorded in this folder.
    """
    target = recorder.folder
    recorder.check(settings)
    target.mkdir(parents=True, exist_ok=True)
    recorder.deadline = time.monotonic() + seconds if seconds else None
    try:
        train(
            recorder.pair.stores(recorder.pair.trained_on),
            settings,
            seed,
            target / "weights.safetensors",
            target / "curve.parquet",
            target / "samples.png",
            target / "checkpoints",
            device=device,
            threads=threads,
            observer=recorder,
        )
    except Interrupted as stopped:
        print(stopped)
        return
    except TrainingError:
        _write_stopped(target)
        raise
    curve = read_table(target / "curve.parquet", CURVE)
    backs = curve[curve["metric"] == "roll_back"]
    print(f"{recorder.folder}: {len(backs)} roll-back(s); {len(recorder.recorded)} looks recorded")


def curve_of_checkpoints(folder: Path) -> Curve | None:
    """The curve in the newest checkpoint of a folder of trainings; None where there is none."""
    paths = sorted(folder.glob("*/[0-9]*.pt"), key=_written)
    if not paths:
        return None
    state = torch.load(paths[-1], map_location="cpu", weights_only=True)["state"]
    return Curve.restored(state["curve"])


def _written(path: Path) -> tuple[int, str]:
    """When a file was written; those of one moment by name."""
    return path.stat().st_mtime_ns, path.name


def _write_stopped(target: Path) -> None:
    """Write the curve of a training that gave up: the engine writes only those that end well."""
    curve = curve_of_checkpoints(target / "checkpoints") or Curve()
    backs = sum(metric == "roll_back" for _, _, metric, _ in curve.rows)
    images, step = max(((row[0], row[1]) for row in curve.rows), default=(0, 0))
    curve.add(images, step, **{STOPPED: backs})
    curve.write(target / "curve.parquet")


class Recorder:
    """Records a model: scores of every well by layer, quality, read-outs and a picture; the untrained twin's beside.

    Parameters
    ----------
    pair : the screens, or the plate. folder : where scores of this recipe and seed lie, a file per look.
    device : where sites are described.

    Attributes
    ----------
    deadline : `time.monotonic` after which the training is stopped in order.
    """

    def __init__(self, pair: Pair, folder: Path, device: torch.device = CPU) -> None:
        self.pair, self.folder, self.device = pair, folder, device
        self.deadline: float | None = None

    @property
    def recorded(self) -> list[int]:
        """Images at which a look is recorded."""
        return sorted(int(path.stem.removeprefix("wells_")) for path in self.folder.glob("wells_*.parquet"))

    def check(self, settings: TrainingSettings) -> None:
        """Note which recipe is recorded here.

        Raises
        ------
        ValueError : it is another one: its looks would be taken for looks of this one.
        """
        noted = self.folder / "recipe.json"
        mine = json.loads(settings.model_dump_json(exclude=NOT_OF_A_RECIPE))
        if not noted.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            write_json(mine, noted)
            return
        found = differences({"training": json.loads(noted.read_text(encoding="utf-8"))}, {"training": mine})
        if found:
            raise ValueError(f"{self.folder} records another recipe ({'; '.join(found)}): give this one another name")

    def __call__(self, model: TrainedGan) -> dict[str, float]:
        """Record a look unless it is there; gives nothing for the curve."""
        self.check(model.settings)
        prepare(CPU)
        last = model.images_seen >= model.settings.images
        if 0 not in self.recorded:
            twin = untrained(model.settings, model.scale, model.seed, model.pixel_size_um)
            self.record(twin, 0, every_layer=True)
        if model.images_seen not in self.recorded:
            self.record(model, model.images_seen, every_layer=last)
        if self.deadline is not None and time.monotonic() > self.deadline and not last:
            os.kill(os.getpid(), 15)  # the engine writes a checkpoint and ends in order
        return {}

    def record(self, model: TrainedGan, images: int, *, every_layer: bool) -> None:
        """Record a model as a look at so many images (0: the untrained twin), with every layer or those of `EARLY`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        versions = {"ema": model.discriminator_ema}
        if every_layer and images:
            versions["raw"] = model.discriminator_raw
        wells, types = [], []
        for weights, discriminator in versions.items():
            chosen = copy.deepcopy(discriminator).eval().to(self.device)
            stride = model.settings.network.crop
            layers, ids = embedded(self.pair, self.pair.trained_on, model, chosen, stride)
            for layer, features in layers.items():
                if every_layer or layer in EARLY:
                    wells.append(self._well_scores(features, ids).assign(weights=weights, layer=layer))
            if not self.pair.stores("rxrx1"):
                continue
            layers, ids = embedded(self.pair, "rxrx1", model, chosen, stride)
            for layer in EARLY:
                types.append(cell_types(self.pair, layers[layer], ids).assign(weights=weights, layer=layer))
        if images:
            _write(pd.DataFrame([self._of_generator(model)]), self.folder / f"generator_{images}.parquet")
        if types:
            _write(pd.concat(types, ignore_index=True), self.folder / f"types_{images}.parquet")
        _write(pd.concat(wells, ignore_index=True), self.folder / f"wells_{images}.parquet")

    def _well_scores(self, features: Floats, ids: npt.NDArray[np.str_]) -> pd.DataFrame:
        if isinstance(self.pair, Plate):
            return plate_scores(self.pair, features, ids, CLASSIFIERS)
        return well_scores(self.pair, features, ids, CLASSIFIERS)

    def _of_generator(self, model: TrainedGan) -> dict[str, float]:
        """Quality and read-outs; a picture of generated crops lies beside."""
        settings = model.settings
        stores = open_stores(self.pair.stores(self.pair.trained_on), settings.resolution, settings.network.crop)
        _, held_out = hold_out(sum(len(store) for store in stores), settings.held_out)
        quality = build_quality(stores, held_out, model.scale, settings, CPU)
        readouts = build_readouts(stores, held_out, model.scale, settings)
        shown = grey(generate(model, 16, 0), *model.scale.limits())
        save_picture(
            mosaic([shown[:, channel] for channel in range(shown.shape[1])]),
            self.folder / f"generated_{model.images_seen}.png",
        )
        return {**quality.measure(model.generator_ema), **readouts.measure(model.generator_ema)}


def _write(table: pd.DataFrame, path: Path) -> None:
    with atomic(path) as partial:
        table.to_parquet(partial, index=False, compression="zstd")


if __name__ == "__main__":
    main()
