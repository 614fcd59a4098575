"""Packing: what was decoded is what is stored; reading is one shard ahead at most; what does not fit the plan is refused."""

from __future__ import annotations

import hashlib
import json
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import zarr

from gandl.images.area_mean import area_mean
from gandl.images.pack import Decoded, PackError, pack_store
from gandl.images.store_reader import ImageStore
from plates import outcome, pack, tiny_pixels, tiny_plan, tiny_store


def test_store_holds_what_was_decoded(tmp_path: Path) -> None:
    store = ImageStore(tiny_store(tmp_path))
    for i in range(10):
        np.testing.assert_array_equal(store.sites([i])[0], tiny_pixels(i))


def test_index_holds_the_checksum_of_every_sites_pixels(tmp_path: Path) -> None:
    for dtype in ("uint8", "uint16"):
        index = ImageStore(tiny_store(tmp_path / dtype, dtype=dtype)).index
        wanted = [hashlib.sha256(tiny_pixels(i, dtype=dtype).tobytes()).hexdigest() for i in range(10)]
        assert index["sha256"].tolist() == wanted


def test_where_the_original_is_not_stored_checksums_are_of_the_first_resolution(tmp_path: Path) -> None:
    index = ImageStore(tiny_store(tmp_path, resolutions=(8, 4))).index
    wanted = [hashlib.sha256(area_mean(tiny_pixels(i), 2).tobytes()).hexdigest() for i in range(10)]
    assert index["sha256"].tolist() == wanted


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize(
    ("height", "width", "shapes"),
    [
        (67, 101, {67: (67, 101), 33: (33, 50), 22: (22, 33)}),
        (101, 67, {33: (50, 33)}),
        (64, 65, {32: (32, 32), 64: (64, 65)}),
    ],
)
def test_images_of_any_shape_are_stored_whole_and_as_area_means(
    tmp_path: Path, height: int, width: int, shapes: dict[int, tuple[int, int]], dtype: str
) -> None:
    path = tiny_store(tmp_path, sites=5, height=height, width=width, resolutions=tuple(shapes), dtype=dtype)
    store = ImageStore(path)
    assert (store.height, store.width, store.resolutions) == (height, width, list(shapes))
    for size, shape in shapes.items():
        factor = min(height, width) // size
        assert store.shape_at(size) == shape
        assert store.pixel_size_at(size) == pytest.approx(0.65 * factor)
        for i in range(5):
            original = tiny_pixels(i, size=(height, width), dtype=dtype)
            complete = original[:, : shape[0] * factor, : shape[1] * factor]
            squares = complete.reshape(2, shape[0], factor, shape[1], factor).mean(axis=(2, 4))
            np.testing.assert_array_equal(store.sites([i], size)[0], np.floor(squares + 0.5))


def test_layout_is_a_chunk_per_channel_image_and_a_shard_per_block_of_sites(tmp_path: Path) -> None:
    group = zarr.open_group(tiny_store(tmp_path), mode="r")
    for size in (16, 8):
        array = group[str(size)]
        assert array.metadata.zarr_format == 3
        assert array.shape == (10, 2, size, size)
        assert array.chunks == (1, 1, size, size)
        assert array.shards == (3, 2, size, size)
        assert array.metadata.dimension_names == ("site", "channel", "y", "x")
        assert [codec.to_dict()["name"] for codec in array.compressors] == ["zstd"]


@pytest.mark.parametrize(
    ("shard_sites", "mebibytes", "per_shard"),
    [(64, 320, 10), (4, 320, 4), (64, 1, 10)],
)
def test_shard_is_limited_by_sites_and_by_size(shard_sites: int, mebibytes: int, per_shard: int) -> None:
    assert tiny_plan(shard_sites=shard_sites, shard_mebibytes=mebibytes).sites_per_shard == per_shard
    paper = tiny_plan(
        100,
        channels=tuple("abcde"),
        height=1024,
        width=1024,
        resolutions=(512, 1024),
        shard_sites=shard_sites,
        shard_mebibytes=mebibytes,
    )
    assert paper.sites_per_shard == {(64, 320): 64, (4, 320): 4, (64, 1): 1}[shard_sites, mebibytes]


def test_what_is_not_stored_does_not_count_for_the_size_of_a_shard() -> None:
    original = {"channels": tuple("abcde"), "height": 1024, "width": 1024, "shard_sites": 64, "shard_mebibytes": 40}
    assert tiny_plan(100, resolutions=(1024,), **original).sites_per_shard == 8
    assert tiny_plan(100, resolutions=(512,), **original).sites_per_shard == 32


def test_black_images_are_stored_and_not_left_out(tmp_path: Path) -> None:
    store = ImageStore(pack(tiny_plan(), tmp_path, lambda _: np.zeros((2, 16, 16), np.uint8)))
    assert store.sites(slice(None)).max() == 0


def test_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    one, two = (outcome(tiny_store(tmp_path / name)) for name in ("one", "two"))
    assert one == two


def test_manifest_accounts_for_every_byte_of_the_store(tmp_path: Path) -> None:
    store = tiny_store(tmp_path)
    manifest = json.loads(store.with_suffix(".manifest.json").read_text())
    files = {file.relative_to(store).as_posix(): file.read_bytes() for file in store.rglob("*") if file.is_file()}
    assert {name: entry["sha256"] for name, entry in manifest["files"].items()} == {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items()
    }
    assert manifest["bytes"] == sum(map(len, files.values()))
    assert manifest["index"]["sha256"] == hashlib.sha256(store.with_suffix(".parquet").read_bytes()).hexdigest()
    assert manifest["channels"] == ["red", "green"]
    assert manifest["arrays"]["8"] == {"shape": [10, 2, 8, 8], "chunk": [1, 1, 8, 8], "shard": [3, 2, 8, 8]}
    assert manifest["sources"] == dict(tiny_plan().sources)


def test_nothing_else_is_left_behind(tmp_path: Path) -> None:
    tiny_store(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["TINY_1.manifest.json", "TINY_1.parquet", "TINY_1.zarr"]


class Prefetching:
    """A reader that records what is requested of it, and decodes only what was prefetched."""

    def __init__(self) -> None:
        self.ready: dict[int, np.ndarray] = {}
        self.most = 0
        self.prefetched: list[range] = []
        self.error: Exception | None = None

    def prefetch(self, block: range) -> None:
        if self.error is not None and block.start == 6:
            raise self.error
        self.prefetched.append(block)
        self.ready |= {i: tiny_pixels(i) for i in block}
        self.most = max(self.most, len(self.ready))

    def decode(self, i: int) -> np.ndarray:
        return self.ready.pop(i)


def test_what_is_being_fetched_has_ended_before_a_failed_packing_returns(tmp_path: Path) -> None:
    class Slow(Prefetching):
        ended = 0

        def prefetch(self, block: range) -> None:
            if block.start == 3:  # while the first shard is packed
                time.sleep(0.2)
            super().prefetch(block)
            self.ended += 1

        def decode(self, i: int) -> np.ndarray:
            raise ValueError("unreadable")

    reader, store = Slow(), tmp_path / "TINY_1.zarr"
    with pytest.raises(ValueError, match="unreadable") as caught:
        pack_store(tiny_plan(), reader, store, store.with_suffix(".parquet"), store.with_suffix(".manifest.json"))
    assert reader.ended == 2, caught  # the traceback keeps every frame alive here, as it does in a job


def test_reader_is_at_most_one_shard_ahead(tmp_path: Path) -> None:
    reader, store = Prefetching(), tmp_path / "TINY_1.zarr"
    files = (store, store.with_suffix(".parquet"), store.with_suffix(".manifest.json"))
    pack_store(tiny_plan(), reader, *files, threads=4)
    assert reader.prefetched == tiny_plan().blocks
    assert reader.most <= 2 * 3
    assert reader.ready == {}
    assert outcome(store) == outcome(tiny_store(tmp_path / "one_thread"))


def test_what_cannot_be_fetched_loses_no_finished_shard(tmp_path: Path) -> None:
    reader, store = Prefetching(), tmp_path / "TINY_1.zarr"
    files = (store, store.with_suffix(".parquet"), store.with_suffix(".manifest.json"))
    reader.error = ConnectionError("gone")
    with pytest.raises(ConnectionError, match="gone"):
        pack_store(tiny_plan(), reader, *files)
    again = Prefetching()
    pack_store(tiny_plan(), again, *files)
    assert again.prefetched == tiny_plan().blocks[2:]


def test_the_first_site_that_cannot_be_decoded_is_reported_whatever_the_threads(tmp_path: Path) -> None:
    def decode(i: int) -> np.ndarray:
        if i == 1:
            time.sleep(0.05)
        if i in (1, 2):
            raise ValueError(f"site {i} is unreadable")
        return tiny_pixels(i)

    store = tmp_path / "TINY_1.zarr"
    with pytest.raises(ValueError, match="site 1 is unreadable"):
        pack_store(
            tiny_plan(),
            Decoded(decode),
            store,
            store.with_suffix(".parquet"),
            store.with_suffix(".manifest.json"),
            threads=3,
        )


def test_memory_does_not_grow_with_the_number_of_sites(tmp_path: Path) -> None:
    def peak(sites: int) -> int:
        plan = tiny_plan(sites, height=128, width=128, resolutions=(128, 64), shard_sites=4)
        tracemalloc.start()
        pack(plan, tmp_path / str(sites), lambda i: tiny_pixels(i, size=128))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(8)  # what is loaded once, at the first packing
    assert peak(96) < 1.5 * peak(8)


@pytest.mark.parametrize(
    "wrong", [np.zeros((2, 16, 15), np.uint8), np.zeros((1, 16, 16), np.uint8), np.zeros((2, 16, 16), np.uint16)]
)
def test_pixels_that_do_not_fit_the_plan_are_refused(tmp_path: Path, wrong: np.ndarray) -> None:
    with pytest.raises(
        PackError, match=r"site TINY_1_A00_1 was decoded to \(.*images of TINY_1 are \(2, 16, 16\) uint8"
    ):
        pack(tiny_plan(), tmp_path, lambda _: wrong)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"resolutions": (16, 7)}, "whole fractions"),
        ({"resolutions": (16, 32)}, "whole fractions"),
        ({"resolutions": (16, 8, 8)}, "each once"),
        ({"resolutions": (16, 6)}, r"images of 16 x 16 px .* \(16, 8, 5, 4, ...\), each once, not at 16, 6 px"),
        ({"resolutions": ()}, "not at none px"),
        ({"resolutions": (0,)}, "not at 0 px"),
        ({"dtype": "float32"}, "uint8 or uint16"),
        ({"site_ids": (), "well_ids": ()}, "0 sites"),
        ({"site_sources": ("0" * 64,)}, "10 sites and the sources of 1"),
    ],
)
def test_plan_that_cannot_be_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(PackError, match=words):
        tiny_plan(**change)
