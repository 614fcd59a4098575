"""Rule `figure_s_training`: one training in full."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import FiguresSettings
from gandl.figures.training_supplement import draw_training_supplement
from gandl.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    draw_training_supplement(
        Path(snakemake.input.curve),
        Path(snakemake.input.arrays),
        seed=snakemake.params.seed,
        settings=FiguresSettings.model_validate(snakemake.params.settings),
        svg=Path(snakemake.output.svg),
        png=Path(snakemake.output.png),
        csv=Path(snakemake.output.csv),
        word=snakemake.params.word,
    )
