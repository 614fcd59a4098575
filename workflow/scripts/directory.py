"""Rule `directory`: the central directory of an image archive."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import ImagesSettings
from gandl.jobs import job
from gandl.source.origin import mirror_of
from gandl.source.zip_directory import write_directory

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    mirror = snakemake.config["mirror"]
    if snakemake.input.simulated:
        mirror = mirror_of(snakemake.input.simulated, f"{snakemake.wildcards.host}/{snakemake.wildcards.path}")
    write_directory(
        snakemake.params.entry["url"],
        mirror=mirror,
        output=Path(snakemake.output.directory),
        settings=ImagesSettings.model_validate(snakemake.config["images"]),
    )
