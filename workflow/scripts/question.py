"""Every question of the evaluation, the scores, and the comparison: the function of gandl that the rule names in `calls`."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.evaluation.missing.answers import answer
from gandl.workflow.calls import bound, with_sections
from gandl.workflow.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

OFFERED = {"method": "normalization", "seed": "training_seed"}
"""Wildcards that functions know by another name."""
OF_ANSWERS = ("featurizer", "normalization")

with job(snakemake.log[0]):
    calls = snakemake.params.calls
    outputs = {"output" if name == "numbers" else name: file for name, file in snakemake.output.items()}
    params = {name: value for name, value in snakemake.params.items() if name not in ("calls", "code")}
    wildcards = {OFFERED.get(name, name): value for name, value in snakemake.wildcards.items()}
    if "training_seed" in wildcards:
        wildcards["training_seed"] = int(wildcards["training_seed"])
    inputs = dict(snakemake.input.items())
    call = bound(calls, inputs, outputs, with_sections(calls, params), offered=wildcards)
    names = {name: value for name, value in wildcards.items() if name in OF_ANSWERS}
    answer(call, calls.split(".")[2], inputs.values(), {name: Path(file) for name, file in outputs.items()}, names)
