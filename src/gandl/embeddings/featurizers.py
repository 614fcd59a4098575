"""Featurizers: what turns the images of a site into one vector, all behind one interface, and what they are built from.

To add one, see `docs/add-a-featurizer.md`; the available ones are in `gandl.embeddings.kinds`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt

from gandl.config import EmbeddingsSettings, FeaturizerName, TrainingSettings
from gandl.embeddings.errors import EmbeddingError
from gandl.images.store_reader import ImageStore

Made = TypeVar("Made")


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


@dataclass(frozen=True)
class Basis:
    """What featurizers are built from; what several need is made once.

    Attributes
    ----------
    settings, screen, weights, training, pretrained : as for `gandl.embeddings.kinds.build_featurizers`.
    """

    settings: EmbeddingsSettings
    screen: tuple[Path, ...] = ()
    weights: Path | None = None
    training: TrainingSettings | None = None
    pretrained: Path | None = None
    _made: dict[Callable[[Basis], Any], Any] = field(default_factory=dict, repr=False, compare=False)

    def once(self, make: Callable[[Basis], Made]) -> Made:
        """What a function makes of this basis; always the same one, so that featurizers can share it."""
        if make not in self._made:
            self._made[make] = make(self)
        made: Made = self._made[make]
        return made

    @cached_property
    def stores(self) -> list[ImageStore]:
        """The screen's stores.

        Raises
        ------
        EmbeddingError : there is none, or the channels of two differ.
        """
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
