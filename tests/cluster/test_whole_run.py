"""The whole workflow on a cluster, through the profile: every stage, at the smallest size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cluster_project import SMALLEST, ClusterProject, Run
from local_slurm import LocalSlurm
from tiny_project import TINY_SIMULATED, copy_of

STAGES = ("source", "images", "models", "embeddings", "normalization", "evaluation", "figures", "report")
SUBMITTED = {"simulate_rxrx19a", "images", "training", "embeddings", "normalization", "provenance"}
"""Rules, among others, that run on nodes."""
KEPT = {"sites", "splits", "figure_training", "table_1", "audit"}
"""Rules, among others, that run where Snakemake does."""


@pytest.fixture(scope="module")
def project(slurm: LocalSlurm, tmp_path_factory: pytest.TempPathFactory, repository: Path) -> ClusterProject:
    """A project of which nothing was run."""
    folder = copy_of(repository, tmp_path_factory.mktemp("whole"))
    copy = ClusterProject(folder, None, "config", TINY_SIMULATED, slurm)
    copy.configure(SMALLEST)
    return copy


@pytest.fixture(scope="module")
def run(project: ClusterProject) -> Run:
    """Its whole run."""
    started = project.submit(options=("--set-threads", "simulate_rxrx19a=1"))  # a node has one CPU
    started.ends_well(1800)
    return started


def test_every_stage_has_made_what_it_makes(project: ClusterProject, run: Run) -> None:
    results = project.folder / "results/tiny"
    for stage in STAGES:
        assert any(path.is_file() for path in (results / stage).rglob("*")), stage
    for file in ("figures/figure_training.svg", "tables/table_1.html", "report/audit.html", "report/provenance.json"):
        assert (results / file).stat().st_size > 0, file


def test_a_second_run_finds_nothing_to_do(project: ClusterProject, run: Run) -> None:
    assert project.planned() == {}


def test_heavy_jobs_ran_on_nodes_and_light_ones_where_snakemake_does(
    project: ClusterProject, run: Run, tell: Callable[..., None]
) -> None:
    tell(run)
    assert project.slurm is not None
    jobs = project.slurm.accounted(run)
    assert {row["State"] for row in jobs} == {"COMPLETED"}
    rules = {row["Comment"].removeprefix("rule_").partition("_wildcards_")[0] for row in jobs}
    assert rules >= SUBMITTED
    assert not rules & KEPT
    assert not any("gres/gpu" in row["AllocTRES"] for row in jobs)
