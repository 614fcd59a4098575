"""A small screen of two cell lines whose images are cut into tiles: vehicle, and two drugs, in stores of one line each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gandl.tables import SITES, write_table
from plates import pixel_store
from table_rows import site_row

CELL_TYPES = ("HT29", "M14")
TREATMENTS = (None, "MTX", "PEM")
WELLS_EACH = 10


@dataclass(frozen=True)
class TiledScreen:
    """Its manifests and sites table, and the pixels (n, c, y, x) of each store."""

    manifests: list[Path]
    sites: Path
    pixels: dict[str, np.ndarray]


def tiled_screen(
    folder: Path,
    *,
    size: tuple[int, int] = (40, 36),
    channels: tuple[str, ...] = ("grey",),
    treatments: tuple[str | None, ...] = TREATMENTS,
    wells: int = WELLS_EACH,
) -> TiledScreen:
    """Stores of noise, one per cell line, of wells in the order of the treatments, `wells` each with one site."""
    rows, pixels, manifests = [], {}, []
    for number, cell_type in enumerate(CELL_TYPES):
        rng = np.random.default_rng(number)
        count = wells * len(treatments)
        pixels[cell_type] = rng.integers(0, 256, (count, len(channels), *size), dtype=np.uint8)
        store = pixel_store(folder, cell_type, pixels[cell_type], channels, (min(size),))
        manifests.append(store.with_suffix(".manifest.json"))
        for i in range(count):
            treatment = treatments[i // wells]
            rows.append(
                site_row(
                    cell_type,
                    1,
                    f"A{i + 1:02d}",
                    site_id=f"{cell_type}_{i}",
                    store_id=cell_type,
                    cell_type=cell_type,
                    condition="unknown",
                    control="negative" if treatment is None else "none",
                    treatment=treatment,
                    compound=treatment,
                    concentration_um=None if treatment is None else 1.0,
                )
            )
    sites = folder / "sites.parquet"
    frame = pd.DataFrame(rows)
    frame["concentration_um"] = frame["concentration_um"].astype(float)
    write_table(frame, sites, SITES)
    return TiledScreen(manifests, sites, pixels)
