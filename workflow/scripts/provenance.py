"""Rule `provenance`: what the run was made from."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config.check import load_config
from gandl.report.made.provenance import write_provenance
from gandl.source.remote.datasets import read_datasets
from gandl.workflow.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    config = load_config(snakemake.config)
    write_provenance(
        Path(snakemake.output.provenance),
        config=config,
        repository=Path(snakemake.input.lock).parent,
        code=snakemake.params.codes,
        workflow=[Path(path) for path in snakemake.input.workflow],
        lock=Path(snakemake.input.lock),
        archives=[Path(path) for path in snakemake.input.archives],
        downloads=read_datasets(Path(snakemake.input.datasets)),
        manifests=[Path(path) for path in snakemake.input.manifests],
        tables=[Path(path) for path in (*snakemake.input.tables, *snakemake.input.sites, snakemake.input.datasets)],
        benchmarks=Path(snakemake.params.benchmarks),
        outputs=snakemake.params.outputs,
    )
