"""A lab's own plates, from `sites.csv` to the report: `gandl check` writes the configuration that the run takes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml

from gandl.images.store_reader import ImageStore
from load_data_files import write_listed_plates
from plate_files import write_filled_rows_plate, write_one_channel_plate, write_six_channel_plates, write_stack_plate
from tiny_project import TINY, Project


def own(project: Project, place: Path, *options: str) -> Project:
    """The project with the configuration that the check suggests, made tiny."""
    written = ["--config", "config/own.yaml", "--sheet", "sheet.png"]
    checked = subprocess.run(
        [sys.executable, "-m", "gandl", "check", str(place), *options, *written],
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
        for file in (*results.glob("figures/*.svg"), *results.glob("tables/*.html"), results / "report/summary.txt"):
            assert "unknown" not in file.read_text(encoding="utf-8"), file.name
        assert not re.findall(r"unknown(?=:| cells|</t[hd]>)", page)
        assert (run.folder / "sheet.png").stat().st_size > 0
        assert run.planned() == {}
        image = max(path for path in folder.rglob("*") if path.suffix in (".tif", ".png"))
        os.utime(image, ns=(1, 1))  # as after copying another one into its place
        assert run.planned()["images"] == 1
    finally:
        shutil.rmtree(folder)


def test_load_data_with_plate_maps_runs_to_the_report(empty: Project, tmp_path_factory) -> None:
    """CellProfiler's table, whose paths are those of another machine, and pycytominer's plate maps beside it."""
    listed = write_listed_plates(tmp_path_factory.mktemp("listed") / "screen")
    try:
        run = own(empty, listed.load_data, "--rewrite", listed.rewrite)
        done = run.run()
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
        (results,) = (run.folder / "results").iterdir()
        sites = pd.read_parquet(results / "source/plates/sites.parquet")
        assert sites["plate_id"].unique().tolist() == ["screen_BR00000001"]
        assert sites["control"].value_counts().to_dict() == {"none": 20, "positive": 4, "negative": 4}
        assert sorted(sites["concentration_um"].dropna().unique()) == [0.1, 0.3, 1, 3, 10]
        assert set(sites["moa"]) == {"", "none", "kinase inhibitor"}, "what is known of the samples is beside the wells"
        assert "real images" in (results / "report/audit.html").read_text(encoding="utf-8")
        assert run.planned() == {}
        table = run.folder / "config/own_sites.csv"
        table.write_text(table.read_text(encoding="utf-8").replace("kinase inhibitor", "inhibitor"), encoding="utf-8")
        assert run.planned()["sites"] == 1, "a corrected table is noticed"
    finally:
        shutil.rmtree(listed.folder)


def test_stacks_run_from_one_column_of_files_to_the_report(empty: Project, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("stacks")
    try:
        table = write_stack_plate(folder)
        run = own(empty, table, "--leave-out", "empty")
        done = run.run()
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
        (results,) = (run.folder / "results").iterdir()
        assert "real images" in (results / "report/audit.html").read_text(encoding="utf-8")
        (store,) = (results / "images/plates").glob("*.zarr")
        images = ImageStore(store)
        assert (images.channels, images.pixel_size_um) == (["dna", "er"], 0.65)
        first = tifffile.imread(folder / "images/A01.ome.tif")
        np.testing.assert_array_equal(images.sites([0])[0], first[:2].max(axis=1))
        provenance = json.loads((results / "report/provenance.json").read_text(encoding="utf-8"))
        assert [stored["processing"] for stored in provenance["stores"]] == [{"z": "max", "z_planes": 2}]
        assert run.planned() == {}
        run.configure({"source": {"plates": {"z": "middle"}}})
        planned = run.planned()
        assert planned["images"] == 1
        assert "sites" not in planned
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
