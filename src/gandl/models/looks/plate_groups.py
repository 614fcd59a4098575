"""Groups of labels that share plates: takes where labels lie in training, makes the groups, and what a plate may hold.

In RxRx1 each plate of an experiment holds one of four groups of siRNAs, the same in all experiments up to which plate it is on.
Who knows a plate's group need only tell apart the labels of that one; the four plates of an experiment together show which is
where.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gandl.models.crops.supervision import Labels

EVERYWHERE = 0.5
"""A label on more than this share of the plates (a control) belongs to no group."""
Positions = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


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

    def allowed(self, groups: npt.ArrayLike) -> Flags:
        """Which classes (classes,) a plate of these groups (one, or several) may hold."""
        return np.isin(self.of_class, groups) | (self.of_class < 0)

    def on_plates(self, right: Positions, plates: Positions) -> Flags:
        """Which classes (n, classes) the plate of each image may hold: those of every group that it holds a label of.

        In RxRx1 that is a single group. The right class is always among them, so that this knowledge never makes a right answer
        wrong.

        Parameters
        ----------
        right : (n,) class of each image. plates : (n,) number of its plate.
        """
        allowed = np.empty((len(right), len(self.of_class)), bool)
        for plate in np.unique(plates):
            here = plates == plate
            allowed[here] = self.allowed(np.unique(self.of_class[right[here]]))
        return allowed

    def guessed(self, logits: npt.NDArray[np.float64], plates: Positions, experiments: npt.ArrayLike) -> Flags:
        """Which classes (n, classes) the plate of each image may hold by a guess from the images alone; no label is used.

        Each plate of an experiment gets another group, so that all together are most likely (as entries of the RxRx1 competition
        did by linear assignment); plates beyond the number of groups get their own most likely one.

        Parameters
        ----------
        logits : (n, classes), finite or minus infinity. plates : (n,) number of each image's plate. experiments : (n,) of it.
        """
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        chances = shifted / shifted.sum(axis=1, keepdims=True)
        inside = np.stack([chances[:, self.of_class == group].sum(axis=1) for group in range(self.count)], axis=1)
        likely, of_experiment = np.log(inside + np.finfo(float).tiny), np.asarray(experiments)
        allowed = np.empty(logits.shape, bool)
        for experiment in np.unique(of_experiment):
            mine = np.unique(plates[of_experiment == experiment])
            score = np.stack([likely[plates == plate].sum(axis=0) for plate in mine])
            group = score.argmax(axis=1)
            dealt, to = linear_sum_assignment(score, maximize=True)
            group[dealt] = to
            for plate, its in zip(mine, group, strict=True):
                allowed[plates == plate] = self.allowed(its)
        return allowed


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
