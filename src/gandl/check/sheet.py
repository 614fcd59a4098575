"""The contact sheet of a lab's own plates: takes their sites, chooses a few informative wells, reads their images.

The wells: a positive and a negative control, and the highest doses of a few treatments; without these the first wells.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gandl.check.plates import CONNECTIONS, CheckReport
from gandl.evaluation.terms import dose_series
from gandl.figures.common.contact_sheet import ContactSheet
from gandl.figures.common.labels import nominal
from gandl.images.plate_headers import images_of
from gandl.images.plate_reader import PlateReader
from gandl.source.remote.addresses import Addresses
from gandl.workflow.words import counted

ROWS = 5
"""Wells on a sheet."""


def sheet_of(report: CheckReport, pixel_size_um: float | None, rows: int = ROWS) -> ContactSheet:
    """The first site of a few wells, all channels.

    Parameters
    ----------
    report : of plates that passed the check. pixel_size_um : None if unknown. rows : at most this many wells.

    Raises
    ------
    gandl.images.plate_reader.PlateImagesError : an image cannot be decoded.
    """
    assert report.sites is not None
    chosen = choose_sites(report.sites, rows)
    images, channels = images_of(chosen, report.channels), len(report.channels)
    with Addresses(report.mirror, CONNECTIONS) as addresses:
        reader = PlateReader(images, channels, report.source, report.reading, addresses)
        reader.prefetch(range(len(chosen)))
        pixels = np.stack([reader.decode(i) for i in range(len(chosen))])
    return ContactSheet(
        images=pixels,
        labels=[label_of(row) for row in chosen.to_dict("records")],
        channels=report.channels,
        pixel_size_um=pixel_size_um,
        title=f"{Path(report.source).name}: {len(chosen)} of {counted(report.sites['well_id'].nunique(), 'well')}",
    )


def choose_sites(sites: pd.DataFrame, rows: int) -> pd.DataFrame:
    """First sites of informative wells: controls, highest doses, other plates' controls, then whatever comes first."""
    wells = sites.drop_duplicates("well_id")
    series = dose_series(wells).sort_values("concentration_um", ascending=False, kind="stable")
    treated = wells[(wells["control"] == "none") & wells["treatment"].notna()]
    treated = treated[~treated["treatment"].isin(series["treatment"])]
    candidates = [
        *(wells[wells["control"] == kind].head(1) for kind in ("positive", "negative")),
        series.drop_duplicates("treatment"),
        treated.drop_duplicates("treatment"),
        wells[wells["control"] != "none"].drop_duplicates(["plate_id", "control"]),
        wells,
    ]
    return pd.concat(candidates).drop_duplicates("well_id").head(rows)


def label_of(site: Mapping[Hashable, Any]) -> str:
    """`A01, plate 1 of my_screen: positive control, Wortmannin 0.15 µM`."""
    words = [] if site["control"] == "none" else [f"{site['control']} control"]
    if isinstance(site["treatment"], str):
        dose = site["concentration_um"]
        known = isinstance(dose, float) and dose == dose
        words.append(
            f"{site['treatment']} {nominal(dose)} µM" if isinstance(dose, float) and known else site["treatment"]
        )
    else:
        words.append("untreated")
    return f"{site['well']}, plate {site['plate_name']} of {site['experiment']}: {', '.join(words)}"
