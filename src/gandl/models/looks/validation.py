"""Validation sites: takes what measures are made from, gives the middle of these sites and their labels, some at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch

from gandl.models.crops.intensity import moments_of
from gandl.models.looks.measures import Given

PER_PASS = 32
SEED = 0
"""Of the choice of validation sites."""


class ValidationSites:
    """The square in the middle of each validation site of a supervised training.

    Images are read again at every look, a few at a time, since they need not fit in memory.

    Parameters
    ----------
    given : stores, labels, scale and settings of the training.
    most : at most so many sites are looked at, always the same ones.

    Attributes
    ----------
    sites : their positions, ascending. right : the class of each.
    """

    def __init__(self, given: Given, most: int) -> None:
        assert given.labels is not None
        self._given = given
        chosen = np.random.default_rng(SEED).permutation(len(given.held_out))[:most]
        self.sites = given.held_out[np.sort(chosen)]
        self.right = given.labels.of_site[self.sites]
        self._first = np.cumsum([0, *(len(store) for store in given.stores)])

    def __len__(self) -> int:
        return len(self.sites)

    def each(self, judge: Callable[[torch.Tensor], tuple[torch.Tensor, ...]]) -> list[npt.NDArray[np.float64]]:
        """What a function makes of crops (m, c, s, s) on the networks' scale, (m, ...) each, of all sites."""
        found = [
            [made.double().cpu().numpy() for made in judge(self._crops(self.sites[start : start + PER_PASS]))]
            for start in range(0, len(self.sites), PER_PASS)
        ]
        return [np.concatenate(of_one) for of_one in zip(*found, strict=True)]

    def _crops(self, positions: npt.NDArray[np.int64]) -> torch.Tensor:
        given = self._given
        side, resolution = given.settings.crop, given.settings.resolution
        store = np.searchsorted(self._first, positions, side="right") - 1
        images = np.concatenate(
            [
                given.stores[number].sites([int(position - self._first[number])], resolution)
                for number, position in zip(store.tolist(), positions.tolist(), strict=True)
            ]
        )
        top, left = ((whole - side) // 2 for whole in images.shape[2:])
        return given.scale.apply(images[:, :, top : top + side, left : left + side], moments_of(images))


def loss_of(logits: npt.NDArray[np.float64], right: npt.NDArray[np.int64]) -> float:
    """Mean cross-entropy of logits (n, classes) with the right classes (n,)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return float((np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(right)), right]).mean())
