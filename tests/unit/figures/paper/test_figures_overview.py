"""The overview: its images, sizes and counts are those of the run, and what the run was not asked is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from safetensors.numpy import save_file

from figure_inputs import outputs
from gandl.config import FiguresSettings
from gandl.figures.common.style import FigureError, style
from gandl.figures.paper.overview import draw_overview, network_of, pictures
from gandl.figures.paper.sketch import NOT_ASKED, overview_figure
from gandl.figures.training.samples import read_samples
from gandl.tables import SITES, write_table
from screen_inputs import Screen, confusion_counts, wells_of_screen, write_screen

SETTINGS = FiguresSettings(dpi=50)
CHANNELS = ("hoechst", "con_a", "wga")


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Screen:
    return write_screen(tmp_path_factory.mktemp("screen"))


@pytest.fixture(scope="module")
def inputs(screen: Screen, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `draw_overview` takes, of a run without RxRx1."""
    folder = tmp_path_factory.mktemp("run")
    rng = np.random.default_rng(0)
    crops = rng.uniform(0, 200, (6, len(CHANNELS), 32, 32)).astype(np.float32)
    np.savez(folder / "samples.npz", real=crops, fake=crops[::-1], channels=np.array(CHANNELS), pixel_size_um=1.3)
    network = {"crop": 32, "style_dim": 48, "feature_dim": 96, "mapping_layers": 3}
    metadata = {"settings": json.dumps({"network": network}), "channels": json.dumps(CHANNELS), "images_seen": "7000"}
    save_file({"weight": np.zeros(1)}, folder / "weights.safetensors", metadata)
    wells = wells_of_screen()
    sites = pd.concat([wells.assign(site=site, site_id=wells["well_id"] + f"_{site}") for site in (1, 2)])
    write_table(sites, folder / "sites.parquet", SITES)
    confusion_counts(0.9).to_parquet(folder / "confusion.parquet")
    return {
        **{"samples": folder / "samples.npz", "weights": folder / "weights.safetensors"},
        **{"sites": [folder / "sites.parquet"], "datasets": ["rxrx19a"], "manifests": []},
        **{"scores": [screen.scores], "curves": [screen.doses.curves], "points": [screen.doses.points]},
        **{"confusion": [], "resolutions": {"rxrx19a": 32}, "featurizer": "gandl", "scheme": "leave_plate_out"},
    }


def drawn(inputs: dict[str, Any], folder: Path) -> pd.DataFrame:
    paths = outputs(folder, "figure_2")
    draw_overview(**inputs, settings=SETTINGS, word="simulated", **paths)
    return pd.read_csv(paths["csv"], float_precision="round_trip")


def texts(data: pd.DataFrame, samples: Path) -> list[str]:
    real, made = pictures(read_samples(samples))
    with style(SETTINGS):
        figure = overview_figure(data, real=real, made=made, cells=None, featurizer="gandl")
    return [text.get_text() for text in figure.findobj(Text)]


def test_sizes_and_counts_are_those_of_the_weights_and_of_the_sites(inputs: dict[str, Any], tmp_path: Path) -> None:
    data = drawn(inputs, tmp_path)
    value = data.dropna(subset="value").set_index("item")["value"]
    wells = wells_of_screen()
    assert value["feature_dim"] == 96
    assert value["crop_um"] == pytest.approx(32 * 1.3)
    assert value["rxrx19a: images"] == 2 * len(wells)
    assert value["rxrx19a: wells"] == len(wells)
    assert value["rxrx19a: plates"] == 4
    assert value["rxrx19a: control wells"] == (wells["control"] != "none").sum()
    assert value["rxrx19a: compounds"] == wells["compound"].nunique()
    said = " ".join(texts(data, inputs["samples"]))
    for words in ("z: 48", "style w: 48", "3 layers", "32 × 32 px", "3 channels", "layer of 96", "7,000 real crops"):
        assert words in said, words
    assert f"{2 * len(wells)} images" in said
    assert "GAN-DL, 512-d layer" in said


def test_points_are_held_out_controls_and_wells_of_a_drug_of_the_paper(
    inputs: dict[str, Any], screen: Screen, tmp_path: Path
) -> None:
    data = drawn(inputs, tmp_path)
    scores = pd.read_parquet(screen.scores).query("scheme == 'leave_plate_out' and cell_type == 'HRCE'")
    controls = scores.query("control != 'none'")
    assert sorted(data.query("panel == 'b1'")["x"]) == sorted(controls["on"])
    doses = data.query("panel == 'b2'")
    assert set(doses["treatment"]) == {"Remdesivir (simulated)"}
    assert (doses["item"] == "well").sum() == 24
    assert (doses["item"] == "curve").sum() > 10


def test_what_the_run_was_not_asked_is_said(inputs: dict[str, Any], tmp_path: Path) -> None:
    data = drawn(inputs | {"scores": [], "curves": [], "points": []}, tmp_path)
    assert texts(data, inputs["samples"]).count(NOT_ASKED) == 3


def test_shares_of_cell_types_add_up(inputs: dict[str, Any], tmp_path: Path) -> None:
    confusion = tmp_path / "confusion.parquet"
    confusion_counts(0.9).to_parquet(confusion)
    cells = drawn(inputs | {"confusion": [confusion]}, tmp_path).query("panel == 'b3'")
    np.testing.assert_allclose(cells.groupby("true")["value"].sum(), 1.0)


def test_weights_that_are_not_a_gan_s_are_named(tmp_path: Path) -> None:
    save_file({"weight": np.zeros(1)}, tmp_path / "other.safetensors")
    for name in ("none", "other"):
        with pytest.raises(FigureError, match=rf"{name}\.safetensors: not the weights of a GAN"):
            network_of(tmp_path / f"{name}.safetensors")
