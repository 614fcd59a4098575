"""Rule `figure_3`: the spaces E2 and C2."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import FiguresSettings
from gandl.figures.spaces import Space, draw_spaces
from gandl.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    scheme = snakemake.params.scheme
    draw_spaces(
        [Space("E2", Path(snakemake.input.e2), scheme), Space("C2", Path(snakemake.input.c2), scheme)],
        featurizer=snakemake.params.featurizer,
        settings=FiguresSettings.model_validate(snakemake.params.settings),
        svg=Path(snakemake.output.svg),
        png=Path(snakemake.output.png),
        csv=Path(snakemake.output.csv),
        word=snakemake.params.word,
    )
