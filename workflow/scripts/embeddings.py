"""Rule `embeddings`: one store through the trained discriminator."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import EmbeddingsSettings, FeaturizerName
from gandl.embeddings.embed import embed_store
from gandl.embeddings.featurizers import build_featurizer
from gandl.images.store import store_path
from gandl.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    store = store_path(Path(snakemake.input.manifest))
    settings = EmbeddingsSettings.model_validate(snakemake.params.settings)
    featurizer = build_featurizer(
        FeaturizerName(snakemake.wildcards.trained),
        settings=settings,
        stores=[store],
        weights=Path(snakemake.input.weights),
    )
    embed_store(store, featurizer, Path(snakemake.output.embeddings), settings)
