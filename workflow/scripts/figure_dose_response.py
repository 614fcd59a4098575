"""Rule `figure_dose_response`: each drug by each featurizer."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import FiguresSettings
from gandl.figures.dose_response import DoseResponse, draw_dose_response
from gandl.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    files = zip(
        snakemake.params.featurizers,
        snakemake.input.numbers,
        snakemake.input.curves,
        snakemake.input.points,
        snakemake.input.scores,
        strict=True,
    )
    draw_dose_response(
        {name: DoseResponse(*(Path(path) for path in paths)) for name, *paths in files},
        settings=FiguresSettings.model_validate(snakemake.params.settings),
        svg=Path(snakemake.output.svg),
        png=Path(snakemake.output.png),
        csv=Path(snakemake.output.csv),
        word=snakemake.params.word,
        scheme=snakemake.params.scheme,
        confidence=snakemake.params.confidence,
    )
