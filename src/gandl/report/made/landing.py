"""The landing page of Snakemake's report: takes the provenance, what was found and the project's text; makes reStructuredText.

The text above (`workflow/report/workflow.rst`) is kept as the template that it is; what is computed follows, marked raw, so that
nothing of it is taken for a template.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gandl.report.made.costs import RuleCost, duration, rule_costs
from gandl.workflow.files import atomic
from gandl.workflow.words import counted

SHOWN = ("torch", "snakemake", "numpy", "pandas", "scikit-learn", "scikit-image", "zarr", "pyarrow", "monai")
"""Packages whose versions the page names; all are in provenance.json."""
EMPTY = "\\ "
"""An empty cell."""


def write_landing(
    output: Path, template: Path, provenance: Mapping[str, Any], screens: Sequence[str], found: Sequence[str]
) -> None:
    """Write the page that Snakemake's report opens with.

    Parameters
    ----------
    template : the project's own text, with Jinja. provenance : content of provenance.json.
    screens : what each screen holds, a sentence each. found : the first findings, a sentence each.
    """
    text = Path(template).read_text(encoding="utf-8").rstrip()
    computed = "\n\n".join(_parts(provenance, screens, found))
    with atomic(Path(output)) as partial:
        partial.write_text(f"{text}\n\n{{% raw %}}\n{computed}\n{{% endraw %}}\n", encoding="utf-8")


def _parts(provenance: Mapping[str, Any], screens: Sequence[str], found: Sequence[str]) -> Iterable[str]:
    if found:
        yield _heading("In short")
        yield "\n".join(f"* {plain(line)}" for line in found)
    yield _heading("This run")
    yield _table(("", ""), _facts(provenance, screens), (14, 86), header=False)
    costs = rule_costs(provenance["jobs"])
    if costs:
        total = sum(cost.seconds for cost in costs)
        yield _heading("What it cost, by rule")
        yield f"{counted(sum(cost.jobs for cost in costs), 'job')}, {duration(total)} if all were added up."
        columns = ("Rule (stage)", "Jobs", "Time, added up", "Processor time", "Peak memory")
        yield _table(columns, [_cost(cost) for cost in costs], (40, 8, 18, 18, 16))


def _facts(provenance: Mapping[str, Any], screens: Sequence[str]) -> list[tuple[str, str]]:
    git, versions, hardware = provenance["git"], provenance["versions"], provenance["hardware"]
    packages = versions["packages"]
    named = ", ".join(f"{name} {packages[name]}" for name in SHOWN if name in packages)
    differ = len(versions["differ_from_lock"])
    commit = "not under version control"
    if git:
        commit = f"{git['commit']}{', with changes that were not committed' if git['dirty'] else ''}"
    gpus = ", ".join(hardware["gpus"]) or "no GPU"
    return [
        ("Run", f"{provenance['run']} ({'simulated images' if provenance['simulated'] else 'real images'})"),
        ("Data", " ".join(screens)),
        ("Commit", commit),
        (
            "Software",
            f"Python {versions['python']}, {named}; {f'{differ} not as locked' if differ else 'all as locked'}",
        ),
        (
            "Hardware",
            f"{hardware['cpu']}, {counted(hardware['cores'], 'core')}, {hardware['memory_gib']} GiB memory, {gpus}",
        ),
        ("Hashes", "; ".join(f"{name} {value[:16]}" for name, value in provenance["hashes"].items())),
        ("In full", "report/provenance.json and ro-crate-metadata.json in the folder of the run"),
    ]


def _cost(cost: RuleCost) -> tuple[str, ...]:
    peak = "–" if cost.peak_mib is None else f"{cost.peak_mib:,.0f} MiB"
    return f"{cost.rule} ({cost.stage})", str(cost.jobs), duration(cost.seconds), duration(cost.cpu_seconds), peak


def plain(text: str) -> str:
    """Text in which nothing is markup."""
    return re.sub(r"([\\*`|_])", r"\\\1", text)


def _heading(text: str) -> str:
    return f"{text}\n{'-' * len(text)}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int], header: bool = True) -> str:
    lines = [
        ".. list-table::",
        f"   :widths: {' '.join(map(str, widths))}",
        *(["   :header-rows: 1"] if header else []),
        "",
    ]
    for row in [columns, *rows] if header else rows:
        lines += [f"   {'* ' if i == 0 else '  '}- {plain(cell) or EMPTY}" for i, cell in enumerate(row)]
    return "\n".join(lines)
