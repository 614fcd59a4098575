"""Whatever is read from a store, the result is what numpy gives on the packed pixels; smaller images are exact area means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from gandl.images.area_mean import area_mean
from gandl.images.store_reader import ImageStore
from plates import rewrite_with_zarr, tiny_pixels, tiny_store

N, SIZE = 10, 16
PIXELS = {16: np.stack([tiny_pixels(i) for i in range(N)])}
PIXELS[8] = np.stack([area_mean(image, 2) for image in PIXELS[16]])


@pytest.fixture(scope="module", params=["as packed", "written again by zarr"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ImageStore:
    path: Path = tiny_store(tmp_path_factory.mktemp("store"))
    return ImageStore(path if request.param == "as packed" else rewrite_with_zarr(path))


@settings(deadline=None)
@given(indices=st.lists(st.integers(-N, N - 1), max_size=20), resolution=st.sampled_from([16, 8]))
def test_sites_by_any_list_are_those_of_numpy(store: ImageStore, indices: list[int], resolution: int) -> None:
    wanted = PIXELS[resolution][np.array(indices, dtype=int)]
    np.testing.assert_array_equal(store.sites(indices, resolution), wanted)
    np.testing.assert_array_equal(store.sites(np.array(indices, dtype=int), resolution), wanted)


@settings(deadline=None)
@given(piece=st.slices(N), resolution=st.sampled_from([16, 8, None]))
def test_sites_by_any_slice_are_those_of_numpy(store: ImageStore, piece: slice, resolution: int | None) -> None:
    np.testing.assert_array_equal(store.sites(piece, resolution), PIXELS[resolution or 16][piece])


@settings(deadline=None)
@given(data=st.data(), i=st.integers(-N, N - 1), resolution=st.sampled_from([16, 8]))
def test_any_crop_is_that_of_numpy(store: ImageStore, data: st.DataObject, i: int, resolution: int) -> None:
    size = data.draw(st.integers(1, resolution))
    top = data.draw(st.integers(0, resolution - size))
    left = data.draw(st.integers(0, resolution - size))
    wanted = PIXELS[resolution][i][:, top : top + size, left : left + size]
    np.testing.assert_array_equal(store.crop(i, top, left, size, resolution), wanted)


@settings(deadline=None)
@given(
    data=st.data(),
    factor=st.sampled_from([1, 2, 3, 4, 8]),
    dtype=st.sampled_from([np.uint8, np.uint16]),
    height=st.integers(1, 4),
    width=st.integers(1, 4),
    border=st.tuples(st.integers(0, 7), st.integers(0, 7)),
)
def test_area_mean_is_the_rounded_mean_of_every_complete_square(
    data: st.DataObject, factor: int, dtype: type, height: int, width: int, border: tuple[int, int]
) -> None:
    below, beside = (pixels % factor for pixels in border)
    images = data.draw(hnp.arrays(dtype, (2, height * factor + below, width * factor + beside)))
    small = area_mean(images, factor)
    assert small.dtype == dtype
    assert small.shape == (2, height, width)
    for c, y, x in np.ndindex(2, height, width):
        square = images[c, y * factor : (y + 1) * factor, x * factor : (x + 1) * factor].astype(np.float64)
        assert small[c, y, x] == np.floor(square.mean() + 0.5)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_area_mean_of_white_is_white(dtype: type) -> None:
    white = np.full((1, 512, 512), np.iinfo(dtype).max, dtype)
    for factor in (2, 256, 512):
        assert (area_mean(white, factor) == np.iinfo(dtype).max).all()


def test_area_mean_without_a_complete_square_or_of_another_type_is_reported() -> None:
    for factor in (11, 0):
        with pytest.raises(ValueError, match=f"10 x 20 px cannot be made smaller by a factor of {factor}"):
            area_mean(np.zeros((1, 10, 20), np.uint8), factor)
    with pytest.raises(ValueError, match="not float32"):
        area_mean(np.zeros((1, 10, 10), np.float32), 2)
