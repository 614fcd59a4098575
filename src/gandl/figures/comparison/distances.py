"""Distances of two drugs known to be similar, to each other and to controls, of one cell line, in the paper's grid.

Takes samples of distances and the numbers of the task of similarity; makes comparison_figure_3 (Dmitrenko et al. 2022, Fig. 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from gandl.figures.common import style as look
from gandl.figures.common.labels import fixed
from gandl.figures.common.palette import BLUE, INK, ORANGE, PURPLE, SKY
from gandl.figures.comparison.grid import draw_places, new_grid, share_height
from gandl.figures.comparison.setups import NOT_IN_PAPER, in_order, read_numbers, rows_of, runs_of, seeds_in_words

SIMILAR, A_VEHICLE, B_VEHICLE, OPPOSITE = "similar", "a_vehicle", "b_vehicle", "opposite"
COLOURS = {SIMILAR: BLUE, A_VEHICLE: ORANGE, B_VEHICLE: SKY, OPPOSITE: PURPLE}
QUARTILES = {"low": 5, "lower": 25, "median": 50, "upper": 75, "high": 95}
"""What a box shows, in percentiles: the ends of its whiskers, the box, the line in it."""
COLUMNS = ["setup", "seed", "cell_type", "pair", "label", *QUARTILES, "n", "drawn_as", "d", "collapsed"]
BOX, MARK = "box", "mark"


def draw_distances(
    distances: Sequence[Path],
    numbers: Sequence[Path],
    *,
    similar: Sequence[str],
    opposite: Sequence[str],
    vehicle: str,
    cell_type: str = "",
    **drawing: Unpack[look.Drawing],
) -> None:
    """Draw the distances of one cell line: boxes of the first seed of each setup, and the medians of the other seeds.

    Parameters
    ----------
    distances : samples of distances (cell_type, pair, distance) of each setup and seed.
    numbers : of the task of similarity (`gandl.tables.NUMBERS`), of the same: `d`, and whether codes are `collapsed`.
    similar, opposite : names of the two drugs of each pair; none where a run names no opposite pair. vehicle : of the controls.
    cell_type : the cell line; the first of the tables where it is not given.
    drawing : what every figure is given; the CSV has the columns `COLUMNS`, a row per box or mark.

    Raises
    ------
    FigureError : a file is absent, or none has a distance of this cell line.
    """
    data = box_table(distances, numbers, pair_labels(similar, opposite, vehicle), cell_type)
    look.draw(partial(distances_figure, vehicle=vehicle), data, **drawing)


def pair_labels(similar: Sequence[str], opposite: Sequence[str], vehicle: str) -> dict[str, str]:
    """What each pair is called: MTX–PEM, MTX–DMSO, PEM–DMSO and, where there is one, the opposite pair."""
    first, second = similar
    labels = {SIMILAR: f"{first}–{second}", A_VEHICLE: f"{first}–{vehicle}", B_VEHICLE: f"{second}–{vehicle}"}
    return labels | ({OPPOSITE: "–".join(opposite)} if opposite else {})


def box_table(
    distances: Sequence[Path], numbers: Sequence[Path], labels: dict[str, str], cell_type: str = ""
) -> pd.DataFrame:
    """The table with `COLUMNS`: percentiles of each pair's distances in one cell line, `d` and collapse of each training."""
    rows: list[dict[str, Any]] = []
    for run, path in runs_of(distances, "distances").items():
        table = pd.read_parquet(path)
        cell_type = cell_type or str(table["cell_type"].iloc[0] if len(table) else "")
        mine = table[(table["cell_type"] == cell_type) & table["pair"].isin(labels)]
        first = not any(row["setup"] == run.setup for row in rows)
        for pair, values in mine.groupby("pair")["distance"]:
            shown = dict(zip(QUARTILES, np.percentile(values, list(QUARTILES.values())), strict=True))
            about = {
                "setup": run.setup,
                "seed": run.seed,
                "cell_type": cell_type,
                "pair": pair,
                "label": labels[str(pair)],
            }
            rows.append(about | shown | {"n": len(values), "drawn_as": BOX if first else MARK})
    if not rows:
        raise look.FigureError(
            f"{Path(distances[0]).parent}: no setup has a distance of cell line {cell_type or '(none)'}"
        )
    known = read_numbers(numbers, ["d", "collapsed"]).query("cell_type == @cell_type")
    known = known.pivot_table(index=["setup", "seed"], columns="metric", values="value", aggfunc="max")
    data = pd.DataFrame(rows).join(known.reindex(columns=["d", "collapsed"]), on=["setup", "seed"])
    data["pair"] = pd.Categorical(data["pair"], list(labels))
    data = data.sort_values(["setup", "seed", "pair"], key=in_order, kind="stable", ignore_index=True)
    return data.astype({"pair": str})[COLUMNS]


def distances_figure(data: pd.DataFrame, vehicle: str = "") -> Figure:
    """The figure of a table with `COLUMNS`; call it inside `style`. Panels of a row share their axis; what is beyond the paper
    has a scale of its own in each panel, since codes of other networks have other units."""
    labels = dict(zip(data["pair"], data["label"], strict=True))
    pairs = [pair for pair in COLOURS if pair in labels]
    figure, places = new_grid(data["setup"].unique())
    draw_places(places, data["setup"], lambda axes, setup: _panel(axes, data[data["setup"] == setup], pairs))
    for (label, _), row in zip(rows_of(data["setup"].unique()), places, strict=True):
        if label == NOT_IN_PAPER:
            for place in row:
                share_height([place.axes], bottom=0)
        else:
            share_height([place.axes for place in row], bottom=0)
    figure.supylabel(
        "Euclidean distance of two tiles’ codes (arbitrary units, other ones in each row)", fontsize="small"
    )
    handles: list[Any] = [Patch(color=COLOURS[pair], label=labels[pair]) for pair in pairs]
    if (data["drawn_as"] == MARK).any():
        handles.append(Line2D([], [], marker="o", mfc="white", mec=INK, ls="", label="median, other seeds"))
    line, seed = data["cell_type"].iloc[0], data["seed"].min()
    n = data["n"].min()
    many = f"{n:,}" if n == data["n"].max() else f"{n:,} to {data['n'].max():,}"
    title = (
        f"Cell line {line}; boxes (whiskers: 5 to 95 %): seed {seed}, n = {many} distances each; {seeds_in_words(data)}"
    )
    figure.legend(handles=handles, title=title, loc="outside upper center", ncols=len(handles))
    return figure


def _panel(axes: Axes, mine: pd.DataFrame, pairs: Sequence[str]) -> None:
    """Boxes of one setup, medians of its other seeds, and d in words."""
    for position, pair in enumerate(pairs):
        of_pair = mine[mine["pair"] == pair]
        for box in of_pair[of_pair["drawn_as"] == BOX].to_dict("records"):
            shape = {
                "med": box["median"],
                "q1": box["lower"],
                "q3": box["upper"],
                "whislo": box["low"],
                "whishi": box["high"],
            }
            style: dict[str, Any] = {
                "boxprops": {"facecolor": COLOURS[pair], "edgecolor": COLOURS[pair], "alpha": 0.75, "linewidth": 0.6},
                "medianprops": {"color": INK, "linewidth": 1.1},
                "whiskerprops": {"color": COLOURS[pair], "linewidth": 0.8},
            }
            axes.bxp(
                [shape], positions=[position], widths=0.6, showfliers=False, showcaps=False, patch_artist=True, **style
            )
        marks = of_pair[of_pair["drawn_as"] == MARK]
        axes.plot([position] * len(marks), marks["median"], "o", mfc="white", mec=INK, ms=2.6, mew=0.6, zorder=4)
    axes.set_xticks([])
    axes.set_xlim(-0.6, len(pairs) - 0.4)
    axes.set_xlabel(_in_words(mine), fontsize="x-small", labelpad=1.5)


def _in_words(mine: pd.DataFrame) -> str:
    """d of the cell line: of the only seed, or from the lowest to the highest; and how many seeds collapsed in this line."""
    seeds = mine.drop_duplicates("seed")
    known = seeds["d"].dropna()
    said = ""
    if len(known):
        low, high = fixed(known.min(), 2), fixed(known.max(), 2)
        said = f"d = {low}" if low == high else f"d = {low} to {high}"
    collapsed = int(seeds["collapsed"].fillna(0).sum())
    return said + (f"; collapsed: {collapsed} of {len(seeds)}" if collapsed else "")
