"""Rule `figure_4`: dose response of three drugs."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import FiguresSettings
from gandl.figures.dose_response import DoseResponse
from gandl.figures.drugs import draw_drugs
from gandl.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    files = (snakemake.input.numbers, snakemake.input.curves, snakemake.input.points, snakemake.input.scores)
    draw_drugs(
        DoseResponse(*(Path(path) for path in files)),
        featurizer=snakemake.params.featurizer,
        scheme=snakemake.params.scheme,
        confidence=snakemake.params.confidence,
        settings=FiguresSettings.model_validate(snakemake.params.settings),
        svg=Path(snakemake.output.svg),
        png=Path(snakemake.output.png),
        csv=Path(snakemake.output.csv),
        word=snakemake.params.word,
    )
