"""Rows of CellProfiler's LoadData that are z planes or time points of one site: takes rows in the columns of `sites.csv`, makes
one row of those of a site, its planes joined by |.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from gandl.source.formats.tables.load_data_places import Places
from gandl.source.formats.tables.treatments import KINDS, SAMPLES
from gandl.source.plates.grouping import Place, of_one_time
from gandl.source.plates.references import PLANES
from gandl.source.plates.state import PREFIX
from gandl.source.plates.stores import plate_key
from gandl.source.plates.table import LAYOUT
from gandl.source.plates.tabular.doses import is_dose
from gandl.workflow.words import counted

Rows = Sequence[tuple[int, Mapping[str, str]]]
_Group = dict[float, tuple[int, Mapping[str, str]]]


def joined(
    rows: Rows, written: Rows, places: Places, folder: Path, time: int | None, mistakes: list[str], notes: list[str]
) -> Rows:
    """The rows, those of one time point only, and planes of a site joined.

    Parameters
    ----------
    rows : in the columns of `sites.csv`. written : the same rows of LoadData. places : which columns give plane and time.
    folder : of the table. time : number of the time point, from 1; None where there is one.
    mistakes, notes : are added to.
    """
    if places.columns["time"]:
        rows = _of_time(rows, dict(written), places, folder, time, mistakes, notes)
    if places.columns["plane"]:
        rows = _of_planes(rows, dict(written), places, mistakes, notes)
    return rows


def _of_time(
    rows: Rows,
    written: Mapping[int, Mapping[str, str]],
    places: Places,
    folder: Path,
    time: int | None,
    mistakes: list[str],
    notes: list[str],
) -> Rows:
    images = [
        Place(str(line), plate_key(cells, folder), cells["well"], None, "", time=places.text("time", written[line]))
        for line, cells in rows
    ]
    kept = {int(place.name) for place in of_one_time(images, time, mistakes, notes)}
    return [(line, cells) for line, cells in rows if line in kept]


def _of_planes(
    rows: Rows, written: Mapping[int, Mapping[str, str]], places: Places, mistakes: list[str], notes: list[str]
) -> Rows:
    groups: dict[tuple[object, ...], _Group] = defaultdict(dict)
    seen: Counter[tuple[object, ...]] = Counter()
    for line, cells in rows:
        text = places.text("plane", written[line])
        if not re.fullmatch(r"[-+]?\d+(\.\d+)?", text):
            mistakes.append(f"row {line}: {places.columns['plane']} is {text!r}; planes of a site are numbered")
            continue
        site = tuple(cells.get(name, "") for name in ("experiment", "plate", "well", "site"))
        if not places.columns["site"]:  # the second row of a plane is of a second site
            seen[*site, float(text)] += 1
            site = (*site, str(seen[*site, float(text)]))
        first, _ = groups[site].setdefault(float(text), (line, cells))
        if first != line:
            mistakes.append(
                f"row {line}: plane {text} of site {cells['site']} of well {cells['well']} is in row {first} already"
            )
    counts = Counter(len(group) for group in groups.values())
    if counts:
        span = f"{min(counts)} to {max(counts)}" if len(counts) > 1 else f"{max(counts)}"
        notes.append(
            f"{counted(len(rows), 'row')} are planes of {counted(len(groups), 'site')} ({places.columns['plane']}), "
            f"{span} of each" + ("; were all listed?" if len(counts) > 1 else "")
        )
    return [_one_row(group, mistakes) for group in groups.values()]


def _one_row(group: _Group, mistakes: list[str]) -> tuple[int, Mapping[str, str]]:
    """The row of a site, from those of its planes."""
    ordered = [group[plane] for plane in sorted(group)]
    line, first = min(ordered, key=lambda row: row[0])
    for other, cells in ordered:
        differ = [name for name in first if _is_of_well(name) and cells[name] != first[name]]
        if differ:
            name = differ[0]
            mistakes.append(
                f"row {other}: {name} of well {first['well']} is {cells[name] or 'empty'}, but {first[name] or 'empty'} in row "
                f"{line}; all planes of a site must agree"
            )
    row = dict(first)
    for name in (name for name in first if name.startswith(PREFIX)):
        try:
            row[name] = _one_cell([cells[name] for _, cells in ordered])
        except ValueError as error:
            mistakes.append(f"row {line}: {name} {error}")
    return line, row


def _is_of_well(name: str) -> bool:
    return name in LAYOUT or name.lower() in (*SAMPLES, *KINDS) or is_dose(name)


def _one_cell(cells: Sequence[str]) -> str:
    """`a.tif|b.tif` of planes in files of their own; the file, where planes are all its pages in order.

    Raises
    ------
    ValueError : they can be joined in neither way.
    """
    parts = [re.fullmatch(r"(.*?)(#\d+)?", cell, re.DOTALL) for cell in cells]
    paths, pages = [part[1] for part in parts if part], [part[2] or "" for part in parts if part]
    if len(set(pages)) == 1 and (len(set(paths)) == len(paths) or not any(paths)):
        return f"{PLANES.join(paths)}{pages[0]}" if any(paths) else ""
    if len(set(paths)) == 1 and pages == [f"#{page}" for page in range(1, len(pages) + 1)]:
        return paths[0]
    raise ValueError(
        f"names planes that cannot be joined ({', '.join(cells[:3])}); planes are files of their own, or all pages of one file"
    )
