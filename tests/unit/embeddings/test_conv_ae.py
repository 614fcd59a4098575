"""The autoencoder as a featurizer: codes of the averaged encoder, averaged over a site's crops, and its mistakes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from embedding_inputs import (
    BASELINE,
    SCREEN,
    SETTINGS,
    SIZE,
    build,
    draw_sites,
    write_baseline,
    write_conv_ae,
    write_inputs,
    write_store,
)
from gandl.config import FeaturizerName
from gandl.embeddings.conv_ae import AutoencoderFeaturizer
from gandl.embeddings.embed import embed_store
from gandl.embeddings.errors import EmbeddingError
from gandl.embeddings.kinds import build_featurizers
from gandl.models.crops.intensity import moments_of
from gandl.models.networks.autoencoder import TrainedAutoencoder
from gandl.models.networks.site_features import SiteError
from gandl.models.networks.weights import WeightsError, load

CONV_AE = FeaturizerName.CONV_AE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store `S_1.zarr` of five sites and `conv_ae.safetensors`."""
    return write_inputs(tmp_path_factory.mktemp("conv_ae"), 5)


def featurizer_of(weights: Path, **settings: object) -> AutoencoderFeaturizer:
    (featurizer,) = build_featurizers([CONV_AE], settings=SETTINGS.changed(**settings), weights=weights)
    assert isinstance(featurizer, AutoencoderFeaturizer)
    return featurizer


def test_a_vector_is_the_mean_code_of_a_grid_of_crops(folder: Path) -> None:
    """One crop after the other through the averaged encoder, each site standardised by itself; the grid ends at the border."""
    images = draw_sites(3, seed=5, size=27)
    model = load(folder / "conv_ae.safetensors", TrainedAutoencoder)
    expected = []
    for image in images:
        seen = model.scale.apply(image[None], moments_of(image[None]))
        corners = (0, 8, 11)
        with torch.no_grad():
            codes = [
                model.autoencoder_ema.encode(seen[:, :, top : top + 16, left : left + 16])
                for top in corners
                for left in corners
            ]
        expected.append(torch.cat(codes).double().mean(dim=0).numpy())
    vectors = featurizer_of(folder / "conv_ae.safetensors").embed(images)
    np.testing.assert_allclose(vectors, expected, rtol=0, atol=1e-5)


def test_the_length_of_the_code_is_the_number_of_features_and_16_bits_are_taken(folder: Path) -> None:
    featurizer = build(CONV_AE, folder)
    assert (featurizer.dim, featurizer.feature_names[-1]) == (10, "code_9")
    images = draw_sites(2, seed=1, size=SIZE // 2)
    # with intensity `site` a factor of all pixels changes nothing
    np.testing.assert_allclose(
        featurizer.embed(images.astype(np.uint16) * 200), featurizer.embed(images), rtol=0, atol=1e-4
    )


def test_an_empty_site_has_finite_numbers(folder: Path) -> None:
    blank = np.zeros((1, 2, SIZE // 2, SIZE // 2), np.uint8)
    assert np.isfinite(build(CONV_AE, folder).embed(blank)).all()


def test_what_it_rests_on_is_in_its_digest(folder: Path, tmp_path: Path) -> None:
    ours = featurizer_of(folder / "conv_ae.safetensors")
    assert ours.content == featurizer_of(folder / "conv_ae.safetensors", batch=40).content
    assert ours.sites_at_once(SIZE // 2, SIZE // 2, 3) in (1, 2, 3)
    assert ours.on("cpu").content == ours.content


def test_mistakes_are_one_sentence_each(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(EmbeddingError, match="the conv_ae featurizer needs the weights of a trained autoencoder"):
        build_featurizers([CONV_AE], settings=SETTINGS)
    with pytest.raises(WeightsError, match="holds the networks of objective gan, where TrainedAutoencoder is needed"):
        featurizer_of(folder / "weights.safetensors")
    with pytest.raises(WeightsError, match="does not exist: train the model first"):
        featurizer_of(tmp_path / "absent.safetensors")
    with pytest.raises(SiteError, match="a crop of 16 px does not fit in images of 12 px"):
        featurizer_of(folder / "conv_ae.safetensors").embed(draw_sites(1, size=12))


@pytest.mark.parametrize(("name", "write"), [(CONV_AE, write_conv_ae), (BASELINE, write_baseline)])
def test_images_of_other_channels_are_refused_with_both_lists(
    tmp_path: Path, name: FeaturizerName, write: Callable[..., Path]
) -> None:
    """Of every featurizer that is trained on some screen, with the names of what is missing and left over."""
    weights, store = write(tmp_path / "weights.safetensors", ("gfp", "rfp")), write_store(tmp_path, draw_sites(2))
    featurizers = build_featurizers([name], settings=SETTINGS, weights=weights)
    with pytest.raises(
        EmbeddingError,
        match=rf"S_1\.zarr holds the channels gfp, dna, but .*{name} was made for gfp, rfp; missing: rfp; left over: dna",
    ):
        embed_store(store, featurizers, [tmp_path / "out.parquet"], SETTINGS, SCREEN)
    assert not (tmp_path / "out.parquet").exists()
