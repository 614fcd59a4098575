"""Rule `baseline_labels`: which siRNA each site has, and which sites validate."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.source.labels import write_labels
from gandl.workflow.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    write_labels(
        Path(snakemake.input.sites),
        Path(snakemake.output.labels),
        held_out=snakemake.params.held_out,
        seed=snakemake.params.seed,
    )
