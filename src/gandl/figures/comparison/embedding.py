"""A cell line's test tiles in the plane of UMAP: clusters in colours with random tiles of each, and drug against vehicle.

Takes the points of a partition, the table of tiles and their stores; makes comparison_figure_7 (Dmitrenko et al. 2022, Fig. 7).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gandl.figures.common import style as look
from gandl.figures.common.palette import BLUE, BROWN, GREEN, INK, ORANGE, PURPLE, SKY, VERMILION
from gandl.figures.comparison.reconstructions import strip
from gandl.figures.comparison.setups import runs_of, setup_label
from gandl.images.display import display_range
from gandl.tables import TILES, read_table
from gandl.workflow.words import counted

NOISE, NOISE_COLOUR = -1, "#c4c4c4"
HUES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BROWN, INK)
ACROSS, ROOM, MOST_ROWS = 8, 9, 3
"""Random tiles in a row, rows that there is room for, and rows of a cluster at most."""
MOST = len(HUES)
"""Clusters that have a colour and a strip; those with fewest tiles are drawn as noise is, and counted in the note."""
OF_TILES = ["tile", "label", "treatment", "well_id"]
COLUMNS = ["setup", "seed", "cell_type", "tile", "x", "y", "cluster", "label", "treatment", "well_id", "shown"]
PLANE_MM, TILE_MM, FOOT_MM, LABELS_MM = 46.0, 11.6, 5.0, 19.0
"""Side of a plane, side of a tile, height of the note, width of the labels of the tiles."""
Reader = Callable[[npt.NDArray[np.int64]], npt.NDArray[Any]]


def draw_embedding(
    points: Path,
    tiles: Path,
    manifests: Sequence[Path],
    *,
    side: int,
    resolution: int,
    cell_type: str = "",
    vehicle: str = "controls",
    seed: int = 0,
    **drawing: Unpack[look.Drawing],
) -> None:
    """Draw one cell line's tiles, coloured by cluster and by label, and random tiles of each cluster.

    Parameters
    ----------
    points : of the chosen partition of a setup and seed: tile, cell_type, x, y, cluster (-1: noise).
    tiles : the table of tiles. manifests : of the stores that hold them.
    side : of a tile (px). resolution : stored size of the images that tiles are cut from.
    cell_type : the cell line; the first of the points where it is not given. vehicle : what controls are called.
    seed : of the draw of representative tiles.
    drawing : what every figure is given; the CSV has the columns `COLUMNS`, a row per tile.

    Raises
    ------
    FigureError : a file is absent, or the cell line has no point.
    """
    from gandl.images.tiles.reader import TileReader  # here: only this figure reads images

    data = point_table(points, tiles, cell_type, seed)
    shown = read_table(tiles, TILES).merge(data.loc[data["shown"], ["tile"]], on="tile")
    reader = TileReader(manifests, shown, side, resolution)
    look.draw(partial(embedding_figure, read=reader.read, vehicle=vehicle), data, **drawing)


def point_table(points: Path, tiles: Path, cell_type: str = "", seed: int = 0) -> pd.DataFrame:
    """The table with `COLUMNS` of one cell line; `shown` marks the random tiles of each cluster."""
    ((run, path),) = runs_of([points], "points").items()
    table = pd.read_parquet(path)
    cell_type = cell_type or (str(table["cell_type"].iloc[0]) if len(table) else "")
    mine = table[table["cell_type"] == cell_type]
    if mine.empty:
        known = ", ".join(sorted(table["cell_type"].unique()))
        raise look.FigureError(
            f"{path}: no point of cell line {cell_type or '(none)'}; there are those of {known or 'none'}"
        )
    data = mine.merge(pd.read_parquet(tiles, columns=OF_TILES), on="tile", how="left", validate="one_to_one")
    chosen = representatives(data, seed)
    return data.assign(setup=run.setup, seed=run.seed, shown=data["tile"].isin(chosen))[COLUMNS]


def clusters_in(data: pd.DataFrame) -> list[int]:
    """The clusters that are drawn in colour, largest first."""
    counts = data.loc[data["cluster"] != NOISE, "cluster"].value_counts()
    return [int(cluster) for cluster in counts.sort_values(ascending=False, kind="stable").index[:MOST]]


def representatives(data: pd.DataFrame, seed: int) -> npt.NDArray[np.int64]:
    """Random tiles of each cluster that is drawn in colour; where all is noise, of the noise."""
    draws = np.random.default_rng(seed)
    chosen: list[int] = []
    groups = clusters_in(data) or [NOISE]
    for cluster in groups:
        mine = np.sort(data.loc[data["cluster"] == cluster, "tile"].to_numpy(np.int64))
        chosen += list(draws.choice(mine, min(ACROSS * rows_each(len(groups)), len(mine)), replace=False))
    return np.sort(np.asarray(chosen, np.int64))


def rows_each(groups: int) -> int:
    """Rows of tiles of each of so many clusters."""
    return max(1, min(MOST_ROWS, ROOM // groups))


def embedding_figure(data: pd.DataFrame, read: Reader, vehicle: str = "controls") -> Figure:
    """The figure of a table with `COLUMNS`; call it inside `style`. `read` : tiles (n,) -> pixels (n, 1, y, x)."""
    groups = clusters_in(data) or [NOISE]
    each = rows_each(len(groups))
    height = 2 * PLANE_MM + 20 + FOOT_MM
    figure = look.new_figure(look.DOUBLE_COLUMN, height)
    figure.set_layout_engine("none")

    def axes_at(left: float, top: float, width: float, tall: float) -> Axes:
        """Axes with this place on the page, in mm from its left and upper edge."""
        page = look.DOUBLE_COLUMN
        return figure.add_axes((left / page, 1 - (top + tall) / height, width / page, tall / height))

    plane, second = (axes_at(6, top, PLANE_MM, PLANE_MM) for top in (6, PLANE_MM + 16))
    _scatter(plane, data, {cluster: HUES[place] for place, cluster in enumerate(clusters_in(data))})
    plane.set_title(f"a  Clusters, {data['cell_type'].iloc[0]}")
    _labels(second, data, vehicle)
    left, tall = PLANE_MM + 10 + LABELS_MM, each * TILE_MM
    places = [axes_at(left, 6 + (tall + 0.8) * place, ACROSS * TILE_MM, tall) for place in range(len(groups))]
    _strips(places, data, read, groups)
    places[0].set_title("c  Random tiles of each cluster")
    figure.text(6 / look.DOUBLE_COLUMN, 1.0 / height, _note(data), fontsize="small", va="bottom")
    return figure


def _scatter(axes: Axes, data: pd.DataFrame, colours: dict[int, str]) -> None:
    """Points of one size, noise below."""
    size = float(np.clip(4000 / len(data), 0.6, 7))
    noise = data[~data["cluster"].isin(list(colours))]
    axes.scatter(noise["x"], noise["y"], s=size, c=NOISE_COLOUR, lw=0, rasterized=True)
    for cluster, colour in colours.items():
        mine = data[data["cluster"] == cluster]
        axes.scatter(mine["x"], mine["y"], s=size, c=colour, lw=0, rasterized=True)
    _plane(axes)
    axes.set_xlabel("UMAP 1 (no unit)", fontsize="small")
    axes.set_ylabel("UMAP 2 (no unit)", fontsize="small")


def _plane(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(True)
    axes.set_aspect("equal", adjustable="datalim")


def _labels(axes: Axes, data: pd.DataFrame, vehicle: str) -> None:
    """The same points by label, in one random order, so that neither hides the other."""
    mixed = data.sample(frac=1, random_state=0)
    hues = mixed["label"].map({"drug": VERMILION, "control": BLUE}).fillna(NOISE_COLOUR)
    axes.scatter(mixed["x"], mixed["y"], s=float(np.clip(4000 / len(data), 0.6, 7)), c=hues, lw=0, rasterized=True)
    _plane(axes)
    axes.set_title("b  Labels")
    for x, word, colour in ((0.72, "drug", VERMILION), (1.0, vehicle, BLUE)):
        text = axes.text(x, 1.03, word, transform=axes.transAxes, ha="right", va="bottom", fontsize="small")
        text.set(color=colour, weight="bold")
    axes.set_xlabel("UMAP 1 (no unit)", fontsize="small")
    axes.set_ylabel("UMAP 2 (no unit)", fontsize="small")


def _strips(places: Sequence[Axes], data: pd.DataFrame, read: Reader, groups: Sequence[int]) -> None:
    """Random tiles of each cluster in the cluster's colour, on one grey scale, with n and the share of drug tiles."""
    shown = [data[(data["cluster"] == cluster) & data["shown"]] for cluster in groups]
    pixels = [np.asarray(read(mine["tile"].to_numpy(np.int64)), np.float32)[:, 0] for mine in shown]
    low, high = display_range(np.concatenate(pixels))
    each = rows_each(len(groups))
    for place, (axes, cluster, images) in enumerate(zip(places, groups, pixels, strict=True)):
        mine = data[data["cluster"] == cluster]
        colour = "#777777" if cluster == NOISE else HUES[place]
        blank = np.full((ACROSS * each - len(images), *images.shape[1:]), high, np.float32)
        tiles = np.concatenate([images, blank]).reshape(each, ACROSS, *images.shape[1:])
        axes.imshow(np.concatenate([strip(row, high) for row in tiles]), vmin=low, vmax=high, aspect="auto")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
        name = "noise" if cluster == NOISE else f"cluster {place + 1}"
        share = f"{100 * (mine['label'] == 'drug').mean():.0f} % drug"
        text = f"{name}\nn = {len(mine):,}\n{share}"
        axes.text(-0.02, 0.5, text, transform=axes.transAxes, ha="right", va="center", fontsize="small", color=colour)


def _note(data: pd.DataFrame) -> str:
    """Whose codes, how many tiles of how many wells, and how many are noise or of clusters without a colour."""
    drawn, noise = clusters_in(data), int((data["cluster"] == NOISE).sum())
    said = f"{setup_label(data['setup'].iloc[0])}, seed {data['seed'].iloc[0]}; n = {counted(len(data), 'tile')} of "
    said += f"{counted(data['well_id'].nunique(), 'well')}"
    said += f"; noise (grey): {noise:,}" if drawn else "; no cluster was found: all is noise"
    others = data.loc[data["cluster"] != NOISE, "cluster"].nunique() - len(drawn)
    return said + (f"; {counted(others, 'smaller cluster')} in grey" if others else "")
