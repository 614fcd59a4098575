"""Rule `dose_response`: Hill fits of each drug's on scores."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import EvaluationSettings
from gandl.evaluation.dose_response import write_dose_response
from gandl.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    write_dose_response(
        Path(snakemake.input.scores),
        Path(snakemake.input.raw_wells),
        EvaluationSettings.model_validate(snakemake.params.settings),
        featurizer=snakemake.wildcards.featurizer,
        normalization=snakemake.wildcards.method,
        seed=snakemake.params.seed,
        training_seed=snakemake.params.training_seed,
        output=Path(snakemake.output.numbers),
        curves=Path(snakemake.output.curves),
        points=Path(snakemake.output.points),
    )
