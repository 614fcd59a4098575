"""The folder of the workflow: relative from inside, in full from elsewhere, laid out of a git repository; refused if foreign."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from snakemake.sourcecache import GenericSourceFile, LocalGitFile, LocalSourceFile

from gandl.report.made.provenance import git_state
from gandl.workflow.home import HomeError, home_of


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A workflow without a package of its own."""
    (tmp_path / "project/resources").mkdir(parents=True)
    (tmp_path / "project/Snakefile").touch()
    (tmp_path / "project/resources/table.csv").write_text("a\n", encoding="utf-8")
    return tmp_path / "project"


def test_names_are_relative_in_the_folder_itself_and_full_elsewhere(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = LocalSourceFile(str(tmp_path / "project/workflow/.."))
    (project / "workflow").mkdir()
    monkeypatch.chdir(project)
    assert home_of(source).file("resources/table.csv") == "resources/table.csv"
    monkeypatch.chdir(tmp_path)
    assert home_of(source).files(["resources/table.csv"]) == [str(project / "resources/table.csv")]


def test_a_file_that_a_configuration_names_may_be_yours(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    home = home_of(LocalSourceFile(str(project)))
    assert home.found("resources/table.csv") == str(project / "resources/table.csv")
    (tmp_path / "resources").mkdir()
    (tmp_path / "resources/table.csv").touch()
    assert home.found("resources/table.csv") == "resources/table.csv"
    assert home.file("resources/table.csv") == str(project / "resources/table.csv")


@pytest.mark.parametrize("place", ["", "inner"])
def test_a_commit_is_laid_out_once(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    repository = project
    if place:
        repository = tmp_path / "outer"
        repository.mkdir()
        project.rename(repository / place)
    commit = committed(repository)
    monkeypatch.chdir(tmp_path)
    source = LocalGitFile(str(repository), f"{place}/Snakefile".lstrip("/"), commit=commit).get_basedir()
    home = home_of(source)
    assert home.folder == tmp_path / ".snakemake/gandl" / commit / place
    assert Path(home.file("resources/table.csv")).read_text(encoding="utf-8") == "a\n"
    assert git_state(home.folder) == {"commit": commit, "dirty": False}
    first = home.folder.stat().st_mtime_ns
    assert home_of(source) == home
    assert home.folder.stat().st_mtime_ns == first
    assert [path.name for path in (tmp_path / ".snakemake/gandl").iterdir()] == [commit]


def committed(repository: Path) -> str:
    git = ["git", "-C", str(repository), "-c", "user.name=A", "-c", "user.email=a@b.example"]
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "All"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


def test_rules_of_another_state_than_the_package_are_refused(project: Path, repository: Path) -> None:
    shutil.copytree(repository / "src/gandl", project / "src/gandl", ignore=shutil.ignore_patterns("__pycache__"))
    source = LocalSourceFile(str(project))
    home_of(source)
    (project / "src/gandl/tables/later.py").touch()
    with pytest.raises(HomeError, match=r"the first of 1 files that differ: tables/later\.py\)"):
        home_of(source)


def test_rules_at_an_address_are_refused() -> None:
    with pytest.raises(HomeError, match=r"by github\(\.\.\.\), gitlab\(\.\.\.\) or gitfile\(\.\.\.\)"):
        home_of(GenericSourceFile("https://host.example/Snakefile"))
