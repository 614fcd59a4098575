"""Retries: which answers of a server are worth another try, how long is waited before it, and when to give up.

By hand: retries of httpx and obstore count no progress and report nothing while they wait (docs/decisions.md).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import requests
import urllib3

TRANSIENT = (408, 425, 429, 500, 502, 503, 504)
"""Statuses after which another try may succeed."""
GONE = (401, 403, 404, 410)
"""Statuses of a file that is not there, or is not served."""

Result = TypeVar("Result")


class DownloadError(RuntimeError):
    """A file cannot be fetched; the message names its address, what is wrong, and what to do."""


class InterruptedTransferError(Exception):
    """A try ended early, but another one may succeed. `wait`: the seconds the server requests."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class MissingError(DownloadError):
    """The server has no such file, or does not serve it (401, 403, 404, 410). `said`: its answer, without the advice."""

    def __init__(self, url: str, said: str) -> None:
        super().__init__(
            f"{url} cannot be downloaded: {said}; check its address in resources/datasets.csv, or name a mirror"
        )
        self.said = said


@dataclass(frozen=True)
class Patience:
    """How often and how long to wait for a server.

    Parameters
    ----------
    tries : consecutive tries without new bytes before giving up; a try that brings bytes restarts the count.
    first, longest : seconds before the second try (doubled each time, with up to half of it added or taken), and at most.
    longest_requested : at most this many seconds are waited at the server's request (Retry-After).
    timeout : seconds to wait for a connection, and for the next bytes.
    """

    tries: int = 6
    first: float = 1.0
    longest: float = 60.0
    longest_requested: float = 300.0
    timeout: tuple[float, float] = (15.0, 60.0)

    def pause(self, failures: int, requested: float | None, jitter: float) -> float:
        """Seconds before the next try, after so many failures; `jitter` is a random number from [0, 1)."""
        own = min(self.longest, self.first * 2 ** (failures - 1)) * (0.5 + jitter)
        return own if requested is None else max(own, min(requested, self.longest_requested))


@dataclass(frozen=True)
class Retries:
    """When to try again: `patience` says how often and how long, `sleep` waits, `jitter` varies the pauses. Tests inject them."""

    patience: Patience = field(default_factory=Patience)
    sleep: Callable[[float], None] = time.sleep
    jitter: random.Random = field(default_factory=random.Random)

    def run(
        self,
        what: str,
        attempt: Callable[[], Result],
        brought: Callable[[], int],
        report: Callable[[str], None],
        *,
        done: str = "read",
        advice: Callable[[int], str] | None = None,
    ) -> Result:
        """The result of the first try that succeeds.

        Parameters
        ----------
        what : names it in messages. brought : bytes that are there so far; a try that brings some starts the count again.
        done, advice : what could not be done, and what to do, given the bytes brought: words of the last message.

        Raises
        ------
        DownloadError : too many tries in a row brought nothing.
        """
        failures, most = 0, brought()
        while True:
            try:
                return attempt()
            except InterruptedTransferError as error:
                there = brought()
                failures = 1 if there > most else failures + 1
                most = max(most, there)
                if failures >= self.patience.tries:
                    do = advice(there) if advice else "run again later, or name a mirror"
                    raise DownloadError(f"{what} could not be {done} in {failures} tries: {error}; {do}") from error
                pause = self.patience.pause(failures, error.wait, self.jitter.random())
                report(f"{what}: {error}; next try in {pause:.1f} s")
                self.sleep(pause)


def retry_after(response: requests.Response) -> float | None:
    """Seconds of a Retry-After header, given as such or as a date; None if there is none, or one that says neither."""
    try:
        return urllib3.Retry().get_retry_after(response.raw)
    except (urllib3.exceptions.InvalidHeader, ValueError):
        return None


def briefly(error: BaseException) -> str:
    """The innermost reason, without the addresses of objects that the libraries print."""
    while error.args and isinstance(error.args[-1], BaseException):
        error = error.args[-1]
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        return briefly(reason)
    text = str(error.args[0] if error.args else error)
    return text.split(">: ")[-1] or type(error).__name__
