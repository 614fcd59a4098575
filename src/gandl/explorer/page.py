"""The page: takes what every featurizer answers, the wells and the index of thumbnails, makes `explorer.html`.

Data that the first picture needs stand before the script, all others behind it, and behind the wells' columns the library that
draws plates and curves: so a large screen is seen before it is read to its end. The page loads nothing but the sheets beside it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

import gandl
from gandl.config import Scaling
from gandl.evaluation.terms import FLAGS, NO_CELL_TYPE
from gandl.explorer import answers as tables, neighbours, packing, wells as of_wells
from gandl.explorer.answers import Answers, Read, Series
from gandl.explorer.bundle import STATIC, joined, library
from gandl.explorer.colours import colours
from gandl.explorer.wells import Wells
from gandl.figures.common.labels import normalization_label
from gandl.tables.row_letters import row_name
from gandl.workflow.files import atomic
from gandl.workflow.progress import Progress

TEMPLATE = "explorer.html.jinja"
OFF = "Off score (first remaining axis)"
SPACES = {
    "E2": {"name": "E²: controls", "title": "E²: C+ against C−", "negative": "C−", "positive": "C+"},
    "C2": {"name": "C²: cell models", "title": "C²: HRCE against VERO", "negative": "VERO", "positive": "HRCE"},
}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class About:
    """What the page says of its run.

    run, dataset : names. word : such as "simulated"; empty for real images. first : the featurizer that is shown first.
    normalization : of the profiles behind E2. confidence : coverage of intervals. false_discovery : rate accepted among hits.
    scaling : `evaluation.scaling`: what on scores of -1 and +1 mean.
    """

    run: str
    dataset: str
    word: str
    first: str
    normalization: str
    confidence: float
    false_discovery: float
    scaling: str = Scaling.PAPER.value


def write_explorer(
    scores: Sequence[Path],
    cell_model: Sequence[Path],
    compounds: Sequence[Path],
    curves: Sequence[Path],
    profiles: Sequence[Path],
    sites: Path,
    thumbnails: Path,
    *,
    featurizers: Sequence[str],
    profiled: Sequence[str],
    run: str,
    dataset: str,
    word: str,
    first: str,
    normalization: str,
    confidence: float,
    false_discovery: float,
    scaling: str = Scaling.PAPER.value,
    html: Path,
) -> None:
    """Write the page of a run.

    Parameters
    ----------
    scores, cell_model, compounds, curves : as in `Answers`, a file for each of the `featurizers`; none where not requested.
    profiles : normalised wells of the `profiled` featurizers, which have one vector per well.
    sites : sites table of the screen. thumbnails : index that `write_thumbnails` wrote; its sheets lie in the folder beside it.
    run, dataset, word, first, normalization, confidence, false_discovery, scaling : as in `About`.
    html : the page.

    Raises
    ------
    gandl.tables.TableError : a table is not what it should be.
    gandl.explorer.bundle.BundleError : the library that draws is not installed.
    """
    with_profiles = dict(zip(profiled, profiles, strict=True))
    given = {"scores": scores, "cell_model": cell_model, "compounds": compounds, "curves": curves}
    answers = {
        name: Answers(**{kind: paths[at] for kind, paths in given.items() if paths}, profiles=with_profiles.get(name))
        for at, name in enumerate(featurizers)
    }
    about = About(run, dataset, word, first, normalization, confidence, false_discovery, scaling)
    write_page(answers, sites, thumbnails, about, html)


def write_page(answers: Mapping[str, Answers], sites: Path, thumbnails: Path, about: About, html: Path) -> None:
    """Write the page of some featurizers' answers, by name; `sites`, `thumbnails`, `html` and errors as of `write_explorer`."""
    wells = of_wells.wells_of(Path(sites))
    read = {name: tables.read_answers(files, wells.table["well_id"]) for name, files in answers.items()}
    series = tables.series_of(read.values())
    names = _compounds(wells, series)
    sheets = json.loads(Path(thumbnails).read_text(encoding="utf-8"))
    first = about.first if about.first in read else next(iter(read))
    early = {
        **of_wells.blocks(wells, names),
        **_sheet_blocks(wells, sheets),
        **tables.blocks(first, read[first], series),
    }
    late: dict[str, str] = {}
    measures: dict[str, str] = {}
    with Progress("explorer", len(read), "featurizer") as progress:
        for done, (name, files) in enumerate(answers.items(), 1):
            if name != first:
                late |= tables.blocks(name, read[name], series)
            if files.profiles is not None:
                found, measures[name] = neighbours.blocks(name, files.profiles, wells.table["well_id"])
                late |= found
            progress.update(done)
    document = _document(about, first, wells, read, series, names, sheets, Path(thumbnails), measures)
    _write(document, early, late, Path(html))
    size = Path(html).stat().st_size / 10**6
    logger.info("%s: %d wells, %d featurizers, %.1f MB", html, len(wells.table), len(read), size)


def _compounds(wells: Wells, series: Sequence[Series]) -> list[str]:
    """Names of all compounds, of the wells and of the series."""
    names = set(wells.table["compound"].dropna()) | {name for _, name in series}
    return sorted(names, key=lambda name: (name.casefold(), name))


def _sheet_blocks(wells: Wells, sheets: Mapping[str, Any]) -> dict[str, str]:
    """Which sheet holds each well's thumbnail (by the order of `wells`), and at which place."""
    ids = pd.Index(wells.table["well_id"])
    sheet, place = np.full(len(ids), -1), np.full(len(ids), -1)
    for number, names in enumerate(sheets["wells"].values()):
        at = ids.get_indexer(pd.Index(names))
        known = at >= 0
        sheet[at[known]], place[at[known]] = number, np.flatnonzero(known)
    return {"sheet": packing.codes(sheet), "place": packing.codes(place)}


def _document(
    about: About,
    first: str,
    wells: Wells,
    read: Mapping[str, Read],
    series: Sequence[Series],
    compounds: Sequence[str],
    sheets: Mapping[str, Any],
    thumbnails: Path,
    measures: Mapping[str, str],
) -> dict[str, Any]:
    """Everything that the page knows beside its columns."""
    cells, of_compound = wells.coded("cell_type"), {name: at for at, name in enumerate(compounds)}
    of_cell = {name: at for at, name in enumerate(cells.values)}
    spaces = [space for space in SPACES if any(one.schemes.get(space) for one in read.values())] or ["E2"]
    plates = _plates(wells)
    return {
        **vars(about),
        "first": first,
        "normalization": normalization_label(about.normalization).lower(),
        "version": gandl.__version__,
        "wells": len(wells.table),
        "spaces": {
            space: {**SPACES[space], "x": on_axis(Scaling(about.scaling), **SPACES[space]), "y": OFF}
            for space in spaces
        },
        "means_at_ends": about.scaling == Scaling.PAPER,
        "featurizers": [
            {**tables.described(name, one, spaces), "neighbours": measures.get(name, "")} for name, one in read.items()
        ],
        "plates": plates,
        "row_names": [row_name(row + 1) for row in range(max(plate["rows"] for plate in plates))],
        "cells": ["no cell type named" if name == NO_CELL_TYPE else name for name in cells.values],
        "conditions": wells.coded("condition").values,
        "compounds": list(compounds),
        "doses": wells.doses.values,
        "groups": wells.groups,
        "series": [
            [of_cell[cell], of_compound[name]] if cell in of_cell else [-1, of_compound[name]] for cell, name in series
        ],
        "curve_points": tables.CURVE_POINTS,
        "neighbours": neighbours.NEIGHBOURS,
        "sought_in": neighbours.sought_in(len(wells.table)),
        "decimals": packing.DECIMALS,
        "flags": FLAGS,
        "colours": colours(),
        "thumbnails": {
            "folder": thumbnails.parent.name,
            "side": sheets["side"],
            "sheets": list(sheets["wells"]),
            "columns": [sheets["columns"][name] for name in sheets["wells"]],
            "rows": [-(-len(names) // sheets["columns"][name]) for name, names in sheets["wells"].items()],
            "channels": sheets["channels"],
            "width_um": sheets["width_um"],
        },
    }


def on_axis(scaling: Scaling, negative: str, positive: str, **_: str) -> str:
    """The words of an on axis: what -1 and +1 are."""
    if scaling == Scaling.PAPER:
        return f"On score (−1: mean {negative}, +1: mean {positive})"
    return f"On score (training {negative} and {positive} fill −1 to +1)"


def _plates(wells: Wells) -> list[dict[str, Any]]:
    """Name, cell type, and size of every plate, in the order of their codes."""
    plates = wells.coded("plate_id")
    frame = pd.DataFrame({"plate": plates.of_well, "row": wells.row, "column": wells.table["column"].to_numpy(int)})
    size = frame.groupby("plate").max()
    cell = wells.table.groupby(plates.of_well)["cell_type"].first()
    return [
        {
            "name": name,
            "cell": str(cell[at]).replace(NO_CELL_TYPE, ""),
            "rows": int(size.loc[at, "row"]) + 1,  # type: ignore[arg-type]
            "columns": int(size.loc[at, "column"]),  # type: ignore[arg-type]
        }
        for at, name in enumerate(plates.values)
    ]


def _write(document: dict[str, Any], early: Mapping[str, str], late: Mapping[str, str], html: Path) -> None:
    drawing, of_library = library()
    of_first_picture = ("group", f"scores:{document['first']}")
    environment = Environment(
        loader=FileSystemLoader(STATIC),
        autoescape=select_autoescape(["html", "jinja"]),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    page = environment.get_template(TEMPLATE).render(
        about=document,
        document=packing.plain(document),
        style=(STATIC / "style.css").read_text(encoding="utf-8"),
        first={name: early[name] for name in of_first_picture},
        second={name: text for name, text in early.items() if name not in of_first_picture},
        late=late,
        library=of_library,
        drawing=drawing,
        script=joined(),
    )
    with atomic(html) as partial:
        partial.write_text(page, encoding="utf-8")
