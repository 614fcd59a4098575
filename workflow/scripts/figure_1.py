"""Rule `figure_1`: example images of every screen."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import FiguresSettings
from gandl.figures.examples import draw_examples
from gandl.images.store import store_path
from gandl.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    stores = zip(snakemake.params.datasets, snakemake.input.manifests, strict=True)
    draw_examples(
        [(dataset, store_path(Path(manifest))) for dataset, manifest in stores],
        sites=[Path(path) for path in snakemake.input.sites],
        resolutions=snakemake.params.resolutions,
        settings=FiguresSettings.model_validate(snakemake.params.settings),
        svg=Path(snakemake.output.svg),
        png=Path(snakemake.output.png),
        csv=Path(snakemake.output.csv),
        word=snakemake.params.word,
    )
