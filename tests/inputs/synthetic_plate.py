"""A synthetic BBBC013: the archive's 192 BMP files at their official names, cells drawn as discs whose nuclei brighten with dose.

Only for tests: it lets the whole workflow run where the real plate is absent. Nothing drawn from it is a result.
"""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

SIZE = 640
CELLS = 150


def write_mirror(folder: Path, platemap: Path, seed: int = 0) -> Path:
    """Write the zip under its official host and path below `folder`; return its path."""
    archive = folder / "data.broadinstitute.org/bbbc/BBBC013/BBBC013_v1_images_bmp.zip"
    archive.parent.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    with (
        platemap.open(encoding="utf-8") as file,
        zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target,
    ):
        for row in csv.DictReader(file):
            share = {"positive": 1.0, "negative": 0.0}.get(row["control"], int(row["dose_index"] or 0) / 9)
            for channel, pixels in zip((1, 2), draw_field(rng, share), strict=True):
                name = f"Channel{channel}-{int(row['image_number']):02d}-{row['row']}-{int(row['column']):02d}.BMP"
                target.writestr(name, _bmp(pixels))
    return archive


def draw_field(rng: np.random.Generator, share: float) -> tuple[np.ndarray, np.ndarray]:
    """FKHR-GFP and DNA of one field, (640, 640) uint8; `share` of the FKHR lies in the nuclei."""
    centres = np.zeros((SIZE, SIZE))
    centres[rng.integers(0, SIZE, CELLS), rng.integers(0, SIZE, CELLS)] = 1
    nuclei = ndimage.gaussian_filter(centres, 5)
    nuclei /= nuclei.max()
    bodies = ndimage.gaussian_filter(centres, 12)
    bodies /= bodies.max()
    level = share + 0.1 * rng.standard_normal()
    fkhr = 20 + 110 * (level * nuclei + (1 - level) * np.clip(bodies - nuclei, 0, 1))
    dna = 15 + 180 * nuclei
    return _noisy(fkhr, rng), _noisy(dna, rng)


def _noisy(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.clip(image + 4 * rng.standard_normal(image.shape), 0, 255).astype(np.uint8)


def _bmp(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="BMP")
    return buffer.getvalue()
