"""Rule `audit`: every number beside its reference, and the run as an RO-Crate."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.report.audit import AuditInputs, AuditOutputs, write_audit
from gandl.report.audit_table import AuditTableInputs, write_audit_table, write_numbers
from gandl.report.made.crate import CrateFiles, write_crate
from gandl.report.reference.representations import ComparisonFiles
from gandl.workflow.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    inputs = AuditInputs(
        numbers=[Path(path) for path in snakemake.input.numbers],
        provenance=Path(snakemake.input.provenance),
        references=Path(snakemake.input.reference),
        sites=Path(snakemake.input.sites[0]),
        others=[Path(path) for path in snakemake.input.sites[1:]],
        curves=[Path(snakemake.input.curve)] if snakemake.input.curve else [],
        setups=[Path(path) for path in snakemake.input.setups],
        similarity=[Path(path) for path in snakemake.input.similarity],
        tiles=Path(snakemake.input.tiles) if snakemake.input.tiles else None,
        treatments=Path(snakemake.input.treatments) if snakemake.input.treatments else None,
        compounds=Path(snakemake.input.compounds) if snakemake.input.compounds else None,
        paired=[Path(path) for path in snakemake.input.paired],
        landing=Path(snakemake.input.landing),
        printed=Path(snakemake.output.table),
    )
    tasks = [*inputs.similarity, *map(Path, snakemake.input.tasks)]
    values = AuditTableInputs(
        references=inputs.references,
        provenance=inputs.provenance,
        full=Path(snakemake.input.full),
        numbers=inputs.numbers,
        sites=[inputs.sites, *inputs.others],
        paired=inputs.paired,
        doses=[Path(path) for path in snakemake.input.called[:1]],
        compounds=[Path(path) for path in snakemake.input.called[1:]],
        comparison=ComparisonFiles(inputs.setups[0], tasks, Path(snakemake.input.tiles)) if inputs.setups else None,
    )
    write_audit_table(values, Path(snakemake.output.table))
    write_numbers(values, Path(snakemake.output.numbers))
    beside = AuditOutputs(beside=Path(snakemake.output.beside), landing=Path(snakemake.output.landing))
    write_audit(inputs, Path(snakemake.output.audit), Path(snakemake.output.summary), beside)
    pages = [snakemake.output[name] for name in ("audit", "table", "numbers", "summary", "beside", "landing")]
    files = CrateFiles(
        root=Path(snakemake.output.crate).parent,
        provenance=inputs.provenance,
        workflow=[Path(path) for path in snakemake.input.workflow],
        lock=Path(snakemake.input.lock),
        results=[Path(path) for path in (*snakemake.input.figures, *pages)],
        repository=Path(snakemake.input.lock).parent,
    )
    write_crate(files, Path(snakemake.output.crate), snakemake.params.rules)
