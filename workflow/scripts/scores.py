"""Rule `scores`: every well on the on- and off-perturbation axes."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import EvaluationSettings
from gandl.evaluation.scores import write_scores
from gandl.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    write_scores(
        Path(snakemake.input.wells),
        Path(snakemake.input.sites),
        Path(snakemake.input.splits),
        EvaluationSettings(svm_c=snakemake.params.svm_c),
        Path(snakemake.output.scores),
        Path(snakemake.output.sites),
    )
