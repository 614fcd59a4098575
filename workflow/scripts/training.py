"""Rule `training`: GAN-DL on crops of all stores; the probe is handed in here, so that models never reads a label."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import TrainingSettings
from gandl.images.store import store_path
from gandl.jobs import job
from gandl.models.probe import build_probe, probe_id
from gandl.models.training import train

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    stores = [store_path(Path(manifest)) for manifest in snakemake.input.manifests]
    settings = TrainingSettings.model_validate(snakemake.params.settings)
    weights = Path(snakemake.output.weights)
    probe, probe_name = None, ""
    if settings.probe:
        sites, splits = (Path(table) for table in snakemake.input.probe_tables)
        probe, probe_name = build_probe(stores, sites, splits, settings), probe_id(sites, splits)
    train(
        stores,
        settings,
        int(snakemake.wildcards.seed),
        weights,
        Path(snakemake.output.curve),
        Path(snakemake.output.samples),
        weights.parent / "checkpoints",
        probe,
        probe_name,
    )
