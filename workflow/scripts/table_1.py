"""Rule `table_1`: accuracy on the paper's tasks."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import FiguresSettings
from gandl.figures.table_1 import write_table_1
from gandl.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    write_table_1(
        [Path(path) for path in snakemake.input.numbers],
        Path(snakemake.input.reference),
        featurizers=snakemake.params.featurizers,
        normalization=snakemake.params.normalization,
        settings=FiguresSettings.model_validate(snakemake.params.settings),
        html=Path(snakemake.output.html),
        csv=Path(snakemake.output.csv),
        word=snakemake.params.word,
        confidence=snakemake.params.confidence,
    )
