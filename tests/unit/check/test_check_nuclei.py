"""The smallest nucleus of a configuration that `gandl check` writes follows the nuclei of the plates."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from gandl.check.configuration import suggest
from gandl.check.nuclei import objects_of
from gandl.check.plates import check_plates
from gandl.config import PlatesSettings, SegmentationSettings
from gandl.embeddings.cells.finding import find_cells
from plate_files import write_csv

DEFAULT = SegmentationSettings().minimum_area


def discs(radius: int, seed: int, *, side: int = 400, specks: int = 300) -> np.ndarray:
    """Discs of one radius that do not touch, among many more specks of debris, in a noisy 16-bit image."""
    rng = np.random.default_rng(seed)
    image = 200 + 20 * rng.standard_normal((side, side))
    rows, columns = np.indices((side, side))
    step = 3 * radius
    for row in range(step // 2, side - radius, step):
        for column in range(step // 2, side - radius, step):
            image[np.hypot(rows - row, columns - column) <= radius] += 2000
    for row, column in rng.integers(2, side - 2, (specks, 2)):
        image[row : row + 2, column : column + 2] += 2000
    return np.clip(image, 0, 65535).astype(np.uint16)


def plate(folder: Path, images: list[np.ndarray]) -> PlatesSettings:
    rows = []
    for i, image in enumerate(images):
        tifffile.imwrite(folder / f"{i}.tif", image)
        rows.append({"well": f"A{i + 1}", "file_dapi": f"{i}.tif"})
    return PlatesSettings(table=str(write_csv(folder / "sites.csv", rows)))


def suggested(settings: PlatesSettings) -> tuple[int, str]:
    """The smallest area, and the sentence about it."""
    suggestion = suggest(check_plates(settings), settings)
    (reason,) = [text for text in suggestion.reasons if "minimum_area" in text]
    return suggestion.config.embeddings.segmentation.minimum_area, reason


@pytest.mark.parametrize("radius", [12, 25])
def test_the_smallest_area_is_half_a_nucleus_whatever_the_magnification_and_the_debris(
    tmp_path: Path, radius: int
) -> None:
    settings = plate(tmp_path, [discs(radius, seed) for seed in range(5)])
    smallest, reason = suggested(settings)
    assert smallest == pytest.approx(np.pi * radius**2 / 2, rel=0.08)
    assert " nuclei found in dapi of the contact sheet's 5 wells, median " in reason
    assert reason.endswith(f"minimum_area is half of it, {smallest:,} px.")


def test_what_is_found_is_what_the_segmentation_finds(tmp_path: Path) -> None:
    image = discs(12, 0)
    cells = find_cells(image, SegmentationSettings(minimum_area=50))
    areas = objects_of(image, SegmentationSettings().smoothing)
    assert (areas >= 50).sum() == cells.count
    np.testing.assert_array_equal(np.sort(areas[areas >= 50]), np.sort(np.bincount(cells.nuclei.ravel())[1:]))


def test_too_few_nuclei_keep_the_default_and_the_reason_says_so(tmp_path: Path) -> None:
    """An image of one value has none."""
    smallest, reason = suggested(plate(tmp_path, [np.full((100, 100), 7, np.uint16), discs(25, 0, side=100, specks=0)]))
    assert smallest == DEFAULT
    assert reason.startswith("Only ")
    assert f"in dapi of the contact sheet's 2 wells: embeddings.segmentation.minimum_area stays {DEFAULT} px" in reason


def test_nuclei_of_a_real_plate_have_about_the_default_size(shared_data: Path, tmp_path: Path) -> None:
    """BBBC013's nuclei are those that the default was chosen for."""
    archive = shared_data / "mirror/data.broadinstitute.org/bbbc/BBBC013/BBBC013_v1_images_bmp.zip"
    with zipfile.ZipFile(archive) as file:
        names = sorted(name for name in file.namelist() if "Channel2" in name)[::20]
        images = [np.array(Image.open(io.BytesIO(file.read(name)))) for name in names]
    smallest, _ = suggested(plate(tmp_path, images))
    assert DEFAULT <= smallest <= 1.3 * DEFAULT
