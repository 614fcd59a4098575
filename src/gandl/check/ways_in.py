"""The ways in: takes a place as a person names it (a table of sites, LoadData, a folder of a microscope, an OME-Zarr plate) and
what is said beside it, finds the sites, and decides where the `sites.csv` goes that is made of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from gandl.config import PlatesSettings
from gandl.source.formats.microscopes import read_microscope
from gandl.source.formats.ome_zarr import read_plate
from gandl.source.formats.tables.load_data import is_load_data, read_load_data, read_table
from gandl.source.formats.tables.plate_maps import find_plate_maps, with_plate_maps
from gandl.source.formats.tables.prefixes import rewrites_of
from gandl.source.formats.zarr_metadata import plates_in
from gandl.source.plates.channels import Renames, renames_of
from gandl.source.plates.folder import read_folder_of_sites
from gandl.source.plates.stores import file_safe
from gandl.source.plates.table import Found, sites_of_table
from gandl.source.plates.tabular.text_table import EXCEL, Table, file_and_sheet


class WayInError(ValueError):
    """Options that do not fit the place; the message names the option."""


@dataclass(frozen=True)
class WayIn:
    """How plates are given.

    Attributes
    ----------
    place : a table or a folder; `sites.xlsx#Plate 1` names a sheet.
    pattern, microscope, channel, time : of a folder, see `PlatesSettings` and `read_microscope`.
    leave_out, illumination : channels that are not used; whether illumination functions are.
    wells : table of wells, or a plate map. plate_maps : `barcode_platemap.csv`.
    rewrites : `OLD=NEW` for prefixes of the paths of LoadData. renames : `OLD=NEW` for names of channels.
    """

    place: Path
    pattern: str | None = None
    microscope: str | None = None
    channel: str | None = None
    time: int | None = None
    leave_out: tuple[str, ...] = ()
    illumination: bool = False
    wells: Path | None = None
    plate_maps: Path | None = None
    rewrites: tuple[str, ...] = ()
    renames: tuple[str, ...] = ()

    def refuse(self, names: tuple[str, ...], what: str) -> None:
        """Refuse options that hold for something else."""
        for name in names:
            if getattr(self, name):
                option = {"rewrites": "rewrite"}.get(name, name.replace("_", "-"))
                kind = what.removesuffix(" of images")
                raise WayInError(f"--{option} is for {what}, and {self.place} is not {kind}")


def find_sites(way: WayIn) -> Found | None:
    """The sites of a place; None for a plain `sites.csv`, which the workflow reads itself.

    Raises
    ------
    WayInError : options that do not fit the place.
    gandl.source.plates.tabular.mistakes.PlatesError : there is nothing to read; any other mistake is in `mistakes`.
    """
    if way.wells and way.plate_maps:
        raise WayInError("--wells and --plate-maps both say what was done to the wells; name one of them")
    if re.match(r"\w{2,}:/", way.place.as_posix()):
        raise WayInError(
            f"{way.place.as_posix().replace(':/', '://')} is an address: tables, folders and OME-Zarr plates must lie on this "
            "machine (images that a table names may be at addresses)"
        )
    rewrites, renames = rewrites_of(way.rewrites), renames_of(way.renames)
    if way.place.is_dir():
        way.refuse(("rewrites",), "LoadData")
        return _treated(_of_folder(way, renames), way)
    way.refuse(("pattern", "microscope", "channel"), "a folder of images")
    table = read_table(way.place)
    if is_load_data(table.header):
        found = read_load_data(
            way.place,
            rewrites,
            illumination=way.illumination,
            leave_out=way.leave_out,
            renames=renames,
            time=way.time,
        )
        return _treated(found, way, search=True)
    way.refuse(("rewrites",), "LoadData")
    if _is_plain(table, way):
        return None
    found = sites_of_table(table, way.leave_out, illumination=way.illumination, renames=renames)
    return _treated(found, way)


def _is_plain(table: Table, way: WayIn) -> bool:
    excel = table.path.suffix.lower() in EXCEL
    return not excel and table.path.suffix.lower() != ".parquet" and not (way.wells or way.plate_maps or way.renames)


def _of_folder(way: WayIn, renames: Renames) -> Found:
    if not way.pattern and not way.microscope and plates_in(way.place):
        way.refuse(("channel",), "a folder of images without channels in their names")
        return read_plate(way.place, time=way.time, leave_out=way.leave_out, renames=renames)
    if way.pattern and way.microscope:
        raise WayInError("--pattern and --microscope both read the file names; name one of them")
    if way.pattern:
        return read_folder_of_sites(
            PlatesSettings(
                folder=str(way.place),
                pattern=way.pattern,
                channel=way.channel,
                time=way.time,
                leave_out=way.leave_out,
            ),
            renames,
        )
    return read_microscope(
        way.place, way.microscope, way.channel, time=way.time, leave_out=way.leave_out, renames=renames
    )


def _treated(found: Found, way: WayIn, *, search: bool = False) -> Found:
    """The sites with what was done to their wells, from what is named, or from plate maps that lie beside the table."""
    path = way.plate_maps or way.wells
    if path is not None:
        return with_plate_maps(found, _beside(path, way.place))
    silent = all(site.layout.control == "none" and not site.layout.treatment for site in found.sites)
    beside = find_plate_maps(way.place, {site.key.plate for site in found.sites}) if search and silent else None
    if beside is None:
        return found
    found = with_plate_maps(found, beside)
    return replace(found, notes=(f"the treatments are those of {beside}", *found.notes))


def _beside(path: Path, place: Path) -> Path:
    """A table by its path or, where nothing is there, below the folder that is checked."""
    below = base_of(place) / path
    return below if not path.is_file() and below.is_file() else path


def base_of(place: Path) -> Path:
    """The folder that the cells of sites found at a place are relative to."""
    return place if place.is_dir() else file_and_sheet(str(place))[0].parent


def place_of_sites(way: WayIn, found: Found, sites: Path | None, config: Path | None) -> Path | None:
    """Where the table goes: as named, else beside the configuration, else into the current folder; None where that is a folder of
    images, in which nothing is written unless requested.
    """
    if sites or config:
        return sites or (config.with_name(f"{config.stem}_sites.csv") if config else None)
    here = Path.cwd().resolve()
    files = (image.path for site in found.sites for image in site.images.values())
    folders = {folder.resolve() for folder in {file.parent for file in files if isinstance(file, Path)}}
    if here in folders or (way.place.is_dir() and here.is_relative_to(way.place.resolve())):
        return None
    file = file_and_sheet(str(way.place))[0]
    name = file.resolve().name.split(".")[0] if way.place.is_dir() else file.name.split(".")[0]
    return Path(f"{(file_safe(name) or 'plates').removesuffix('_sites')}_sites.csv")
