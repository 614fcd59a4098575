"""The section `ome_zarr` of the configuration: which plates are exported for napari and other viewers, if that is requested."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from gandl.config.source import Dataset
from gandl.config.types import Section


def _as_in_tables(well: str) -> str:
    match = re.fullmatch(r"([A-Z]|A[A-F])0?([1-9]|[1-3]\d|4[0-8])", well.strip().upper())
    if match is None:
        raise ValueError(f"{well} is no well; wells are named A1 (or A01) to AF48")
    return f"{match[1]}{int(match[2]):02d}"


class OmeZarrSettings(Section):
    """Plates to export as OME-Zarr 0.5, for napari and other viewers; made only if requested: `make reproduce ARGS=ome_zarr`."""

    screen: Dataset | None = Field(
        None, description="Screen whose plates are exported; empty: the first of `source.datasets`."
    )
    plates: list[str] = Field(
        default_factory=list,
        description="Plates to export (`HRCE-1_25`; of RxRx1 `HUVEC-01_2`, or all four of the experiment `HUVEC-01`); empty: all "
        "of the screen. A plate of RxRx19a, stored at 512 px, takes up to 9 GB.",
    )
    wells: list[Annotated[str, AfterValidator(_as_in_tables)]] = Field(
        default_factory=list, description="Wells to export of each of these plates (`B02`); empty: all of them."
    )
