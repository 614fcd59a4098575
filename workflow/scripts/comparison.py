"""Rules of the comparison but for trainings and figures: the function of gandl that the rule names in `calls`."""

from typing import TYPE_CHECKING

from gandl.workflow.calls import bound, with_sections
from gandl.workflow.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    calls = snakemake.params.calls
    params = {name: value for name, value in snakemake.params.items() if name not in ("calls", "code")}
    offered = {"training_seed" if name == "seed" else name: value for name, value in snakemake.wildcards.items()}
    if "training_seed" in offered:
        offered["training_seed"] = int(offered["training_seed"])
    inputs, outputs = dict(snakemake.input.items()), dict(snakemake.output.items())
    bound(calls, inputs, outputs, with_sections(calls, params), offered=offered)()
