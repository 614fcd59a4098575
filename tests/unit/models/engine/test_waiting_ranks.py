"""Ranks of a job that was submitted again, while the orphan of a lost main process trains the same: they wait for its end, for
longer than ranks wait for one another."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from model_inputs import write_store


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, list[int]]]:
    """What became of the ranks (`rank_patience`)."""
    folder = tmp_path_factory.mktemp("ranks")
    done = subprocess.run(
        [sys.executable, "-m", "rank_patience", str(write_store(folder, sites=16)), str(folder / "cases")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-6000:]
    found: dict[str, dict[str, list[int]]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("started_by", ["launch", "torchrun"])
def test_all_ranks_wait_for_an_orphan_for_longer_than_for_one_another(
    reported: dict[str, dict[str, list[int]]], started_by: str
) -> None:
    assert reported[started_by] == {"ended": [], "codes": [0, 0], "images": [16]}


def test_a_signal_ends_all_ranks_that_wait(reported: dict[str, dict[str, list[int]]]) -> None:
    assert reported["signal"] == {"ended": [], "codes": [75, 75]}
