"""Progress of long work: takes how far it is, reports it as one status line: live on a terminal, plain lines in a log."""

from __future__ import annotations

import logging
import sys
import time
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.text import Text

logger = logging.getLogger(__name__)


SECONDS_BETWEEN_LINES = 5.0
"""Lines of a log come no faster than this, but for the first and the last."""


class Progress:
    """Status of one piece of work; use it as a context manager.

    Parameters
    ----------
    title : what is done.
    total : how much there is of it, in `unit`s.
    done : how much was done before (a resumed training).
    """

    def __init__(self, title: str, total: int, unit: str, done: int = 0) -> None:
        self.title, self.total, self.unit = title, total, unit
        self._start, self._done_at_start = time.monotonic(), done
        self._reported = float("-inf")
        self._live = Live(console=Console(stderr=True), transient=True) if sys.stderr.isatty() else None
        self._terminals = [handler for handler in logging.getLogger("gandl").handlers if _is_terminal(handler)]

    def __enter__(self) -> Progress:
        if self._live is not None:
            self._live.start()
            for handler in self._terminals:  # a log file gets the lines; the terminal already has the live one
                handler.addFilter(_not_status)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            for handler in self._terminals:
                handler.removeFilter(_not_status)

    def speed(self, done: int) -> float:
        """Units per second since the start."""
        return (done - self._done_at_start) / max(time.monotonic() - self._start, 1e-9)

    def update(self, done: int, **values: float) -> None:
        """Report how far the work is, with its numbers."""
        self.show(done, self._line(done, values))

    def show(self, done: int, line: str | Text) -> None:
        """Report a line of the caller's; its styles are for a terminal."""
        text = Text(line) if isinstance(line, str) else line
        if self._live is not None:
            self._live.update(text)
        now = time.monotonic()
        if done >= self.total or now - self._reported >= SECONDS_BETWEEN_LINES:
            logger.info(text.plain, extra={"status": True})
            self._reported = now

    def _line(self, done: int, values: dict[str, float]) -> str:
        speed = self.speed(done)
        left = (self.total - done) / speed if speed > 0 else float("nan")
        parts = [
            f"{self.title}: {done:,} of {self.total:,} {self.unit}",
            f"{speed:.1f} {self.unit}/s",
            f"{duration(left)} left",
            *(f"{name.replace('_', ' ')} {value:.3g}" for name, value in values.items()),
        ]
        return " · ".join(parts)


def _is_terminal(handler: logging.Handler) -> bool:
    return isinstance(handler, logging.StreamHandler) and handler.stream.isatty()


def _not_status(record: logging.LogRecord) -> bool:
    return not getattr(record, "status", False)


def duration(seconds: float) -> str:
    """Seconds for people: 75 -> 1 min 15 s."""
    if seconds != seconds:
        return "unknown time"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
