"""Dose response of the paper's three drugs: a row of panels per cell type, a column per drug.

Takes what evaluation wrote of one featurizer (`evaluation/dose_response/`, `evaluation/scores/`); makes figure_4 (as Fig. 4 of
Mascolini et al. 2022). A drug that is not on the plates has a panel that says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Unpack

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gandl.figures.common import style as look
from gandl.figures.common.labels import featurizer_label
from gandl.figures.common.palette import GREY, controls_of
from gandl.figures.common.scores import read_held_out
from gandl.figures.dose_response import (
    COLUMNS,
    DoseResponse,
    Series,
    check_files,
    draw_panel,
    drawn,
    legend_handles,
    series_of,
)

DRUGS = ("Remdesivir", "GS-441524", "Polydatin")
"""The paper's three; a compound is one of them when its name holds that, in whatever case: `Remdesivir (GS-5734)`."""
ABSENT = "absent"
"""Kind of a row of the CSV that stands for an empty panel."""


def draw_drugs(
    files: DoseResponse,
    *,
    featurizer: str,
    scheme: str,
    confidence: float,
    **drawing: Unpack[look.Drawing],
) -> None:
    """Draw a row of panels per scored cell type, a column per drug of `DRUGS`.

    Parameters
    ----------
    files : of one featurizer.
    featurizer : whose they are.
    scheme, confidence : as `gandl.figures.dose_response.draw_dose_response`.
    drawing : what every figure is given; the CSV holds what is drawn, with the column `drug`; its kind is `absent` where a panel
        is empty.

    Raises
    ------
    FigureError : a file is missing, a series lacks its curve, or there are no held-out scores.
    """
    check_files({featurizer: files})
    cell_types = sorted(read_held_out(files.scores, scheme)["cell_type"].unique())
    known = series_of(pd.read_parquet(files.points))
    parts = []
    for cell_type in cell_types:
        for drug in DRUGS:
            series = _series(known, cell_type, drug)
            part = _absent(cell_type) if series is None else drawn(featurizer, files, scheme, [series])
            parts.append(part.assign(drug=drug, featurizer=featurizer))
    data = pd.concat([part.dropna(axis="columns", how="all") for part in parts], ignore_index=True)
    data = data.reindex(columns=["drug", *COLUMNS])
    look.draw(partial(drugs_figure, confidence=confidence), data, **drawing)


def _series(known: Iterable[Series], cell_type: str, drug: str) -> Series | None:
    """The series of a drug in a cell type; None where it is not on the plates. Of several, the shortest name."""
    names = [one.treatment for one in known if one.cell_type == cell_type]
    found = [name for name in names if drug.lower() in name.lower()]
    return Series(cell_type, min(found, key=len)) if found else None


def _absent(cell_type: str) -> pd.DataFrame:
    return pd.DataFrame([dict.fromkeys(COLUMNS) | {"cell_type": cell_type, "kind": ABSENT}])


def drugs_figure(data: pd.DataFrame, confidence: float) -> Figure:
    """The figure of a table with `drug` and `dose_response.COLUMNS`; call it inside `style`."""
    cell_types = list(dict.fromkeys(data["cell_type"]))
    figure = look.new_figure(look.DOUBLE_COLUMN, 56 * len(cell_types) + 20)
    grid = figure.subplots(len(cell_types), len(DRUGS), squeeze=False, sharey=True)
    for row, cell_type in enumerate(cell_types):
        for column, drug in enumerate(DRUGS):
            axes, panel = grid[row, column], data[(data["cell_type"] == cell_type) & (data["drug"] == drug)]
            if row == 0:
                axes.set_title(drug, pad=12)
            if (panel["kind"] == ABSENT).all():
                _empty(axes)
            else:
                draw_panel(axes, panel, show_cell_type=False)
        grid[row, 0].set_ylabel(f"{cell_type}\nOn score")
    label = featurizer_label(str(data["featurizer"].iloc[0]))
    coverage, groups = f"{100 * confidence:g} %", controls_of(cell_types)
    figure.legend(handles=legend_handles(coverage, groups), loc="outside lower center", ncols=4, title=label)
    return figure


def _empty(axes: Axes) -> None:
    """A panel of a drug that was not given."""
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    for level in (-1.0, 1.0):
        axes.axhline(level, color=GREY, lw=0.5, ls=(0, (1, 3)), zorder=1)
    axes.text(
        0.5,
        0.5,
        "not on these plates",
        transform=axes.transAxes,
        ha="center",
        va="center",
        color=GREY,
        fontstyle="italic",
        gid=ABSENT,
    )
