"""The guard of a training: takes the numbers of every step, says when they show trouble, by what its objective finds unhealthy.

It sees numbers that are not finite at once, an explosion within 8 steps, vanishing losses and collapse within 64 (plus the steps
between two looks at the numbers, at most 16 on a GPU). It knows nothing but numbers, so a resumed training is judged alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from gandl.models.compute.notes import StepNumbers
from gandl.models.objectives.troubles import QUICK, Check, Numbers, Trouble, TroubleKind


class Guard:
    """Judges a training by the numbers of its steps.

    Parameters
    ----------
    checks : what must not last, by name; `Objective.checks` makes them.
    """

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = dict(checks)

    def judge(self, numbers: Sequence[StepNumbers]) -> Trouble | None:
        """Take in the numbers of further steps, in order; the first trouble that they show, if any.

        After a trouble the steps behind it are not taken in: the training rolls back, and so does the guard (`restore`).
        """
        for step, of_step in numbers:
            trouble = _not_finite(step, of_step)
            for check in self._checks.values():
                trouble = trouble or check.judge(step, of_step)
            if trouble is not None:
                return trouble
            for check in self._checks.values():
                check.follow(of_step)
        return None

    @property
    def calm(self) -> bool:
        """Whether nothing looks bad now, not even for too short a time to judge: a state worth rolling back to."""
        now = [check.recent[-QUICK:] for check in self._checks.values()]
        return not any(2 * sum(recent) > len(recent) for recent in now)

    def state(self) -> dict[str, Any]:
        """What it remembers, as plain values."""
        return {name: check.state() for name, check in self._checks.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        for name, check in self._checks.items():
            check.restore(state[name])


def _not_finite(step: int, numbers: Numbers) -> Trouble | None:
    for name, value in numbers.items():
        if not math.isfinite(value):
            return Trouble(step, TroubleKind.NOT_FINITE, f"{name} is {value}")
    return None
