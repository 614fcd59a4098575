"""Example images: wells taken by rule, pixels as they are stored, one display range per channel, generated at their scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from figure_inputs import outputs
from gandl.config import FiguresSettings
from gandl.figures.common.style import FigureError, style
from gandl.figures.paper.examples import (
    GENERATED,
    Example,
    beside,
    described,
    draw_examples,
    examples_figure,
    examples_of,
)
from gandl.figures.training.samples import Samples
from gandl.images.display import channel_colours, composite
from gandl.images.store_reader import ImageStore
from gandl.tables import SITES, write_table
from plates import tiny_store

SETTINGS = FiguresSettings(dpi=50)
KINDS = (
    ("positive", "mock", None),
    ("positive", "mock", None),
    ("negative", "infected", None),
    ("none", "uv_inactivated", None),
    ("none", "infected", "Remdesivir (simulated)"),
)


def screen_store(folder: Path, name: str = "HRCE-1_1") -> tuple[Path, pd.DataFrame]:
    """A store of five tiny sites, one per kind of well, and its rows of the sites table."""
    sites = tuple(f"{name}_A{i:02d}_1" for i in range(len(KINDS)))
    wells = tuple(site.removesuffix("_1") for site in sites)
    store = tiny_store(folder, store_id=name, sites=len(KINDS), site_ids=sites, well_ids=wells)
    table = pd.DataFrame(
        {
            "site_id": site,
            "well_id": well,
            "experiment": name.partition("_")[0],
            "plate": 1,
            "plate_id": name,
            "store_id": name,
            "well": well[-3:],
            "row": "A",
            "column": i + 1,
            "site": 1,
            "cell_type": name.partition("-")[0],
            "condition": condition,
            "control": control,
            "treatment": treatment,
            "compound": treatment,
            "concentration_um": 3.0 if treatment else np.nan,
            "smiles": None,
        }
        for i, (site, well, (control, condition, treatment)) in enumerate(zip(sites, wells, KINDS, strict=True))
    )
    return store, table


def samples_of(crops: int = 8, side: int = 8, channels: tuple[str, ...] = ("red", "green")) -> Samples:
    """Crops whose pixels all hold the number of their crop."""
    images = np.ones((crops, len(channels), side, side), np.float32) * np.arange(crops)[:, None, None, None]
    return Samples(images, images, list(channels), 1.3)


def write_samples_of(path: Path) -> Path:
    made = samples_of()
    np.savez(path, real=made.real, fake=made.fake, channels=np.array(made.channels), pixel_size_um=1.3)
    return path


def test_rows_are_the_first_control_of_each_kind_and_the_first_treated_well_of_the_highest_dose(tmp_path: Path) -> None:
    path, sites = screen_store(tmp_path)
    rows = list(examples_of("plates", ImageStore(path), sites, 16))
    assert [row.site_id[-5:-2] for row in rows] == ["A00", "A02", "A04"]
    assert [row.label for row in rows] == ["HRCE C+", "HRCE C−", "HRCE treated\nRemdesivir\n(simulated)\n3 µM"]
    last = sites.index[(sites["control"] == "none") & sites["treatment"].notna()][-1]
    sites.loc[last, "concentration_um"] = 30.0
    assert list(examples_of("plates", ImageStore(path), sites, 16))[2].site_id == sites.loc[last, "site_id"]
    assert [row.label for row in examples_of("rxrx19a", ImageStore(path), sites, 16)] == ["HRCE C+", "HRCE C−"]


def test_of_a_screen_of_cell_types_one_well_of_each_store_is_shown(tmp_path: Path) -> None:
    path, sites = screen_store(tmp_path, "HUVEC-01")
    (row,) = examples_of("rxrx1", ImageStore(path), sites, 8)
    assert (row.label, row.pixel_size_um) == ("HUVEC", 1.3), "halved images have pixels of twice the width"


@pytest.mark.parametrize("resolution", [16, 8])
def test_pixels_are_those_of_the_store_at_the_size_that_was_requested(tmp_path: Path, resolution: int) -> None:
    path, sites = screen_store(tmp_path)
    store = ImageStore(path)
    rows = list(examples_of("rxrx19a", store, sites, resolution))
    np.testing.assert_array_equal(rows[1].images["green"], store.sites([2], resolution)[0, 1])
    with style(SETTINGS):
        figure = examples_figure(rows, described(rows))
    shown = figure.axes[4].images[0].get_array()  # two channels and the last column, then the second row
    np.testing.assert_array_equal(shown, rows[1].images["green"])


def test_a_channel_has_one_display_range_in_all_rows_that_of_the_real_images(tmp_path: Path) -> None:
    real = []
    for dataset, name in (("rxrx19a", "HRCE-1_1"), ("rxrx19a", "VERO-1_1"), ("rxrx1", "RPE-01")):
        path, sites = screen_store(tmp_path / name, name)
        real += list(examples_of(dataset, ImageStore(path), sites, 16))
    rows = beside(real, samples_of())
    data = described(rows)
    limits = data.groupby("channel")[["display_low", "display_high"]]
    assert (limits.nunique() == 1).all(axis=None)
    assert data["dataset"].tolist()[-4:] == [GENERATED] * 4
    pixels = np.concatenate([row.images["green"].ravel() for row in real])
    np.testing.assert_allclose(limits.first().loc["green"], np.percentile(pixels, (0.5, 99.7)))
    with style(SETTINGS):
        axes = examples_figure(rows, data).axes
    shown = [one.images[0].get_clim() for one in axes[1::3] if one.images]
    assert set(shown) == {tuple(limits.first().loc["green"])}
    title = axes[1].get_title(loc="left")
    assert (
        title
        == f"green\n{limits.first().loc['green', 'display_low']:,.0f}–{limits.first().loc['green', 'display_high']:,.0f}"
    )


def test_generated_crops_are_tiled_to_the_magnification_of_the_real_images_which_are_cut_to_their_centre() -> None:
    image = np.arange(20 * 20).reshape(20, 20)
    (row, *generated) = beside([Example("rxrx1", "s", "HUVEC", 1.3, {"red": image, "green": image})], samples_of())
    np.testing.assert_array_equal(row.images["red"], image[2:18, 2:18])
    assert [one.images["red"].shape for one in generated] == [(16, 16), (16, 16)]
    np.testing.assert_array_equal(generated[1].images["red"][::8, ::8], [[4, 5], [6, 7]])
    assert [one.site_id for one in generated] == ["generated_1", "generated_5"]
    assert generated[0].label == "4 generated\ncrops"


def test_the_last_column_adds_all_channels_in_the_colours_of_their_titles(tmp_path: Path) -> None:
    path, sites = screen_store(tmp_path)
    rows = list(examples_of("rxrx19a", ImageStore(path), sites, 16))
    data = described(rows)
    with style(SETTINGS):
        axes = examples_figure(rows, data).axes
    colours = channel_colours(["red", "green"])
    assert len(set(colours)) == 2
    assert [one.lines[0].get_color() for one in axes[:2]] == colours
    limits = data.drop_duplicates("channel").set_index("channel")
    scaled = [
        np.clip(
            (rows[0].images[name] - limits.display_low[name]) / (limits.display_high - limits.display_low)[name], 0, 1
        )
        for name in ("red", "green")
    ]
    np.testing.assert_allclose(axes[2].images[0].get_array(), composite(scaled, colours))


def test_a_channel_that_a_screen_lacks_is_said_not_to_be_stained(tmp_path: Path) -> None:
    path, sites = screen_store(tmp_path)
    other = tiny_store(
        tmp_path, store_id="RPE-01", channels=("red", "mito"), site_ids=("RPE-01_A01_1",), well_ids=("w",), sites=1
    )
    rows = list(examples_of("rxrx19a", ImageStore(path), sites, 16))
    mine = sites.head(1).assign(site_id="RPE-01_A01_1", cell_type="RPE")
    rows += list(examples_of("rxrx1", ImageStore(other), mine, 16))
    with style(SETTINGS):
        figure = examples_figure(rows, described(rows))
    titles = [axes.get_title(loc="left").partition("\n")[0] for axes in figure.axes[:3]]
    assert titles == ["red", "green", "mito"]
    empty = [axes for axes in figure.axes if not axes.images]
    texts = [text.get_text() for axes in empty for text in axes.texts]
    assert texts.count("not stained") == 3


def test_the_scale_bar_is_in_micrometres_where_these_are_known_else_in_pixels(tmp_path: Path) -> None:
    for folder, size, unit in (("known", 0.65, "µm"), ("unknown", None, "px")):
        path, sites = screen_store(tmp_path / folder)
        if size is None:
            path = tiny_store(
                tmp_path / "other",
                store_id="HRCE-1_1",
                pixel_size_um=None,
                sites=1,
                site_ids=("HRCE-1_1_A00_1",),
                well_ids=("HRCE-1_1_A00",),
            )
        rows = list(examples_of("rxrx19a", ImageStore(path), sites, 16))
        with style(SETTINGS):
            figure = examples_figure(rows, described(rows))
        (text,) = [one for one in figure.axes[0].texts if one.get_color() == "white"]
        assert text.get_text().endswith(unit)
        (bar,) = [line for line in figure.axes[0].lines if line.get_gid() == "bar"]
        length = float(text.get_text().split()[0])
        assert np.ptp(bar.get_xdata()) == pytest.approx(length / (size or 1.0))


def test_the_figure_fits_a_page_whatever_the_number_of_rows_and_csv_tells_each_image(tmp_path: Path) -> None:
    manifests, tables = [], []
    for i in range(5):
        path, sites = screen_store(tmp_path / str(i), f"HRCE-{i}_1")
        manifests.append(path.with_suffix(".manifest.json"))
        tables.append(tmp_path / f"{i}.parquet")
        write_table(sites, tables[-1], SITES)
    paths = outputs(tmp_path, "figure_1")
    draw_examples(
        manifests,
        ["rxrx19a"] * 5,
        sites=tables,
        samples=write_samples_of(tmp_path / "samples.npz"),
        resolutions={"rxrx19a": 16},
        settings=SETTINGS,
        word="simulated",
        **paths,
    )
    data = pd.read_csv(paths["csv"])
    assert len(data) == (5 * 2 + 2) * 2, "two controls of five stores, two rows of generated crops, two channels"
    assert data["crops"].tolist() == [0] * 20 + [4] * 4
    assert set(data["images"]) == {"simulated"}
    with Image.open(paths["png"]) as image:
        assert max(image.size) / SETTINGS.dpi * 25.4 <= 245


def test_a_store_without_its_sites_is_named(tmp_path: Path) -> None:
    path, sites = screen_store(tmp_path)
    with pytest.raises(FigureError, match=r"HRCE-1_1\.zarr holds none of the sites"):
        list(examples_of("rxrx19a", ImageStore(path), sites.assign(site_id="other"), 16))
