"""Every figure and every table: the function of gandl that the rule names in `calls`."""

from typing import TYPE_CHECKING

from gandl.config import FiguresSettings
from gandl.workflow.calls import call
from gandl.workflow.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    drawn = {name: file for name, file in snakemake.input.items() if name != "style"}
    settings = FiguresSettings.model_validate(snakemake.params.settings)
    call(
        snakemake.params.calls,
        drawn,
        dict(snakemake.output.items()),
        dict(snakemake.params.items()) | {"settings": settings},
        each=snakemake.params.get("each", ()),
    )
