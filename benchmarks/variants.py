"""Which training settings suit BBBC013? Trains variants, scores each on the development rows alone, appends to a table.

Takes the packed plate of a run (its store, sites, splits) and overrides `name: key=value ...`; writes one row per variant and
layer: Z' of the held-out controls of rows A-D, leaving one of the four out. Labels of rows E-H are never read.

    python benchmarks/variants.py --run bbbc013 "base" "longer: training.images=40000" ...
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml

from gandl.config import Config
from gandl.images.store import ImageStore
from gandl.models import weights
from gandl.models.sites import site_features
from gandl.models.training import train
from gandl.statistics import Fold, held_out_scores, z_prime

COLUMNS = ("date", "variant", "overrides", "features", "dimensions", "z_prime_a_to_d", "training_seconds")


def main() -> None:
    """Train and score every variant named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variants", nargs="+", help="`name` or `name: key=value key=value`")
    parser.add_argument("--run", default="bbbc013", help="run whose store is used")
    parser.add_argument("--folder", type=Path, default=Path("results/variants"), help="where weights are kept")
    parser.add_argument("--table", type=Path, default=Path("benchmarks/results/variants_bbbc013.csv"))
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for text in options.variants:
        name, _, overrides = text.partition(":")
        for row in evaluate(name.strip(), overrides.split(), Path("results") / options.run, options.folder):
            _append(options.table, row)
            print(*row, sep="  ", flush=True)


def evaluate(name: str, overrides: list[str], run: Path, folder: Path) -> list[tuple[Any, ...]]:
    """Train one variant (or load it) and score its features on the development rows."""
    config = Config.model_validate(_nested(overrides))
    store = run / "images/bbbc013/BBBC013_1.zarr"
    target = folder / name
    started = time.monotonic()
    if not (target / "weights.safetensors").exists():
        train(
            [store],
            config.training,
            config.training.seed,
            target / "weights.safetensors",
            target / "curve.parquet",
            target / "samples.png",
            target / "checkpoints",
        )
    seconds = time.monotonic() - started
    model = weights.load(target / "weights.safetensors")
    images = ImageStore(store)
    features = site_features(
        model.discriminator_ema,
        model.scale,
        images.sites(slice(None), config.training.resolution),
        config.training.network.crop,
        config.embeddings.stride,
        config.embeddings.batch,
    )
    sites = pd.read_parquet(run / "source/bbbc013/sites.parquet").set_index("site_id").loc[images.site_ids]
    splits = pd.read_parquet(run / "source/bbbc013/splits.parquet")
    rows = []
    for kind in ("post", "pre", "blocks"):
        values = getattr(features, kind)
        score = development_z_prime(values, sites, splits, config)
        rows.append(
            (
                time.strftime("%Y-%m-%d"),
                name,
                " ".join(overrides),
                kind,
                values.shape[1],
                round(score, 3),
                round(seconds),
            )
        )
    return rows


def development_z_prime(values: np.ndarray, sites: pd.DataFrame, splits: pd.DataFrame, config: Config) -> float:
    """Z' of the held-out controls of the development rows; standardised on the plate's unlabelled wells."""
    unlabelled = (sites["control"] == "none").to_numpy()
    deviation = values[unlabelled].std(axis=0)
    standard = (values - values[unlabelled].mean(axis=0)) / np.where(deviation > 0, deviation, np.inf)
    labels = sites["control"].map({"positive": 1, "negative": -1, "none": 0}).to_numpy()
    position = {well: number for number, well in enumerate(sites["well_id"])}
    folds = [
        Fold(
            str(fold),
            np.array([position[well] for well in part.loc[part["part"] == "train", "well_id"]]),
            np.array([position[well] for well in part.loc[part["part"] == "test", "well_id"]]),
        )
        for fold, part in splits[splits["scheme"] == "probe"].groupby("fold")
    ]
    scores = held_out_scores(standard, labels, folds, sites["row"].to_numpy(), config.evaluation.svm_c)
    on = scores.on
    scored = np.isfinite(on)
    return float(z_prime(on[scored & (labels == 1)], on[scored & (labels == -1)]))


def _nested(overrides: list[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for override in overrides:
        key, _, value = override.partition("=")
        *sections, last = key.split(".")
        section = values
        for part in sections:
            section = section.setdefault(part, {})
        section[last] = yaml.safe_load(value)
    return values


def _append(table: Path, row: tuple[Any, ...]) -> None:
    table.parent.mkdir(parents=True, exist_ok=True)
    new = not table.exists()
    with table.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(COLUMNS)
        writer.writerow(row)


if __name__ == "__main__":
    main()
