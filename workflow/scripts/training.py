"""Rule `training`: GAN-DL on crops of all stores; the probe is handed in here, so that models never reads a label."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if not snakemake.resources.get("gpu", 0):
    # Heard when torch is imported: threads wait awake for a moment before they sleep (`gandl/__init__.py` lets them sleep at
    # once), and train a fifth faster. Not for longer: beside another process on the same cores they would hold each other up.
    os.environ["GOMP_SPINCOUNT"] = "10000"

from gandl.config import TrainingSettings
from gandl.images.store_reader import store_path
from gandl.models.engine.launch import run
from gandl.models.engine.worker import TrainingJob
from gandl.workflow.jobs import job

with job(snakemake.log[0]):
    settings = TrainingSettings.model_validate(snakemake.params.settings)
    weights = Path(snakemake.output.weights)
    sites, splits = (Path(table) for table in snakemake.input.probe_tables) if settings.probe else (None, None)
    run(
        TrainingJob(
            stores=tuple(store_path(Path(manifest)) for manifest in snakemake.input.manifests),
            settings=settings,
            seed=int(snakemake.wildcards.seed),
            weights=weights,
            curve=Path(snakemake.output.curve),
            samples=Path(snakemake.output.samples),
            checkpoints=weights.parent / "checkpoints",
            probe_tables=None if sites is None else (sites, splits),
            gpus=int(snakemake.resources.get("gpu", 0)),
            threads=snakemake.threads,
            log=Path(snakemake.log[0]),
        )
    )
