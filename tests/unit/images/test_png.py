"""PNG images: grey values as another decoder reads them; a file that is cut, damaged or of another kind is reported with its
name."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from gandl.images.files.png import ImageError, PngHeader, decode_png, read_png_header

GREY = np.random.default_rng(0).integers(0, 256, (40, 56), np.uint8)


def png(image: np.ndarray | Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, "PNG", **options)
    return buffer.getvalue()


def part(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(pixels: bytes, height: int = 2, width: int = 2, bits: int = 8) -> bytes:
    """A PNG around compressed lines, right in all but perhaps those."""
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", pixels) + part(b"IEND", b"")


def with_part(data: bytes, kind: bytes, body: bytes) -> bytes:
    """The same PNG with one more part behind its header."""
    return data[:33] + part(kind, body) + data[33:]


@settings(deadline=None)
@given(
    image=st.sampled_from([np.uint8, np.uint16]).flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=2, max_dims=2, max_side=40))
    )
)
def test_grey_values_come_back_exactly(image: np.ndarray) -> None:
    decoded = decode_png(png(image), "x", image.shape, image.dtype)
    assert decoded.dtype == image.dtype
    np.testing.assert_array_equal(decoded, image)


def test_real_images_are_read_as_pillow_reads_them(shared_data: Path) -> None:
    files = sorted((shared_data / "rxrx1" / "images").rglob("*.png"))
    assert len(files) == 6
    for file in files:
        data = file.read_bytes()
        np.testing.assert_array_equal(
            decode_png(data, file.name, (512, 512), "uint8"), np.array(Image.open(io.BytesIO(data)))
        )


def test_header_reports_size_and_kind() -> None:
    assert read_png_header(png(GREY), "x") == PngHeader(40, 56, 8, "grey")
    assert read_png_header(png(Image.new("RGB", (3, 2))), "x") == PngHeader(2, 3, 8, "RGB")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (png(GREY.T), r"^A/x\.png is 56 x 40 px \(height x width\); it must be 40 x 56$"),
        (png(GREY.astype(np.uint16)), "^A/x.png has 16 bits per pixel; it must have 8$"),
        (png(Image.fromarray(GREY).convert("1")), "^A/x.png has 1 bits per pixel; it must have 8$"),
        (png(Image.fromarray(GREY).convert("RGB")), "^A/x.png has RGB pixels; it must be a grey image$"),
        (png(Image.fromarray(GREY).convert("RGBA")), "^A/x.png has RGBA pixels; it must be a grey image$"),
        (png(Image.fromarray(GREY).convert("LA")), "^A/x.png has grey and alpha pixels; it must be a grey image$"),
        (png(Image.fromarray(GREY).convert("P")), "^A/x.png has palette pixels; it must be a grey image$"),
        (png(GREY, transparency=0), "^A/x.png holds transparent pixels; it must be a grey image$"),
        (with_part(png(GREY), b"acTL", bytes(8)), "^A/x.png holds several frames; it must hold one image$"),
        (b"BM" + bytes(100), "^A/x.png is not a PNG image$"),
        (b"", "^A/x.png is empty"),
        (with_part(png(GREY), b"IDAT", b"")[:8] + png(GREY)[33:], "does not begin with a header"),
        (png_of(b"", width=0), "its header is invalid"),
    ],
    ids=[
        "size",
        "16bit",
        "1bit",
        "rgb",
        "rgba",
        "la",
        "palette",
        "transparent",
        "frames",
        "bmp",
        "empty",
        "headless",
        "zero",
    ],
)
def test_image_of_another_kind_is_reported(data: bytes, words: str) -> None:
    with pytest.raises(ImageError, match=words):
        decode_png(data, "A/x.png", (40, 56), "uint8")


def test_eight_bit_where_sixteen_are_due_is_reported() -> None:
    with pytest.raises(ImageError, match="has 8 bits per pixel; it must have 16"):
        decode_png(png(GREY), "x", dtype="uint16")
    assert decode_png(png(GREY), "x").dtype == np.uint8


def test_file_cut_anywhere_is_reported() -> None:
    data = png(GREY)
    for length in (*range(1, 60), len(data) // 2, *range(len(data) - 20, len(data))):
        with pytest.raises(ImageError, match=r"^x is (cut short|not a PNG image)"):
            decode_png(data[:length], "x")


@settings(deadline=None, max_examples=60)
@given(at=st.integers(0, len(png(GREY)) - 1), change=st.integers(1, 255))
def test_wrong_byte_anywhere_is_reported(at: int, change: int) -> None:
    data = bytearray(png(GREY))
    data[at] ^= change
    with pytest.raises(ImageError, match=r"^x is (damaged|cut short|not a PNG image)"):
        decode_png(bytes(data), "x")


@pytest.mark.parametrize(
    "pixels",
    [
        zlib.compress(bytes(3)),  # half of the lines
        zlib.compress(bytes(6))[:-4] + bytes(4),  # another checksum of the decompressed bytes
        zlib.compress(bytes(6))[:-6],
        zlib.compress(b"\x09\0\0\0\0\0"),  # a filter that does not exist
        b"no zlib at all",
        b"",
    ],
    ids=["lines", "adler", "cut", "filter", "foreign", "none"],
)
def test_pixels_that_cannot_be_decompressed_are_reported(pixels: bytes) -> None:
    with pytest.raises(ImageError, match=r"^x is damaged: its pixels cannot be decompressed"):
        decode_png(png_of(pixels), "x")


def test_whole_image_by_hand_is_read() -> None:
    np.testing.assert_array_equal(decode_png(png_of(zlib.compress(b"\0\1\2\0\3\4")), "x"), [[1, 2], [3, 4]])
