"""Resuming: what of a training survives a kill, how it is saved, and how a later process, or a roll-back, takes it over.

Files, and which of them are whole, are the concern of `checkpoint`; when to save and when to roll back that of `loop`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from gandl.models.compute.ranks import ALONE, Ranks
from gandl.models.engine.checkpoint import Checkpoints
from gandl.models.engine.guard import Guard
from gandl.models.engine.looks import Looks
from gandl.models.looks.curve import Curve
from gandl.models.objectives.objective import Objective

logger = logging.getLogger(__name__)


class Resumable:
    """The state of a training: with equal states, two processes go on with the same bits.

    Parameters
    ----------
    make : a new objective, as it is before its first step.
    kept : its checkpoints.
    looks : evaluates it; None except on the rank that writes.

    Attributes
    ----------
    objective, curve, guard : what is learned, what was measured, and what is usual.
    looked : images shown at the last look.
    failed : the furthest step that made training roll back; -1 where none did.
    saved : course and step of the last checkpoint; (-1, 0) where there is none.
    """

    def __init__(
        self, make: Callable[[], Objective], kept: Checkpoints, looks: Looks | None, ranks: Ranks = ALONE
    ) -> None:
        self._make, self._kept, self._looks, self._ranks = make, kept, looks, ranks
        self.objective = make()
        self.curve, self.guard = Curve(), self._new_guard()
        self.looked, self.failed = 0, -1
        self.saved = -1, 0

    def resume(self) -> None:
        """Take over the last checkpoint, where there is one; a checkpoint of other settings is reported."""
        if self.take_over(older=False):
            if self._ranks.writes:
                logger.info(
                    "resuming from the checkpoint of step %d in %s", self.objective.step_number, self._kept.folder
                )
        elif self._ranks.writes and (foreign := self._kept.foreign()):
            logger.info("%s", foreign)

    def take_over(self, *, older: bool) -> bool:
        """Take over the checkpoint that the writing rank finds: the last, or the one before; whether there is one."""
        found = self._kept.find(older=older) if self._ranks.writes else None
        course, step = (self._ranks.largest(number) for number in found or (-1, -1))
        if step < 0:
            return False
        state = self._kept.read(course, step)
        self.objective.restore(state["objective"])
        self.guard.restore(state["guard"])
        self.curve = Curve.restored(state["curve"])
        self.looked, self.failed = state["looked"], state["failed"]
        if self._looks is not None:
            self._looks.restore(state["looks"])
        self.saved = course, step
        return True

    def start_over(self) -> None:
        """The state before the first step, where there is no checkpoint to take over."""
        del self.objective  # a GPU may not hold two
        self.objective = self._make()
        self.curve, self.guard, self.looked = Curve(), self._new_guard(), 0
        if self._looks is not None:
            self._looks.forget()

    def save(self) -> None:
        """Save this state, unless it is saved already."""
        course, step = self.objective.course, self.objective.step_number
        if self._looks is not None and self.saved != (course, step):
            state = {
                "objective": self.objective.state(),
                "guard": self.guard.state(),
                "curve": self.curve.state(),
                "looked": self.looked,
                "failed": self.failed,
                "looks": self._looks.state(course, step),
            }
            self._kept.save(state, step, course)
            self._looks.sweep(self._kept.moments())
        self.saved = course, step

    def _new_guard(self) -> Guard:
        return Guard(self.objective.checks(self.objective.settings))
