"""Which training settings suit BBBC013? Trains variants, scores each on the development rows alone, appends to a table.

Takes the packed plate of a run (its store, sites, splits) and overrides `name: key=value ...`; writes one row per variant,
weights (averaged and raw) and layer: Z' of the held-out controls of rows A-D, leaving one of the four out. As in the
evaluation, features are standardised on the plate's wells that are no controls; of the controls of rows E-H it is known only
that they are none of those, never of which kind they are, and they are neither trained on nor scored.

    python benchmarks/variants.py --run bbbc013 "base" "longer: training.images=40000" ...
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
import yaml

from gandl.config import Config, Normalization
from gandl.images.store import ImageStore
from gandl.models import weights
from gandl.models.sites import site_features
from gandl.models.training import train
from gandl.normalization.profiles import normalized
from gandl.source.splits import Question, Scheme
from gandl.statistics.axes import held_out_scores
from gandl.statistics.folds import folds_of, labels_of
from gandl.statistics.separation import z_prime
from gandl.tables import SITES, SPLITS, read_table

COLUMNS = ("date", "variant", "overrides", "weights", "features", "dimensions", "z_prime_a_to_d", "training_seconds")


def main() -> None:
    """Train and score every variant named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variants", nargs="+", help="`name` or `name: key=value key=value`")
    parser.add_argument("--run", default="bbbc013", help="run whose store is used")
    parser.add_argument("--folder", type=Path, default=Path("results/variants"), help="where weights are kept")
    parser.add_argument("--table", type=Path, default=Path("results/variants.csv"))
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
    pixels = images.sites(slice(None), config.training.resolution)
    sites = read_table(run / "source/bbbc013/sites.parquet", SITES).set_index("site_id").loc[images.site_ids]
    splits = read_table(run / "source/bbbc013/splits.parquet", SPLITS)
    rows = []
    for kept, discriminator in (("ema", model.discriminator_ema), ("raw", model.discriminator_raw)):
        features = site_features(
            discriminator,
            model.scale,
            pixels,
            config.training.network.crop,
            config.embeddings.stride,
            config.embeddings.batch,
        )
        for layer in ("post", "pre", "blocks"):
            values = getattr(features, layer).astype(np.float64)
            score = round(development_z_prime(values, sites, splits, config), 3)
            what = time.strftime("%Y-%m-%d"), name, " ".join(overrides), kept, layer
            rows.append((*what, values.shape[1], score, round(seconds)))
    return rows


def development_z_prime(
    values: npt.NDArray[np.float64], sites: pd.DataFrame, splits: pd.DataFrame, config: Config
) -> float:
    """Pooled Z' of the held-out controls of the development rows.

    Parameters
    ----------
    values : (n, d) features. sites : n rows of the sites table in the same order, one per well. splits : of the data set.
    """
    parts = splits[(splits["question"] == Question.CONTROLS) & (splits["scheme"] == Scheme.PROBE)]
    standard = normalized(values, sites, Normalization.UNLABELLED)
    developed = sites["well_id"].isin(parts["well_id"]).to_numpy()
    wells = sites[developed]
    labels = labels_of(wells["control"])
    folds = folds_of(parts, wells["well_id"].tolist(), "the image store")
    on = held_out_scores(standard[developed], labels, folds, wells["row"].to_numpy(), config.evaluation.svm_c).on
    return float(z_prime(on[labels > 0], on[labels < 0]))


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
