"""Two trainings on a machine with two GPUs take two devices: the project's own profile counts them, each job takes its own.

The GPUs are a list that a program prints, so the trainings compute on the CPU; all else is real.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from fake_gpus import with_gpus
from model_inputs import TRAINING, write_store

SETTINGS = TRAINING.model_copy(
    update={"images": 16, "checkpoint_images": 16, "looks": 1, "quality_crops": 8, "probe": False}
)
SNAKEFILE = """
rule all:
    input:
        expand("models/seed_{{seed}}/weights.safetensors", seed=range({trainings})),


rule training:
    output:
        weights="models/seed_{{seed}}/weights.safetensors",
        curve="models/seed_{{seed}}/curve.parquet",
        samples="models/seed_{{seed}}/samples.png",
    log:
        "logs/seed_{{seed}}.log",
    resources:
        gpu=1,
    params:
        store={store!r},
        settings={settings!r},
    script:
        "train.py"
"""
SCRIPT = """
import os, time
from pathlib import Path

from gandl.config import TrainingSettings
from gandl.models.engine.launch import run
from gandl.models.engine.worker import TrainingJob
from gandl.workflow.machines.gpus import own_gpus
from gandl.workflow.jobs import job

with job(snakemake.log[0]), own_gpus(snakemake.resources.gpu, Path("locks")):
    seed = int(snakemake.wildcards.seed)
    Path("times").mkdir(exist_ok=True)
    Path(f"times/{seed}").write_text(f"{time.time()} {os.environ['CUDA_VISIBLE_DEVICES']}")
    deadline = time.monotonic() + 120
    while len(list(Path("times").iterdir())) < 2:  # the first two run at the same time
        assert time.monotonic() < deadline, "no other training runs beside this one"
        time.sleep(0.05)
    weights = Path(snakemake.output.weights)
    files = {"weights": weights, "curve": snakemake.output.curve, "samples": snakemake.output.samples}
    settings = TrainingSettings.model_validate_json(snakemake.params.settings)
    run(TrainingJob(stores=(snakemake.params.store,), settings=settings, seed=seed, checkpoints=weights.parent / "kept", **files))
    with Path(f"times/{seed}").open("a") as file:
        file.write(f" {time.time()}")
"""


def trained(folder: Path, repository: Path, trainings: int) -> dict[int, tuple[float, str, float]]:
    """When each training began, on which device, and when it ended."""
    store = write_store(folder)
    text = SNAKEFILE.format(trainings=trainings, store=str(store), settings=SETTINGS.model_dump_json())
    (folder / "Snakefile").write_text(text, encoding="utf-8")
    (folder / "train.py").write_text(SCRIPT, encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "--workflow-profile", str(repository / "profiles/default")]
    environment = {**with_gpus(folder, 2), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, "--cores", "4"],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    (counted,) = [line for line in done.stderr.splitlines() if line.startswith("Provided resources: ")]
    assert re.search(r"gpu\D*2\b", counted), counted
    rows = {int(path.name): path.read_text().split() for path in (folder / "times").iterdir()}
    return {seed: (float(start), device, float(end)) for seed, (start, device, end) in rows.items()}


@pytest.fixture(scope="module")
def times(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> dict[int, tuple[float, str, float]]:
    return trained(tmp_path_factory.mktemp("gpus"), repository, 3)


def test_trainings_at_the_same_time_have_devices_of_their_own(times: dict[int, tuple[float, str, float]]) -> None:
    together = [
        (one, other)
        for one in times.values()
        for other in times.values()
        if one is not other and one[0] <= other[0] < one[2]
    ]
    assert together
    assert all(one[1] != other[1] for one, other in together)
    assert {device for _, device, _ in times.values()} == {"GPU-0", "GPU-1"}


def test_no_more_trainings_run_at_a_time_than_there_are_gpus(times: dict[int, tuple[float, str, float]]) -> None:
    first, second, third = sorted(times.values())
    assert second[0] < min(first[2], second[2]) <= third[0]
