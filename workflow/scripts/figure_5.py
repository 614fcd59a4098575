"""Rule `figure_5`: confusion matrices of the cell types."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import FiguresSettings
from gandl.figures.confusion import CellTypes, draw_confusion
from gandl.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    files = zip(snakemake.params.featurizers, snakemake.input.confusion, snakemake.input.numbers, strict=True)
    draw_confusion(
        {name: CellTypes(Path(confusion), Path(numbers)) for name, confusion, numbers in files},
        scheme="quarter",
        unit="site",
        settings=FiguresSettings.model_validate(snakemake.params.settings),
        svg=Path(snakemake.output.svg),
        png=Path(snakemake.output.png),
        csv=Path(snakemake.output.csv),
        word=snakemake.params.word,
    )
