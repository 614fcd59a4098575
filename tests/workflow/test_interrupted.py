"""A training job stopped by a signal ends with 75, and Snakemake, configured to retry, ends it with the weights of an unbroken
one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from gandl.models.networks.weights import load
from model_inputs import TRAINING, write_store

SETTINGS = TRAINING.model_copy(
    update={"images": 320, "checkpoint_images": 80, "looks": 2, "quality_crops": 8, "live_csv": True, "probe": False}
)
SNAKEFILE = """
rule training:
    input:
        manifests={manifests!r},
        probe_tables=[],
    output:
        weights="models/seed_{{seed}}/weights.safetensors",
        curve="models/seed_{{seed}}/curve.parquet",
        samples="models/seed_{{seed}}/samples.png",
    log:
        "logs/seed_{{seed}}.log",
    params:
        settings=json.loads({settings!r}),
    script:
        {script!r}
"""


class Workflow:
    """One rule, the project's own script, and a small store."""

    def __init__(self, folder: Path, repository: Path) -> None:
        self.folder = folder
        folder.mkdir()
        write_store(folder)
        text = SNAKEFILE.format(
            manifests=[str(folder / "S_1.manifest.json")],
            settings=SETTINGS.model_dump_json(),
            script=str(repository / "workflow/scripts/training.py"),
        )
        (folder / "Snakefile").write_text("import json\n" + text, encoding="utf-8")

    @property
    def weights(self) -> Path:
        return self.folder / "models/seed_1/weights.safetensors"

    @property
    def log(self) -> str:
        return (self.folder / "logs/seed_1.log").read_text(encoding="utf-8")

    def start(self, *options: str) -> subprocess.Popen[str]:
        command = [
            sys.executable,
            "-m",
            "snakemake",
            str(self.weights.relative_to(self.folder)),
            "--cores",
            "1",
            *options,
        ]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def stop_the_job(self, number: signal.Signals) -> None:
        """Signal the process that trains (and none else), when it has made a few steps."""
        live = self.folder / "logs/seed_1.csv"
        deadline = time.monotonic() + 240
        while not live.exists() or len(live.read_text(encoding="utf-8").splitlines()) < 4:
            assert time.monotonic() < deadline, "the job does not train"
            time.sleep(0.05)
        (lock,) = self.folder.glob("models/seed_1/checkpoints/.*.lock")
        os.kill(int(lock.read_text(encoding="ascii")), number)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> dict[str, torch.Tensor]:
    workflow = Workflow(tmp_path_factory.mktemp("workflow") / "unbroken", repository)
    process = workflow.start()
    reported, _ = process.communicate()
    assert process.returncode == 0, reported
    return tensors(workflow.weights)


def tensors(weights: Path) -> dict[str, torch.Tensor]:
    model = load(weights)
    return {f"{name}.{key}": t for name, part in model.networks.items() for key, t in part.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_retry_continues_to_the_same_bits(
    tmp_path: Path, repository: Path, unbroken: dict[str, torch.Tensor]
) -> None:
    workflow = Workflow(tmp_path / "retried", repository)
    process = workflow.start("--retries", "1")
    workflow.stop_the_job(signal.SIGTERM)
    reported, _ = process.communicate()
    assert process.returncode == 0, reported
    assert "exit status 75" in reported, reported
    assert "resuming from the checkpoint of step " in workflow.log
    assert same(tensors(workflow.weights), unbroken)


def test_without_a_retry_nothing_looks_finished_and_the_same_command_goes_on(
    tmp_path: Path, repository: Path, unbroken: dict[str, torch.Tensor]
) -> None:
    workflow = Workflow(tmp_path / "requeued", repository)
    process = workflow.start()
    workflow.stop_the_job(signal.SIGUSR1)
    process.communicate()
    assert process.returncode != 0
    assert "stopped by SIGUSR1 at step " in workflow.log
    assert not workflow.weights.exists()
    again = workflow.start()
    reported, _ = again.communicate()
    assert again.returncode == 0, reported
    assert same(tensors(workflow.weights), unbroken)
