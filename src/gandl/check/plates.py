"""Checking a lab's own plates: takes a table of sites or a folder, makes a report of every problem, with file and row.

It also summarises. Headers of all images are read, and pixels of a sample; nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gandl.check.nuclear_channel import NucleiOfChannel, choose_nuclear, count_nuclei, nuclei_in_words
from gandl.config import PlatesSettings
from gandl.evaluation.terms import dose_series
from gandl.figures.common.labels import nominal
from gandl.images.image_files import ImageFileError, ImageInfo, read_images
from gandl.images.plate_reader import Pixels, inspect, mistakes_of_sizes, usual_kind
from gandl.source.plates.sites import Plates, read_plates, sites_frame
from gandl.source.plates.stores import PlatesError
from gandl.statistics.hill import FEWEST_DOSES

SAMPLED_SITES = 12
"""Sites whose images are decoded, evenly over the table, where not all are."""
DECODERS = 2
SHOWN = 12
"""Treatments that the summary lists."""


@dataclass(frozen=True)
class CheckReport:
    """What was found.

    Attributes
    ----------
    source : the table or folder.
    problems : one line each; none where the plates can be used.
    notes : notes that stop nothing.
    summary : plates, wells, images, controls, treatments, in words.
    sites : the sites table; None if the table has mistakes.
    channels : their names.
    kind : size and depth of the images; None if no image can be read.
    nuclei : objects like nuclei in every channel; empty if plates or images have mistakes.
    """

    source: str
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()
    summary: tuple[str, ...] = ()
    sites: pd.DataFrame | None = None
    channels: tuple[str, ...] = ()
    kind: ImageInfo | None = None
    nuclei: tuple[NucleiOfChannel, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.problems


@dataclass(frozen=True)
class Look:
    """What the pixels of one image showed: a problem, or its darkest, middle and brightest value."""

    problem: str = ""
    low: float = 0.0
    middle: float = 0.0
    high: float = 0.0


def check_plates(settings: PlatesSettings | Path | str, *, every_pixel: bool = False) -> CheckReport:
    """Check plates.

    Parameters
    ----------
    settings : section `source.plates`, or the path of a `sites.csv`.
    every_pixel : decode every image, not those of a sample of sites.

    Returns
    -------
    The report; problems of the plates raise nothing.
    """
    if not isinstance(settings, PlatesSettings):
        settings = PlatesSettings(table=str(settings))
    try:
        plates = read_plates(settings)
    except PlatesError as error:
        return CheckReport(settings.table or settings.folder or "", tuple(str(error).splitlines()))
    images = [
        Pixels(f"{site.where}", site.images[channel].path, site.images[channel].page)
        for site in plates.sites
        for channel in plates.channels
        if channel in site.images and site.images[channel].path.is_file()
    ]
    infos, problems = inspect(images)
    problems = [*plates.mistakes, *problems, *mistakes_of_sizes(images, infos)]
    looks = look_at(_sample(images, infos, len(plates.channels), every_pixel))
    problems += [look.problem for _, look in looks if look.problem]
    sites = sites_frame(plates) if not plates.mistakes and plates.sites else None
    kind = usual_kind(infos.values()) if infos else None
    notes = [*plates.notes, *_constant(looks)]
    summary = list(_summary(plates, len(images), kind, looks))
    nuclei: tuple[NucleiOfChannel, ...] = ()
    if sites is not None:
        if not problems:
            nuclei = count_nuclei(sites, plates.channels, plates.source)
            summary.append(f"nuclei      {nuclei_in_words(nuclei)}")
            notes += [note for note in [choose_nuclear(plates.channels, nuclei).note] if note]
        notes += _notes_of_wells(sites)
        summary += _treatments(sites)
    return CheckReport(
        plates.source, tuple(problems), tuple(notes), tuple(summary), sites, plates.channels, kind, nuclei
    )


def _sample(images: Sequence[Pixels], infos: dict[int, ImageInfo], channels: int, every: bool) -> list[Pixels]:
    """Readable images whose pixels are looked at: all channels of sites evenly over the table."""
    step = 1 if every or not channels else max(1, len(images) // (SAMPLED_SITES * channels))
    return [images[i] for i in sorted(infos) if (i // max(channels, 1)) % step == 0]


def look_at(images: Sequence[Pixels]) -> list[tuple[Pixels, Look]]:
    """Decode images, two at a time; none is kept."""
    with ThreadPoolExecutor(DECODERS) as threads:
        return list(zip(images, threads.map(_look, images), strict=True))


def _look(image: Pixels) -> Look:
    try:
        (pixels,) = read_images(image.path, [image.page])
    except ImageFileError as error:
        return Look(f"{image.where}: {error}")
    low, middle, high = np.percentile(pixels, (0.5, 50, 99.8))
    if low == high:
        low, high = pixels.min(), pixels.max()
    return Look("", float(low), float(middle), float(high))


def _constant(looks: Sequence[tuple[Pixels, Look]]) -> Iterator[str]:
    for image, look in looks:
        if not look.problem and look.low == look.high:
            yield f"{image.where}: every pixel of {image.path} is {look.low:g}; is it an empty image?"


def _summary(
    plates: Plates, images: int, kind: ImageInfo | None, looks: Sequence[tuple[Pixels, Look]]
) -> Iterator[str]:
    stores = list(dict.fromkeys(plate.plate_id for plate in plates.plates.values()))
    wells = {(site.key, site.well) for site in plates.sites}
    more = f" and {len(stores) - 6} more" if len(stores) > 6 else ""
    yield f"plates      {len(stores)}: {', '.join(stores[:6])}{more}"
    yield f"wells       {len(wells):,} with {len(plates.sites):,} sites"
    yield f"channels    {len(plates.channels)}: {', '.join(plates.channels)}"
    if kind is not None:
        size = images * kind.height * kind.width * np.dtype(kind.dtype).itemsize
        yield f"images      {images:,} of {kind.words}, {size / 2**30:,.2f} GiB of pixels"
    decoded = [(image, look) for image, look in looks if not look.problem]
    if decoded:
        middle = np.median([look.middle for _, look in decoded])
        high = max(look.high for _, look in decoded)
        yield f"brightness  {len(decoded):,} images decoded: median {middle:,.0f}, brightest (99.8th percentile) {high:,.0f}"


def _treatments(sites: pd.DataFrame) -> Iterator[str]:
    wells = sites.drop_duplicates("well_id")
    counts = wells["control"].value_counts()
    yield f"controls    {counts.get('positive', 0)} positive and {counts.get('negative', 0)} negative wells"
    series = wells[(wells["control"] == "none") & wells["treatment"].notna()]
    groups = list(series.groupby("treatment", sort=False))
    for name, of_name in groups[:SHOWN]:
        doses = sorted(of_name["concentration_um"].dropna().unique())
        span = (
            f", {len(doses)} dose(s) from {nominal(doses[0])} to {nominal(doses[-1])} µM"
            if doses
            else ", no dose given"
        )
        yield f"treatment   {name}: {len(of_name)} wells{span}"
    if len(groups) > SHOWN:
        yield f"            and {len(groups) - SHOWN} more treatments"


def _notes_of_wells(sites: pd.DataFrame) -> Iterator[str]:
    wells = sites.drop_duplicates("well_id")
    for control in ("positive", "negative"):
        if control not in set(wells["control"]):
            yield f"no well is a {control} control: without both kinds, assay quality and dose response cannot be computed"
    series = dose_series(wells)
    doses = series.groupby("treatment")["concentration_um"].nunique()
    few = doses[doses < FEWEST_DOSES]
    if len(few):
        yield f"{len(few)} treatment(s) have fewer than {FEWEST_DOSES} doses, too few for a curve; the first is {few.index[0]}"
    partly = wells[(wells["control"] == "none") & wells["treatment"].notna() & wells["concentration_um"].isna()]
    if len(partly) and len(series):
        yield f"{len(partly)} treated well(s) have no concentration_um; the first is {partly['well_id'].iloc[0]}"
    per_well = sites.groupby("well_id").size()
    if per_well.nunique() > 1:
        yield f"wells have between {per_well.min()} and {per_well.max()} sites; {per_well.idxmin()} has {per_well.min()}"
