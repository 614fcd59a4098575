"""Image files of a lab: every format comes out as it went in, odd ones are refused; a plate becomes its store, exactly."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from gandl.config import ImagesSettings, PlatesSettings
from gandl.images.files.image_files import image_info, read_images
from gandl.images.files.kinds import ImageFileError
from gandl.images.screens.plates import PlateImagesError, pack_plates
from gandl.images.store_reader import ImageStore
from gandl.source.plates.references import Selector
from gandl.source.plates.sites import write_sites
from plate_files import SIX, write_csv, write_one_channel_plate, write_six_channel_plates

SIZE = (65, 97)
RNG = np.random.default_rng(0)
DEEP = RNG.integers(0, 65536, SIZE).astype(np.uint16)
FLAT = RNG.integers(0, 256, SIZE).astype(np.uint8)
STACK = RNG.integers(0, 4096, (5, *SIZE)).astype(np.uint16)


def refusal(path: Path, page: int | None = None) -> str:
    """The sentence with which a file is refused: already by its header wherever that shows the mistake."""
    with pytest.raises(ImageFileError) as error:
        read_images(path, [Selector(page)])
    assert str(path) in str(error.value)
    return str(error.value).replace(str(path), "FILE")


@pytest.mark.parametrize("image", [DEEP, FLAT], ids=["16 bit", "8 bit"])
@pytest.mark.parametrize(
    "form",
    [
        {},
        {"compression": "lzw", "predictor": True, "tile": (32, 32)},
        {"compression": "zlib", "rowsperstrip": 7},
        {"compression": "deflate"},
        {"compression": "packbits"},
        {"compression": "zstd"},
        {"byteorder": ">"},
        {"byteorder": ">", "compression": "lzw"},
        {"bigtiff": True},
        {"ome": True},
        {"imagej": True},
    ],
    ids=str,
)
def test_tiff_comes_out_as_it_went_in(form: dict[str, object], image: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, image, photometric="minisblack", **form)
    (read,) = read_images(path)
    np.testing.assert_array_equal(read, image)
    assert read.dtype == image.dtype
    assert read.dtype.isnative
    assert image_info(path)[:4] == (*SIZE, image.dtype.name, 1)


def test_jpeg_inside_a_tiff_is_read_as_its_decoder_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, FLAT, compression="jpeg", photometric="minisblack")
    np.testing.assert_array_equal(read_images(path)[0], tifffile.imread(path))


def test_packed_12_bit_values_stay_as_they_are(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "image.tif", STACK[0], bitspersample=12, photometric="minisblack")
    np.testing.assert_array_equal(read_images(tmp_path / "image.tif")[0], STACK[0])


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_format_is_determined_by_the_first_bytes_not_by_the_name(suffix: str, tmp_path: Path) -> None:
    Image.fromarray(FLAT).save(tmp_path / f"image{suffix}")
    named = (tmp_path / f"image{suffix}").rename(tmp_path / "image.dat")
    np.testing.assert_array_equal(read_images(named)[0], FLAT)
    assert image_info(named)[:4] == (*SIZE, "uint8", 1)


def test_png_of_16_bit_is_read(tmp_path: Path) -> None:
    Image.fromarray(DEEP).save(tmp_path / "image.png")
    np.testing.assert_array_equal(read_images(tmp_path / "image.png")[0], DEEP)
    assert image_info(tmp_path / "image.png")[:4] == (*SIZE, "uint16", 1)


@pytest.mark.parametrize("form", [{}, {"compression": "lzw"}, {"imagej": True}, {"ome": True}], ids=str)
def test_pages_are_read_by_their_number(form: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, STACK, photometric="minisblack", **form)
    for read, page in zip(read_images(path, [Selector(5), Selector(1), Selector(3)]), (4, 0, 2), strict=True):
        np.testing.assert_array_equal(read, STACK[page])
    assert image_info(path, Selector(2)).pages == 5
    assert refusal(path) in (
        "FILE has 5 pages and does not say what they are; name one: stack.tif#1 to stack.tif#5 in a sites.csv, or, if they are z "
        "planes, say what is taken of them (--z max, which is source.plates.z)",
        "FILE has 5 channels (1, 2, 3, 4, 5); name one: stack.tif#channel=1 in a sites.csv, whose column `file` would take all "
        "of them",
    )
    assert refusal(path, 6) == "FILE has 5 readable pages but no page 6"


@pytest.mark.parametrize(
    ("pixels", "form", "sentence"),
    [
        (DEEP, {"photometric": "miniswhite"}, "FILE is stored inverted (0 is white); save it as min-is-black"),
        (np.dstack([FLAT] * 3), {"photometric": "rgb"},
         "FILE has 3 values per pixel (RGB); it must be grey, one file or page per channel"),
        (STACK, {"planarconfig": "separate", "photometric": "minisblack"},
         "FILE has 5 values per pixel (MINISBLACK); it must be grey, one file or page per channel"),
        (DEEP.astype(np.complex64), {}, "FILE holds complex64 values of 64 bit; they must be numbers of 8 bit or more"),
        (DEEP > 9, {}, "FILE holds unsigned values of 1 bit; they must be numbers of 8 bit or more"),
        (FLAT, {"photometric": "palette", "colormap": np.zeros((3, 256), np.uint16)},
         "FILE is stored as PALETTE; it must be a plain grey image"),
    ],
)  # fmt: skip
def test_tiff_of_another_kind_is_refused_by_its_header(
    pixels: np.ndarray, form: dict[str, object], sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, pixels, **form)
    with pytest.raises(ImageFileError):
        image_info(path)
    assert refusal(path) == sentence


@pytest.mark.parametrize(
    ("mode", "suffix", "sentence"),
    [
        ("RGB", ".png", "FILE has RGB pixels; it must be a grey image"),
        ("RGBA", ".png", "FILE has RGBA pixels; it must be a grey image"),
        ("P", ".png", "FILE has palette pixels; it must be a grey image"),
        ("1", ".png", "FILE holds values of 1 bit; they must be of 8 or 16 bit"),
        ("RGB", ".bmp", "FILE is colour or of another depth (mode RGB); a BMP must be an 8-bit grey image"),
        ("P", ".bmp", "FILE has a palette that is not a grey ramp; it must be an 8-bit grey image"),
        (
            "L",
            ".jpg",
            "FILE is a JPEG, which loses detail; images must be TIFF, PNG or BMP: export them as 16-bit TIFF",
        ),
        ("L", ".gif", "FILE is a GIF; images must be TIFF, PNG or BMP: export them as 16-bit TIFF"),
        ("L", ".pgm", "FILE is of an unknown kind; images must be TIFF, PNG or BMP: export them as 16-bit TIFF"),
    ],
)
def test_colour_and_foreign_formats_are_refused(mode: str, suffix: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / f"image{suffix}"
    picture = Image.fromarray(FLAT).convert(mode)
    if mode == "P":
        picture.putpalette([value for i in range(256) for value in (i, 0, 255 - i)])
    picture.save(path)
    assert refusal(path) == sentence


@pytest.mark.parametrize("suffix", [".tif", ".png", ".bmp"])
def test_file_cut_at_any_byte_is_refused_by_its_header(suffix: str, tmp_path: Path) -> None:
    whole, cut = tmp_path / f"whole{suffix}", tmp_path / f"cut{suffix}"
    if suffix == ".tif":
        tifffile.imwrite(whole, DEEP, compression="lzw", rowsperstrip=16)
    else:
        Image.fromarray(FLAT).save(whole)
    data = whole.read_bytes()
    for length in (0, 1, 7, 9, 20, 33, 60, 200, len(data) // 2, len(data) - 1):
        cut.write_bytes(data[:length])
        with pytest.raises(ImageFileError, match=re.escape(str(cut))):
            image_info(cut)


def test_damaged_pixels_are_reported_when_they_are_decoded(tmp_path: Path) -> None:
    for path, save in ((tmp_path / "a.tif", _save_tiff), (tmp_path / "a.png", _save_png)):
        save(path)
        data = bytearray(path.read_bytes())
        data[2000:2100] = b"\xff" * 100
        path.write_bytes(data)
        assert image_info(path)[:2] == SIZE
        assert "FILE is damaged" in refusal(path)


def _save_tiff(path: Path) -> None:
    tifffile.imwrite(path, DEEP, compression="zlib")


def _save_png(path: Path) -> None:
    Image.fromarray(DEEP).save(path)


def test_absent_file_folder_and_page_of_a_png_are_reported(tmp_path: Path) -> None:
    Image.fromarray(FLAT).save(tmp_path / "image.png")
    assert refusal(tmp_path / "none.tif") == "FILE does not exist"
    assert refusal(tmp_path) == "FILE is a folder, but not of an OME-Zarr image: it holds neither zarr.json nor .zattrs"
    assert refusal(tmp_path / "image.png", 2) == "FILE has one page, not 2; only TIFF files have several"


# --- packing a plate ---


def packed(table: Path, store_id: str, folder: Path, *resolutions: int, **settings: object) -> ImageStore:
    """The sites table and one store of a lab's plates."""
    sites, store = folder / "sites.parquet", folder / f"{store_id}.zarr"
    write_sites(PlatesSettings(table=str(table)), sites)
    pack_plates(
        sites,
        store_id,
        resolutions=resolutions,
        pixel_size_um=0.5,
        store=store,
        index=store.with_suffix(".parquet"),
        manifest=store.with_suffix(".manifest.json"),
        settings=ImagesSettings(**settings),
    )
    return ImageStore(store)


def test_six_channels_of_16_bit_and_odd_size_go_into_their_plates_store(tmp_path: Path) -> None:
    table = write_six_channel_plates(tmp_path / "lab", rows="A", sites=2)
    store = packed(table, "lab_2", tmp_path, 97, 48, shard_sites=4)
    assert store.channels == list(SIX)
    assert store.dtype == np.uint16
    assert store.pixel_size_um == 0.5
    assert (store.height, store.width) == (97, 110)
    rows = pd.read_csv(table).query("plate == 2").reset_index(drop=True)
    assert store.index["well_id"].tolist() == [f"lab_2_{well}" for well in rows["well"]]
    for indices, images in store.batches(5):
        for i, site in zip(indices, images, strict=True):
            for channel, pixels in zip(SIX, site, strict=True):
                np.testing.assert_array_equal(pixels, tifffile.imread(table.parent / rows.loc[i, f"file_{channel}"]))
    assert store.sites([0], 48).shape == (1, 6, 48, 55)


def test_one_channel_of_8_bit_goes_into_its_store(tmp_path: Path) -> None:
    table = write_one_channel_plate(tmp_path / "lab", rows="AB")
    store = packed(table, "lab_1", tmp_path, 80)
    assert (store.channels, store.dtype.name, len(store)) == (["nuclei"], "uint8", 14)
    np.testing.assert_array_equal(store.sites([9])[0, 0], np.array(Image.open(tmp_path / "lab/images/B03.png")))


def test_channels_may_be_pages_of_one_file_in_any_order(tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    tifffile.imwrite(tmp_path / "lab/a.tif", STACK, photometric="minisblack")
    table = write_csv(tmp_path / "lab/sites.csv", [{"well": "A1", "file_er": "a.tif#4", "file_dna": "a.tif#2"}])
    store = packed(table, "lab_1", tmp_path, 65)
    np.testing.assert_array_equal(store.sites([0])[0], STACK[[3, 1]])


def broken(tmp_path: Path, name: str, pixels: np.ndarray | bytes, store_id: str = "lab_1") -> list[str]:
    """Pack a plate one of whose files was replaced: the lines of the refusal."""
    table = write_six_channel_plates(tmp_path / "lab", rows="A")
    file = tmp_path / "lab" / name
    if isinstance(pixels, bytes):
        file.write_bytes(pixels)
    else:
        tifffile.imwrite(file, pixels)
    with pytest.raises(PlateImagesError) as error:
        packed(table, store_id, tmp_path, 97)
    assert not (tmp_path / f"{store_id}.zarr").exists()
    return str(error.value).replace(str(tmp_path), "").splitlines()


def test_image_of_another_size_is_refused_with_its_row(tmp_path: Path) -> None:
    assert broken(tmp_path, "plate 1/A03_s1_er.tif", np.zeros((97, 111), np.uint16)) == [
        "images of /lab/sites.csv cannot be used:",
        "  row 4: /lab/plate 1/A03_s1_er.tif is 97 x 111 px of 16 bit (height x width), the others are 97 x 110 px of 16 bit; "
        "all images of all plates must be of one kind",
    ]


def test_image_of_another_depth_or_too_small_or_damaged_is_refused_with_its_row(tmp_path: Path) -> None:
    (line,) = broken(tmp_path / "a", "plate 1/A01_s1_DNA.tif", np.zeros((97, 110), np.uint8))[1:]
    assert line.startswith("  row 2: /lab/plate 1/A01_s1_DNA.tif is 97 x 110 px of 8 bit")
    (line,) = broken(tmp_path / "b", "plate 1/A01_s1_DNA.tif", np.zeros((63, 110), np.uint16))[1:]
    assert line.endswith("is 63 x 110 px of 16 bit; both sides must be at least 64 px")
    (line,) = broken(tmp_path / "c", "plate 1/A07_s1_mito.tif", b"II*\x00")[1:]
    assert line.startswith("  row 8: /lab/plate 1/A07_s1_mito.tif is damaged or cannot be read")


def test_plates_of_different_kinds_are_refused(tmp_path: Path) -> None:
    table = write_six_channel_plates(tmp_path / "lab", rows="A")
    for file in (tmp_path / "lab/plate 2").iterdir():
        tifffile.imwrite(file, np.zeros((97, 110), np.uint8))
    packed(table, "lab_1", tmp_path, 97)
    with pytest.raises(
        PlateImagesError, match=r"row 9: .* 8 bit .*, but row 2: .*, of another plate, is 97 x 110 px of 16 bit"
    ):
        packed(table, "lab_2", tmp_path, 97)


def test_pixels_damaged_behind_a_sound_header_are_reported_with_row_and_file(tmp_path: Path) -> None:
    table = write_six_channel_plates(tmp_path / "lab", rows="A")
    file = tmp_path / "lab/plate 1/A02_s1_rna.tif"
    data = bytearray(file.read_bytes())
    data[1000:1200] = b"\xff" * 200
    file.write_bytes(data)
    with pytest.raises(PlateImagesError, match=r"sites\.csv, row 3: .*A02_s1_rna\.tif is damaged"):
        packed(table, "lab_1", tmp_path, 97)


def test_store_of_changed_images_is_packed_anew_and_of_the_same_is_kept(tmp_path: Path) -> None:
    table = write_six_channel_plates(tmp_path / "lab", rows="A")
    before = packed(table, "lab_1", tmp_path, 97).index["sha256"].tolist()
    written = (tmp_path / "lab_1.zarr/zarr.json").stat().st_mtime_ns
    assert packed(table, "lab_1", tmp_path, 97).index["sha256"].tolist() == before
    assert (tmp_path / "lab_1.zarr/zarr.json").stat().st_mtime_ns == written
    tifffile.imwrite(tmp_path / "lab/plate 1/A01_s1_er.tif", np.zeros((97, 110), np.uint16))
    after = packed(table, "lab_1", tmp_path, 97).index["sha256"].tolist()
    assert [old == new for old, new in zip(before, after, strict=True)] == [False, *[True] * 6]
