"""Troubles of a training: what unhealthy numbers show. Takes numbers step by step, makes the trouble they show.

An objective says what is unhealthy of its own numbers by a `Check` each; `gandl.models.engine.guard` judges by them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Numbers = Mapping[str, float]

SHARE = 0.75
"""A trouble is one when this share of the last values shows it: single bad batches pass, a few good ones do not hide it."""
QUICK, SLOW, LAZY = 8, 64, 4
"""Values that an explosion, that everything else, and that an explosion of a penalty (computed every few steps) must last."""


class TroubleKind(StrEnum):
    NOT_FINITE = "not finite"
    EXPLODING = "exploding"
    VANISHING = "vanishing"
    COLLAPSE = "collapse"


@dataclass(frozen=True)
class Trouble:
    """What is wrong since some steps, seen at `step` (counted from 0); `sentence` is for people, without a full stop."""

    step: int
    kind: TroubleKind
    sentence: str


@dataclass
class Check:
    """One thing that must not last.

    Attributes
    ----------
    sees : what a step's numbers show of it, in words; "" if nothing, None if they cannot show it.
    last : how many values are looked back on.
    start : first step that counts.
    recent : whether each of the last values showed it.
    """

    kind: TroubleKind
    sees: Callable[[Numbers], str | None]
    last: int
    start: int = 0
    recent: list[bool] = field(default_factory=list)

    def judge(self, step: int, numbers: Numbers) -> Trouble | None:
        """Take in a step's numbers."""
        seen = self.sees(numbers) if step >= self.start else None
        if seen is None:
            return None
        self.recent = [*self.recent, bool(seen)][-self.last :]
        bad = sum(self.recent)
        if not seen or bad < SHARE * self.last:
            return None
        return Trouble(step, self.kind, f"{seen}, {bad} of the last {len(self.recent)} times")

    def follow(self, numbers: Numbers) -> None:
        """Take in the numbers of a step that showed no trouble: what is usual may move."""

    def state(self) -> dict[str, Any]:
        """What it remembers, as plain values."""
        return {"recent": list(self.recent)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        self.recent = list(state["recent"])
