"""Rule `images`: one plate or experiment becomes a Zarr image store."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import Dataset, ImagesSettings
from gandl.images.packing import Raw, Target, pack_store_of
from gandl.images.store import store_path
from gandl.jobs import job
from gandl.source.origin import mirror_of
from gandl.source.simulator.plan import files_of_simulation

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    manifest, decides = Path(snakemake.output.manifest), snakemake.params.settings
    archive = next((Path(path) for path in snakemake.input.archive), None)
    dataset, mirror = snakemake.wildcards.dataset, snakemake.config["mirror"]
    if snakemake.config["source"]["simulation"]:
        mirror = mirror_of(archive, str(files_of_simulation(Dataset(dataset)).images))
    pack_store_of(
        dataset,
        snakemake.wildcards.store,
        Raw(
            archive=archive,
            directory=next((Path(path) for path in snakemake.input.directory), None),
            mirror=mirror,
        ),
        Path(snakemake.input.sites),
        Target(store_path(manifest), Path(snakemake.output.index), manifest),
        resolutions=decides["resolutions"],
        source=decides["source"],
        settings=ImagesSettings.model_validate(snakemake.config["images"]),
        code=snakemake.params.code,
        threads=snakemake.threads,
    )
