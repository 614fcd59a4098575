"""The simulator's archives: takes wells to draw and rows of metadata, writes the zips of a screen's distributed format.

Wells are drawn by several processes and written in order, so that their number changes the time and not a byte.
"""

from __future__ import annotations

import csv
import io
import multiprocessing
import sys
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import imagecodecs
import numpy as np
import numpy.typing as npt
import tifffile

from gandl.config import Dataset
from gandl.source.screens.published import height_and_width
from gandl.source.simulator.cells.cytoskeleton import Skeleton
from gandl.source.simulator.cells.drawing import draw_grey_site, draw_site, draw_skeleton_site
from gandl.source.simulator.cells.nuisance import Field
from gandl.workflow.files import atomic
from gandl.workflow.progress import Progress

DATE = (2020, 4, 1, 0, 0, 0)
"""Time stamp of every member: bytes must not depend on the day."""
COMMENT = b"Simulated by gandl. These are no microscope's images."
AHEAD = 4
"""Wells per process that may be drawn before they are written: it bounds the memory."""


@dataclass(frozen=True)
class SimulatedWell:
    """A well to draw. fields : its sites. seeds : of each site's generator. members : names of its images, site by site.

    channels : which of `gandl.source.simulator.cells.morphology.CHANNELS` are kept; none where cells are not stained, and one
    grey image is drawn. side : px, of BBBC021 the height. pixel_um : um. skeleton : of BBBC021, whose images are 16-bit TIFFs.
    """

    fields: tuple[Field, ...]
    seeds: tuple[tuple[int, ...], ...]
    members: tuple[str, ...]
    channels: tuple[int, ...]
    side: int
    pixel_um: float
    skeleton: Skeleton | None = None


@dataclass(frozen=True)
class DrawnWell:
    """Image files of a well in the order of its members, and its mean number of cells per site."""

    images: list[bytes]
    cell_count: float


def draw_well(well: SimulatedWell) -> DrawnWell:
    """Draw and encode a well's sites; the same in whatever process and order."""
    images, counts = [], []
    for field, seed in zip(well.fields, well.seeds, strict=True):
        rng = np.random.default_rng(seed)
        if well.skeleton is not None:
            size = height_and_width(Dataset.BBBC021, well.side)
            site = draw_skeleton_site(field, well.skeleton, size, well.pixel_um, rng)
            images += [encode_tiff(image) for image in site.images]
        else:
            draw = draw_site if well.channels else draw_grey_site
            site = draw(field, well.side, well.pixel_um, rng)
            images += [encode_png(site.images[channel]) for channel in well.channels or (0,)]
        counts.append(site.cells)
    return DrawnWell(images, float(np.mean(counts)))


def encode_tiff(image: npt.NDArray[np.unsignedinteger]) -> bytes:
    """(y, x) as an uncompressed grey TIFF of one page, the same bytes on every day."""
    file = io.BytesIO()
    tifffile.imwrite(file, image, photometric="minisblack", metadata=None, software=False)
    return file.getvalue()


def encode_png(image: npt.NDArray[np.unsignedinteger]) -> bytes:
    """(y, x) as a PNG of mode L. Rows minus the average of their neighbours, Huffman codes alone: shot noise repeats nothing."""
    strategy, rows = imagecodecs.PNG.STRATEGY.HUFFMAN_ONLY, imagecodecs.PNG.FILTER.AVG
    return bytes(imagecodecs.png_encode(image, level=1, strategy=strategy, filter=rows))


def write_images(wells: Sequence[SimulatedWell], path: Path, *, threads: int, title: str) -> list[float]:
    """Draw wells and write their images as one archive; see `write_archives`."""
    return write_archives({path: wells}, threads=threads, title=title)


def write_archives(wells_of: Mapping[Path, Sequence[SimulatedWell]], *, threads: int, title: str) -> list[float]:
    """Draw wells and write their images as archives, each atomically; members are stored as they are: noise hardly shrinks.

    Parameters
    ----------
    wells_of : archive and its wells.
    threads : processes that draw. title : for the progress line.

    Returns
    -------
    Mean number of cells per site of each well.
    """
    counts: list[float] = []
    wells = [well for of_archive in wells_of.values() for well in of_archive]
    with Progress(title, len(wells), "wells") as progress, closing(_drawn(wells, threads)) as drawn:
        for path, of_archive in wells_of.items():
            with atomic(path) as partial, ZipFile(partial, "w", ZIP_STORED) as archive:
                archive.comment = COMMENT
                for well in of_archive:
                    one = next(drawn)
                    for member, image in zip(well.members, one.images, strict=True):
                        archive.writestr(_member(member, ZIP_STORED), image)
                    counts.append(one.cell_count)
                    progress.update(len(counts))
    return counts


def write_metadata(columns: Sequence[str], rows: Sequence[Sequence[str]], path: Path, member: str) -> None:
    """Write a table as the one CSV (UTF-8, values quoted where they hold commas) of an archive, atomically."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    with atomic(path) as partial, ZipFile(partial, "w") as archive:
        archive.comment = COMMENT
        archive.writestr(_member(member, ZIP_DEFLATED), text.getvalue().encode("utf-8"))


def _member(name: str, compression: int) -> ZipInfo:
    info = ZipInfo(name, DATE)
    info.compress_type, info.create_system, info.external_attr = compression, 3, 0o644 << 16
    return info


def _drawn(wells: Sequence[SimulatedWell], threads: int) -> Generator[DrawnWell]:
    """Wells in their order, drawn by so many processes."""
    if threads == 1:
        yield from map(draw_well, wells)
        return
    with _no_main(), ProcessPoolExecutor(threads, multiprocessing.get_context("spawn")) as pool:
        waiting: deque[Future[DrawnWell]] = deque()
        try:
            for well in wells:
                waiting.append(pool.submit(draw_well, well))
                if len(waiting) >= AHEAD * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _no_main() -> Iterator[None]:
    """Hide the program from new processes, which would otherwise run it again: a Snakemake script has no guard against that."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
