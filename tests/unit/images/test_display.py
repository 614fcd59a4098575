"""How images of several channels are shown: display ranges, colours, one picture of all channels."""

from __future__ import annotations

import numpy as np
import pytest

from gandl.images.display import BLUE, WHITE, channel_colours, composite, display_range, scaled


def test_a_few_pixels_at_both_ends_do_not_decide_what_is_black_and_white() -> None:
    pixels = np.linspace(100, 200, 2001)
    pixels[[0, -1]] = 0, 60000
    assert display_range(pixels) == pytest.approx((100.5, 199.7))
    assert display_range(np.full((4, 4), 7, np.uint8)) == (7.0, 8.0)  # a black image is shown black


def test_images_are_scaled_channel_by_channel() -> None:
    images = np.array([[[10.0, 20.0]], [[10.0, 20.0]]])  # two channels of one row
    assert scaled(images, [(10, 20), (0, 40)]).tolist() == [[[0.0, 1.0]], [[0.25, 0.5]]]
    assert scaled(images[None], [(12, 18), (0, 40)])[0, 0].tolist() == [[0.0, 1.0]]


def test_every_channel_has_a_colour_of_its_own() -> None:
    assert channel_colours(["anything"]) == [WHITE]
    for channels in (["fkhr_gfp", "dna"], ["hoechst", "DAPI", "x", "y"], ["a", "b", "c", "d", "e", "f"]):
        assert len(set(channel_colours(channels))) == len(channels)
    assert channel_colours(["fkhr_gfp", "dna"])[1] == BLUE
    assert len(channel_colours([f"stain {i}" for i in range(9)])) == 9


def test_a_stain_has_the_same_colour_whatever_stands_beside_it() -> None:
    of_rxrx1 = ["hoechst", "con_a", "phalloidin", "syto14", "mitotracker", "wga"]
    of_rxrx19a = [name for name in of_rxrx1 if name != "mitotracker"]
    colours = dict(zip(of_rxrx1, channel_colours(of_rxrx1), strict=True))
    assert channel_colours(of_rxrx19a) == [colours[name] for name in of_rxrx19a]


def test_channels_are_added_in_their_colours() -> None:
    mixed = composite([np.array([[0.0, 1.0]]), np.array([[0.0, 0.5]])], ["#FF0000", "#0000FF"])
    np.testing.assert_allclose(mixed, [[[0, 0, 0], [1, 0, 0.5]]])
    white = composite([np.ones((1, 1))] * 6, ["#FF0000", "#00FF00", "#0000FF"] * 2)
    np.testing.assert_allclose(white, [[[1, 1, 1]]])
