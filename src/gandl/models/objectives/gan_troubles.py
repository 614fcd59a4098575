"""What goes wrong in a GAN (explosions, vanishing losses, collapse): takes settings, makes the checks that the guard applies."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from gandl.config import Loss, TrainingSettings
from gandl.models.objectives.troubles import LAZY, QUICK, SLOW, Check, Numbers, Trouble, TroubleKind

MOST_GAP = 1e4
"""Between the logits of real and generated images; healthy trainings here stayed below 6, whatever the loss. With gradients of 1
(wgan), two images of 512 px and five channels could be some 2,000 apart."""
MOST_PENALTY = {"r1": 1e6, "r2": 1e6, "lipschitz": 1e4, "path_length_penalty": 1e6}
"""Gradients of 1,000 and more; in healthy trainings here R1 stayed below 1, the path-length penalty below 3."""
JUMP = 30.0
"""Largest ratio of the gap to its usual size ..."""
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


def gan_checks(settings: TrainingSettings) -> dict[str, Check]:
    """What must not last in a GAN; its loss decides which numbers are healthy."""
    start = math.ceil(START_UP / settings.batch)
    checks = {
        "gap": Gap(FREE_GAP[settings.loss]),
        "images": Check(TroubleKind.EXPLODING, _wild, QUICK),
        **{name: Check(TroubleKind.EXPLODING, _beyond(name, most), LAZY) for name, most in MOST_PENALTY.items()},
        "blind": Check(TroubleKind.VANISHING, _blind, SLOW),
        "collapse": Check(TroubleKind.COLLAPSE, _collapsed, SLOW, start),
    }
    if settings.loss is not Loss.WGAN:  # the critic's difference has no end when nothing is left to learn
        for who in ("discriminator", "generator"):
            checks[who] = Check(TroubleKind.VANISHING, _vanished(who), SLOW)
    return checks


def gan_remedy(trouble: Trouble, settings: TrainingSettings, factors: Mapping[str, float]) -> dict[str, float]:
    """The factors of learning rate and R1's (and R2's) gamma to continue with after a roll-back.

    Numbers that are not finite or explode: half the learning rate. Vanishing losses and collapse: twice the gamma of R1 (and R2),
    which keeps the discriminator from running away; half the learning rate where both gammas are 0.
    """
    calmer = trouble.kind in (TroubleKind.VANISHING, TroubleKind.COLLAPSE)
    if calmer and (settings.r1_gamma or settings.r2_gamma):
        return {**factors, "r1_gamma": factors["r1_gamma"] * 2}
    return {**factors, "learning_rate": factors["learning_rate"] / 2}


class Gap(Check):
    """Logits of real and generated images that lie too far apart, measured by how far they usually do."""

    def __init__(self, free_gap: float) -> None:
        super().__init__(TroubleKind.EXPLODING, self._apart, QUICK)
        self._level, self._free_gap = 0.0, free_gap

    def follow(self, numbers: Numbers) -> None:
        """Move the usual gap towards this one by a small step, whatever its size: outliers cannot pull it far."""
        gap = abs(_gap(numbers))
        if gap and not self._level:
            self._level = gap
        elif gap:
            self._level *= math.exp(math.copysign(LEVEL_STEP, gap - self._level))

    def state(self) -> dict[str, Any]:
        return {"level": self._level, **super().state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._level = state["level"]
        super().restore(state)

    def _apart(self, numbers: Numbers) -> str:
        gap, most = abs(_gap(numbers)), min(MOST_GAP, max(self._free_gap, JUMP * self._level))
        if gap <= most:
            return ""
        return f"the logits of real and generated images are {gap:.3g} apart (at most {most:.3g} is normal here)"


def _gap(numbers: Numbers) -> float:
    return numbers.get("real_logit", 0.0) - numbers.get("fake_logit", 0.0)


def _beyond(name: str, most: float) -> Callable[[Numbers], str | None]:
    """A penalty that explodes."""

    def sees(numbers: Numbers) -> str | None:
        if name not in numbers:
            return None
        return f"{name} is {numbers[name]:.3g} (at most {most:.3g} is normal)" if numbers[name] > most else ""

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
        return f"the {who} has nothing left to learn (loss_{who} is {loss:.2g})" if loss < LEAST_LOSS else ""

    return sees


def _blind(numbers: Numbers) -> str:
    if "real_logit" in numbers and abs(_gap(numbers)) < LEAST_GAP:
        return "the discriminator's logits are the same for real and generated images"
    return ""


def _collapsed(numbers: Numbers) -> str:
    spread, real = numbers.get("fake_spread", 0.0), numbers.get("real_spread", 0.0)
    if not real or spread >= LEAST_SPREAD * real:
        return ""
    return f"mode collapse: generated images are nearly the same (they differ by {spread:.2g}, real ones by {real:.2g})"
