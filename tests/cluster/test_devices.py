"""Trainings on the GPU partition see exactly the devices that they requested."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest

from cluster_project import ONE_TRAINING, ClusterProject

DEVICES = '''
"""In place of a training, which would find no GPU behind these devices: which ones the job sees, and from when to when."""
import json, os, time
from pathlib import Path

start = time.time()
time.sleep(10)
seen = {"devices": os.environ.get("CUDA_VISIBLE_DEVICES", ""), "start": start, "end": time.time()}
for file in snakemake.output:
    Path(file).write_text(json.dumps(seen), encoding="utf-8")
'''


@pytest.mark.parametrize(("gpus", "seeds"), [(1, (1, 2, 3)), (2, (1, 2))])
def test_trainings_see_the_devices_that_they_requested_and_share_none(
    stored: ClusterProject,
    tmp_path_factory: pytest.TempPathFactory,
    tell: Callable[..., None],
    gpus: int,
    seeds: tuple[int, ...],
) -> None:
    folder = tmp_path_factory.mktemp("devices") / "project"
    shutil.copytree(stored.folder, folder)
    project = ClusterProject(folder, None, stored.preset, stored.tiny, stored.slurm)
    (folder / "workflow/scripts/training.py").write_text(DEVICES, encoding="utf-8")
    project.configure({**ONE_TRAINING, "compute": {"gpus": gpus}})
    files = [folder / f"results/tiny/models/gandl/seed_{seed}/weights.safetensors" for seed in seeds]

    run = project.submit(*(str(file.relative_to(folder)) for file in files))
    run.ends_well(900)
    tell(run)

    assert stored.slurm is not None
    for row in stored.slurm.accounted(run):
        assert row["Partition"] == "gpu"
        assert f"gres/gpu={gpus}" in row["AllocTRES"]
    seen: list[dict[str, Any]] = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    for job in seen:
        job["devices"] = set(job["devices"].split(","))
        assert len(job["devices"]) == gpus
        assert job["devices"] <= {"0", "1"}
    at_once = [
        (one, other)
        for one, other in combinations(seen, 2)
        if one["start"] < other["end"] and other["start"] < one["end"]
    ]
    assert bool(at_once) == (gpus == 1), "two trainings of one GPU, on two of them; of two GPUs one after the other"
    assert not any(one["devices"] & other["devices"] for one, other in at_once)
