"""Overview of the method, drawn from one run: its images and generated crops, the sizes of its networks, and what it was asked.

Takes the GAN's samples and weights, sites tables, stores and what evaluation wrote of one featurizer; makes figure_2 (as Fig. 2
of Mascolini et al. 2022: a the pretext task, b the downstream tasks). Every image, size and count in it is of the run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pandas as pd
from safetensors import SafetensorError, safe_open

from gandl.config import Dataset
from gandl.evaluation.terms import compounds_of, dose_series
from gandl.figures.common import style as look
from gandl.figures.common.empty import ABSENT
from gandl.figures.common.scores import read_held_out
from gandl.figures.dose_response import series_of
from gandl.figures.paper.examples import Example, examples_of
from gandl.figures.paper.sketch import Pictures, overview_figure
from gandl.figures.training.samples import Samples, read_samples
from gandl.images.display import display_range, scaled
from gandl.images.store_reader import ImageStore, store_path
from gandl.source.screens.drugs import DRUGS, named_compound
from gandl.tables import SITES, read_table

THUMBNAILS = 4
"""Real and generated crops, and cell types, shown at most."""
COLUMNS = [
    "panel",
    "item",
    "value",
    "cell_type",
    "control",
    "treatment",
    "concentration_um",
    "true",
    "predicted",
    "x",
    "y",
]
"""Counts and sizes have `value`; points and cells of the small plots also what they are of."""


def draw_overview(
    samples: Path,
    weights: Path,
    *,
    sites: Sequence[Path],
    datasets: Sequence[str],
    manifests: Sequence[Path],
    scores: Sequence[Path],
    curves: Sequence[Path],
    points: Sequence[Path],
    confusion: Sequence[Path],
    resolutions: Mapping[str, int],
    featurizer: str,
    scheme: str,
    **drawing: Unpack[look.Drawing],
) -> None:
    """Draw the pretext task (a) and the three downstream tasks (b); a task that the run does not have says so.

    Parameters
    ----------
    samples, weights : of the GAN (`models/gandl/seed_<n>/`).
    sites : sites table of every screen. datasets : their names; the GAN was trained on the first.
    manifests : of the stores of RxRx1 of which a thumbnail is shown; none where the run does not have it.
    scores, curves, points, confusion : one file each of `featurizer`, or none: its held-out scores, the curves and wells of its
        dose responses, its counts of the cell types.
    resolutions : stored size (px) to show, by screen.
    scheme : which split's scores (see `read_held_out`).
    drawing : what every figure is given; the CSV has a row per number, point and cell that is drawn.

    Raises
    ------
    FigureError : there are no samples or weights, or a store holds none of its sites.
    """
    given = read_samples(Path(samples))
    tables = {name: read_table(Path(path), SITES) for name, path in zip(datasets, sites, strict=True)}
    cells = cell_types([Path(path) for path in manifests], tables, resolutions)
    data = pd.concat(
        [
            facts(network_of(Path(weights)), tables, given),
            *[controls(Path(path), scheme) for path in scores],
            *[doses(Path(curve), Path(wells)) for curve, wells in zip(curves, points, strict=True)],
            *[shares(Path(path)) for path in confusion],
        ],
        ignore_index=True,
    ).reindex(columns=COLUMNS)
    real, made = pictures(given)
    draw = partial(overview_figure, real=real, made=made, cells=cells, featurizer=featurizer)
    look.draw(draw, data, **drawing)


def network_of(weights: Path) -> dict[str, Any]:
    """What a GAN's weights file says of the networks and of their training.

    Raises
    ------
    FigureError : there is no such file, or it is not a GAN's.
    """
    try:
        with safe_open(weights, framework="np") as file:
            found = file.metadata() or {}
        settings = json.loads(found["settings"])
        network = settings["network"]
        return {
            **{name: network[name] for name in ("crop", "style_dim", "feature_dim", "mapping_layers")},
            **{"channels": len(json.loads(found["channels"])), "images_shown": json.loads(found["images_seen"])},
        }
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise look.FigureError(f"{weights}: not the weights of a GAN ({error}); train the model first") from error


def facts(network: Mapping[str, Any], tables: Mapping[str, pd.DataFrame], samples: Samples) -> pd.DataFrame:
    """Sizes of the networks and counts of every screen: `panel`, `item`, `value`."""
    rows = [("a", name, float(value)) for name, value in network.items()]
    rows.append(("a", "crop_um", samples.fake.shape[-1] * (samples.pixel_size_um or np.nan)))
    for screen, sites in tables.items():
        wells = sites.drop_duplicates("well_id")
        rows += [
            ("screen", f"{screen}: images", float(len(sites))),
            ("screen", f"{screen}: wells", float(len(wells))),
            ("screen", f"{screen}: plates", float(wells["plate_id"].nunique())),
            ("screen", f"{screen}: cell types", float(wells["cell_type"].nunique())),
            ("screen", f"{screen}: control wells", float((wells["control"] != "none").sum())),
            ("screen", f"{screen}: compounds", float(compounds_of(dose_series(wells)).nunique())),
        ]
    return pd.DataFrame(rows, columns=["panel", "item", "value"])


def controls(scores: Path, scheme: str) -> pd.DataFrame:
    """Held-out controls of one cell type, the first by name, by on (x) and off (y) score; a row `absent` where there is none."""
    wells = read_held_out(scores, scheme).query("control != 'none'")
    if wells.empty:
        return pd.DataFrame([{"panel": "b1", "item": ABSENT}])
    first = wells["cell_type"].min()
    chosen_wells = wells[wells["cell_type"] == first].rename(columns={"on": "x", "off": "y"})
    return chosen_wells[["cell_type", "control", "x", "y"]].assign(panel="b1", item="well")


def doses(curves: Path, points: Path) -> pd.DataFrame:
    """Wells and curve of the first of the paper's drugs, in the first cell type that has it: on score (y) by dose; a row
    `absent` where there is none."""
    wells, fitted = pd.read_parquet(points), pd.read_parquet(curves)
    every = series_of(wells)
    names = [one.treatment for one in every]
    found = [name for name in (named_compound(names, drug) for drug in DRUGS) if name]
    if not found:
        return pd.DataFrame([{"panel": "b2", "item": ABSENT}])
    cell_type = min(one.cell_type for one in every if one.treatment == found[0])
    parts = [
        table[(table["treatment"] == found[0]) & (table["cell_type"] == cell_type)]
        .rename(columns={height: "y"})[["cell_type", "treatment", "concentration_um", "y"]]
        .assign(panel="b2", item=item)
        for table, height, item in ((wells, "on", "well"), (fitted, "fit", "curve"))
    ]
    return pd.concat(parts, ignore_index=True)


def shares(confusion: Path) -> pd.DataFrame:
    """Shares of each true cell type, of the paper's split by image."""
    table = pd.read_parquet(confusion)
    table = table[(table["scheme"] == "quarter") & (table["unit"] == "site")]
    share = table["count"] / table.groupby("true")["count"].transform("sum").clip(lower=1)
    return table[["true", "predicted"]].assign(panel="b3", item="share", value=share)


def pictures(samples: Samples) -> tuple[Pictures, Pictures]:
    """Real and generated crops on one range per channel."""
    ranges = _ranges(samples.real)
    real, made = (scaled(crops[:THUMBNAILS], ranges) for crops in (samples.real, samples.fake))
    return Pictures(real, samples.channels), Pictures(made, samples.channels)


def _ranges(images: np.ndarray) -> list[tuple[float, float]]:
    """The display range of each channel of images (n, c, y, x)."""
    return [display_range(images[:, channel]) for channel in range(images.shape[1])]


def cell_types(
    manifests: Sequence[Path], tables: Mapping[str, pd.DataFrame], resolutions: Mapping[str, int]
) -> Pictures | None:
    """A thumbnail of each cell type of RxRx1, channels on one range; None where there is no store."""
    rows: list[Example] = []
    for manifest in manifests[:THUMBNAILS]:
        name = Dataset.RXRX1.value
        rows += list(examples_of(name, ImageStore(store_path(manifest)), tables[name], resolutions[name]))
    if not rows:
        return None
    channels = [name for name in rows[0].images if all(name in row.images for row in rows)]
    images = np.stack([[row.images[name] for name in channels] for row in rows]).astype(np.float64)
    return Pictures(scaled(images, _ranges(images)), channels, [row.label for row in rows])
