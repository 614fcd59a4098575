"""What the groups of an exported plate state of themselves: takes names, sites and shapes, writes metadata with ome-zarr.

Besides the metadata of OME-Zarr each plate and well has attributes of ours under `gandl`: where it comes from, and what was done.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from gandl.images.display import channel_colours
from gandl.images.export.wells import columns_of_wells
from gandl.tables.row_letters import row_name, row_number

if TYPE_CHECKING:
    import zarr

OWN_KEY = "gandl"
FORMATS = ((2, 3), (3, 4), (4, 6), (6, 8), (8, 12), (16, 24), (32, 48))
"""Rows and columns of plates of 6, 12, 24, 48, 96, 384 and 1536 wells."""
ACQUISITION = 0


@dataclass(frozen=True)
class PlateName:
    """The id of a plate, and the word that its images bear ("simulated", or "")."""

    plate_id: str
    word: str

    @property
    def shown(self) -> str:
        """Its name in viewers; nothing simulated goes without the word."""
        return f"{self.plate_id} {self.word}".strip()


@dataclass(frozen=True)
class Fields:
    """What all fields of a plate share.

    factors : of every level. pixel_size_um : of level 0; None if it is not known. ranges : of every channel the grey values shown
    as black and white. brightest : the largest value of the type.
    """

    plate: PlateName
    channels: tuple[str, ...]
    factors: tuple[int, ...]
    pixel_size_um: float | None
    ranges: tuple[tuple[float, float], ...]
    brightest: int


@dataclass(frozen=True)
class PlateAttributes:
    """What a plate states: names of all rows and columns of its format, the paths of its wells, its acquisition."""

    name: str
    rows: list[str]
    columns: list[str]
    wells: list[str]
    acquisition: str
    fields: int


def is_own(folder: Path) -> bool:
    """Whether a folder is a plate that gandl exported."""
    try:
        return OWN_KEY in json.loads((folder / "zarr.json").read_bytes())["attributes"]
    except (OSError, ValueError, KeyError, TypeError):
        return False


def plate_attributes(name: PlateName, dataset: str, sites: pd.DataFrame, wells: Sequence[str]) -> PlateAttributes:
    """Metadata of a plate with these sites; its format is the smallest that holds all wells of the plate, exported or not."""
    rows = max(row_number(well.rstrip("0123456789")) for well in wells)
    columns = max(int(well.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")) for well in wells)
    format_ = next((one for one in FORMATS if rows <= one[0] and columns <= one[1]), (rows, columns))
    return PlateAttributes(
        name.shown,
        [row_name(number) for number in range(1, format_[0] + 1)],
        [str(number) for number in range(1, format_[1] + 1)],
        list(dict.fromkeys(f"{row}/{column}" for row, column in zip(sites["row"], sites["column"], strict=True))),
        f"{dataset} {name.word}".strip(),
        int(sites.groupby("well")["site"].size().max()),
    )


def write_plate_metadata(group: zarr.Group, plate: PlateAttributes) -> None:
    """Write the metadata of a plate."""
    from ome_zarr import writer
    from ome_zarr.format import FormatV05

    writer.write_plate_metadata(
        group,
        plate.rows,
        plate.columns,
        list(plate.wells),
        fmt=FormatV05(),
        acquisitions=[{"id": ACQUISITION, "name": plate.acquisition, "maximumfieldcount": plate.fields}],
        field_count=plate.fields,
        name=plate.name,
    )


def write_well_metadata(group: zarr.Group, fields: Sequence[str]) -> None:
    """Write the metadata of a well with these fields."""
    from ome_zarr import writer
    from ome_zarr.format import FormatV05

    writer.write_well_metadata(
        group, [{"path": field, "acquisition": ACQUISITION} for field in fields], fmt=FormatV05()
    )


def well_attributes(rows: pd.DataFrame) -> dict[str, Any]:
    """What was done to a well, from its rows of the sites table: every column that is the same in all of them and not empty."""
    return {
        str(column): value.item() if hasattr(value, "item") else value
        for column, value in rows.iloc[0][columns_of_wells(rows)].items()
        if not pd.isna(value)
    }


def write_image_metadata(group: zarr.Group, fields: Fields) -> None:
    """Write the metadata of one image: axes, the scale of each level, channels with names, colours and display ranges."""
    from ome_zarr import writer
    from ome_zarr.format import FormatV05

    writer.write_multiscales_metadata(
        group,
        [
            {"path": str(level), "coordinateTransformations": _placed(fields, by)}
            for level, by in enumerate(fields.factors)
        ],
        fmt=FormatV05(),
        axes=_axes(fields),
        name=fields.plate.shown,
        metadata={"omero": {"channels": _channels(fields)}},
    )


def _axes(fields: Fields) -> list[dict[str, str]]:
    unit = {} if fields.pixel_size_um is None else {"unit": "micrometer"}
    return [{"name": "c", "type": "channel"}, *({"name": name, "type": "space", **unit} for name in "yx")]


def _placed(fields: Fields, factor: int) -> list[dict[str, Any]]:
    """Size of a level's pixels, and where its first one lies: the centre of the pixels of level 0 that it is the mean of."""
    size = 1.0 if fields.pixel_size_um is None else fields.pixel_size_um
    scale: dict[str, Any] = {"type": "scale", "scale": [1.0, factor * size, factor * size]}
    offset = (factor - 1) / 2 * size
    return [scale] if factor == 1 else [scale, {"type": "translation", "translation": [0.0, offset, offset]}]


def _channels(fields: Fields) -> list[Mapping[str, Any]]:
    colours = channel_colours(fields.channels)
    return [
        {
            "label": channel,
            "color": colour.removeprefix("#"),
            "active": True,
            "window": {"min": 0, "max": fields.brightest, "start": low, "end": high},
        }
        for channel, colour, (low, high) in zip(fields.channels, colours, fields.ranges, strict=True)
    ]
