"""Confusion matrices of mechanisms of action: rows are true mechanisms, columns those of the nearest treatment; NSC beside NSCB.

Takes the counts and numbers of the question `mechanism` of one featurizer; makes figure_mechanism.
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gandl.evaluation.mechanism.terms import PROTOCOLS
from gandl.figures.common import style as look
from gandl.figures.common.labels import featurizer_label, fixed, nominal, normalization_label, wells_of
from gandl.figures.common.palette import INK, ink_on
from gandl.tables import NUMBERS, read_table
from gandl.workflow.words import counted

COLUMNS = [
    *("featurizer", "normalization", "scheme", "cell_type", "drawn", "true", "predicted", "count", "share"),
    *("accuracy", "low", "high", "n", "compounds", "compound_accuracy", "chance", "p"),
]
TITLES = {"nsc": "a  NSC: not the same compound", "nscb": "b  NSCB: not the same compound or batch"}
NOT_ASKED = "#E6E6E6"
LINE = 16
"""Characters of a line of a mechanism's name; longer ones have several lines."""
MOST_NUMBERED = 20
"""With more mechanisms cells are too small for numbers."""


def draw_mechanism(
    confusion: Path, numbers: Path, *, featurizer: str, normalization: str, **drawing: Unpack[look.Drawing]
) -> None:
    """Draw both matrices of one featurizer; of several cell types, those of the one with most treatments.

    Parameters
    ----------
    confusion, numbers : of the question `mechanism` (`mechanism.terms.CONFUSION_COLUMNS`, `tables.NUMBERS`).
    featurizer, normalization : of which these are, for messages.
    drawing : what every figure is given; the CSV has every cell of every cell type (`drawn`: whether it is shown).

    Raises
    ------
    FigureError : a file is missing, or no treatment was matched.
    """
    (counts,) = look.existing({featurizer: confusion}, "confusion counts of mechanisms").values()
    data = _data(pd.read_parquet(counts), read_table(Path(numbers), NUMBERS))
    if data.empty:
        raise look.FigureError(
            f"{counts}: no treatment of {featurizer} under {normalization} was matched, so there is no matrix to draw"
        )
    largest = data.groupby("cell_type", sort=True)["count"].sum().idxmax()
    look.draw(mechanism_figure, data.assign(drawn=data["cell_type"] == largest)[COLUMNS], **drawing)


def _data(counts: pd.DataFrame, numbers: pd.DataFrame) -> pd.DataFrame:
    """Counts with the share of their true mechanism, and the numbers of their protocol and cell type."""
    parts = []
    for (scheme, cell_type), part in counts.groupby(["scheme", "cell_type"], sort=False):
        mine = numbers[numbers["split"] == f"{scheme}:{cell_type}"].set_index("metric")
        if mine.empty:
            continue
        sizes = part.groupby("true")["count"].transform("sum")
        row: Any = mine.loc["accuracy"]
        by_compound: Any = mine.loc["compound_accuracy"]
        parts.append(
            part.assign(
                share=part["count"] / sizes.where(sizes > 0),
                accuracy=row["value"],
                low=row["low"],
                high=row["high"],
                n=row["n"],
                compounds=row.get("units", np.nan),
                compound_accuracy=by_compound["value"],
                chance=mine["value"].get("accuracy_chance", np.nan),
                p=mine["value"].get("accuracy_p", np.nan),
            )
        )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)


def mechanism_figure(data: pd.DataFrame) -> Figure:
    """The figure of a table with `COLUMNS`; call it inside `style`."""
    shown = data[data["drawn"]]
    names = sorted({*shown.loc[shown["count"] > 0, "true"], *shown.loc[shown["count"] > 0, "predicted"]})
    figure = look.new_figure(look.DOUBLE_COLUMN, 112)
    figure.set_layout_engine("constrained", w_pad=0.08)  # inches; names are wider in print than they were measured
    panels = figure.subplots(1, 2)
    for position, (axes, scheme) in enumerate(zip(panels, PROTOCOLS, strict=True)):
        _panel(axes, shown[shown["scheme"] == scheme], names, TITLES[scheme], labelled=position == 0)
    first = shown.iloc[0]
    kind = wells_of(str(first["cell_type"]), data["cell_type"].unique())
    figure.suptitle(
        f"{featurizer_label(first['featurizer'])}, {normalization_label(first['normalization'])}, {kind}",
        fontsize="medium",
    )
    return figure


def _panel(axes: Axes, panel: pd.DataFrame, names: list[str], title: str, *, labelled: bool) -> None:
    counts = panel.pivot(index="true", columns="predicted", values="count").reindex(index=names, columns=names)
    counts = counts.fillna(0)
    sizes = counts.sum(axis=1)
    shares = counts.div(sizes.where(sizes > 0), axis=0)
    image = axes.imshow(shares.fillna(0).to_numpy(), cmap="Blues", vmin=0, vmax=1, aspect="auto")  # fits its labels
    of_true, of_cells, of_shares = sizes.to_numpy(float), counts.to_numpy(float), shares.to_numpy(float)
    for i in range(len(names)):
        if not of_true[i]:
            axes.axhspan(i - 0.5, i + 0.5, color=NOT_ASKED, lw=0, gid="not asked")
            continue
        for j, count in enumerate(of_cells[i]):
            if count and len(names) <= MOST_NUMBERED:
                ink = ink_on(list(image.to_rgba(of_shares[i, j])))
                axes.text(j, i, nominal(float(count), 2), ha="center", va="center", color=ink, fontsize="x-small")
    for edge in np.arange(len(names) + 1) - 0.5:
        axes.axhline(edge, color="white", lw=0.5)
        axes.axvline(edge, color="white", lw=0.5)
    lines = [textwrap.fill(name, LINE, break_long_words=False) for name in names]
    axes.set_xticks(range(len(names)), lines, rotation=90, fontsize="x-small")
    labels = [
        f"{name} ({nominal(float(size))})" if labelled else f"({nominal(float(size))})"
        for name, size in zip(lines, of_true, strict=True)
    ]
    axes.set_yticks(range(len(names)), labels, fontsize="x-small")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("Mechanism of the nearest treatment", fontsize="small")
    if labelled:  # an axis label would have no room beside the names
        axes.text(-0.02, 1.01, "True (treatments)", transform=axes.transAxes, ha="right", va="bottom", fontsize="small")
    said = "\n".join([title, *_accuracy(panel)])
    axes.set_title(said, fontsize="small", fontweight="normal", loc="left", color=INK, gid="accuracy")


def _accuracy(panel: pd.DataFrame) -> list[str]:
    """How many treatments are right, with the interval, and what chance gives; that nothing could be matched."""
    if panel.empty:
        return ["no mechanism is in two batches:", "nothing can be matched"]
    first = panel.iloc[0]
    ends = "" if pd.isna(first["low"]) else f" [{_percent(first['low'])}, {_percent(first['high'])}]"
    right = f"{_percent(first['accuracy'])} %{ends} of {counted(int(first['n']), 'treatment')}"
    compounds = "" if pd.isna(first["compounds"]) else f" of {counted(int(first['compounds']), 'compound')}"
    by_compound = f"mean{compounds} {_percent(first['compound_accuracy'])} %"
    chance = "" if pd.isna(first["chance"]) else f"; by chance {_percent(first['chance'])} %"
    return [right, by_compound + chance]


def _percent(share: float) -> str:
    return fixed(100 * share, 1)
