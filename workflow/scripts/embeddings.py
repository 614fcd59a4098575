"""Rule `embeddings`: one store through the trained discriminator, all its featurizers in one pass."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import Dataset, EmbeddingsSettings, FeaturizerName
from gandl.embeddings.embed import embed_store
from gandl.embeddings.featurizers import build_featurizers
from gandl.images.store import store_path
from gandl.jobs import job
from gandl.models.device import choose_device

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    settings = EmbeddingsSettings.model_validate(snakemake.params.settings)
    gpus = int(snakemake.resources.get("gpu", 0))
    embed_store(
        store_path(Path(snakemake.input.manifest)),
        build_featurizers(
            [FeaturizerName(name) for name in snakemake.params.featurizers],
            settings=settings,
            weights=Path(snakemake.input.weights),
        ),
        [Path(output) for output in snakemake.output.embeddings],
        settings,
        Dataset(snakemake.wildcards.dataset),
        device=str(choose_device(gpus)),
        readers=snakemake.threads if gpus else 1,
    )
