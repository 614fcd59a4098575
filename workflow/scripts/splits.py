"""Rule `splits`: which wells train and which test, per question."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.source.splits import write_splits
from gandl.workflow.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    write_splits(
        Path(snakemake.input.sites),
        Path(snakemake.output.splits),
        development_rows=snakemake.params.development_rows,
        test_share=snakemake.params.test_share,
        seed=snakemake.params.seed,
        questions=snakemake.params.questions,
    )
