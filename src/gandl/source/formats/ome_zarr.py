"""OME-Zarr plates (0.4 on Zarr 2, 0.5 on Zarr 3; the HCS layout): takes the folder of a plate, makes its sites and channels.

A plate lists its wells, a well its fields, and each field is an image with channels, planes and time points, which
`gandl.source.plates.contents` describes. https://ngff.openmicroscopy.org/0.5/#hcs-layout
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gandl.source.formats.index_files import one_pixel_size
from gandl.source.formats.zarr_metadata import (
    PlateMetadata,
    attributes_of,
    folders_in,
    has_metadata,
    objects_in,
    plates_in,
    readable_plates,
)
from gandl.source.plates.channels import Renames, plates_that_differ, remedy, unused
from gandl.source.plates.contents import Contents, ContentsError, contents_of_zarr
from gandl.source.plates.references import ImageFile, image_at
from gandl.source.plates.rules import Layout, Site, well_at, well_of
from gandl.source.plates.stores import PlateKey, default_experiment
from gandl.source.plates.table import Found
from gandl.source.plates.tabular.mistakes import PlatesError
from gandl.source.plates.wells import read_wells, treated
from gandl.workflow.words import counted


@dataclass(frozen=True)
class Field:
    """A field of view: the path of its image below the folder that was named, its place, and the acquisition it is from."""

    path: str
    key: PlateKey
    well: str
    site: int
    acquisition: str


def read_plate(
    path: Path,
    *,
    wells: str | None = None,
    time: int | None = None,
    leave_out: Collection[str] = (),
    renames: Renames | None = None,
) -> Found:
    """Find the sites of a plate, or of all plates directly below a folder.

    Parameters
    ----------
    path : of the plate, or the folder. wells : table of wells; without one every well is untreated.
    time : number of the time point, from 1, where there are several.
    renames : other names for channels. leave_out : channels (by these names) that are not used.

    Returns
    -------
    The sites; files are named relative to `path`: `A/1/0#channel=DNA`, or below a folder `plate.zarr/A/1/0#channel=DNA`.

    Raises
    ------
    PlatesError : no plate, or none whose metadata can be read and are of a version that is read; any
        other mistake is in `mistakes`.
    """
    path = Path(path)
    plates = plates_in(path)
    if not plates:
        raise PlatesError(f"{path} is no OME-Zarr plate, and holds none: no metadata of it name a plate")
    mistakes: list[str] = []
    notes: list[str] = []
    fields: list[Field] = []
    named = _names(readable_plates(plates, mistakes))
    if not named:
        raise PlatesError("\n".join(mistakes))
    others = [] if plates == [path] else [folder for folder in folders_in(path) if folder not in plates]
    for plate, name in named:
        key = PlateKey(default_experiment(plate.folder.resolve().parent), name)
        fields += _fields(plate, key, "" if plate.folder == path else f"{plate.folder.name}/", mistakes, notes)
    notes += [
        f"warning: {folder} is left out: its metadata name no plate"
        for folder in others
        if folder.suffix.lower() == ".zarr"
    ]
    found = _contents(path, fields, mistakes)
    channels = _channels(found, renames or {}, leave_out, mistakes)
    acquired = any(field.acquisition for field in fields)
    sites = [
        Site(
            where=field.path,
            key=field.key,
            well=field.well,
            site=field.site,
            layout=Layout(condition="untreated"),
            images={
                name: _image(field.path, stated, contents, time, path)
                for stated, name in _named(contents, renames or {})
                if name not in leave_out
            },
            extra={"acquisition": field.acquisition} if acquired else {},
        )
        for field, contents in found
    ]
    notes += _notes_of_stacks([contents for _, contents in found], time, mistakes)
    sizes = {contents.pixel_size_um for _, contents in found if contents.pixel_size_um is not None}
    size, differ = one_pixel_size(frozenset((side, side) for side in sizes), f"{path}")
    notes += differ
    rows = read_wells(Path(wells), mistakes, notes) if wells else {}
    if wells and rows:
        sites, of_wells = treated(sites, rows, wells)
        notes += of_wells
    return Found(channels, tuple(sites), tuple(mistakes), tuple(notes), size)


def _names(plates: Sequence[PlateMetadata]) -> list[tuple[PlateMetadata, str]]:
    """Plates with their names: as their metadata state them, or of their folders where these are missing or the same."""
    stated = [plate.name for plate in plates]
    return [
        (plate, name if name and stated.count(name) == 1 else re.sub(r"(\.ome)?\.zarr$", "", plate.folder.name))
        for plate, name in zip(plates, stated, strict=True)
    ]


def _fields(plate: PlateMetadata, key: PlateKey, prefix: str, mistakes: list[str], notes: list[str]) -> list[Field]:
    """The fields of all wells of a plate that are there; `prefix` is put before their paths below the plate."""
    folder = plate.folder
    fields: list[Field] = []
    missing: list[str] = []
    for entry in plate.wells:
        path = str(entry["path"])
        well = _well(path, entry)
        if well is None:
            mistakes.append(
                f"{folder} lists the well {path!r}, which is no well of a plate of up to 32 rows and 48 columns"
            )
        elif not has_metadata(folder / path):
            missing.append(path)
        else:
            of_well = _fields_of_well(plate, path, key, well, missing, mistakes)
            fields += [replace(field, path=f"{prefix}{field.path}") for field in of_well]
    if missing:
        notes.append(
            f"warning: {folder} lists {counted(len(missing), 'missing well or field', 'missing wells or fields')}, "
            f"the first is {missing[0]}; they are left out"
        )
    if not fields:
        mistakes.append(f"{folder} has no field of any well")
    notes.append(
        f"{folder} is read as an OME-Zarr plate: plate {key.plate}, {len(plate.wells):,} wells, {len(fields):,} fields"
    )
    if len(plate.acquisitions) > 1:
        names = ", ".join(plate.acquisitions.values())
        notes.append(
            f"{folder} has {len(plate.acquisitions)} acquisitions ({names}); the fields of a well are taken from all of them"
        )
    return fields


def _fields_of_well(
    plate: PlateMetadata, path: str, key: PlateKey, well: str, missing: list[str], mistakes: list[str]
) -> Iterator[Field]:
    """The fields of one well that are there; those named 0, 1, 2 ... are sites 1, 2, 3 ..."""
    folder = plate.folder / path
    try:
        listed = objects_in(attributes_of(folder).get("well"), "images", "well", folder)
    except PlatesError as error:
        mistakes.append(str(error))
        return
    images = [(str(image["path"]), str(image.get("acquisition"))) for image in listed]
    whole = all(name.isdecimal() for name, _ in images)
    for position, (name, acquisition) in enumerate(images):
        if not has_metadata(folder / name):
            missing.append(f"{path}/{name}")
            continue
        site = int(name) + 1 if whole else position + 1
        of = plate.acquisitions.get(acquisition, "") if len(plate.acquisitions) > 1 else ""
        yield Field(f"{path}/{name}", key, well, site, of)


def _well(path: object, entry: Mapping[str, Any]) -> str | None:
    """Name of the well that a plate lists, from its path (`A/1`), or else from its place."""
    row, _, column = str(path).partition("/")
    if (named := well_of(f"{row}{column}")) is not None:
        return named
    try:
        return well_at(str(int(entry["rowIndex"]) + 1), int(entry["columnIndex"]) + 1)
    except (KeyError, TypeError, ValueError):
        return None


def _contents(base: Path, fields: Sequence[Field], mistakes: list[str]) -> list[tuple[Field, Contents]]:
    """What the image of each field holds; one that cannot be read is a mistake."""
    found = []
    for field in fields:
        try:
            found.append((field, contents_of_zarr(base / field.path).contents))
        except ContentsError as error:
            mistakes.append(f"{error}")
    return found


def _named(contents: Contents, renames: Renames) -> list[tuple[str, str]]:
    """Of every channel its name as it is stated, and the one that it gets."""
    return [(name, renames.get(name, name)) for name in contents.channels]


def _channels(
    found: Sequence[tuple[Field, Contents]], renames: Renames, leave_out: Collection[str], mistakes: list[str]
) -> tuple[str, ...]:
    """Names of the channels, in their order in the first field of each plate.

    A field with other channels than the first of its plate is a mistake, and so are plates that differ, and two channels of one
    name.
    """
    first: dict[PlateKey, tuple[Field, tuple[str, ...]]] = {}
    ordered: dict[str, None] = {}
    for field, contents in found:
        names = tuple(name for _, name in _named(contents, renames))
        used = tuple(name for name in names if name not in leave_out)
        if len(set(used)) < len(used):
            mistakes.append(
                f"{field.path} has two channels of one name: {', '.join(used)}; name another one by --rename"
            )
        other, wanted = first.setdefault(field.key, (field, used))
        ordered |= dict.fromkeys(names)
        if set(used) != set(wanted):
            mistakes.append(
                f"{field.path} has the channels {', '.join(used)}, but {other.path} has {', '.join(wanted)}; all fields need the "
                f"same: {remedy(used, wanted)}"
            )
    mistakes += plates_that_differ({key: used for key, (_, used) in first.items()})
    mistakes += unused(renames, list(dict.fromkeys(name for _, contents in found for name in contents.channels)))
    return tuple(ordered)


def _image(path: str, channel: str, contents: Contents, time: int | None, base: Path) -> ImageFile:
    """The image of one channel; a name that a cell cannot hold is replaced by the channel's number."""
    plain = channel == channel.strip() and not re.search(r"[#|&\n]", channel)
    selector = f"channel={channel if plain else contents.channels.index(channel) + 1}"
    if contents.size("T") > 1 and time is not None:
        selector += f"&t={time}"
    image = image_at(f"{path}#{selector}", base)
    if isinstance(image, str):
        raise PlatesError(f"{path}: {image}")
    return image


def _notes_of_stacks(contents: Sequence[Contents], time: int | None, mistakes: list[str]) -> list[str]:
    """What is said of planes and time points."""
    times = max((one.size("T") for one in contents), default=1)
    if times > 1 and time is None:
        mistakes.append(
            f"the images have {times} time points; choose one by its number, such as --time 1 (source.plates.time)"
        )
    elif time is not None and time > times > 1:
        mistakes.append(f"the images have {times} time points; there is no time point {time}")
    planes = [one.size("Z") for one in contents]
    if not planes or min(planes) == max(planes):
        return []
    return [f"images have {min(planes)} to {max(planes)} planes"]
