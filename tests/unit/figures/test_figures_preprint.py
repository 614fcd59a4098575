"""Figures of the preprint: every compound's means as they were evaluated, and the networks as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.collections import LineCollection

from compound_inputs import NAMED, TESTED, write_compounds_of
from figure_inputs import outputs
from gandl.config import FiguresSettings, GeneratorKind, NetworkSettings
from gandl.figures.common.style import FigureError, style
from gandl.figures.paper.confusion import CellTypes, draw_confusion
from gandl.figures.preprint.architecture import architecture_figure, draw_architecture
from gandl.figures.preprint.dose_curves import REFERENCES, dose_curves_figure, draw_dose_curves
from gandl.figures.preprint.shapes import layers_of
from gandl.models.networks.discriminator import Discriminator
from gandl.models.networks.generator import Generator
from screen_inputs import write_cell_types

SETTINGS = FiguresSettings(dpi=50)
NETWORK = {"crop": 32, "channel_base": 512, "channel_max": 24, "style_dim": 48, "feature_dim": 40, "mapping_layers": 3}


def drawn(folder: Path, scaling: str = "paper", **of_screen: object) -> pd.DataFrame:
    doses, compounds = write_compounds_of(folder, **of_screen)  # type: ignore[arg-type]
    paths = outputs(folder, "preprint_figure_5")
    draw_dose_curves(
        doses, compounds, featurizer="gandl", scaling=scaling, settings=SETTINGS, word="simulated", **paths
    )
    return pd.read_csv(paths["csv"], float_precision="round_trip")


def texts_of(data: pd.DataFrame) -> list[str]:
    with style(SETTINGS):
        figure = dose_curves_figure(data, halfway=True)
        labels = [text.get_text() for axes in figure.axes for text in axes.get_legend().get_texts()]
        return labels + [axes.get_title(loc="left") for axes in figure.axes]


def test_every_compound_is_drawn_with_the_means_of_its_doses(tmp_path: Path) -> None:
    data = drawn(tmp_path)
    evaluated = pd.read_parquet(tmp_path / "gandl.doses.parquet")
    joined = data.merge(evaluated, on=["cell_type", "compound", "concentration_um"], suffixes=("", "_evaluated"))
    assert len(joined) == len(data) == len(evaluated)
    assert (joined["efficacy"] == joined["efficacy_evaluated"]).all()
    assert (data["images"] == "simulated").all()
    with style(SETTINGS):
        axes = dose_curves_figure(data, halfway=True).axes
    for panel in axes:
        grey = next(lines for lines in panel.collections if isinstance(lines, LineCollection))
        coloured = [line for line in panel.lines if line.get_gid() in ("reference", "strongest")]
        assert len(grey.get_segments()) + len(coloured) == len(NAMED)


def test_references_and_the_five_highest_of_all_others_are_in_colour(tmp_path: Path) -> None:
    data = drawn(tmp_path)
    mine = data[data["cell_type"] == "VERO"].drop_duplicates("compound").set_index("compound")
    references = mine[mine["role"] == "reference"].sort_values("rank").index
    assert [name.removesuffix(" (simulated)") for name in references] == list(REFERENCES)
    assert list(mine[mine["role"] == "strongest"].sort_values("rank").index) == [f"SIM-{i}" for i in range(1, 6)]
    assert set(mine[mine["role"] == "other"].index) == {"SIM-6", "SIM-7", "SIM-8"}
    labels = texts_of(data)
    assert "SIM-1 †" in labels, "found toxic at some dose"
    assert "SIM-2" in labels
    assert "3 other compounds" in labels
    assert "b  VERO, n = 11 compounds" in labels


def test_a_reference_that_is_on_no_plate_is_said_to_be_absent(tmp_path: Path) -> None:
    data = drawn(tmp_path, compounds={"Remdesivir": 0.5, "SIM-1": 0.2}, cell_types=("HRCE",))
    absent = data[data["role"] == "absent"]
    assert set(absent["compound"]) == {"GS-441524", "Polydatin"}
    assert absent["efficacy"].isna().all()
    assert {"GS-441524: not on these plates", "Polydatin: not on these plates"} <= set(texts_of(data))
    assert "HRCE, n = 2 compounds" in texts_of(data)


def test_compounds_without_any_dose_give_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FigureError, match="no compound has a dose"):
        drawn(tmp_path, tested=(np.nan,))


def test_the_axis_puts_controls_at_one_only_where_their_means_are_there(tmp_path: Path) -> None:
    data = drawn(tmp_path)
    for halfway in (True, False):
        with style(SETTINGS):
            axes = dose_curves_figure(data, halfway=halfway).axes[0]
        assert ("min–max" in axes.get_ylabel()) is not halfway
        assert [text.get_text() for text in axes.texts] == (["C−", "C+"] if halfway else [])


def test_curves_below_the_axis_are_counted_on_it(tmp_path: Path) -> None:
    data = drawn(tmp_path, compounds=NAMED | {"SIM-8": -4.0, "SIM-9": -7.25}, cell_types=("HRCE",))
    with style(SETTINGS):
        axes = dose_curves_figure(data, halfway=True).axes[0]
    assert axes.get_ylim()[0] == -3.0
    assert "2 curves go below, to −7.2" in [text.get_text() for text in axes.texts]


def test_a_compound_of_one_dose_is_a_point(tmp_path: Path) -> None:
    data = drawn(tmp_path, tested=TESTED[-1:], cell_types=("HRCE",))
    with style(SETTINGS):
        axes = dose_curves_figure(data, halfway=True).axes[0]
    assert sum(len(line.get_xdata()) for line in axes.lines if line.get_marker() == ".") == 3


def network(kind: GeneratorKind) -> NetworkSettings:
    return NetworkSettings(**NETWORK, generator=kind)


@pytest.mark.parametrize("kind", list(GeneratorKind))
def test_shapes_are_those_that_images_pass_in_the_real_networks(kind: GeneratorKind) -> None:
    settings = network(kind)
    table = layers_of(settings, 5)
    generator, discriminator = Generator(settings, 5), Discriminator(settings, 5)
    seen: dict[str, list[tuple[int, ...]]] = {"generator": [], "discriminator": []}
    for name, blocks in (("generator", generator.blocks), ("discriminator", discriminator.blocks)):
        for block in blocks:
            block.register_forward_hook(lambda _, __, out, name=name: seen[name].append(tuple(out.shape[1:])))
    with torch.no_grad():
        image = generator(generator.draw(1, torch.Generator().manual_seed(0)))
        judged = discriminator(image)
    for name, shapes in seen.items():
        second = table[(table["network"] == name) & (table["layer"] == "second")]
        assert [(row.outputs, row.side_out, row.side_out) for row in second.itertuples()] == shapes
    last = table[(table["network"] == "generator") & (table["part"] == "image")].iloc[-1]
    assert (last["outputs"], last["side_out"], last["side_out"]) == tuple(image.shape[1:])
    (feature,) = table.loc[table["part"] == "feature", "outputs"]
    assert feature == judged.features.shape[1]
    counts = table.groupby("network")["parameters"].sum()
    for name, module in (("generator", generator), ("discriminator", discriminator)):
        assert counts[name] == sum(parameter.numel() for parameter in module.parameters())
    assert (table["layer"] == "around").sum() == (3 if kind is GeneratorKind.SKIP else 6)


@pytest.mark.parametrize("kind", list(GeneratorKind))
def test_the_architecture_names_its_shapes_and_how_resolutions_are_joined(kind: GeneratorKind, tmp_path: Path) -> None:
    paths = outputs(tmp_path, "preprint_figure_7")
    settings = network(kind).model_dump(mode="json")
    draw_architecture(settings, "rxrx19a", settings=SETTINGS, **paths)
    assert len(pd.read_csv(paths["csv"])) == len(layers_of(network(kind), 5))
    with style(SETTINGS):
        axes = architecture_figure(layers_of(network(kind), 5)).axes[0]
    texts = [text.get_text() for text in axes.texts]
    assert "32 × 32\n5 channels" in texts
    assert "8 × 8\n24 maps" in texts
    assert "GAN-DL’s\nembedding" in texts
    assert "40" in texts
    assert "3 fully\nconnected" in texts
    words = "c  Generator: image skips" if kind is GeneratorKind.SKIP else "c  Generator: residual"
    assert words in texts


def test_the_confusion_of_the_preprint_stands_beside_its_own_accuracies(tmp_path: Path, repository: Path) -> None:
    panels = ["gandl", "imagenet_collapsed"]
    inputs = {name: CellTypes(*write_cell_types(tmp_path, name, 0.9)) for name in panels}
    for preprint, printed in ((True, [0.9268, 0.8319]), (False, [0.9268, np.nan])):
        paths = outputs(tmp_path, f"preprint_figure_6_{preprint}")
        files = {"reference": repository / "resources/paper_values.csv", "settings": SETTINGS, **paths}
        draw_confusion(inputs, scheme="quarter", unit="site", panels=panels, preprint=preprint, **files)
        data = pd.read_csv(paths["csv"]).drop_duplicates("featurizer").set_index("featurizer")
        assert data.loc[panels, "paper_accuracy"].to_numpy() == pytest.approx(printed, nan_ok=True)
