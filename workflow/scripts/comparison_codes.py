"""Rule `comparison_codes`: the labelled tiles of a screen as one setup of the comparison sees them."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config.comparison_terms import Beyond
from gandl.config.representations import UnsupervisedSettings
from gandl.embeddings.comparison.codes import write_codes
from gandl.models.compute.device import choose_device
from gandl.models.crops.tiles import read_tiles
from gandl.workflow.jobs import job
from gandl.workflow.machines.gpus import own_gpus

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

gpus = int(snakemake.resources.get("gpu", 0))
with job(snakemake.log[0]), own_gpus(gpus):
    setup = snakemake.wildcards.setup
    weights = snakemake.input.get("weights")
    recipe = UnsupervisedSettings.model_validate(snakemake.params.settings) if setup == Beyond.UNTRAINED else None
    tiles = Path(snakemake.input.tiles)
    manifests = [Path(manifest) for manifest in snakemake.input.manifests]
    reader, table = read_tiles(tiles, manifests, snakemake.params.side, snakemake.params.resolution)
    write_codes(
        setup,
        reader,
        table,
        Path(snakemake.output.output),
        weights=Path(weights) if weights else None,
        recipe=recipe,
        seed=int(snakemake.wildcards.seed),
        source=str(tiles),
        device=choose_device(gpus),
    )
