"""Rule `sites`: a screen's metadata, plate map or table becomes the sites table."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.source.sites import write_sites_of
from gandl.workflow.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    write_sites_of(
        snakemake.wildcards.dataset,
        snakemake.params.settings,
        [Path(path) for path in snakemake.input.raw],
        Path(snakemake.output.sites),
    )
