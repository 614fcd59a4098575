"""Rule `explorer`: the page to look around in."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.explorer.page import About, answers_of, write_explorer
from gandl.figures.common.labels import named_with
from gandl.workflow.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]), named_with(snakemake.params.network):
    found = snakemake.input
    answers = answers_of(
        snakemake.params.featurizers,
        snakemake.params.profiled,
        scores=found.scores,
        cell_model=found.cell_model,
        compounds=found.compounds,
        curves=found.curves,
        profiles=found.profiles,
    )
    write_explorer(
        answers,
        Path(found.sites),
        Path(found.thumbnails),
        About(**snakemake.params.about),
        html=Path(snakemake.output.html),
    )
