"""Endings: how the processes of a training ended. Takes their reports out of a folder, raises the one error that they come to."""

from __future__ import annotations

import logging
import os
import signal
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NoReturn, Self

from pydantic import BaseModel

from gandl.workflow.interruption import Interrupted

REPORTS = "GANDL_REPORTS"
"""Environment variable: folder in which a rank reports to its launcher how it ended."""
logger = logging.getLogger(__name__)


class RankError(RuntimeError):
    """A process of a training ended with an error, given in the message."""


class Ending(StrEnum):
    """How a rank ended, if not well."""

    INTERRUPTED = "interrupted"
    MISTAKE = "mistake"
    DEFECT = "defect"


class Report(BaseModel):
    """A rank's report to its launcher: how and when it ended, its sentence, and for a defect its traceback."""

    ending: Ending
    time: float
    sentence: str
    trace: str = ""


def write_report(rank: int, ending: Ending, sentence: str, trace: str = "") -> bool:
    """Report to the launcher, if there is one; whether there is."""
    folder = os.environ.get(REPORTS)
    if folder is None:
        return False
    path = Path(folder) / f"{rank}.json"
    partial = path.with_suffix(".partial")
    report = Report(ending=ending, time=time.time(), sentence=sentence, trace=trace)
    partial.write_text(report.model_dump_json(), encoding="utf-8")
    partial.replace(path)
    return True


@dataclass(frozen=True)
class Reports:
    """What the ranks of a training reported.

    Attributes
    ----------
    by_rank : their reports, the first one to end first. size : how many ranks there are.
    """

    by_rank: dict[int, Report]
    size: int

    @classmethod
    def read(cls, folder: Path, size: int) -> Self:
        """Read what the ranks wrote into a folder."""
        paths = {number: folder / f"{number}.json" for number in range(size)}
        found = {
            number: Report.model_validate_json(path.read_text(encoding="utf-8"))
            for number, path in paths.items()
            if path.exists()
        }
        return cls(dict(sorted(found.items(), key=lambda item: item[1].time)), size)

    def raise_intended(self, received: signal.Signals | None) -> None:
        """Raise a mistake that a rank noticed, or else that it, or its launcher, was stopped by a signal.

        Raises
        ------
        RankError, Interrupted
        """
        for number, report in self.by_rank.items():
            if report.ending is Ending.MISTAKE:
                raise RankError(f"rank {number} of {self.size}: {report.sentence}")
        for report in self.by_rank.values():
            if report.ending is Ending.INTERRUPTED:
                raise Interrupted(report.sentence)
        if received is not None:
            raise Interrupted(f"stopped by {received.name}; run again to resume from its last checkpoint")

    def raise_defect(self) -> NoReturn:
        """Raise the first defect, with its traceback in the log.

        Raises
        ------
        RankError
        """
        number, report = next(iter(self.by_rank.items()))
        logger.error("%s", report.trace)
        raise RankError(f"rank {number} of {self.size}: {report.sentence}")
