"""Rule `collapsed_embeddings`: one store through the models of a question's folds."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import Dataset, EmbeddingsSettings
from gandl.embeddings.imagenet.folds import embed_folds
from gandl.images.store_reader import store_path
from gandl.models.compute.device import choose_device
from gandl.workflow.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    embed_folds(
        store_path(Path(snakemake.input.manifest)),
        Path(snakemake.input.folds),
        Path(snakemake.input.sites),
        Path(snakemake.input.splits),
        Path(snakemake.output.embeddings),
        EmbeddingsSettings.model_validate(snakemake.params.settings),
        Dataset(snakemake.wildcards.dataset),
        pretrained=next((Path(file) for file in snakemake.input.pretrained), None),
        device=str(choose_device(int(snakemake.resources.get("gpu", 0)))),
    )
