"""The README's findings come from a run: each number of the section stands in the run's tables, and an absent one ends it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "docs"))
import findings

NUMBER = r"\d\.\d\d \[-?\d\.\d\d, \d\.\d\d\]"


def numbers_of(run: Path, question: str, featurizer: str, method: str, rows: list[tuple[str, str, str, float]]) -> None:
    file = run / f"evaluation/{question}/{featurizer}.{method}.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(rows, columns=["split", "unit", "metric", "value"])
    table.assign(low=table["value"] - 0.01, high=table["value"] + 0.01, n=28).to_parquet(file)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    for position, featurizer in enumerate([*findings.ROWS, "imagenet_concatenated"]):
        for question, metric, first in (("controls", "auc", 0.9), ("calibration", "spearman_severity", 0.5)):
            rows = [
                (f"leave_plate_out:{cells}", "well", metric, first + position / 100 + shift)
                for cells, shift in (("HRCE", 0.0), ("VERO", -0.2))
            ]
            numbers_of(tmp_path, question, featurizer, "unlabelled", [*rows, ("quarter:all", "site", "accuracy", 0.7)])
        shares = [("leave_experiment_out:all", "well", "accuracy", 0.31), ("quarter:all", "site", "accuracy", 0.62)]
        numbers_of(tmp_path, "cell_type", featurizer, "none", shares)
    (tmp_path / "report").mkdir()
    made = {
        "git": {"commit": "0123456789"},
        "simulated": True,
        "configuration": {"training": {"seed": 3, "images": 64000}},
    }
    (tmp_path / "report/provenance.json").write_text(json.dumps(made))
    (tmp_path / "report/summary.txt").write_text(
        "- Something else.\n- GAN-DL, blocks: above no floor.\n- No featurizer is above Segmentation on any set.\n"
    )
    (tmp_path / "tables").mkdir()
    rows = [("C+ versus C−", name, "site", value, "this run") for name, value in (("gandl", 0.7), ("conv_ae", 0.9))]
    rows += [("C+ versus C−", "gandl", "site", 0.99, "paper"), ("C+ versus C−", "intensity", "well", 1.0, "this run")]
    table = pd.DataFrame(rows, columns=["task", "featurizer", "unit", "value", "source"])
    table.to_csv(tmp_path / "tables/table_1.csv", index=False)
    (tmp_path / "models/gandl/seed_3").mkdir(parents=True)
    curve = {"nuclei_per_crop": 5.0, "nuclei_per_crop_real": 6.1, "nuclear_area": 70.0, "nuclear_area_real": 72.0}
    rows = [(images, name, value + (images == 0)) for images in (64000, 0) for name, value in curve.items()]
    pd.DataFrame(rows, columns=["images", "metric", "value"]).to_parquet(tmp_path / "models/gandl/seed_3/curve.parquet")
    return tmp_path


def test_the_section_holds_the_runs_numbers(run: Path) -> None:
    section = findings.findings(run)
    assert (
        "| all blocks | 0.91 [0.90, 0.92] / 0.71 [0.70, 0.72] | 0.51 [0.50, 0.52] / 0.31 [0.30, 0.32] | 0.31 [0.30, 0.32] |"
        in section
    )
    assert "commit 0123456 (seed 3, 64,000 images shown; **simulated** cells" in section
    assert "draws 5.0 nuclei per crop where real crops have 6.1, of a median area of 70 px (real ones 72 px)" in section
    assert "70 % [69, 71] and 62 % [61, 63] by all its blocks" in section
    assert "GAN-DL, blocks: above no floor. No featurizer is above Segmentation on any set." in section
    assert "in each task of Table 1: C+ versus C−: ConvAE (0.90, GAN-DL's layer 0.70)." in section
    assert "so few controls (28 wells in VERO)" in section


def test_verdicts_follow_the_intervals_of_the_run(run: Path) -> None:
    said = findings.against_untrained(run)
    assert "lie wholly above those of the untrained network in 0 of 5 columns, below in 0" in said
    rows = [(f"leave_plate_out:{cells}", "well", "auc", 0.99 - (cells == "VERO")) for cells in findings.CELLS]
    numbers_of(run, "controls", "gandl_blocks", "unlabelled", rows)
    said = findings.against_untrained(run)
    assert "in 1 of 5 columns (AUC, HRCE), below in 1 (AUC, VERO); elsewhere they overlap." in said


def test_an_absent_sentence_of_the_run_is_named(run: Path) -> None:
    (run / "report/summary.txt").write_text("- Something else.\n")
    with pytest.raises(KeyError, match="GAN-DL against floors"):
        findings.findings(run)


def test_an_absent_number_is_named(run: Path) -> None:
    numbers_of(run, "cell_type", "segmentation", "none", [("quarter:all", "site", "accuracy", 0.62)])
    with pytest.raises(KeyError, match="cell_type, segmentation, leave_experiment_out:all, well, accuracy: 0 rows"):
        findings.findings(run)


def test_only_what_stands_between_the_marks_changes() -> None:
    page = f"before\n{findings.START}\n\nold\n\n{findings.END}\n\nafter\n"
    assert findings.rewritten(page, "new") == page.replace("old", "new")


def test_the_readmes_section_has_this_form(repository: Path) -> None:
    page = (repository / "README.md").read_text(encoding="utf-8")
    section = page.split(findings.START)[1].split(findings.END)[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")][1:]
    assert [row[0] for row in rows] == list(findings.ROWS.values())
    for row in rows:
        assert re.fullmatch(f"{NUMBER} / {NUMBER}", row[1]), row
        assert re.fullmatch(f"{NUMBER} / {NUMBER}", row[2]), row
        assert re.fullmatch(NUMBER, row[3]), row
    assert "**simulated** cells" in section
    behind = page.split(findings.END)[1].split("\n## ")[0]
    assert not behind.strip(), "what the run finds is made by docs/findings.py, not typed below it"
