"""Files of several channels, planes and time points: what a cell selects is what tifffile and zarr wrote there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from gandl.config import Projection
from gandl.images.files.image_files import image_info, read_images
from gandl.images.files.kinds import AS_IT_IS, ImageFileError, Reading
from gandl.source.plates.references import Selector
from stack_files import CHANNELS, noise, write_ome_tiff, write_ome_zarr

MAX, MIDDLE = Projection.MAX, Projection.MIDDLE
STACK = noise(2, 3, 4, 65, 97)
"""Time, channel, plane, y, x."""


def read(path: Path, reading: Reading = AS_IT_IS, **selected: object) -> np.ndarray:
    (image,) = read_images(path, [Selector(**selected)], reading)  # type: ignore[arg-type]
    return image


def refusal(path: Path, reading: Reading = AS_IT_IS, **selected: object) -> str:
    with pytest.raises(ImageFileError) as error:
        image_info(path, Selector(**selected), reading)  # type: ignore[arg-type]
    assert str(path) in str(error.value)
    return str(error.value).replace(str(path), "FILE").replace(path.name, "NAME")


@pytest.fixture(params=["ome", "imagej", "imagej in one page", "ome.zarr 0.4", "ome.zarr 0.5"])
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The stack as different programs write it; ImageJ puts planes before channels."""
    if request.param == "ome":
        return write_ome_tiff(tmp_path / "a.tif", STACK, "TCZYX", pixel_size_um=0.325)
    if request.param.startswith("imagej"):
        labels = [name for _ in range(2 * 4) for name in CHANNELS]
        tifffile.imwrite(
            tmp_path / "a.tif", np.moveaxis(STACK, 1, 2), imagej=True, truncate="one page" in request.param,
            metadata={"axes": "TZCYX", "Labels": labels},
        )  # fmt: skip
        return tmp_path / "a.tif"
    return write_ome_zarr(tmp_path / "a.zarr", STACK, "TCZYX", request.param[-3:], pixel_size_um=0.325)


def test_a_channel_a_plane_and_a_time_point_are_those_that_were_written(stack: Path) -> None:
    for channel, name in enumerate(CHANNELS):
        np.testing.assert_array_equal(read(stack, channel=name, z=2, time=2), STACK[1, channel, 1])
        np.testing.assert_array_equal(read(stack, channel=str(channel + 1), z=MIDDLE, time=1), STACK[0, channel, 1])
        np.testing.assert_array_equal(read(stack, channel=name.upper(), z=MAX, time=2), STACK[1, channel].max(axis=0))
    pixels = read_images(stack, [Selector(None, name, MAX, 1) for name in CHANNELS])
    np.testing.assert_array_equal(np.stack(pixels), STACK[0].max(axis=1))


def test_settings_hold_where_a_cell_says_nothing(stack: Path) -> None:
    np.testing.assert_array_equal(read(stack, Reading(z=MAX, time=2), channel="er"), STACK[1, 1].max(axis=0))
    np.testing.assert_array_equal(read(stack, Reading(z=4, time=2), channel="er", time=1, z=1), STACK[0, 1, 0])
    info = image_info(stack, Selector(channel="er"), Reading(z=MAX, time=1))
    assert (info.height, info.width, info.dtype, info.planes, info.by_setting) == (65, 97, "uint16", 4, True)
    assert not image_info(stack, Selector(channel="er", z=MAX, time=1)).by_setting


def test_what_a_cell_leaves_open_or_the_file_does_not_have_is_one_sentence(stack: Path) -> None:
    assert refusal(stack) == (
        "FILE has 3 channels (dna, er, actin); name one: NAME#channel=dna in a sites.csv, whose column `file` would take all of "
        "them"
    )
    assert refusal(stack, channel="gfp") == "FILE has the channels dna, er, actin, and no channel 'gfp'"
    assert refusal(stack, channel="4") == "FILE has the channels dna, er, actin, and no channel '4'"
    assert refusal(stack, channel="er", z=1) == (
        "FILE has 2 time points; name one: #t=1 to #t=2 in the table, or source.plates.time for all images"
    )
    assert refusal(stack, channel="er", time=3) == "FILE has 2 time points, and no time point 3"
    assert refusal(stack, channel="er", time=1) == (
        "FILE has 4 z planes; say what is taken of them: #z=max, #z=middle or #z=1 to #z=4 in the table, or source.plates.z for "
        "all images"
    )
    assert refusal(stack, channel="er", time=1, z=5) == "FILE has 4 z planes, and no plane 5"


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_the_middle_plane_of_an_even_number_is_the_lower_one(count: int, tmp_path: Path) -> None:
    planes = np.stack([np.full((65, 97), number, np.uint16) for number in range(count)])
    path = write_ome_tiff(tmp_path / "a.tif", planes, "ZYX", ())
    np.testing.assert_array_equal(read(path, z=MIDDLE), (count - 1) // 2)


def test_pixel_size_is_that_of_the_metadata_in_micrometres(stack: Path) -> None:
    stated = image_info(stack, Selector(channel="er", z=1, time=1)).pixel_size_um
    assert stated == (pytest.approx(0.325) if stack.suffix == ".zarr" or tifffile.TiffFile(stack).is_ome else None)


@pytest.mark.parametrize(
    ("unit", "pixels", "size"), [("micron", 4, 0.25), ("\\u00B5m", 4, 0.25), ("nm", 0.004, 0.25), ("inch", 4, None)]
)
def test_pixel_size_of_imagej_is_its_resolution_in_a_unit_of_length(
    unit: str, pixels: float, size: float | None, tmp_path: Path
) -> None:
    path = tmp_path / "a.tif"
    metadata = {"axes": "ZYX", "unit": unit}
    tifffile.imwrite(path, STACK[0, 0], imagej=True, resolution=(pixels, pixels), metadata=metadata)
    stated = image_info(path, Selector(z=1)).pixel_size_um
    assert stated == (size if size is None else pytest.approx(size))


def test_pages_that_say_nothing_are_channels_or_planes_as_the_cell_says(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK[0, 0], photometric="minisblack", metadata=None)
    np.testing.assert_array_equal(read(path, page=3), STACK[0, 0, 2])
    np.testing.assert_array_equal(read(path, channel="3"), STACK[0, 0, 2])
    np.testing.assert_array_equal(read(path, time=3), STACK[0, 0, 2])
    np.testing.assert_array_equal(read(path, z=MAX), STACK[0, 0].max(axis=0))
    np.testing.assert_array_equal(read(path, Reading(z=2)), STACK[0, 0, 1])
    assert refusal(path, channel="dna") == "FILE has 4 pages without names of channels, and no channel dna"


def test_pages_of_a_stack_in_one_page_are_counted_as_ever(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK[0, 0], imagej=True, truncate=True, metadata={"axes": "ZYX"})
    assert len(tifffile.TiffFile(path).pages) == 1
    np.testing.assert_array_equal(read(path, page=4), STACK[0, 0, 3])
    assert refusal(path, page=5) == "FILE holds 4 images in one page, but no image 5"
    path.write_bytes(path.read_bytes()[:-10])
    assert "FILE" in refusal(path, page=4)


def test_a_single_image_may_be_named_by_its_one_channel(tmp_path: Path) -> None:
    path = write_ome_tiff(tmp_path / "a.tif", STACK[0, 0, 0], "YX", ("dna",))
    for selected in ({}, {"channel": "dna"}, {"channel": "1"}, {"z": MAX}, {"time": 1}, {"page": 1}):
        np.testing.assert_array_equal(read(path, **selected), STACK[0, 0, 0])
    assert refusal(path, channel="er") == "FILE has the channel dna, and no channel 'er'"
    assert refusal(path, z=2) == "FILE has one z plane, and no plane 2"
    np.testing.assert_array_equal(
        read(path, Reading(z=7, time=7)), STACK[0, 0, 0]
    )  # settings are for files with several


def test_a_file_whose_planes_are_in_other_files_is_refused_and_its_own_page_read(tmp_path: Path) -> None:
    whole = write_ome_tiff(tmp_path / "a.ome.tif", STACK[0, :, 0], "CYX")
    xml = tifffile.TiffFile(whole).ome_metadata
    assert xml is not None
    planes = (
        f'<TiffData IFD="0" FirstC="{i}" PlaneCount="1"><UUID FileName="b{i}.ome.tif">urn:uuid:{i}</UUID></TiffData>'
        for i in range(3)
    )
    elsewhere = xml.replace('<TiffData IFD="0" PlaneCount="3"/>', "".join(planes))
    assert elsewhere != xml
    one = tmp_path / "b1.ome.tif"
    tifffile.imwrite(one, STACK[0, 1, 0], description=elsewhere, metadata=None)
    np.testing.assert_array_equal(read(one), STACK[0, 1, 0])


def test_damaged_and_foreign_folders_are_refused_in_one_sentence(tmp_path: Path) -> None:
    image = write_ome_zarr(tmp_path / "a.zarr", STACK[0, :, 0], "CYX", "0.5")
    metadata = image / "zarr.json"
    newer = metadata.read_text().replace('"0.5"', '"0.6"')
    whole = metadata.read_text()
    assert refusal(image, page=1) == "FILE is an OME-Zarr image, which has no pages; name a channel: #channel=1"
    for text, sentence in (
        (newer, "FILE is OME-Zarr of version 0.6; 0.4 and 0.5 are read"),
        (whole[:-20], "FILE has OME-Zarr metadata that cannot be read (JSONDecodeError: "),
        (
            whole.replace("multiscales", "plate"),
            "FILE is an OME-Zarr plate, not one image of it, such as plate.zarr/A/1/0",
        ),
        (
            whole.replace("multiscales", "x"),
            "FILE is a folder, but not of an OME-Zarr image: its metadata name no multiscales",
        ),
        (whole.replace('"x"', '"q"'), "FILE has the axes C, Y, Q for 3 dimensions; Y and X must be the last"),
    ):
        metadata.write_text(text)
        assert refusal(image, channel="dna").startswith(sentence)
    metadata.write_text(whole)
    for chunk in (image / "0/c").rglob("*"):
        if chunk.is_file():
            chunk.unlink()
    with pytest.raises(ImageFileError, match="holds metadata, but no pixels"):
        read(image, channel="dna")


def test_a_damaged_chunk_is_reported_when_it_is_decoded(tmp_path: Path) -> None:
    image = write_ome_zarr(tmp_path / "a.zarr", STACK[0, :, 0], "CYX", "0.4")
    chunk = next(path for path in (image / "0").iterdir() if path.name[0] == "1")
    chunk.write_bytes(b"no chunk")
    np.testing.assert_array_equal(read(image, channel="dna"), STACK[0, 0, 0])
    with pytest.raises(ImageFileError, match="is damaged or cannot be read"):
        read(image, channel="er")


def test_a_signed_array_of_zarr_is_read_as_written(tmp_path: Path) -> None:
    group = write_ome_zarr(tmp_path / "a.zarr", STACK[0, :, 0].astype(">i4"), "CYX", "0.4")
    assert np.asarray(zarr.open_array(group / "0", mode="r")).dtype.kind == "i"
    np.testing.assert_array_equal(read(group, channel="actin"), STACK[0, 2, 0])
