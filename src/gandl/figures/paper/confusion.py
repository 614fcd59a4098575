"""Confusion matrices of the cell types, a panel per featurizer: rows are true types, shares of each row.

Takes the counts and numbers of the question `cell_type` and the reference values; makes figure_5 (as Fig. 5 of Mascolini et al.
2022: GAN-DL, ImageNet-collapsed, ImageNet-concatenated, ConvAE), and figure_s_confusion of all other featurizers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gandl.config import TRAINED, FeaturizerName, floors_among
from gandl.figures.common import style as look
from gandl.figures.common.empty import NOT_OF_THE_RUN, empty_panel
from gandl.figures.common.labels import featurizer_label, fixed, in_two_lines, nominal
from gandl.figures.common.palette import INK, ink_on
from gandl.tables import NUMBERS, read_table
from gandl.tables.printed import PAPER, PREPRINT, printed_in

COLUMNS = [
    *("featurizer", "drawn", "scheme", "unit", "true", "predicted", "count", "share", "accuracy", "low", "high", "n"),
    *("type_mean", "type_mean_low", "type_mean_high", "paper_accuracy", "paper_at_most"),
]
"""`type_mean`: the mean over cell types of the share that is right, each type weighing the same."""
MOST_PANELS = 9
"""More do not fit on a page; the matrices of all featurizers are in the CSV."""
LINE = 8.2
"""Height (points) of a line above a panel."""
UNITS = {"site": "images", "well": "wells"}


@dataclass(frozen=True)
class CellTypes:
    """Files of one featurizer: counts (`scheme, unit, true, predicted, count`) and numbers (`tables.NUMBERS`)."""

    confusion: Path
    numbers: Path


def draw_confusion(
    inputs: Mapping[str, CellTypes],
    reference: Path,
    *,
    scheme: str,
    unit: str,
    panels: Sequence[str] = (),
    preprint: bool = False,
    **drawing: Unpack[look.Drawing],
) -> None:
    """Draw a matrix per featurizer: those of `panels`, or else GAN-DL, then its counterparts, then as many floors as fit.

    Parameters
    ----------
    inputs : files by featurizer, in the order of the panels within each of these three.
    reference : the reference values (`resources/paper_values.csv`), the paper's accuracies among them.
    scheme, unit : which split's test set, and whether images (`site`) or wells are counted.
    panels : featurizers in the order of their panels, which bear letters; one without counts has an empty panel that says so.
    preprint : its values stand beside ours, not those of the paper.
    drawing : what every figure is given; the CSV has a row per cell of every featurizer, also of those without a panel (`drawn`
        false), the paper's accuracy beside ours, or the value that it says is not reached (`paper_at_most`).

    Raises
    ------
    FigureError : there is no featurizer to draw, one lacks its counts, or has none of this scheme and unit.
    """
    look.existing({name: files.confusion for name, files in inputs.items()}, "confusion counts")
    known = printed_in(reference, PREPRINT if preprint else PAPER)
    order = in_panels(list(inputs))
    tables = [_counts(name, inputs[name], scheme, unit, known) for name in order]
    data = pd.concat(tables, ignore_index=True)
    shown = list(panels) or order[:MOST_PANELS]
    data = data.assign(drawn=data["featurizer"].isin(shown))
    whose = "preprint" if preprint else "paper"
    look.draw(partial(confusion_figure, panels=shown, lettered=bool(panels), whose=whose), data, **drawing)


def in_panels(featurizers: Sequence[str]) -> list[str]:
    """GAN-DL, its counterparts, floors; each in the order given."""
    floors = floors_among(featurizers)
    return [
        *(name for name in featurizers if name in TRAINED),
        *(name for name in featurizers if name not in TRAINED and name not in floors),
        *floors,
    ]


def _counts(featurizer: str, files: CellTypes, scheme: str, unit: str, known: pd.DataFrame) -> pd.DataFrame:
    table = pd.read_parquet(files.confusion)
    table = table[(table["scheme"] == scheme) & (table["unit"] == unit)]
    if table.empty:
        raise look.FigureError(f"{files.confusion}: no counts of scheme {scheme} by {unit}")
    numbers = read_table(files.numbers, NUMBERS)
    mine = numbers[(numbers["split"].str.split(":").str[0] == scheme) & (numbers["unit"] == unit)]
    mine = mine.drop_duplicates("metric").set_index("metric")
    row = mine.loc["accuracy"]
    share = table["count"] / table.groupby("true")["count"].transform("sum").clip(lower=1)
    ours = {"accuracy": row["value"], "low": row["low"], "high": row["high"], "n": row["n"]}
    by_type = mine.reindex(["balanced_accuracy"]).iloc[0]
    ours |= {"type_mean": by_type["value"], "type_mean_low": by_type["low"], "type_mean_high": by_type["high"]}
    return table.assign(
        featurizer=featurizer, drawn=True, share=share, **ours, **_of_paper(known, featurizer, scheme, unit)
    )[COLUMNS]


def _of_paper(known: pd.DataFrame, featurizer: str, scheme: str, unit: str) -> dict[str, float]:
    """The paper's accuracy, or what it says is not reached; of GAN-DL for both kinds of its features."""
    name = FeaturizerName.GANDL.value if featurizer in TRAINED else featurizer
    mine = known[
        (known["question"] == "cell_type")
        & (known["featurizer"] == name)
        & (known["split"].str.partition(":")[0] == scheme)
        & (known["unit"] == unit)
        & (known["metric"] == "accuracy")
    ]
    value, most = (float(mine[column].iloc[0]) if len(mine) else np.nan for column in ("value", "high"))
    return {"paper_accuracy": value, "paper_at_most": most}


def confusion_figure(
    data: pd.DataFrame, panels: Sequence[str], *, lettered: bool = False, whose: str = "paper"
) -> Figure:
    """The figure of a table with `COLUMNS`, a panel for each of some featurizers; call it inside `style`."""
    across = 2 if len(panels) in (2, 4) else min(3, len(panels))
    rows = -(-len(panels) // across)
    figure = look.new_figure(look.DOUBLE_COLUMN, (78 if across == 2 else 66) * rows + 4)
    grid = figure.subplots(rows, across, squeeze=False)
    for position, (axes, featurizer) in enumerate(zip(grid.ravel(), panels, strict=False)):
        panel = data[data["featurizer"] == featurizer]
        name = in_two_lines(featurizer_label(featurizer))
        name = f"{'abcdefghi'[position]}  {name}" if lettered else name
        if panel.empty:
            axes.set_title(name, fontsize="small")
            empty_panel(axes, NOT_OF_THE_RUN)
            axes.set_box_aspect(1)
        else:
            _panel(axes, panel, name, whose)
    for axes in grid.ravel()[len(panels) :]:
        axes.set_visible(False)
    return figure


def _panel(axes: Axes, panel: pd.DataFrame, name: str, whose: str) -> None:
    types = sorted(set(panel["true"]) | set(panel["predicted"]))
    shares = panel.pivot(index="true", columns="predicted", values="share").reindex(index=types, columns=types)
    counts = panel.pivot(index="true", columns="predicted", values="count").reindex(index=types, columns=types)
    image = axes.imshow(shares.fillna(0).to_numpy(), cmap="Blues", vmin=0, vmax=1)
    for i, true in enumerate(types):
        for j, predicted in enumerate(types):
            share, count = shares.loc[true, predicted], counts.loc[true, predicted]
            ink = ink_on(list(image.to_rgba(share))) if np.isfinite(share) else INK
            text = f"{100 * share:.0f} %\n{count:.0f}" if count else "0"
            axes.text(j, i, text, ha="center", va="center", color=ink, fontsize="x-small")
    axes.set_xticks(range(len(types)), types)
    axes.set_yticks(range(len(types)), [f"{name}\nn = {counts.loc[name].sum():.0f}" for name in types])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    first = panel.iloc[0]
    lines = _accuracies(first, whose)
    axes.set_title(name, fontsize="small", pad=4 + LINE * len(lines))
    axes.text(0.0, 1.015, "\n".join(lines), transform=axes.transAxes, fontsize="small", va="bottom", gid="accuracy")
    axes.set_xlabel("Predicted", fontsize="small")
    axes.set_ylabel(f"True (n {UNITS.get(first['unit'], first['unit'])})", fontsize="small")


def _accuracies(of: pd.Series, whose: str) -> list[str]:
    """Lines that state our accuracy with its interval, the mean over cell types, and what the paper printed."""
    lines = [f"accuracy {_percent(of['accuracy'])} % [{_percent(of['low'])}, {_percent(of['high'])}]"]
    if pd.notna(of["type_mean"]):
        lines.append(f"mean of types {_percent(of['type_mean'])} %")
    if pd.notna(of["paper_accuracy"]):
        lines.append(f"{whose}, real RxRx1: {nominal(100 * of['paper_accuracy'], 4)} %")
    elif pd.notna(of["paper_at_most"]):
        lines.append(f"{whose}, real RxRx1: at most {nominal(100 * of['paper_at_most'], 4)} %")
    return lines


def _percent(share: float) -> str:
    return fixed(100 * share, 1)
