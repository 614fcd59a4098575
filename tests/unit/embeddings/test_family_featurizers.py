"""CytoGAN's families as featurizers: codes averaged over a site's crops, and the mistakes that a user can make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from embedding_inputs import SETTINGS, draw_sites, write_family
from gandl.config import CYTOGAN, FeaturizerName
from gandl.embeddings.errors import EmbeddingError
from gandl.embeddings.kinds import build_featurizers
from gandl.models.crops.intensity import moments_of
from gandl.models.networks.cytogan.trained import TrainedFamily
from gandl.models.networks.weights import load


@pytest.mark.parametrize("name", CYTOGAN)
def test_a_vector_is_the_mean_code_of_a_grid_of_crops_for_every_family(name: FeaturizerName, tmp_path: Path) -> None:
    weights = write_family(name, tmp_path / "weights.safetensors")
    (featurizer,) = build_featurizers([name], settings=SETTINGS, weights=weights)
    model = load(weights, TrainedFamily)  # type: ignore[type-abstract]
    images = draw_sites(2, seed=5, size=24)
    expected = []
    for image in images:
        seen = model.scale.apply(image[None], moments_of(image[None]))
        crops = [seen[:, :, top : top + 16, left : left + 16] for top in (0, 8) for left in (0, 8)]
        expected.append(np.mean([model.codes(crop)[0].numpy() for crop in crops], axis=0))
    np.testing.assert_allclose(featurizer.embed(images), expected, rtol=1e-4, atol=1e-5)


def test_weights_that_are_missing_or_of_another_family_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingError, match="the dcgan featurizer needs the weights of its training, and none were"):
        build_featurizers([FeaturizerName.DCGAN], settings=SETTINGS)
    weights = write_family("lsgan", tmp_path / "weights.safetensors")
    with pytest.raises(EmbeddingError, match=r"weights\.safetensors holds a model of lsgan, but dcgan needs its own"):
        build_featurizers([FeaturizerName.DCGAN], settings=SETTINGS, weights=weights)
