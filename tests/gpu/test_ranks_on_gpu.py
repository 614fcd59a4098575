"""Two processes that share one GPU (by gloo: NCCL refuses that) make the steps of one. Skipped where there is no CUDA device."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gandl.models.compute.device import prepare
from model_inputs import write_store
from rank_steps import steps_of

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device"),
]


def test_two_ranks_on_one_gpu_end_where_one_does(tmp_path: Path) -> None:
    store = write_store(tmp_path, sites=16)
    path = os.pathsep.join(filter(None, sys.path))
    command = [sys.executable, "-m", "rank_steps", str(store), str(tmp_path / "two.pt"), "cuda"]
    subprocess.run(
        command, check=True, timeout=300, env={**os.environ, "PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": "0"}
    )
    two = torch.load(tmp_path / "two.pt", weights_only=True)
    device = torch.device("cuda", 0)
    prepare(device)
    one = steps_of(store, device=device)
    for name, tensor in one["float64"]["weights"].items():
        torch.testing.assert_close(two["float64"]["weights"][name], tensor, rtol=1e-9, atol=1e-9, msg=name)
