"""Rules `embeddings`, `imagenet`, `untrained` and `floors`: one store through a network, or measured."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import Dataset, EmbeddingsSettings, FeaturizerName, NetworkSettings, TrainingSettings
from gandl.embeddings.embed import embed_store
from gandl.embeddings.kinds import build_featurizers
from gandl.images.store_reader import store_path
from gandl.models.compute.device import choose_device
from gandl.workflow.jobs import job
from gandl.workflow.machines.gpus import own_gpus

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

gpus = int(snakemake.resources.get("gpu", 0))
with job(snakemake.log[0]), own_gpus(gpus):
    settings = EmbeddingsSettings.model_validate(snakemake.params.settings)
    names = [FeaturizerName(name) for name in snakemake.params.featurizers]
    if weights := snakemake.input.get("weights"):
        featurizers = build_featurizers(names, settings=settings, weights=Path(weights))
    else:
        training = None
        if shape := snakemake.params.get("network"):
            network = NetworkSettings.model_validate(shape)
            training = TrainingSettings(
                network=network,
                resolution=snakemake.params.resolution,
                intensity=snakemake.params.intensity,
                seed=snakemake.params.seed,
                batch=network.minibatch_std_group,  # decides nothing here; this value fits every network
            )
        elif intensity := snakemake.params.get(
            "intensity"
        ):  # all that a network trained elsewhere needs of the training
            shared = {"intensity": intensity, "resolution": snakemake.params.resolution, "seed": snakemake.params.seed}
            training = TrainingSettings.given(shared)
        screen = [store_path(Path(manifest)) for manifest in snakemake.input.screen]
        pretrained = [Path(file) for file in snakemake.input.get("pretrained", [])]
        featurizers = build_featurizers(
            names, settings=settings, screen=screen, training=training, pretrained=next(iter(pretrained), None)
        )
    embed_store(
        store_path(Path(snakemake.input.manifest)),
        featurizers,
        [Path(output) for output in snakemake.output.embeddings],
        settings,
        Dataset(snakemake.wildcards.dataset),
        device=str(choose_device(gpus)),
        readers=snakemake.threads if gpus else 1,
    )
