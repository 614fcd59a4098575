"""Every question of the evaluation, and the scores: the function of gandl that the rule names in `calls`."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import EvaluationSettings
from gandl.evaluation.missing.answers import answer
from gandl.workflow.calls import bound
from gandl.workflow.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    outputs = {"output" if name == "numbers" else name: file for name, file in snakemake.output.items()}
    params = {name: value for name, value in snakemake.params.items() if name not in ("calls", "code")}
    params["settings"] = EvaluationSettings.given(params["settings"])
    wildcards = {"normalization" if name == "method" else name: value for name, value in snakemake.wildcards.items()}
    inputs = dict(snakemake.input.items())
    question = snakemake.params.calls.split(".")[2]
    call = bound(snakemake.params.calls, inputs, outputs, params, offered=wildcards)
    answer(call, question, inputs.values(), {name: Path(file) for name, file in outputs.items()}, wildcards)
