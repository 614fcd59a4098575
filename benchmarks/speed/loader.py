"""The loader of training crops: 57 stores against one, threads, and what it costs a training. Prints medians and ratios.

Everything is measured in turn, several times over, on synthetic sites as bright and noisy as those of RxRx19a
(`store_inputs.py`), 512 px, 5 channels, in files (nothing is held in memory by us; the system's cache is warm): 57 stores of 16
sites, and one store of as many sites, in shards of as many. `python -m benchmarks.speed.loader` prints; `--write` also appends to
`benchmarks/results/loader.csv`; `--device cuda` trains on a GPU, with crops of 256 px and the batch of `config/paper.yaml`.
`--stores`, `--runs` and `--steps` make all of it smaller, to see that it works. Nothing else should be running.
"""

from __future__ import annotations

import argparse
import datetime
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

os.environ["GOMP_SPINCOUNT"] = "10000"  # as the workflow trains (`workflow/scripts/training.py`)

import numpy as np
import torch
from torch import Tensor

from benchmarks.measuring import CORES, RESULTS, Measurement, append, machine, versions
from benchmarks.speed.store_inputs import DISTINCT, draw_site, site_plan
from gandl.config import GanEngineSettings, Intensity, NetworkSettings, Precision, TrainingSettings
from gandl.images.area_mean import area_mean
from gandl.images.pack import Decoded, pack_store
from gandl.models.compute.device import prepare
from gandl.models.crops import crop_sampler as crops
from gandl.models.crops.crop_sampler import CropSampler, open_stores
from gandl.models.crops.intensity import measure_scale
from gandl.models.crops.loader import Loader
from gandl.models.objectives.gan import Gan

STORES, SITES, SIDE = 57, 16, 512
RUNS, STEPS = 15, 3
TRAINING_RUNS, TRAINING_STEPS = 7, 16
READING = TrainingSettings(
    network=NetworkSettings(crop=256), resolution=SIDE, batch=64, intensity=Intensity.STORE, symmetry=True
)
"""Of the full-size training, as far as its loader is concerned."""
ON_CPU = TrainingSettings(
    network=NetworkSettings(crop=64, channel_base=2048, channel_max=64), resolution=SIDE, batch=16
)
ON_GPU = TrainingSettings(
    network=NetworkSettings(crop=256, channel_base=16384, channel_max=512, mapping_layers=3),
    resolution=SIDE,
    batch=64,
    engine=GanEngineSettings(precision=Precision.BFLOAT16, compile=True),
)


class KeptBatch:
    """In place of a loader: the same batch for every step, already on the device."""

    def __init__(self, loader: Loader) -> None:
        self.scale, self.sampler = loader.scale, loader.sampler
        self._batch = [part.clone() for part in loader.batch(0, 0)]

    def batch(self, step: int, course: int) -> list[Tensor]:
        return self._batch


def write_stores(folder: Path, count: int) -> tuple[list[Path], list[Path]]:
    """Pack so many stores, and one of as many sites in all."""
    pixels = [area_mean(draw_site(seed), 2) for seed in range(DISTINCT)]

    def pack(name: str, sites: int) -> Path:
        plan = replace(site_plan(name, sites, (SIDE,)), height=SIDE, width=SIDE, shard_sites=SITES)
        store = folder / f"{name}.zarr"
        files = store, store.with_suffix(".parquet"), store.with_suffix(".manifest.json")
        pack_store(plan, Decoded(lambda i: pixels[i % DISTINCT]), *files)
        return store

    return [pack(f"plate_{i}", SITES) for i in range(count)], [pack("one", count * SITES)]


def open_loader(
    paths: Sequence[Path], settings: TrainingSettings, threads: int, device: torch.device | None = None
) -> Loader:
    """A new loader: no image of its stores has been measured yet."""
    stores = open_stores(paths, settings.resolution, settings.network.crop)
    scale = measure_scale(stores[:1], settings.resolution, settings.intensity)
    sampler = CropSampler(stores, settings.resolution, settings.network.crop)
    return Loader(sampler, scale, settings, 0, threads=threads, device=device or torch.device("cpu"))


def in_turn(measured: list[Measurement], run: Callable[[str], float], runs: int) -> list[Measurement]:
    """Run everything once to warm up, then so many times in turn; `run` gives seconds per crop or step of what it is given."""
    for number in range(runs + 1):
        for measurement in measured:
            seconds = run(measurement.what)
            if number:
                measurement.seconds.append(seconds)
    return measured


def measure_reading(many: Sequence[Path], one: Sequence[Path], runs: int) -> list[Measurement]:
    """Seconds per crop that the loader gives, scaled and turned: by stores, and where images are measured first."""
    by_site = READING.model_copy(update={"intensity": Intensity.SITE})
    several = f"{len(many)} stores"
    loaders = {
        "1 store": open_loader(one, READING, 1),
        several: open_loader(many, READING, 1),
        f"{several}, images new": open_loader(many, by_site, 1),
    }
    next_step = dict.fromkeys(loaders, 0)

    def read(what: str) -> float:
        """A few batches in a row, of which none was read ahead before the clock starts."""
        loader, first = loaders[what], next_step[what]
        next_step[what] += 1000
        if loader.scale.kind is Intensity.SITE:
            loader.sampler._moments.fill(float("nan"))
        started = time.perf_counter()
        for step in range(first, first + STEPS):
            loader.batch(step, 0)
        return (time.perf_counter() - started) / (STEPS * READING.batch)

    against = zip(loaders, ("", "1 store", several), strict=True)
    found = in_turn([Measurement(what, than) for what, than in against], read, runs)
    for loader in loaders.values():
        loader.close()
    return found


def measure_threads(paths: Sequence[Path], runs: int) -> list[Measurement]:
    """Seconds per crop of reading alone, by one thread and more."""
    sampler = CropSampler(open_stores(paths, SIDE, READING.network.crop), SIDE, READING.network.crop)
    names = {f"reading alone, {threads} thread(s)": threads for threads in sorted({1, 2, 4, CORES}) if threads <= CORES}
    rng = np.random.default_rng(0)

    def read(what: str) -> float:
        places = sampler.draw(STEPS * READING.batch, rng)
        with ThreadPoolExecutor(names[what]) as pool:
            started = time.perf_counter()
            list(pool.map(sampler.read, np.array_split(places, 8 * names[what])))
            return (time.perf_counter() - started) / len(places)

    first = next(iter(names))
    return in_turn([Measurement(what, first if what != first else "") for what in names], read, runs)


def measure_training(paths: Sequence[Path], device: torch.device, runs: int, steps: int) -> list[Measurement]:
    """Seconds per step of a training on one batch that stays on the device, and on crops from files; one reading thread per core.

    Each run starts a training of its own, past all intervals of the schedule.
    """
    settings = ON_GPU if device.type == "cuda" else ON_CPU
    prepare(device, settings.engine.precision)
    kept = f"training on {device.type}: one batch kept"
    names = [kept, f"training on {device.type}: loader"]
    with open_loader(paths, settings, CORES if device.type == "cuda" else 1, device) as loader:
        trainers = {
            what: Gan(source, settings, 0, device=device)  # type: ignore[arg-type]
            for what, source in zip(names, (KeptBatch(loader), loader), strict=True)
        }

        def train(what: str) -> float:
            trainer = trainers[what]
            started = time.perf_counter()
            for _ in range(steps):
                trainer.step()
            trainer.drain()
            return (time.perf_counter() - started) / steps

        return in_turn([Measurement(kept), Measurement(names[1], kept)], train, runs)


def table(measurements: Sequence[Measurement], device: torch.device) -> list[dict[str, object]]:
    """One row per measurement: seconds per crop or step. Ratio: times as fast as `against`."""
    medians = {m.what: m.median for m in measurements}
    place = machine() + (f", {torch.cuda.get_device_name(device)}" if device.type == "cuda" else "")
    return [
        {
            "date": datetime.date.today().isoformat(),
            "machine": place,
            "versions": versions("torch", "imagecodecs", "numpy"),
            "what": m.what,
            "runs": len(m.seconds),
            "median_ms": round(1000 * m.median, 3),
            "against": m.against,
            "times_as_fast": round(medians[m.against] / m.median, 3) if m.against else "",
        }
        for m in measurements
    ]


def main() -> None:
    """Measure, print, and write if requested."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="append to results/loader.csv")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    parser.add_argument("--device", default="cpu", help="what to train on: cpu (default) or cuda")
    parser.add_argument("--only", choices=["reading", "training"], help="measure only this")
    parser.add_argument("--stores", type=int, default=STORES)
    parser.add_argument("--steps", type=int, default=TRAINING_STEPS, help="of training in a run")
    parser.add_argument("--runs", type=int, help=f"by default {RUNS} of reading, {TRAINING_RUNS} of training")
    options = parser.parse_args()
    device = torch.device(options.device)
    crops.MEMORY_LIMIT = 0
    measurements: list[Measurement] = []
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        many, one = write_stores(Path(place), options.stores)
        if options.only != "training":
            measurements += measure_reading(many, one, options.runs or RUNS)
            measurements += measure_threads(many, options.runs or RUNS)
        if options.only != "reading":
            measurements += measure_training(many, device, options.runs or TRAINING_RUNS, options.steps)
    rows = table(measurements, device)
    for row in rows:
        ratio = f"{row['times_as_fast']} times as fast as {row['against']}" if row["against"] else ""
        unit = "step" if "training" in str(row["what"]) else "crop"
        print(f"{row['what']:34}{row['median_ms']:>10} ms per {unit}   {ratio}")
    if options.write:
        append(rows, RESULTS / "loader.csv")


if __name__ == "__main__":
    main()
