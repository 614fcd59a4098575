"""The guard of a training: takes the numbers of every step, tells when they show trouble, and what to change then.

It sees numbers that are not finite at once, an explosion within 8 steps, vanishing losses and collapse within 64 (plus the steps
between two looks at the numbers, at most 16 on a GPU). It knows nothing but numbers, so a resumed training is judged alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gandl.config import Loss, TrainingSettings
from gandl.models.notes import StepNumbers

Numbers = Mapping[str, float]

SHARE = 0.75
"""A trouble is one when this share of the last values shows it: single bad batches pass, a few good ones do not hide it."""
QUICK, SLOW, LAZY = 8, 64, 4
"""Values that an explosion, that everything else, and that an explosion of a penalty (computed every few steps) must last."""
MOST_GAP = 1e4
"""Between the logits of real and generated images; healthy trainings here stayed below 6, whatever the loss. With gradients of 1
(wgan), two images of 512 px and five channels could be some 2,000 apart."""
MOST_PENALTY = {"r1": 1e6, "r2": 1e6, "lipschitz": 1e4, "path_length_penalty": 1e6}
"""Gradients of 1,000 and more; in healthy trainings here R1 stayed below 1, the path-length penalty below 3."""
JUMP = 30.0
"""The gap may be so many times its usual size ..."""
FREE_GAP = {Loss.LOGISTIC: 100.0, Loss.RELATIVISTIC: 100.0, Loss.WGAN: 1_000.0}
"""... and this wide in any case: at the start it grows quickly."""
LEVEL_STEP = 0.02
"""How fast the usual size follows, per step: it doubles in 35, so that an explosion outruns it and a slow rise does not."""
WIDEST = 100.0
"""Generated images differ by so many times what real ones do; at the start, when they are noise, it was six times."""
LEAST_LOSS = 1e-4
"""A logistic loss below this leaves gradients of its own size; healthy ones stayed above 0.2."""
LEAST_GAP = 1e-6
"""Logits that differ by less are the same for real and generated images."""
LEAST_SPREAD = 0.1
"""Generated images that differ by less than this share of what real ones do are one image; healthy ones stayed above 0.3."""
START_UP = 2_000
"""Images in which generated ones may be alike: at first they are grey, or noise of one kind."""


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
    sees : what a step's numbers show of it, in words; "" where nothing, None where they cannot tell.
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


class Guard:
    """Judges a training by the numbers of its steps.

    Parameters
    ----------
    settings : of the training; its loss decides which numbers are healthy.
    """

    def __init__(self, settings: TrainingSettings) -> None:
        self._level, self._free_gap = 0.0, FREE_GAP[settings.loss]
        start = math.ceil(START_UP / settings.batch)
        self._checks = {
            "gap": Check(TroubleKind.EXPLODING, self._apart, QUICK),
            "images": Check(TroubleKind.EXPLODING, _wild, QUICK),
            **{name: Check(TroubleKind.EXPLODING, _beyond(name, most), LAZY) for name, most in MOST_PENALTY.items()},
            "blind": Check(TroubleKind.VANISHING, _blind, SLOW),
            "collapse": Check(TroubleKind.COLLAPSE, _collapsed, SLOW, start),
        }
        if settings.loss is not Loss.WGAN:  # the critic's difference has no end where nothing is left to learn
            for who in ("discriminator", "generator"):
                self._checks[who] = Check(TroubleKind.VANISHING, _vanished(who), SLOW)

    def judge(self, numbers: Sequence[StepNumbers]) -> Trouble | None:
        """Take in the numbers of further steps, in order; the first trouble that they show, if any.

        After a trouble the steps behind it are not taken in: the training goes back, and so does the guard (`restore`).
        """
        for step, of_step in numbers:
            trouble = _not_finite(step, of_step)
            for check in self._checks.values():
                trouble = trouble or check.judge(step, of_step)
            if trouble is not None:
                return trouble
            self._follow(of_step)
        return None

    @property
    def calm(self) -> bool:
        """Whether nothing looks bad now, not even for too short a time to judge: a state worth going back to."""
        now = [check.recent[-QUICK:] for check in self._checks.values()]
        return not any(2 * sum(recent) > len(recent) for recent in now)

    def state(self) -> dict[str, Any]:
        """What it remembers, as plain values."""
        return {"level": self._level, "recent": {name: list(check.recent) for name, check in self._checks.items()}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        self._level = state["level"]
        for name, check in self._checks.items():
            check.recent = list(state["recent"][name])

    def _apart(self, numbers: Numbers) -> str:
        gap, most = abs(_gap(numbers)), min(MOST_GAP, max(self._free_gap, JUMP * self._level))
        if gap <= most:
            return ""
        return f"the logits of real and generated images are {gap:.3g} apart (here {most:.3g} is the most)"

    def _follow(self, numbers: Numbers) -> None:
        """Move the usual gap towards this one by a small step, whatever its size: outliers cannot pull it far."""
        gap = abs(_gap(numbers))
        if gap and not self._level:
            self._level = gap
        elif gap:
            self._level *= math.exp(math.copysign(LEVEL_STEP, gap - self._level))


def remedy(
    trouble: Trouble, settings: TrainingSettings, learning_rate_factor: float, gamma_factor: float
) -> tuple[float, float]:
    """The factors of learning rate and gamma to go on with after a roll-back.

    Numbers that are not finite or explode: half the learning rate. Vanishing losses and collapse: twice the gamma of R1 (and R2),
    which keeps the discriminator from running away; half the learning rate where both gammas are 0.
    """
    calmer = trouble.kind in (TroubleKind.VANISHING, TroubleKind.COLLAPSE)
    if calmer and (settings.r1_gamma or settings.r2_gamma):
        return learning_rate_factor, gamma_factor * 2
    return learning_rate_factor / 2, gamma_factor


def _gap(numbers: Numbers) -> float:
    return numbers.get("real_logit", 0.0) - numbers.get("fake_logit", 0.0)


def _not_finite(step: int, numbers: Numbers) -> Trouble | None:
    for name, value in numbers.items():
        if not math.isfinite(value):
            return Trouble(step, TroubleKind.NOT_FINITE, f"{name} is {value}")
    return None


def _beyond(name: str, most: float) -> Callable[[Numbers], str | None]:
    """A penalty that explodes."""

    def sees(numbers: Numbers) -> str | None:
        if name not in numbers:
            return None
        return f"{name} is {numbers[name]:.3g} (at most {most:.3g} is sane)" if numbers[name] > most else ""

    return sees


def _wild(numbers: Numbers) -> str:
    spread, real = numbers.get("fake_spread", 0.0), numbers.get("real_spread", 0.0)
    if not real or spread <= WIDEST * real:
        return ""
    return f"generated images differ by {spread:.3g}, real ones by {real:.3g}"


def _vanished(who: str) -> Callable[[Numbers], str]:
    """A logistic loss close to zero."""

    def sees(numbers: Numbers) -> str:
        loss = numbers.get(f"loss_{who}", 1.0)
        return f"the {who} has nothing left to learn from (loss_{who} is {loss:.2g})" if loss < LEAST_LOSS else ""

    return sees


def _blind(numbers: Numbers) -> str:
    if "real_logit" in numbers and abs(_gap(numbers)) < LEAST_GAP:
        return "the discriminator's logits are the same for real and generated images"
    return ""


def _collapsed(numbers: Numbers) -> str:
    spread, real = numbers.get("fake_spread", 0.0), numbers.get("real_spread", 0.0)
    if not real or spread >= LEAST_SPREAD * real:
        return ""
    return f"generated images have collapsed to one (they differ by {spread:.2g}, real ones by {real:.2g})"
