"""The list of questions of `gandl evaluate`: the functions and files of the workflow's rules, and nothing beside them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, OutputSettings, Quietness, ResourceSettings

from gandl.config import QuestionName
from gandl.own_features.questions import ASKED, QUESTIONS, Question
from gandl.workflow.calls import bound

WORDS = {"featurizer": "{featurizer}", "method": "{method}", "profiles": "{method}", "truth": "truth.parquet"}
OFFERED = ("settings", "featurizer", "normalization", "seed", "training_seed", "development_rows")


def ids(question: Question) -> str:
    return question.name


@pytest.fixture(scope="module")
def rules(repository: Path) -> dict[str, tuple[set[str], dict[str, str]]]:
    """Names of inputs, and outputs by name, of every rule that names a function; by the function, its first rule."""
    with pytest.MonkeyPatch.context() as patch, SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        patch.chdir(repository)
        config = ConfigSettings(configfiles=[repository / "config/config.yaml"])
        workflow = api.workflow(resource_settings=ResourceSettings(cores=1), config_settings=config)._workflow
        found: dict[str, tuple[set[str], dict[str, str]]] = {}
        for rule in workflow.rules:
            if calls := dict(rule.params.items()).get("calls"):
                outputs = {name: re.sub(r",[^}]*", "", str(file)) for name, file in rule.output.items()}
                found.setdefault(calls, (set(dict(rule.input.items())), outputs))
        return found


@pytest.mark.parametrize("question", QUESTIONS, ids=ids)
def test_a_question_reads_and_writes_what_its_rule_does(
    question: Question, rules: dict[str, tuple[set[str], dict[str, str]]]
) -> None:
    inputs, outputs = rules[question.calls]
    assert set(question.inputs) == inputs
    ours = {("numbers" if name == "output" else name): file.format(**WORDS) for name, file in question.outputs.items()}
    assert set(ours) == set(outputs)
    for name, file in ours.items():
        assert outputs[name] == f"results/simulated/{file}"


@pytest.mark.parametrize("question", QUESTIONS, ids=ids)
def test_every_file_finds_its_place_in_the_function(question: Question) -> None:
    bound(question.calls, question.inputs, question.outputs, {}, offered=dict.fromkeys(OFFERED))


def test_every_question_of_the_configuration_can_be_requested() -> None:
    assert {question.value for question in QuestionName} <= set(ASKED)
