"""Notes of a training: takes numbers as they arise on the device, gives them later, all at once, averaged over parts and ranks.

Reading one number from a GPU makes it wait, so numbers stay on the device until they are needed.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gandl.models.compute.ranks import Ranks

StepNumbers = tuple[int, dict[str, float]]
"""A step's number, and what was measured in it."""


class Notes:
    """Numbers of the steps since the last `drain`."""

    def __init__(self) -> None:
        self._steps: list[tuple[int, dict[str, list[Tensor]]]] = []

    def begin(self, step: int) -> None:
        """What follows belongs to this step."""
        self._steps.append((step, {}))

    def add(self, **values: Tensor) -> None:
        """Note numbers () of one part of the step's batch."""
        numbers = self._steps[-1][1]
        for name, value in values.items():
            numbers.setdefault(name, []).append(value.detach().float())

    def drain(self, ranks: Ranks) -> list[StepNumbers]:
        """All numbers, each the mean over its parts and over ranks, in the order of steps; this waits for the device."""
        steps, self._steps = self._steps, []
        means = [torch.stack(parts).mean() for _, numbers in steps for parts in numbers.values()]
        if not means:
            return []
        together = torch.stack(means)
        ranks.average_([together])
        values = iter(together.tolist())
        return [(step, {name: next(values) for name in numbers}) for step, numbers in steps]
