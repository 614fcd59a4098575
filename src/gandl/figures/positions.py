"""A well's place on its plate: scores and nuclei by position over all plates, and what the question `layout` found of places.

Takes held-out well scores and the numbers of `evaluation/layout/` of one featurizer, and where nuclei are counted the raw well
profiles that count them; makes figure_s_layout.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from gandl.config import Normalization
from gandl.embeddings.metadata import feature_names
from gandl.evaluation.terms import NUCLEUS_COUNT
from gandl.figures.common import style as look
from gandl.figures.common.labels import featurizer_label, fixed, normalization_label, wells_of
from gandl.figures.common.layout import CONFOUNDED, LEAK, PLACES
from gandl.figures.common.palette import BLUE, CONTROLS, GREY, INK, ON_SCORE, PALE, VERMILION
from gandl.figures.common.scores import read_held_out
from gandl.tables import NUMBERS, WELL_PROFILES, read_table

ON, NUCLEI, FOUND = "on", "nuclei", "place predicted"
"""Panels: median on score of wells that are no controls, median nuclei of all wells, how well profiles predict a place."""
PREDICTED = {**dict.fromkeys(("plate", "experiment", "row", "column"), "accuracy"), "edge": "auc"}
"""Places, and by what their prediction is measured."""
NAMES = {"edge": "outer ring"}
COLUMNS = [
    *("featurizer", "cell_type", "panel", "row", "column", "wells", "value", "positive", "negative"),
    *("place", "normalization", "chance", "low", "high", "p", "leak_p", "leak_confounded_p"),
]
MOST_PLATES = 0.5
"""A position is marked as a control's where more than this share of the plates have one there."""
MOST_TYPES = 4
"""Cell types that fit a page."""
RAW = Normalization.NONE.value


def draw_positions(
    scores: Path,
    numbers: Path,
    *,
    featurizer: str,
    scheme: str,
    confidence: float,
    nuclei: Sequence[Path] = (),
    **drawing: Unpack[look.Drawing],
) -> None:
    """Draw a row of panels per cell type.

    Parameters
    ----------
    scores : well scores (`tables.WELL_SCORES`) of the featurizer. scheme : whose scores; of a cell type that it does not score,
        those of its strictest.
    numbers : of the question `layout` (`tables.NUMBERS`, split `<place>:<cell type>`).
    featurizer : whose they are.
    confidence : a place is called by p at most 1 less this (Holm's over places and cell types).
    nuclei : raw well profiles with `nucleus_count`, or none.
    drawing : what every figure is given; the CSV has a row per position and panel (median over plates, how many wells, and which
        share of the plates has a control there) and per place and normalisation.

    Raises
    ------
    FigureError : a file is missing, there is no held-out score, or no place was tested.
    """
    look.existing({featurizer: numbers}, "numbers of the question layout")
    wells = read_held_out(scores, scheme)
    found = read_table(Path(numbers), NUMBERS)
    parts = [by_position(wells[wells["control"] == "none"], wells, ON, "on")]
    parts += [by_position(counts, wells, NUCLEI, NUCLEI) for counts in _counts(nuclei)]
    places = pd.DataFrame(list(predicted_places(found)))
    if places.empty:
        raise look.FigureError(f"{numbers}: the question layout tested no place")
    data = pd.concat([*parts, places], ignore_index=True).reindex(columns=COLUMNS)
    data = data.assign(featurizer=featurizer)
    types = sorted(wells["cell_type"].unique())
    data = data[data["cell_type"].isin(types[:MOST_TYPES])].reset_index(drop=True)
    note = f" The first {MOST_TYPES} of {len(types)} cell types." if len(types) > MOST_TYPES else ""
    look.draw(partial(positions_figure, confidence=confidence, note=note), data, **drawing)


def _counts(paths: Sequence[Path]) -> Iterator[pd.DataFrame]:
    """Wells with their number of nuclei, from the first table."""
    for path in paths[:1]:
        names = feature_names(Path(path))
        if NUCLEUS_COUNT not in names:
            raise look.FigureError(f"{path}: the profiles hold no {NUCLEUS_COUNT}")
        column = f"feature_{names.index(NUCLEUS_COUNT)}"
        of_wells = ["cell_type", "plate_id", "row", "column", "control", column]
        yield read_table(Path(path), WELL_PROFILES, of_wells).rename(columns={column: NUCLEI})


def by_position(wells: pd.DataFrame, every: pd.DataFrame, panel: str, value: str) -> pd.DataFrame:
    """Medians of a column by cell type and position: a few active compounds do not move them.

    Parameters
    ----------
    wells : of which. every : all wells, for the share of plates with a control of each kind at a position.
    """
    place = ["cell_type", "row", "column"]
    medians = wells.groupby(place, sort=True)[value].agg(["median", "size"])
    plates = every.groupby("cell_type")["plate_id"].nunique()
    table = pd.DataFrame(index=every.groupby(place, sort=True).size().index)
    for kind in CONTROLS:
        count = every[every["control"] == kind].groupby(place).size()
        table[kind] = (
            count.reindex(table.index, fill_value=0) / plates.reindex(table.index.get_level_values(0)).to_numpy()
        )
    table["value"] = medians["median"].reindex(table.index)
    table["wells"] = medians["size"].reindex(table.index).fillna(0).astype(int)
    return table.reset_index().assign(panel=panel)


def predicted_places(numbers: pd.DataFrame) -> Iterator[dict[str, object]]:
    """A row per cell type, place and normalisation: how well profiles predict the place, beside chance."""
    values = {(str(row["split"]), str(row["normalization"]), str(row["metric"])): row for _, row in numbers.iterrows()}
    for split, method in numbers[["split", "normalization"]].drop_duplicates().itertuples(index=False, name=None):
        place, _, cell_type = split.partition(":")
        metric = f"leak_{PREDICTED.get(place, '')}"
        found, chance = (values.get((split, method, name)) for name in (metric, f"{metric}_chance"))
        if found is None or chance is None:
            continue
        others = {name: values.get((split, method, name)) for name in (f"{metric}_p", LEAK, CONFOUNDED)}
        p, leak, confounded = (np.nan if row is None else row["value"] for row in others.values())
        yield {
            "cell_type": cell_type,
            "panel": FOUND,
            "place": place,
            "normalization": method,
            "value": found["value"],
            "wells": found["n"],
            "chance": chance["value"],
            "low": chance["low"],
            "high": chance["high"],
            "p": p,
            "leak_p": leak,
            "leak_confounded_p": confounded,
        }


def positions_figure(data: pd.DataFrame, *, confidence: float, note: str = "") -> Figure:
    """The figure of a table with `COLUMNS`; call it inside `style`."""
    types = list(dict.fromkeys(data["cell_type"]))
    panels = [name for name in (ON, NUCLEI) if (data["panel"] == name).any()]
    figure = look.new_figure(look.DOUBLE_COLUMN, 52 * len(types) + 16)
    widths = [1.0] * len(panels) + [1.05]
    grid = figure.subplots(len(types), len(widths), squeeze=False, gridspec_kw={"width_ratios": widths})
    limit = _limit(data.loc[data["panel"] == ON, "value"].to_numpy(float))
    for axes_of_type, cell_type in zip(grid, types, strict=True):
        mine = data[data["cell_type"] == cell_type]
        label = wells_of(cell_type, types)
        for axes, panel in zip(axes_of_type, panels, strict=False):
            scale = (ON_SCORE, -limit, limit) if panel == ON else ("viridis", None, None)
            _map(figure, axes, mine[mine["panel"] == panel], panel, scale)
        axes_of_type[0].set_ylabel(f"{label}\nplate row")
        _places(axes_of_type[-1], mine[mine["panel"] == FOUND], 1 - confidence)
    grid[0, -1].set_title("Place predicted from profiles", fontsize="small", pad=9)
    methods = [name for name in dict.fromkeys(data["normalization"].dropna()) if name != RAW]
    _legend(figure, methods)
    label = featurizer_label(str(data["featurizer"].iloc[0]))
    figure.suptitle(
        f"{label}. Medians over all plates of a cell type.{note}", fontsize="small", x=0.01, ha="left", color=INK
    )
    return figure


def _limit(values: np.ndarray) -> float:
    """Symmetric limit of the colours: 1 at least, and the outermost one in fifty positions beyond it."""
    known = np.abs(values[np.isfinite(values)])
    return max(1.0, float(np.quantile(known, 0.98))) if len(known) else 1.0


def _legend(figure: Figure, methods: Sequence[str]) -> None:
    marks: list[Line2D | Patch] = [
        Line2D([], [], ls="none", marker=group.marker, ms=4, mfc="none", mec=INK, label=f"{group.label} on most plates")
        for group in CONTROLS.values()
    ]
    marks += [
        Line2D([], [], ls="none", marker="D", ms=3.5, color=VERMILION, label="raw profiles"),
        *(
            Line2D(
                [],
                [],
                ls="none",
                marker="o",
                ms=4,
                color=BLUE,
                label=f"normalised: {normalization_label(method).lower()}",
            )
            for method in methods
        ),
        Patch(color=PALE, label="by chance (permutations)"),
    ]
    figure.legend(handles=marks, loc="outside lower center", ncols=len(marks))


def _map(
    figure: Figure,
    axes: Axes,
    table: pd.DataFrame,
    panel: str,
    scale: tuple[Colormap | str, float | None, float | None],
) -> None:
    """One heat map; positions without such wells stay pale, those of controls are marked."""
    rows = sorted(table["row"].unique(), key=lambda row: (len(row), row))
    columns = sorted(table["column"].astype(int).unique())
    place = table.assign(column=table["column"].astype(int))
    values = place.pivot(index="row", columns="column", values="value").reindex(index=rows, columns=columns)
    colours, low, high = scale
    axes.set_facecolor(PALE)
    image = axes.imshow(values.to_numpy(float), cmap=colours, vmin=low, vmax=high, aspect="auto")
    size = min(3.4, 60 / max(len(columns), 1))
    for kind, group in CONTROLS.items():
        mine = place[place[kind] > MOST_PLATES]
        x, y = ([order.index(at) for at in mine[name]] for name, order in (("column", columns), ("row", rows)))
        axes.plot(x, y, group.marker, ms=size, mfc="none", mec=INK, mew=0.5, gid=kind)
    every = max(1, -(-len(columns) // 8)), max(1, -(-len(rows) // 8))
    axes.set_xticks(range(0, len(columns), every[0]), [str(column) for column in columns[:: every[0]]])
    axes.set_yticks(range(0, len(rows), every[1]), rows[:: every[1]])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("Plate column")
    wells = int(table["wells"].sum())
    of = "wells that are no controls" if panel == ON else "wells"
    axes.set_title(f"n = {wells:,} {of}", fontsize="x-small", fontweight="normal", pad=4)
    beyond = panel == ON and float(np.nanmax(np.abs(values.to_numpy(float)), initial=0)) > (high or np.inf)
    bar = figure.colorbar(image, ax=axes, fraction=0.045, pad=0.03, aspect=18, extend="both" if beyond else "neither")
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize="x-small")
    bar.set_label("On score (−1: C−, +1: C+)" if panel == ON else "Nuclei per field", fontsize="x-small")


def _places(axes: Axes, table: pd.DataFrame, alpha: float) -> None:
    """A line per place and normalisation: the value, chance, and whether the place leaks the label."""
    places = [name for name in PREDICTED if (table["place"] == name).any()]
    methods = list(dict.fromkeys([RAW, *table["normalization"]]))
    step = 0.7 / max(len(methods), 1)
    for y, place in enumerate(places):
        for position, method in enumerate(methods):
            mine = table[(table["place"] == place) & (table["normalization"] == method)]
            if mine.empty:
                continue
            row, at = mine.iloc[0], y + (position - (len(methods) - 1) / 2) * step
            if np.isfinite([row["low"], row["high"]]).all():
                axes.barh(at, row["high"] - row["low"], step * 0.9, row["low"], color=PALE, zorder=1)
                axes.plot([row["chance"]] * 2, [at - step * 0.45, at + step * 0.45], color=GREY, lw=0.8, zorder=2)
            marker, colour = ("D", VERMILION) if method == RAW else ("o", BLUE)
            axes.plot([row["value"]], [at], marker, color=colour, ms=3.6, zorder=3, gid="place")
            axes.text(
                1.03, at, verdict(row, alpha), transform=axes.get_yaxis_transform(), va="center", fontsize="x-small"
            )
    axes.set_yticks(
        range(len(places)),
        [NAMES.get(name, PLACES.get(name, name).removeprefix("the ")).capitalize() for name in places],
    )
    axes.set_ylim(len(places) - 0.4, -0.6)
    axes.set_xlim(0, 1.02)
    axes.set_xlabel("Balanced accuracy (outer ring: AUC)", fontsize="small")


def verdict(row: pd.Series, alpha: float) -> str:
    """What was found of a place: whether it leaks the label of controls."""
    if np.isfinite(row["leak_p"]) and row["leak_p"] <= alpha + 1e-12:
        return "leaks the label"
    if np.isfinite(row["leak_confounded_p"]) and row["leak_confounded_p"] <= alpha + 1e-12:
        return "predicts the label"
    p = row["p"]
    if not np.isfinite(p):
        return "not tested"
    return f"p = {fixed(p, 3)}" if p >= 0.001 else "p < 0.001"
