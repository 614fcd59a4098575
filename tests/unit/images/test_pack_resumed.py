"""Packing again: after a kill, a full disk, an error or damage it continues where it was, and packs only what changed."""

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
from pathlib import Path

import numpy as np
import pytest
import zarr

from gandl.images import pack as packing
from gandl.images.pack import PackError
from gandl.images.store_reader import ImageStore
from gandl.workflow.locks import LockedError, exclusive
from plates import outcome, pack, tiny_pixels, tiny_plan, tiny_store


def must_not_decode(i: int) -> np.ndarray:
    raise AssertionError(f"site {i} was decoded again")


def shards(store: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of the last change of every file with pixels."""
    return {
        file.relative_to(store).as_posix(): (file.stat().st_ino, file.stat().st_mtime_ns)
        for file in sorted(store.glob("*/c/**/*"))
        if file.is_file()
    }


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


def test_two_packings_of_one_store_are_refused(tmp_path: Path) -> None:
    with exclusive(tmp_path / "TINY_1.zarr"), pytest.raises(LockedError, match="wait for it, or stop it"):
        tiny_store(tmp_path)
    tiny_store(tmp_path)


def test_partial_of_another_plan_is_not_mixed_in(tmp_path: Path) -> None:
    old = tiny_store(tmp_path / "old", code="old")
    shutil.move(old, tmp_path / "TINY_1.zarr.partial")
    store = tiny_store(tmp_path)
    assert zarr.open_group(store, mode="r").attrs["code"] != "old"
    assert not (tmp_path / "TINY_1.zarr.partial").exists()
