"""Paths of another machine: takes the prefixes to rewrite, and proposes one where the files of a table lie elsewhere."""

from __future__ import annotations

import os
import re
import shlex
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gandl.source.plates.tabular.mistakes import PlatesError
from gandl.workflow.words import counted

ANCESTORS = 5
"""Folders above a table in which its files are looked for."""


@dataclass(frozen=True)
class Rewrite:
    """A prefix of paths (or addresses), and what stands for it on this machine; both are written with /."""

    old: str
    new: str


def rewrites_of(texts: Iterable[str]) -> tuple[Rewrite, ...]:
    r"""Read `OLD=NEW`; Windows separators are understood.

    Raises
    ------
    PlatesError : a text without `=`, or without one of its sides.
    """
    rewrites = []
    for text in texts:
        old, _, new = text.partition("=")
        if not old.strip() or not new.strip():
            raise PlatesError(f"--rewrite {text!r} is not OLD=NEW, such as /data/screen=/mnt/screen")
        rewrites.append(Rewrite(with_slashes(old.strip()).rstrip("/") or "/", new.strip().rstrip("/") or "/"))
    return tuple(rewrites)


def with_slashes(path: str) -> str:
    r"""`D:\scan\a.tif` as `D:/scan/a.tif`."""
    return path.replace("\\", "/")


def rewritten(path: str, rewrites: Sequence[Rewrite]) -> tuple[str, Rewrite | None]:
    """A path written with /, its prefix replaced by the first that fits at the border of a folder, and which one it was."""
    for rewrite in rewrites:
        rest = path.removeprefix(rewrite.old)
        if rest != path and (not rest or rest.startswith("/") or rewrite.old.endswith("/")):
            return f"{rewrite.new}/{rest.lstrip('/')}".rstrip("/"), rewrite
    return path, None


def is_address(path: str) -> bool:
    """Whether it is `https://...` or its like."""
    return re.match(r"\w+://", path) is not None


def is_absolute(path: str) -> bool:
    """Whether a path written with / begins at the root of this or of a Windows machine."""
    return path.startswith("/") or re.match(r"[A-Za-z]:/", path) is not None


def foreign_paths(paths: Iterable[str], table: Path) -> tuple[set[str], list[str]]:
    """Absolute paths in folders that are not on this machine.

    Parameters
    ----------
    paths : written with /. table : the table that names them.

    Returns
    -------
    Those paths, and one sentence for each prefix that is to be rewritten; where files of the same names lie beside or above
    the table, it says which option does it.
    """
    folders: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        if is_absolute(path):
            folders[path.rpartition("/")[0] or "/"].append(path)
    absent = {folder: files for folder, files in folders.items() if not Path(folder).is_dir()}
    proposed: dict[Rewrite, int] = defaultdict(int)
    lost: list[str] = []
    for folder, files in absent.items():
        rewrite = _beside(files[0], table)
        if rewrite is None:
            lost.append(folder)
        else:
            proposed[rewrite] += len(set(files))
    sentences = [
        f"the table names {counted(number, 'file')} below {rewrite.old}, which is not on this machine; files of these names "
        f"lie below {rewrite.new}: add --rewrite {shlex.quote(f'{rewrite.old}={rewrite.new}')}"
        for rewrite, number in proposed.items()
    ]
    if lost:
        number = sum(len(set(absent[folder])) for folder in lost)
        common = (
            os.path.commonpath(lost)
            if len({folder[:3] if folder[1:2] == ":" else "/" for folder in lost}) == 1
            else lost[0]
        )
        sentences.append(
            f"the table names {counted(number, 'file')} below {common}, which is not on this machine; name the folder that "
            f"holds them here: --rewrite {shlex.quote(f'{common}=FOLDER')} (the first is then looked for as "
            f"FOLDER{absent[lost[0]][0].removeprefix(common)})"
        )
    return {path for files in absent.values() for path in files}, sentences


def _beside(path: str, table: Path) -> Rewrite | None:
    """The prefix of a path without which the file lies beside a table, or in a folder above it."""
    parts = PurePosixPath(path).parts
    for folder in _around(table):
        for i in range(1, len(parts)):
            if Path(folder, *parts[i:]).is_file():
                return Rewrite(str(PurePosixPath(*parts[:i])), folder)
    return None


def _around(table: Path) -> list[str]:
    """The table's folder as it was named, and those above it."""
    beside = Path(table).parent
    return [beside.as_posix(), *(folder.as_posix() for folder in beside.absolute().parents[:ANCESTORS])]
