"""Rule `figure_featurizers`: Z' of every featurizer."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import FiguresSettings
from gandl.figures.featurizers import draw_featurizers
from gandl.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    numbers = {
        name: Path(path) for name, path in zip(snakemake.params.featurizers, snakemake.input.numbers, strict=True)
    }
    draw_featurizers(
        numbers,
        Path(snakemake.input.reference),
        dataset=snakemake.params.dataset,
        settings=FiguresSettings.model_validate(snakemake.params.settings),
        svg=Path(snakemake.output.svg),
        png=Path(snakemake.output.png),
        csv=Path(snakemake.output.csv),
        word=snakemake.params.word,
    )
