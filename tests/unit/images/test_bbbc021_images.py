"""Packing plates of BBBC021: 16-bit TIFFs, wider than high, out of the zip of each plate; what is wrong is said in a sentence."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from gandl.config import Dataset, ImagesSettings
from gandl.images.area_mean import area_mean
from gandl.images.files.png import ImageError
from gandl.images.files.tiff import decode_tiff
from gandl.images.screens.members import ScreenImagesError
from gandl.images.screens.packing import Raw, Target, pack_store_of
from gandl.images.store_reader import ImageStore
from gandl.source.remote.retries import DownloadError
from gandl.tables import SITES, write_table
from table_rows import site_row

SIZE = (8, 10)
PLATE = "Week4_27481"
PLACE = "data.broadinstitute.org/bbbc/BBBC021"
ARCHIVE = f"BBBC021_v1_images_{PLATE}.zip"
CHANNELS = {"dapi": 1, "tubulin": 2, "actin": 4}


def name_of(well: str, site: int, channel: str) -> str:
    return f"{well}_s{site}_w{CHANNELS[channel]}BEDC2073.tif"


def pixels_of(name: str) -> np.ndarray:
    """The image of a file: its name decides it; values need more than eight bits."""
    return np.random.default_rng(list(name.encode())).integers(0, 40_000, SIZE, np.uint16)


def tiff(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, image, photometric="minisblack")
    return file.getvalue()


NAMES = [name_of(well, site, channel) for well in ("B02", "G11") for site in (1, 2) for channel in CHANNELS]


def write_plate(
    folder: Path, prefix: str = f"{PLATE}/", change: Callable[[str, bytes], bytes | None] | None = None
) -> None:
    """A mirror with the zip of one plate of two wells, and its sites table."""
    rows = [
        {
            **site_row("Week4", 27481, well, site), "store_id": PLATE,
            **{f"file_{channel}": name_of(well, site, channel) for channel in CHANNELS},
        }
        for well in ("B02", "G11")
        for site in (1, 2)
    ]  # fmt: skip
    write_table(pd.DataFrame(rows), folder / "sites.parquet", SITES)
    (folder / PLACE).mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / PLACE / ARCHIVE, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in NAMES:
            data = tiff(pixels_of(name))
            kept = data if change is None else change(name, data)
            if kept is not None:
                archive.writestr(f"{prefix}{name}", kept)


def pack(folder: Path, resolutions: tuple[int, ...] = (8, 4), images_from: str = "archive") -> ImageStore:
    target = Target(*(folder / f"{PLATE}{ending}" for ending in (".zarr", ".parquet", ".manifest.json")))
    pack_store_of(
        "bbbc021",
        PLATE,
        Raw(address=f"https://{PLACE}/{ARCHIVE}", mirror=str(folder)),
        folder / "sites.parquet",
        target,
        resolutions=resolutions,
        source={"images_from": images_from, "image_px": SIZE[0], "pixel_size_um": None},
        settings=ImagesSettings(resolutions={Dataset.BBBC021: list(resolutions)}),
        code="code",
    )
    return ImageStore(target.store)


def check(store: ImageStore) -> None:
    """Every image is the one that Pillow reads, whole: nothing of its width is cut off."""
    assert store.channels == ["dapi", "tubulin", "actin"]
    assert (store.dtype, store.height, store.width, store.bit_depth) == (np.uint16, 8, 10, 16)
    assert [store.shape_at(size) for size in (8, 4)] == [(8, 10), (4, 5)]
    for i, names in enumerate(np.reshape(NAMES, (4, 3))):
        wanted = np.stack([np.asarray(Image.open(io.BytesIO(tiff(pixels_of(name))))) for name in names.tolist()])
        np.testing.assert_array_equal(store.sites([i])[0], wanted)
        np.testing.assert_array_equal(store.sites([i], 4)[0], area_mean(wanted.astype(np.uint16), 2))
    np.testing.assert_array_equal(store.crop(0, 0, 6, 4)[2], pixels_of(NAMES[2])[:4, 6:])


@pytest.mark.parametrize("prefix", [f"{PLATE}/", f"Week4/{PLATE}/", ""])
def test_every_site_has_its_three_images_whole_wherever_the_zip_has_them(tmp_path: Path, prefix: str) -> None:
    write_plate(tmp_path, prefix)
    check(pack(tmp_path))


def test_an_unpacked_archive_is_read_as_single_files(tmp_path: Path) -> None:
    write_plate(tmp_path)
    with zipfile.ZipFile(tmp_path / PLACE / ARCHIVE) as archive:
        archive.extractall(tmp_path / PLACE / "images")
    (tmp_path / PLACE / ARCHIVE).unlink()
    check(pack(tmp_path, images_from="objects"))


def test_a_zip_that_is_missing_is_named(tmp_path: Path) -> None:
    write_plate(tmp_path)
    (tmp_path / PLACE / ARCHIVE).unlink()
    with pytest.raises(DownloadError, match=rf"the mirror has no copy of https://{PLACE}/{ARCHIVE}.*No such file"):
        pack(tmp_path)


def test_images_missing_in_the_zip_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    write_plate(tmp_path, change=lambda name, data: None if name.startswith("G11_s2") or name == NAMES[1] else data)
    with pytest.raises(ScreenImagesError) as refused:
        pack(tmp_path)
    assert f"{PLATE}: of 4 sites in {tmp_path / 'sites.parquet'}, 1 without images and 1 with only some" in str(
        refused.value
    )
    assert NAMES[1] in str(refused.value)


def cut(data: bytes) -> bytes:
    return data[:-30]


FAULTS = {
    "eight bits": (lambda data: tiff(pixels_of("x").astype(np.uint8)), "has unsigned values of 8 bits per pixel"),
    "signed": (lambda data: tiff(pixels_of("x").astype(np.int16)), "has signed values of 16 bits per pixel"),
    "size": (lambda data: tiff(pixels_of("x")[:, :8].copy()), r"is 8 x 8 px \(height x width\); it must be 8 x 10"),
    "cut short": (cut, "is cut short: it has"),
    "no TIFF": (lambda data: b"<html>not found</html>", "is not a readable TIFF image"),
    "only a header": (lambda data: data[:20], "is not a readable TIFF image"),
    "empty": (lambda data: b"", "is empty; it must be a TIFF image"),
    "two pages": (lambda data: tiff(np.stack([pixels_of("x")] * 2)), "has 2 pages; it must have one"),
    "colour": (lambda data: _colour(), "has 3 values per pixel"),
}  # fmt: skip


def _colour() -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, np.zeros((*SIZE, 3), np.uint16), photometric="rgb")
    return file.getvalue()


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_file_that_is_not_such_an_image_is_refused_by_name(fault: str) -> None:
    broken, sentence = FAULTS[fault]
    with pytest.raises(ImageError, match=rf"^{PLATE}/x\.tif {sentence}"):
        decode_tiff(broken(tiff(pixels_of("y"))), f"{PLATE}/x.tif", SIZE, "uint16")


def test_a_fault_in_an_archive_stops_packing_with_the_files_name(tmp_path: Path) -> None:
    write_plate(tmp_path, change=lambda name, data: cut(data) if name == NAMES[4] else data)
    with pytest.raises(ImageError, match=rf"^{PLATE}/{NAMES[4]} is cut short"):
        pack(tmp_path)


def test_compressed_and_big_endian_files_are_read_alike() -> None:
    image = pixels_of("z")
    for options in ({"compression": "zlib"}, {"byteorder": ">"}, {"rowsperstrip": 3}):
        file = io.BytesIO()
        tifffile.imwrite(file, image, photometric="minisblack", **options)
        decoded = decode_tiff(file.getvalue(), "z.tif", SIZE, "uint16")
        assert decoded.dtype.isnative
        np.testing.assert_array_equal(decoded, image)
