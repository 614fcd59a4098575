"""Rule `baseline`: a classifier of siRNAs on whole images of all stores of RxRx1, without the channels that are left out."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if not snakemake.resources.get("gpu", 0):
    os.environ["GOMP_SPINCOUNT"] = "10000"  # as in `training.py`

from gandl.config import ClassifierSettings
from gandl.images.store_reader import ImageStore, store_path
from gandl.models.engine.launch import run
from gandl.models.engine.worker import TrainingJob
from gandl.workflow.jobs import job

with job(snakemake.log[0]):
    stores = tuple(store_path(Path(manifest)) for manifest in snakemake.input.manifests)
    weights = Path(snakemake.output.weights)
    run(
        TrainingJob(
            stores=stores,
            settings=ClassifierSettings.model_validate(snakemake.params.settings),
            seed=int(snakemake.wildcards.seed),
            weights=weights,
            curve=Path(snakemake.output.curve),
            samples=Path(snakemake.output.samples),
            checkpoints=weights.parent / "checkpoints",
            objective="classifier",
            labels=Path(snakemake.input.labels),
            channels=tuple(
                name for name in ImageStore(stores[0]).channels if name not in snakemake.params.drop_channels
            ),
            gpus=int(snakemake.resources.get("gpu", 0)),
            threads=snakemake.threads,
            log=Path(snakemake.log[0]),
        )
    )
