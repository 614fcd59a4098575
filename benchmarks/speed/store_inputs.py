"""Inputs of `store.py`: synthetic sites whose PNGs are like those of RxRx19a, as a folder, as a zip, and as stores.

RxRx19a was published as 445 GB of 1,527,600 PNGs: 291 kB each, 3.6 times less than their pixels; its images are dark and noisy.
Ours are smooth random fields with photon noise behind a little blur, as bright as makes that size. They are no cells.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from gandl.config import Dataset
from gandl.images.pack import Decoded, StorePlan, pack_store
from gandl.images.store_reader import ImageStore
from gandl.source.screens.published import CHANNELS

SIDE = 1024
LEVELS = (8.0, 13.0, 20.0, 25.0, 29.0)
"""Mean grey value of each channel, roughly."""
DISTINCT = 8
"""Sites that differ; others repeat them in files of their own (drawing and compressing PNGs takes longer than all measuring)."""


@dataclass(frozen=True)
class Inputs:
    """Sites in every form that is compared; `files[i]` are the PNGs of site i, and their names in the zip."""

    files: list[list[Path]]
    archive: Path
    full: ImageStore
    half: ImageStore

    @property
    def png_bytes(self) -> float:
        """Mean size of a PNG."""
        return float(np.mean([file.stat().st_size for of_site in self.files for file in of_site]))


def draw_site(seed: int) -> np.ndarray:
    """Pixels (5, 1024, 1024) uint8."""
    rng = np.random.default_rng(seed)
    planes = []
    for level in LEVELS:
        field = ndimage.zoom(rng.gamma(1.2, 1.0, (SIDE // 32, SIDE // 32)), 32, order=1)
        photons = rng.poisson(3 * level * (0.35 + 0.65 * field)) / 3
        planes.append(np.clip(np.rint(ndimage.gaussian_filter(photons, 0.8)), 0, 255).astype(np.uint8))
    return np.stack(planes)


def png(image: np.ndarray) -> bytes:
    """An 8-bit grey PNG, as Pillow writes it."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def site_plan(store_id: str, sites: int, resolutions: tuple[int, ...]) -> StorePlan:
    """A plate of sites like RxRx19a's, with the shards of the default settings."""
    names = tuple(f"{store_id}_{i:04d}" for i in range(sites))
    return StorePlan(
        store_id=store_id,
        site_ids=names,
        well_ids=names,
        channels=CHANNELS[Dataset.RXRX19A],
        dtype="uint8",
        height=SIDE,
        width=SIDE,
        resolutions=resolutions,
        pixel_size_um=None,
        shard_sites=64,
        shard_mebibytes=320,
        compression_level=1,
        sources={},
    )


def make_inputs(folder: Path, sites: int) -> Inputs:
    """Draw sites, and write them as PNGs, as a zip of those, and as stores of 1024 px and of 512 px."""
    pixels = [draw_site(seed) for seed in range(DISTINCT)]
    encoded = [[png(plane) for plane in site] for site in pixels]
    files = [[folder / "png" / f"{i:04d}_w{w + 1}.png" for w in range(len(LEVELS))] for i in range(sites)]
    (folder / "png").mkdir(parents=True)
    archive = folder / "images.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as target:
        for i, of_site in enumerate(files):
            for file, data in zip(of_site, encoded[i % DISTINCT], strict=True):
                file.write_bytes(data)
                target.writestr(file.name, data)
    stores = []
    for resolution in (SIDE, SIDE // 2):
        store = folder / f"store_{resolution}.zarr"
        pack_store(
            site_plan(f"store_{resolution}", sites, (resolution,)),
            Decoded(lambda i: pixels[i % DISTINCT]),
            store,
            store.with_suffix(".parquet"),
            store.with_suffix(".manifest.json"),
        )
        stores.append(ImageStore(store))
    return Inputs(files, archive, *stores)
