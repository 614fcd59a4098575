"""A lab's own plates: takes a table of sites (`sites.csv`) or a folder of images with a pattern, makes the sites table.

`docs/your-plates.md` is the guide. Every mistake is reported at once, with file and row; `gandl check` also looks into the
images.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from gandl.config import PlatesSettings
from gandl.source.plates.folder import read_folder_of_sites
from gandl.source.plates.references import PLANES, WHOLE_FILE, ImageFile, Place, Selector, place_at, selector_of
from gandl.source.plates.rules import Site, missing_files, mistakes_of_sites, numbered, split_well
from gandl.source.plates.stores import Plate, PlateKey, name_plates, place_of
from gandl.source.plates.table import Found, read_table_of_sites
from gandl.source.plates.tabular.mistakes import PlatesError, listed
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
    found = _corrected(_without(found, settings.leave_out), settings.illumination)
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
    if source == settings.table:
        return source, read_table_of_sites(Path(source), settings.leave_out, illumination=settings.illumination)
    return source, read_folder_of_sites(settings)


def _without(found: Found, leave_out: Collection[str]) -> Found:
    """What was found, less the channels that the settings leave out."""
    if not leave_out:
        return found
    names = ", ".join(found.channels)
    mistakes = [
        f"source.plates.leave_out names the channel {channel}; the channels are {names}"
        for channel in leave_out
        if channel not in found.channels
    ]
    kept = tuple(channel for channel in found.channels if channel not in leave_out)
    if found.channels and not kept:
        mistakes.append(f"source.plates.leave_out names all channels ({names}); one at least must remain")
    sites = tuple(
        replace(
            site,
            images={name: image for name, image in site.images.items() if name in kept},
            illumination={name: image for name, image in site.illumination.items() if name in kept},
        )
        for site in found.sites
    )
    return replace(found, channels=kept, sites=sites, mistakes=(*found.mistakes, *mistakes))


def _corrected(found: Found, wanted: bool) -> Found:
    """What was found, with illumination functions where they are to be applied, and what is missing of them."""
    having = [name for name in found.channels if any(name in site.illumination for site in found.sites)]
    columns = ", ".join(f"illum_{name}" for name in having)
    if not wanted:
        note = (
            f"the illumination functions ({columns}) are not applied; source.plates.illumination: true divides by them"
        )
        sites = tuple(replace(site, illumination={}) for site in found.sites)
        return replace(found, sites=sites, notes=(*found.notes, note)) if having else found
    if not having:
        mistake = "source.plates.illumination is true, but no column illum_<channel> names illumination functions"
        return replace(found, mistakes=(*found.mistakes, mistake))
    empty = [
        f"{site.where}: illum_{name} is empty; with source.plates.illumination each image of this channel needs a function"
        for site in found.sites
        for name in having
        if name not in site.illumination
    ]
    others = [name for name in found.channels if name not in having]
    bare = [f"no illumination function is named for {name}: its images stay as they are" for name in others]
    return replace(found, mistakes=(*found.mistakes, *empty), notes=(*found.notes, *bare))


def write_sites(settings: PlatesSettings, output: Path) -> None:
    """Write the sites table of a lab's plates.

    Parameters
    ----------
    settings : section `source.plates`.
    output : parquet, schema `gandl.tables.SITES`, and: `plate_name`, `table_row` (row of `sites.csv`; null for a folder), for
        each channel `file_<channel>` (as it was written), `path_<channel>` (relative to the current folder, unless the table's
        own path is absolute, or an address) and `page_<channel>` (1-based, null if not given), and any other column of the table,
        as text. Where an image needs them: `select_<channel>` (channel, z plane and time point in a file, `channel=ER&z=max`),
        `planes_<channel>` (the paths of several z planes, joined by |) and `illum_<channel>` (path of the illumination function).
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
        yield f"page_{channel}", image.selector.page
        if image.selector.page is None and image.selector != WHOLE_FILE:
            yield f"select_{channel}", str(image.selector)
        if image.further:
            yield f"planes_{channel}", PLANES.join(map(str, image.planes))
        if channel in site.illumination:
            yield f"illum_{channel}", str(site.illumination[channel].path)


def images_in(sites: pd.DataFrame, channel: str) -> list[tuple[ImageFile, Place | None]]:
    """Of each row of a sites table that `write_sites` made, the image of a channel, and its illumination function or None."""
    empty = [None] * len(sites)
    names = (f"{kind}_{channel}" for kind in ("file", "path", "page", "select", "planes", "illum"))
    columns = [
        sites[name].astype(object).where(sites[name].notna(), None) if name in sites else empty for name in names
    ]
    return [_image(*row) for row in zip(*columns, strict=True)]


def _image(
    given: str, path: str, page: int | None, select: str | None, planes: str | None, illumination: str | None
) -> tuple[ImageFile, Place | None]:
    selector = selector_of(select) if select else Selector(page=None if page is None else int(page))
    assert isinstance(selector, Selector)
    further = planes.split(PLANES)[1:] if planes else []
    image = ImageFile(given, place_at(path), selector, tuple(map(place_at, further)))
    return image, place_at(illumination) if illumination else None


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
