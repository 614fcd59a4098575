"""Ranks that train together: the same steps as one process alone; one that dies or is stopped ends the job, reported once."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from gandl.config import TrainingSettings
from gandl.models.compute.ranks import Ranks
from gandl.models.engine import worker
from gandl.models.engine.endings import REPORTS, Ending, RankError, Report
from gandl.models.engine.launch import launch, launch_module, run
from gandl.models.engine.worker import TrainingJob
from gandl.models.networks.weights import load
from gandl.workflow.interruption import Interrupted
from model_inputs import TRAINING, write_store
from rank_steps import STEPS, steps_of

SETTINGS = TRAINING.model_copy(
    update={"batch": 8, "images": 400, "checkpoint_images": 80, "looks": 1, "held_out": 0.0, "live_csv": True}
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_store(tmp_path_factory.mktemp("store"), sites=16)


@pytest.fixture(autouse=True)
def _helpers_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def job(store: Path, folder: Path, settings: TrainingSettings = SETTINGS) -> TrainingJob:
    return TrainingJob(
        stores=(store,),
        settings=settings,
        seed=1,
        weights=folder / "weights.safetensors",
        curve=folder / "curve.parquet",
        samples=folder / "samples.png",
        checkpoints=folder / "checkpoints",
    )


def relative(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).abs().max() / other.abs().max().clamp(min=1e-12))


@pytest.fixture(scope="module")
def two_and_one(store: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, dict]:
    """What two ranks of batch 8, and one of 16, computed in the same steps (`rank_steps.steps_of`)."""
    folder = tmp_path_factory.mktemp("ranks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        patch.setenv("OMP_NUM_THREADS", "1")
        command = [sys.executable, "-m", "rank_steps", str(store), str(folder / "two.pt")]
        subprocess.run(command, check=True, timeout=300)
    return torch.load(folder / "two.pt", weights_only=True), steps_of(store)


def test_two_ranks_compute_the_first_step_of_one(two_and_one: tuple[dict, dict]) -> None:
    two, one = (reported["float32"]["first"] for reported in two_and_one)
    assert two.keys() == one.keys()
    assert {"loss_generator", "loss_discriminator", "r1", "path_length"} <= two.keys()
    assert len([name for name in two if name.startswith("gradient.")]) > 20
    far = {name: relative(two[name], one[name]) for name in two if relative(two[name], one[name]) > 1e-5}
    assert far == {}


def test_two_ranks_end_where_one_does(two_and_one: tuple[dict, dict]) -> None:
    two, one = two_and_one
    for dtype, most in (("float64", 1e-9), ("float32", 1e-2)):
        weights = {
            name: relative(two[dtype]["weights"][name], tensor) for name, tensor in one[dtype]["weights"].items()
        }
        worst = max(weights, key=lambda name: weights[name])
        print(f"{dtype}: weights after {STEPS} steps differ by at most {weights[worst]:.2g} (relative, {worst})")
        assert weights[worst] < most
    assert not torch.equal(one["float64"]["weights"]["generator.constant"], one["float64"]["start"])


def test_ranks_draw_disjoint_crops(two_and_one: tuple[dict, dict]) -> None:
    two, one = two_and_one
    assert sorted(two["crops"][0] + two["crops"][1]) == sorted(one["crops"][0])
    assert len(two["crops"][0]) == len(two["crops"][1]) == 8


def test_a_killed_rank_ends_the_job_and_is_named(store: Path, tmp_path: Path) -> None:
    path = tmp_path / "training.json"
    path.write_text(job(store, tmp_path).model_dump_json(), encoding="utf-8")
    with pytest.raises(RankError, match=r"^rank 1 of 2 was killed by SIGKILL \(out of memory is a common cause\)"):
        launch_module("rank_faults", [str(path)], 2, tmp_path)
    assert not (tmp_path / "weights.safetensors").exists()


@pytest.mark.parametrize(
    ("ways", "error", "sentence"),
    [
        (("hanging", "mistake"), RankError, "^rank 1 of 2: CropError: a planted mistake$"),
        (("left", "defect"), RankError, "^rank 1 of 2: KeyError: 'a planted defect'$"),
        (("left", "killed"), RankError, r"^rank 1 of 2 was killed by SIGKILL"),
        (("hanging", "silent"), RankError, "^rank 1 of 2 ended with exit code 3\nthe last words of a library$"),
        (("asked", "asked"), Interrupted, "^stopped by SIGUSR1 at step 7; run again to resume from there$"),
        (("asked", "left"), Interrupted, "^stopped by SIGUSR1 at step 7"),
        (("deaf", "asked"), Interrupted, "^stopped by SIGUSR1 at step 7"),
        (("deaf", "deaf"), Interrupted, "^stopped by SIGUSR1; run again to resume from its last checkpoint$"),
        (("full", "asked"), RankError, "^rank 0 of 2: CheckpointError: no space left$"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_the_first_error_is_reported_once_and_nobody_is_left(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    ways: tuple[str, str],
    error: type[BaseException],
    sentence: str,
) -> None:
    monkeypatch.setattr("gandl.models.engine.launch.GRACE", 1.0)
    monkeypatch.setattr("gandl.models.engine.launch.POLL", 0.02)
    with pytest.raises(error, match=sentence):
        launch_module("rank_endings", ways, 2, tmp_path)
    assert caplog.text.count("Traceback") == ("defect" in ways)
    assert "consequence" not in caplog.text


def test_ranks_on_several_machines_ask_each_for_its_share_of_the_gpus(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requested: list[tuple[int, int]] = []

    def choose(gpus: int, local_rank: int) -> torch.device:
        requested.append((gpus, local_rank))
        return torch.device("cpu")

    monkeypatch.setattr(worker, "choose_device", choose)
    monkeypatch.setattr(worker, "together", lambda *_: nullcontext())
    monkeypatch.setattr(worker, "train", lambda *_, **__: None)
    for gpus, here, ranks in (
        (8, 4, Ranks(5, 8, 1)),
        (1, 2, Ranks(1, 2, 1)),
        (2, 2, Ranks(1, 2, 1)),
        (0, 2, Ranks(1, 2, 1)),
    ):
        monkeypatch.setenv("LOCAL_WORLD_SIZE", str(here))
        worker.work(job(store, tmp_path).model_copy(update={"gpus": gpus}), ranks)
    monkeypatch.delenv("LOCAL_WORLD_SIZE")
    worker.work(job(store, tmp_path).model_copy(update={"gpus": 1}))
    assert requested == [(4, 1), (1, 1), (2, 1), (0, 1), (1, 0)]


def test_ranks_that_end_well_are_no_error(tmp_path: Path) -> None:
    launch_module("rank_endings", ["well", "well"], 2, tmp_path)


def test_a_rank_reports_its_launcher_how_it_ended(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "training.json"
    path.write_text(job(tmp_path / "none.zarr", tmp_path).model_dump_json(), encoding="utf-8")
    assert worker.main(path) == 1
    assert "StoreError: " in capsys.readouterr().err  # no launcher: it goes to standard error

    def stopped(*arguments: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setenv(REPORTS, str(tmp_path))
    monkeypatch.setattr(worker, "_end_with_launcher", lambda: None)
    monkeypatch.setattr(worker, "work", stopped)
    assert worker.main(path) == 75
    report = Report.model_validate_json((tmp_path / "0.json").read_text(encoding="utf-8"))
    assert (report.ending, report.sentence[:18]) == (Ending.INTERRUPTED, "stopped by SIGTERM")


def test_two_ranks_that_are_stopped_go_on_as_one(store: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    training = job(store, tmp_path)

    def stop() -> None:
        live = tmp_path / "curve.csv"
        while not live.exists() or len(live.read_text(encoding="utf-8").splitlines()) < 4:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop, daemon=True).start()
    with pytest.raises(
        Interrupted, match=r"^stopped by SIGTERM at step \d+; run again to resume from there$"
    ) as reported:
        launch(training, 2)
    step = int(str(reported.value).split("step ")[1].split(";")[0])
    assert 3 <= step < 50
    assert not (tmp_path / "weights.safetensors").exists()
    with caplog.at_level(logging.INFO, logger="gandl"):
        run(training)
    assert f"resuming from the checkpoint of step {step} " in caplog.text
    assert load(tmp_path / "weights.safetensors").images_seen == 400
