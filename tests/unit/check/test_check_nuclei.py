"""The smallest nucleus of a configuration that `gandl check` writes follows the nuclei of the plates."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from gandl.check.configuration import suggest
from gandl.check.nuclei import measured, objects_of
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
    assert " nuclei found in dapi of the contact sheet's 5 wells, medians of wells " in reason
    assert reason.endswith(f"minimum_area is half of the smallest, {smallest:,} px.")


@pytest.mark.parametrize("normal", [1, 2])
def test_treatments_that_enlarge_nuclei_do_not_make_debris_of_normal_ones(tmp_path: Path, normal: int) -> None:
    """Five times the area in most wells of the contact sheet: half of their median would be more than a normal nucleus."""
    radii = [12] * normal + [27] * (5 - normal)
    rows = []
    for i, radius in enumerate(radii):
        tifffile.imwrite(tmp_path / f"{i}.tif", discs(radius, i))
        about = {"control": "negative"} if i == 0 else {"treatment": f"drug {i}", "concentration_um": "1"}
        rows.append(
            {"control": "", "treatment": "", "concentration_um": ""}
            | about
            | {"well": f"A{i + 1}", "file_dapi": f"{i}.tif"}
        )
    settings = PlatesSettings(table=str(write_csv(tmp_path / "sites.csv", rows)))
    smallest, reason = suggested(settings)
    assert smallest == pytest.approx(np.pi * 12**2 / 2, rel=0.1)
    low, high = (
        int(number.replace(",", "")) for number in re.findall(r"medians of wells ([\d,]+) to ([\d,]+) px", reason)[0]
    )
    assert (low, high) == (pytest.approx(np.pi * 12**2, rel=0.1), pytest.approx(np.pi * 27**2, rel=0.1))


def test_a_well_of_debris_alone_decides_nothing() -> None:
    nuclei, specks = np.full(30, 450), np.full(80, 12)
    found = measured("dapi", [nuclei, specks, nuclei * 5, np.empty(0, np.int64)], [True, False, False, False])
    assert (found.count, found.medians, found.half) == (60, (450.0, 2250.0), 225)
    assert measured("dapi", [specks[:0]] * 2, [True, False]).enough is False


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
