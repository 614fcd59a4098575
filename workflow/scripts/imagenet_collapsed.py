"""Rule `imagenet_collapsed`: one model for every fold of a question."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if not snakemake.resources.get("gpu", 0):
    os.environ["GOMP_SPINCOUNT"] = "10000"  # as in training.py

from gandl.config import CollapsedSettings
from gandl.images.store_reader import store_path
from gandl.models.folds.training import train_folds
from gandl.source.schemes import Question
from gandl.workflow.jobs import job

with job(snakemake.log[0]):
    pretrained = [Path(file) for file in snakemake.input.pretrained]
    given = {**snakemake.params.settings, "pretrained": next(iter(pretrained), None)}
    train_folds(
        Question(snakemake.wildcards.question),
        [store_path(Path(manifest)) for manifest in snakemake.input.manifests],
        Path(snakemake.input.sites),
        Path(snakemake.input.splits),
        CollapsedSettings.model_validate(given),
        snakemake.params.schemes,
        Path(snakemake.output.folds),
        drop_channels=snakemake.params.drop_channels,
        gpus=int(snakemake.resources.get("gpu", 0)),
        threads=snakemake.threads,
        log=Path(snakemake.log[0]),
    )
