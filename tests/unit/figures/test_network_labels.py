"""Labels name the ImageNet network that was used."""

from __future__ import annotations

import pytest

from gandl.config import FeaturizerName, ImageNetNetwork
from gandl.figures.common.labels import FEATURIZERS, featurizer_label, named_with
from gandl.report.captions import imagenet_in_words


def test_a_featurizer_that_rests_on_an_imagenet_network_names_it() -> None:
    with named_with("efficientnet_lite0"):
        assert featurizer_label("imagenet_concatenated") == "ImageNet-concatenated (EfficientNet-Lite0)"
        with named_with("densenet121"):
            assert featurizer_label("imagenet_untrained") == "Untrained ImageNet network (DenseNet-121)"
        assert featurizer_label("imagenet_untrained") == "Untrained ImageNet network (EfficientNet-Lite0)"
        others = [name for name in FeaturizerName if not name.startswith("imagenet")]
        assert [featurizer_label(name) for name in others] == [FEATURIZERS[name] for name in others]
    assert featurizer_label("imagenet_concatenated") == "ImageNet-concatenated"


@pytest.mark.parametrize("network", ImageNetNetwork)
def test_captions_name_it_where_such_a_featurizer_is_shown(network: ImageNetNetwork) -> None:
    words = imagenet_in_words(["gandl", "imagenet_concatenated"], network)
    assert words.startswith(f"*ImageNet-concatenated*: {network.label} as trained on ImageNet")
    assert "random weights" not in words
    assert "random weights" in imagenet_in_words(["imagenet_untrained"], network)
    assert f"{network.label} as trained on ImageNet behind a convolution" in imagenet_in_words(
        ["imagenet_collapsed"], network
    )
    assert imagenet_in_words(["gandl", "intensity"], network) == ""
