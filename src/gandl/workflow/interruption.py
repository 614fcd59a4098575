"""Interruption: work that must stop (SIGTERM, SIGUSR1: time limits, pre-emption) ends in order, with its results saved.

Takes only signals; makes a flag that a loop checks between steps, or, where nothing would be lost, an
exception at once.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
EXIT_CODE = 75
"""EX_TEMPFAIL of sysexits.h: not done, and worth starting again."""


class Interrupted(BaseException):
    """Work was stopped by a signal and saved; the message says by which, and where to resume. No error, so no `Exception`."""


class Interruption:
    """Listens for the signals in its block, and restores the handlers afterwards.

    Outside the main thread Python can listen for no signal: the block then does nothing.

    Attributes
    ----------
    received : the signal received, if any.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._at_once = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._hear) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._at_once = False
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """A signal leaves this block at once: for long work that changes nothing and is done again.

        Raises
        ------
        Interrupted : a signal came, in the block or before it; once only, so that a second one does not disturb the clean-up.
        """
        self._at_once = True
        try:
            if self.received is not None:
                raise Interrupted(self._sentence())
            yield
        finally:
            self._at_once = False

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self.received = signal.Signals(number)
        if self._at_once:
            self._at_once = False
            raise Interrupted(self._sentence())

    def _sentence(self) -> str:
        name = "a signal" if self.received is None else self.received.name
        return f"stopped by {name}; run again to resume from its last checkpoint"
