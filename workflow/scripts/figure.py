"""Every figure, every table and the explorer: the function of gandl that the rule names in `calls`."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import FiguresSettings
from gandl.figures.common.absent import draw_or_say
from gandl.figures.common.labels import named_with
from gandl.workflow.calls import bound
from gandl.workflow.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

FOR_OTHERS = ("calls", "code", "caption", "each", "network", "paper", "settings", "word", "scaling")
"""Parameters of a rule for Snakemake, the report and `bound`; the last three only for functions that have a place for them."""

with job(snakemake.log[0]), named_with(snakemake.params.network):
    drawn = {name: file for name, file in snakemake.input.items() if name != "style"}
    params = {name: value for name, value in snakemake.params.items() if name not in FOR_OTHERS}
    settings, word = FiguresSettings.model_validate(snakemake.params["settings"]), snakemake.params.word
    outputs = dict(snakemake.output.items())
    call = bound(
        snakemake.params.calls,
        drawn,
        outputs,
        params,
        each=snakemake.params.get("each", ()),
        offered={"settings": settings, "word": word, "scaling": snakemake.params.scaling},
    )
    single = {name: Path(file) for name, file in outputs.items() if isinstance(file, str)}
    draw_or_say(call, drawn.values(), single, settings, word)
