"""Rule `thumbnails`: a sheet of small pictures per store."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.explorer.thumbnails import write_thumbnails
from gandl.workflow.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    write_thumbnails(
        [Path(path) for path in snakemake.input.manifests],
        Path(snakemake.input.sites),
        sheets=[Path(path) for path in snakemake.output.sheets],
        index=Path(snakemake.output.index),
        dataset=snakemake.params.dataset,
    )
