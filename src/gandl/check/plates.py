"""Checking a lab's own plates: takes a table of sites or a folder, makes a report of every problem, with file and row.

It also summarises. Headers of all images are read, and pixels of a sample; nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gandl.check.looks import (
    Looks,
    look_at,
    notes_of_channels,
    notes_of_faint_images,
    problems_of_channels,
    problems_of_values,
    proposed_scale,
)
from gandl.check.normalisation import warnings_of
from gandl.check.nuclear_channel import NucleiOfChannel, choose_nuclear, nuclei_by_channel, nuclei_in_words
from gandl.config import ImagesSettings, PlatesSettings, Projection
from gandl.evaluation.terms import dose_series
from gandl.figures.common.labels import nominal
from gandl.images.files.kinds import AS_IT_IS, ImageInfo, Reading
from gandl.images.plate_headers import (
    Pixels,
    inspect,
    mistake_of_pixel_sizes,
    mistakes_of_functions,
    mistakes_of_repeats,
    mistakes_of_sizes,
    notes_of_chunks,
    pixel_sizes,
    usual_kind,
)
from gandl.source.plates.references import Address
from gandl.source.plates.sites import Plates, read_plates, sites_frame
from gandl.source.plates.table import Found
from gandl.source.plates.tabular.doses import is_dose, unit_in_name
from gandl.source.plates.tabular.mistakes import PlatesError
from gandl.source.remote.addresses import Addresses
from gandl.source.remote.retries import DownloadError
from gandl.statistics.hill import FEWEST_DOSES, FEWEST_WELLS
from gandl.workflow.words import counted

SAMPLED_SITES = 12
"""Sites whose images are decoded, evenly over the table, where not all are."""
CONNECTIONS = ImagesSettings().connections
"""Requests at a time, where images are at addresses."""
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
    proposed : keys of `source.plates` that the settings leave empty, and the values with which the images can be read.
    reading : how pixels are read with these. mirror : where images at addresses were looked for.
    nuclei : objects like nuclei in every channel; empty if plates or images have mistakes.
    """

    source: str
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()
    summary: tuple[str, ...] = ()
    sites: pd.DataFrame | None = None
    channels: tuple[str, ...] = ()
    kind: ImageInfo | None = None
    proposed: Mapping[str, Any] = field(default_factory=dict)
    reading: Reading = AS_IT_IS
    mirror: str | None = None
    nuclei: tuple[NucleiOfChannel, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.problems


def check_plates(
    settings: PlatesSettings | Path | str,
    *,
    every_pixel: bool = False,
    mirror: str | None = None,
    given: tuple[str, Found] | None = None,
) -> CheckReport:
    """Check plates.

    Parameters
    ----------
    settings : section `source.plates`, or the path of a `sites.csv`.
    every_pixel : decode every image, not those of a sample of sites.
    mirror : folder or base URL in which images at addresses are looked for.
    given : what was found in another way than by a table or folder of the settings, and the name of the place.

    Returns
    -------
    The report; problems of the plates raise nothing.
    """
    if not isinstance(settings, PlatesSettings):
        settings = PlatesSettings(table=str(settings))
    try:
        plates = read_plates(settings, given)
    except PlatesError as error:
        return CheckReport(settings.table or settings.folder or "", tuple(str(error).splitlines()))
    reading, images = Reading.of(settings), _images(plates)
    tried = replace(reading, z=reading.z or Projection.MAX, proposed=reading.z is None)
    sites = sites_frame(plates) if not plates.mistakes and plates.sites else None
    try:
        with Addresses(mirror, CONNECTIONS) as addresses:
            infos, problems = inspect(images, tried)
            looks = look_at(_sample(images, infos, len(plates.channels), every_pixel), tried, addresses)
    except DownloadError as error:
        return CheckReport(plates.source, (*plates.mistakes, str(error)))
    infos.update({i: looks.infos[image] for i, image in enumerate(images) if image in looks.infos})
    kind = usual_kind(infos.values()) if infos else None
    sizes = pixel_sizes(images, infos) if settings.pixel_size_um is None else {}
    functions = mistakes_of_functions(images, (kind.height, kind.width)) if kind and reading.illumination else []
    problems = [
        *plates.mistakes,
        *problems,
        *mistakes_of_sizes(images, infos),
        *mistakes_of_repeats(images, infos),
        *mistake_of_pixel_sizes(sizes),
        *functions,
        *looks.problems,
        *problems_of_values(looks),
        *problems_of_channels(looks, len(plates.sites)),
    ]
    proposed = {
        **({"z": Projection.MAX} if reading.z is None and any(info.by_setting for info in infos.values()) else {}),
        **({"scale": scale} if (scale := proposed_scale(looks)) else {}),
        **({"pixel_size_um": next(iter(sizes))} if len(sizes) == 1 else {}),
    }
    notes = [
        *plates.notes,
        *_notes_of_reading(proposed, infos),
        *_notes_of_addresses(images, looks),
        *notes_of_chunks(images),
        *notes_of_faint_images(looks, settings.scale or proposed_scale(looks)),
        *notes_of_channels(looks),
    ]
    summary = list(_summary(plates, len(images), kind, looks))
    nuclei: tuple[NucleiOfChannel, ...] = ()
    if sites is not None:
        if not problems:
            nuclei = nuclei_by_channel(looks.nuclei)
            summary.append(f"nuclei      {nuclei_in_words(nuclei)}")
            notes += [note for note in [choose_nuclear(plates.channels, nuclei).note] if note]
        notes += [*_notes_of_wells(sites), *warnings_of(sites)]
        summary += _treatments(sites)
    reading = Reading.of(settings.changed(**proposed))
    return CheckReport(
        plates.source,
        tuple(problems),
        tuple(notes),
        tuple(summary),
        sites,
        plates.channels,
        kind,
        proposed,
        reading,
        mirror,
        nuclei,
    )


def _images(plates: Plates) -> list[Pixels]:
    """The images whose files are there, site by site, channel by channel."""
    return [
        Pixels(site.where, image, channel, site.illumination[channel].path if channel in site.illumination else None)
        for site in plates.sites
        for channel, image in ((name, site.images[name]) for name in plates.channels if name in site.images)
        if all(isinstance(place, Address) or place.exists() for place in image.planes)
    ]


def _sample(images: Sequence[Pixels], infos: dict[int, ImageInfo], channels: int, every: bool) -> list[Pixels]:
    """Images whose pixels are looked at, where their headers can be read: all channels of sites evenly over the table."""
    step = 1 if every or not channels else max(1, len(images) // (SAMPLED_SITES * channels))
    sampled = (i for i in range(len(images)) if (i // max(channels, 1)) % step == 0)
    return [images[i] for i in sampled if i in infos or addresses_in(images[i])]


def addresses_in(image: Pixels) -> list[Address]:
    """The addresses among the files of an image."""
    return [place for place in image.image.planes if isinstance(place, Address)]


def _notes_of_reading(proposed: Mapping[str, Any], infos: Mapping[int, ImageInfo]) -> Iterator[str]:
    """What was not said and is proposed, so that the images can be read."""
    if "z" in proposed:
        yield (
            f"images have {_span(info.planes for info in infos.values() if info.by_setting)} z planes: the maximum is taken; "
            "--z middle or a number takes one plane (source.plates.z)"
        )
    if "scale" in proposed:
        yield (
            "images hold fractional values from 0 to 1: all are multiplied by 65535 and rounded (source.plates.scale; --scale "
            "names another factor)"
        )
    if "pixel_size_um" in proposed:
        yield f"the side of a pixel is {proposed['pixel_size_um']:g} um, as the files state (--pixel-size-um names another size)"


def _span(numbers: Iterable[int]) -> str:
    known = sorted(set(numbers))
    return f"{known[0]}" if len(known) == 1 else f"{known[0]} to {known[-1]}"


def _notes_of_addresses(images: Sequence[Pixels], looks: Looks) -> Iterator[str]:
    """How much was fetched by network."""
    elsewhere = sum(bool(addresses_in(image)) for image in images)
    if elsewhere:
        yield (
            f"{elsewhere:,} images are at addresses: {len(looks.infos):,} of them were fetched for this check "
            f"({looks.received / 1e6:,.1f} MB by network), the others are looked at when they are packed"
        )


def _summary(plates: Plates, images: int, kind: ImageInfo | None, looks: Looks) -> Iterator[str]:
    stores = list(dict.fromkeys(plate.plate_id for plate in plates.plates.values()))
    wells = {(site.key, site.well) for site in plates.sites}
    more = f" and {len(stores) - 6} more" if len(stores) > 6 else ""
    yield f"plates      {len(stores)}: {', '.join(stores[:6])}{more}"
    yield f"wells       {len(wells):,} with {counted(len(plates.sites), 'site')}"
    yield f"channels    {len(plates.channels)}: {', '.join(plates.channels)}"
    if kind is not None:
        size = images * kind.height * kind.width * np.dtype(kind.dtype).itemsize
        yield f"images      {images:,} of {kind.words}, {size / 2**30:,.2f} GiB of pixels"
    if looks.decoded:
        yield (
            f"brightness  {counted(looks.decoded, 'image')} decoded: median {_value(np.median(looks.middles))}, "
            f"brightest (99.8th percentile) {_value(looks.brightest)}"
        )


def _value(value: float) -> str:
    """A pixel's value in words; those of images from 0 to 1 need decimals."""
    return f"{value:,.0f}" if value >= 10 or value == round(value) else f"{value:.3f}"


def _treatments(sites: pd.DataFrame) -> Iterator[str]:
    wells = sites.drop_duplicates("well_id")
    counts = wells["control"].value_counts()
    yield f"controls    {counts.get('positive', 0)} positive and {counts.get('negative', 0)} negative wells"
    series = wells[(wells["control"] == "none") & wells["treatment"].notna()]
    groups = list(series.groupby("treatment", sort=False))
    for name, of_name in groups[:SHOWN]:
        doses = sorted(of_name["concentration_um"].dropna().unique())
        span = f", {_doses(doses)}" if doses else ", no dose given"
        yield f"treatment   {name}: {counted(len(of_name), 'well')}{span}"
    if len(groups) > SHOWN:
        yield f"            and {counted(len(groups) - SHOWN, 'more treatment')}"


def _doses(doses: Sequence[float]) -> str:
    """Ascending doses (um) in words."""
    if len(doses) == 1:
        return f"one dose of {nominal(doses[0])} µM"
    return f"{len(doses)} doses from {nominal(doses[0])} to {nominal(doses[-1])} µM"


def _notes_of_wells(sites: pd.DataFrame) -> Iterator[str]:
    wells = sites.drop_duplicates("well_id")
    for control in ("positive", "negative"):
        if control not in set(wells["control"]):
            yield f"no well is a {control} control: without both kinds, assay quality and dose response cannot be computed"
    series = dose_series(wells)
    doses = series.groupby("treatment")["concentration_um"].nunique()
    few = doses[doses < FEWEST_DOSES]
    if len(few):
        names = counted(len(few), "treatment")
        yield f"fewer than {FEWEST_DOSES} doses, too few for a curve: {names}; the first is {few.index[0]}"
    sizes = series.groupby("treatment").size()
    small = sizes[(doses >= FEWEST_DOSES) & (sizes < FEWEST_WELLS)]
    if len(small):
        names = counted(len(small), "treatment")
        yield f"fewer than {FEWEST_WELLS} wells, too few for a curve: {names}; the first is {small.index[0]}"
    partly = wells[(wells["control"] == "none") & wells["treatment"].notna() & wells["concentration_um"].isna()]
    partly = partly[partly["condition"] != "untreated"]  # the vehicle
    unread = _unread_doses(sites, partly)
    if unread:
        yield (
            f"no concentration_um, though {unread} differs within a treatment: {counted(len(partly), 'treated well')}, which "
            f"count as replicates; the first is {partly['well_id'].iloc[0]}"
        )
    elif len(partly) and len(series):
        yield f"no concentration_um: {counted(len(partly), 'treated well')}; the first is {partly['well_id'].iloc[0]}"
    per_well = sites.groupby("well_id").size()
    if per_well.nunique() > 1:
        yield f"wells have between {per_well.min()} and {per_well.max()} sites; {per_well.idxmin()} has {per_well.min()}"


def _unread_doses(sites: pd.DataFrame, wells: pd.DataFrame) -> str:
    """A column that may hold doses, and in which wells of one treatment differ; "" if there is none."""
    columns = [str(name) for name in sites.columns]
    names = [
        name for name in columns if name != "concentration_um" and (is_dose(name) or unit_in_name(name) is not None)
    ]
    differ = (name for name in names if (wells.groupby("treatment")[name].nunique() > 1).any())
    return next(differ, "")
