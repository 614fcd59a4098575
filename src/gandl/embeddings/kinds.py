"""The available featurizers: takes their names, the settings and what they rest on, gives featurizers.

The Snakefile imports it for their modules, so that each featurizer's own code counts for its embeddings, and no other's; this
module imports nothing heavier than the configuration before it builds.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import CYTOGAN, EmbeddingsSettings, FeaturizerName, TrainingSettings

if TYPE_CHECKING:
    from gandl.embeddings.featurizers import Featurizer

MODULES = {
    FeaturizerName.GANDL: "gandl.embeddings.network",
    FeaturizerName.GANDL_BLOCKS: "gandl.embeddings.network",
    FeaturizerName.DENSENET161_ARCFACE: "gandl.embeddings.classifier",
    FeaturizerName.IMAGENET_COLLAPSED: "gandl.embeddings.imagenet.collapsed",
    FeaturizerName.IMAGENET_CONCATENATED: "gandl.embeddings.imagenet.concatenated",
    FeaturizerName.CONV_AE: "gandl.embeddings.conv_ae",
    **dict.fromkeys(CYTOGAN, "gandl.embeddings.cytogan.families"),
    FeaturizerName.GANDL_UNTRAINED: "gandl.embeddings.network",
    FeaturizerName.IMAGENET_UNTRAINED: "gandl.embeddings.imagenet.concatenated",
    FeaturizerName.CELL_COUNT: "gandl.embeddings.cells.cell_count",
    FeaturizerName.INTENSITY: "gandl.embeddings.intensity",
    FeaturizerName.SEGMENTATION: "gandl.embeddings.cells.segmentation",
    FeaturizerName.CELL_MEASUREMENTS: "gandl.embeddings.cells.measurements",
}
"""By name, the module whose `build(name, basis)` makes the featurizer (`gandl.embeddings.featurizers.Basis`)."""


def build_featurizers(
    names: Sequence[FeaturizerName],
    *,
    settings: EmbeddingsSettings,
    screen: Sequence[Path] = (),
    weights: Path | None = None,
    training: TrainingSettings | None = None,
    pretrained: Path | None = None,
) -> list[Featurizer]:
    """Make featurizers; trained ones share one network, and so one pass over the images.

    Parameters
    ----------
    names : which ones.
    settings : layer, averaging, crops and sizes.
    screen : image stores of the screen that the network is trained on, whatever is embedded: floors see its channels, and the
        untrained network has its intensity scale and its pixel size, so that they compare with the trained one. Trained
        featurizers need none.
    weights : `weights.safetensors` of the trained network; `gandl` and `gandl_blocks` need that of the GAN,
        `densenet161_arcface` that of the classifier, `conv_ae` that of the autoencoder, a family of CytoGAN its own, the
        others take none.
    training : `gandl_untrained` takes `network`, `resolution`, `intensity` and `seed` from it, those of the trained one; the
        ImageNet networks `resolution`, `intensity` and (untrained) `seed`, the others nothing.
    pretrained : the ImageNet weights of `imagenet_concatenated`, as published; None: those that come with a package.

    Raises
    ------
    EmbeddingError : no store, stores of different channels, weights or training settings missing, no nuclear channel, or
        embeddings that are read as published.
    gandl.models.networks.imagenet.weights.PretrainedError : ImageNet weights are missing, damaged or other ones.
    """
    from gandl.embeddings.errors import EmbeddingError
    from gandl.embeddings.featurizers import Basis

    basis = Basis(settings, tuple(Path(path) for path in screen), weights, training, pretrained)
    featurizers: list[Featurizer] = []
    for name in names:
        if name not in MODULES:
            raise EmbeddingError(f"the {name} embeddings are read as published, not computed from images")
        featurizers.append(import_module(MODULES[name]).build(name, basis))
    return featurizers
