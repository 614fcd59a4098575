"""Rule `figure_calibration`: scores and EC50s against the truth."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import FiguresSettings
from gandl.figures.calibration import draw_calibration
from gandl.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    draw_calibration(
        Path(snakemake.input.wells),
        Path(snakemake.input.compounds),
        Path(snakemake.input.numbers),
        featurizer=snakemake.params.featurizer,
        settings=FiguresSettings.model_validate(snakemake.params.settings),
        svg=Path(snakemake.output.svg),
        png=Path(snakemake.output.png),
        csv=Path(snakemake.output.csv),
        word=snakemake.params.word,
    )
