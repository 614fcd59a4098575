"""Rule `comparison_codes`: the labelled tiles of a screen as one setup of the comparison sees them."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config.comparison_terms import Switch
from gandl.config.representations import RepresentationSettings
from gandl.embeddings.comparison.codes import write_codes
from gandl.images.store_reader import store_path
from gandl.models.compute.device import choose_device
from gandl.models.crops.tiles import open_tiles
from gandl.workflow.jobs import job
from gandl.workflow.machines.gpus import own_gpus

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

gpus = int(snakemake.resources.get("gpu", 0))
with job(snakemake.log[0]), own_gpus(gpus):
    weights = snakemake.input.get("weights")
    recipe = snakemake.params.get("recipe")
    tiles = Path(snakemake.input.tiles)
    reader, table = open_tiles(tiles, [store_path(Path(manifest)) for manifest in snakemake.input.manifests])
    write_codes(
        snakemake.wildcards.setup,
        reader,
        table,
        Path(snakemake.output.codes),
        weights=Path(weights) if weights else None,
        recipe=None if recipe is None else RepresentationSettings.model_validate(recipe),
        switches=frozenset(Switch(name) for name in snakemake.params.get("switches", [])),
        seed=int(snakemake.wildcards.seed),
        source=str(tiles),
        device=choose_device(gpus),
    )
