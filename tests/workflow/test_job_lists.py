"""Each figure and table makes only what it needs: the jobs behind every target of the workflow, against what its inputs rest on.

Targets are those that the workflow draws, and what each needs follows, stage by stage, from the files that its own rule reads and
from tables of this module: which rules embed a featurizer, what it is trained on, which screen a question is asked of. No rule of
the workflow is asked what it needs. Of the default run a table by hand says besides which featurizers, answers and screens stand
behind each target, so that a rule that reads too much is noticed, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, Quietness, ResourceSettings

from targets_by_hand import BEHIND
from tiny_project import Project

EMBEDDED_BY = {
    "gandl": "embeddings",
    "gandl_blocks": "embeddings",
    "densenet161_arcface": "baseline_embeddings",
    "conv_ae": "conv_ae_embeddings",
    "imagenet_collapsed": "collapsed_embeddings",
    "imagenet_concatenated": "imagenet",
    "imagenet_untrained": "imagenet",
    "gandl_untrained": "untrained",
    "cell_count": "floors",
    "intensity": "floors",
    "segmentation": "floors",
    "cell_measurements": "floors",
    "released": "released",
}
TRAINED_BY = {
    "gandl": "training",
    "gandl_blocks": "training",
    "densenet161_arcface": "baseline",
    "conv_ae": "conv_ae",
    "imagenet_collapsed": "imagenet_collapsed",
}
SEE_THE_SCREEN = {
    *("gandl", "gandl_blocks", "conv_ae", "imagenet_concatenated", "imagenet_untrained", "gandl_untrained"),
    *("cell_count", "intensity", "segmentation", "cell_measurements"),
}
"""Featurizers that need images of the first screen whatever they embed: to be trained, for grey scale or channels."""
ON_IMAGENET = {"imagenet_collapsed", "imagenet_concatenated", "imagenet_untrained", "conv_ae"}
"""Featurizers of networks whose ImageNet weights may be downloaded (the untrained one is embedded in one pass with its twin)."""
OF_RXRX1 = ("cell_type", "recognition")
"""Questions that are asked of RxRx1, not of the first screen."""
RESTS_ON = {
    "scores": {"scores"},
    "controls": {"scores", "controls"},
    "dose_response": {"scores", "dose_response"},
    "treatments": {"scores", "treatments"},
    "screening": {"scores", "screening"},
    "calibration": {"scores", "dose_response", "screening", "calibration"},
    "comparisons": {"scores", "cell_model", "cell_type", "comparisons"},
}
"""Rules of the evaluation behind a question's answers; of others the question's own rule."""


@dataclass
class Job:
    """A job of the workflow: what it reads and writes, below the folder of the run."""

    rule: str
    inputs: list[str]
    outputs: list[str]
    wildcards: dict[str, str]
    needs: list[Job] = field(default_factory=list)
    params: dict[str, object] = field(default_factory=dict)

    def behind(self) -> list[Job]:
        """Every job that this one waits for, and itself."""
        found, waiting = {id(self): self}, [self]
        while waiting:
            for job in waiting.pop().needs:
                if id(job) not in found:
                    found[id(job)] = job
                    waiting.append(job)
        return list(found.values())


@dataclass
class Workflow:
    """All jobs of the targets of a configuration, and what the configuration names."""

    targets: dict[str, Job]
    featurizers: list[str]
    screen: str
    method: str
    questions: list[str]


def workflow_of(configuration: Path) -> Workflow:
    """All figures and tables that a configuration draws, and the jobs behind them; nothing is run."""
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL}, dryrun=True)) as api:
        settings = ConfigSettings(configfiles=[configuration])
        api_of_workflow = api.workflow(resource_settings=ResourceSettings(cores=1), config_settings=settings)
        rules = api_of_workflow._workflow
        drawn = [name for name, (is_drawn, _) in rules.globals["FIGURES"].items() if is_drawn]
        dag = api_of_workflow.dag(DAGSettings(targets=set(drawn), forceall=True))
        dag.execute_workflow(executor="dryrun")
        run = f"results/{rules.globals['cfg'].run}/"
        found = {
            job: Job(
                job.rule.name,
                [str(path).removeprefix(run) for path in job.input],
                [str(path).removeprefix(run) for path in job.output],
                dict(job.wildcards_dict),
                params={name: job.params.get(name) for name in ("columns", "each", "panels")},
            )
            for job in rules.dag.jobs
        }
        for job, ours in found.items():
            ours.needs = [found[other] for other in rules.dag.dependencies[job]]
        cfg = rules.globals["cfg"]
        return Workflow(
            {ours.rule: ours for ours in found.values() if ours.rule in drawn},
            [name.value for name in cfg.embeddings.featurizers],
            cfg.source.screen.value,
            cfg.normalization.method.value,
            [question.value for question in cfg.evaluation.questions],
        )


class Allowed:
    """What a target may make, from the files that its rule reads.

    Attributes
    ----------
    rules : that may run. screens : of which stores may be packed. embedded : (screen, featurizer) that may be embedded and
        normalised, and `methods` by which. answers : (rule of the evaluation, featurizer) that may be given.
    """

    def __init__(self, workflow: Workflow) -> None:
        self.workflow = workflow
        self.rules: set[str] = {"sites", "download", "directory", "simulate_rxrx19a", "simulate_rxrx1"}
        self.screens: set[str] = set()
        self.embedded: set[tuple[str, str]] = set()
        self.answers: set[tuple[str, str]] = set()
        self.methods: set[str] = set()

    def add_file(self, path: str) -> None:
        """A file that the target's rule reads, by its place in the corridor."""
        if re.match(r"(resources|src|workflow|envs)/|requirements", path):
            return
        if match := re.match(r"source/\w+/(sites|splits)\.parquet$", path):
            self.rules.add(match[1])
        elif match := re.match(r"images/(\w+)/", path):
            self.rules.add("images")
            self.screens.add(match[1])
        elif match := re.match(r"models/(\w+?)(?:-(\w+))?/", path):
            self._trained(match[1], match[2] or "controls")
        elif match := re.match(r"(?:embeddings|normalization)/(\w+)/(\w+?)(?:-(\w+))?[./]", path):
            self._embedded(match[2], match[1], match[3] or "controls")
            self.rules.add("normalization")
            self.methods |= {self.workflow.method, "none"}
        elif match := re.match(r"evaluation/(\w+)/(\w+)\.(?:(\w+)\.)?", path):
            self._evaluated(match[1], match[2], match[3] or "")
        else:
            raise AssertionError(f"this test does not know what {path} rests on: say it in `Allowed.add_file`")

    def _evaluated(self, question: str, featurizer: str, method: str) -> None:
        if featurizer == "score_curves":
            self.rules.add("score_curves")
            return
        if question == "recognition":
            self.rules.add("recognition")
            self._trained(featurizer, "cell_type")
            return
        if question == "comparisons":
            self.rules.add("comparisons")
            for asked in ("controls", "cell_model", "cell_type"):
                if asked in self.workflow.questions:
                    for name in self.workflow.featurizers:
                        self._evaluated("scores" if asked == "controls" else asked, name, self.workflow.method)
            return
        self.rules |= RESTS_ON.get(question, {question}) | {"splits", "normalization"}
        if question == "calibration":
            self.rules.add(f"simulate_{self.workflow.screen}")
        self.answers |= {(rule, featurizer) for rule in RESTS_ON.get(question, {question})}
        self.methods |= {method, "none", self.workflow.method}
        screen = "rxrx1" if question in OF_RXRX1 else self.workflow.screen
        self._embedded(featurizer, screen, question if question in ("cell_model", "cell_type") else "controls")

    def _embedded(self, featurizer: str, screen: str, question: str) -> None:
        rule = EMBEDDED_BY[featurizer]
        self.rules |= {f"released_{screen}" if rule == "released" else rule}
        self.embedded.add((screen, featurizer))
        if rule != "released":
            self.rules.add("images")
            self.screens.add(screen)
        if featurizer == "imagenet_collapsed":
            self.rules.add("collapsed_normalization")
        if featurizer in ON_IMAGENET:
            self.rules.add("pretrained")
        if featurizer in SEE_THE_SCREEN:
            self.screens.add(self.workflow.screen)
        self._trained(featurizer, question)

    def _trained(self, featurizer: str, question: str) -> None:
        if rule := TRAINED_BY.get(featurizer):
            self.rules |= {rule, "images", "splits", *(["pretrained"] if featurizer in ON_IMAGENET else [])}
            of_rxrx1 = featurizer == "densenet161_arcface" or (
                featurizer == "imagenet_collapsed" and question == "cell_type"
            )
            self.screens.add("rxrx1" if of_rxrx1 else self.workflow.screen)

    def beyond(self, job: Job) -> str:
        """What a job makes that the target does not need; "" where it needs the job."""
        rule, given = job.rule.removesuffix("_crossfit"), job.wildcards
        if rule not in self.rules:
            return f"{rule} runs"
        if job.rule == "images" and given["dataset"] not in self.screens:
            return f"{given['dataset']} is packed"
        if job.rule in ("normalization", "collapsed_normalization"):
            name = given.get("featurizer", "imagenet_collapsed")
            if (given["dataset"], name) not in self.embedded or given["method"] not in self.methods:
                return f"{name} of {given['dataset']} is normalised by {given['method']}"
        if job.rule in set(EMBEDDED_BY.values()) and "dataset" in given:
            made = {re.split(r"[/-]", output.removeprefix("embeddings/"))[1] for output in job.outputs}
            if not {(given["dataset"], name) for name in made} & self.embedded:
                return f"{', '.join(sorted(made))} of {given['dataset']} is embedded"
        answered = "featurizer" in given and job.outputs[0].startswith("evaluation/")
        if answered and (rule, given["featurizer"]) not in self.answers:
            return f"{rule} is answered for {given['featurizer']}"
        return ""


@pytest.fixture(scope="module", params=["config", "bbbc013", "paper"])
def workflow(request: pytest.FixtureRequest, repository: Path) -> Iterator[Workflow]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(repository)
        yield workflow_of(repository / f"config/{request.param}.yaml")


def excess(workflow: Workflow, target: Job) -> list[str]:
    """What a target makes beyond what its own inputs rest on."""
    allowed = Allowed(workflow)
    for path in target.inputs:
        allowed.add_file(path)
    return sorted({found for job in target.behind() if job is not target and (found := allowed.beyond(job))})


def test_every_target_makes_only_what_it_needs(workflow: Workflow) -> None:
    found = {name: excess(workflow, target) for name, target in workflow.targets.items()}
    assert len(found) > 8
    assert {name: jobs for name, jobs in found.items() if jobs} == {}


def behind(target: Job) -> tuple[set[str], set[str], set[str]]:
    """Featurizers, answers and screens behind a target, out of the outputs of the jobs that it waits for."""
    outputs = [output for job in target.behind() if job is not target for output in job.outputs]
    found = [
        {match[1] for output in outputs if (match := re.match(pattern, output))}
        for pattern in (r"normalization/\w+/(\w+?)(?:-\w+)?\.", r"evaluation/(\w+)/", r"images/(\w+)/")
    ]
    return found[0], found[1], found[2]


@pytest.mark.parametrize("workflow", ["config"], indirect=True)
def test_behind_every_target_of_the_default_run_stands_what_the_table_says(workflow: Workflow) -> None:
    assert {name: behind(target) for name, target in workflow.targets.items()} == BEHIND


@pytest.mark.parametrize(
    ("workflow", "columns"),
    [("config", ["gandl", "densenet161_arcface", "gandl_blocks"]), ("paper", ["gandl", "released", "gandl_blocks"])],
    indirect=["workflow"],
)
def test_figure_3_draws_the_papers_two_featurizers_and_the_configured_one_beside_them(
    workflow: Workflow, columns: list[str]
) -> None:
    params = workflow.targets["figure_3"].params
    assert params["columns"] == params["each"] == columns
    assert workflow.targets["figure_4"].params["columns"] == columns[:2]


def test_targets_end_at_their_stage(workflow: Workflow) -> None:
    """A target whose inputs are images trains nothing, one whose inputs are models embeds nothing."""
    for name, target in workflow.targets.items():
        stages = {path.partition("/")[0] for path in target.inputs}
        rules = {job.rule for job in target.behind()}
        if not stages & {"models", "embeddings", "normalization", "evaluation"}:
            assert not rules & set(TRAINED_BY.values()), name
        if not stages & {"embeddings", "normalization", "evaluation"}:
            assert not rules & {*EMBEDDED_BY.values(), "normalization"}, name


def test_what_a_target_does_not_need_is_noticed(workflow: Workflow) -> None:
    """With a training of the baseline put behind a figure of GAN-DL's training, or one featurizer's profiles behind another's."""
    target = workflow.targets["figure_training"]
    other = Job(
        "figure_training", target.inputs, target.outputs, {}, [*target.needs, Job("baseline", [], ["models/x"], {})]
    )
    assert excess(workflow, other) == ["baseline runs"]
    wildcards = {"dataset": workflow.screen, "featurizer": "gandl_untrained", "method": "none"}
    profiles = Job("normalization", [], ["normalization/x"], wildcards)
    drawn = next(
        job for job in workflow.targets.values() if any(path.startswith("evaluation/scores") for path in job.inputs)
    )
    other = Job(drawn.rule, ["evaluation/scores/gandl.unlabelled.parquet"], [], {}, [profiles])
    assert excess(workflow, other) == [f"gandl_untrained of {workflow.screen} is normalised by none"]


@pytest.mark.parametrize(("preset", "target"), [("config", "figure_4"), ("bbbc013", "figure_axes")])
def test_a_dry_run_of_one_target_lists_the_jobs_behind_it(empty: Project, preset: str, target: str) -> None:
    """The same jobs as above, by Snakemake's own command in a clone where nothing is there."""
    project = Project(empty.folder, None, preset, {})
    project.configure({})
    listed = {(job.rule, *sorted(job.wildcards.items())) for job in project.jobs(target)}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(empty.folder)
        behind = workflow_of(empty.folder / "config/tiny.yaml").targets[target].behind()
    assert listed == {(job.rule, *sorted(job.wildcards.items())) for job in behind}
