"""Rule `table_featurizers`: every featurizer by every metric."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import FiguresSettings
from gandl.figures.table_featurizers import write_table_featurizers
from gandl.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    numbers = {
        name: Path(path) for name, path in zip(snakemake.params.featurizers, snakemake.input.numbers, strict=True)
    }
    write_table_featurizers(
        numbers,
        Path(snakemake.input.reference),
        dataset=snakemake.params.dataset,
        settings=FiguresSettings.model_validate(snakemake.params.settings),
        html=Path(snakemake.output.html),
        csv=Path(snakemake.output.csv),
        word=snakemake.params.word,
        confidence=snakemake.params.confidence,
    )
