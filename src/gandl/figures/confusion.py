"""Confusion matrices of the cell types, a panel per featurizer: rows are true types, shares of each row.

Takes the counts and numbers of the question `cell_type` and the reference values; makes figure_5 (as Fig. 5 of Mascolini et al.
2022: GAN-DL, ImageNet-collapsed, ImageNet-concatenated, ConvAE).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gandl.config import TRAINED, FeaturizerName, floors_among
from gandl.figures.common import style as look
from gandl.figures.common.labels import featurizer_label, fixed, in_two_lines
from gandl.figures.common.palette import INK, ink_on
from gandl.tables import NUMBERS, read_table
from gandl.tables.printed import PAPER, printed_in

COLUMNS = [
    *("featurizer", "drawn", "scheme", "unit", "true", "predicted", "count", "share", "accuracy", "low", "high", "n"),
    *("paper_accuracy", "paper_at_most"),
]
PER_ROW = 3
MOST_PANELS = 9
"""More do not fit on a page; the matrices of all featurizers are in the CSV."""
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
    **drawing: Unpack[look.Drawing],
) -> None:
    """Draw a matrix per featurizer: GAN-DL, then its counterparts, then as many floors as fit.

    Parameters
    ----------
    inputs : files by featurizer, in the order of the panels within each of these three.
    reference : the reference values (`resources/paper_values.csv`), the paper's accuracies among them.
    scheme, unit : which split's test set, and whether images (`site`) or wells are counted.
    drawing : what every figure is given; the CSV has a row per cell of every featurizer, also of those without a panel (`drawn`
        false), the paper's accuracy beside ours, or the value that it says is not reached (`paper_at_most`).

    Raises
    ------
    FigureError : a featurizer lacks its counts, or has none of this scheme and unit.
    """
    look.existing({name: files.confusion for name, files in inputs.items()}, "confusion counts")
    known = printed_in(reference, PAPER)
    order = in_panels(list(inputs))
    tables = [_counts(name, inputs[name], scheme, unit, known) for name in order]
    data = pd.concat(tables, ignore_index=True)
    data = data.assign(drawn=data["featurizer"].isin(order[:MOST_PANELS]))
    look.draw(confusion_figure, data, **drawing)


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
    row = numbers[
        (numbers["split"].str.split(":").str[0] == scheme)
        & (numbers["metric"] == "accuracy")
        & (numbers["unit"] == unit)
    ].iloc[0]
    share = table["count"] / table.groupby("true")["count"].transform("sum").clip(lower=1)
    ours = {"accuracy": row["value"], "low": row["low"], "high": row["high"], "n": row["n"]}
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


def confusion_figure(data: pd.DataFrame) -> Figure:
    """The figure of a table with `COLUMNS`; call it inside `style`."""
    data = data[data["drawn"]]
    featurizers = list(dict.fromkeys(data["featurizer"]))
    rows = -(-len(featurizers) // PER_ROW)
    figure = look.new_figure(look.DOUBLE_COLUMN, 62 * rows + 4)
    grid = figure.subplots(rows, min(PER_ROW, len(featurizers)), squeeze=False)
    for axes, featurizer in zip(grid.ravel(), featurizers, strict=False):
        _panel(axes, data[data["featurizer"] == featurizer], featurizer)
    for axes in grid.ravel()[len(featurizers) :]:
        axes.set_visible(False)
    return figure


def _panel(axes: Axes, panel: pd.DataFrame, featurizer: str) -> None:
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
    accuracy = f"accuracy {fixed(100 * first['accuracy'], 1)} % [{fixed(100 * first['low'], 1)}, {fixed(100 * first['high'], 1)}]"
    axes.set_title(f"{in_two_lines(featurizer_label(featurizer))}\n{accuracy}", fontsize="small")
    axes.set_xlabel("Predicted")
    axes.set_ylabel(f"True (n {UNITS.get(first['unit'], first['unit'])})")
