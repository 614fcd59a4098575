"""OME-Zarr plates (0.4 on Zarr 2, 0.5 on Zarr 3; the HCS layout): takes the folder of a plate, makes its sites and channels.

A plate lists its wells, a well its fields, and each field is an image with channels, planes and time points, which
`gandl.source.plates.contents` describes. https://ngff.openmicroscopy.org/0.5/#hcs-layout
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gandl.source.formats.index_files import one_pixel_size
from gandl.source.plates.contents import Contents, ContentsError, attributes_of_zarr, contents_of_zarr
from gandl.source.plates.mistakes import PlatesError
from gandl.source.plates.references import ImageFile, image_at
from gandl.source.plates.rules import Layout, Site, well_at, well_of
from gandl.source.plates.stores import PlateKey, default_experiment, natural
from gandl.source.plates.table import Found
from gandl.source.plates.wells import read_wells, treated
from gandl.workflow.words import counted

NEWEST = (0, 5)
"""Of the specification's versions that are read."""
METADATA = ("zarr.json", ".zattrs")
"""Files of a group's attributes, of Zarr 3 and of Zarr 2."""


@dataclass(frozen=True)
class Field:
    """A field of view: the path of its image below the folder that was named, its place, and the acquisition it is from."""

    path: str
    key: PlateKey
    well: str
    site: int
    acquisition: str


def is_plate(folder: Path) -> bool:
    """Whether a folder is an OME-Zarr plate."""
    try:
        return "plate" in _attributes(folder)
    except PlatesError:
        return False


def plates_in(folder: Path) -> list[Path]:
    """The folder if it is an OME-Zarr plate, else the plates directly below it, in their natural order."""
    if is_plate(folder):
        return [folder]
    below = (path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else ()
    return sorted((path for path in below if is_plate(path)), key=_name)


def _name(path: Path) -> tuple[tuple[int, int, str], ...]:
    return natural(path.name)


def read_plate(path: Path, *, wells: str | None = None, time: int | None = None) -> Found:
    """Find the sites of a plate, or of all plates directly below a folder.

    Parameters
    ----------
    path : of the plate, or the folder. wells : table of wells; without one every well is untreated.
    time : number of the time point, from 1, where there are several.

    Returns
    -------
    The sites; files are named relative to `path`: `A/1/0#channel=DNA`, or below a folder `plate.zarr/A/1/0#channel=DNA`.

    Raises
    ------
    gandl.source.plates.mistakes.PlatesError : no plate, a newer version, or metadata that cannot be read; any other mistake is in
        `mistakes`.
    """
    path = Path(path)
    plates = plates_in(path)
    if not plates:
        raise PlatesError(f"{path} is no OME-Zarr plate, and holds none: no metadata of it name a plate")
    mistakes: list[str] = []
    notes: list[str] = []
    fields: list[Field] = []
    named = _names([(plate, _attributes(plate)["plate"]) for plate in plates])
    for plate in plates:
        key = PlateKey(default_experiment(plate.resolve().parent), named[plate])
        fields += _fields(plate, key, "" if plate == path else f"{plate.name}/", mistakes, notes)
    found = _contents(path, fields, mistakes)
    channels = _channels(found, mistakes)
    sites = [
        Site(
            where=field.path,
            key=field.key,
            well=field.well,
            site=field.site,
            layout=Layout(condition="untreated"),
            images={
                name: _image(field.path, name, contents, time, path) for name in contents.channels if name in channels
            },
            extra={"acquisition": field.acquisition} if any(other.acquisition for other in fields) else {},
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


def _names(plates: Sequence[tuple[Path, Mapping[str, Any]]]) -> dict[Path, str]:
    """Names of plates: as their metadata state them, or of their folders where these are missing or the same."""
    stated = [str(metadata.get("name") or "") for _, metadata in plates]
    return {
        plate: name if name and stated.count(name) == 1 else re.sub(r"(\.ome)?\.zarr$", "", plate.name)
        for (plate, _), name in zip(plates, stated, strict=True)
    }


def _fields(plate: Path, key: PlateKey, prefix: str, mistakes: list[str], notes: list[str]) -> list[Field]:
    """The fields of all wells of a plate that are there; `prefix` is put before their paths below the plate."""
    attributes = _attributes(plate)
    metadata = attributes["plate"]
    version = attributes.get("version") or metadata.get("version")
    if _newer(version):
        raise PlatesError(f"{plate} is OME-Zarr of version {version}; versions up to {NEWEST[0]}.{NEWEST[1]} are read")
    try:
        acquisitions = {one["id"]: str(one.get("name") or one["id"]) for one in metadata.get("acquisitions") or []}
        listed = [(well["path"], well) for well in metadata["wells"]]
    except (KeyError, TypeError) as error:
        raise PlatesError(f"{plate}: the metadata of the plate lack {error}") from error
    fields: list[Field] = []
    missing: list[str] = []
    for path, entry in listed:
        well = _well(path, entry)
        if well is None:
            mistakes.append(
                f"{plate} lists the well {path!r}, which is no well of a plate of up to 32 rows and 48 columns"
            )
        elif not _has_metadata(plate / path):
            missing.append(path)
        else:
            of_well = _fields_of_well(plate, path, key, well, acquisitions, missing, mistakes)
            fields += [replace(field, path=f"{prefix}{field.path}") for field in of_well]
    if missing:
        notes.append(
            f"warning: {plate} lists {counted(len(missing), 'missing well or field', 'missing wells or fields')}, "
            f"the first is {missing[0]}; they are left out"
        )
    if not fields:
        mistakes.append(f"{plate} has no field of any well")
    notes.append(
        f"{plate} is read as an OME-Zarr plate: plate {key.plate}, {len(listed):,} wells, {len(fields):,} fields"
    )
    if len(acquisitions) > 1:
        names = ", ".join(acquisitions.values())
        notes.append(
            f"{plate} has {len(acquisitions)} acquisitions ({names}); the fields of a well are taken from all of them"
        )
    return fields


def _fields_of_well(
    plate: Path,
    path: str,
    key: PlateKey,
    well: str,
    acquisitions: Mapping[Any, str],
    missing: list[str],
    mistakes: list[str],
) -> Iterator[Field]:
    """The fields of one well that are there; those named 0, 1, 2 ... are sites 1, 2, 3 ..."""
    try:
        images = [
            (str(image["path"]), image.get("acquisition")) for image in _attributes(plate / path)["well"]["images"]
        ]
    except (KeyError, TypeError, PlatesError) as error:
        mistakes.append(f"{plate / path}: the metadata of the well are damaged ({_words(error)})")
        return
    whole = all(name.isdecimal() for name, _ in images)
    for position, (name, acquisition) in enumerate(images):
        if not _has_metadata(plate / path / name):
            missing.append(f"{path}/{name}")
            continue
        site = int(name) + 1 if whole else position + 1
        of = acquisitions.get(acquisition, "") if len(acquisitions) > 1 else ""
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


def _channels(found: Sequence[tuple[Field, Contents]], mistakes: list[str]) -> tuple[str, ...]:
    """Names of the channels, as the first field has them; a field with others is a mistake."""
    if not found:
        return ()
    (first, contents), *_ = found
    wanted = ", ".join(contents.channels)
    for field, other in found:
        if set(other.channels) != set(contents.channels):
            mistakes.append(
                f"{field.path} has the channels {', '.join(other.channels)}, but {first.path} has {wanted}; all fields "
                "need the same"
            )
    return contents.channels


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


def _newer(version: object) -> bool:
    """Whether a version is above those that are read; what is no version is not."""
    match = re.match(r"(\d+)\.(\d+)", str(version))
    return match is not None and (int(match[1]), int(match[2])) > NEWEST


def _has_metadata(folder: Path) -> bool:
    return any((folder / name).is_file() for name in METADATA)


def _attributes(folder: Path) -> dict[str, Any]:
    """OME-Zarr's part of the attributes of a group; {} without metadata."""
    try:
        return attributes_of_zarr(folder) or {}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise PlatesError(f"{folder}: its metadata cannot be read ({error})") from error


def _words(error: Exception) -> str:
    return f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else f"{error}"
