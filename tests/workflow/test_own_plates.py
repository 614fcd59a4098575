"""A lab's own plates, from `sites.csv` to a figure or the report: `gandl check` writes the configuration that the run takes."""

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
import tifffile
import yaml

from gandl.images.store_reader import ImageStore
from load_data_files import write_listed_plates
from microscope_files import Shot, harmony, harmony_index, metaxpress_export
from plate_files import (
    as_16_bit,
    draw_cells,
    layout,
    write_csv,
    write_filled_rows_plate,
    write_float_workbook,
    write_one_channel_plate,
    write_six_channel_plates,
    write_stack_plate,
)
from tiny_project import TINY, Project
from zarr_plates import ZarrPlate, write_plate


def check(project: Project, place: Path, *options: str) -> None:
    """`gandl check`, which must pass."""
    checked = subprocess.run(
        [sys.executable, "-m", "gandl", "check", str(place), *options],
        cwd=project.folder, env=project._environment(None), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr


def own(project: Project, place: Path, *options: str) -> Project:
    """The project with the configuration that the check suggests, made tiny."""
    check(project, place, *options, "--config", "config/own.yaml", "--sheet", "sheet.png")
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


ONE_FIGURE = "figure_plate"
"""Of it every stage is made; the pages and other figures, two thirds of a run's jobs, are the same whatever the source."""


def processing_of(results: Path) -> dict[str, object]:
    """What was done to the pixels of the one store, by its manifest."""
    (manifest,) = (results / "images/plates").glob("*.manifest.json")
    return json.loads(manifest.read_text(encoding="utf-8"))["processing"]


def is_drawn_of_real_images(results: Path) -> bool:
    """Whether a figure is there that does not say what it says of simulated images (test_simulated.py)."""
    drawn = pd.read_csv(results / f"figures/{ONE_FIGURE}.csv")
    picture = (results / f"figures/{ONE_FIGURE}.svg").read_text(encoding="utf-8")
    return len(drawn) > 0 and "images" not in drawn.columns and "simulated" not in picture


def chosen(results: Path) -> set[str]:
    """The normalisations that the run takes as its own, of the two that it compares."""
    compared = pd.read_csv(results / "figures/figure_featurizers.csv")
    assert compared["normalization"].nunique() == 2
    return set(compared.loc[compared["chosen"], "normalization"])


EIGHT_ROWS = partial(write_one_channel_plate, rows="ABCDEFGH")
"""A plate with 8 negative controls, enough to be its reference."""


def test_own_plates_run_from_their_table_to_the_report(empty: Project, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("plates")
    try:
        run = own(empty, write_six_channel_plates(folder))
        done = run.run()
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
        (results,) = (run.folder / "results").iterdir()
        page = (results / "report/audit.html").read_text(encoding="utf-8")
        assert "simulated screen" not in page
        assert "real images" in page
        assert chosen(results) == {"unlabelled"}
        summary = (results / "report/summary.txt").read_text(encoding="utf-8")
        assert "(Z′, " in summary, "whether the order of featurizers depends on the normalisation"
        profiles = list((results / "normalization/plates").glob("*.unlabelled.wells.parquet"))
        assert len(profiles) == 2, "profiles of the run's own normalisation"
        for file in (*results.glob("figures/*.svg"), *results.glob("tables/*.html"), results / "report/summary.txt"):
            words = file.read_text(encoding="utf-8").replace("toxicity_unknown", "").replace("toxicity unknown", "")
            assert "unknown" not in words, file.name
        assert not re.findall(r"unknown(?=:| cells|</t[hd]>)", page)
        assert (run.folder / "sheet.png").stat().st_size > 0
        assert run.planned() == {}
        image = max(path for path in folder.rglob("*") if path.suffix in (".tif", ".png"))
        os.utime(image, ns=(1, 1))  # as after copying another one into its place
        assert run.planned()["images"] == 1
    finally:
        shutil.rmtree(folder)


def test_a_plate_with_enough_controls_is_its_own_reference(empty: Project, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("plates")
    try:
        run = own(empty, EIGHT_ROWS(folder))
        done = run.run("figure_featurizers")
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
        (results,) = (run.folder / "results").iterdir()
        assert chosen(results) == {"negative_crossfit"}
    finally:
        shutil.rmtree(folder)


def test_load_data_with_plate_maps_runs_to_a_figure(empty: Project, tmp_path_factory) -> None:
    """CellProfiler's table, whose paths are those of another machine, and pycytominer's plate maps beside it."""
    listed = write_listed_plates(tmp_path_factory.mktemp("listed") / "screen")
    try:
        run = own(empty, listed.load_data, "--rewrite", listed.rewrite)
        done = run.run(ONE_FIGURE)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
        (results,) = (run.folder / "results").iterdir()
        sites = pd.read_parquet(results / "source/plates/sites.parquet")
        assert sites["plate_id"].unique().tolist() == ["screen_BR00000001"]
        assert sites["control"].value_counts().to_dict() == {"none": 20, "positive": 4, "negative": 4}
        assert sorted(sites["concentration_um"].dropna().unique()) == [0.1, 0.3, 1, 3, 10]
        assert set(sites["moa"]) == {"", "none", "kinase inhibitor"}, "what is known of the samples is beside the wells"
        assert is_drawn_of_real_images(results)
        assert run.planned(ONE_FIGURE) == {}
        table = run.folder / "config/own_sites.csv"
        table.write_text(table.read_text(encoding="utf-8").replace("kinase inhibitor", "inhibitor"), encoding="utf-8")
        assert run.planned(ONE_FIGURE)["sites"] == 1, "a corrected table is noticed"
    finally:
        shutil.rmtree(listed.folder)


def test_stacks_run_from_one_column_of_files_to_a_figure(empty: Project, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("stacks")
    try:
        table = write_stack_plate(folder)
        run = own(empty, table, "--leave-out", "empty")
        done = run.run(ONE_FIGURE)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
        (results,) = (run.folder / "results").iterdir()
        assert is_drawn_of_real_images(results)
        (store,) = (results / "images/plates").glob("*.zarr")
        images = ImageStore(store)
        assert (images.channels, images.pixel_size_um) == (["dna", "er"], 0.65)
        first = tifffile.imread(folder / "images/A01.ome.tif")
        np.testing.assert_array_equal(images.sites([0])[0], first[:2].max(axis=1))
        assert processing_of(results) == {"z": "max", "z_planes": 2}
        assert run.planned(ONE_FIGURE) == {}
        run.configure({"source": {"plates": {"z": "middle"}}})
        planned = run.planned(ONE_FIGURE)
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
        assert suggested["evaluation"]["questions"] == ["controls", "treatments", "screening", "layout"]
        assert suggested["training"]["nuclear_channels"] == ["1"]
        assert suggested["embeddings"]["segmentation"]["nuclear_channels"] == ["1"]
        one = {"methods": [suggested["normalization"]["method"]]}
        run.configure({"embeddings": {"featurizers": ["gandl_blocks", "segmentation"]}, "normalization": one})
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


def test_a_workbook_of_float_images_at_addresses_runs_to_a_figure(empty: Project, tmp_path_factory) -> None:
    """A named sheet, doses in nM, one scale for all images, and illumination functions; the mirror stands for the host."""
    folder, mirror = tmp_path_factory.mktemp("workbook"), tmp_path_factory.mktemp("copies")
    try:
        workbook = write_float_workbook(folder, mirror)
        options = ("--sheet-name", "Plate 1", "--illumination", "--mirror", str(mirror))
        run = own(empty, workbook, *options)
        done = run.run(ONE_FIGURE)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
        (results,) = (run.folder / "results").iterdir()
        assert is_drawn_of_real_images(results)
        sites = pd.read_parquet(results / "source/plates/sites.parquet")
        assert sorted(sites["concentration_um"].dropna().unique()) == [0.1, 0.3, 1, 3, 10]
        (store,) = (results / "images/plates").glob("*.zarr")
        first = tifffile.imread(mirror / "images.example.org/plate #1/A01_dna.tif").astype(float)
        expected = np.rint(65535 * first / np.load(folder / "illum/dna.npy"))
        assert np.abs(ImageStore(store).sites([0])[0, 0] - expected).max() <= 1
        assert processing_of(results) == {"scale": 65535.0, "illumination": "divided"}
        assert run.planned(ONE_FIGURE) == {}
    finally:
        shutil.rmtree(folder)
        shutil.rmtree(mirror)


def test_plates_of_three_instruments_run_to_a_figure_in_one_table(empty: Project, tmp_path_factory) -> None:
    """An OME-Zarr plate, a folder of ImageXpress, one of Harmony with its index: tables that the check writes are joined."""
    folder = tmp_path_factory.mktemp("instruments")
    rng = np.random.default_rng(0)
    wells = layout("AB")
    try:
        write_csv(
            folder / "wells.csv",
            [{"well": one.name, "control": one.control, "treatment": one.treatment,
              "concentration_um": "" if one.concentration_um is None else one.concentration_um} for one in wells],
        )  # fmt: skip
        write_plate(
            folder / "plate.zarr",
            ZarrPlate(wells=[f"{one.name[0]}/{int(one.name[1:])}" for one in wells], fields=1, side=80),
        )
        shots = [Shot(ord(one.name[0]) - 64, int(one.name[1:]), 1, channel) for one in wells for channel in (1, 2)]
        for place, name_of in (("imagexpress", metaxpress_export), ("harmony", harmony)):
            for i, shot in enumerate(shots):
                path = folder / place / name_of(shot)
                path.parent.mkdir(parents=True, exist_ok=True)
                plane = draw_cells(rng, (80, 80), wells[i // 2].effect, 2)[i % 2]
                tifffile.imwrite(path, as_16_bit(plane, rng))
        index = harmony_index(shots, {1: "DNA", 2: "ER"}, pixel_m=3.25e-7)
        (folder / "harmony/Index.idx.xml").write_text(index, encoding="utf-8")
        tables = []
        for place in ("plate.zarr", "imagexpress", "harmony"):
            written = f"config/{place}_sites.csv"
            check(empty, folder / place, "--wells", str(folder / "wells.csv"), "--sites", written)
            table = pd.read_csv(empty.folder / written, dtype=str)
            tables.append(table.rename(columns={"file_1": "file_DNA", "file_2": "file_ER"}))
        pd.concat(tables).to_csv(empty.folder / "config/joined.csv", index=False)
        run = own(empty, Path("config/joined.csv"))
        done = run.run(ONE_FIGURE)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
        (results,) = (run.folder / "results").iterdir()
        assert is_drawn_of_real_images(results)
        stores = sorted((results / "images/plates").glob("*.zarr"))
        assert [store.stem.partition("_")[2] for store in stores if "harmony" in store.stem] == ["BR00117035"]
        assert [(ImageStore(store).channels, ImageStore(store).pixel_size_um) for store in stores] == [
            (["DNA", "ER"], 0.325)
        ] * 3
        assert run.planned(ONE_FIGURE) == {}
    finally:
        shutil.rmtree(folder)
