"""A lab's own plates, from `sites.csv` to the report: `gandl check` writes the configuration that the run takes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
import yaml

from plate_files import write_one_channel_plate, write_six_channel_plates
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
        "normalization": {"methods": suggested["normalization"]["methods"][:2]},
        "figures": {"dpi": 50},
    }
    mine = Project(project.folder, None, "own", tiny)
    mine.configure({})
    return mine


EIGHT_ROWS = partial(write_one_channel_plate, rows="ABCDEFGH")
"""A plate with 8 negative controls, enough to be its reference."""


@pytest.mark.parametrize(
    ("write", "method"), [(write_six_channel_plates, "unlabelled"), (EIGHT_ROWS, "negative_crossfit")]
)
def test_own_plates_run_from_their_table_to_the_report(empty: Project, tmp_path_factory, write, method: str) -> None:
    folder = tmp_path_factory.mktemp("plates")
    try:
        run = own(empty, write(folder))
        done = run.run()
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
        (results,) = (run.folder / "results").iterdir()
        page = (results / "report/audit.html").read_text(encoding="utf-8")
        assert "simulated screen" not in page
        assert "real images" in page
        compared = pd.read_csv(results / "figures/figure_featurizers.csv")
        assert compared["normalization"].nunique() == 2
        assert set(compared.loc[compared["chosen"], "normalization"]) == {method}
        summary = (results / "report/summary.txt").read_text(encoding="utf-8")
        assert "(Z′, " in summary, "whether the order of featurizers depends on the normalisation"
        profiles = list((results / "normalization/plates").glob(f"*.{method}.wells.parquet"))
        assert len(profiles) == 2, "profiles of the run's own normalisation"
        assert (run.folder / "sheet.png").stat().st_size > 0
        assert run.planned() == {}
        image = max(path for path in folder.rglob("*") if path.suffix in (".tif", ".png"))
        os.utime(image, ns=(1, 1))  # as after copying another one into its place
        assert run.planned()["images"] == 1
    finally:
        shutil.rmtree(folder)
