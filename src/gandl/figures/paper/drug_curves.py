"""Dose response of the paper's three drugs: a row of panels per cell type, a column per drug, with fit, EC50 and intervals.

Takes what evaluation wrote of one featurizer (`evaluation/dose_response/`, `evaluation/scores/`); makes figure_s_drugs, which
puts numbers beside the points of figure_4. A drug that is not on the plates has a panel that says so.
"""

from __future__ import annotations

from functools import partial
from typing import Unpack

import pandas as pd
from matplotlib.figure import Figure

from gandl.figures.common import style as look
from gandl.figures.common.empty import ABSENT, NOT_GIVEN, empty_panel
from gandl.figures.common.labels import featurizer_label
from gandl.figures.common.palette import controls_of
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
from gandl.source.screens.drugs import DRUGS, named_compound


def draw_drug_curves(
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
            name = named_compound((one.treatment for one in known if one.cell_type == cell_type), drug)
            part = _absent(cell_type) if name is None else drawn(featurizer, files, scheme, [Series(cell_type, name)])
            parts.append(part.assign(drug=drug, featurizer=featurizer))
    data = pd.concat([part.dropna(axis="columns", how="all") for part in parts], ignore_index=True)
    data = data.reindex(columns=["drug", *COLUMNS])
    look.draw(partial(drug_curves_figure, confidence=confidence), data, **drawing)


def _absent(cell_type: str) -> pd.DataFrame:
    return pd.DataFrame([dict.fromkeys(COLUMNS) | {"cell_type": cell_type, "kind": ABSENT}])


def drug_curves_figure(data: pd.DataFrame, confidence: float) -> Figure:
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
                empty_panel(axes, NOT_GIVEN)
            else:
                draw_panel(axes, panel, show_cell_type=False)
        grid[row, 0].set_ylabel(f"{cell_type}\nOn score")
    label = featurizer_label(str(data["featurizer"].iloc[0]))
    coverage, groups = f"{100 * confidence:g} %", controls_of(cell_types)
    figure.legend(handles=legend_handles(coverage, groups), loc="outside lower center", ncols=4, title=label)
    return figure
