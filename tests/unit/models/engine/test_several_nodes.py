"""A training on several machines is a matter of Slurm; without it, the person who started it reads why."""

from __future__ import annotations

from pathlib import Path

import pytest

from gandl.models.engine.launch import run
from gandl.models.engine.nodes import NodesError
from gandl.models.engine.worker import TrainingJob
from model_inputs import TRAINING, write_store


def test_without_slurm_it_says_what_to_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    files = {name: tmp_path / name for name in ("weights", "curve", "samples", "checkpoints")}
    job = TrainingJob(stores=(write_store(tmp_path),), settings=TRAINING, seed=1, nodes=2, **files)
    with pytest.raises(NodesError, match=r"^compute\.nodes requests 2 machines, but this is no Slurm job"):
        run(job)
    assert not any(file.exists() for file in files.values())
