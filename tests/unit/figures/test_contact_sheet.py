"""The contact sheet: a row per well, a column per channel, one contrast per channel, and the word where there is one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from gandl.config import FiguresSettings
from gandl.figures.common import style as look
from gandl.figures.common.contact_sheet import PANEL, ContactSheet, draw_contact_sheet, limits, sheet_figure
from gandl.images.display import PERCENTILES

SETTINGS = FiguresSettings(dpi=200)


def a_sheet(rows: int = 2, channels: int = 3, size: tuple[int, int] = (80, 100), **more: object) -> ContactSheet:
    images = np.random.default_rng(0).integers(100, 4000, (rows, channels, *size)).astype(np.uint16)
    names = [f"well {i}" for i in range(rows)], [f"channel_{i}" for i in range(channels)]
    return ContactSheet(images, *names, **more)  # type: ignore[arg-type]


def drawn(sheet: ContactSheet) -> Figure:
    with look.style(SETTINGS):
        return sheet_figure(sheet, limits(sheet), SETTINGS)


def words(figure: Figure) -> list[str]:
    texts = [*figure.texts, *(text for axes in figure.axes for text in axes.texts)]
    return [text.get_text() for text in texts if text.get_text()]


def test_every_image_is_drawn_whole_with_its_channels_contrast() -> None:
    sheet = a_sheet()
    figure = drawn(sheet)
    shown = [axes.get_images()[0] for axes in figure.axes]
    assert len(shown) == 6
    for i, image in enumerate(shown):
        column, row = divmod(i, 2)
        np.testing.assert_array_equal(np.asarray(image.get_array()), sheet.images[row, column])
        assert image.get_clim() == tuple(np.percentile(sheet.images[:, column], PERCENTILES))


def test_contrast_is_reported_above_every_column_and_explained() -> None:
    sheet = a_sheet()
    reported = words(drawn(sheet))
    for column, channel in enumerate(sheet.channels):
        black, white = np.percentile(sheet.images[:, column], PERCENTILES)
        assert channel.replace("_", " ") in reported
        assert f"{black:,.0f} to {white:,.0f}" in reported
    assert any("black is the 0.5th, white the 99.7th percentile" in text for text in reported)
    assert {"well 0", "well 1"} <= set(reported)


def test_scale_bar_has_its_length_in_micrometres_or_says_pixels() -> None:
    for pixel, length, label in ((0.5, 20 / 0.5, "20 µm"), (2.0, 100 / 2 / 2, "50 µm"), (None, 20, "20 px")):
        figure = drawn(a_sheet(size=(100, 130 if pixel == 0.5 else 100), pixel_size_um=pixel))
        (bar,) = [line for axes in figure.axes for line in axes.lines]
        x = np.asarray(bar.get_xdata(), float)
        assert x[1] - x[0] == pytest.approx(length)
        assert label in words(figure)


def test_word_stands_on_the_sheet_and_on_every_image() -> None:
    reported = words(drawn(a_sheet(word="simulated")))
    assert reported.count("SIMULATED") == 1
    assert reported.count("simulated") == 6
    assert not any("simulated" in text.lower() for text in words(drawn(a_sheet())))


@pytest.mark.parametrize("size", [(64, 64), (97, 110), (300, 100), (1080, 1080)])
@pytest.mark.parametrize("channels", [1, 6])
def test_panels_keep_the_shape_of_the_images_and_lie_apart(size: tuple[int, int], channels: int) -> None:
    figure = drawn(a_sheet(3, channels, size))
    width, height = figure.get_size_inches() * SETTINGS.dpi
    boxes = [axes.get_position() for axes in figure.axes]
    for box in boxes:
        assert 0 <= box.x0 <= box.x1 <= 1
        assert 0 <= box.y0 <= box.y1 <= 1
        assert max(box.width * width, box.height * height) == pytest.approx(PANEL)
        assert (box.height * height) / (box.width * width) == pytest.approx(size[0] / size[1], rel=0.01)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_no_word_leaves_the_sheet() -> None:
    figure = drawn(a_sheet(1, 1, word="simulated", title="sites.csv: 1 of 96 wells"))
    figure.canvas.draw()
    for text in figure.texts:
        box = text.get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.x1


def test_sheet_is_the_same_file_for_the_same_images(tmp_path: Path) -> None:
    first = draw_contact_sheet(a_sheet(), tmp_path / "a.png")
    draw_contact_sheet(a_sheet(), tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert Image.open(tmp_path / "a.png").size[0] >= 3 * PANEL
    assert first["channel"].tolist() == ["channel_0", "channel_1", "channel_2"]


def test_black_images_are_drawn_black() -> None:
    sheet = ContactSheet(np.zeros((1, 1, 64, 64), np.uint8), ["A01"], ["dna"])
    assert limits(sheet).loc[0, ["black", "white"]].tolist() == [0.0, 1.0]
    drawn(sheet)


def test_sheet_whose_images_and_labels_differ_in_number_is_refused() -> None:
    with pytest.raises(look.FigureError, match="2 wells and 1 channels needs images"):
        ContactSheet(np.zeros((1, 1, 64, 64), np.uint8), ["a", "b"], ["dna"])
    with pytest.raises(look.FigureError, match="at least one well"):
        ContactSheet(np.zeros((0, 1, 64, 64), np.uint8), [], ["dna"])
