"""ImageStore: the pixels that were packed, however they are asked for; anything else is one clear sentence."""

from __future__ import annotations

import json
import multiprocessing
import pickle
import shutil
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gandl.images.area_mean import area_mean
from gandl.images.store import ImageStore, StoreError
from plates import tiny_pixels, tiny_plan, tiny_store


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_store(tmp_path_factory.mktemp("store"))


@pytest.fixture
def own(packed: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    shutil.copytree(packed.parent, tmp_path / "copy")
    return tmp_path / "copy" / packed.name


def expected(i: int) -> np.ndarray:
    return tiny_pixels(i)


def test_store_tells_what_it_holds(packed: Path) -> None:
    store = ImageStore(packed)
    assert len(store) == 10
    assert store.store_id == "TINY_1"
    assert store.channels == ["red", "green"]
    assert store.resolutions == [16, 8]
    assert (store.dtype, store.bit_depth) == (np.uint8, 8)
    assert store.pixel_size_um == 0.65
    assert store.pixel_size_at(8) == pytest.approx(1.3)
    assert store.site_ids == list(tiny_plan().site_ids)
    assert store.index["well_id"].tolist() == list(tiny_plan().well_ids)


def test_unknown_pixel_size_stays_unknown_at_every_resolution(tmp_path: Path) -> None:
    store = ImageStore(tiny_store(tmp_path, pixel_size_um=None))
    assert store.pixel_size_um is None
    assert store.pixel_size_at(8) is None


def test_sixteen_bit_images_keep_their_type_and_values(tmp_path: Path) -> None:
    store = ImageStore(tiny_store(tmp_path, dtype="uint16"))
    assert store.bit_depth == 16
    np.testing.assert_array_equal(store.sites([4])[0], tiny_pixels(4, dtype="uint16"))


def test_batches_are_all_sites_in_order(packed: Path) -> None:
    store = ImageStore(packed)
    batches = list(store.batches(4, 8))
    assert [len(indices) for indices, _ in batches] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate([indices for indices, _ in batches]), np.arange(10))
    np.testing.assert_array_equal(np.concatenate([images for _, images in batches]), store.sites(slice(None), 8))


def test_smaller_images_are_the_area_mean(packed: Path) -> None:
    np.testing.assert_array_equal(ImageStore(packed).sites([7], 8)[0], area_mean(expected(7), 2))


def test_many_threads_read_the_right_sites(packed: Path) -> None:
    store = pickle.loads(pickle.dumps(ImageStore(packed)))
    with ThreadPoolExecutor(8) as pool:
        for i, image in enumerate(pool.map(lambda i: store.sites([i % 10])[0], range(60))):
            np.testing.assert_array_equal(image, expected(i % 10))


def _read_one(store: ImageStore) -> np.ndarray:
    return store.sites([3])[0]


def test_store_opens_itself_again_in_a_spawned_process(packed: Path) -> None:
    store = ImageStore(packed)
    store.sites([0])
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        np.testing.assert_array_equal(pool.submit(_read_one, store).result(), expected(3))


def test_what_is_not_there_is_told(packed: Path, tmp_path: Path) -> None:
    store = ImageStore(packed)
    with pytest.raises(StoreError, match="holds no images of 32 px; stored resolutions: 16, 8 px"):
        store.sites([0], 32)
    with pytest.raises(IndexError, match="has 10 sites, there is no site 10"):
        store.sites([10])
    with pytest.raises(IndexError):
        store.crop(-11, 0, 0, 4)
    with pytest.raises(StoreError, match="there is no image store at"):
        ImageStore(tmp_path / "nothing.zarr")
    with pytest.raises(StoreError, match="at least one site"):
        next(store.batches(0))


@pytest.mark.parametrize(("top", "left", "size"), [(-1, 0, 4), (0, 13, 4), (13, 0, 4), (0, 0, 17), (0, 0, 0)])
def test_crop_outside_of_the_image_is_told(packed: Path, top: int, left: int, size: int) -> None:
    with pytest.raises(StoreError, match="does not lie within 16 x 16 px"):
        ImageStore(packed).crop(0, top, left, size)


def test_missing_shard_is_an_error_and_never_black_images(own: Path) -> None:
    (own / "8/c/1/0/0/0").unlink()
    with pytest.raises(StoreError, match=r"lacks 1 shard file\(s\), the first is .*8/c/1/0/0/0; pack it again"):
        ImageStore(own)


def test_damaged_shard_is_an_error_when_it_is_read(own: Path) -> None:
    shard = own / "16/c/1/0/0/0"
    content = bytearray(shard.read_bytes())
    content[40] ^= 0xFF
    shard.write_bytes(content)
    store = ImageStore(own)
    np.testing.assert_array_equal(store.sites([0])[0], expected(0))
    with pytest.raises(StoreError, match="is damaged at 16 px"):
        store.sites([3, 4, 5])


def test_missing_resolution_is_told(own: Path) -> None:
    shutil.rmtree(own / "8")
    with pytest.raises(StoreError, match="lacks its images of 8 px"):
        ImageStore(own)


def test_index_that_is_missing_or_of_another_length_is_told(own: Path) -> None:
    index = own.with_suffix(".parquet")
    pd.read_parquet(index).iloc[:-1].to_parquet(index)
    with pytest.raises(StoreError, match=r"TINY_1\.parquet has 9 rows, but .* holds 10 sites"):
        ImageStore(own)
    index.unlink()
    with pytest.raises(StoreError, match="has no index"):
        ImageStore(own)


def test_index_of_another_kind_is_told(own: Path) -> None:
    pd.DataFrame({"a": range(10)}).to_parquet(own.with_suffix(".parquet"))
    with pytest.raises(StoreError, match=r"unusable: .*lacks the column\(s\) site_id, well_id, sha256"):
        ImageStore(own)


def change_attributes(store: Path, **changes: object) -> None:
    path = store / "zarr.json"
    document = json.loads(path.read_text())
    document["attributes"] |= changes
    path.write_text(json.dumps(document))


def test_store_of_another_format_is_told(own: Path) -> None:
    change_attributes(own, format="something-else-2")
    with pytest.raises(StoreError, match="of format 'something-else-2'; this version reads 'gandl-image-store-1'"):
        ImageStore(own)


def test_channel_names_that_do_not_fit_the_pixels_are_told(own: Path) -> None:
    change_attributes(own, channels=["red", "green", "blue"])
    with pytest.raises(StoreError, match="has 2 channels, but the store names 3: red, green, blue"):
        ImageStore(own)


def test_folder_that_is_no_zarr_group_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.zarr").mkdir()
    (tmp_path / "x.zarr" / "zarr.json").write_text("{")
    with pytest.raises(StoreError, match="is not a readable Zarr group"):
        ImageStore(tmp_path / "x.zarr")
