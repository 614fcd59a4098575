"""The presets: each is complete, and its whole DAG is known at once, with nothing downloaded."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gandl.config.files import read_config
from tiny_project import Project

PRESETS = ("config", "bbbc013", "ci", "pilot", "paper")


def jobs(text: str) -> dict[str, int]:
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", text, flags=re.MULTILINE)}


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_lists_every_job_with_nothing_there(empty: Project, preset: str) -> None:
    listed = empty.snakemake("-n", "--configfile", f"config/{preset}.yaml")
    assert listed.returncode == 0, listed.stdout[-2000:] + listed.stderr[-2000:]
    found = jobs(listed.stdout + listed.stderr)
    assert found["total"] < 2000
    assert found["training"] == 1
    assert not (empty.folder / "results").exists() or not list((empty.folder / "results").rglob("*.zip"))


def test_the_paper_has_a_store_per_plate_and_per_experiment(empty: Project) -> None:
    listed = empty.snakemake("-n", "--configfile", "config/paper.yaml")
    found = jobs(listed.stdout + listed.stderr)
    assert found["images"] == 57 + 51
    assert found["embeddings"] == 57 + 51
    assert found["directory"] == 2
    assert "simulate_rxrx19a" not in found


def test_the_plan_of_the_paper_reports_published_totals_with_their_basis(empty: Project) -> None:
    from gandl.commands.plan import plan_lines

    config = read_config(empty.folder / "config/paper.yaml")
    text = "\n".join(plan_lines(config, None, results=Path("nothing-here")))
    assert "~445 GB" in text
    assert "as published" in text or "published as" in text
    assert "GPU hours" in text
