"""Rule `floors`: one store through every featurizer that was never trained."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import Dataset, EmbeddingsSettings, FeaturizerName, NetworkSettings, TrainingSettings
from gandl.embeddings.embed import embed_store
from gandl.embeddings.featurizers import build_featurizers
from gandl.images.store import store_path
from gandl.jobs import job
from gandl.models.device import choose_device

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    settings = EmbeddingsSettings.model_validate(snakemake.params.settings)
    network = NetworkSettings.model_validate(snakemake.params.network)
    training = TrainingSettings(
        network=network,
        resolution=snakemake.params.resolution,
        intensity=snakemake.params.intensity,
        seed=snakemake.params.seed,
        batch=network.minibatch_std_group,  # decides nothing here; this value fits every network
    )
    gpus = int(snakemake.resources.get("gpu", 0))
    embed_store(
        store_path(Path(snakemake.input.manifest)),
        build_featurizers(
            [FeaturizerName(name) for name in snakemake.params.featurizers],
            settings=settings,
            screen=[store_path(Path(manifest)) for manifest in snakemake.input.screen],
            training=training,
        ),
        [Path(output) for output in snakemake.output.embeddings],
        settings,
        Dataset(snakemake.wildcards.dataset),
        device=str(choose_device(gpus)),
        readers=snakemake.threads if gpus else 1,
    )
