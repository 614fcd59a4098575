"""A lab's own plates, from `sites.csv` to the report: `gandl check` writes the configuration that the run takes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from plate_files import write_filled_rows_plate, write_one_channel_plate, write_six_channel_plates
from tiny_project import TINY, Project


def own(project: Project, table: Path) -> Project:
    """The project with the configuration that the check suggests, made tiny."""
    checked = subprocess.run(
        [sys.executable, "-m", "gandl", "check", str(table), "--config", "config/own.yaml", "--sheet", "sheet.png"],
        cwd=project.folder, env=project._environment(None), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr
    suggested = yaml.safe_load((project.folder / "config/own.yaml").read_text(encoding="utf-8"))
    tiny = {
        "training": {name: value for name, value in TINY["training"].items() if name != "probe_stride"},
        "embeddings": {"stride": 16, "featurizers": ["gandl_blocks", "intensity"]},
        "evaluation": {"svm_c": [0.1], "bootstrap": 50},
        "normalization": {"methods": [suggested["normalization"]["method"]]},
        "figures": {"dpi": 50},
    }
    mine = Project(project.folder, None, "own", tiny)
    mine.configure({})
    return mine


@pytest.mark.parametrize("write", [write_six_channel_plates, write_one_channel_plate])
def test_own_plates_run_from_their_table_to_the_report(empty: Project, tmp_path_factory, write) -> None:
    folder = tmp_path_factory.mktemp("plates")
    try:
        run = own(empty, write(folder))
        done = run.run()
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
        (results,) = (run.folder / "results").iterdir()
        page = (results / "report/audit.html").read_text(encoding="utf-8")
        assert "simulated screen" not in page
        assert "real images" in page
        assert (run.folder / "sheet.png").stat().st_size > 0
        assert run.planned() == {}
        image = max(path for path in folder.rglob("*") if path.suffix in (".tif", ".png"))
        os.utime(image, ns=(1, 1))  # as after copying another one into its place
        assert run.planned()["images"] == 1
    finally:
        shutil.rmtree(folder)


def test_a_plate_with_filled_rows_few_doses_and_numbered_channels_has_its_treatments_in_the_report(
    empty: Project, tmp_path_factory
) -> None:
    """No treatment has four doses, rows A and H hold one control each, and channels are called 1 and 2."""
    folder = tmp_path_factory.mktemp("plates")
    try:
        run = own(empty, write_filled_rows_plate(folder))
        suggested = yaml.safe_load((run.folder / "config/own.yaml").read_text(encoding="utf-8"))
        assert suggested["evaluation"]["questions"] == ["controls", "treatments"]
        assert suggested["training"]["nuclear_channels"] == ["1"]
        assert suggested["embeddings"]["segmentation"]["nuclear_channels"] == ["1"]
        run.configure({"embeddings": {"featurizers": ["gandl_blocks", "segmentation"]}})
        done = run.run()
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
        (results,) = (run.folder / "results").iterdir()
        page = (results / "report/audit.html").read_text(encoding="utf-8")
        assert 'id="treatments"' in page
        assert "Plate columns held out" in page
        assert "cycloheximide" in page
        listed = pd.read_csv(results / "tables/table_treatments.csv")
        assert set(listed["scheme"]) == {"leave_column_out"}
        assert set(listed["treatment"].dropna()) == {"cycloheximide", "drug A", "drug B"}
        wells = pd.read_csv(results / "tables/table_treatments_wells.csv")
        assert len(wells) == 32
        for name in ("figure_treatments", "figure_plate"):
            assert (results / f"figures/{name}.png").stat().st_size > 0
        assert run.planned() == {}
    finally:
        shutil.rmtree(folder)
