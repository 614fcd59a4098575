"""Every figure and every table: the function of gandl that the rule names in `calls`."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import FiguresSettings
from gandl.figures.common.absent import draw_or_say
from gandl.figures.common.labels import named_with
from gandl.workflow.calls import bound
from gandl.workflow.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

FOR_OTHERS = ("calls", "code", "caption", "each", "network", "paper")
"""Parameters of a rule that its function does not take: for Snakemake, the report, and `bound`."""

with job(snakemake.log[0]), named_with(snakemake.params.network):
    drawn = {name: file for name, file in snakemake.input.items() if name != "style"}
    params = {name: value for name, value in snakemake.params.items() if name not in FOR_OTHERS}
    params["settings"] = FiguresSettings.model_validate(params["settings"])
    outputs = dict(snakemake.output.items())
    call = bound(snakemake.params.calls, drawn, outputs, params, each=snakemake.params.get("each", ()))
    draw_or_say(
        call,
        drawn.values(),
        {name: Path(file) for name, file in outputs.items()},
        params["settings"],
        snakemake.params.word,
    )
