"""A training killed or stopped by a signal anywhere, and started again, makes what an unbroken one makes, bit for bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from broken_trainings import Break, breaks
from model_inputs import write_store

POINTS = breaks()
KILLED = [broken for broken in POINTS if broken.number.name == "SIGKILL"]
STOPPED = [broken for broken in POINTS if broken.number.name != "SIGKILL"]


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What became of every training (`broken_trainings.main`)."""
    folder = tmp_path_factory.mktemp("broken")
    store = write_store(folder)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(map(str, sys.path))}
    done = subprocess.run(
        [sys.executable, "-m", "broken_trainings", str(store), str(folder / "trainings")],
        capture_output=True,
        check=False,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_ten_points_are_tried_in_steps_checkpoints_looks_and_at_the_end() -> None:
    assert len(KILLED) >= 10
    assert {broken.phase for broken in KILLED} == {"step", "checkpoint", "bytes", "look", "end"}


@pytest.mark.parametrize("broken", KILLED, ids=str)
def test_a_killed_training_continues_to_the_same_bits(reported: dict, broken: Break) -> None:
    story = reported[str(broken)]
    assert story["code"] == -9, "it was not killed"
    assert not story["weights_in_between"]
    assert story["code_again"] == 0
    assert story["made"] == reported["unbroken"]
    assert story["left"] == []


@pytest.mark.parametrize("broken", STOPPED, ids=str)
def test_a_training_that_must_stop_keeps_its_last_step_and_continues_to_the_same_bits(
    reported: dict, broken: Break
) -> None:
    story = reported[str(broken)]
    assert story["code"] == 75
    assert not story["weights_in_between"]
    last = int(story["checkpoints_in_between"][-1].split("-")[1])
    if broken.phase == "end":
        assert last == 20
    else:
        assert story["sentence"] == f"stopped by {broken.number.name} at step {last}; run again to resume from there"
    assert story["code_again"] == 0
    assert story["made"] == reported["unbroken"]


def test_a_look_that_a_signal_cut_short_is_made_up_for(reported: dict) -> None:
    story = reported[str(next(broken for broken in STOPPED if broken.phase == "look"))]
    assert "probe_z_prime" in story["made"]["curve"]
    assert story["made"]["curve"] == reported["unbroken"]["curve"]


def test_a_signal_while_a_checkpoint_is_written_writes_no_other(reported: dict) -> None:
    story = reported[str(next(broken for broken in STOPPED if broken.phase == "checkpoint"))]
    steps = [int(name.split("-")[1]) for name in story["checkpoints_in_between"]]
    assert steps in ([10], [10, 20])
