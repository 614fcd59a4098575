"""Featurizers: what turns the images of a site into one vector, all behind one interface.

Takes featurizers' names, the settings, and what they rest on: the screen's stores (floors), the weights (a trained network).
To add one, see `docs/add-a-featurizer.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from gandl.config import EmbeddingsSettings, FeaturizerName, TrainingSettings
from gandl.embeddings.errors import EmbeddingError
from gandl.images.store_reader import ImageStore


class Featurizer(Protocol):
    """What embeds: pixels of n sites in, n vectors out, and a vector never depends on the other sites of its batch.

    Attributes
    ----------
    name : its name in the configuration.
    channels : names of the channels it wants, in their order; a store's are chosen by name.
    dim : length of a vector.
    feature_names : what each of the `dim` numbers is.
    full_size : True: it sees the largest images that are stored. False: those that `embeddings.resolutions` names, at the scale
        of `pixel_size_um`.
    pixel_size_um : side of a pixel it was made for; None if that is unknown or does not matter.
    """

    name: FeaturizerName
    channels: list[str]
    dim: int
    feature_names: list[str]
    full_size: bool
    pixel_size_um: float | None

    def embed(self, images: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Features (n, dim) float32 of images (n, c, h, w): uint8 or uint16, or float32 where they were resized."""
        ...


@runtime_checkable
class SharesLook(Protocol):
    """A featurizer that chooses its vectors from a longer look at the images; those with the same `look` share its work.

    `embed(images)` is `choose(look(images))`.
    """

    look: Callable[[npt.NDArray[Any]], Any]

    def choose(self, seen: Any) -> npt.NDArray[np.float32]:
        """Features (n, dim) float32 out of what `look` gave."""
        ...


@runtime_checkable
class OnDevice(Protocol):
    """A featurizer that can compute on a GPU.

    Attributes
    ----------
    content : digest of what decides its vectors beside settings and code (weights, device); vectors of a killed embedding are
        only used again where it is the same.
    """

    content: str

    def on(self, device: str) -> Featurizer:
        """The same featurizer on a device ("cpu", "cuda", "cuda:1")."""
        ...

    def sites_at_once(self, height: int, width: int, limit: int) -> int:
        """How many sites of this size (px), at most `limit`, it embeds best in one call."""
        ...

    def stage(self, images: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Pixels, put where its device reads them best; called by the thread that reads ahead."""
        ...


def build_featurizers(
    names: Sequence[FeaturizerName],
    *,
    settings: EmbeddingsSettings,
    screen: Sequence[Path] = (),
    weights: Path | None = None,
    training: TrainingSettings | None = None,
) -> list[Featurizer]:
    """Make featurizers; trained ones share one network, and so one pass over the images.

    Parameters
    ----------
    names : which ones.
    settings : layer, averaging, crops and sizes.
    screen : image stores of the screen that the network is trained on, whatever is embedded: floors see its channels, and the
        untrained network has its intensity scale and its pixel size, so that they compare with the trained one. Trained
        featurizers need none.
    weights : `weights.safetensors` of the trained network; `gandl` and `gandl_blocks` need it, the others take none.
    training : `gandl_untrained` takes `network`, `resolution`, `intensity` and `seed` from it, those of the trained one; the
        others nothing.

    Raises
    ------
    EmbeddingError : no store, stores of different channels, weights or training settings missing, or no nuclear channel.
    """
    basis = _Basis(settings, tuple(Path(path) for path in screen), weights, training)
    return [_build(name, basis) for name in names]


def _build(name: FeaturizerName, basis: _Basis) -> Featurizer:
    match name:
        case FeaturizerName.INTENSITY:
            from gandl.embeddings.intensity import IntensityFeaturizer

            return IntensityFeaturizer(basis.channels)
        case FeaturizerName.SEGMENTATION:
            from gandl.embeddings.segmentation import SegmentationFeaturizer

            return SegmentationFeaturizer(basis.channels, basis.settings.segmentation)
        case FeaturizerName.GANDL | FeaturizerName.GANDL_BLOCKS:
            from gandl.embeddings.network import NetworkFeaturizer

            if basis.weights is None:
                raise EmbeddingError(
                    f"the {name} featurizer needs the weights of a trained network, and none were given"
                )
            return NetworkFeaturizer(name, basis.trained, basis.settings)
        case FeaturizerName.GANDL_UNTRAINED:
            from gandl.embeddings.network import untrained

            if basis.training is None:
                raise EmbeddingError(f"the {name} featurizer needs the training settings, to know the network's shape")
            return untrained(basis.stores, basis.training, basis.settings)
        case FeaturizerName.RELEASED:
            raise EmbeddingError(f"the {name} embeddings are read as published, not computed from images")


@dataclass(frozen=True)
class _Basis:
    """What featurizers are made of; what several need is read once."""

    settings: EmbeddingsSettings
    screen: tuple[Path, ...]
    weights: Path | None
    training: TrainingSettings | None

    @cached_property
    def trained(self) -> Any:
        """The trained network (`gandl.embeddings.network.Look`)."""
        from gandl.embeddings.network import trained_look

        assert self.weights is not None
        return trained_look(self.weights, self.settings)

    @cached_property
    def stores(self) -> list[ImageStore]:
        """The screen's stores, refused where the channels of two differ."""
        if not self.screen:
            raise EmbeddingError("a floor needs at least one image store of the screen, to know its channels")
        first, *others = [ImageStore(path) for path in self.screen]
        for other in others:
            if other.channels != first.channels:
                raise EmbeddingError(
                    f"{other.path} holds the channels {', '.join(other.channels)}, but {first.path} holds "
                    f"{', '.join(first.channels)}"
                )
        return [first, *others]

    @cached_property
    def channels(self) -> list[str]:
        return self.stores[0].channels
