"""Channels by name: takes those of a store and those that a featurizer was made for, makes the choice of these from those."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gandl.embeddings.errors import EmbeddingError


@dataclass(frozen=True)
class ChannelSelection:
    """Which channels of a store are looked at, and in which order.

    Attributes
    ----------
    positions : of the chosen channels in the store, in the order that the featurizer wants.
    stored : number of channels in the store.
    """

    positions: tuple[int, ...]
    stored: int

    def of(self, images: npt.NDArray[np.unsignedinteger]) -> npt.NDArray[np.unsignedinteger]:
        """The chosen channels (n, k, y, x) of images (n, stored, y, x); the images themselves where all are taken in stored
        order."""
        if self.positions == tuple(range(self.stored)):
            return images
        return np.take(images, self.positions, axis=1)


def select_channels(
    stored: Sequence[str], wanted: Sequence[str], dropped: Sequence[str], *, store: object, featurizer: str
) -> ChannelSelection:
    """Choose channels by name, in any order.

    Parameters
    ----------
    stored : channels of the store, in its order.
    wanted : channels that the featurizer was made for, in its order.
    dropped : channels that may be left out (`embeddings.drop_channels`); one that the featurizer wants is kept.
    store, featurizer : named in the error.

    Raises
    ------
    EmbeddingError : a wanted channel is not stored, or a stored one is neither wanted nor dropped.
    """
    missing = [channel for channel in wanted if channel not in stored]
    extra = [channel for channel in stored if channel not in wanted and channel not in dropped]
    if missing or extra:
        raise EmbeddingError(
            f"{store} holds the channels {_named(stored)}, but the featurizer {featurizer} was made for {_named(wanted)}; "
            f"missing: {_named(missing)}; left over: {_named(extra)}; channels are chosen by name, and embeddings.drop_channels "
            f"names those to leave out (now: {_named(dropped)})"
        )
    return ChannelSelection(tuple(stored.index(channel) for channel in wanted), len(stored))


def _named(channels: Sequence[str]) -> str:
    return ", ".join(channels) or "none"
