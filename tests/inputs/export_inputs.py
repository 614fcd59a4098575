"""A store of tiny images with its sites table, to export as OME-Zarr: two wells of two fields per plate, one field black."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gandl.images.export.plates import export_store
from gandl.tables import SITES, write_table
from plates import pixel_store

CHANNELS = ("hoechst", "con_a", "phalloidin")
TREATED = {"compound": "Remdesivir", "treatment": "remdesivir", "concentration_um": 0.3, "smiles": "CCO"}


@dataclass(frozen=True)
class Exported:
    """Where the store and its sites table are, the table, and the pixels (n, c, y, x)."""

    store: Path
    sites: Path
    table: pd.DataFrame
    pixels: np.ndarray


def write_screen(
    folder: Path,
    *,
    plates: tuple[str, ...] = ("HRCE-1_1",),
    wells: tuple[str, ...] = ("B02", "AA12"),
    size: tuple[int, int] = (70, 96),
    dtype: str = "uint16",
    channels: tuple[str, ...] = CHANNELS,
    pixel_size_um: float | None = 0.65,
    resolutions: tuple[int, ...] | None = None,
) -> Exported:
    """Write a store `HRCE-1_1` (of several plates: the part of their names before the number) and the sites table."""
    store_id = plates[0] if len(plates) == 1 else plates[0].rpartition("_")[0]
    rows = [(plate, well, site) for plate in plates for well in wells for site in (1, 2)]
    rng = np.random.default_rng(0)
    pixels = rng.integers(1, np.iinfo(dtype).max, (len(rows), len(channels), *size)).astype(dtype)
    pixels[1] = 0  # a black field: its file is there all the same
    store = pixel_store(
        folder,
        store_id,
        pixels,
        channels,
        resolutions or (min(size),),
        pixel_size_um=pixel_size_um,
        wells=[f"{plate}_{well}" for plate, well, _ in rows],
    )
    table = pd.DataFrame(
        [
            {
                "site_id": f"{store_id}_{i}",
                "well_id": f"{plate}_{well}",
                "experiment": plate.rpartition("_")[0],
                "plate": int(plate.rpartition("_")[2]),
                "plate_id": plate,
                "store_id": store_id,
                "well": well,
                "row": well.rstrip("0123456789"),
                "column": int(well.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")),
                "site": site,
                "cell_type": "HRCE",
                "condition": "infected",
                "control": "none" if well == wells[0] else "negative",
                **(TREATED if well == wells[0] else dict.fromkeys(TREATED)),
                "batch": f"batch of {plate}",
            }
            for i, (plate, well, site) in enumerate(rows)
        ]
    ).astype({"concentration_um": float})
    sites = folder / "sites.parquet"
    write_table(table[::-1].reset_index(drop=True)[[*SITES.names, "batch"]], sites, SITES)
    return Exported(store, sites, table, pixels)


def exported(screen: Exported, folder: Path, **options: Any) -> dict[str, Any]:
    """What the manifest of an export into a folder says."""
    manifest = folder / "rxrx19a" / "store.manifest.json"
    export_store(screen.store, screen.sites, manifest, **{"dataset": "rxrx19a", "threads": 2, **options})
    return dict(json.loads(manifest.read_text(encoding="utf-8")))
