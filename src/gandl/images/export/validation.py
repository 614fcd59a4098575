"""Checking a plate: takes its folder, reads the metadata of plate, wells and images with ome-zarr-models, refuses what is wrong.

ome-zarr-models holds the specification as typed models; what they refuse is no OME-Zarr 0.5.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path


class ExportError(ValueError):
    """A plate cannot be exported; the message says why."""


def require_libraries() -> None:
    """Refuse to begin without the libraries that write and check metadata.

    Raises
    ------
    ExportError : one is missing.
    """
    for name in ("ome_zarr.writer", "ome_zarr_models.v05"):
        try:
            import_module(name)
        except ImportError as error:
            raise ExportError(
                f"{error.name} is missing, which exports plates: .venv/bin/python -m pip install ome-zarr"
            ) from error


def validate_plate(folder: Path) -> int:
    """Check the metadata of a plate, of all its wells, and of all their fields against OME-Zarr 0.5.

    Returns
    -------
    Number of fields.

    Raises
    ------
    ExportError : the library is missing, or it finds a mistake; the message names the group.
    """
    require_libraries()
    import zarr
    from ome_zarr_models.v05 import Image
    from ome_zarr_models.v05.hcs import HCSAttrs
    from ome_zarr_models.v05.well import WellAttrs

    place, fields = folder, 0
    try:
        root = zarr.open_group(folder, mode="r")
        for well in HCSAttrs.model_validate(root.attrs["ome"]).plate.wells:
            place = folder / well.path
            group = zarr.open_group(place, mode="r")
            for image in WellAttrs.model_validate(group.attrs["ome"]).well.images:
                place = folder / well.path / image.path
                Image.from_zarr(zarr.open_group(place, mode="r"))
                fields += 1
    except (ValueError, KeyError, TypeError, OSError, RuntimeError) as error:
        raise ExportError(f"{place} is no OME-Zarr 0.5 as ome-zarr-models reads it: {error}") from error
    return fields
