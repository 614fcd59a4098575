"""Values of any kind of number: stored exactly, or by the one scale of the run; illumination functions divide them in float64."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as arrays

from gandl.images.files.illumination import read_function
from gandl.images.files.image_files import image_info, read_images
from gandl.images.files.kinds import ImageFileError, Reading
from gandl.images.files.values import stored

SIZE = (64, 80)
PATH = "a.tif"
UNIT = Reading(scale=65535.0)


def refusal(image: np.ndarray, reading: Reading = UNIT, function: np.ndarray | None = None) -> str:
    with pytest.raises(ImageFileError) as error:
        stored(image, reading, PATH, function)
    return str(error.value)


@pytest.mark.parametrize(
    "dtype", ["uint8", "uint16", "int8", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64"]
)
def test_whole_numbers_of_every_type_are_stored_as_they_are(dtype: str, tmp_path: Path) -> None:
    largest = min(65535, 2048 if dtype == "float16" else 65535 if dtype[0] == "f" else np.iinfo(dtype).max)
    image = np.random.default_rng(0).integers(0, largest, SIZE, endpoint=True).astype(dtype)
    image.flat[:2] = 0, largest
    tifffile.imwrite(tmp_path / PATH, image)
    assert image_info(tmp_path / PATH).dtype == dtype
    (read,) = read_images(tmp_path / PATH)
    pixels, clipped = stored(read, Reading(), PATH)
    assert pixels.dtype == ("uint8" if dtype == "uint8" else "uint16")
    np.testing.assert_array_equal(pixels, image.astype(np.int64))
    assert clipped == 0


def test_a_quarter_becomes_16384_and_halves_go_to_the_even_neighbour() -> None:
    image = np.array([[0.25, 0.5, 1.0, 0.0]], np.float32)
    np.testing.assert_array_equal(stored(image, UNIT, PATH)[0], [[16384, 32768, 65535, 0]])
    np.testing.assert_array_equal(
        stored(np.array([[1, 3, 5, 7]], np.uint8), Reading(scale=0.5), PATH)[0], [[0, 2, 2, 4]]
    )


@given(
    arrays.arrays(np.float32, (4, 5), elements=st.floats(0, 1, width=32)),
    st.sampled_from([65535.0, 4095.0, 1.0, 0.125]),
)
def test_scaled_values_are_the_products_rounded_half_to_even(image: np.ndarray, scale: float) -> None:
    pixels, _ = stored(image, Reading(scale=scale), PATH)
    expected = [[int(Decimal(float(value) * scale).quantize(0, ROUND_HALF_EVEN)) for value in row] for row in image]
    np.testing.assert_array_equal(pixels, expected)


@settings(max_examples=30)
@given(arrays.arrays(np.uint16, (3, 4)))
def test_16_bit_values_divided_by_65535_come_back_exactly(image: np.ndarray) -> None:
    for kind in (np.float32, np.float64):
        np.testing.assert_array_equal(stored((image / 65535).astype(kind), UNIT, PATH)[0], image)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (np.nan, "holds pixels that are no numbers: nan at (y 3, x 7)"),
        (np.inf, "holds pixels that are no numbers: inf at (y 3, x 7)"),
        (-np.inf, "holds pixels that are no numbers: -inf at (y 3, x 7)"),
        (-0.5, "holds negative pixels: -0.5 at (y 3, x 7); brightness begins at 0"),
    ],
)
def test_pixels_that_are_no_brightness_are_refused_with_file_and_place(
    value: float, sentence: str, tmp_path: Path
) -> None:
    image = np.full(SIZE, 0.5, np.float32)
    image[3, 7] = value
    tifffile.imwrite(tmp_path / PATH, image)
    with pytest.raises(ImageFileError) as error:
        read_images(tmp_path / PATH)
    assert str(error.value) == f"{tmp_path / PATH} {sentence}"


def test_a_negative_pixel_is_found_behind_a_brighter_plane(tmp_path: Path) -> None:
    planes = np.full((2, *SIZE), 9, np.int16)
    planes[0, 1, 2] = -1
    tifffile.imwrite(tmp_path / PATH, planes, metadata={"axes": "ZYX"})
    with pytest.raises(ImageFileError, match=r"negative pixels: -1 at \(y 1, x 2\)"):
        read_images(tmp_path / PATH, reading=Reading(z=1))
    assert read_images(tmp_path / PATH, reading=Reading(z=2))[0].max() == 9


def test_values_that_need_a_scale_or_leave_16_bit_are_refused_with_their_place() -> None:
    image = np.zeros((5, 6), np.float32)
    image[2, 3] = 0.25
    assert refusal(image, Reading()) == (
        "a.tif holds fractional values (0.25 at (y 2, x 3)); say which factor makes whole numbers up to 65,535 of all images: "
        "source.plates.scale: 65535"
    )
    image[4, 5] = 300.5
    assert refusal(image, Reading()) == (
        "a.tif holds fractional values (0.25 at (y 2, x 3), and 1 more pixel like it); say which factor makes whole numbers up "
        "to 65,535 of all images: source.plates.scale: 1 (which rounds them)"
    )
    assert refusal(image) == (
        "a.tif holds values that source.plates.scale (65535) makes larger than 65,535: 300.5 at (y 4, x 5)"
    )
    large = np.full((2, 2), 65536, np.uint32)
    assert refusal(large, Reading()).startswith(
        "a.tif holds values above 65,535 (65536 at (y 0, x 0), and 3 more pixels like it)"
    )
    assert stored(np.array([[65535.4]]), Reading(scale=1.0), PATH)[0] == 65535


# --- illumination functions ---


def test_images_are_divided_in_float64_and_what_grows_too_large_is_counted() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 65536, SIZE).astype(np.uint16)
    function = rng.uniform(0.5, 3, SIZE)
    pixels, clipped = stored(image, Reading(illumination=True), PATH, function)
    exact = [
        [Decimal(int(value)) / Decimal(float(by)) for value, by in zip(*row, strict=True)]
        for row in zip(image, function, strict=True)
    ]
    rounded = np.array([[int(value.quantize(0, ROUND_HALF_EVEN)) for value in row] for row in exact])
    np.testing.assert_array_equal(pixels, np.minimum(rounded, 65535))
    assert clipped == (rounded > 65535).sum() > 0
    flat = (image // 256).astype(np.uint8)
    pixels, clipped = stored(flat, Reading(illumination=True), PATH, function)
    assert pixels.dtype == np.uint8
    assert clipped == (np.rint(flat / function) > 255).sum() > 0


def test_scale_and_function_round_once() -> None:
    image, function = np.array([[0.3]], np.float32), np.array([[3.0]])
    expected = round(float(np.float32(0.3)) * 65535 / 3)
    assert stored(image, Reading(scale=65535.0, illumination=True), PATH, function)[0] == expected


def test_a_function_is_read_from_npy_and_tiff_and_another_size_is_refused(tmp_path: Path) -> None:
    function = np.random.default_rng(0).uniform(1, 2, SIZE)
    np.save(tmp_path / "dna.npy", function)
    tifffile.imwrite(tmp_path / "dna.tif", function.astype(np.float32))
    np.testing.assert_array_equal(read_function(tmp_path / "dna.npy", SIZE), function)
    np.testing.assert_array_equal(read_function(tmp_path / "dna.tif", SIZE), function.astype(np.float32))
    for path, size, sentence in (
        (
            tmp_path / "dna.npy",
            (64, 81),
            "is an illumination function of 64 x 80 float64 values; images are 64 x 81 px (height x width); "
            "name functions of the images' size, or leave out --illumination (source.plates.illumination)",
        ),
        (tmp_path / "none.npy", SIZE, "does not exist"),
    ):
        with pytest.raises(ImageFileError) as error:
            read_function(path, size)
        assert str(error.value) == f"{path} {sentence}"
    function[5, 6] = 0
    np.save(tmp_path / "dna.npy", function)
    with pytest.raises(ImageFileError, match=r"values that nothing can be divided by: 0 at \(y 5, x 6\)"):
        read_function(tmp_path / "dna.npy", SIZE)
    (tmp_path / "dna.npy").write_bytes((tmp_path / "dna.npy").read_bytes()[:100])
    with pytest.raises(ImageFileError, match="is damaged or cannot be read"):
        read_function(tmp_path / "dna.npy", SIZE)
