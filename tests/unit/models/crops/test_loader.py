"""The loader: a step's batch is the same however it is read; ranks share it; what fails is reported; nothing is left running."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from gandl.config import Intensity, TrainingSettings
from gandl.images.store_reader import ImageStore, StoreError
from gandl.models.compute.randomness import Purpose, numpy_rng
from gandl.models.compute.ranks import PartsError, Ranks
from gandl.models.crops import crop_sampler as crops
from gandl.models.crops.crop_sampler import CropSampler, hold_out, open_stores, orient
from gandl.models.crops.intensity import IntensityScale, measure_scale
from gandl.models.crops.loader import ClosedError, Loader
from model_inputs import TRAINING, write_store

SEED = 11


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("stores")
    return [write_store(folder, name=name, sites=n, seed=n) for name, n in (("A", 7), ("B", 5))]


@pytest.fixture
def from_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """No image is held in memory."""
    monkeypatch.setattr(crops, "MEMORY_LIMIT", 0)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert not reading_threads()


def reading_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("loader")]


def loader(
    paths: list[Path],
    settings: TrainingSettings = TRAINING,
    positions: np.ndarray | None = None,
    kind: Intensity = Intensity.SITE,
    **how: object,
) -> Loader:
    stores = open_stores(paths, 32, 16)
    scale = measure_scale(stores, 32, kind)
    return Loader(CropSampler(stores, 32, 16, positions), scale, settings, SEED, **how)  # type: ignore[arg-type]


def batches(paths: list[Path], wanted: list[tuple[int, int]], **how: object) -> dict[tuple[int, int], torch.Tensor]:
    """Of (step, course), requested in this order."""
    with loader(paths, **how) as one:  # type: ignore[arg-type]
        return {place: torch.cat(one.batch(*place)) for place in wanted}


def settings(**changes: object) -> TrainingSettings:
    return TRAINING.model_copy(update=changes)


@pytest.mark.parametrize("kind", Intensity)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_batch_is_the_crops_of_its_step_scaled_and_turned(tmp_path: Path, kind: Intensity, dtype: str) -> None:
    path = write_store(tmp_path, dtype=dtype)
    stores = open_stores([path], 32, 16)
    scale, images = measure_scale(stores, 32, kind), stores[0].sites(slice(None), 32)
    places = CropSampler(stores, 32, 16).draw(8, numpy_rng(SEED, 2, 5, Purpose.CROPS))
    turns = torch.from_numpy(numpy_rng(SEED, 2, 5, Purpose.SYMMETRY).integers(8, size=8))
    whole = scale.apply(images)
    cut = torch.stack([whole[site, :, top : top + 16, left : left + 16] for _, site, top, left in places.tolist()])
    with loader([path], kind=kind) as one:
        (batch,) = one.batch(5, 2)
    torch.testing.assert_close(batch, orient(cut, turns))
    assert batch.is_contiguous(memory_format=torch.channels_last)
    with loader([path], settings(symmetry=False), kind=kind) as one:
        torch.testing.assert_close(one.batch(5, 2)[0], cut)


@pytest.mark.usefixtures("from_files")
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("ahead", [0, 2])
def test_a_batch_is_the_same_whatever_was_read_ahead_and_by_how_many_threads(
    paths: list[Path], threads: int, ahead: int
) -> None:
    in_order = [(step, course) for course in range(2) for step in range(4)]
    expected = batches(paths, in_order)
    jumping = [(0, 0), (3, 0), (1, 0), (2, 0), (2, 1), (3, 1), (0, 1), (1, 1)]
    found = batches(paths, jumping, threads=threads, ahead=ahead)
    for place in in_order:
        assert torch.equal(found[place], expected[place])
    assert len({batch.numpy().tobytes() for batch in expected.values()}) == len(in_order), "and each is another"


def test_images_in_memory_give_the_same_batches_as_files(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    held = batches(paths, [(0, 0), (1, 0)])
    monkeypatch.setattr(crops, "MEMORY_LIMIT", 0)
    for place, batch in batches(paths, [(0, 0), (1, 0)]).items():
        assert torch.equal(batch, held[place])


@pytest.mark.parametrize("microbatch", [0, 4])
def test_ranks_share_the_batch_of_one_in_whole_groups(paths: list[Path], microbatch: int) -> None:
    """Groups of the minibatch deviation, (i, i + n/g, ...) of a batch of n, lie likewise in a part of it, bit for bit."""
    n, group = 16, 4
    whole = batches(paths, [(3, 1)], settings=settings(batch=n))[3, 1]
    groups = {whole[i :: n // group].numpy().tobytes() for i in range(n // group)}
    engine = TRAINING.engine.model_copy(update={"microbatch": microbatch})
    found = []
    for rank in range(2):
        with loader(paths, settings(batch=n, engine=engine), ranks=Ranks(rank, 2), threads=2) as one:
            parts = one.batch(3, 1)
        assert [len(part) for part in parts] == ([4, 4] if microbatch else [8])
        found += [part[i :: len(part) // group] for part in parts for i in range(len(part) // group)]
    assert len(found) == n // group
    assert {one.contiguous(memory_format=torch.channels_last).numpy().tobytes() for one in found} == groups


@pytest.mark.usefixtures("from_files")
def test_a_rank_reads_its_own_crops_only(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    read, crop = [], ImageStore.crop
    with loader(paths, kind=Intensity.STORE, ranks=Ranks(1, 2), ahead=0) as one:
        monkeypatch.setattr(ImageStore, "crop", lambda *of: read.append(of) or crop(*of))
        one.batch(0, 0)
    assert len(read) == TRAINING.batch // 2


def test_held_out_sites_are_never_read(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crops, "MEMORY_LIMIT", 0)
    training, held_out = hold_out(12, 0.25)
    read, store_sites = set(), CropSampler.read
    monkeypatch.setattr(
        CropSampler,
        "read",
        lambda self, places, *rest: (
            read.update((places[:, 0] * 7 + places[:, 1]).tolist()) or store_sites(self, places, *rest)
        ),
    )
    batches(paths, [(step, 0) for step in range(20)], positions=training)
    assert read == set(training.tolist())
    assert not read & set(held_out.tolist())


def test_a_batch_that_cannot_be_dealt_is_refused_at_the_door(paths: list[Path]) -> None:
    with pytest.raises(PartsError, match=r"training\.batch must be a multiple of"):
        loader(paths, ranks=Ranks(0, 3))


@pytest.mark.usefixtures("from_files")
@pytest.mark.parametrize("threads", [1, 4])
def test_a_damaged_shard_is_reported_by_the_batch_that_needs_it_and_once(tmp_path: Path, threads: int) -> None:
    path = write_store(tmp_path, sites=6)
    with loader([path], threads=threads) as one:
        expected = one.batch(0, 0)[0].clone()
        file = path / "32/c/1/0/0/0"
        intact = file.read_bytes()
        file.write_bytes(intact[:20])
        with pytest.raises(StoreError, match=r"S_1\.zarr is damaged .*pack it again"):
            ask_on(one)
        file.write_bytes(intact)
        assert torch.equal(one.batch(0, 0)[0], expected)


@pytest.mark.usefixtures("from_files")
def test_a_shard_that_vanishes_is_reported(tmp_path: Path) -> None:
    path = write_store(tmp_path, sites=6)
    with loader([path]) as one:
        (path / "32/c/0/0/0/0").unlink()
        with pytest.raises(StoreError, match="is damaged"):
            one.batch(0, 0)


def test_a_batch_read_ahead_in_vain_fails_nobody(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong with a batch that is never requested is not reported."""
    expected = batches(paths, [(0, 1)])[0, 1]
    read = CropSampler.read
    with loader(paths) as one:
        fails = CropSampler.draw(one.sampler, 8, numpy_rng(SEED, 0, 1, Purpose.CROPS))

        def failing(self: CropSampler, places: np.ndarray, *rest: object) -> np.ndarray:
            if (places == fails).all(axis=1).any():
                raise StoreError("this one is broken")
            return read(self, places, *rest)  # type: ignore[arg-type]

        monkeypatch.setattr(CropSampler, "read", failing)
        one.batch(0, 0)
        assert torch.equal(one.batch(0, 1)[0], expected)
        with pytest.raises(StoreError, match="this one is broken"):
            one.batch(1, 0)


def ask_on(one: Loader, interrupted: bool = False) -> None:
    """Keep requesting the next batch; Ctrl-C comes soon, if at all, and again if nobody saw it (as within a finaliser)."""
    seen, mine = threading.Event(), threading.get_ident()

    def interrupt() -> None:
        while not seen.wait(0.2):
            signal.pthread_kill(mine, signal.SIGINT)

    if interrupted:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job starts with Ctrl-C ignored
        threading.Thread(target=interrupt, daemon=True).start()
    try:
        for step in range(1, 1000):
            one.batch(step, 0)
    finally:
        seen.set()


def slow_reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Reading takes its time; gives the list of what was read."""
    done: list[int] = []
    read = CropSampler.read

    def slowly(self: CropSampler, places: np.ndarray, *rest: object) -> np.ndarray:
        time.sleep(0.02)
        done.append(len(places))
        return read(self, places, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(CropSampler, "read", slowly)
    return done


def test_no_more_is_read_ahead_than_requested(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    done = slow_reads(monkeypatch)
    with loader(paths, ahead=2, threads=8) as one:
        one.batch(0, 0)
        for waiting in one._queue:
            for part in waiting.reading:
                part.result()
        assert sum(done) == 3 * TRAINING.batch


def test_closing_stops_reading_at_once(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand crops are waiting, of 20 ms each; every thread finishes the one at hand, and is gone."""
    done = slow_reads(monkeypatch)
    with loader(paths, ahead=200, threads=2) as one:
        one.batch(0, 0)
        assert len(reading_threads()) == 2
    assert sum(done) < 500
    assert not reading_threads()
    with pytest.raises(ClosedError, match="closed"):
        one.batch(1, 0)
    one.close()


def test_an_interrupt_while_waiting_ends_the_loader(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    done = slow_reads(monkeypatch)
    with pytest.raises(KeyboardInterrupt), loader(paths, ahead=200) as one:
        ask_on(one, interrupted=True)
    assert sum(done) < 500
    assert not reading_threads()


def test_a_program_that_dies_without_closing_does_not_hang(paths: list[Path]) -> None:
    program = f"""
import sys
sys.path[:0] = {[str(Path(__file__).parent), *sys.path]!r}
from test_loader import loader
from pathlib import Path
one = loader([Path(path) for path in {[str(path) for path in paths]!r}], threads=2)
one.batch(0, 0)
raise SystemExit(7)
"""
    assert subprocess.run([sys.executable, "-c", program], timeout=60).returncode == 7


def test_fewer_images_than_a_batch_are_reported_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    few = write_store(tmp_path, sites=3)
    with caplog.at_level(logging.WARNING), loader([few]) as one:
        for step in range(3):
            assert one.batch(step, 0)[0].shape == (8, 2, 16, 16)
    (reported,) = [record.getMessage() for record in caplog.records if record.name == "gandl.models.crops.loader"]
    assert "training on 3 image(s), fewer than a batch of 8" in reported
    caplog.clear()
    with loader([few], ranks=Ranks(1, 2)), loader([few], settings(batch=4, network=TRAINING.network), np.arange(3)):
        pass
    told_by = [record.getMessage() for record in caplog.records if record.name == "gandl.models.crops.loader"]
    assert len(told_by) == 1, "the second rank keeps quiet; a batch of 4 is more than 3 images"


def test_a_loader_shows_its_scale_and_sampler(paths: list[Path]) -> None:
    """The sampler also gives the crops that are shown beside generated ones."""
    with loader(paths) as one:
        assert isinstance(one.scale, IntensityScale)
        assert len(one.sampler) == 12
