"""One training on two machines of a cluster: torchrun on each of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest
import torch

from cluster_project import ONE_TRAINING, WEIGHTS, ClusterProject, tensors

TOGETHER = {"contrast": {"pairs": "none"}, "engine": {"precision": "float32"}, "images": 40}
"""Changes of the training: the contrastive task needs a whole batch in one process; few steps, for rounding grows with each."""


def on_nodes(nodes: int) -> dict[str, Any]:
    """Changes of the configuration."""
    return {**ONE_TRAINING, "training": {**ONE_TRAINING["training"], **TOGETHER}, "compute": {"nodes": nodes}}


def farthest(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    """How far any two weights are apart, relative to the largest of their tensor."""
    assert one.keys() == other.keys()
    return max(float((one[name] - other[name]).abs().max() / other[name].abs().max().clamp(min=1e-6)) for name in one)


def test_two_machines_train_what_one_does(
    stored: ClusterProject, tmp_path_factory: pytest.TempPathFactory, tell: Callable[..., None]
) -> None:
    folder = tmp_path_factory.mktemp("nodes") / "project"
    shutil.copytree(stored.folder, folder)
    project = ClusterProject(folder, None, stored.preset, stored.tiny, stored.slurm)
    project.configure(on_nodes(1))
    alone = project.run(WEIGHTS)
    assert alone.returncode == 0, alone.stderr[-6000:]
    one = tensors(folder / WEIGHTS)
    shutil.rmtree(folder / "results/tiny/models")
    project.configure(on_nodes(2))

    run = project.submit(WEIGHTS)
    run.ends_well(900)
    tell(run)

    worst = farthest(tensors(folder / WEIGHTS), one)
    print(f"weights differ by at most {worst:.2g} (relative)")
    assert 0 < worst < 1e-2
    assert stored.slurm is not None
    (step,) = [row for row in stored.slurm.accounted(run, steps=True) if row["NTasks"] == "2"]
    assert step["State"] == "COMPLETED"
    assert step["NodeList"] == "cpu[1-2]"
