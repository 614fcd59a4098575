"""Rule `controls`: how far apart the held-out controls lie."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import EvaluationSettings
from gandl.evaluation.controls import write_controls
from gandl.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    write_controls(
        Path(snakemake.input.scores),
        Path(snakemake.input.sites),
        Path(snakemake.input.raw_wells),
        EvaluationSettings.model_validate(snakemake.params.settings),
        snakemake.params.development_rows,
        featurizer=snakemake.wildcards.featurizer,
        normalization=snakemake.wildcards.method,
        seed=snakemake.params.seed,
        training_seed=snakemake.params.training_seed,
        output=Path(snakemake.output.numbers),
    )
