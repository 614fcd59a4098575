"""Rule `sites`: the plate map becomes the sites table."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.jobs import job
from gandl.source.bbbc013 import write_sites

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    write_sites(Path(snakemake.input.platemap), Path(snakemake.output.sites))
