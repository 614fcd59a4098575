"""ImageStore: the pixels that were packed, however they are requested; anything else is one clear sentence."""

from __future__ import annotations

import json
import multiprocessing
import pickle
import shutil
import tracemalloc
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zarr

from gandl.images.area_mean import area_mean
from gandl.images.store_reader import ImageStore, StoreError
from plates import rewrite_with_zarr, tiny_pixels, tiny_plan, tiny_store


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


def test_store_reports_what_it_holds(packed: Path) -> None:
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


def _read_one(store: ImageStore, i: int) -> np.ndarray:
    return np.concatenate([store.sites([i])[0], np.pad(store.crop(i, 2, 3, 9), ((0, 0), (0, 7), (0, 7)))])


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_loader_processes_read_a_store_that_was_opened_before(packed: Path, method: str) -> None:
    store = ImageStore(packed)
    store.sites([0])
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:
        for i, read in enumerate(pool.map(partial(_read_one, store), range(10))):
            np.testing.assert_array_equal(read[:2], expected(i))
            np.testing.assert_array_equal(read[2:, :9, :9], expected(i)[:, 2:11, 3:12])


def test_store_written_again_by_other_tools_reads_the_same(own: Path, packed: Path) -> None:
    rewritten, store = ImageStore(rewrite_with_zarr(own)), ImageStore(packed)
    for copy in (rewritten, pickle.loads(pickle.dumps(rewritten))):
        np.testing.assert_array_equal(copy.sites(slice(None), 8), store.sites(slice(None), 8))
        np.testing.assert_array_equal(copy.crop(9, 1, 2, 5), store.crop(9, 1, 2, 5))


def test_direct_reading_gives_what_zarr_gives(tmp_path: Path) -> None:
    changes = {"height": 67, "width": 101, "resolutions": (67, 33), "dtype": "uint16"}
    store = ImageStore(tiny_store(tmp_path, **changes))
    for size in (67, 33):
        by_zarr = zarr.open_array(store.path / str(size), mode="r")
        np.testing.assert_array_equal(store.sites(slice(None), size), by_zarr[...])
        np.testing.assert_array_equal(store.crop(7, 3, 20, 30, size), by_zarr[7, :, 3:33, 20:50])


def test_memory_of_a_store_does_not_grow_with_its_sites(tmp_path: Path) -> None:
    def held(sites: int) -> int:
        path = tiny_store(tmp_path / str(sites), sites=sites, shard_sites=500)
        ImageStore(path).crop(0, 0, 0, 4)  # what is imported at the first reading
        tracemalloc.start()
        store = ImageStore(path)
        assert len(store.index) == len(store.site_ids) == sites
        store.crop(sites - 1, 0, 0, 4)
        now = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return now

    assert held(500) - held(10) < 500 * 2 * 16 + 8_000  # the index of a shard: 16 bytes per channel image


def test_what_is_not_there_is_reported(packed: Path, tmp_path: Path) -> None:
    store = ImageStore(packed)
    with pytest.raises(StoreError, match="holds no images of 32 px; stored resolutions: 16, 8 px"):
        store.sites([0], 32)
    with pytest.raises(IndexError, match="has 10 sites but no site 10"):
        store.sites([10])
    with pytest.raises(IndexError):
        store.crop(-11, 0, 0, 4)
    with pytest.raises(StoreError, match="no image store at"):
        ImageStore(tmp_path / "nothing.zarr")
    with pytest.raises(StoreError, match="at least one site"):
        next(store.batches(0))


@pytest.mark.parametrize(("top", "left", "size"), [(-1, 0, 4), (0, 13, 4), (13, 0, 4), (0, 0, 17), (0, 0, 0)])
def test_crop_outside_of_the_image_is_reported(packed: Path, top: int, left: int, size: int) -> None:
    with pytest.raises(StoreError, match="is not within 16 x 16 px"):
        ImageStore(packed).crop(0, top, left, size)


def test_missing_shard_is_an_error_and_never_black_images(own: Path) -> None:
    (own / "8/c/1/0/0/0").unlink()
    with pytest.raises(StoreError, match=r"lacks 1 shard file, the first is .*8/c/1/0/0/0; pack it again"):
        ImageStore(own)


def test_damaged_shard_is_an_error_when_it_is_read(own: Path) -> None:
    shard = own / "16/c/1/0/0/0"
    content = bytearray(shard.read_bytes())
    content[40] ^= 0xFF
    shard.write_bytes(content)
    store = ImageStore(own)
    np.testing.assert_array_equal(store.sites([0])[0], expected(0))
    with pytest.raises(StoreError, match=r"is damaged \(.*16/c/1/0/0/0: .*\); pack it again"):
        store.sites([3, 4, 5])


def test_missing_chunk_of_a_store_written_again_is_reported(own: Path) -> None:
    (rewrite_with_zarr(own) / "8/c/1/0/0/0").unlink()
    with pytest.raises(StoreError, match=r"lacks 1 .* the first is .*TINY_1\.zarr/8; pack it again"):
        ImageStore(own)


@pytest.mark.parametrize(
    ("at", "words"),
    [(-10, "the index of the shard has the wrong checksum"), (30, "."), (-150, ".")],
    ids=["index", "first chunk", "last chunk"],
)
def test_wrong_byte_in_a_shard_is_reported_at_every_place(own: Path, at: int, words: str) -> None:
    shard = own / "16/c/1/0/0/0"
    content = bytearray(shard.read_bytes())
    content[at] ^= 0x01
    shard.write_bytes(content)
    with pytest.raises(StoreError, match=rf"is damaged \(.*16/c/1/0/0/0: .*{words}.*\); pack it again"):
        ImageStore(own).sites([3, 4, 5])


@pytest.mark.parametrize("left", [0, 3, 100, 1000])
def test_shard_that_was_cut_is_reported(own: Path, left: int) -> None:
    shard = own / "16/c/1/0/0/0"
    shard.write_bytes(shard.read_bytes()[:left])
    with pytest.raises(StoreError, match="is damaged"):
        ImageStore(own).sites([3, 4, 5])


def test_image_that_was_never_written_is_an_error_and_never_black(own: Path) -> None:
    zarr.open_array(own / "16", mode="r+")[3, 1] = 0  # zarr leaves black chunks out
    store = ImageStore(own)
    np.testing.assert_array_equal(store.sites([4])[0], expected(4))
    with pytest.raises(StoreError, match=r"16/c/1/0/0/0: an image was never written"):
        store.sites([3])


def test_shard_written_again_by_zarr_in_its_own_order_reads_the_same(own: Path) -> None:
    array = zarr.open_array(own / "16", mode="r+")
    packed = array[...]
    array[...] = 255 - packed
    store = ImageStore(own)
    np.testing.assert_array_equal(store.sites(slice(None)), 255 - packed)
    np.testing.assert_array_equal(store.crop(8, 1, 2, 3), 255 - packed[8, :, 1:4, 2:5])


def test_missing_resolution_is_reported(own: Path) -> None:
    shutil.rmtree(own / "8")
    with pytest.raises(StoreError, match="lacks its images of 8 px"):
        ImageStore(own)


def test_index_that_is_missing_or_of_another_length_is_reported(own: Path) -> None:
    index = own.with_suffix(".parquet")
    pd.read_parquet(index).iloc[:-1].to_parquet(index)
    with pytest.raises(StoreError, match=r"TINY_1\.parquet has 9 rows, but .* holds 10 sites"):
        ImageStore(own)
    index.unlink()
    with pytest.raises(StoreError, match="has no index"):
        ImageStore(own)


def test_index_of_another_kind_is_reported(own: Path) -> None:
    pd.DataFrame({"a": range(10)}).to_parquet(own.with_suffix(".parquet"))
    with pytest.raises(StoreError, match=r"unusable: .*lacks the columns site_id, well_id, sha256"):
        ImageStore(own)


def change_attributes(store: Path, **changes: object) -> None:
    path = store / "zarr.json"
    document = json.loads(path.read_text())
    document["attributes"] |= changes
    path.write_text(json.dumps(document))


def test_store_of_another_format_is_reported(own: Path) -> None:
    change_attributes(own, format="something-else-2")
    with pytest.raises(StoreError, match="of format 'something-else-2'; this version reads 'gandl-image-store-2'"):
        ImageStore(own)


def test_channel_names_that_do_not_fit_the_pixels_are_reported(own: Path) -> None:
    change_attributes(own, channels=["red", "green", "blue"])
    with pytest.raises(
        StoreError, match=r"the array 16 holds uint8 of shape \(10, 2, 16, 16\), but .* 3 channels \(red, green, blue\)"
    ):
        ImageStore(own)


def test_folder_that_is_no_zarr_group_is_reported(tmp_path: Path) -> None:
    (tmp_path / "x.zarr").mkdir()
    (tmp_path / "x.zarr" / "zarr.json").write_text("{")
    with pytest.raises(StoreError, match="is not a readable Zarr group"):
        ImageStore(tmp_path / "x.zarr")
