"""Status of a training: takes the training curve at every tick, makes one line of text and, by setting, a row of a live CSV.

The line gives progress, speed (since the last tick of this process), its share of the device's peak, memory, time left, and the
last measurements.
"""

from __future__ import annotations

import csv
import io
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import torch
from rich.text import Text

from gandl.config import RecipeSettings
from gandl.models.compute.device import peak_flops, peak_memory
from gandl.models.compute.ranks import Ranks
from gandl.models.looks.curve import ROLL_BACK, Row
from gandl.models.objectives.objective import COURSE_NUMBERS, Objective
from gandl.workflow.files import atomic
from gandl.workflow.progress import Progress, duration

OF_LOOKS = {"quality": "quality", "probe_z_prime": "probe Z′"}
"""Metrics of looks that the line shows behind the objective's own, and what they are called there."""
OF_MACHINE = ("images_per_second", "share_of_peak", "memory_bytes", "peak_memory_bytes", "seconds_left")
LAST = ("quality", "quality_floor", "probe_z_prime", ROLL_BACK, *COURSE_NUMBERS)


def columns_of(objective: type[Objective]) -> tuple[str, ...]:
    """Columns of the live CSV: when (UTC), how far, what the machine does, and every metric as it was last measured."""
    return ("time", "images", "step", *OF_MACHINE, *objective.metrics, *LAST)


TICKS = 8
"""Ticks from which the time left is estimated: a single one may include an evaluation, or a checkpoint."""
GIB = 2**30

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Machine:
    """What a training runs on.

    Attributes
    ----------
    work : floating-point operations per image.
    peak : floating-point operations per second of all devices together; 0 where unknown.
    memory : bytes that this process holds now, and most that it held.
    """

    work: float = 0.0
    peak: float = 0.0
    memory: Callable[[], tuple[int, int]] | None = None


def machine_of(
    objective: type[Objective], settings: RecipeSettings, channels: int, device: torch.device, ranks: Ranks
) -> Machine:
    """Measure what a training of these settings runs on (a fraction of a second); every rank has a device like this one."""
    peak = peak_flops(device, settings.engine.precision) * ranks.size
    return Machine(objective.work(settings, channels), peak, lambda: (_memory_in_use(device), peak_memory(device)))


class Status:
    """Reports the progress of a training; use it as a context manager.

    Parameters
    ----------
    objective, settings : of the training.
    images, step : where this process begins.
    live : CSV to append to at every tick (`training.live_csv`); None: none.
    """

    def __init__(
        self,
        objective: type[Objective],
        settings: RecipeSettings,
        images: int = 0,
        step: int = 0,
        *,
        machine: Machine | None = None,
        live: Path | None = None,
    ) -> None:
        self._total, self._machine = settings.images, machine or Machine()
        self._progress = Progress("training", settings.images, "images", done=images)
        self._shown = {**objective.shown, **OF_LOOKS}
        self._live = LiveCsv(live, columns_of(objective)) if live is not None else None
        self._ticks: deque[tuple[float, int]] = deque(maxlen=TICKS + 1)
        self.start(images, step)

    def __enter__(self) -> Status:
        self._progress.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.__exit__(kind, error, trace)

    def start(self, images: int, step: int) -> None:
        """Training begins or continues here, after a resume or a roll-back: reports of later steps no longer count."""
        self._ticks.clear()
        self._end_tick(images)
        if self._live is not None:
            self._live.cut(step)

    def speed(self, images: int) -> float:
        """Images per second since the last tick, looks left out: what steps take."""
        then, before = self._ticks[-1]
        return (images - before) / max(time.monotonic() - then - self._looking, 1e-9)

    def report(self, images: int, step: int, curve: Iterable[Row]) -> None:
        """End a tick: a status line, and a row of the live CSV.

        Parameters
        ----------
        curve : rows of the training curve so far; the last value of each metric is reported.
        """
        speed, metrics = self.speed(images), latest(curve)
        self._end_tick(images)
        numbers = {"images_per_second": speed, "seconds_left": self._seconds_left(images)}
        if self._machine.peak:
            numbers["share_of_peak"] = speed * self._machine.work / self._machine.peak
        if self._machine.memory is not None:
            numbers["memory_bytes"], numbers["peak_memory_bytes"] = self._machine.memory()
        self._progress.show(images, self._line(images, numbers, metrics))
        if self._live is not None:
            self._live.append({**metrics, **numbers, "images": images, "step": step})

    def _end_tick(self, images: int) -> None:
        self._ticks.append((time.monotonic(), images))
        self._looking = 0.0

    def looked(self, images: int, values: Mapping[str, float], seconds: float = 0.0) -> None:
        """Report what an evaluation found, which took so many seconds."""
        self._looking += seconds
        text = " · ".join(
            f"{self._shown.get(name, name.replace('_', ' '))} {value:.3g}" for name, value in values.items()
        )
        logger.info("after %s images: %s", f"{images:,}", text)

    def _seconds_left(self, images: int) -> float:
        (then, before), (now, here) = self._ticks[0], self._ticks[-1]
        return max(self._total - images, 0) * (now - then) / (here - before) if here > before else math.nan

    def _line(self, images: int, numbers: Mapping[str, float], metrics: Mapping[str, float]) -> Text:
        parts = [
            Text.assemble(("training", "bold"), f": {images:,} of {self._total:,} images"),
            Text(f"{numbers['images_per_second']:.1f} images/s"),
        ]
        if "share_of_peak" in numbers:
            parts.append(Text(f"{100 * numbers['share_of_peak']:.0f} % of the device's peak"))
        if "memory_bytes" in numbers:
            now, most = numbers["memory_bytes"] / GIB, numbers["peak_memory_bytes"] / GIB
            parts.append(Text(f"{now:.1f} GiB (peak {most:.1f})"))
        parts.append(Text(f"{duration(numbers['seconds_left'])} left"))
        parts += [Text(f"{word} {metrics[name]:.3g}") for name, word in self._shown.items() if name in metrics]
        if metrics.get(ROLL_BACK):
            count = round(metrics[ROLL_BACK])
            gone_on = ", ".join(f"{word} {metrics[name]:g}" for name, word in COURSE_NUMBERS.items() if name in metrics)
            parts.append(Text(f"{count} roll-back{'s' if count > 1 else ''} ({gone_on})", style="bold red"))
        return Text(" · ").join(parts)


class LiveCsv:
    """A CSV that grows while training runs. A file that cannot be written is reported once and never stops a training."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self._columns = tuple(columns)
        self.path = path
        self._broken = False

    def cut(self, step: int) -> None:
        """Keep the rows up to a step, where there are any: those behind it come again. A row truncated by a kill is removed,
        too."""
        kept = [row for row in self._rows() if row["step"].isdecimal() and int(row["step"]) <= step]
        with self._harmless(), atomic(self.path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, self._columns, restval="", extrasaction="ignore", lineterminator="\n")
            writer.writeheader()
            writer.writerows(kept)

    def append(self, values: Mapping[str, float]) -> None:
        """Add a row; a metric without a column is left out."""
        buffer = io.StringIO()
        now = datetime.now(UTC).isoformat(timespec="seconds")
        csv.DictWriter(buffer, self._columns, restval="", extrasaction="ignore", lineterminator="\n").writerow(
            {"time": now, **values}
        )
        with self._harmless(), self.path.open("a", encoding="utf-8", newline="") as file:
            file.write(buffer.getvalue())

    def _rows(self) -> list[dict[str, str]]:
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return []
        whole = text[: text.rfind("\n") + 1]
        rows = csv.DictReader(io.StringIO(whole, newline=""))
        return [row for row in rows if "step" in row and None not in row.values() and None not in row]

    @contextmanager
    def _harmless(self) -> Iterator[None]:
        """A disk error is reported the first time."""
        try:
            yield
        except OSError as error:
            if not self._broken:
                logger.warning(
                    "the live CSV %s cannot be written (%s); training continues without it", self.path, error
                )
            self._broken = True


def latest(curve: Iterable[Row]) -> dict[str, float]:
    """The last value of every metric."""
    return {metric: value for _, _, metric, value in curve}


def _memory_in_use(device: torch.device) -> int:
    """Bytes that this process holds: of the GPU's memory, or of main memory."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * resource.getpagesize()
    except (OSError, ImportError):  # not Linux: the peak is all that is known
        return peak_memory(device)
