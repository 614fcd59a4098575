"""What the profiles make of the rules' needs: queues, memory and time by attempt, what stays here; and `make`."""

from __future__ import annotations

import os
import re
import subprocess
from logging import getLogger
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, OutputSettings, Quietness, ResourceSettings
from snakemake_executor_plugin_slurm import Executor
from snakemake_executor_plugin_slurm.submit_string import get_submit_command
from yte import process_yaml

from gandl.__main__ import main
from gandl.commands.planning.jobs import Job, JobsError, jobs_of, local_rules

SLURM = "profiles/slurm"
CONFIG = Path("config/config.yaml")
MODULE = """
module gandl:
    snakefile:
        {snakefile!r}
    config:
        config


use rule * from gandl as gandl_*
"""


@pytest.fixture(autouse=True)
def _in_the_project(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)


class Requested(dict[str, int | str]):
    """Resources of a job as the plugin reads them."""

    __getattr__ = dict.__getitem__


def on_gpu(folder: Path, project: Path = Path()) -> Path:
    """The default configuration on a GPU."""
    text = (project / CONFIG).read_text(encoding="utf-8")
    assert text.count("\n  gpus: 0\n") == 1
    path = folder / "on_gpu.yaml"
    path.write_text(text.replace("\n  gpus: 0\n", "\n  gpus: 1\n"), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def workflow(repository: Path):
    """The workflow as Snakemake reads it; nothing is run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(repository)
        with SnakemakeApi(OutputSettings(quiet={Quietness.ALL}, dryrun=True)) as api:
            yield api.workflow(
                resource_settings=ResourceSettings(cores=1), config_settings=ConfigSettings(configfiles=[CONFIG])
            )._workflow


@pytest.fixture(scope="module")
def jobs(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Job]:
    """What the default run on a GPU would submit."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(repository)
        return jobs_of(["--forceall"], on_gpu(tmp_path_factory.mktemp("config")), profile=SLURM)


def test_jobs_that_request_gpus_go_to_their_partition_and_no_others(jobs: list[Job]) -> None:
    rules = {job.rule for job in jobs if job.gpus}
    assert {"training", "embeddings"} <= rules
    assert rules == {job.rule for job in jobs if job.resources["slurm_partition"] == "gpu"}


def test_every_rule_with_a_gpu_is_named_in_the_profile(workflow, repository: Path) -> None:
    text = (repository / SLURM / "profile.yaml").read_text(encoding="utf-8")
    named = [line.strip(" -") for line in text.partition("jobs_with_gpu:")[2].partition("\n\n")[0].split("\n")]
    assert sorted(filter(None, named)) == sorted(rule.name for rule in workflow.rules if "gpu" in rule.resources)


def test_without_gpus_no_job_goes_to_the_partition_of_gpus() -> None:
    jobs = jobs_of(["figure_training", "--forceall"], CONFIG, profile=SLURM)
    assert "training" in {job.rule for job in jobs}
    assert "gpu" not in {job.resources["slurm_partition"] for job in jobs}


def at_a_site(repository: Path, folder: Path, **lines: str) -> str:
    """The profile with some of the lines changed that a site changes."""
    text = (repository / SLURM / "profile.yaml").read_text(encoding="utf-8")
    for name, value in lines.items():
        text, found = re.subn(rf"^  {name}: \S+ #", f"  {name}: {value} #", text, flags=re.MULTILINE)
        assert found == 1, name
    (folder / "profile.yaml").write_text(text, encoding="utf-8")
    return str(folder)


def test_the_lines_to_change_at_a_site_reach_every_job(repository: Path, tmp_path: Path) -> None:
    scratch = f"{tmp_path}/$GANDL_GPUS"
    site = at_a_site(repository, tmp_path, partition="max", account="some-lab", qos="long", scratch=scratch)
    for job in jobs_of(["figure_training", "--forceall"], CONFIG, profile=site):
        assert job.resources["slurm_partition"] == "max"
        assert job.resources["slurm_account"] == "some-lab"
        assert job.resources["qos"] == "long"
        assert job.resources["tmpdir"] == f"{tmp_path}/0"


def test_a_training_on_several_machines_is_one_task_on_each_of_them(tmp_path: Path) -> None:
    """As the plugin would submit it."""
    text = Path("config/paper.yaml").read_text(encoding="utf-8")
    for line, changed in {"\n  gpus: 1\n": "\n  gpus: 2\n", "\n  nodes: 1\n": "\n  nodes: 2\n"}.items():
        assert text.count(line) == 1
        text = text.replace(line, changed)
    config = tmp_path / "nodes.yaml"
    config.write_text(text, encoding="utf-8")
    (training,) = [job for job in jobs_of(["figure_training"], config, profile=SLURM) if job.rule == "training"]
    wanted = {name: int(value) if value.isdigit() else value for name, value in training.resources.items()}
    job = SimpleNamespace(resources=Requested(wanted), threads=training.threads)
    about = dict.fromkeys(("run_uuid", "slurm_logfile", "comment_str", "account", "partition", "workdir"), "-")
    line = get_submit_command(job, about).split()
    assert {"--nodes=2", "--ntasks=2", "--gpus-per-node=1", f"--cpus-per-task={training.threads}"} <= set(line)
    assert not [option for option in line if option.startswith("--ntasks-per-gpu")]


def test_what_a_site_does_not_name_is_not_requested(jobs: list[Job]) -> None:
    """The plugin would give an empty quality of service to `sbatch`, which refuses it."""
    assert not any(job.resources.keys() & {"qos", "gpu_model", "slurm_account"} for job in jobs)


def test_a_model_of_gpus_is_requested_by_the_jobs_that_request_gpus(repository: Path, tmp_path: Path) -> None:
    site = at_a_site(repository, tmp_path, gpu_model="a100")
    jobs = jobs_of(["figure_training", "--forceall"], on_gpu(tmp_path), profile=site)
    assert (
        {job.rule for job in jobs if job.resources.get("gpu_model")} == {job.rule for job in jobs if job.gpus} != set()
    )
    assert {job.resources.get("gpu_model") for job in jobs if job.gpus} == {"a100"}
    without = jobs_of(["figure_training", "--forceall"], CONFIG, profile=site)
    assert "training" in {job.rule for job in without}
    assert not any(job.resources.get("gpu_model") for job in without)


def test_as_a_module_its_rules_are_found_by_their_prefix(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Snakefile").write_text(MODULE.format(snakefile=str(repository / "Snakefile")), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    site = at_a_site(repository, tmp_path, rule_prefix="gandl_")
    jobs = jobs_of(["gandl_figure_training", "--forceall"], on_gpu(tmp_path, repository), profile=site)
    on = {job.rule for job in jobs if job.resources["slurm_partition"] == "gpu"}
    assert on == {job.rule for job in jobs if job.gpus}
    assert "gandl_training" in on


def test_no_run_deletes_the_folders_of_another_ones_logs(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (waiting := tmp_path / "rule_images/a").mkdir(parents=True)
    age = settings(repository, tmp_path, monkeypatch)["slurm-delete-logfiles-older-than"]
    chosen = SimpleNamespace(delete_logfiles_older_than=age, keep_successful_logs=False)
    run = SimpleNamespace(workflow=SimpleNamespace(executor_settings=chosen), logger=getLogger(), slurm_logdir=tmp_path)
    Executor.clean_old_logs(run)
    assert waiting.exists()


def test_squeue_is_asked_only_where_slurm_remembers_a_job_from_one_look_to_the_next(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where MinJobAge is below three times the first interval, the plugin (2.8) asks sacct; the longest interval is 180 s."""
    profile = settings(repository, tmp_path, monkeypatch)
    assert 3 * profile["slurm-init-seconds-before-status-checks"] >= 180 + 1 / profile["max-status-checks-per-second"]


def settings(repository: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What Snakemake reads out of the profile, where there is no Slurm."""
    monkeypatch.setenv("PATH", str(folder))
    with (repository / SLURM / "profile.yaml").open(encoding="utf-8") as file:
        return process_yaml(file)


def test_memory_and_time_grow_at_every_attempt_but_the_time_of_a_training(jobs: list[Job], tmp_path: Path) -> None:
    again = {job.outputs: job for job in jobs_of(["--forceall", "--attempt", "3"], on_gpu(tmp_path), profile=SLURM)}
    assert again.keys() == {job.outputs for job in jobs}
    for first in jobs:
        if first.here:
            continue
        third = again[first.outputs]
        resumes = first.rule in ("training", "baseline", "conv_ae", "imagenet_collapsed")
        assert third.memory == 3 * first.memory > 0, first.rule
        assert third.minutes == (1 if resumes else 3) * first.minutes > 0, first.rule


def test_they_grow_no_further_than_the_site_has(tmp_path: Path) -> None:
    text = (Path(SLURM) / "profile.yaml").read_text(encoding="utf-8")
    text = text.replace('  largest_memory: "" #', "  largest_memory: 7GB #").replace(
        '  longest_time: "" #', "  longest_time: 5h #"
    )
    (tmp_path / "profile.yaml").write_text(text, encoding="utf-8")
    again = jobs_of(["table_1", "--forceall", "--attempt", "3"], CONFIG, profile=str(tmp_path))
    largest = {job.rule: (job.memory, job.minutes) for job in again if not job.here}
    assert largest["training"] == (7000, 720), "3 GB, and a time that does not grow, longer than the limit or not"
    assert largest["images"][1] == 300
    assert largest["scores"][0] == 7000, "12 GB by growth alone"
    assert largest["cell_type"][0] == 8000, "more than the limit at the first attempt, and not cut"


def test_the_rules_that_stay_here_are_those_of_snakemake(workflow) -> None:
    """They are read out of the rules' text, since a dry run does not print them."""
    assert local_rules() == workflow._localrules - {"all", "figures", "report", "ome_zarr"}
    assert {"download", "sites", "figure_1", "table_1", "audit"} <= local_rules()
    assert not local_rules() & {"training", "images", "embeddings", "normalization", "scores", "explorer"}


def test_no_rule_that_stays_here_needs_much(workflow) -> None:
    for name in local_rules():
        rule = workflow.get_rule(name)
        assert rule.resources["_cores"].value == 1, name
        memory = rule.expand_resources({}, [], 1, skip_evaluation={"tmpdir"})["mem_mb"]
        assert memory <= 2000, name


def test_the_plan_prints_what_every_rule_requests_and_the_sums(capsys: pytest.CaptureFixture[str]) -> None:
    main(["plan", "--configfile", "config/paper.yaml", "--profile", SLURM, "--", "table_1"])
    lines = capsys.readouterr().out.splitlines()
    cells = {line.split()[0]: line.split() for line in lines if line.startswith(" " * 13)}
    assert cells["rule"] == ["rule", "jobs", "partition", "GPUs", "CPUs", "memory", "time"]
    assert cells["training"] == ["training", "1", "gpu", "1", "16", "64", "GB", "4", "d"]
    assert cells["images"][1:5] == ["108", "(default)", "0", "16"]
    assert cells["table_1"] == ["table_1", "1", "on", "this", "machine"]
    assert any(line.startswith("  disk       in all at most ~") for line in lines)
    (hours,) = [line for line in lines if line.startswith("  GPU hours  in all ~")]
    assert "of trainings (without embeddings, imagenet_collapsed); at most" in hours
    assert "each of them run once" in hours
    (kept,) = [line for line in lines if line.startswith("  disk       gandl:")]
    assert "2 checkpoints of ~759 MB" in kept
    assert "no GPU found on this machine" not in "\n".join(lines)


def test_a_profile_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JobsError, match=r"There is no profile .*nowhere; those of the project lie in profiles/"):
        jobs_of(["figure_training"], CONFIG, profile=str(tmp_path / "nowhere"))


def made(repository: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What `make` would do in a checkout whose environment is ready."""
    return subprocess.run(
        ["make", "--dry-run", "--assume-old=.venv/ready", *arguments],
        cwd=repository, env={**os.environ, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_make_runs_and_plans_by_the_profile(repository: Path) -> None:
    run = made(repository, "reproduce", f"PROFILE={SLURM}", "CONFIG=config/paper.yaml", "ARGS=table_1").stdout
    (command,) = [line for line in run.splitlines() if line.startswith(".venv/bin/snakemake")]
    assert f'table_1 --workflow-profile "{SLURM}"' in command
    assert "--cores" not in command  # of this machine; it would limit the threads of jobs on others
    assert '--configfile "config/paper.yaml"' in command
    assert f'--profile "{SLURM}"' in made(repository, "plan", f"PROFILE={SLURM}").stdout
    assert '--cores 3 --configfile "config/config.yaml"' in made(repository, "reproduce", "CORES=3", "ARGS=all").stdout
    assert "--cores all" in made(repository, "reproduce", "ARGS=all").stdout


def test_make_refuses_a_profile_that_does_not_exist(repository: Path) -> None:
    done = subprocess.run(
        ["make", "configuration", "PROFILE=profiles/nowhere"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode
    assert "There is no profile profiles/nowhere; those of the project lie in profiles/" in done.stdout
