"""An embedding never depends on the other images of its batch: for every featurizer, and bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from embedding_inputs import FEATURIZERS, SETTINGS, build, draw_sites, pixels_for, write_store, write_weights
from gandl.config import CYTOGAN, FeaturizerName
from gandl.embeddings.featurizers import Featurizer

SITES = 7
EVERY = [*FEATURIZERS, FeaturizerName.IMAGENET_COLLAPSED]
NETWORKS = (
    FeaturizerName.GANDL,
    FeaturizerName.GANDL_BLOCKS,
    FeaturizerName.GANDL_UNTRAINED,
    FeaturizerName.DENSENET161_ARCFACE,
    FeaturizerName.IMAGENET_COLLAPSED,
    FeaturizerName.IMAGENET_CONCATENATED,
    FeaturizerName.CONV_AE,
    *CYTOGAN,
    FeaturizerName.IMAGENET_UNTRAINED,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("batches")
    images = draw_sites(SITES, seed=5)
    images[2] = 0  # extreme company: a black site and a white one
    images[4] = 255
    write_store(folder, images)
    write_weights(folder / "weights.safetensors")
    return folder


@pytest.fixture(scope="module", params=EVERY)
def alone(request: pytest.FixtureRequest, folder: Path) -> tuple[Featurizer, np.ndarray, np.ndarray]:
    """A featurizer, the sites, and the vector of each site embedded alone."""
    featurizer = build(request.param, folder)
    images = pixels_for(featurizer, folder)
    return featurizer, images, np.concatenate([featurizer.embed(images[i : i + 1]) for i in range(SITES)])


@given(batch=st.lists(st.integers(0, SITES - 1), min_size=1, max_size=12))
@settings(max_examples=15, deadline=None)
def test_embedding_does_not_depend_on_its_batch(
    alone: tuple[Featurizer, np.ndarray, np.ndarray], batch: list[int]
) -> None:
    featurizer, images, vectors = alone
    np.testing.assert_array_equal(featurizer.embed(images[batch]), vectors[batch])


@pytest.mark.parametrize("name", NETWORKS)
def test_crops_per_pass_change_the_speed_only(name: FeaturizerName, folder: Path) -> None:
    """Within float32's rounding: another number of crops may be summed in another order."""
    reference = build(name, folder)
    images = pixels_for(reference, folder)
    expected = reference.embed(images)
    for batch in (1, 4, 100):
        vectors = build(name, folder, SETTINGS.model_copy(update={"batch": batch})).embed(images)
        np.testing.assert_allclose(vectors, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", EVERY)
def test_embedding_leaves_the_images_as_they_were(name: FeaturizerName, folder: Path) -> None:
    featurizer = build(name, folder)
    images = pixels_for(featurizer, folder)
    before = images.copy()
    featurizer.embed(images)
    np.testing.assert_array_equal(images, before)
