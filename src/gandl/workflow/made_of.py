"""What a workflow is made of beside code and data: takes its folder and rules, makes lists of files, purposes, outputs,
hashes of code; names the rules that have no job of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

GATHERING = ("all", "figures", "report", "ome_zarr")
"""Rules without outputs: they only name files of others."""
RULES = ["rules/**/*.smk", "workflow/scripts/*.py"]
TEXTS = ["workflow/report/*.rst", *(f"src/gandl/**/*.{end}" for end in ("jinja", "mplstyle", "js", "css"))]


COMMIT = ".commit"
"""File in a folder that was laid out of a git repository: its commit."""


def commit_of(folder: Path) -> str | None:
    """The commit that was laid out in a folder; None where it was not."""
    file = Path(folder) / COMMIT
    return file.read_text(encoding="ascii").strip() if file.is_file() else None


def page_files(folder: Path = Path()) -> list[str]:
    """What the explorer's page is made of: its modules, its style, its frame. `folder` : the workflow's."""
    return _files(folder, ["src/gandl/explorer/static/*.*"])


def workflow_sources(folder: Path = Path()) -> list[str]:
    """The rules and scripts of the workflow in `folder`, the Snakefile first."""
    return ["Snakefile", *_files(folder, RULES)]


def workflow_files(folder: Path = Path()) -> list[str]:
    """What decides a run beside the code of gandl, the configuration and the data: its rules, scripts and texts."""
    return ["Snakefile", *_files(folder, [*RULES, *TEXTS])]


def purposes(rules: Iterable[Any]) -> dict[str, str]:
    """What every rule of a Snakemake workflow is for, by its name: the first line of its help."""
    return {each.name: (each.docstring or "").strip().split("\n")[0] for each in rules}


def codes(rules: Iterable[Any], values: Mapping[str, Sequence[str]]) -> dict[str, str | dict[str, str]]:
    """Hash of the code behind every rule (its parameter `code`), by rule; where it depends on a wildcard, by its values.

    Parameters
    ----------
    values : of the wildcards that code may depend on, by name, the first that a rule has: families, setups, screens.
    """
    found: dict[str, str | dict[str, str]] = {}
    for each in rules:
        code = each.params.get("code")
        if callable(code):
            wildcard = next(name for name in values if name in each.wildcard_names)
            code = {value: code(SimpleNamespace(**{wildcard: value})) for value in values[wildcard]}
        if code:
            found[each.name] = code
    return found


def outputs(rules: Iterable[Any]) -> dict[str, list[str]]:
    """What the jobs of every rule of a Snakemake workflow make, by its name: paths with wildcards in braces."""
    return {each.name: [str(file) for file in each.output] for each in rules}


def _files(folder: Path, patterns: Iterable[str]) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for pattern in patterns for file in folder.glob(pattern))
