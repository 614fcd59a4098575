"""Groups of labels that share plates: takes where labels lie in training, makes the groups, and a plate's most likely one.

In RxRx1 each plate of an experiment holds one of four groups of siRNAs, the same in all experiments up to which plate it is on.
Who knows the groups need only tell apart the labels of one of them, once all images of a plate together have shown which it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gandl.models.crops.supervision import Labels

EVERYWHERE = 0.5
"""A label on more than this share of the plates (a control) belongs to no group."""
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PlateGroups:
    """Labels by the plates that they share.

    Attributes
    ----------
    of_class : (classes,) group of each; -1 for those that are on most plates, whichever group these hold.
    count : number of groups; fewer than two say nothing.
    """

    of_class: Positions
    count: int

    def allowed(self, group: int) -> npt.NDArray[np.bool_]:
        """Which classes (classes,) a plate of a group may hold."""
        return (self.of_class == group) | (self.of_class < 0)

    def restricted(self, logits: npt.NDArray[np.float64], plates: Positions) -> npt.NDArray[np.float64]:
        """Logits (n, classes) of images, minus infinity where the image's plate cannot hold the class.

        A plate's group is the one that its images together find most likely: the largest mean log of a group's probability.

        Parameters
        ----------
        plates : (n,) number of the plate of each image.
        """
        shifted = logits - logits.max(axis=1, keepdims=True)
        chances = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
        inside = np.stack([chances[:, self.of_class == group].sum(axis=1) for group in range(self.count)], axis=1)
        restricted = logits.copy()
        for plate in np.unique(plates):
            rows = plates == plate
            group = int(np.log(inside[rows] + np.finfo(float).tiny).mean(axis=0).argmax())
            restricted[np.ix_(rows, ~self.allowed(group))] = -np.inf
        return restricted


def plate_groups(labels: Labels) -> PlateGroups:
    """The groups of the labels of a training, by its training sites; one group where plates are not known."""
    classes = len(labels.classes)
    sites = labels.training[labels.plates[labels.training] >= 0] if len(labels.plates) else labels.training[:0]
    if not len(sites):
        return PlateGroups(np.zeros(classes, np.int64), 1)
    _, plate = np.unique(labels.plates[sites], return_inverse=True)
    held = np.zeros((classes, plate.max() + 1), bool)
    held[labels.of_site[sites], plate] = True
    usual = held.sum(axis=1) > EVERYWHERE * held.shape[1]
    if usual.all():
        return PlateGroups(np.full(classes, -1, np.int64), 0)
    kept = np.flatnonzero(~usual)
    label, place = np.nonzero(held[kept])
    size = len(kept) + held.shape[1]
    graph = coo_array((np.ones(len(label)), (label, len(kept) + place)), shape=(size, size))
    _, component = connected_components(graph, directed=False)
    _, group = np.unique(component[: len(kept)], return_inverse=True)
    of_class = np.full(classes, -1, np.int64)
    of_class[kept] = group
    return PlateGroups(of_class, int(group.max()) + 1)
