"""BBBC013's archive: exactly its 192 grey images go into the store, as another decoder reads them; all else is refused."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from gandl.config import Dataset, ImagesSettings
from gandl.images.pack import PackError
from gandl.images.screens.bbbc013 import ArchiveError, PlateArchive, decode_image, find_members, pack_bbbc013
from gandl.images.store_reader import ImageStore
from gandl.source.screens.bbbc013 import WELLS, write_sites
from plates import bmp, plate_names, plate_pixels, plate_zip, write_zip


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plate_zip(tmp_path_factory.mktemp("archive") / "plate.zip")


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    path = tmp_path_factory.mktemp("sites") / "sites.parquet"
    write_sites(repository / "resources/bbbc013_platemap.csv", path)
    return path


@pytest.fixture
def packing(sites: Path, tmp_path: Path) -> dict[str, Path]:
    store = tmp_path / "BBBC013_1.zarr"
    return {
        "sites": sites,
        "store": store,
        "index": store.with_suffix(".parquet"),
        "manifest": store.with_suffix(".manifest.json"),
    }


def images_settings(shard_sites: int = 64, resolutions: tuple[int, ...] = (640, 320)) -> ImagesSettings:
    return ImagesSettings(shard_sites=shard_sites, resolutions={Dataset.BBBC013: list(resolutions)})


def hand_parsed(data: bytes) -> np.ndarray:
    """An 8-bit BMP by its definition: offset of the pixels at byte 10, width and height at 18 and 22, bottom row first."""
    offset, width, height = (int.from_bytes(data[at : at + 4], "little") for at in (10, 18, 22))
    stride = (width + 3) // 4 * 4
    rows = np.frombuffer(data, np.uint8, stride * height, offset).reshape(height, stride)
    return rows[::-1, :width]


def test_plate_goes_into_the_store_by_well_and_channel(archive: Path, packing: dict[str, Path]) -> None:
    pack_bbbc013(archive, settings=images_settings(40), **packing)
    store = ImageStore(packing["store"])
    assert store.channels == ["fkhr_gfp", "dna"]
    assert store.resolutions == [640, 320]
    assert store.pixel_size_um is None
    assert store.index["well_id"].tolist() == [f"BBBC013_1_{well}" for well in WELLS]
    for indices, images in store.batches(16):
        for i, site in zip(indices, images, strict=True):
            for channel in (1, 2):
                np.testing.assert_array_equal(site[channel - 1], plate_pixels(channel, int(i) + 1))


def test_real_plate_is_read_as_two_other_decoders_read_it(bbbc013_zip: Path) -> None:
    with PlateArchive(bbbc013_zip) as plate, zipfile.ZipFile(bbbc013_zip) as raw:
        for well in ("A01", "D12", "H12"):
            site = plate.read(well)
            assert site.shape == (2, 640, 640)
            for channel in (1, 2):
                number = WELLS.index(well) + 1
                [name] = [
                    n for n in raw.namelist() if n.endswith(f"Channel{channel}-{number:02d}-{well[0]}-{well[1:]}.BMP")
                ]
                np.testing.assert_array_equal(site[channel - 1], imagecodecs.bmp_decode(raw.read(name), asrgb=False))
                np.testing.assert_array_equal(site[channel - 1], hand_parsed(raw.read(name)))


def test_image_is_decoded_top_row_first() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (640, 640), np.uint8)
    np.testing.assert_array_equal(decode_image(bmp(pixels), "x"), pixels)
    np.testing.assert_array_equal(hand_parsed(bmp(pixels)), pixels)


def test_names_are_found_in_any_folder_case_and_company() -> None:
    names = [f"deep/er/{name.lower()}" for name in plate_names()]
    extra = ["deep/", "README.txt", "__MACOSX/._Channel1-01-A-01.BMP", "deep/.hidden.BMP"]
    members = find_members([*extra, *names], Path("x.zip"))
    assert len(members) == 192
    assert (members[96].channel, members[96].well) == (2, "A01")


def refusal(names: list[str]) -> list[str]:
    with pytest.raises(ArchiveError) as error:
        find_members(names, Path("x.zip"))
    first, *lines = str(error.value).splitlines()
    assert first.startswith("x.zip does not hold exactly the 192 images")
    return [line.strip() for line in lines]


def test_missing_members_are_named() -> None:
    names = plate_names()
    del names[100], names[5]
    assert refusal(names) == ["Channel1-06-A-06.BMP is missing", "Channel2-05-A-05.BMP is missing"]


def test_member_that_is_there_twice_is_named() -> None:
    assert refusal([*plate_names(), "again/Channel2-96-H-12.BMP"]) == [
        "again/Channel2-96-H-12.BMP is present twice (also plate/Channel2-96-H-12.BMP)"
    ]


def test_member_that_contradicts_itself_is_named() -> None:
    names = plate_names()
    names[1] = "plate/Channel1-02-B-01.BMP"
    assert refusal(names) == [
        "plate/Channel1-02-B-01.BMP contradicts itself: it says number 02 and well B01, but number 2 is A02",
        "Channel1-02-A-02.BMP is missing",
    ]


@pytest.mark.parametrize("number", ["00", "97"])
def test_number_that_is_no_well_is_named(number: str) -> None:
    assert refusal([*plate_names(), f"Channel1-{number}-A-01.BMP"])[0].endswith("numbers go from 01 to 96")


def test_image_of_another_name_is_named() -> None:
    assert refusal([*plate_names(), "plate/Channel3-01-A-01.BMP"]) == [
        "plate/Channel3-01-A-01.BMP is not named Channel1-01-A-01.BMP to Channel2-96-H-12.BMP"
    ]


def test_long_lists_of_mistakes_are_cut() -> None:
    lines = refusal([])
    assert len(lines) == 11
    assert lines[-1] == "and 182 more"


def test_file_that_is_no_zip_or_is_not_there_is_reported(tmp_path: Path) -> None:
    page = tmp_path / "page.zip"
    page.write_text("<html>please log in</html>")
    with pytest.raises(ArchiveError, match=r"page\.zip is not a zip archive, or only a part of one"):
        PlateArchive(page)
    with pytest.raises(ArchiveError, match="no archive at"):
        PlateArchive(tmp_path / "nothing.zip")


def test_zip_cut_short_is_reported(archive: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.zip"
    cut.write_bytes(archive.read_bytes()[:-500])
    with pytest.raises(ArchiveError, match="only a part of one"):
        PlateArchive(cut)


def test_wrong_byte_in_the_archive_is_found_and_its_member_named(
    archive: Path, packing: dict[str, Path], tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.zip"
    content = bytearray(archive.read_bytes())
    with zipfile.ZipFile(archive) as members:
        info = members.getinfo("plate/Channel2-70-F-10.BMP")
    content[info.header_offset + 30 + len(info.filename) + info.compress_size // 2] ^= 0x10
    wrong.write_bytes(content)
    with pytest.raises(
        ArchiveError, match=r"wrong\.zip: plate/Channel2-70-F-10\.BMP is damaged or unreadable .*download it again"
    ):
        pack_bbbc013(wrong, settings=images_settings(24), **packing)
    assert not packing["manifest"].exists()
    assert not packing["store"].exists()


def as_bmp(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "BMP")
    return buffer.getvalue()


def palette_image(palette: list[int]) -> bytes:
    image = Image.fromarray(plate_pixels(1, 1)).convert("P")
    image.putpalette(palette)
    return as_bmp(image)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (bmp(plate_pixels(1, 1, 512)), "x is 512 x 512 px .width x height.; it must be 640 x 640"),
        (as_bmp(Image.new("RGB", (640, 640))), "x has pixels of mode RGB; it must be an 8-bit grey image"),
        (as_bmp(Image.new("1", (640, 640))), "x has pixels of mode 1; it must be"),
        (
            palette_image([value for grey in range(256) for value in (grey, 0, 0)]),
            "x has a palette that is not a grey ramp",
        ),
        (
            palette_image([255 - grey for grey in range(256) for _ in range(3)]),
            "x has a palette that is not a grey ramp",
        ),
        (bmp(plate_pixels(1, 1))[:300_000], "x is not a readable BMP image"),
        (bmp(plate_pixels(1, 1))[:20], "x is not a readable BMP image"),
        (b"", "x is not a readable BMP image"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "x is not a readable BMP image"),
    ],
    ids=["size", "colour", "one bit", "red palette", "inverted palette", "cut", "cut header", "empty", "png"],
)
def test_image_of_another_kind_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(ArchiveError, match=words):
        decode_image(data, "x")


def test_grey_ramp_palette_is_the_grey_values() -> None:
    ramp = palette_image([value for grey in range(256) for value in (grey, grey, grey)])
    wanted = np.array(Image.open(io.BytesIO(ramp)).convert("RGB"))[..., 0]
    np.testing.assert_array_equal(decode_image(ramp, "x"), wanted)


def test_bad_image_of_one_well_is_named_and_loses_nothing_packed(
    archive: Path, packing: dict[str, Path], tmp_path: Path
) -> None:
    with zipfile.ZipFile(archive) as good:
        members = [(name, good.read(name)) for name in good.namelist()]
    bad = [(n, bmp(plate_pixels(1, 1, 320)) if "Channel1-60-" in n else data) for n, data in members]
    settings = images_settings(24)
    path = write_zip(tmp_path / "bad.zip", bad)
    with pytest.raises(ArchiveError, match=r"bad\.zip: plate/Channel1-60-E-12\.BMP is 320 x 320 px"):
        pack_bbbc013(path, settings=settings, **packing)
    partial = packing["store"].with_name("BBBC013_1.zarr.partial")
    assert sorted(file.name for file in (partial / "640" / "c").iterdir()) == ["0", "1"]


def test_the_original_need_not_be_stored(archive: Path, packing: dict[str, Path]) -> None:
    pack_bbbc013(archive, settings=images_settings(resolutions=(160,)), **packing)
    store = ImageStore(packing["store"])
    assert (store.height, store.width, store.resolutions) == (640, 640, [160])
    squares = plate_pixels(2, 5).reshape(160, 4, 160, 4).mean(axis=(1, 3))
    np.testing.assert_array_equal(store.sites([4])[0, 1], np.floor(squares + 0.5))


def test_a_size_that_is_no_whole_fraction_is_reported(archive: Path, packing: dict[str, Path]) -> None:
    with pytest.raises(PackError, match=r"BBBC013_1: images of 640 x 640 px can be stored at .* not at 500 px"):
        pack_bbbc013(archive, settings=images_settings(resolutions=(500,)), **packing)
