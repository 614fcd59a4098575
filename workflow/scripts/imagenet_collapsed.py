"""Rules `imagenet_collapsed`: one model for every fold of a question; and `collapsed_embeddings`: a store through them."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if not snakemake.resources.get("gpu", 0):
    os.environ["GOMP_SPINCOUNT"] = "10000"  # as in training.py

from gandl.config import CollapsedSettings, Dataset, EmbeddingsSettings
from gandl.embeddings.imagenet.folds import embed_folds
from gandl.images.store_reader import store_path
from gandl.models.compute.device import choose_device
from gandl.models.folds.curves import write_fold_curves
from gandl.models.folds.training import train_folds
from gandl.source.schemes import Question
from gandl.workflow.jobs import job
from gandl.workflow.machines.gpus import own_gpus

gpus = int(snakemake.resources.get("gpu", 0))
with job(snakemake.log[0]), own_gpus(gpus):
    pretrained = next((Path(file) for file in snakemake.input.pretrained), None)
    sites, splits = Path(snakemake.input.sites), Path(snakemake.input.splits)
    if folds := snakemake.output.get("folds"):
        train_folds(
            Question(snakemake.wildcards.question),
            [store_path(Path(manifest)) for manifest in snakemake.input.manifests],
            sites,
            splits,
            CollapsedSettings.model_validate(snakemake.params.settings),
            snakemake.params.schemes,
            Path(folds),
            pretrained=pretrained,
            drop_channels=snakemake.params.drop_channels,
            gpus=gpus,
            threads=snakemake.threads,
            log=Path(snakemake.log[0]),
        )
        write_fold_curves(Path(folds), Path(snakemake.output.curves))
    else:
        embed_folds(
            store_path(Path(snakemake.input.manifest)),
            Path(snakemake.input.folds),
            sites,
            splits,
            Path(snakemake.output.embeddings),
            EmbeddingsSettings.model_validate(snakemake.params.settings),
            Dataset(snakemake.wildcards.dataset),
            pretrained=pretrained,
            device=str(choose_device(gpus)),
        )
