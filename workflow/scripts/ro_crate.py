"""Rule `ro_crate`: the run as an RO-Crate."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.report.made.crate import CrateFiles, write_crate
from gandl.workflow.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    files = CrateFiles(
        root=Path(snakemake.params.root),
        provenance=Path(snakemake.input.provenance),
        workflow=[Path(path) for path in snakemake.input.workflow],
        lock=Path(snakemake.input.lock),
        results=[Path(path) for path in snakemake.input.results],
        repository=Path(),
    )
    write_crate(files, Path(snakemake.output.crate), snakemake.params.rules)
