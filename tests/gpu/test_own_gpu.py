"""A job that took a GPU computes on that one. Skipped where there is no CUDA device."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device"),
]

JOB = """
import os, sys
from pathlib import Path
from gandl.models.compute.device import choose_device, prepare
from gandl.workflow.machines.gpus import own_gpus, visible_gpus
import torch
with own_gpus(1, Path(sys.argv[1])):
    assert len(visible_gpus()) == 1
    device = choose_device(1)
    prepare(device)
    assert torch.cuda.device_count() == 1
    assert float(torch.ones(8, 8, device=device).sum()) == 64
    uuid = str(torch.cuda.get_device_properties(device).uuid)
    assert uuid in os.environ["CUDA_VISIBLE_DEVICES"], (uuid, os.environ["CUDA_VISIBLE_DEVICES"])
"""


def test_a_job_computes_on_the_gpu_that_it_took(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    path = os.pathsep.join(filter(None, sys.path))
    subprocess.run(
        [sys.executable, "-c", JOB, str(tmp_path / "locks")],
        check=True,
        timeout=300,
        env={**environment, "PYTHONPATH": path},
    )
