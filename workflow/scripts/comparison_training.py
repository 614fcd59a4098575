"""Rule `comparison_training`: one setup of the comparison, trained on the tiles of a screen."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if not snakemake.resources.get("gpu", 0):
    os.environ["GOMP_SPINCOUNT"] = "10000"  # as in training.py

from gandl.images.store_reader import store_path
from gandl.models.engine.launch import run
from gandl.models.engine.worker import TrainingJob
from gandl.models.objectives.kinds import objective_of
from gandl.workflow.jobs import job
from gandl.workflow.machines.gpus import own_gpus

gpus = int(snakemake.resources.get("gpu", 0))
with job(snakemake.log[0]), own_gpus(gpus):
    objective = snakemake.params.objective
    weights = Path(snakemake.output.weights)
    run(
        TrainingJob(
            stores=tuple(store_path(Path(manifest)) for manifest in snakemake.input.manifests),
            tiles=Path(snakemake.input.tiles),
            settings=objective_of(objective).settings_type.model_validate(snakemake.params.settings),
            seed=int(snakemake.wildcards.seed),
            weights=weights,
            curve=Path(snakemake.output.curve),
            samples=Path(snakemake.output.samples),
            checkpoints=weights.parent / "checkpoints",
            objective=objective,
            gpus=gpus,
            threads=snakemake.threads,
            log=Path(snakemake.log[0]),
        )
    )
