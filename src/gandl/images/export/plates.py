"""Plates as OME-Zarr 0.5: takes an image store and a sites table, makes a folder per plate that napari and other viewers open.

`<plate_id>.zarr/<row>/<column>/<field>` is an image (c, y, x) with smaller ones of itself beside it (a multiscale pyramid);
beside the folder is `<plate_id>.wells.csv`, what was done to each well. https://ngff.openmicroscopy.org/0.5/#hcs-layout
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.images.area_mean import area_mean
from gandl.images.display import display_range
from gandl.images.export.metadata import (
    OWN_KEY,
    Fields,
    PlateName,
    is_own,
    plate_attributes,
    well_attributes,
    write_image_metadata,
    write_plate_metadata,
    write_well_metadata,
)
from gandl.images.export.validation import ExportError, require_libraries, validate_plate
from gandl.images.export.wells import write_wells
from gandl.images.store_reader import ImageStore
from gandl.tables import SITES, read_table
from gandl.workflow.files import write_json
from gandl.workflow.locks import exclusive
from gandl.workflow.progress import Progress
from gandl.workflow.words import counted, named

if TYPE_CHECKING:
    import zarr

SMALLEST = 64
"""Images are halved until their shorter side (px) is at most this, and at least once."""
CHUNK = 1024
"""Side (px) of a chunk, at most: what a viewer reads at once. All chunks of an array are in one file (a shard)."""
SAMPLE = 32
"""Fields of a plate from which the display range of each channel is taken, evenly over the plate."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Chosen:
    """A plate to export: its sites (rows of the sites table, with `position`, that in the store), and the wells of the plate,
    exported or not."""

    name: PlateName
    sites: pd.DataFrame
    wells: tuple[str, ...]


def export_store(
    store: Path,
    sites: Path,
    manifest: Path,
    *,
    dataset: str,
    plates: Sequence[str] = (),
    wells: Sequence[str] = (),
    word: str = "",
    threads: int = 1,
    report: Callable[[str], None] = log.info,
) -> None:
    """Export plates of a store, each as a folder `<plate_id>.zarr` beside the manifest.

    Level 0 of each image holds the largest stored images, pixel for pixel; level k their area mean over squares of 2^k px.

    Parameters
    ----------
    store : `<store_id>.zarr`. sites : sites table of its screen.
    manifest : written last: what was exported, with the number of files and bytes.
    dataset : name of the screen. word : "simulated" for images that are, part of the name of each plate.
    plates, wells : to export, of wells those of each plate; (): all.
    threads : that read, reduce and write fields.
    report : called with one sentence per plate, and one where the pixel size is not known.

    Raises
    ------
    ExportError : a plate or well that the store does not have, a folder that something else wrote, the library is missing, or it
        finds a mistake in what was written.
    gandl.workflow.locks.LockedError : another process exports the same plate.
    """
    require_libraries()
    images = ImageStore(store)
    chosen = choose(images, read_table(sites, SITES), plates, wells, word)
    folders = [manifest.parent / f"{plate.name.plate_id}.zarr" for plate in chosen]
    for folder in folders:
        if folder.exists() and not is_own(folder):
            raise ExportError(
                f"{folder} exists, and is no export of gandl, so it is not replaced; move it away, then run the same command "
                "again"
            )
    resolution = max(images.resolutions)
    notes = []
    if images.pixel_size_at(resolution) is None:
        notes.append(
            f"the pixel size of {dataset} is not known (source.{dataset}.pixel_size_um), so the scale of its images is in "
            "pixels, without a unit"
        )
        report(notes[0])
    written = []
    for plate, folder in zip(chosen, folders, strict=True):
        with exclusive(folder):
            written.append(_export(images, plate, folder, dataset, word, threads))
        report(f"{folder}: {counted(written[-1]['wells'], 'well')}, {counted(written[-1]['fields'], 'field')}")
    write_json({"store_id": images.store_id, "dataset": dataset, "plates": written, "notes": notes}, manifest)


def choose(
    images: ImageStore, table: pd.DataFrame, plates: Sequence[str], wells: Sequence[str], word: str
) -> list[Chosen]:
    """The plates of a store to export, with their sites in the order of wells and fields.

    Raises
    ------
    ExportError : a plate or well that the store does not have, or a site that the table lacks.
    """
    stored = pd.DataFrame({"site_id": images.site_ids, "position": range(len(images))})
    found = stored.merge(table, on="site_id", how="left", validate="one_to_one")
    if (lacking := found["plate_id"].isna()).any():
        raise ExportError(f"the sites table lacks {found.loc[lacking, 'site_id'].iloc[0]}, a site of {images.path}")
    of_store = list(dict.fromkeys(found.sort_values(["plate_id"])["plate_id"]))
    if unknown := [plate for plate in plates if plate not in of_store]:
        raise ExportError(
            f"ome_zarr.plates names {', '.join(unknown)}; {images.store_id} has the {named('plate', of_store)}"
        )
    chosen = []
    for plate_id in dict.fromkeys(plates or of_store):
        rows = found[found["plate_id"] == plate_id].assign(letters=found["row"].str.len())
        rows = rows.sort_values(["letters", "row", "column", "site"]).drop(columns="letters")
        there = tuple(dict.fromkeys(rows["well"]))
        if unknown := [well for well in wells if well not in there]:
            raise ExportError(
                f"ome_zarr.wells names {', '.join(unknown)}, not on the plate {plate_id}, which has "
                f"{counted(len(there), 'well')}, {there[0]} to {there[-1]}"
            )
        taken = rows[rows["well"].isin(wells)] if wells else rows
        chosen.append(Chosen(PlateName(str(plate_id), word), taken.reset_index(drop=True), there))
    return chosen


def _export(images: ImageStore, plate: Chosen, folder: Path, dataset: str, word: str, threads: int) -> dict[str, Any]:
    """Write one plate to a temporary folder, check it, and put it in its place; what the manifest says of it."""
    import zarr

    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    resolution = max(images.resolutions)
    height, width = images.shape_at(resolution)
    fields = Fields(
        plate.name,
        tuple(images.channels),
        factors(height, width),
        images.pixel_size_at(resolution),
        display_ranges(images, plate.sites["position"].to_list(), resolution),
        np.iinfo(images.dtype).max,
    )
    root = zarr.open_group(partial, mode="w", zarr_format=3)
    write_plate_metadata(root, plate_attributes(plate.name, dataset, plate.sites, plate.wells))
    root.attrs[OWN_KEY] = {"plate_id": plate.name.plate_id, "dataset": dataset, **({"images": word} if word else {})}
    for _, rows in plate.sites.groupby("well", sort=False):
        first = rows.iloc[0]
        group = root.require_group(first["row"]).require_group(str(first["column"]))
        write_well_metadata(group, [field_of(site) for site in rows["site"]])
        group.attrs[OWN_KEY] = well_attributes(rows)
    sites = list(plate.sites[["row", "column", "site", "position"]].itertuples(index=False))

    def write(site: Any) -> None:
        pixels = images.sites([int(site.position)], resolution)[0]
        group = root.create_group(f"{path_of(site)}/{field_of(site.site)}")
        write_image_metadata(group, fields)
        for level, smaller in enumerate(pyramid(pixels, fields.factors)):
            write_array(group, str(level), smaller)

    with ThreadPoolExecutor(threads) as pool, Progress(f"exporting {folder.name}", len(sites), "fields") as progress:
        for done, _ in enumerate(pool.map(write, sites), 1):
            progress.update(done)
    validate_plate(partial)
    write_wells(plate.name, plate.sites, folder.with_suffix(".wells.csv"))
    if folder.exists():
        shutil.rmtree(folder)
    partial.rename(folder)
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {
        "plate_id": plate.name.plate_id,
        "folder": folder.name,
        "wells": plate.sites["well"].nunique(),
        "fields": len(sites),
        "channels": list(images.channels),
        "shapes": [[len(images.channels), height // factor, width // factor] for factor in fields.factors],
        "pixel_size_um": fields.pixel_size_um,
        "files": len(files),
        "bytes": sum(file.stat().st_size for file in files),
    }


def path_of(site: Any) -> str:
    """`<row>/<column>` of a row of the sites table: the path of its well."""
    return f"{site.row}/{site.column}"


def field_of(site: int) -> str:
    """Name of a field: site 1 is field 0."""
    return str(int(site) - 1)


def factors(height: int, width: int) -> tuple[int, ...]:
    """Of every level of an image by how much it is smaller: 1, 2, 4 ..."""
    found = [1]
    while (shorter := min(height, width) // found[-1]) > 1 and (shorter > SMALLEST or len(found) == 1):
        found.append(2 * found[-1])
    return tuple(found)


def pyramid(pixels: npt.NDArray[Any], by: Sequence[int]) -> Iterator[npt.NDArray[Any]]:
    """The levels of an image (c, y, x): itself, then its area means, each rounded once."""
    for factor in by:
        yield area_mean(pixels, factor)


def display_ranges(images: ImageStore, positions: Sequence[int], resolution: int) -> tuple[tuple[float, float], ...]:
    """Of every channel the grey values that are shown as black and white, from the pixels of some fields."""
    taken = np.unique(np.linspace(0, len(positions) - 1, min(SAMPLE, len(positions))).astype(int))
    pixels = images.sites([positions[i] for i in taken], resolution)
    return tuple(display_range(pixels[:, channel]) for channel in range(pixels.shape[1]))


def write_array(group: zarr.Group, name: str, pixels: npt.NDArray[Any]) -> None:
    """Write an array (c, y, x): a chunk for every channel (of large images several), all of them in one file."""
    chunks = (1, *(min(side, CHUNK) for side in pixels.shape[1:]))
    shards = tuple(-(-side // chunk) * chunk for side, chunk in zip(pixels.shape, chunks, strict=True))
    array = group.create_array(
        name,
        shape=pixels.shape,
        dtype=pixels.dtype,
        chunks=chunks,
        shards=shards,
        fill_value=0,
        dimension_names=("c", "y", "x"),
        config={"write_empty_chunks": True},  # a black image has its file, so that it differs from one that is missing
    )
    array[...] = pixels
