"""A lab's own plates: takes a table of sites (`sites.csv`) or a folder of images with a pattern, makes the sites table.

`docs/your-plates.md` is the guide. Every mistake is reported at once, with file and row; `gandl check` also looks into the
images.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from gandl.config import PlatesSettings
from gandl.source.plates.folder import read_folder_of_sites
from gandl.source.plates.mistakes import PlatesError, listed
from gandl.source.plates.rules import Site, missing_files, mistakes_of_sites, numbered, split_well
from gandl.source.plates.stores import Plate, PlateKey, name_plates, place_of
from gandl.source.plates.table import Found, read_table_of_sites
from gandl.tables.notes import WARNINGS, note_of, write_noted_sites

CHANNELS = "channels"
"""Note of the sites table: names of the channels, in order."""
SOURCE = "source"
"""Note of the sites table: the table or folder that the sites were read from."""


@dataclass(frozen=True)
class Plates:
    """What a lab's table or folder holds.

    Attributes
    ----------
    source : the table or folder, as it was named.
    channels : their names, in order.
    sites : in the order of the table; of a folder sorted by plate, well and site.
    plates : every plate, in the order of its first site.
    mistakes : one line each, with the row or the file; none where the plates can be used.
    notes : what is only worth knowing.
    """

    source: str
    channels: tuple[str, ...]
    sites: tuple[Site, ...]
    plates: Mapping[PlateKey, Plate]
    mistakes: tuple[str, ...]
    notes: tuple[str, ...]


def read_plates(settings: PlatesSettings, given: tuple[str, Found] | None = None) -> Plates:
    """Read and check a table or a folder; image files are looked for, and not opened.

    Parameters
    ----------
    settings : section `source.plates`.
    given : what was found in another way, and the name of the place; None: the table or folder of the settings is read.

    Raises
    ------
    PlatesError : there is nothing to read; any other mistake is in `mistakes`.
    """
    source, found = given or _found(settings)
    mistakes = list(found.mistakes)
    plates, of_names = name_plates(site.key for site in found.sites)
    first = {plate.plate_id: key for key, plate in reversed(plates.items())}  # 07 and 7 are one plate
    spelled = {key: first[plate.plate_id] for key, plate in plates.items()}
    sites = numbered([replace(site, key=spelled.get(site.key, site.key)) for site in found.sites], mistakes)
    mistakes += [*of_names, *mistakes_of_sites(sites), *missing_files(sites)]
    return Plates(source, found.channels, tuple(sites), plates, tuple(mistakes), found.notes)


def count_sites(settings: PlatesSettings) -> int:
    """Number of sites in a table or a folder, without a look at their images.

    Raises
    ------
    PlatesError : there is nothing to read.
    """
    return len(_found(settings)[1].sites)


def _found(settings: PlatesSettings) -> tuple[str, Found]:
    """The table or folder, as it was named, and what it holds."""
    source = place_of(settings)
    return source, read_table_of_sites(Path(source)) if source == settings.table else read_folder_of_sites(settings)


def write_sites(settings: PlatesSettings, output: Path) -> None:
    """Write the sites table of a lab's plates.

    Parameters
    ----------
    settings : section `source.plates`.
    output : parquet, schema `gandl.tables.SITES`, and: `plate_name`, `table_row` (row of `sites.csv`; null for a folder), for
        each channel `file_<channel>` (as it was written), `path_<channel>` (relative to the current folder, unless the table's
        own path is absolute) and `page_<channel>` (1-based, null if not given), and any other column of the table, as text.
        Names of the channels are in its notes (`channels_of`).

    Raises
    ------
    PlatesError : the table or folder has mistakes; they are listed, one line each, with the row.
    """
    plates = read_plates(settings)
    if plates.mistakes:
        raise PlatesError(listed(f"{plates.source} has mistakes", plates.mistakes))
    notes = {CHANNELS: list(plates.channels), SOURCE: [plates.source], WARNINGS: list(plates.notes)}
    write_noted_sites(sites_frame(plates), Path(output), notes)


def sites_frame(plates: Plates) -> pd.DataFrame:
    """The sites table of plates without mistakes."""
    frame = pd.DataFrame([_row(site, plates.plates[site.key]) for site in plates.sites])
    kinds = {"table_row": "Int64", **{f"page_{channel}": "Int64" for channel in plates.channels}}
    return frame.astype(kinds)


def _row(site: Site, plate: Plate) -> dict[str, object]:
    layout, (row, column) = site.layout, split_well(site.well)
    well_id = f"{plate.plate_id}_{site.well}"
    values: dict[str, object] = {
        "site_id": f"{well_id}_{site.site}",
        "well_id": well_id,
        "experiment": site.key.experiment,
        "plate": plate.number,
        "plate_id": plate.plate_id,
        "store_id": plate.plate_id,
        "well": site.well,
        "row": row,
        "column": column,
        "site": site.site,
        "cell_type": layout.cell_type,
        "condition": layout.condition,
        "control": layout.control,
        "treatment": layout.treatment or None,
        "compound": layout.compound or None,
        "concentration_um": math.nan if layout.concentration_um is None else layout.concentration_um,
        "smiles": layout.smiles or None,
        "plate_name": plate.name,
        "table_row": site.row,
    }
    return {**values, **dict(_files(site)), **site.extra}


def _files(site: Site) -> Iterator[tuple[str, object]]:
    for channel, image in site.images.items():
        yield f"file_{channel}", image.given
        yield f"path_{channel}", str(image.path)
        yield f"page_{channel}", image.page


def channels_of(sites: Path) -> tuple[str, ...]:
    """Names of the channels of a sites table that `write_sites` made, in order.

    Raises
    ------
    PlatesError : the table does not state them.
    """
    return tuple(_note(sites, CHANNELS))


def source_of(sites: Path) -> str:
    """The table or folder that a sites table was made from.

    Raises
    ------
    PlatesError : the sites table does not state it.
    """
    return str(_note(sites, SOURCE)[0])


def _note(sites: Path, key: str) -> list[Any]:
    note = note_of(sites, key)
    if not note:
        raise PlatesError(
            f"{sites} does not name its {key}; it was not made from your own plates: delete it and run again"
        )
    return note
