"""Rule `cell_type`: the cell types of RxRx1 on raw profiles."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import EvaluationSettings
from gandl.evaluation.cell_type import write_cell_type
from gandl.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    write_cell_type(
        Path(snakemake.input.wells),
        Path(snakemake.input.sites),
        Path(snakemake.input.splits),
        EvaluationSettings.model_validate(snakemake.params.settings),
        featurizer=snakemake.wildcards.featurizer,
        normalization=snakemake.wildcards.method,
        seed=snakemake.params.seed,
        training_seed=snakemake.params.training_seed,
        output=Path(snakemake.output.numbers),
        confusion=Path(snakemake.output.confusion),
    )
