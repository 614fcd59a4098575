"""Rule `calibration`: scores and EC50s against the simulation's truth."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import EvaluationSettings
from gandl.evaluation.calibration import write_calibration
from gandl.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    write_calibration(
        Path(snakemake.input.scores),
        Path(snakemake.input.doses),
        Path(snakemake.input.truth),
        EvaluationSettings.model_validate(snakemake.params.settings),
        featurizer=snakemake.wildcards.featurizer,
        normalization=snakemake.wildcards.method,
        seed=snakemake.params.seed,
        training_seed=snakemake.params.training_seed,
        output=Path(snakemake.output.numbers),
        wells=Path(snakemake.output.wells),
        compounds=Path(snakemake.output.compounds),
    )
