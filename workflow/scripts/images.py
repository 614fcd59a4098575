"""Rule `images`: one plate or experiment becomes a Zarr image store."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import ImagesSettings
from gandl.images.screens.packing import Raw, Target, pack_store_of
from gandl.images.store_reader import store_path
from gandl.source.simulator.plan import mirror_in_use
from gandl.workflow.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    manifest, decides = Path(snakemake.output.manifest), snakemake.params.settings
    archive = next((Path(path) for path in snakemake.input.archive), None)
    simulated = archive if snakemake.config["source"]["simulation"] else None
    pack_store_of(
        snakemake.wildcards.dataset,
        snakemake.wildcards.store,
        Raw(
            archive=archive,
            directory=next((Path(path) for path in snakemake.input.directory), None),
            address=snakemake.params.address,
            mirror=mirror_in_use(snakemake.config["mirror"], simulated),
        ),
        Path(snakemake.input.sites),
        Target(store_path(manifest), Path(snakemake.output.index), manifest),
        resolutions=decides["resolutions"],
        source=decides["source"],
        settings=ImagesSettings.model_validate(snakemake.config["images"]),
        code=snakemake.params.code,
        threads=snakemake.threads,
    )
