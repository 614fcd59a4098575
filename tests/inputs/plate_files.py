"""A lab's own plates for tests: folders of small images with their `sites.csv`, cells drawn as blobs. Nothing of it is a result.

`write_six_channel_plates` makes two plates of 16-bit TIFFs in six channels, `write_one_channel_plate` one plate of 8-bit PNGs,
`write_stack_plate` one of OME-TIFFs;
`lab` and `folder_of` make tables and folders whose images are empty.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image
from scipy import ndimage

from gandl.config import PlatesSettings

SIX = ("DNA", "er", "actin", "rna", "golgi", "mito")
SIX_SIZE = (97, 110)
"""Height and width (px) of the six-channel images: odd, and not square."""
ONE_SIZE = (80, 80)
DOSES = (0.1, 0.3, 1.0, 3.0, 10.0)
PATTERN = r"(?P<plate>[^/]+)/(?P<well>[A-P]\d+)_(s(?P<site>\d+)_)?w(?P<channel>\d+)"
"""Finds plate, well, site (where there is one) and channel in names like `p1/B03_s2_w1.tif`."""


@dataclass(frozen=True)
class Well:
    """A well of a drawn plate; `effect` goes from 0 (negative control) to 1 (positive control)."""

    name: str
    control: str
    treatment: str
    concentration_um: float | None
    effect: float


def layout(rows: str = "ABCD", controls: int = 1) -> list[Well]:
    """In every plate row so many positive and negative controls and one dose series of `drug A`."""
    wells = []
    for row in rows:
        names = iter(f"{row}{column:02d}" for column in range(1, 2 * controls + len(DOSES) + 1))
        wells += [Well(next(names), "positive", "rescue", None, 1.0) for _ in range(controls)]
        wells += [Well(next(names), "negative", "", None, 0.0) for _ in range(controls)]
        wells += [Well(next(names), "none", "drug A", dose, dose / (dose + 1.0)) for dose in DOSES]
    return wells


def draw_cells(rng: np.random.Generator, size: tuple[int, int], effect: float, channels: int) -> np.ndarray:
    """Nuclei, and the bodies around them, in so many channels: (channel, y, x), values from 0 to about 1.

    With the effect the bodies draw together and their texture grows coarser; nuclei stay.
    """
    centres = np.zeros(size)
    cells = size[0] * size[1] // 500
    centres[rng.integers(0, size[0], cells), rng.integers(0, size[1], cells)] = 1
    nuclei = _blobs(centres, 3.0)
    bodies = _blobs(centres, 8.0 - 3.0 * effect)
    planes = [nuclei]
    for channel in range(1, channels):
        grain = ndimage.gaussian_filter(rng.standard_normal(size), 0.8 + 0.4 * channel + 1.5 * effect)
        planes.append(bodies * (0.6 + 0.4 * np.abs(grain) / np.abs(grain).max()) * (1 - 0.3 * nuclei * (channel % 2)))
    return np.stack(planes[:channels])


def _blobs(centres: np.ndarray, radius: float) -> np.ndarray:
    blurred = ndimage.gaussian_filter(centres, radius, mode="reflect")
    return blurred / max(float(blurred.max()), 1e-12)


def as_16_bit(plane: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """12-bit values of a camera with an offset of 100, in 16 bit."""
    return np.clip(100 + 3000 * plane + 20 * rng.standard_normal(plane.shape), 0, 4095).astype(np.uint16)


def as_8_bit(plane: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """8-bit values."""
    return np.clip(10 + 200 * plane + 3 * rng.standard_normal(plane.shape), 0, 255).astype(np.uint8)


def write_six_channel_plates(
    folder: Path, *, plates: Sequence[str] = ("1", "2"), rows: str = "ABCD", sites: int = 1, seed: int = 0
) -> Path:
    """Write plates of 16-bit TIFFs, one file per channel (LZW-compressed), and their table.

    Returns
    -------
    `folder/sites.csv`, with controls, a dose series, a cell type and a column of its own (`operator`).
    """
    rng = np.random.default_rng(seed)
    table = []
    for plate in plates:
        for well in layout(rows):
            for site in range(1, sites + 1):
                files = {}
                for channel, plane in zip(SIX, draw_cells(rng, SIX_SIZE, well.effect, len(SIX)), strict=True):
                    name = f"plate {plate}/{well.name}_s{site}_{channel}.tif"
                    (folder / name).parent.mkdir(parents=True, exist_ok=True)
                    tifffile.imwrite(folder / name, as_16_bit(plane, rng), compression="lzw")
                    files[f"file_{channel}"] = name
                table.append({"plate": plate, **_cells(well, site), "cell_type": "U2OS", "operator": "ab", **files})
    return write_csv(folder / "sites.csv", table)


def write_one_channel_plate(folder: Path, *, rows: str = "ABCD", seed: int = 0) -> Path:
    """Write one plate of 8-bit PNGs in one channel (`nuclei`), and its table as Excel on Windows in Germany writes it.

    Returns
    -------
    `folder/sites.csv`: semicolons, a BOM, CR LF, and backslashes in its paths; the plate is not named.
    """
    rng = np.random.default_rng(seed)
    table = []
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for well in layout(rows):
        nuclei = 0.5 * draw_cells(rng, ONE_SIZE, 0.0, 1)[0]
        bodies = draw_cells(rng, ONE_SIZE, well.effect, 2)[1]
        Image.fromarray(as_8_bit(nuclei + 0.5 * bodies, rng)).save(folder / "images" / f"{well.name}.png")
        table.append({**_cells(well, 1), "file_nuclei": f"images\\{well.name}.png"})
    return write_csv(folder / "sites.csv", table, delimiter=";", encoding="utf-8-sig", line_end="\r\n")


def write_stack_plate(folder: Path, *, rows: str = "ABCD", seed: int = 0) -> Path:
    """Write one plate of OME-TIFFs, each with all channels (`dna`, `er`, and `empty`, which is constant) in two z planes.

    Returns
    -------
    `folder/sites.csv`, with a column `file`.
    """
    rng = np.random.default_rng(seed)
    table = []
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for well in layout(rows):
        cells = draw_cells(rng, ONE_SIZE, well.effect, 2)
        planes = [np.stack([as_16_bit(share * plane, rng) for share in (0.5, 1.0)]) for plane in cells]
        pixels = np.stack([*planes, np.full_like(planes[0], 100)])
        name = f"images/{well.name}.ome.tif"
        metadata = {
            "axes": "CZYX",
            "Channel": {"Name": ["dna", "er", "empty"]},
            "PhysicalSizeX": 0.65,
            "PhysicalSizeY": 0.65,
        }
        tifffile.imwrite(folder / name, pixels, ome=True, photometric="minisblack", metadata=metadata)
        table.append({**_cells(well, 1), "file": name})
    return write_csv(folder / "sites.csv", table)


def write_float_workbook(folder: Path, mirror: Path, *, rows: str = "ABCD", seed: int = 0) -> Path:
    """Write one plate of float images from 0 to 1 in the channels `dna` and `er` into a mirror, and a workbook of addresses.

    Returns
    -------
    `folder/sites.xlsx`, whose second sheet `Plate 1` is the table, with doses in a column `Dose (nM)`, illumination functions
    (`folder/illum/*.npy`: 1 and 1.25 in the left and right half for `dna`, 1 for `er`).
    """
    import openpyxl

    rng = np.random.default_rng(seed)
    host = "images.example.org/plate #1"
    (mirror / host).mkdir(parents=True)
    (folder / "illum").mkdir()
    halves = np.where(np.arange(ONE_SIZE[1]) < ONE_SIZE[1] // 2, 1.0, 1.25) * np.ones(ONE_SIZE)
    for channel, function in (("dna", halves), ("er", np.ones(ONE_SIZE))):
        np.save(folder / f"illum/{channel}.npy", function)
    book = openpyxl.Workbook()
    sheet = book.create_sheet("Plate 1")
    channels = ("dna", "er")
    sheet.append(
        [
            "well",
            "control",
            "treatment",
            "Dose (nM)",
            *(f"{kind}_{name}" for kind in ("file", "illum") for name in channels),
        ]
    )
    for well in layout(rows):
        cells: list[object] = [well.name, well.control, well.treatment or None]
        cells.append(None if well.concentration_um is None else 1000 * well.concentration_um)
        for channel, plane in zip(channels, draw_cells(rng, ONE_SIZE, well.effect, 2), strict=True):
            pixels = np.clip(0.02 + 0.7 * plane + 0.002 * rng.standard_normal(ONE_SIZE), 0, 1).astype(np.float32)
            tifffile.imwrite(mirror / host / f"{well.name}_{channel}.tif", pixels)
            cells.append(f"https://{host.replace(' ', '%20').replace('#', '%23')}/{well.name}_{channel}.tif")
        sheet.append([*cells, "illum/dna.npy", "illum/er.npy"])
    book.save(folder / "sites.xlsx")
    return folder / "sites.xlsx"


def write_filled_rows_plate(folder: Path, *, columns: int = 8, seed: int = 0) -> Path:
    """Write one plate of 16-bit TIFFs in the channels `1` (nuclei) and `2`: row A is negative, row H positive, between them two
    rows of three treatments at one dose or none.

    Returns
    -------
    `folder/sites.csv`.
    """
    rng = np.random.default_rng(seed)
    treated = [("cycloheximide", 10.0, 0.8), ("drug A", 1.0, 0.0), ("drug B", None, 0.4), ("drug A", 1.0, 0.0)]
    wells = [Well(f"A{column:02d}", "negative", "", None, 0.0) for column in range(1, columns + 1)]
    wells += [Well(f"H{column:02d}", "positive", "rescue", None, 1.0) for column in range(1, columns + 1)]
    wells += [
        Well(f"{row}{column:02d}", "none", *treated[column % len(treated)])
        for row in "CD"
        for column in range(1, columns + 1)
    ]
    table = []
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for well in wells:
        nuclei, body = draw_cells(rng, ONE_SIZE, well.effect, 2)
        files = {}
        for channel, plane in (("1", nuclei), ("2", body)):
            files[f"file_{channel}"] = f"images/{well.name}_w{channel}.tif"
            tifffile.imwrite(folder / files[f"file_{channel}"], as_16_bit(plane, rng))
        table.append({**_cells(well, 1), **files})
    return write_csv(folder / "sites.csv", table)


def _cells(well: Well, site: int) -> dict[str, object]:
    return {
        "well": well.name,
        "site": site,
        "control": well.control,
        "treatment": well.treatment,
        "concentration_um": "" if well.concentration_um is None else well.concentration_um,
    }


def write_csv(
    path: Path,
    rows: Sequence[dict[str, object]],
    *,
    delimiter: str = ",",
    encoding: str = "utf-8",
    line_end: str = "\n",
) -> Path:
    """Write rows as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter, lineterminator=line_end)
        writer.writeheader()
        writer.writerows(rows)
    return path


def lab(folder: Path, text: str, *, encoding: str = "utf-8", files: bool = True) -> PlatesSettings:
    """A table with this text in `folder/lab`, and an empty file for every image that it names."""
    table = folder / "lab" / "sites.csv"
    table.parent.mkdir(exist_ok=True)
    table.write_bytes(text.encode(encoding))
    if files:
        for name in re.findall(r"[\w \\/.-]+\.tif", text):
            image = table.parent / name.replace("\\", "/")
            image.parent.mkdir(parents=True, exist_ok=True)
            image.touch()
    return PlatesSettings(table=str(table))


def folder_of(root: Path, *names: str, pattern: str = PATTERN, **more: str) -> PlatesSettings:
    for name in names:
        file = root / "scans" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return PlatesSettings(folder=str(root / "scans"), pattern=pattern, **more)
