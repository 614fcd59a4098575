"""The target `ome_zarr`: exports the plates that are named, out of a finished run or a clean clone, and redoes nothing else."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gandl.images.files.image_files import read_images
from gandl.images.store_reader import ImageStore
from gandl.source.formats.ome_zarr import read_plate
from gandl.tables import SITES, read_table
from tiny_project import TINY_SIMULATED, Project

RUN = "results/tiny"


def test_named_plates_and_wells_of_a_run_are_exported_and_read_back(simulated: Project) -> None:
    pytest.importorskip("ome_zarr", reason="ome-zarr is not installed")
    results = simulated.folder / RUN
    sites = read_table(results / "source/rxrx1/sites.parquet", SITES)
    of_plate = sites[sites["plate_id"] == "HUVEC-01_2"]
    wells = sorted(of_plate["well"].unique())[:2]
    simulated.configure({"ome_zarr": {"screen": "rxrx1", "plates": ["HUVEC-01_2"], "wells": wells}})
    try:
        done = simulated.run("ome_zarr")
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        assert simulated.planned() == {}, "an export changes nothing of the run"
    finally:
        simulated.configure({})
    folder = results / "images/ome_zarr/rxrx1"
    assert [path.name for path in folder.glob("*.zarr")] == ["HUVEC-01_2.zarr"]
    store = ImageStore(results / "images/rxrx1/HUVEC-01.zarr")
    place = {site: i for i, site in enumerate(store.site_ids)}
    expected = of_plate[of_plate["well"].isin(wells)].set_index(["well", "site"])["site_id"]
    found = read_plate(folder / "HUVEC-01_2.zarr")
    assert found.channels == tuple(store.channels)
    assert {(site.well, site.site) for site in found.sites} == set(expected.index)
    for site in found.sites:
        images = [read_images(site.images[name].path, [site.images[name].selector])[0] for name in found.channels]
        np.testing.assert_array_equal(np.stack(images), store.sites([place[expected[site.well, site.site]]])[0])
    (plate,) = json.loads((folder / "HUVEC-01.manifest.json").read_text(encoding="utf-8"))["plates"]
    assert (plate["wells"], plate["fields"]) == (2, len(expected))


def test_an_export_needs_images_alone_and_only_of_its_stores(empty: Project) -> None:
    project = Project(empty.folder, None, "config", TINY_SIMULATED)
    project.configure({"ome_zarr": {"plates": ["VERO-1_1", "HRCE-2_1"]}})
    assert project.planned("ome_zarr") == {
        "simulate_rxrx19a": 1, "download": 1, "directory": 1, "sites": 1, "images": 2, "ome_zarr_plates": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"plates": ["HRCE-9_1"]}, "ome_zarr.plates names HRCE-9_1, which is no plate of rxrx19a in this run"),
        ({"screen": "bbbc013"}, "ome_zarr.screen names bbbc013; this run has rxrx19a, rxrx1"),
    ],
)
def test_what_the_run_does_not_have_is_refused_before_anything_runs(
    empty: Project, settings: dict[str, object], sentence: str
) -> None:
    project = Project(empty.folder, None, "config", TINY_SIMULATED)
    project.configure({"ome_zarr": settings})
    refused = project.run("ome_zarr")
    assert refused.returncode != 0
    assert sentence in refused.stdout + refused.stderr
    assert "Traceback" not in refused.stdout + refused.stderr
    assert not (project.folder / "results").exists()
