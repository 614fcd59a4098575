"""The loop of a training: takes a trainer, makes all its steps; on the way it tells, looks, keeps, goes back and stops in order.

Every rank runs the same loop and decides alike, from numbers that are the same on all; one of them looks, writes and tells.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Any

from gandl.interruption import Interrupted, Interruption
from gandl.models.checkpoint import Checkpoints
from gandl.models.curve import Curve
from gandl.models.guard import Guard, Trouble, TroubleKind, remedy
from gandl.models.looks import Looks, look_images
from gandl.models.parallel import ALONE, Ranks
from gandl.models.status import Status
from gandl.models.trainer import Trainer, TrainingError

STATUS_LINES = 100
"""A status line and a point of the curve at least so many times along training."""
STEPS_BETWEEN_DRAINS = 16
"""On a GPU numbers are fetched, and signals answered, every so many steps: fetching them waits for the GPU."""

logger = logging.getLogger(__name__)


class Loop:
    """Everything of one training that is running.

    Parameters
    ----------
    make : a new trainer, as it is before its first step.
    kept : its checkpoints.
    stop : hears signals.
    looks : what looks at it at logarithmic intervals; of the rank that writes, None on all others.
    tell : makes what tells people how it goes, from this number of images and steps on; likewise.

    Attributes
    ----------
    looked : images shown at the last look.
    failed : the furthest step that made training go back; -1 where none did.
    """

    def __init__(
        self,
        make: Callable[[], Trainer],
        kept: Checkpoints,
        stop: Interruption,
        looks: Looks | None,
        tell: Callable[[int, int], Status] | None,
        ranks: Ranks = ALONE,
    ) -> None:
        self._make, self._kept, self._stop, self._looks, self._ranks = make, kept, stop, looks, ranks
        self._new_status = tell
        self._status: Status | None = None
        self.trainer = make()
        self.settings = self.trainer.settings
        self.curve, self.guard = Curve(), Guard(self.settings)
        self.looked, self.failed = 0, -1
        self._saved = -1, 0
        self._look_at = look_images(self.settings)
        self._tick = max(1, self.settings.images // STATUS_LINES)

    # The way of a training

    def run(self) -> None:
        """Go on from the last checkpoint until all images were shown.

        Raises
        ------
        TrainingError : it went back as often as it may, and failed again.
        Interrupted : a signal came; a checkpoint of this moment is written.
        """
        self._resume()
        if self._new_status is not None:
            self._status = self._new_status(self.trainer.images, self.trainer.step_number)
        with self._status or nullcontext():
            self._look_if_due()  # a look that a signal cut short is made up for
            while not self._ended:
                self.trainer.step()
                if self._settles:
                    self._settle()
            self._stop_if_asked()

    def _settle(self) -> None:
        """Look back on the last steps: go back if they failed, else do what is due."""
        trouble = self._trouble()
        if trouble is not None:
            self._go_back(trouble)
            return
        if self._ended or self._passed(self._tick):
            self._tell()
        self._look_if_due()
        if self._keeps and (self.guard.calm or self._overdue):
            self._save()
        self._stop_if_asked()

    @property
    def _ended(self) -> bool:
        return self.trainer.images >= self.settings.images

    @property
    def _keeps(self) -> bool:
        """Whether a checkpoint is due: since the last one, that many images were shown, or all."""
        every, (_, saved) = self.settings.checkpoint_images, self._saved
        return self._ended or self.trainer.images // every > saved * self.settings.batch // every

    @property
    def _overdue(self) -> bool:
        """Whether a checkpoint must not wait for calmer numbers any longer: a kill would cost twice what was agreed."""
        _, saved = self._saved
        return self._ended or self.trainer.images - saved * self.settings.batch >= 2 * self.settings.checkpoint_images

    @property
    def _settles(self) -> bool:
        """Whether the last step's numbers are wanted now."""
        on_cpu = self.trainer.device.type == "cpu"
        at = on_cpu or self.trainer.step_number % STEPS_BETWEEN_DRAINS == 0
        return at or self._keeps or self._looks_now or self._passed(self._tick)

    def _passed(self, every: int) -> bool:
        """Whether the last step reached or passed a multiple of `every` images."""
        images = self.trainer.images
        return images // every > (images - self.settings.batch) // every

    # Numbers

    def _trouble(self) -> Trouble | None:
        """Note the numbers of the last steps; what is wrong with them, or with weights that are to be kept."""
        numbers = self.trainer.drain()
        trouble = self.guard.judge(numbers)
        if trouble is None and (self._keeps or self._looks_now):
            weight = self.trainer.adversaries.not_finite()
            if weight is not None:
                sentence = f"the weight {weight} is not finite"
                trouble = Trouble(self.trainer.step_number - 1, TroubleKind.NOT_FINITE, sentence)
        if trouble is None:
            for _, of_step in numbers:
                for metric, value in of_step.items():
                    self.curve.record(metric, value)
        return trouble

    def _tell(self) -> None:
        """A point of the curve, and a status line."""
        images, step = self.trainer.images, self.trainer.step_number
        if self._status is not None:
            self.curve.record("images_per_second", self._status.speed(images))
        self.curve.end_tick(images, step)
        if self._status is not None:
            self._status.tell(images, step, self.curve.rows)

    # Looks

    @property
    def _looks_now(self) -> bool:
        return any(self.looked < at <= self.trainer.images for at in self._look_at)

    def _look_if_due(self) -> None:
        """Look, unless a signal comes meanwhile: then it is for whoever goes on from here."""
        if not self._looks_now:
            return
        values: dict[str, float] = {}
        start = time.monotonic()
        if self._looks is not None:
            with suppress(Interrupted), self._stop.at_once():
                values = self._looks.measure(self.trainer)
        if self._ranks.any(self._stop.asked is not None):
            return
        self.looked = self.trainer.images
        self.curve.add(self.trainer.images, self.trainer.step_number, **values)
        if self._looks is not None:
            self._looks.keep(self.trainer, values)
        if self._status is not None and values:
            self._status.looked(self.trainer.images, values, time.monotonic() - start)

    # Checkpoints

    def _resume(self) -> None:
        """Take over the last checkpoint, where there is one."""
        if self._take_over(older=False):
            if self._ranks.writes:
                logger.info(
                    "going on from the checkpoint of step %d in %s", self.trainer.step_number, self._kept.folder
                )
        elif self._ranks.writes and (told := self._kept.foreign()):
            logger.info("%s", told)

    def _take_over(self, *, older: bool) -> bool:
        """Take over what the writing rank finds; whether there is something."""
        found = self._kept.find(older=older) if self._ranks.writes else None
        course, step = (self._ranks.largest(number) for number in found or (-1, -1))
        if step < 0:
            return False
        state = self._kept.read(course, step)
        self.trainer.restore(state["trainer"])
        self.guard.restore(state["guard"])
        self.curve = Curve.restored(state["curve"])
        self.looked, self.failed = state["looked"], state["failed"]
        if self._looks is not None:
            self._looks.restore(state["looks"])
        self._saved = course, step
        return True

    def _save(self) -> None:
        """Keep this moment, unless it is kept already."""
        course, step = self.trainer.course, self.trainer.step_number
        if self._looks is not None and self._saved != (course, step):
            self._kept.save({**self._state(), "looks": self._looks.state(course, step)}, step, course)
            self._looks.sweep(self._kept.moments())
        self._saved = course, step

    def _state(self) -> dict[str, Any]:
        return {
            "trainer": self.trainer.state(),
            "guard": self.guard.state(),
            "curve": self.curve.state(),
            "looked": self.looked,
            "failed": self.failed,
        }

    def _stop_if_asked(self) -> None:
        """End with everything kept, if a signal came to any rank."""
        if not self._ranks.any(self._stop.asked is not None):
            return
        if self.trainer.adversaries.not_finite() is None:
            self._save()
        name = "a signal to another rank" if self._stop.asked is None else self._stop.asked.name
        step = self.trainer.step_number
        place = "there" if self._saved == (self.trainer.course, step) else "its last checkpoint"
        raise Interrupted(f"stopped by {name} at step {step}; started again, it goes on from {place}")

    # Troubles

    def _go_back(self, trouble: Trouble) -> None:
        """Go on from the last checkpoint with other draws and a remedy; or the one before, if it failed again and no later."""
        settings, course = self.settings, self.trainer.course + 1
        factors = remedy(trouble, settings, self.trainer.learning_rate_factor, self.trainer.gamma_factor)
        if course > settings.roll_backs:
            raise TrainingError(self._advice(trouble))
        rows = self.curve.roll_backs()
        failed = max(self.failed, trouble.step)
        if not self._take_over(older=trouble.step <= self.failed):
            del self.trainer  # a GPU may not hold two
            self.trainer = self._make()
            self.curve, self.guard, self.looked = Curve(), Guard(settings), 0
            if self._looks is not None:
                self._looks.forget()
        self.failed = failed
        self.trainer.set_course(course, *factors)
        rate, gamma = self.trainer.learning_rate, settings.r1_gamma * self.trainer.gamma_factor
        self.curve.keep(rows)
        self.curve.add(
            (trouble.step + 1) * settings.batch, trouble.step + 1, roll_back=course, learning_rate=rate, r1_gamma=gamma
        )
        self._save()
        if self._status is not None:
            self._status.start(self.trainer.images, self.trainer.step_number)
            logger.warning(
                "step %d: %s. Going back to step %d, on with learning rate %g and R1 gamma %g (roll-back %d of %d)",
                *(
                    trouble.step + 1,
                    trouble.sentence,
                    self.trainer.step_number,
                    rate,
                    gamma,
                    course,
                    settings.roll_backs,
                ),
            )

    def _advice(self, trouble: Trouble) -> str:
        trainer, settings = self.trainer, self.settings
        tried = (
            f" It went back {trainer.course} time(s) before (training.roll_backs), in vain." if trainer.course else ""
        )
        return (
            f"training stopped at step {trouble.step + 1} ({trouble.step * settings.batch} images): {trouble.sentence}.{tried} "
            f"Lower training.learning_rate (now {settings.learning_rate:g}) or raise training.r1_gamma (now "
            f"{settings.r1_gamma:g}), and run again"
        )
