"""The presets: each is complete, and its whole DAG is known at once, with nothing downloaded."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gandl.config.files import read_config
from tiny_project import Project

PRESETS = ("config", "bbbc013", "bbbc021", "ci", "pilot", "paper")


DRAWN = {
    "config": {
        "figure_2",
        "figure_3",
        "figure_4",
        "figure_5",
        "figure_s_drugs",
        "figure_s_confusion",
        "figure_s_reconstructions",
        "figure_s_counterparts",
        "figure_calibration",
        "figure_featurizers",
        "table_featurizers",
        "table_1",
    },
    "bbbc013": {"figure_axes", "figure_plate", "figure_dose_response", "figure_treatments", "table_treatments"},
}
"""What the sentence that refuses a figure says of presets (`FIGURES` in rules/drawing.smk)."""


def jobs(text: str) -> dict[str, int]:
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", text, flags=re.MULTILINE)}


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_lists_every_job_with_nothing_there(empty: Project, preset: str) -> None:
    listed = empty.snakemake("-n", "--configfile", f"config/{preset}.yaml")
    assert listed.returncode == 0, listed.stdout[-2000:] + listed.stderr[-2000:]
    found = jobs(listed.stdout + listed.stderr)
    assert found["total"] < 2000
    assert found["training"] == 1
    assert DRAWN.get(preset, set()) <= set(found)
    assert not (empty.folder / "results").exists() or not list((empty.folder / "results").rglob("*.zip"))


@pytest.mark.parametrize(
    ("preset", "target", "needed"),
    [
        ("bbbc013", "figure_3", "the cells HRCE and VERO of RxRx19a and the question cell_model (config/config.yaml)"),
        ("bbbc013", "results/bbbc013/tables/table_1.html", "RxRx19a and the question controls (config/config.yaml)"),
        ("config", "figure_axes", "the plate BBBC013 (config/bbbc013.yaml)"),
    ],
)
def test_a_figure_that_does_not_apply_is_refused_in_one_sentence(
    empty: Project, preset: str, target: str, needed: str
) -> None:
    started = empty.snakemake(target, "--cores", "1", "--configfile", f"config/{preset}.yaml")
    assert started.returncode == 1
    reported = started.stdout + started.stderr
    assert "Traceback" not in reported
    (sentence,) = [line for line in reported.splitlines() if "does not apply" in line]
    name = Path(target).stem
    assert sentence.startswith(f"{name} does not apply to the run ")
    assert f"it needs {needed}; this run has figure_1, " in sentence
    assert name not in sentence.partition("this run has")[2].split(", ")
    assert not (empty.folder / "results").exists()


SIMULATED = {"simulate_rxrx19a", "simulate_rxrx1", "directory", "download", "sites", "images"}
OF_FIGURES = {
    "figure_1": {"splits", "training"},
    "figure_4": {"splits", "training", "baseline", "baseline_embeddings", "embeddings", "normalization", "scores"},
}
"""What figures of the paper need beside the screens themselves: images and the GAN; scores of GAN-DL and of the baseline."""


@pytest.mark.parametrize("figure", list(OF_FIGURES))
def test_a_figure_of_the_paper_makes_just_what_it_needs(empty: Project, figure: str) -> None:
    listed = empty.snakemake("-n", figure, "--configfile", "config/config.yaml")
    assert set(jobs(listed.stdout + listed.stderr)) == SIMULATED | OF_FIGURES[figure] | {figure, "total"}


def test_the_paper_has_a_store_per_plate_and_per_experiment(empty: Project) -> None:
    listed = empty.snakemake("-n", "--configfile", "config/paper.yaml")
    found = jobs(listed.stdout + listed.stderr)
    assert found["images"] == 57 + 51
    assert found["embeddings"] == found["conv_ae_embeddings"] == 57 + 51
    assert found["pretrained"] == 2, "DenseNet-121 that embeds, ResNet-50 that teaches the autoencoder"
    assert found["directory"] == 2
    assert "simulate_rxrx19a" not in found


def test_bbbc021_reads_an_archive_per_plate(empty: Project) -> None:
    listed = empty.snakemake("-n", "--configfile", "config/bbbc021.yaml")
    found = jobs(listed.stdout + listed.stderr)
    assert found["images"] == found["directory"] == 55
    assert found["download"] == 2, "the tables of images and of mechanisms"


def test_the_plan_of_the_paper_reports_published_totals_with_their_basis(empty: Project) -> None:
    from gandl.commands.plan import plan_lines

    config = read_config(empty.folder / "config/paper.yaml")
    text = "\n".join(plan_lines(config, None, results=Path("nothing-here")))
    assert "~445 GB" in text
    assert "as published" in text or "published as" in text
    assert "GPU hours" in text
