"""Dose responses of every compound: mean efficacy by dose, a panel per cell type, a few compounds named.

Takes doses and compounds that `evaluation/screening` wrote of one featurizer; makes preprint_figure_5 (as Fig. 5 of the preprint,
Mascolini et al. 2021: HRCE and VERO, three reference compounds and the five of highest efficacy in solid colours, all others
dashed grey, the threshold at 0).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter

from gandl.config import Scaling
from gandl.evaluation.screening.ranking import STRONGEST, drugs_among, strongest
from gandl.evaluation.screening.terms import DOSES, THRESHOLD
from gandl.evaluation.terms import COMPOUNDS, TOXIC, flagged
from gandl.figures.common import style as look
from gandl.figures.common.labels import featurizer_label, fixed, nominal
from gandl.figures.common.palette import BLUE, BROWN, GREEN, GREY, INK, ORANGE, PURPLE, SKY, VERMILION
from gandl.tables import read_table
from gandl.workflow.words import counted

REFERENCES = {"GS-441524": (BLUE, "o"), "Remdesivir": (ORANGE, "s"), "Polydatin": ("#555555", "D")}
"""The preprint's three (`screens.drugs.DRUGS`) in its colours, each with a marker."""
LOOKS = ((GREEN, "^"), (VERMILION, "v"), (PURPLE, "P"), (SKY, "X"), (BROWN, "p"))
"""Colour and marker of the strongest compounds, as many as the preprint names."""
REFERENCE, STRONG, OTHER, ABSENT = "reference", "strongest", "other", "absent"
"""Role of a compound in its cell type; `absent`: a reference that is not on the plates."""
COLUMNS = [
    *("featurizer", "cell_type", "compound", "role", "rank", "concentration_um", "wells", "efficacy"),
    *("hit", "toxic_at_some_dose"),
]
LOWEST = -3.0
"""Of the axis: what kills cells may lie anywhere below, and would leave no room for the rest."""
OTHERS, OF_MANY = ("#b5b5b5", 0.5), ("#cccccc", 0.25)
"""Colour and width of all other curves; of so many that they cover each other the lighter and thinner."""
MANY = 200
DAGGER = "†"


def draw_dose_curves(
    doses: Path, compounds: Path, *, featurizer: str, scaling: str, **drawing: Unpack[look.Drawing]
) -> None:
    """Draw the mean efficacy of all compounds against their doses.

    Parameters
    ----------
    doses, compounds : `screening.terms.DOSES` and `terms.COMPOUNDS` of the featurizer.
    featurizer : whose they are.
    scaling : `evaluation.scaling`: where 0 is halfway between the means of the controls (`paper`), the axis says so.
    drawing : what every figure is given; the CSV has a row per compound and dose, with `role` (of several doses the highest mean
        decides who is strongest, as in the preprint, whether toxic or not) and `rank` in it; a reference that is not on
        the plates is a row without dose.

    Raises
    ------
    FigureError : a file is missing, or no compound has a dose.
    """
    look.existing({featurizer: doses}, "doses of compounds")
    look.existing({featurizer: compounds}, "compounds")
    table = read_table(Path(doses), DOSES)
    known = read_table(Path(compounds), COMPOUNDS)
    known = known.assign(toxic_at_some_dose=flagged(known, TOXIC))
    table = table[table["concentration_um"].notna()].merge(
        known[["cell_type", "compound", "hit", "toxic_at_some_dose"]],
        on=["cell_type", "compound"],
        suffixes=("_at_dose", ""),
    )
    if table.empty:
        raise look.FigureError(f"{doses}: no compound has a dose, so there is no curve to draw")
    parts = [roles(part) for _, part in table.groupby("cell_type", sort=True)]
    data = pd.concat(parts, ignore_index=True).assign(featurizer=featurizer)[COLUMNS]
    look.draw(partial(dose_curves_figure, halfway=scaling == Scaling.PAPER), data, **drawing)


def roles(doses: pd.DataFrame) -> pd.DataFrame:
    """The doses of one cell type with `role` and `rank`, references first, then the strongest; absent references as rows.

    The rank of a reference is its place in `REFERENCES`, that of the strongest their order, of equally strong ones by name.
    """
    found = drugs_among(doses["compound"])
    chosen = {found[name]: (REFERENCE, place) for place, name in enumerate(REFERENCES) if name in found}
    chosen |= {name: (STRONG, place) for place, name in enumerate(strongest(doses)["compound"].head(STRONGEST))}
    role, rank = zip(*(chosen.get(name, (OTHER, -1)) for name in doses["compound"]), strict=True)
    order = pd.Categorical(role, [REFERENCE, STRONG, OTHER])
    table = doses.assign(role=role, rank=rank, order=order)
    table = table.sort_values(["order", "rank", "compound", "concentration_um"], kind="stable").drop(columns="order")
    absent = [
        {"cell_type": doses["cell_type"].iloc[0], "compound": reference, "role": ABSENT, "rank": place}
        for place, reference in enumerate(REFERENCES)
        if reference not in found
    ]
    return pd.concat([table, pd.DataFrame(absent)], ignore_index=True) if absent else table


def dose_curves_figure(data: pd.DataFrame, *, halfway: bool) -> Figure:
    """The figure of a table with `COLUMNS`; call it inside `style`.

    `halfway` : the threshold is halfway between the means of the controls, which are at -1 and +1.
    """
    cell_types = list(dict.fromkeys(data["cell_type"]))
    across = 1 if len(cell_types) == 1 else 2
    down = -(-len(cell_types) // across)
    figure = look.new_figure(look.DOUBLE_COLUMN, 104 * down + 6)
    grid = figure.subplots(down, across, squeeze=False)
    several = len(cell_types) > 1
    for place, axes in enumerate(grid.ravel()):
        if place >= len(cell_types):
            axes.set_visible(False)
            continue
        panel = data[data["cell_type"] == cell_types[place]]
        letter = f"{chr(ord('a') + place)}  " if several else ""
        _panel(axes, panel, letter, halfway=halfway)
        if place % across == 0:
            axes.set_ylabel("Efficacy (mean on score)" if halfway else "Efficacy (mean on score, min–max scaled)")
    label = featurizer_label(str(data["featurizer"].iloc[0]))
    dagger = f"; {DAGGER} found toxic at some dose" if data["toxic_at_some_dose"].eq(True).any() else ""
    figure.suptitle(f"{label}. Line at 0: efficacy threshold{dagger}", fontsize="small", x=0.01, ha="left", color=INK)
    return figure


def _panel(axes: Axes, panel: pd.DataFrame, letter: str, *, halfway: bool) -> None:
    """One cell type: grey first, so that named curves lie on top; the legend below."""
    present = panel[panel["role"] != ABSENT]
    others = present[present["role"] == OTHER]
    grey, width = OF_MANY if others["compound"].nunique() > MANY else OTHERS
    lines = [
        mine[["concentration_um", "efficacy"]].to_numpy(float) for _, mine in others.groupby("compound", sort=True)
    ]
    axes.add_collection(
        LineCollection(lines, colors=grey, linewidths=width, linestyles=[(0, (4, 2))], zorder=1, gid="others")
    )
    single = [line[0] for line in lines if len(line) == 1]
    if single:
        axes.plot(*np.array(single).T, ".", color=grey, ms=2, zorder=1)
    axes.axhline(THRESHOLD, color=INK, lw=0.8, zorder=2, gid="threshold")
    if halfway:
        for level, name in ((-1.0, "C−"), (1.0, "C+")):
            axes.axhline(level, color=GREY, lw=0.5, ls=(0, (1, 3)), zorder=2)
            axes.annotate(
                name,
                (1.0, level),
                xycoords=("axes fraction", "data"),
                xytext=(2, 0),
                textcoords="offset points",
                va="center",
                fontsize="x-small",
                color=GREY,
            )
    handles = []
    for look_of, role in ((tuple(REFERENCES.values()), REFERENCE), (LOOKS, STRONG)):
        for _, mine in present[present["role"] == role].groupby("rank", sort=True):
            colour, marker = look_of[int(mine["rank"].iloc[0])]
            axes.plot(
                mine["concentration_um"],
                mine["efficacy"],
                color=colour,
                marker=marker,
                ms=3.4,
                lw=1.3,
                mec="white",
                mew=0.3,
                zorder=4 if role == REFERENCE else 3,
                gid=role,
            )
            handles.append(_handle(mine.iloc[0], color=colour, marker=marker, lw=1.3, ms=3.4))
    for absent in panel.loc[panel["role"] == ABSENT, "compound"]:
        handles.append(Line2D([], [], ls="none", label=f"{absent}: not on these plates"))
    count = others["compound"].nunique()
    if count:
        handles.append(Line2D([], [], color=grey, lw=0.8, ls=(0, (4, 2)), label=f"{counted(count, 'other compound')}"))
    axes.set_xscale("log")
    axes.autoscale_view()
    _cut(axes, present)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: nominal(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("Concentration (µM)")
    n = present["compound"].nunique()
    axes.set_title(f"{letter}{panel['cell_type'].iloc[0]}, n = {counted(n, 'compound')}")
    axes.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2, fontsize="x-small")


def _cut(axes: Axes, present: pd.DataFrame) -> None:
    """End the axis at `LOWEST` where curves go below, and say how many and how far."""
    lowest = present.groupby("compound")["efficacy"].min()
    below = lowest[lowest < LOWEST]
    if len(below):
        axes.set_ylim(bottom=LOWEST)
        verb = "goes" if len(below) == 1 else "go"
        text = f"{counted(len(below), 'curve')} {verb} below, to {fixed(below.min(), 1)}"
        axes.text(0.02, 0.02, text, transform=axes.transAxes, fontsize="x-small", color=INK, gid="below")


def _handle(first: pd.Series, **look_of: Any) -> Line2D:
    """Legend of a named compound, by one of its rows."""
    dagger = f" {DAGGER}" if first["toxic_at_some_dose"] else ""
    return Line2D([], [], mec="white", mew=0.3, label=f"{first['compound']}{dagger}", **look_of)
