"""Images for containers, which are not built here: their files exist, suffice, and name the versions of the lock."""

from __future__ import annotations

import re
import shlex
import shutil
import tomllib
from pathlib import Path, PurePosixPath

import pytest
import yaml

from gandl.workflow.environments import TORCH
from stand_in_machine import Machine

PLACE = PurePosixPath("/srv/gandl")


def instructions(repository: Path) -> list[tuple[str, str]]:
    """The Dockerfile's, in order: name and the rest of the line (lines that continue are joined)."""
    text = (repository / "envs/Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]


def sections(repository: Path) -> dict[str, list[str]]:
    """Lines of the Apptainer definition by section; before the first: its header."""
    found: dict[str, list[str]] = {"header": []}
    name = "header"
    for line in (repository / "envs/gandl.def").read_text(encoding="utf-8").splitlines():
        if line.startswith("%"):
            name = line[1:].strip()
            found[name] = []
        elif line.strip() and not line.startswith("#"):
            found[name].append(line.strip())
    return found


def copied_by_docker(repository: Path) -> dict[str, str]:
    """Source -> place in the image."""
    found, folder = {}, PurePosixPath("/")
    for name, rest in instructions(repository):
        if name == "WORKDIR":
            folder = PurePosixPath(rest)
        elif name == "COPY":
            *sources, target = shlex.split(rest)
            for source in sources:
                place = folder / target
                found[source] = str(place / PurePosixPath(source).name if target.endswith("/") else place)
    return found


def copied_by_apptainer(repository: Path) -> dict[str, str]:
    return dict(line.split() for line in sections(repository)["files"])


def test_both_copy_the_same_files_which_exist(repository: Path) -> None:
    copied = copied_by_docker(repository)
    assert copied == copied_by_apptainer(repository)
    for source, place in copied.items():
        assert (repository / source).exists(), source
        assert PurePosixPath(place) == PLACE / source, "the installer finds its files where the project has them"
    ignored = (repository / "envs/Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    assert {line[1:] for line in ignored if line.startswith("!")} == set(copied)


def test_both_start_from_the_python_of_the_conda_environments_and_use_the_installer(repository: Path) -> None:
    docker, apptainer = instructions(repository), sections(repository)
    (base,) = [rest for name, rest in docker if name == "FROM"]
    assert f"From: {base}" in apptainer["header"]
    assert "Bootstrap: docker" in apptainer["header"]
    version = re.match(r"python:(3\.\d+)-", base)
    assert version
    for name in ("cpu", "gpu"):
        environment = yaml.safe_load((repository / f"envs/{name}.yaml").read_text(encoding="utf-8"))
        assert f"python={version[1]}" in environment["dependencies"]
    (docker_run,) = [rest for name, rest in docker if name == "RUN" and "install.sh" in rest]
    (apptainer_run,) = [line for line in apptainer["post"] if "install.sh" in line]
    assert 'bash envs/install.sh "" "$TORCH" "$TORCH_INDEX"' in docker_run
    assert f'cd {PLACE} && bash envs/install.sh "" "{{{{ TORCH }}}}" "${{index#none}}"' in apptainer_run
    assert {rest.partition("=")[0] for name, rest in docker if name == "ARG"} == {"TORCH", "TORCH_INDEX"}
    assert "TORCH=cuda" in apptainer["arguments"]
    assert f"ENV PATH={PLACE}/.venv/bin:$PATH" in [" ".join(pair) for pair in docker]
    assert f"export PATH={PLACE}/.venv/bin:$PATH" in apptainer["environment"]


def test_the_installer_uses_the_lock_with_its_hashes_and_the_one_version_of_torch(repository: Path) -> None:
    text = (repository / "envs/install.sh").read_text(encoding="utf-8")
    assert "--require-hashes -r requirements.lock" in text
    assert f"torch=={re.search(r'^VERSION=(.+)$', text, re.MULTILINE)[1]}" == TORCH  # type: ignore[index]


def test_the_image_is_what_the_workflow_and_the_page_name(repository: Path) -> None:
    rules = (repository / "rules/common.smk").read_text(encoding="utf-8")
    page = (repository / "docs/deployment.md").read_text(encoding="utf-8")
    (image,) = re.findall(r'^container: home\.file\("(.+)"\)', rules, re.MULTILINE)
    assert f"apptainer build {image} envs/gandl.def" in page
    assert "docker build --file envs/Dockerfile --tag gandl ." in page


@pytest.fixture
def image(repository: Path, tmp_path: Path) -> Path:
    """A folder with what an image is given, and nothing else."""
    folder = tmp_path / "image"
    skipped = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for source in copied_by_docker(repository):
        (folder / source).parent.mkdir(parents=True, exist_ok=True)
        if (repository / source).is_dir():
            shutil.copytree(repository / source, folder / source, ignore=skipped)
        else:
            shutil.copy(repository / source, folder / source)
    return folder


def test_what_is_copied_is_enough_for_the_installer(image: Path, tmp_path: Path) -> None:
    machine = Machine(tmp_path / "machine")
    machine.add("python3.11", "3.11.9")
    shutil.rmtree(machine.project)
    image.rename(machine.project)
    done = machine.run("bash", "envs/install.sh", "", "cuda", "")
    assert done.returncode == 0, done.stderr
    assert machine.calls == ["3.11.9 torch==2.13.0", "3.11.9 requirements.lock", "3.11.9 ."]


def test_an_installed_gandl_has_all_its_files(image: Path) -> None:
    """As `pip install` of an address or a folder leaves it, for a workflow that uses this one."""
    project = tomllib.loads((image / "pyproject.toml").read_text(encoding="utf-8"))
    assert (image / project["project"]["readme"]).is_file()
    package = image / "src/gandl"
    shipped = {
        path for pattern in project["tool"]["setuptools"]["package-data"]["gandl"] for path in package.glob(pattern)
    }
    files = {path for path in package.rglob("*") if path.is_file() and path.suffix != ".py"}
    assert files - shipped == set()


def test_the_catalogue_entry_has_the_fields_that_the_catalogue_reads(repository: Path) -> None:
    """`usage`: `mandatory-flags` (desc, flags), `software-stack-deployment` (whether a method works), `report`."""
    entry = yaml.safe_load((repository / ".snakemake-workflow-catalog.yml").read_text(encoding="utf-8"))
    assert set(entry) == {"usage"}
    usage = entry["usage"]
    assert set(usage) == {"mandatory-flags", "software-stack-deployment", "report"}
    assert set(usage["mandatory-flags"]) == {"desc", "flags"}
    assert usage["software-stack-deployment"] == {"conda": True, "apptainer": True, "apptainer+conda": False}
    assert usage["report"] is True
    for needed in ("workflow/Snakefile", "config/README.md", "LICENSE", "envs/gandl.def", "envs/cpu.yaml"):
        assert (repository / needed).is_file(), needed
    readme = (repository / "README.md").read_text(encoding="utf-8").lower()
    assert "snakemake" in readme
    assert "workflow" in readme
