"""Rule `directory`: the central directory of an image archive."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import ImagesSettings
from gandl.source.simulator.plan import mirror_in_use
from gandl.source.zip.directory import write_directory
from gandl.workflow.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    write_directory(
        snakemake.params.entry["url"],
        mirror=mirror_in_use(snakemake.config["mirror"], snakemake.input.simulated),
        output=Path(snakemake.output.directory),
        settings=ImagesSettings.model_validate(snakemake.config["images"]),
    )
