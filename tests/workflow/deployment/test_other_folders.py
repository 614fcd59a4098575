"""The workflow runs from other folders: by `--directory`, as a module of another workflow, out of a git repository; and two runs
run side by side in one folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tiny_project import TINY_SIMULATED, Project

STORE = "images/bbbc013/BBBC013_1.manifest.json"
SPLITS = "source/bbbc013/splits.parquet"
MODULE = """
configfile: "gandl.yaml"


module gandl:
    snakefile:
        {snakefile}
    config:
        config
    pathvars:
        results="Ergebnisse/größer",


use rule * from gandl as gandl_*


rule wells:
    input:
        rules.gandl_splits.output.splits.format(dataset="bbbc013"),
    output:
        "mine.txt",
    params:
        code=len,
    shell:
        "wc -c {{input:q}} > {{output}}"


rule whole:
    default_target: True
    input:
        rules.gandl_all.input,
"""


def elsewhere(project: Project, folder: Path, snakefile: str) -> Project:
    """Another workflow, in a folder of its own, that uses the project as a module."""
    folder.mkdir()
    (folder / "Snakefile").write_text(MODULE.format(snakefile=snakefile), encoding="utf-8")
    project.configure({"mirror": str(project.mirror)})
    (project.folder / "config/tiny.yaml").rename(folder / "gandl.yaml")
    return Project(folder, None)


def run(other: Project, project: Project, *arguments: str) -> str:
    done = other.snakemake(*arguments, "--cores", "2", path=project.folder / "src")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-5000:]
    return done.stdout + done.stderr


@pytest.fixture
def copy(empty: Project, mirror: Path) -> Project:
    """A copy of the project of its own, with a mirror."""
    project = Project(empty.folder, mirror)
    project.configure({})
    return project


def test_results_go_to_another_directory(copy: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("andere Größe")
    options = ("--directory", str(other), "--cores", "2", "--configfile", "config/tiny.yaml")
    mirrored = ("--config", f"mirror={copy.mirror}")
    done = copy.snakemake(f"results/tiny/{SPLITS}", f"results/tiny/{STORE}", *options, *mirrored)
    assert done.returncode == 0, done.stderr[-4000:]
    assert (other / "results/tiny" / STORE).is_file()
    assert not (copy.folder / "results").exists()
    again = copy.snakemake(*options, "--dry-run", *mirrored)
    assert again.returncode == 0, again.stderr[-4000:]
    assert "rule images" not in again.stdout


def test_another_workflow_uses_it_as_a_module(copy: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("lab") / "ein Labor, größer"
    other = elsewhere(copy, folder, repr(str(copy.folder / "Snakefile")))
    results = folder / "Ergebnisse/größer"
    run(other, copy, "mine.txt", str((results / STORE).relative_to(folder)))
    assert (folder / "mine.txt").read_text(encoding="utf-8").split()[0] == str((results / SPLITS).stat().st_size)
    assert {path.name for path in folder.iterdir()} == {
        *(".snakemake", "Snakefile", "gandl.yaml", "mine.txt"),
        *("Ergebnisse", "results"),
    }
    assert {path.name for path in (folder / "results").iterdir()} == {"downloads"}, "of all runs, and not moved"
    planned = run(other, copy, "--dry-run")
    assert "rule gandl_images" not in planned, "what is made is found again"
    assert "rule gandl_audit" in planned
    assert not (copy.folder / "results").exists()


def test_another_workflow_uses_it_out_of_a_repository(
    copy: Project, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`github(...)`, with git told that the host is a folder."""
    host = tmp_path_factory.mktemp("host")
    commit = commit_to(host / "somebody/gandl", copy)
    for name, value in {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{host}/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/",
        "XDG_CACHE_HOME": str(host / "cache"),
        "GITHUB_TOKEN": "",
    }.items():
        monkeypatch.setenv(name, value)
    folder = host / "lab"
    other = elsewhere(copy, folder, 'github("somebody/gandl", path="workflow/Snakefile", tag="v9")')
    run(other, copy, "mine.txt", f"Ergebnisse/größer/{STORE}")
    (laid_out,) = (folder / ".snakemake/gandl").iterdir()
    assert laid_out.name == commit
    assert (laid_out / ".commit").read_text(encoding="ascii").strip() == commit
    planned = run(other, copy, "--dry-run")
    assert "rule gandl_images" not in planned
    assert "rule gandl_audit" in planned
    package = copy.folder / "src/gandl/__init__.py"
    package.write_text(package.read_text(encoding="utf-8") + "LATER = True\n", encoding="utf-8")
    refused = other.snakemake("--dry-run", path=copy.folder / "src")
    assert refused.returncode != 0
    assert "is of another state (the first of 1 files that differ: __init__.py)" in refused.stderr


def commit_to(repository: Path, project: Project) -> str:
    """The project's files, but for its configuration of the test, as the first commit of a repository, tagged v9."""
    repository.parent.mkdir(parents=True)
    git = ["git", "-C", str(project.folder), "-c", "user.name=A", "-c", "user.email=a@b.example"]
    for words in (
        ["init", "--quiet"],
        ["add", "--all", "--", ":!config/tiny.yaml", ":!**/__pycache__"],
        ["commit", "--quiet", "--message", "All"],
        ["tag", "v9"],
        ["clone", "--quiet", "--bare", str(project.folder), str(repository)],
    ):
        subprocess.run([*git, *words], check=True, capture_output=True)
    done = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_two_runs_run_side_by_side(empty: Project) -> None:
    runs = {}
    for name in ("one", "two"):
        Project(empty.folder, None, "config", TINY_SIMULATED).configure({"run": name})
        (empty.folder / "config/tiny.yaml").rename(empty.folder / f"config/{name}.yaml")
        command = [sys.executable, "-m", "snakemake", f"results/{name}/source/rxrx19a/splits.parquet", "--cores", "1"]
        command += ["--configfile", f"config/{name}.yaml"]
        environment = {**os.environ, "PYTHONPATH": str(empty.folder / "src"), "OMP_NUM_THREADS": "1"}
        runs[name] = subprocess.Popen(
            command, cwd=empty.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    said = {name: process.communicate(timeout=300)[0] for name, process in runs.items()}
    for name, process in runs.items():
        assert process.returncode == 0, said[name][-4000:]
    made = [
        {path.relative_to(empty.folder / "results" / name) for path in (empty.folder / "results" / name).rglob("*")}
        for name in runs
    ]
    assert made[0] == made[1]
    assert json.dumps(sorted(path.name for path in (empty.folder / "results").iterdir())) == '["one", "two"]'
