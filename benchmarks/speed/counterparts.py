"""The counterparts' trainings and embeddings: images per second of each, at the sizes of a configuration, on one device.

    python -m benchmarks.speed.counterparts --device cuda --write      the paper's sizes (`config/paper.yaml`), on a GPU
    python -m benchmarks.speed.counterparts                            those of the default run, on the CPU

Images are random and lie on the device already: what a loader that costs nothing would give. Networks that come trained on
ImageNet have random weights here, which are as fast, so that nothing is downloaded. Each counterpart is measured in a process of
its own. Absolute times only mean something on a GPU. `--write` appends to `benchmarks/results/counterparts.csv`.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.measuring import RESULTS, append, processor_name, versions
from gandl.config import Config, EmbeddingsSettings, FeaturizerName, RecipeSettings
from gandl.config.files import read_config
from gandl.embeddings.classifier import ClassifierFeaturizer
from gandl.embeddings.conv_ae import AutoencoderFeaturizer
from gandl.embeddings.imagenet.collapsed import CollapsedFeaturizer
from gandl.embeddings.imagenet.concatenated import ConcatenatedFeaturizer
from gandl.models.compute.device import peak_memory, prepare
from gandl.models.crops.intensity import IntensityScale
from gandl.models.crops.supervision import Labels
from gandl.models.networks.imagenet import perceptual
from gandl.models.networks.imagenet.pretrained import untrained
from gandl.models.objectives import collapsed
from gandl.models.objectives.autoencoder import Autoencoding
from gandl.models.objectives.classifier import Classifying
from gandl.models.objectives.collapsed import Collapsing
from gandl.models.objectives.objective import Objective

COLUMNS = (
    *("date", "device", "versions", "command", "featurizer", "network", "what", "image_px", "channels", "batch"),
    *("precision", "rounds", "images_per_second", "memory_gib"),
)
CHANNELS = ("hoechst", "con_a", "phalloidin", "syto14", "wga")
SCALE = IntensityScale(CHANNELS, (0.0,) * len(CHANNELS), (255.0,) * len(CHANNELS))
CLASSES = {FeaturizerName.DENSENET161_ARCFACE: 1139, FeaturizerName.IMAGENET_COLLAPSED: 4}
NAMES = (*CLASSES, FeaturizerName.IMAGENET_CONCATENATED, FeaturizerName.CONV_AE)
WARM = 2
"""Steps, and embedded batches, before anything is measured."""


class Images:
    """The same random crops of random sites at every step, on the device."""

    scale = SCALE

    def __init__(self, settings: RecipeSettings, classes: int, place: torch.device) -> None:
        rng = torch.Generator().manual_seed(0)
        images = torch.randn(settings.batch, len(CHANNELS), settings.crop, settings.crop, generator=rng)
        self.images = images.to(place).contiguous(memory_format=torch.channels_last)
        self.numbers = torch.randint(classes, (settings.batch,), generator=rng).to(place)

    def batch(self, step: int, course: int) -> list[Tensor]:
        return [self.images]

    def sites(self, step: int, course: int) -> list[Tensor]:
        return [self.numbers]


def objective_of(name: FeaturizerName, config: Config, batch: int, place: torch.device) -> Objective[Any]:
    """A counterpart's training at the size of a configuration, on random images."""
    counterparts = config.counterparts
    recipes: dict[FeaturizerName, tuple[type[Objective[Any]], RecipeSettings]] = {
        FeaturizerName.DENSENET161_ARCFACE: (Classifying, counterparts.baseline),
        FeaturizerName.IMAGENET_COLLAPSED: (
            Collapsing,
            counterparts.collapsed.recipe(config.embeddings.imagenet.network),
        ),
        FeaturizerName.CONV_AE: (Autoencoding, counterparts.conv_ae),
    }
    kind, recipe = recipes[name]
    settings = recipe.changed(batch=batch or recipe.batch, engine={"microbatch": 0})
    prepare(place, settings.engine.precision)
    classes = CLASSES.get(name, 1)
    names = tuple(str(number) for number in range(classes))
    labels = Labels(names, np.arange(classes), np.arange(classes), np.arange(0))
    # any weights are as fast: these need no file
    collapsed.load_pretrained = perceptual.load_pretrained = lambda network, weights=None: untrained(network, 0)
    return kind(Images(settings, classes, place), settings, 0, labels=labels, device=place)


def featurizer_of(
    name: FeaturizerName, config: Config, objective: Objective[Any] | None, place: torch.device
) -> tuple[Any, EmbeddingsSettings]:
    """The featurizer of a counterpart, and its settings."""
    settings, network = config.embeddings, untrained(config.embeddings.imagenet.network, 0)
    if objective is None:
        made: Any = ConcatenatedFeaturizer(name, network, SCALE, settings)
    elif name is FeaturizerName.IMAGENET_COLLAPSED:
        made = CollapsedFeaturizer(objective.model(), network, settings)
    elif name is FeaturizerName.CONV_AE:
        made = AutoencoderFeaturizer(objective.model(), settings)
    else:
        made = ClassifierFeaturizer(objective.model(), settings)
    return made.on(str(place)), settings


def measure(arguments: argparse.Namespace) -> None:
    """One counterpart, in this process: rows of its training and of its embedding, as JSON."""
    name, config = FeaturizerName(arguments.variant), read_config(arguments.config)
    place, rows, objective = torch.device(arguments.device), [], None
    if name is not FeaturizerName.IMAGENET_CONCATENATED:
        objective = objective_of(name, config, arguments.batch, place)
        settings = objective.settings

        def step() -> None:
            objective.step()
            objective.drain()

        rows.append(
            {
                "what": "training",
                "image_px": settings.crop,
                "batch": settings.batch,
                "precision": settings.engine.precision.value,
                "images_per_second": settings.batch / seconds_of(step, place, arguments.rounds),
                "memory_gib": peak_memory(place) / 2**30,
            }
        )
    featurizer, embeddings = featurizer_of(name, config, objective, place)
    side = embeddings.resolutions[config.source.screen]
    batch = arguments.batch or embeddings.batch
    pixels = np.random.default_rng(0).integers(0, 256, (batch, len(CHANNELS), side, side), dtype=np.uint8)
    rows.append(
        {
            "what": "embedding",
            "image_px": side,
            "batch": batch,
            "precision": embeddings.precision.value,
            "images_per_second": batch / seconds_of(lambda: featurizer.embed(pixels), place, arguments.rounds),
            "memory_gib": peak_memory(place) / 2**30,
        }
    )
    network = {
        FeaturizerName.IMAGENET_CONCATENATED: config.embeddings.imagenet.network.value,
        FeaturizerName.IMAGENET_COLLAPSED: config.embeddings.imagenet.network.value,
        FeaturizerName.CONV_AE: f"perceptual loss by {config.counterparts.conv_ae.perceptual.network.value}",
    }.get(name, f"DenseNet {config.counterparts.baseline.network.blocks}")
    for row in rows:
        print(json.dumps({"featurizer": name.value, "network": network, **row}))


def seconds_of(step: Callable[[], object], place: torch.device, rounds: int) -> float:
    """Median seconds of a call."""
    for _ in range(WARM):
        step()
    found = []
    for _ in range(rounds):
        if place.type == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        step()
        if place.type == "cuda":
            torch.cuda.synchronize()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument(
        "--config", type=Path, help="by default config/paper.yaml on a GPU, config/config.yaml on a CPU"
    )
    parser.add_argument(
        "--batch",
        type=int,
        default=0,
        help="another batch, of trainings and embeddings",
    )
    parser.add_argument("--rounds", type=int, default=5, help="measured steps of each")
    parser.add_argument("--only", action="append", choices=NAMES, help="this counterpart (may be given several times)")
    parser.add_argument("--write", action="store_true", help="append to results/counterparts.csv")
    parser.add_argument("--variant", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.config = arguments.config or Path("config", "paper.yaml" if arguments.device == "cuda" else "config.yaml")
    if arguments.variant:
        measure(arguments)
        return
    common = {
        "date": datetime.date.today().isoformat(),
        "device": torch.cuda.get_device_name() if arguments.device == "cuda" else processor_name(),
        "versions": versions("torch", "monai"),
        "command": shlex.join(["python", "-m", "benchmarks.speed.counterparts", *sys.argv[1:]]),
        "channels": len(CHANNELS),
        "rounds": arguments.rounds,
    }
    failed = []
    for name in arguments.only or NAMES:
        options = ["--device", arguments.device, "--config", str(arguments.config), "--batch", str(arguments.batch)]
        command = [sys.executable, "-m", "benchmarks.speed.counterparts", "--variant", str(name), *options]
        done = subprocess.run(
            [*command, "--rounds", str(arguments.rounds)],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
            env={**os.environ, "GOMP_SPINCOUNT": "10000"},  # as the rule's script sets it
        )
        if done.returncode:
            failed.append(str(name))
            continue
        for row in (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")):
            print(
                f"{row['featurizer']:22s} {row['what']:10s} {row['image_px']:4d} px  {row['images_per_second']:8.1f} images/s  "
                f"{row['memory_gib']:6.1f} GiB",
                flush=True,
            )
            if arguments.write:
                row = {**dict.fromkeys(COLUMNS, ""), **common, **row}
                rounded = {key: f"{v:.3g}" if isinstance(v, float) else v for key, v in row.items()}
                append([rounded], RESULTS / "counterparts.csv")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
