"""Rule `images`: one plate or experiment becomes a Zarr image store."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import ImagesSettings
from gandl.images.packing import Raw, Target, pack_store_of
from gandl.images.store import store_path
from gandl.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    manifest, decides = Path(snakemake.output.manifest), snakemake.params.settings
    pack_store_of(
        snakemake.wildcards.dataset,
        snakemake.wildcards.store,
        Raw(
            archive=next((Path(path) for path in snakemake.input.archive), None),
            directory=next((Path(path) for path in snakemake.input.directory), None),
            mirror=decides["simulator"] or snakemake.config["mirror"],
        ),
        Path(snakemake.input.sites),
        Target(store_path(manifest), Path(snakemake.output.index), manifest),
        resolutions=decides["resolutions"],
        source=decides["source"],
        settings=ImagesSettings.model_validate(snakemake.config["images"]),
        code=snakemake.params.code,
        threads=snakemake.threads,
    )
