"""Rule `figure_training`: losses, penalties and the probe along training."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import FiguresSettings
from gandl.figures.training import draw_training
from gandl.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    draw_training(
        {snakemake.params.seed: Path(snakemake.input.curve)},
        settings=FiguresSettings.model_validate(snakemake.params.settings),
        svg=Path(snakemake.output.svg),
        png=Path(snakemake.output.png),
        csv=Path(snakemake.output.csv),
        word=snakemake.params.word,
    )
