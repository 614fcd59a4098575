"""Provenance: what a run was made from. Takes configuration, code, inputs and benchmark files; makes provenance.json.

It holds no path of a machine, no host's and no user's name, so that it can be published as it is.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from gandl.config import Config
from gandl.source.remote.datasets import Download
from gandl.source.remote.origin import origin_file
from gandl.workflow.files import sha256_of, write_json
from gandl.workflow.machines.hardware import hardware, versions
from gandl.workflow.made_of import commit_of

Code = Mapping[str, str | Mapping[str, str]]
"""Hash of the code behind each rule; where it differs between screens, by screen."""
MACHINE = {"bbbc013": ("platemap",), "plates": ("table", "folder", "wells"), "class_folders": ("folder",)}
"""Settings of `source` that may hold a path of the machine."""
UNKNOWN_ORIGIN = {"kind": "unknown", "date": None}


class ProvenanceError(ValueError):
    """A benchmark or origin file cannot be read, or an archive is in no table; the message names it."""


def write_provenance(
    output: Path,
    *,
    config: Config,
    repository: Path,
    code: Code,
    workflow: Sequence[Path],
    lock: Path,
    archives: Sequence[Path],
    downloads: Sequence[Download],
    manifests: Sequence[Path],
    tables: Sequence[Path],
    benchmarks: Path,
    outputs: Mapping[str, Sequence[str]],
) -> None:
    """Write what a run was made from.

    Parameters
    ----------
    output : provenance.json.
    config : configuration of the run; its mirror is left out, for where a file came from does not change what it is.
    repository : root of the project, for git and names of files.
    code : hash of the code behind each rule, as its jobs had it: Snakemake redoes a job whose code differs, and then this file.
    workflow : what else decides a run and is no code of gandl: Snakefile, rules, scripts, captions, templates, style.
    lock : requirements file with the pinned versions.
    archives : downloaded files, each below its `<host>/<path>`; beside each, what `source.remote.origin` wrote when it arrived.
    downloads : rows of `resources/datasets.csv`: address, official size and checksum, licence, citation.
    manifests : manifests of the image stores.
    tables : the project's own small inputs (plate map, table of data sets).
    benchmarks : folder of Snakemake's benchmark files (*.jsonl).
    outputs : what the jobs of a rule make, by its name, as paths with wildcards in braces.

    Raises
    ------
    ProvenanceError : a benchmark file or an archive's origin is no JSON, or an archive lies at no address of `downloads`.
    """
    settings = configuration(config)
    write_json(
        {
            "run": config.run,
            "dataset": config.source.screen.value,
            "simulated": config.simulated,
            "configuration": settings,
            "hashes": {
                "configuration": _sha256(_canonical(settings)),
                "code": _sha256(_canonical(code)),
                "workflow": _sha256(_canonical({_named(file, repository): sha256_of(file) for file in workflow})),
                "lock": sha256_of(lock),
            },
            "code": code,
            "git": git_state(repository),
            "inputs": [_archive(path, downloads) for path in sorted(archives)],
            "stores": [_store(path, repository) for path in sorted(manifests)],
            "tables": [_file(path, repository) for path in sorted(tables)],
            "versions": versions(lock),
            "hardware": hardware(),
            "jobs": job_costs(benchmarks, repository, outputs),
        },
        output,
    )


def configuration(config: Config) -> dict[str, Any]:
    """The configuration as plain values, without what decides no number: mirror, export, folders of an absolute path."""
    settings: dict[str, Any] = config.model_dump(mode="json", exclude={"mirror", "ome_zarr"})
    for section, keys in MACHINE.items():
        for key in keys:
            value = (settings["source"][section] or {}).get(key)
            if value is not None and Path(value).is_absolute():
                settings["source"][section][key] = Path(value).name
    return settings


def git_state(repository: Path) -> dict[str, Any] | None:
    """The commit, and whether files differ from it (`dirty`); None outside git and before the first commit."""
    if laid_out := commit_of(repository):
        return {"commit": laid_out, "dirty": False}
    commit, top = _git(repository, "rev-parse", "HEAD"), _git(repository, "rev-parse", "--show-toplevel")
    if not commit or not top or Path(top).resolve() != Path(repository).resolve():
        return None
    return {"commit": commit, "dirty": bool(_git(repository, "status", "--porcelain", "--untracked-files=no"))}


def _git(repository: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _archive(path: Path, downloads: Iterable[Download]) -> dict[str, Any]:
    """One downloaded file: what was seen, and what its provider publishes about it."""
    end = PurePosixPath(path.as_posix())
    known = [entry for entry in downloads if end.parts[-len(entry.path.parts) :] == entry.path.parts]
    if not known:
        raise ProvenanceError(f"{path.name} is at no address of the table of data sets")
    official, seen = known[0], sha256_of(path)
    if official.sha256 is None:
        checksum = f"official checksum unknown; observed {seen}"
    else:
        checksum = (
            "as published" if seen.startswith(official.sha256) else f"differs from the published {official.sha256}"
        )
    return {
        "file": str(official.path),
        "url": official.url,
        "bytes": path.stat().st_size,
        "official_bytes": official.bytes,
        "sha256": seen,
        "official_sha256": official.sha256,
        "checksum": checksum,
        "licence": official.licence,
        "citation": official.citation,
        "origin": origin_of(path, seen),
    }


def origin_of(archive: Path, seen: str) -> dict[str, Any]:
    """Where a file came from (`kind`) and on which day (`date`), as written when it arrived.

    The kind is `unknown` and the day None if nothing was written, or was written of other bytes than those `seen` (SHA-256).
    """
    file = origin_file(archive)
    if not file.is_file():
        return dict(UNKNOWN_ORIGIN)
    try:
        origin = json.loads(file.read_text(encoding="utf-8"))
        return {"kind": origin["kind"], "date": origin["date"]} if origin["sha256"] == seen else dict(UNKNOWN_ORIGIN)
    except (ValueError, KeyError, TypeError) as error:
        raise ProvenanceError(
            f"{file.name} does not state kind, sha256 and date of {archive.name}; delete both"
        ) from error


def _file(path: Path, repository: Path) -> dict[str, Any]:
    return {"file": _named(path, repository), "bytes": Path(path).stat().st_size, "sha256": sha256_of(path)}


def _named(path: Path, repository: Path) -> str:
    """A file's name without a path of the machine: below the project, below the working directory, or its last part."""
    full, roots = Path(path).resolve(), (Path(repository).resolve(), Path.cwd())
    return next((full.relative_to(root).as_posix() for root in roots if full.is_relative_to(root)), full.name)


def _store(manifest: Path, repository: Path) -> dict[str, Any]:
    """A manifest, and what was done to pixels before they were stored (projection, scale, illumination), where anything was."""
    try:
        processing = json.loads(manifest.read_text(encoding="utf-8")).get("processing")
    except (ValueError, AttributeError) as error:
        raise ProvenanceError(f"{manifest.name} is no manifest of an image store; delete it and run again") from error
    return {**_file(manifest, repository), **({"processing": processing} if processing else {})}


def job_costs(
    benchmarks: Path, repository: Path = Path(), outputs: Mapping[str, Sequence[str]] | None = None
) -> list[dict[str, Any]]:
    """Seconds, peak memory and end of every job, by stage and name, with the files that it `reads` and `makes`.

    Parameters
    ----------
    benchmarks : folder `<stage>/**/*.jsonl` as Snakemake writes it: a JSON object per line (`s` seconds, `max_rss` MiB,
        `cpu_time` seconds, with `benchmark-extended` also `rule_name`, `wildcards` and the inputs, keys of `input_size_mb`); a
        repeated job has a line for each time, the last one counts.
    repository : root of the project, below which files keep their names. outputs : as in `write_provenance`.

    Raises
    ------
    ProvenanceError : a file is not made of JSON lines.
    """
    files = sorted(Path(benchmarks).rglob("*.jsonl"))
    return [_job(file, file.relative_to(benchmarks), repository, outputs or {}) for file in files]


def _job(file: Path, place: Path, repository: Path, outputs: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    try:
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
        last = lines[-1]
    except (ValueError, IndexError) as error:
        raise ProvenanceError(
            f"the benchmark file {place.as_posix()} holds no JSON line; delete it and run its job again"
        ) from error
    name = place.with_suffix("").as_posix()
    made = _filled(outputs.get(str(last.get("rule_name")), []), last.get("wildcards") or {})
    return {
        "stage": place.parts[0],
        "job": name.split("/", 1)[-1],
        "rule": last.get("rule_name"),
        "seconds": _number(last.get("s")),
        "cpu_seconds": _number(last.get("cpu_time")),
        "peak_mib": _number(last.get("max_rss")),
        "ended": datetime.fromtimestamp(round(file.stat().st_mtime), UTC).isoformat(),
        "reads": sorted(_named(repository / path, repository) for path in last.get("input_size_mb") or {}),
        "makes": sorted(_named(repository / path, repository) for path in made),
    }


def _filled(patterns: Iterable[str], wildcards: Mapping[str, str]) -> list[str]:
    """Paths of patterns whose wildcards (`{store}`, `{store,[a-z]{2}}`) are all known."""
    wildcard = re.compile(r"\{(\w+)(?:,(?:[^{}]|\{[^{}]*\})*)?\}")
    known = [pattern for pattern in patterns if set(wildcard.findall(pattern)) <= set(wildcards)]
    return [wildcard.sub(lambda found: str(wildcards[found[1]]), pattern) for pattern in known]


def _number(value: Any) -> float | None:
    """Snakemake writes NA where a job was too short to be looked at."""
    return round(float(value), 1) if isinstance(value, int | float) else None


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
