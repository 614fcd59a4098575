"""Packing: what was decoded is what is stored; a packing that was killed or filled the disk continues where it was."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zarr

from gandl.images import pack as packing
from gandl.images.area_mean import area_mean
from gandl.images.pack import Decoded, PackError, StorePlan, pack_store
from gandl.images.store import ImageStore
from gandl.workflow.locks import LockedError, exclusive
from plates import tiny_pixels, tiny_plan, tiny_store


def pack(plan: StorePlan, folder: Path, decode: Callable[[int], np.ndarray] = tiny_pixels) -> Path:
    store = folder / f"{plan.store_id}.zarr"
    pack_store(plan, Decoded(decode), store, store.with_suffix(".parquet"), store.with_suffix(".manifest.json"))
    return store


def must_not_decode(i: int) -> np.ndarray:
    raise AssertionError(f"site {i} was decoded again")


def shards(store: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of the last change of every file with pixels."""
    return {
        file.relative_to(store).as_posix(): (file.stat().st_ino, file.stat().st_mtime_ns)
        for file in sorted(store.glob("*/c/**/*"))
        if file.is_file()
    }


def outcome(store: Path) -> dict[str, bytes]:
    """Every byte that a packing made: store, index, manifest."""
    files = [file for file in store.parent.rglob("*") if file.is_file()]
    return {file.relative_to(store.parent).as_posix(): file.read_bytes() for file in files}


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


def test_whole_store_is_kept_and_its_index_and_manifest_made_again(tmp_path: Path) -> None:
    store = tiny_store(tmp_path)
    before, made = shards(store), outcome(store)
    store.with_suffix(".parquet").unlink()
    store.with_suffix(".manifest.json").unlink()
    pack(tiny_plan(), tmp_path, must_not_decode)
    assert shards(store) == before
    assert outcome(store) == made


@pytest.mark.parametrize(
    "change",
    [
        {"code": "other"},
        {"sources": {"tiny.zip": "0" * 64}},
        {"resolutions": (16, 4)},
        {"shard_sites": 4},
        {"channels": ("a", "b")},
        {"pixel_size_um": 0.5},
    ],
)
def test_another_plan_packs_anew(tmp_path: Path, change: dict[str, object]) -> None:
    tiny_store(tmp_path)
    decoded: list[int] = []

    def decode(i: int) -> np.ndarray:
        decoded.append(i)
        return tiny_pixels(i)

    store = ImageStore(pack(tiny_plan(**change), tmp_path, decode))
    assert decoded == list(range(10))
    assert store.resolutions[0] == 16


@pytest.mark.parametrize("damage", ["byte", "missing", "digest", "small"])
def test_damaged_store_is_repaired_where_it_is_damaged(tmp_path: Path, damage: str) -> None:
    store = tiny_store(tmp_path)
    made, before = outcome(store), shards(store)
    file = store / {"digest": "sha256/c/1/0", "small": "8/c/1/0/0/0"}.get(damage, "16/c/1/0/0/0")
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(bytes([file.read_bytes()[0] ^ 0xFF]) + file.read_bytes()[1:])
    decoded: list[int] = []

    def decode(i: int) -> np.ndarray:
        decoded.append(i)
        return tiny_pixels(i)

    pack(tiny_plan(), tmp_path, decode)
    assert decoded == [3, 4, 5]
    assert outcome(store) == made
    assert {name for name, state in shards(store).items() if state != before[name]} == {
        "16/c/1/0/0/0",
        "8/c/1/0/0/0",
        "sha256/c/1/0",
    }


def by_site(*others: int) -> tuple[str, ...]:
    """What the ten tiny sites come from: of these sites another file than the usual one."""
    return tuple(hashlib.sha256(f"{i} {i in others}".encode()).hexdigest() for i in range(10))


def test_site_with_another_file_packs_its_own_shard_again_and_no_other(tmp_path: Path) -> None:
    store = tiny_store(tmp_path, site_sources=by_site())
    before = shards(store)
    decoded: list[int] = []

    def decode(i: int) -> np.ndarray:
        decoded.append(i)
        return tiny_pixels(100 if i == 4 else i)

    pack(tiny_plan(site_sources=by_site(4), sources={"tiny.zip": "0" * 64}), tmp_path, decode)
    assert decoded == [3, 4, 5]
    changed = {name for name, state in shards(store).items() if state != before[name]}
    assert changed == {"16/c/1/0/0/0", "8/c/1/0/0/0", "sha256/c/1/0", "sources/c/1/0"}
    np.testing.assert_array_equal(ImageStore(store).sites([4])[0], tiny_pixels(100))
    assert json.loads(store.with_suffix(".manifest.json").read_text())["sources"] == {"tiny.zip": "0" * 64}
    pack(tiny_plan(site_sources=by_site(4), sources={"tiny.zip": "0" * 64}), tmp_path, must_not_decode)


def test_half_deleted_store_is_packed_anew(tmp_path: Path) -> None:
    store = tiny_store(tmp_path)
    made = outcome(store)
    (store / "zarr.json").unlink()
    tiny_store(tmp_path)
    assert outcome(store) == made


KILLED = """
import os, sys, time
from pathlib import Path
sys.path[:0] = sys.argv[1].split(os.pathsep)
from plates import tiny_pixels, tiny_plan
from gandl.images.pack import Decoded, pack_store

def decode(i):
    if i == 7:  # the second site of the third shard
        Path(sys.argv[3]).touch()
        time.sleep(600)
    return tiny_pixels(i)

store = Path(sys.argv[2])
pack_store(tiny_plan(), Decoded(decode), store, store.with_suffix(".parquet"), store.with_suffix(".manifest.json"))
"""


def test_packing_killed_in_its_third_shard_keeps_the_first_two(tmp_path: Path, repository: Path) -> None:
    folder, reached = tmp_path / "store", tmp_path / "reached"
    store = folder / "TINY_1.zarr"
    process = subprocess.Popen([sys.executable, "-c", KILLED, os.pathsep.join(sys.path), str(store), str(reached)])
    deadline = time.monotonic() + 60
    while not reached.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline, "the packing did not come to its third shard"
        time.sleep(0.02)
    with pytest.raises(LockedError, match=f"written by another process \\(PID {process.pid}\\)"):
        tiny_store(folder)
    process.send_signal(signal.SIGKILL)
    process.wait()
    partial = folder / "TINY_1.zarr.partial"
    assert not store.exists()
    assert not store.with_suffix(".manifest.json").exists()
    kept = shards(partial)
    assert sorted({name.split("/")[2] for name in kept}) == ["0", "1"]
    pixels = {name: hashlib.sha256((partial / name).read_bytes()).hexdigest() for name in kept}
    (partial / "16/c/2/0/0").mkdir(parents=True)
    (partial / "16/c/2/0/0/0.abc.partial").write_bytes(b"what zarr had half written")
    decoded: list[int] = []

    def decode(i: int) -> np.ndarray:
        decoded.append(i)
        return tiny_pixels(i)

    pack(tiny_plan(), folder, decode)
    assert decoded == [6, 7, 8, 9]
    after = shards(store)
    assert {name: after[name] for name in kept} == kept
    assert {name: hashlib.sha256((store / name).read_bytes()).hexdigest() for name in kept} == pixels
    assert outcome(store) == outcome(tiny_store(tmp_path / "undisturbed"))


def test_full_disk_is_one_sentence_and_finished_shards_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = packing.write_shard
    writes: list[Path] = []

    def fill_up(file: Path, *what: object) -> None:
        if len(writes) == 5:  # two whole shards of two arrays, and the first array of the third
            raise OSError(errno.ENOSPC, "No space left on device")
        writes.append(file)
        write(file, *what)  # type: ignore[arg-type]

    monkeypatch.setattr(packing, "write_shard", fill_up)
    with pytest.raises(
        PackError, match=r"no space left on the disk while packing .*TINY_1\.zarr; finished shards are kept"
    ):
        tiny_store(tmp_path)
    monkeypatch.setattr(packing, "write_shard", write)
    decoded: list[int] = []

    def decode(i: int) -> np.ndarray:
        decoded.append(i)
        return tiny_pixels(i)

    store = pack(tiny_plan(), tmp_path, decode)
    assert decoded == [6, 7, 8, 9]
    assert outcome(store) == outcome(tiny_store(tmp_path / "undisturbed"))


def test_image_that_cannot_be_decoded_loses_no_finished_shard(tmp_path: Path) -> None:
    def decode(i: int) -> np.ndarray:
        if i == 7:
            raise ValueError("unreadable")
        return tiny_pixels(i)

    with pytest.raises(ValueError, match="unreadable"):
        pack(tiny_plan(), tmp_path, decode)
    decoded: list[int] = []
    pack(tiny_plan(), tmp_path, lambda i: (decoded.append(i), tiny_pixels(i))[1])
    assert decoded == [6, 7, 8, 9]


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


def test_two_packings_of_one_store_are_refused(tmp_path: Path) -> None:
    with exclusive(tmp_path / "TINY_1.zarr"), pytest.raises(LockedError, match="wait for it, or stop it"):
        tiny_store(tmp_path)
    tiny_store(tmp_path)


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


def test_partial_of_another_plan_is_not_mixed_in(tmp_path: Path) -> None:
    old = tiny_store(tmp_path / "old", code="old")
    shutil.move(old, tmp_path / "TINY_1.zarr.partial")
    store = tiny_store(tmp_path)
    assert zarr.open_group(store, mode="r").attrs["code"] != "old"
    assert not (tmp_path / "TINY_1.zarr.partial").exists()
