"""Provenance and audit are the last jobs of every run, whichever questions are requested."""

from __future__ import annotations

import re

import pytest

from gandl.workflow.made_of import GATHERING
from tiny_project import Project


def graph_of(text: str) -> tuple[dict[str, str], dict[str, set[str]]]:
    """The rule of every job, and the jobs that each waits for, out of Snakemake's DOT."""
    rules = dict(re.findall(r'^\s*(\d+)\[label = "([\w]+)', text, flags=re.MULTILINE))
    needs: dict[str, set[str]] = {job: set() for job in rules}
    for before, after in re.findall(r"^\s*(\d+) -> (\d+)", text, flags=re.MULTILINE):
        needs[after].add(before)
    return rules, needs


def awaited(job: str, needs: dict[str, set[str]]) -> set[str]:
    """All that a job waits for."""
    found: set[str] = set()
    waiting = [job]
    while waiting:
        for before in needs[waiting.pop()] - found:
            found.add(before)
            waiting.append(before)
    return found


@pytest.mark.parametrize(
    ("preset", "changes"),
    [
        ("bbbc013", {}),
        ("bbbc013", {"evaluation": {"questions": []}}),
        ("bbbc013", {"evaluation": {"questions": ["dose_response"]}}),
        ("pilot", {"evaluation": {"questions": []}, "embeddings": {"featurizers": ["gandl", "segmentation", "released"]}}),
    ],
    ids=["every question", "no question", "one question", "published embeddings and no question"],
)  # fmt: skip
def test_provenance_and_audit_wait_for_every_other_job(empty: Project, preset: str, changes: dict[str, object]) -> None:
    project = Project(empty.folder, None, preset, {})
    project.configure(changes)
    drawn = project.snakemake("--dag", "dot", "--configfile", "config/tiny.yaml")
    assert drawn.returncode == 0, drawn.stderr
    rules, needs = graph_of(drawn.stdout)
    (audit,) = (job for job, rule in rules.items() if rule == "audit")
    (provenance,) = (job for job, rule in rules.items() if rule == "provenance")
    assert awaited(audit, needs) == awaited(provenance, needs) | {provenance}
    others = {job for job, rule in rules.items() if rule not in GATHERING} - {audit, provenance}
    missed = {rules[job] for job in others - awaited(provenance, needs)}
    assert not missed
    assert {"normalization", "embeddings", "training"} <= {rules[job] for job in others}
