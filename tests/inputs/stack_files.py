"""Files of several images for tests, written by tifffile and zarr: OME-TIFF, and OME-Zarr images of 0.4 and 0.5."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tifffile
import zarr

CHANNELS = ("dna", "er", "actin")


def noise(*shape: int, dtype: str = "uint16", seed: int = 0) -> np.ndarray:
    """12-bit noise."""
    return np.random.default_rng(seed).integers(0, 4096, shape).astype(dtype)


def write_ome_tiff(
    path: Path, pixels: np.ndarray, axes: str, channels: Sequence[str] = CHANNELS, pixel_size_um: float | None = None
) -> Path:
    """An OME-TIFF of these axes (`CZYX`)."""
    metadata: dict[str, object] = {"axes": axes}
    if channels:
        metadata["Channel"] = {"Name": list(channels)}
    if pixel_size_um is not None:
        metadata |= {f"PhysicalSize{axis}": 1000 * pixel_size_um for axis in "XY"}
        metadata |= {f"PhysicalSize{axis}Unit": "nm" for axis in "XY"}
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, pixels, ome=True, metadata=metadata, photometric="minisblack")
    return path


def write_ome_zarr(
    folder: Path,
    pixels: np.ndarray,
    axes: str,
    version: str = "0.4",
    channels: Sequence[str] = CHANNELS,
    pixel_size_um: float | None = None,
) -> Path:
    """One OME-Zarr image of these axes, with a second, smaller array that must not be read."""
    group = zarr.open_group(folder, mode="w", zarr_format=2 if version == "0.4" else 3)
    for number, array in enumerate((pixels, pixels[..., ::2, ::2])):
        group.create_array(str(number), data=array, chunks=(*[1] * (array.ndim - 2), 32, 32))
    kinds = {"t": "time", "c": "channel"}
    named = [{"name": axis.lower(), "type": kinds.get(axis.lower(), "space")} for axis in axes]
    for axis in named[-2:]:
        axis |= {"unit": "micrometer"} if pixel_size_um else {}
    scales = [[*[1.0] * (len(axes) - 2), *[(pixel_size_um or 1.0) * 2**number] * 2] for number in range(2)]
    datasets = [
        {"path": str(number), "coordinateTransformations": [{"type": "scale", "scale": scale}]}
        for number, scale in enumerate(scales)
    ]
    values = {
        "multiscales": [{"axes": named, "datasets": datasets} | ({"version": version} if version == "0.4" else {})],
        "omero": {"channels": [{"label": name} for name in channels]},
    }
    group.attrs.update(values if version == "0.4" else {"ome": {"version": version, **values}})
    return folder
