"""The default run, made tiny: a simulated pair of screens through every stage, and who may read its truth."""

from __future__ import annotations

import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from gandl.commands.planning.storage import model_sizes
from gandl.config.files import read_config
from gandl.embeddings.metadata import feature_names
from gandl.images.store_reader import ImageStore
from gandl.tables import NUMBERS, SITES, SPLITS, read_table
from local_server import FileServer, serving
from tiny_project import Project

RUN = "results/tiny"
SIMULATOR = f"{RUN}/source/simulator"
SAMPLES = ["samples", "s_reconstructions", "s_counterparts"]
OF_PAPER = ["1", "2", "3", "4", "5", "s_drugs", "s_confusion"]
OTHERS = ["calibration", "featurizers", "plate", "s_layout", "training", "treatments", *SAMPLES]
FIGURES = [
    *(f"figure_{name}" for name in [*OF_PAPER, *OTHERS]),
    *(f"preprint_figure_{number}" for number in (5, 6, 7)),
]
TABLES = ["compounds", "preprint_table_1", "table_1", "table_featurizers", "table_s_strict", "table_treatments"]


def test_the_whole_run_makes_every_figure_table_and_page(simulated: Project) -> None:
    results = simulated.folder / RUN
    for name in FIGURES:
        for ending in ("svg", "png", "csv"):
            assert (results / f"figures/{name}.{ending}").stat().st_size > 0
    tables = [f"tables/{name}.{ending}" for name in TABLES for ending in ("html", "csv")]
    for file in (*tables, "tables/compounds.parquet", "report/audit.html", "report/summary.txt"):
        assert (results / file).stat().st_size > 0


def test_a_second_run_finds_nothing_to_do(simulated: Project) -> None:
    assert simulated.planned() == {}


def test_the_plan_knows_how_large_models_and_checkpoints_become(simulated: Project) -> None:
    checkpoint, weights = model_sizes(read_config(simulated.folder / "config/tiny.yaml"))
    folder = simulated.folder / "results/tiny/models/gandl"
    sizes = {path.stat().st_size for path in folder.rglob("*.safetensors")}
    assert sizes
    assert all(weights < size < 1.2 * weights for size in sizes), "and a header"
    written = [path.stat().st_size for path in folder.rglob("*.pt")]
    assert written
    assert all(checkpoint < size < 1.5 * checkpoint for size in written), "and settings, states of optimisers, a header"


def test_everything_that_is_shown_says_simulated(simulated: Project) -> None:
    results = simulated.folder / RUN
    for name in FIGURES:
        assert "simulated" in (results / f"figures/{name}.svg").read_text(encoding="utf-8"), name
        drawn = pd.read_csv(results / f"figures/{name}.csv", dtype={"images": str})
        assert (drawn["images"] == "simulated").all(), name
    for file in (*(f"tables/{name}.html" for name in TABLES), "report/audit.html", "report/summary.txt"):
        assert "simulated" in (results / file).read_text(encoding="utf-8"), file
    for caption in (simulated.folder / "workflow/report").glob("*.rst"):
        assert "imulated" in caption.read_text(encoding="utf-8"), caption.name


def test_nothing_was_fetched_from_a_network(simulated: Project) -> None:
    for origin in (simulated.folder / RUN / "downloads").rglob("*.origin.json"):
        assert '"kind": "mirror folder"' in origin.read_text(encoding="utf-8")


def test_rxrx1_is_embedded_without_mitotracker_by_the_model_of_rxrx19a(simulated: Project) -> None:
    results = simulated.folder / RUN
    store = ImageStore(next((results / "images/rxrx1").glob("*.zarr")))
    assert "mitotracker" in store.channels
    for screen in ("rxrx19a", "rxrx1"):
        table = next((results / f"embeddings/{screen}/cell_measurements").glob("*.parquet"))
        assert [name for name in feature_names(table) if "syto14" in name]
        assert not [name for name in feature_names(table) if "mitotracker" in name]
    assert store.pixel_size_at(32) == 1.3


def test_both_screens_have_splits_by_well_by_plate_and_by_experiment(simulated: Project) -> None:
    for screen, schemes in (
        ("rxrx19a", {"quarter", "quarter_by_cell_type", "leave_plate_out", "leave_experiment_out"}),
        ("rxrx1", {"quarter", "leave_experiment_out"}),
    ):
        splits = read_table(simulated.folder / RUN / f"source/{screen}/splits.parquet", SPLITS)
        assert schemes <= set(splits["scheme"])
        sites = read_table(simulated.folder / RUN / f"source/{screen}/sites.parquet", SITES).drop_duplicates("well_id")
        place = splits.merge(sites[["well_id", "plate_id", "experiment"]], on="well_id")
        for scheme, column in (("leave_plate_out", "plate_id"), ("leave_experiment_out", "experiment")):
            for _, fold in place[place["scheme"] == scheme].groupby(["question", "fold"]):
                parts = fold.groupby("part")[column].agg(set)
                assert not parts["train"] & parts["test"]


def test_numbers_are_of_images_and_of_wells_and_carry_n_and_interval(simulated: Project) -> None:
    evaluation = simulated.folder / RUN / "evaluation"
    numbers = pd.concat(
        [
            read_table(path, NUMBERS)
            for question in ("controls", "cell_model", "cell_type")
            for path in (evaluation / question).glob("*.parquet")
            if not re.search(r"\.(scores|sites|confusion|answers)\.parquet$", path.name)
        ]
    )
    accuracy = numbers[numbers["metric"] == "accuracy"]
    assert {"site", "well"} == set(accuracy["unit"])
    assert accuracy[["value", "low", "high"]].notna().all(axis=None)
    assert (accuracy["n"] > 0).all()


def test_no_rule_but_the_calibration_reads_the_truth(simulated: Project) -> None:
    """By the rules: the truth is an output of the simulator and an input of `calibration`, and stands nowhere else."""
    for path in (simulated.folder / "rules").rglob("*.smk"):
        parts = re.split(
            r"^(?:use rule \w+ as|rule) (\w+)(?: with)?:$", path.read_text(encoding="utf-8"), flags=re.MULTILINE
        )
        for name, text in zip(parts[1::2], parts[2::2], strict=True):
            if "truth.parquet" in text:
                assert name in ("simulate_rxrx19a", "simulate_rxrx1", "simulate_cell_lines", "calibration"), name


def test_no_module_but_simulator_and_calibration_knows_of_a_truth(simulated: Project) -> None:
    """By the code: no other module names the file or a column that only it has."""
    forbidden = re.compile(r"truth\.parquet|severity_expected|[\"']severity[\"']")
    allowed = {"calibration.py"}
    for path in (simulated.folder / "src/gandl").rglob("*.py"):
        if "simulator" not in path.parts and path.name not in allowed:
            assert not forbidden.search(path.read_text(encoding="utf-8")), path.name


def test_without_the_truth_everything_but_its_calibration_is_there(simulated: Project) -> None:
    """By a run: with the truth taken away, all numbers of the other questions come out the same."""
    results = simulated.folder / RUN
    truth = results / "source/rxrx19a/truth.parquet"
    target = results / "evaluation/scores/gandl_blocks.unlabelled.parquet"
    before = pd.read_parquet(target)
    hidden = truth.rename(truth.with_suffix(".hidden"))
    target.unlink()
    try:
        done = simulated.run(
            str(Path(RUN) / "evaluation/scores/gandl_blocks.unlabelled.parquet"), "--rerun-triggers", "mtime"
        )
        assert done.returncode == 0, done.stderr[-2000:]
        after = pd.read_parquet(target)
    finally:
        hidden.rename(truth)
    np.testing.assert_array_equal(before["on"].to_numpy(), after["on"].to_numpy())


SHRUNK = {
    "source": {
        "simulation": None,
        "rxrx19a": {"complete": False, "image_px": 64, "stores": ["HRCE-1_1", "VERO-1_1"]},
        "rxrx1": {"complete": False, "image_px": 32, "stores": ["HUVEC-01"], "pixel_size_um": 1.3},
    },
    "images": {"resolutions": {"rxrx19a": [32], "rxrx1": [32]}, "shard_sites": 8},
    "training": {"resolution": 32, "network": {"crop": 16}},
    "embeddings": {"resolutions": {"rxrx19a": 32, "rxrx1": 32}, "featurizers": ["gandl", "intensity"]},
    "compute": {"gpus": 0, "threads": 1},
}


def test_the_paper_reads_members_of_remote_archives_by_byte_range(simulated: Project) -> None:
    """The preset of the paper, with few and small images: a server of byte ranges holds the archives that the simulator wrote."""
    files = {
        f"/{path.relative_to(simulated.folder / SIMULATOR).as_posix()}": path
        for path in (simulated.folder / SIMULATOR).rglob("*.zip")
    }
    with serving(FileServer(files=files)) as server:
        paper = Project(simulated.folder, server.base, "paper", SHRUNK | {"run": "paper"})
        targets = [
            f"results/paper/embeddings/{place}.parquet"
            for place in ("rxrx19a/intensity/HRCE-1_1", "rxrx1/intensity/HUVEC-01")
        ]
        paper.configure({})
        try:
            done = paper.run(*targets)
            assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
            whole = sum(path.stat().st_size for path in files.values())
            assert server.sent < whole / 2
        finally:
            simulated.configure({})
    for place, same in (("rxrx19a/HRCE-1_1", "rxrx19a/HRCE-1_1"), ("rxrx1/HUVEC-01", "rxrx1/HUVEC-01")):
        ours = pd.read_parquet(simulated.folder / f"results/paper/images/{place}.parquet")
        theirs = pd.read_parquet(simulated.folder / f"results/tiny/images/{same}.parquet")
        pd.testing.assert_frame_equal(ours, theirs)


def test_the_pilot_reads_single_objects(simulated: Project, tmp_path: Path) -> None:
    """The preset of the pilot on simulated images: unpacked below a mirror folder, wells chosen by its rules."""
    base = tmp_path / "storage.googleapis.com/rxrx/RxRx19a"
    base.mkdir(parents=True)
    source = simulated.folder / SIMULATOR / "storage.googleapis.com/rxrx/RxRx19a"
    shutil.copy(source / "RxRx19a-metadata.zip", base)
    with zipfile.ZipFile(source / "RxRx19a-images.zip") as archive:
        archive.extractall(base.parent)
    tiny = _without(SHRUNK, "rxrx1") | {"run": "pilot"}
    pilot = Project(simulated.folder, tmp_path, "pilot", tiny)
    pilot.configure({})
    try:
        done = pilot.run("results/pilot/embeddings/rxrx19a/intensity/VERO-1_1.parquet")
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    finally:
        simulated.configure({})
    sites = read_table(simulated.folder / "results/pilot/source/rxrx19a/sites.parquet", SITES)
    assert {"HRCE-1_1", "VERO-1_1"} == set(sites["store_id"])
    assert {"positive", "negative"} <= set(sites["control"])


def _without(settings: dict, screen: str) -> dict:
    """The same settings without one screen."""
    return {
        name: {
            key: {k: v for k, v in value.items() if k != screen} if key == "resolutions" else value
            for key, value in section.items()
            if key != screen
        }
        for name, section in settings.items()
    }
