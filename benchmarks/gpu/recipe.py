"""The recipe of the simulated pair on a GPU that is lent for minutes: trains for so many seconds, then scores what it made.

    python -m benchmarks.gpu.recipe train --data results/pair --folder results/recipe --device cuda --seconds 240
    python -m benchmarks.gpu.recipe score --data results/pair --folder results/recipe --device cuda

A training takes the fastest engine that works: compiled with CUDA graphs, compiled, neither; where one ends in an error or shows
nothing for `FIRST_SECONDS`, the next continues from its checkpoint. The model of every look is kept, the newest as
`last.safetensors`; after the time is up it is stopped in order, and makes curve, samples and three chosen models. Scores come
after it, side by side, in the files that `learning.py` writes (`learning.py summary --folder` makes its tables of them). Numbers
are appended to `benchmarks/results/on_gpu.csv`.
"""

from __future__ import annotations

import argparse
import datetime
import json
import logging
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks.learning.feature_scores import CLASSIFIERS, Pair, separation, severity_correlation
from benchmarks.learning.recipes import Recorder, curve_of_checkpoints, recipe
from benchmarks.measuring import RESULTS, append, processor_name, versions
from gandl.config.files import read_config
from gandl.models.compute.device import choose_device
from gandl.models.crops.crop_sampler import CropSampler, hold_out, open_stores
from gandl.models.engine.training import _seen, train
from gandl.models.looks.samples import write_samples
from gandl.models.networks.gan import TrainedGan, untrained
from gandl.models.networks.weights import load, save
from gandl.tables import CURVE, read_table
from gandl.workflow.interruption import EXIT_CODE, Interrupted

ENGINES: tuple[dict[str, bool], ...] = ({"compile": True, "cuda_graphs": True}, {"compile": True}, {})
"""What is tried on a GPU, the fastest first."""
FIRST_SECONDS = 90.0
"""An engine that shows no status line within so long is given up, unless it is the last."""
STOPPING_SECONDS = 25.0
"""What a training that is requested to stop may take to write its checkpoint."""
CHECKPOINT_IMAGES = 50_000
"""On a GPU seconds, not minutes, lie between two checkpoints of the configuration."""
CHOSEN = ("first", "middle", "last")
"""Looks whose models are scored and brought home: of those kept, evenly spaced by their number."""
TWIN = "twin"
"""The untrained network of the same shape and seed."""


def main() -> None:
    """Train or score, as the command line says; the other two words are for processes of these."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["train", "score", "attempt", "record"])
    parser.add_argument("--config", type=Path, default=Path("config/config.yaml"))
    parser.add_argument(
        "--data", type=Path, required=True, help="stores, sites and truth, as `pair_data.py` makes them"
    )
    parser.add_argument("--folder", type=Path, required=True, help="where everything is written")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--seconds", type=float, default=240, help="of training, its start included")
    parser.add_argument("--images", type=int, default=2_000_000, help="where training ends if time does not end it")
    parser.add_argument("--looks", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=8, help="that read images, or compute where there is no GPU")
    parser.add_argument("--engine", type=json.loads, default={}, help=argparse.SUPPRESS)
    parser.add_argument("--model", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(options.threads)
    options.folder.mkdir(parents=True, exist_ok=True)
    {"train": train_for, "score": score, "attempt": attempt, "record": record}[options.what](options)


def command_of(options: argparse.Namespace, what: str, *more: str) -> list[str]:
    """This program with other words, for a process of its own."""
    kept = ("config", "data", "folder", "device", "images", "looks", "seed", "threads")
    return [
        sys.executable,
        "-m",
        "benchmarks.gpu.recipe",
        what,
        *(w for name in kept for w in (f"--{name}", str(vars(options)[name]))),
        *more,
    ]


# Training


def train_for(options: argparse.Namespace) -> None:
    """Train until the time is up or all images are shown, then write what was made.

    Raises
    ------
    SystemExit : no engine worked, or none came to its first look.
    """
    deadline = time.monotonic() + options.seconds
    engines = ENGINES if options.device == "cuda" else ({},)
    for engine in engines:
        print(f"engine: {_name(engine)}", flush=True)
        process = subprocess.Popen(command_of(options, "attempt", "--engine", json.dumps(engine)))
        live = options.folder / "live.csv"
        if wait(process, deadline, live, patient=engine is engines[-1]) or time.monotonic() > deadline:
            break
        live.unlink(missing_ok=True)
    if not (options.folder / "last.safetensors").exists():
        sys.exit("nothing was trained: no engine came to its first look")
    finish(options, engine)


def wait(process: subprocess.Popen[bytes], deadline: float, live: Path, *, patient: bool) -> bool:
    """Wait for a training, stop it in order when time is up; whether it ended in order.

    Parameters
    ----------
    live : its status lines, a CSV. patient : it may take as long as it likes for the first.
    """
    start = time.monotonic()
    while process.poll() is None:
        time.sleep(0.2)
        now = time.monotonic()
        if now > deadline:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=STOPPING_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        elif not patient and now > start + FIRST_SECONDS and not _has_begun(live):
            print("gave no status line in time: going on with the next engine", flush=True)
            process.kill()
            process.wait()
    return process.returncode in (0, EXIT_CODE)


def _has_begun(live: Path) -> bool:
    return live.exists() and len(live.read_text(encoding="utf-8").splitlines()) > 1


def _name(engine: Mapping[str, bool]) -> str:
    return " ".join(engine) or "neither compiled nor graphs"


def attempt(options: argparse.Namespace) -> None:
    """Train with one engine, from the last checkpoint where there is one, and keep the model of every look."""
    settings = recipe(read_config(options.config).training, [], options.images)
    settings = settings.changed(looks=options.looks, live_csv=True, engine=options.engine)
    if options.device == "cuda":
        settings = settings.changed(checkpoint_images=CHECKPOINT_IMAGES)

    def keep(model: TrainedGan) -> dict[str, float]:
        """Keep a model under its number of images; the newest is there under a name of its own, whole at any time."""
        kept = options.folder / "looks" / f"{model.images_seen:09d}.safetensors"
        kept.parent.mkdir(exist_ok=True)
        save(model, kept)
        save(model, options.folder / "last.safetensors")
        return {}

    try:
        train(
            Pair(options.data).stores("rxrx19a"),
            settings,
            options.seed,
            options.folder / "weights.safetensors",
            options.folder / "curve.parquet",
            options.folder / "simulated_samples.png",
            options.folder / "checkpoints",
            device=choose_device(int(options.device == "cuda")),
            threads=options.threads,
            live=options.folder / "live.csv",
            observer=keep,
        )
    except Interrupted as stopped:
        print(stopped, flush=True)
        sys.exit(EXIT_CODE)


def finish(options: argparse.Namespace, engine: Mapping[str, bool]) -> None:
    """Write the curve and samples of a training that was stopped, choose models to score, and append its numbers."""
    folder: Path = options.folder
    for name, path in zip(CHOSEN, chosen(folder / "looks"), strict=False):
        shutil.copyfile(path, folder / f"{name}.safetensors")
    model = load(folder / "last.safetensors")
    if not (folder / "curve.parquet").exists():
        curve = curve_of_checkpoints(folder / "checkpoints")
        if curve is not None:
            curve.write(folder / "curve.parquet")
    if not (folder / "simulated_samples.png").exists():
        _write_samples(options, model)
    if (folder / "curve.parquet").exists():
        values = numbers_of(read_table(folder / "curve.parquet", CURVE))
        append([row(options, "train", engine, images, metric, value) for images, metric, value in values], _table())
        for images, metric, value in values:
            print(f"{images:>9,} images: {metric} {value:.4g}", flush=True)


def chosen(looks: Path) -> list[Path]:
    """The first of the models that were kept, and the middle one of those before the last; fewer where there are fewer."""
    before = sorted(looks.glob("*.safetensors"))[:-1]
    return [before[i] for i in sorted({0, (len(before) + 1) // 2}) if i < len(before)]


def numbers_of(curve: pd.DataFrame) -> list[tuple[int, str, float]]:
    """(images, metric, value): the median speed, roll-backs, and quality and read-outs of every look."""
    of_looks = curve[curve["metric"].str.contains("quality|nuclei|nuclear|distance")]
    speed = curve.loc[curve["metric"] == "images_per_second", "value"]
    seen, backs = int(curve["images"].max()), int((curve["metric"] == "roll_back").sum())
    first = [(seen, "images_per_second", float(speed.median())), (seen, "roll_backs", float(backs))]
    found = of_looks[["images", "metric", "value"]].itertuples(index=False, name=None)
    return first + [(int(images), str(metric), float(value)) for images, metric, value in found]


def _write_samples(options: argparse.Namespace, model: TrainedGan) -> None:
    """Real crops above generated ones, as a finished training shows them."""
    settings, paths = model.settings, Pair(options.data).stores("rxrx19a")
    stores = open_stores(paths, settings.resolution, settings.network.crop)
    shown, _ = hold_out(sum(len(store) for store in stores), settings.held_out)
    sampler = CropSampler(stores, settings.resolution, settings.network.crop, shown)
    seen = _seen(sampler, model.scale, model.seed)
    picture = options.folder / "simulated_samples.png"
    write_samples(model, model.scale.invert(seen), picture, picture.with_suffix(".npz"), model.seed, seen=seen)


# Scores


def score(options: argparse.Namespace) -> None:
    """Score the chosen models and the untrained twin, a process each, side by side; append what they are worth.

    Raises
    ------
    SystemExit : a process failed; the scores of the others are there.
    """
    models = [*(name for name in reversed(CHOSEN) if (options.folder / f"{name}.safetensors").exists()), TWIN]
    share = max(1, options.threads // len(models))
    mine = argparse.Namespace(**{**vars(options), "threads": share})
    threads = {name: str(share) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    started = [
        (name, subprocess.Popen(command_of(mine, "record", "--model", name), env={**os.environ, **threads}))
        for name in models
    ]
    failed = []
    for name, process in started:
        if process.wait():
            failed.append(name)
            continue
        images = 0 if name == TWIN else load(options.folder / f"{name}.safetensors").images_seen
        values = list(worth(pd.read_parquet(_scores(options) / f"wells_{images}.parquet")))
        append([row(options, "score", {}, images, metric, value) for metric, value in values], _table())
        for metric, value in values:
            print(f"{images:>9,} images: {metric} {value:.3f}", flush=True)
    if failed:
        sys.exit(f"not scored: {', '.join(failed)}")


def _scores(options: argparse.Namespace) -> Path:
    """Where scores of wells lie, as `learning.py summary` looks for them."""
    return Path(options.folder) / "scores/gpu" / f"seed_{options.seed}"


def record(options: argparse.Namespace) -> None:
    """Score one model: the twin, or one of `CHOSEN`; the first two of `score` layer by layer."""
    recorder = Recorder(Pair(options.data), _scores(options), choose_device(int(options.device == "cuda")))
    twin = options.model == TWIN
    model = load(options.folder / f"{'last' if twin else options.model}.safetensors")
    images = 0 if twin else model.images_seen
    if twin:
        model = untrained(model.settings, model.scale, model.seed, model.pixel_size_um)
    recorder.record(model, images, every_layer=options.model in (TWIN, "last"))


def worth(wells: pd.DataFrame) -> Iterator[tuple[str, float]]:
    """What scores of wells are worth, by weights, layer, classifier and cell type: AUC of C+ over C- on whole plates left out,
    and the rank correlation with the true severity. Intervals and differences to the twin are for `learning.py summary`."""
    for (weights, layer, classifier, cell_type), part in wells.groupby(
        ["weights", "layer", "classifier", "cell_type"], sort=False
    ):
        if classifier not in CLASSIFIERS:
            continue
        arrays = {name: part[name].to_numpy() for name in ("on", "label", "severity")}
        name = f"{layer} {cell_type} {classifier} {weights}"
        yield f"auc {name}", float(separation(arrays, np.flatnonzero(arrays["label"] != 0)))
        yield f"severity {name}", float(severity_correlation(arrays, np.arange(len(part))))


# The table of results


def row(
    options: argparse.Namespace, what: str, engine: Mapping[str, bool], images: int, metric: str, value: float
) -> dict[str, Any]:
    """A row of `on_gpu.csv`; its command names no folder."""
    given = ["--device", options.device, "--seconds", f"{options.seconds:g}", "--images", str(options.images)]
    return {
        "date": datetime.date.today().isoformat(),
        "device": torch.cuda.get_device_name() if options.device == "cuda" else processor_name(),
        "versions": versions("torch", "numpy"),
        "command": shlex.join(["python", "-m", "benchmarks.gpu.recipe", what, *given, "--seed", str(options.seed)]),
        "engine": _name(engine) if what == "train" else "",
        "images": images,
        "metric": f"{metric} (simulated)",
        "value": f"{value:.4g}",
    }


def _table() -> Path:
    return RESULTS / "on_gpu.csv"


if __name__ == "__main__":
    main()
