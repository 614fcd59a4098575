"""Files of the crate of a run: takes paths, makes entities with name, format, size and checksum."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rocrate.model.file import File
from rocrate.rocrate import ROCrate

from gandl.workflow.files import sha256_of

MEDIA = {".parquet": "application/vnd.apache.parquet", ".smk": "text/plain", ".lock": "text/plain"}
WORKFLOW = "report/workflow"
"""Where the crate keeps copies of the workflow's files."""


@dataclass(frozen=True)
class CrateFiles:
    """What the crate is made from.

    root : folder of the run, in which the crate lies.
    provenance : its provenance.json.
    workflow : files that the workflow is made of, Snakefile first; copied below `report/workflow`.
    lock : pinned requirements; copied.
    results : figures, tables and pages, in the folder of the run; with what the provenance's jobs of `RESULTS` made.
    repository : root of the project, below which the files of the workflow and of the jobs have their names.
    """

    root: Path
    provenance: Path
    workflow: Sequence[Path]
    lock: Path
    results: Sequence[Path]
    repository: Path


def kept(file: Path, repository: Path) -> str:
    """Where the crate keeps a file of the workflow."""
    full, root = file.resolve(), repository.resolve()
    return f"{WORKFLOW}/{full.relative_to(root).as_posix() if full.is_relative_to(root) else full.name}"


def place_of(files: CrateFiles, path: Path) -> str | None:
    """Where a file is in the folder of the run; None if it is not there, or is no file."""
    full, root = path.resolve(), files.root.resolve()
    return full.relative_to(root).as_posix() if full.is_relative_to(root) and full.is_file() else None


def file_of_job(crate: ROCrate, files: CrateFiles, addresses: Mapping[str, str], path: str) -> Any:
    """A file that a job read or made, by its name below the project: in the folder of the run, as its copy there, or at the
    address that it was downloaded from (`addresses`, by `<host>/<path>`). None where the crate holds none of these."""
    full = files.repository / path
    if place := place_of(files, full):
        return file_entity(crate, files.root, place, checksum=False)
    downloaded = next((address for file, address in addresses.items() if path.endswith(file)), None)
    return crate.get(downloaded or kept(full, files.repository))


def file_entity(crate: ROCrate, root: Path, path: str, *, checksum: bool = True) -> Any:
    """A file in the folder of the run, with its size and, on request, its checksum."""
    known = crate.get(path)
    if known is not None:
        return known
    about = {"name": path.rsplit("/", 1)[-1], "encodingFormat": _media(path), **size_of(root / path, checksum)}
    return crate.add(File(crate, dest_path=path, properties=about))


def size_of(path: Path, checksum: bool = True) -> dict[str, str]:
    """Bytes of a file and, on request, its SHA-256, as properties of its entity."""
    size = {"contentSize": str(path.stat().st_size)}
    return size | ({"sha256": sha256_of(path)} if checksum else {})


def _media(path: str) -> str:
    suffix = Path(path).suffix
    return MEDIA.get(suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"
