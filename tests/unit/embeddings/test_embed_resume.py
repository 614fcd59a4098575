"""An embedding that is ended continues where it was: the same tables, bit for bit, and nothing foreign or damaged is taken
over."""

from __future__ import annotations

import logging
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from embedding_inputs import SCALE, SCREEN, SETTINGS, TRAINING, build_several, draw_sites, write_store, write_weights
from gandl.config import EmbeddingsSettings, FeaturizerName, Weights
from gandl.embeddings import resume
from gandl.embeddings.embed import embed_store
from gandl.embeddings.featurizers import Featurizer
from gandl.embeddings.intensity import IntensityFeaturizer
from gandl.embeddings.resume import Parts, plan
from gandl.images.store_reader import ImageStore
from gandl.models.networks.gan import untrained
from gandl.models.networks.weights import save

SITES, BLOCK = 11, 2
NAMES = [FeaturizerName.GANDL, FeaturizerName.GANDL_BLOCKS, FeaturizerName.INTENSITY]


class KilledError(Exception):
    """What ends an embedding here."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store `S_1.zarr` of eleven sites, `weights.safetensors`, and the tables of an embedding that ran through."""
    folder = tmp_path_factory.mktemp("screen")
    write_store(folder, draw_sites(SITES))
    write_weights(folder / "weights.safetensors")
    embed(folder, folder / "unbroken")
    return folder


@pytest.fixture(autouse=True)
def save_every_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resume, "SECONDS", 0.0)


def tables(output: Path) -> list[Path]:
    return [output / name / "S_1.parquet" for name in NAMES]


def embed(folder: Path, output: Path, settings: EmbeddingsSettings = SETTINGS) -> None:
    featurizers = build_several(NAMES, folder, settings)
    embed_store(folder / "S_1.zarr", featurizers, tables(output), settings, SCREEN, sites_per_read=BLOCK)


def parts_in(output: Path) -> list[Path]:
    return sorted((output / NAMES[0]).glob(".S_1.parquet.parts/*"))


def assert_unbroken(folder: Path, output: Path) -> None:
    """The tables are those of an embedding that ran through, and nothing else is left."""
    for ours, unbroken in zip(tables(output), tables(folder / "unbroken"), strict=True):
        assert ours.read_bytes() == unbroken.read_bytes()
        assert list(ours.parent.iterdir()) == [ours]


def fail_at(monkeypatch: pytest.MonkeyPatch, site: int) -> None:
    """Reading this site ends the embedding."""
    sites = ImageStore.sites

    def failing(self: ImageStore, indices: np.ndarray, resolution: int) -> np.ndarray:
        if site in indices:
            raise KilledError
        return sites(self, indices, resolution)

    monkeypatch.setattr(ImageStore, "sites", failing)


def note_reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sites that are read from now on."""
    read: list[int] = []
    sites = ImageStore.sites

    def noted(self: ImageStore, indices: np.ndarray, resolution: int) -> np.ndarray:
        read.extend(indices.tolist())
        return sites(self, indices, resolution)

    monkeypatch.setattr(ImageStore, "sites", noted)
    return read


def break_off(folder: Path, output: Path, site: int) -> list[Path]:
    """Embed until a site is read; gives the parts that are left."""
    with pytest.MonkeyPatch.context() as patch:
        fail_at(patch, site)
        with pytest.raises(KilledError):
            embed(folder, output)
    return parts_in(output)


@pytest.mark.parametrize("site", [0, 1, 4, 7, 10])
def test_a_broken_embedding_goes_on_where_it_was(
    folder: Path, tmp_path: Path, site: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = break_off(folder, tmp_path, site)
    done = len(parts) * BLOCK
    assert done == site - site % BLOCK  # every block before the site's own
    read = note_reads(monkeypatch)
    embed(folder, tmp_path)
    assert set(read) == set(range(done, SITES))
    assert_unbroken(folder, tmp_path)


def test_it_may_be_broken_again_and_again(folder: Path, tmp_path: Path) -> None:
    for site in (3, 6, 9):
        break_off(folder, tmp_path, site)
    embed(folder, tmp_path)
    assert_unbroken(folder, tmp_path)


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = {path!r}
import numpy as np
import torch
from gandl.embeddings import resume
import test_embed_resume as here
torch.set_num_threads({threads})  # parts belong to a number of threads
resume.SECONDS = 0.0
left, write = [{saves}], np.savez
def savez(file, *arrays):
    left[0] -= 1
    if left[0] < 0:
        file.write(b"half a part"), file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    write(file, *arrays)
np.savez = savez
here.embed(Path({folder!r}), Path({output!r}))
"""


def test_a_killed_process_goes_on_where_it_was(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`kill -9` while its fourth part is being written."""
    names = {"path": [str(Path(__file__).parent), *sys.path], "folder": str(folder), "output": str(tmp_path)}
    script = KILLED.format(saves=3, threads=torch.get_num_threads(), **names)
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -signal.SIGKILL
    assert not any(path.exists() for path in tables(tmp_path))
    read = note_reads(monkeypatch)
    embed(folder, tmp_path)
    assert set(read) == set(range(3 * BLOCK, SITES))
    assert_unbroken(folder, tmp_path)


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: flip(data, len(data) // 3),
        lambda data: flip(data, len(data) * 2 // 3),
        lambda data: b"no archive" * 50,
    ],
    ids=["empty", "cut", "a bit early", "a bit late", "foreign"],
)
def test_a_damaged_part_is_noticed_and_done_again(
    folder: Path,
    tmp_path: Path,
    damage: Callable[[bytes], bytes],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    _, second, third = break_off(folder, tmp_path, 6)
    second.write_bytes(damage(second.read_bytes()))
    read = note_reads(monkeypatch)
    with caplog.at_level(logging.WARNING, "gandl"):
        embed(folder, tmp_path)
    assert set(read) == {2, 3, *range(6, SITES)}  # the third part was good, and was used
    assert f"{second} is damaged" in caplog.text
    assert str(third) not in caplog.text
    assert_unbroken(folder, tmp_path)


def test_a_part_of_other_numbers_is_noticed(folder: Path, tmp_path: Path) -> None:
    first, *_ = break_off(folder, tmp_path, 4)
    with first.open("wb") as file:
        np.savez(file, np.zeros((BLOCK, 3), np.float32))
    embed(folder, tmp_path)
    assert_unbroken(folder, tmp_path)


def copy_of(folder: Path, place: Path) -> Path:
    place.mkdir()
    write_store(place, draw_sites(SITES))
    write_weights(place / "weights.safetensors")
    return place


def other_weights(folder: Path) -> EmbeddingsSettings:
    save(untrained(TRAINING, SCALE, 7), folder / "weights.safetensors")
    return SETTINGS


def other_pixels(folder: Path) -> EmbeddingsSettings:
    shutil.rmtree(folder / "S_1.zarr")  # packing would go on with what is there
    write_store(folder, draw_sites(SITES, seed=5))
    return SETTINGS


def other_settings(folder: Path) -> EmbeddingsSettings:
    return SETTINGS.model_copy(update={"weights": Weights.RAW})


@pytest.mark.parametrize("change", [other_weights, other_pixels, other_settings])
def test_nothing_foreign_is_taken_over(
    folder: Path, tmp_path: Path, change: Callable[[Path], EmbeddingsSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    screen, output = copy_of(folder, tmp_path / "screen"), tmp_path / "output"
    assert break_off(screen, output, 6)
    settings = change(screen)
    embed(screen, tmp_path / "afresh", settings)
    read = note_reads(monkeypatch)
    embed(screen, output, settings)
    assert set(read) == set(range(SITES))
    for ours, afresh in zip(tables(output), tables(tmp_path / "afresh"), strict=True):
        assert ours.read_bytes() == afresh.read_bytes()
    assert not parts_in(output)


def test_other_code_takes_nothing_over(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert break_off(folder, tmp_path, 6)
    monkeypatch.setattr(resume, "code_version", lambda *modules: "another")
    read = note_reads(monkeypatch)
    embed(folder, tmp_path)
    assert set(read) == set(range(SITES))


def test_a_featurizer_whose_code_is_not_known_keeps_nothing(folder: Path, tmp_path: Path) -> None:
    """What a person's own class made before may be wrong by now: its code is not part of the key."""

    class Mine(IntensityFeaturizer):
        pass

    featurizers: list[Featurizer] = [Mine(["gfp", "dna"])]
    with pytest.MonkeyPatch.context() as patch:
        fail_at(patch, 6)
        with pytest.raises(KilledError):
            embed_store(folder / "S_1.zarr", featurizers, tables(tmp_path)[:1], SETTINGS, SCREEN, sites_per_read=BLOCK)
    assert not parts_in(tmp_path)


def test_a_short_embedding_writes_no_parts(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resume, "SECONDS", 60.0)
    assert break_off(folder, tmp_path, 10) == []


def test_parts_are_written_before_too_many_sites_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resume, "SECONDS", 60.0)
    monkeypatch.setattr(resume, "SITES", 6)
    parts = Parts(tmp_path / "x.parquet", "key", [1])
    for start in range(0, 14, 2):
        parts.add(range(start, start + 2), [np.full((2, 1), start, np.float32)])
    assert parts.found() == {0: 6, 6: 12}
    np.testing.assert_array_equal(parts.load(range(6, 12))[0][:, 0], [6, 6, 8, 8, 10, 10])


def test_a_part_ends_where_sites_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resume, "SECONDS", 60.0)
    parts = Parts(tmp_path / "x.parquet", "key", [1])
    for start in (0, 2, 8):
        parts.add(range(start, start + 2), [np.full((2, 1), start, np.float32)])
    parts.save()
    assert parts.found() == {0: 4, 8: 10}


def test_the_plan_covers_every_site_once_in_order() -> None:
    spans = plan(11, 2, {2: 6, 8: 10})
    assert spans == [range(0, 2), range(2, 6), range(6, 8), range(8, 10), range(10, 11)]
