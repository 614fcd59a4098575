"""OME-Zarr plates for tests, written with zarr by the specification: 0.4 on Zarr 2 and 0.5 on Zarr 3, small images of noise."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr


@dataclass(frozen=True)
class ZarrPlate:
    """What a plate holds: wells (`A/1`) with so many fields, channels, planes, times, and the side of a pixel in a unit."""

    version: str = "0.4"
    wells: Sequence[str] = ("A/1", "A/2", "B/1")
    fields: int = 2
    channels: Sequence[str] = ("DNA", "ER")
    planes: int = 1
    times: int = 1
    pixel: float = 0.325
    unit: str = "micrometer"
    name: str = "test plate"
    acquisitions: Sequence[str] = ()
    side: int = 64

    @property
    def pixels(self) -> tuple[int, int, int, int, int]:
        """Shape of each image: (t, c, z, y, x)."""
        return self.times, len(self.channels), self.planes, self.side, self.side


def write_plate(path: Path, plate: ZarrPlate, *, labels: Mapping[str, Sequence[str]] | None = None) -> Path:
    """Write a plate; `labels` are the channels of wells that differ from the others."""
    old = plate.version < "0.5"
    root = zarr.open_group(path, mode="w", zarr_format=2 if old else 3)
    rows = sorted({well.split("/")[0] for well in plate.wells})
    columns = sorted({well.split("/")[1] for well in plate.wells}, key=int)
    listed = [
        {"path": well, "rowIndex": rows.index(well.split("/")[0]), "columnIndex": columns.index(well.split("/")[1])}
        for well in plate.wells
    ]
    metadata: dict[str, Any] = {
        "rows": [{"name": row} for row in rows],
        "columns": [{"name": column} for column in columns],
        "wells": listed,
        "name": plate.name,
        "field_count": plate.fields,
    }
    if plate.acquisitions:
        metadata["acquisitions"] = [{"id": i, "name": name} for i, name in enumerate(plate.acquisitions, 1)]
    root.attrs.put(_attributes(plate, "plate", metadata))
    rng = np.random.default_rng(0)
    for well in plate.wells:
        images = [
            {"path": str(i), **({"acquisition": i % len(plate.acquisitions) + 1} if plate.acquisitions else {})}
            for i in range(plate.fields)
        ]
        root.create_group(well).attrs.put(_attributes(plate, "well", {"images": images}))
        for i in range(plate.fields):
            _write_field(root, f"{well}/{i}", plate, (labels or {}).get(well, plate.channels), rng)
    return path


def _write_field(
    root: zarr.Group, path: str, plate: ZarrPlate, labels: Sequence[str], rng: np.random.Generator
) -> None:
    group = root.create_group(path)
    axes: list[dict[str, str]] = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}]
    axes += [{"name": name, "type": "space", **({"unit": plate.unit} if plate.unit else {})} for name in "zyx"]
    datasets = [
        {
            "path": str(level),
            "coordinateTransformations": [
                {"type": "scale", "scale": [1.0, 1.0, 2.0, plate.pixel * 2**level, plate.pixel * 2**level]}
            ],
        }
        for level in (0, 1)
    ]
    image: dict[str, Any] = {"axes": axes, "datasets": datasets, "name": path}
    omero = {"channels": [{"label": label, "active": True} for label in labels]} if any(labels) else {"channels": []}
    group.attrs.put(_attributes(plate, "multiscales", [image], omero=omero))
    pixels = rng.integers(1, 4000, plate.pixels, dtype=np.uint16)
    more: dict[str, Any] = {"chunk_key_encoding": {"name": "v2", "separator": "/"}}
    if plate.version >= "0.5":
        more = {"dimension_names": list("tczyx")}
    for level in (0, 1):
        step = 2**level
        group.create_array(str(level), data=pixels[..., ::step, ::step], chunks=(1, 1, 1, 64, 64), **more)


def _attributes(plate: ZarrPlate, key: str, value: Any, **more: Any) -> dict[str, Any]:
    """Attributes of a group: since 0.5 under the key `ome` beside the version, before at the top, each part with its version."""
    if plate.version >= "0.5":
        return {"ome": {"version": plate.version, key: value, **more}}
    if isinstance(value, list):
        return {key: [{**one, "version": plate.version} for one in value], **more}
    return {key: {**value, "version": plate.version}, **more}


def change_metadata(folder: Path, change: Any) -> None:
    """Change the OME-Zarr part of a group's attributes in place, as a writer of another mind would have written it."""
    path = folder / "zarr.json" if (folder / "zarr.json").is_file() else folder / ".zattrs"
    values = json.loads(path.read_text())
    change(values["attributes"]["ome"] if path.name == "zarr.json" else values)
    path.write_text(json.dumps(values))
