"""Home: the folder that holds the workflow's own files. Takes how Snakemake found the Snakefile, makes a folder of this machine.

Run from its own folder, a file of the workflow keeps its relative name, so that a project can be moved with its results. From any
other working directory (`--directory`, a `module`) it is named in full. Rules out of a git repository (`github(...)`,
`gitlab(...)`, `gitfile(...)`) have no folder: the files of their commit are laid out once, below `.snakemake/` of the working
directory, which all jobs see.
"""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from snakemake.sourcecache import HostingProviderFile, LocalGitFile, LocalSourceFile

from gandl.workflow.code_version import PACKAGE
from gandl.workflow.made_of import COMMIT


class HomeError(SystemExit):
    """The workflow's files cannot be had, or are not those of this gandl. A `SystemExit`: Snakemake prints just its sentence."""


@dataclass(frozen=True)
class Home:
    """The folder of the workflow; relative (`.`) where it is the working directory."""

    folder: Path

    def file(self, name: str) -> str:
        """The path of one of its files, named by its place in the project."""
        return str(self.folder / name)

    def files(self, names: list[str]) -> list[str]:
        """The same of several."""
        return [self.file(name) for name in names]

    def found(self, name: str) -> str:
        """A file that a configuration names: in the working directory, or else in the project."""
        return name if Path(name).exists() else self.file(name)


def home_of(source: Any) -> Home:
    """The home of a workflow.

    Parameters
    ----------
    source : the folder in which Snakemake found its Snakefile (`workflow.current_basedir` there).

    Raises
    ------
    HomeError : rules of another kind of place, or rules of one state of the project and an installed gandl of another.
    """
    if isinstance(source, LocalSourceFile):
        folder = Path(source.get_path_or_uri(secret_free=True)).resolve()
    elif isinstance(source, LocalGitFile):
        import git

        folder = _laid_out(git.Repo(source.repo_path), source.ref, source.path)
    elif isinstance(source, HostingProviderFile):
        folder = _laid_out(source.hosted_repo.repo, source.ref, source.path)
    else:
        raise HomeError(
            f"{source}: this workflow can be used from a folder, or by github(...), gitlab(...) or gitfile(...), since it needs "
            "more files than its rules"
        )
    _check_package(folder)
    return Home(Path() if folder == Path.cwd().resolve() else folder)


def _laid_out(repository: Any, ref: str, place: str) -> Path:
    """All files of a commit, in a folder named after it; the project may lie in a folder (`place`) of its repository."""
    commit = repository.commit(ref).hexsha
    below = PurePosixPath(place or ".")
    folder = Path(".snakemake/gandl").resolve() / commit
    if not folder.is_dir():
        packed = io.BytesIO()
        repository.archive(packed, treeish=commit, format="tar")
        packed.seek(0)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent) as made, tarfile.open(fileobj=packed) as archive:
            whole = Path(made) / "whole"
            archive.extraction_filter = getattr(tarfile, "data_filter", None)  # before Python 3.11.4 there was none
            archive.extractall(whole)
            (whole / below / COMMIT).write_text(f"{commit}\n", encoding="ascii")
            try:
                whole.rename(folder)
            except OSError:  # another process was faster
                if not folder.is_dir():
                    raise
    return folder / below


def _check_package(folder: Path) -> None:
    """Rules and package must be of one state: a rule may name a function, or a setting, that another state does not have."""
    source = folder / "src" / "gandl"
    if not source.is_dir() or source.resolve() == PACKAGE:
        return
    names = {path.relative_to(root) for root in (source, PACKAGE) for path in root.rglob("*.py")}
    other = sorted(name for name in names if not _same(source / name, PACKAGE / name))
    if other:
        raise HomeError(
            f"The rules are in {folder}, but the gandl that Python finds, in {PACKAGE}, is of another state (the first of "
            f"{len(other)} files that differ: {other[0]}). Install the one that belongs to the rules: "
            f"pip install --no-deps {folder}"
        )


def _same(one: Path, other: Path) -> bool:
    return one.is_file() and other.is_file() and one.read_bytes() == other.read_bytes()
