"""What a featurizer sees of a store: which stored size, at which scale; and how images are resized."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from embedding_inputs import OTHER, SCREEN, SETTINGS, draw_sites, write_store
from gandl.config import EmbeddingsSettings, FeaturizerName
from gandl.embeddings.errors import EmbeddingError
from gandl.embeddings.view import View, resized, view_of
from gandl.images.store_reader import ImageStore

RNG = np.random.default_rng(0)


class Sees:
    """A featurizer as far as a view needs it."""

    name = FeaturizerName.GANDL
    channels = ("gfp", "dna")
    dim = 1
    feature_names = ("x",)

    def __init__(self, pixel_size_um: float | None = None, full_size: bool = False) -> None:
        self.pixel_size_um, self.full_size = pixel_size_um, full_size

    def embed(self, images: np.ndarray) -> np.ndarray:
        raise AssertionError("only looked at")


def settings(resolution: int = 24, factor: float | None = None) -> EmbeddingsSettings:
    rescale = {} if factor is None else {OTHER: factor}
    return SETTINGS.model_copy(update={"resolutions": {SCREEN: 48, OTHER: resolution}, "rescale": rescale})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ImageStore:
    """48 px at 0.5 um, 24 px at 1 um; 60 px wide."""
    images = RNG.integers(0, 256, (3, 2, 48, 60), np.uint8)
    return ImageStore(write_store(tmp_path_factory.mktemp("store"), images, pixel_size_um=0.5))


@pytest.fixture(scope="module")
def unknown(tmp_path_factory: pytest.TempPathFactory) -> ImageStore:
    return ImageStore(write_store(tmp_path_factory.mktemp("unknown"), draw_sites(2)))


def view(images: ImageStore, featurizer: Sees, chosen: EmbeddingsSettings) -> View:
    return view_of(images, featurizer, chosen, OTHER)  # type: ignore[arg-type]


def test_a_floor_sees_the_largest_stored_images_and_a_network_those_of_its_screen(store: ImageStore) -> None:
    assert view(store, Sees(full_size=True), settings()).resolution == 48
    assert view(store, Sees(), settings(24)).resolution == 24
    assert view(store, Sees(), settings(48)).resolution == 48


def test_a_size_that_is_not_stored_is_refused(store: ImageStore) -> None:
    with pytest.raises(
        EmbeddingError, match=r"images of 48, 24 px, but embeddings\.resolutions requests rxrx1 at 12 px"
    ):
        view(store, Sees(), settings(12))


@pytest.mark.parametrize(("resolution", "pixel"), [(48, 0.5), (24, 1.0), (24, 1.0099), (24, 0.9902)])
def test_pixels_within_one_percent_are_the_same(store: ImageStore, resolution: int, pixel: float) -> None:
    assert view(store, Sees(pixel), settings(resolution)).factor == 1


def test_another_pixel_size_is_refused_with_both_remedies(store: ImageStore) -> None:
    with pytest.raises(
        EmbeddingError,
        match=r"at 48 px is 0\.5 um wide, .* gandl was made for 1 um: embed rxrx1 at another stored resolution "
        r"\(embeddings\.resolutions; 24 px would fit\), .* \(embeddings\.rescale: \{rxrx1: 0\.5\}\)",
    ):
        view(store, Sees(1.0), settings(48))
    with pytest.raises(EmbeddingError, match=r"0\.98"):
        view(store, Sees(1.02), settings(24))


def test_a_factor_that_makes_pixels_agree_is_taken(store: ImageStore) -> None:
    assert view(store, Sees(1.0), settings(48, factor=0.5)).factor == 0.5
    assert view(store, Sees(0.65), settings(48, factor=0.77)).factor == 0.77


@pytest.mark.parametrize(("made_for", "factor"), [(1.0, 2.0), (1.0, 0.52), (0.5, 0.5)])
def test_a_factor_that_does_not_is_refused_with_the_right_one(
    store: ImageStore, made_for: float, factor: float
) -> None:
    with pytest.raises(
        EmbeddingError,
        match=rf"resizing by {factor:g} \(embeddings\.rescale\), but .* the factor that makes them agree is {0.5 / made_for:g}$",
    ):
        view(store, Sees(made_for), settings(48, factor))


def test_an_unknown_pixel_size_is_no_obstacle_but_said(
    store: ImageStore, unknown: ImageStore, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "gandl"):
        assert view(unknown, Sees(0.65), settings()).factor == 1
        assert view(store, Sees(None), settings()).factor == 1
        assert view(unknown, Sees(0.65), settings(factor=0.5)).factor == 0.5
    assert [record.message.split(" is not known")[0] for record in caplog.records] == [
        f"the pixel size of {unknown.path}",
        "the pixel size that gandl was made for",
        f"the pixel size of {unknown.path}",
    ]


def test_floors_are_never_resized(store: ImageStore) -> None:
    assert view(store, Sees(0.1, full_size=True), settings(factor=0.5)).factor == 1


def test_a_resized_image_keeps_what_does_not_vary() -> None:
    flat = np.full((2, 1, 12, 18), 7, np.uint8)
    for factor, shape in ((0.5, (6, 9)), (1.5, (18, 27)), (1 / 3, (4, 6)), (0.77, (9, 14))):
        image = resized(flat, factor)
        assert image.shape[2:] == shape
        np.testing.assert_allclose(image, 7, rtol=1e-6)


def test_a_smaller_image_averages_and_does_not_alias() -> None:
    """Stripes of one pixel, far above what half the pixels can show, become grey; a plain choice of pixels would keep them."""
    stripes = np.zeros((1, 1, 64, 64), np.uint16)
    stripes[..., ::2] = 1000
    image = resized(stripes, 0.5)[..., 2:-2]
    np.testing.assert_allclose(image, 500, atol=1)


def test_resizing_keeps_places() -> None:
    """A ramp stays the same ramp, at the centres of the new pixels."""
    ramp = np.broadcast_to(np.arange(40, dtype=np.uint8), (1, 1, 8, 40))
    for factor in (0.5, 2.0, 0.8):
        row = resized(ramp, factor)[0, 0, 2]
        centres = (np.arange(len(row)) + 0.5) / factor - 0.5
        np.testing.assert_allclose(row[4:-4], centres[4:-4], atol=0.05)


def test_resizing_an_image_does_not_depend_on_its_company() -> None:
    images = RNG.integers(0, 60000, (5, 3, 33, 47)).astype(np.uint16)
    together = resized(images, 0.6)
    for i in range(5):
        np.testing.assert_array_equal(resized(images[i : i + 1], 0.6)[0], together[i])


def test_a_view_selects_channels_and_resizes(store: ImageStore) -> None:
    class Swapped(Sees):
        channels = ("dna", "gfp")

    pixels = store.sites(slice(None), 48)
    seen = view(store, Swapped(1.0), settings(48, 0.5)).of(pixels)
    np.testing.assert_array_equal(seen, resized(pixels[:, ::-1], 0.5))
    assert seen.shape == (3, 2, 24, 30)
