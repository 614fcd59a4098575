"""Rule `directory`: the central directory of an image archive."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import ImagesSettings
from gandl.jobs import job
from gandl.source.zip_directory import write_directory

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    write_directory(
        snakemake.params.entry["url"],
        mirror=snakemake.params.simulator or snakemake.config["mirror"],
        output=Path(snakemake.output.directory),
        settings=ImagesSettings.model_validate(snakemake.config["images"]),
    )
