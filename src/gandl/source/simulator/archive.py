"""The simulator's archives: takes wells to draw and rows of metadata, writes the two zips of a screen's distributed format.

Wells are drawn by several processes and written in order, so that their number changes the time and not a byte.
"""

from __future__ import annotations

import csv
import io
import multiprocessing
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import imagecodecs
import numpy as np
import numpy.typing as npt

from gandl.source.simulator.cells.drawing import draw_grey_site, draw_site
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
    grey image is drawn. side : px. pixel_um : um.
    """

    fields: tuple[Field, ...]
    seeds: tuple[tuple[int, ...], ...]
    members: tuple[str, ...]
    channels: tuple[int, ...]
    side: int
    pixel_um: float


@dataclass(frozen=True)
class DrawnWell:
    """PNGs of a well in the order of its members, and its mean number of cells per site."""

    images: list[bytes]
    cell_count: float


def draw_well(well: SimulatedWell) -> DrawnWell:
    """Draw and encode a well's sites; the same in whatever process and order."""
    images, counts = [], []
    for field, seed in zip(well.fields, well.seeds, strict=True):
        draw = draw_site if well.channels else draw_grey_site
        site = draw(field, well.side, well.pixel_um, np.random.default_rng(seed))
        images += [encode_png(site.images[channel]) for channel in well.channels or (0,)]
        counts.append(site.cells)
    return DrawnWell(images, float(np.mean(counts)))


def encode_png(image: npt.NDArray[np.uint8]) -> bytes:
    """(y, x) as a PNG of mode L. Rows minus the average of their neighbours, Huffman codes alone: shot noise repeats nothing."""
    strategy, rows = imagecodecs.PNG.STRATEGY.HUFFMAN_ONLY, imagecodecs.PNG.FILTER.AVG
    return bytes(imagecodecs.png_encode(image, level=1, strategy=strategy, filter=rows))


def write_images(wells: Sequence[SimulatedWell], path: Path, *, threads: int, title: str) -> list[float]:
    """Draw wells and write their images as an archive, atomically; members are stored as they are, since PNGs are compressed.

    Parameters
    ----------
    threads : processes that draw. title : for the progress line.

    Returns
    -------
    Mean number of cells per site of each well.
    """
    counts: list[float] = []
    with atomic(path) as partial, ZipFile(partial, "w", ZIP_STORED) as archive:
        archive.comment = COMMENT
        with Progress(title, len(wells), "wells") as progress:
            for well, drawn in zip(wells, _drawn(wells, threads), strict=True):
                for member, image in zip(well.members, drawn.images, strict=True):
                    archive.writestr(_member(member, ZIP_STORED), image)
                counts.append(drawn.cell_count)
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


def _drawn(wells: Sequence[SimulatedWell], threads: int) -> Iterator[DrawnWell]:
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
