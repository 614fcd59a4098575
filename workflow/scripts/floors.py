"""Rule `floors`: one store through every featurizer that was never trained."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import EmbeddingsSettings, FeaturizerName, NetworkSettings, TrainingSettings
from gandl.embeddings.embed import embed_store
from gandl.embeddings.featurizers import build_featurizer
from gandl.images.store import store_path
from gandl.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    store = store_path(Path(snakemake.input.manifest))
    settings = EmbeddingsSettings.model_validate(snakemake.params.settings)
    network = NetworkSettings.model_validate(snakemake.params.network)
    training = TrainingSettings(
        network=network,
        resolution=snakemake.params.resolution,
        intensity=snakemake.params.intensity,
        seed=snakemake.params.seed,
        batch=network.minibatch_std_group,  # decides nothing here; this value fits every network
    )
    for name, output in zip(snakemake.params.floors, snakemake.output.embeddings, strict=True):
        featurizer = build_featurizer(FeaturizerName(name), settings=settings, stores=[store], training=training)
        embed_store(store, featurizer, Path(output), settings)
