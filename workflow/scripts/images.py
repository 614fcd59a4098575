"""Rule `images`: one plate becomes a Zarr image store."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import ImagesSettings
from gandl.images.bbbc013 import pack_bbbc013
from gandl.images.store import store_path
from gandl.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    pack_bbbc013(
        Path(snakemake.input.archive[0]),
        Path(snakemake.input.sites),
        store_path(Path(snakemake.output.manifest)),
        Path(snakemake.output.index),
        Path(snakemake.output.manifest),
        ImagesSettings.model_validate(snakemake.params.settings),
        code=snakemake.params.code,
    )
