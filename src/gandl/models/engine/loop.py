"""The loop of a training: takes an objective, makes all its steps; reports, evaluates, saves, rolls back and stops on the way.

Every rank runs the same loop and makes the same decisions, from numbers that are the same on all; one of them evaluates, writes
and reports.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress

from gandl.models.compute.ranks import ALONE, Ranks
from gandl.models.engine.checkpoint import Checkpoints
from gandl.models.engine.looks import Looks, look_images
from gandl.models.engine.resume import Resumable
from gandl.models.looks.status import Status
from gandl.models.objectives.objective import COURSE_NUMBERS, Objective, TrainingError
from gandl.models.objectives.troubles import Trouble, TroubleKind
from gandl.workflow.interruption import Interrupted, Interruption
from gandl.workflow.words import counted

STATUS_LINES = 100
"""Minimum number of status lines and points of the curve during training."""
STEPS_BETWEEN_DRAINS = 16
"""Steps between fetching numbers and answering signals on a GPU: fetching waits for the GPU."""

logger = logging.getLogger(__name__)


class Loop(Resumable):
    """Everything of one training that is running.

    Parameters
    ----------
    make : a new objective, as it is before its first step.
    kept : its checkpoints.
    stop : hears signals.
    looks : evaluates it at logarithmic intervals; None except on the rank that writes.
    new_status : makes the status report, from this number of images and steps on; None except on the rank that writes.
    """

    def __init__(
        self,
        make: Callable[[], Objective],
        kept: Checkpoints,
        stop: Interruption,
        looks: Looks | None,
        new_status: Callable[[int, int], Status] | None,
        ranks: Ranks = ALONE,
    ) -> None:
        super().__init__(make, kept, looks, ranks)
        self._stop = stop
        self._new_status = new_status
        self._status: Status | None = None
        self.settings = self.objective.settings
        self._look_at = look_images(self.settings)
        self._tick = max(1, self.settings.images // STATUS_LINES)

    # The way of a training

    def run(self) -> None:
        """Resume from the last checkpoint until all images were shown.

        Raises
        ------
        TrainingError : it rolled back as often as it may, and failed again.
        Interrupted : a signal came; a checkpoint of this moment is written.
        """
        self.resume()
        if self._new_status is not None:
            self._status = self._new_status(self.objective.images, self.objective.step_number)
        with self._status or nullcontext():
            self._look_if_due()  # an evaluation that a signal interrupted is repeated
            while not self._ended:
                self.objective.step()
                if self._settles:
                    self._settle()
            self._stop_if_asked()

    def _settle(self) -> None:
        """Look back on the last steps: roll back if they failed, else do what is due."""
        trouble = self._trouble()
        if trouble is not None:
            self._go_back(trouble)
            return
        if self._ended or self._passed(self._tick):
            self._report_status()
        self._look_if_due()
        if self._keeps and (self.guard.calm or self._overdue):
            self.save()
        self._stop_if_asked()

    @property
    def _ended(self) -> bool:
        return self.objective.images >= self.settings.images

    @property
    def _keeps(self) -> bool:
        """Whether a checkpoint is due: since the last one, that many images were shown, or all."""
        every, (_, saved) = self.settings.checkpoint_images, self.saved
        return self._ended or self.objective.images // every > saved * self.settings.batch // every

    @property
    def _overdue(self) -> bool:
        """Whether a checkpoint must not wait for calmer numbers any longer: a kill would cost twice what was agreed."""
        _, saved = self.saved
        return self._ended or self.objective.images - saved * self.settings.batch >= 2 * self.settings.checkpoint_images

    @property
    def _settles(self) -> bool:
        """Whether the last step's numbers are wanted now."""
        on_cpu = self.objective.device.type == "cpu"
        at = on_cpu or self.objective.step_number % STEPS_BETWEEN_DRAINS == 0
        return at or self._keeps or self._looks_now or self._passed(self._tick)

    def _passed(self, every: int) -> bool:
        """Whether the last step reached or passed a multiple of `every` images."""
        images = self.objective.images
        return images // every > (images - self.settings.batch) // every

    # Numbers

    def _trouble(self) -> Trouble | None:
        """Note the numbers of the last steps; what is wrong with them, or with weights that are to be kept."""
        numbers = self.objective.drain()
        trouble = self.guard.judge(numbers)
        if trouble is None and (self._keeps or self._looks_now):
            weight = self.objective.not_finite()
            if weight is not None:
                sentence = f"the weight {weight} is not finite"
                trouble = Trouble(self.objective.step_number - 1, TroubleKind.NOT_FINITE, sentence)
        if trouble is None:
            for _, of_step in numbers:
                for metric, value in of_step.items():
                    self.curve.record(metric, value)
        return trouble

    def _report_status(self) -> None:
        """A point of the curve, and a status line."""
        images, step = self.objective.images, self.objective.step_number
        if self._status is not None:
            self.curve.record("images_per_second", self._status.speed(images))
        self.curve.end_tick(images, step)
        if self._status is not None:
            self._status.report(images, step, self.curve.rows)

    # Looks

    @property
    def _looks_now(self) -> bool:
        return any(self.looked < at <= self.objective.images for at in self._look_at)

    def _look_if_due(self) -> None:
        """Evaluate, unless a signal comes meanwhile: then the resumed training does it."""
        if not self._looks_now:
            return
        values: dict[str, float] = {}
        start = time.monotonic()
        if self._looks is not None:
            with suppress(Interrupted), self._stop.at_once():
                values = self._looks.measure(self.objective)
        if self._ranks.any(self._stop.received is not None):
            return
        self.looked = self.objective.images
        self.curve.add(self.objective.images, self.objective.step_number, **values)
        if self._looks is not None:
            self._looks.keep(self.objective, values)
        if self._status is not None and values:
            self._status.looked(self.objective.images, values, time.monotonic() - start)

    # Signals

    def _stop_if_asked(self) -> None:
        """End with everything kept, if a signal came to any rank."""
        if not self._ranks.any(self._stop.received is not None):
            return
        if self.objective.not_finite() is None:
            self.save()
        name = "a signal to another rank" if self._stop.received is None else self._stop.received.name
        step = self.objective.step_number
        place = "there" if self.saved == (self.objective.course, step) else "its last checkpoint"
        raise Interrupted(f"stopped by {name} at step {step}; run again to resume from {place}")

    # Troubles

    def _go_back(self, trouble: Trouble) -> None:
        """Resume from the last checkpoint with other draws and a remedy; or the one before, if it failed again and no later."""
        settings, course = self.settings, self.objective.course + 1
        factors = self.objective.remedy(trouble)
        if course > settings.roll_backs:
            raise TrainingError(self._advice(trouble))
        rows = self.curve.roll_backs()
        failed = max(self.failed, trouble.step)
        if not self.take_over(older=trouble.step <= self.failed):
            self.start_over()
        self.failed = failed
        self.objective.set_course(course, factors)
        changed = self.objective.course_numbers
        self.curve.keep(rows)
        self.curve.add((trouble.step + 1) * settings.batch, trouble.step + 1, roll_back=course, **changed)
        self.save()
        if self._status is not None:
            self._status.start(self.objective.images, self.objective.step_number)
            logger.warning(
                "step %d: %s. Rolling back to step %d, continuing with %s (roll-back %d of %d)",
                trouble.step + 1,
                trouble.sentence,
                self.objective.step_number,
                " and ".join(f"{COURSE_NUMBERS[name]} {value:g}" for name, value in changed.items()),
                course,
                settings.roll_backs,
            )

    def _advice(self, trouble: Trouble) -> str:
        course, settings = self.objective.course, self.settings
        tried = f" {counted(course, 'earlier roll-back')} (training.roll_backs) did not help." if course else ""
        return (
            f"training stopped at step {trouble.step + 1} ({trouble.step * settings.batch} images): {trouble.sentence}.{tried} "
            f"{self.objective.advice()}, and run again"
        )
